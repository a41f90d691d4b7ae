import { oneFile, packageUrl } from '../../installation.js';
import { yamlString } from '../key/add.js';
import { type SourceAnswer, sourceYaml } from './source-answer.js';
import { parseJump } from '../../config/remote.js';

export interface ConfigAnswers {
  supplier: string;
  arrangement: string;
  beneficiary: { name: string; key: string; fingerprint: string };
  /** Relative to depot.yaml. */
  signingKey: string;
  state: string;
  passphraseFile: string | undefined;
  sources: SourceAnswer[];
  remote: {
    host: string;
    port: number;
    /** Empty where ssh's configuration says it. */
    username: string;
    directory: string;
    hostKeys: string[];
    privateKey: string | null;
    passwordFile: string | undefined;
    privateKeyPassphraseFile: string | undefined;
    sshAgent?: string | true | undefined;
    sshConfig?: string | true | undefined;
    proxyJump?: string | undefined;
    proxyJumpHostKeys?: string[] | undefined;
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
# notify: { command: [/usr/local/bin/alert], on: [failure, stale, killed, shrink] }

remote:                        # the agent's SecureStorage; the VPN is set up outside depot
  host: ${yamlString(remote.host)}${sshConfig(remote)}
  ${remote.port === 22 ? '# port: 22' : `port: ${remote.port}`}
  ${remote.username === '' ? '# username: …' : `username: ${yamlString(remote.username)}`}${login(remote)}
  directory: ${yamlString(remote.directory)}
${remote.hostKeys.length === 0 ? '  # hostKey: ["ssh-ed25519 SHA256:…"]   # or: depot trust' : `  hostKey: ${JSON.stringify(remote.hostKeys)}`}
${jump(remote)}  # publish: rename            # direct, for a server that forbids renaming
  # retryFor: 30m

arrangements:
  ${a.arrangement}:
    every: ${a.every}                 # depot status calls it stale after 1.25 times this
    beneficiaries:
      - name: ${yamlString(a.beneficiary.name)}
        key: ${yamlString(a.beneficiary.key)}
        fingerprint: "${a.beneficiary.fingerprint}"
    dataset:
${a.sources
  .flatMap(sourceYaml)
  .map((line) => `      ${line}`)
  .join('\n')}
${a.sources.some((source) => !('path' in source)) ? '' : '      # - postgresql: crm                 # or mariadb, mysql, sqlite, sqlserver: docs/operations.md, "Databases"\n'}      # - { command: [/usr/local/bin/export], as: export.ndjson, timeout: 4h }
    # specification: SPECIFICATION.md   # goes inside the suitcase only
    # minSize: 500MiB                   # smaller than this is a failure
    # incremental: { agentKeeps: 90d }  # only what changed; agree on it first: docs/operations.md, "Only what changed"
`;
}

/** What the agent gave to log in with; a password stands nowhere here. */
function login(remote: ConfigAnswers['remote']): string {
  const file = (key: string, path: string | null | undefined): string =>
    path === undefined || path === null ? '' : `\n  ${key}: ${yamlString(path)}`;
  const agent = remote.sshAgent === true ? '\n  sshAgent: true' : file('sshAgent', remote.sshAgent);
  const named =
    agent +
    file('privateKey', remote.privateKey) +
    file('privateKeyPassphraseFile', remote.privateKeyPassphraseFile) +
    file('passwordFile', remote.passwordFile);
  return named === ''
    ? '       # the password is kept by: depot login\n  # privateKey: ~/.ssh/id      # instead of a password'
    : named;
}

function sshConfig({ sshConfig }: ConfigAnswers['remote']): string {
  if (sshConfig === undefined) return '';
  return `\n  sshConfig: ${sshConfig === true ? 'true' : yamlString(sshConfig)}       # an alias of ssh's configuration`;
}

function jump({ proxyJump, proxyJumpHostKeys = [] }: ConfigAnswers['remote']): string {
  const parsed = proxyJump === undefined ? undefined : parseJump(proxyJump);
  if (typeof parsed !== 'object') return '';
  const { host, port, username } = parsed;
  const keys = proxyJumpHostKeys.length === 0 ? '' : `, hostKey: ${JSON.stringify(proxyJumpHostKeys)}`;
  const user = username === undefined ? '' : `, username: ${JSON.stringify(username)}`;
  return `  proxyJump: { host: ${JSON.stringify(host)}, port: ${port}${user}${keys} }\n`;
}
