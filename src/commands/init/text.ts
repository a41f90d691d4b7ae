import { oneFile, packageUrl } from '../../installation.js';
import { yamlString } from '../key/add.js';

export interface ConfigAnswers {
  supplier: string;
  arrangement: string;
  beneficiary: { name: string; key: string; fingerprint: string };
  /** Relative to depot.yaml. */
  signingKey: string;
  state: string;
  passphraseFile: string | undefined;
  sources: { path: string; kind: 'directory' | 'file' }[];
  remote: {
    host: string;
    port: number;
    username: string;
    directory: string;
    hostKeys: string[];
    privateKey: string | null;
    passwordFile: string | undefined;
    privateKeyPassphraseFile: string | undefined;
  };
  every: string;
}

/** Beside depot.yaml, where depot is one file. */
export const schemaFile = 'depot.schema.json';

/** The schema in this installation: editors with a YAML language server check and complete by it. */
export const schemaAddress = oneFile ? schemaFile : packageUrl('schemas/depot.schema.json').href;

/** A depot.yaml with comments that say what else can be set; relative paths are relative to the file. */
export function configText(a: ConfigAnswers): string {
  const { remote } = a;
  return `# yaml-language-server: $schema=${schemaAddress}
# depot: what is deposited, for whom, and where. The schema named above describes every key.
version: 1

supplier:
  name: ${yamlString(a.supplier)}
  signingKey: ${yamlString(a.signingKey)}      # signs the receipts
${a.passphraseFile === undefined ? '  # signingKeyPassphraseFile: secrets/signing-key-passphrase' : `  signingKeyPassphraseFile: ${yamlString(a.passphraseFile)}`}

state: ${yamlString(a.state)}       # receipts, ledger, run records; keep it in your backups
# notify: { command: [/usr/local/bin/alert], on: [failure, stale] }

remote:                        # the agent's SecureStorage; the VPN is set up outside depot
  host: ${yamlString(remote.host)}
  ${remote.port === 22 ? '# port: 22' : `port: ${remote.port}`}
  username: ${yamlString(remote.username)}${login(remote)}
  directory: ${yamlString(remote.directory)}
${remote.hostKeys.length === 0 ? '  # hostKey: ["ssh-ed25519 SHA256:…"]   # or: depot trust' : `  hostKey: ${JSON.stringify(remote.hostKeys)}`}
  # publish: rename            # direct, for a server that forbids renaming
  # retryFor: 30m

arrangements:
  ${a.arrangement}:
    every: ${a.every}                 # depot status calls it stale after 1.25 times this
    beneficiaries:
      - name: ${yamlString(a.beneficiary.name)}
        key: ${yamlString(a.beneficiary.key)}
        fingerprint: "${a.beneficiary.fingerprint}"
    dataset:
${a.sources.map((s) => `      - { ${s.kind}: ${JSON.stringify(s.path)} }`).join('\n')}
      # - { command: [pg_dump, --format=custom, crm], as: crm.pgdump, timeout: 4h }
    # specification: SPECIFICATION.md   # goes inside the suitcase only
    # minSize: 500MiB                   # smaller than this is a failure
    # incremental: { agentKeeps: 90d }  # only what changed; agree on it first: docs/operations.md, "Only what changed"
`;
}

/** What the agent gave to log in with; a password stands nowhere here. */
function login(remote: ConfigAnswers['remote']): string {
  const file = (key: string, path: string | null | undefined): string =>
    path === undefined || path === null ? '' : `\n  ${key}: ${yamlString(path)}`;
  const named =
    file('privateKey', remote.privateKey) +
    file('privateKeyPassphraseFile', remote.privateKeyPassphraseFile) +
    file('passwordFile', remote.passwordFile);
  return named === ''
    ? '       # the password is kept by: depot login\n  # privateKey: ~/.ssh/id      # instead of a password'
    : named;
}
