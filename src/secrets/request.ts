import type { Secret } from '../secret.js';

export type SecretKind = 'password' | 'privateKeyPassphrase' | 'signingKeyPassphrase';

/** Whom a server knows us as. */
export interface Account {
  username: string;
  host: string;
  port: number;
}

/** The operating system's keychain, through one of two native modules; service `depot`. */
export interface Keychain {
  readonly name: string;
  /** Null when it has no such account. Rejects when the keychain does not work here. */
  get(account: string): Promise<Secret | null>;
  set(account: string, secret: Secret): Promise<void>;
  /** False when there was nothing to delete. */
  delete(account: string): Promise<boolean>;
}

/** What is looked for, and all that the sources may need to find it. */
export interface SecretRequest {
  kind: SecretKind;
  /** What the config says about it: at most one of the two. */
  refs: { file?: string | undefined; command?: readonly string[] | undefined };
  env: NodeJS.ProcessEnv;
  /** Where depot.yaml lies: commands run there, and `secrets/` is there. */
  configDirectory: string;
  /** Needed for the password and the passphrase of the SSH key. */
  account?: Account | undefined;
  /** Absolute path of the key that a passphrase opens; shown in questions, and tells signing keys apart in a keychain. */
  key?: string | undefined;
  needed: Needed;
  /** For the line to type when what is stored cannot be told to be this account's. */
  arrangement?: string | undefined;
  /** Only where someone sits at a terminal. An empty answer means: I have none. */
  prompt?: ((question: string) => Promise<string>) | undefined;
  /** Instead of those of this machine, for tests; an empty list for none. */
  keychains?: readonly Keychain[] | undefined;
  signal?: AbortSignal | undefined;
  /** Told about sources that are there but did not answer. */
  note?: ((message: string, hint?: string) => void) | undefined;
}

/** How many secrets of the kind there are. One that names no account is used only where there is one account. */
export interface Needed {
  /** In this run: for what the run is given (environment, the unit's credential). */
  run: number;
  /** In the configuration, at the server of `account`: for what is stored under the server's name alone. */
  server: number;
}

export interface FoundSecret {
  value: Secret;
  /** For people: `environment DEPOT_PASSWORD`, `file /etc/depot/secrets/10.20.0.5.password`, … */
  from: string;
}

/** A source without its value: for `doctor`. */
export interface SourceDescription {
  source: 'environment' | 'config' | 'file' | 'systemd' | 'keychain' | 'prompt';
  /** For people; where it is or would be. */
  where: string;
  /** `unknown` where only asking for the value would tell. */
  present: boolean | 'unknown';
  /** Why it cannot be used although it is there. */
  problem?: string;
  /** It is passed by: it names no user, and there are several that it may be of. */
  ambiguous?: true;
  /** Which account, and which kind of run, can read it. */
  readableBy: string;
}

/** One place where a secret may be. */
export interface SecretSource {
  /** Null when the secret is not there; throws a DepotError when it is there and cannot be used. */
  find(request: SecretRequest): Promise<FoundSecret | null>;
  /** Never reads the value. */
  describe(request: SecretRequest): Promise<SourceDescription[]>;
}

/** What people call it. */
export const secretName: Record<SecretKind, string> = {
  password: 'password',
  privateKeyPassphrase: 'passphrase of the SSH key',
  signingKeyPassphrase: 'passphrase of the signing key',
};

/** The part of file names and credential names that stands for the kind. */
export const secretSlug: Record<SecretKind, string> = {
  password: 'password',
  privateKeyPassphrase: 'private-key-passphrase',
  signingKeyPassphrase: 'signing-key-passphrase',
};

/** A server in the name of a file or of a systemd credential: `10.20.0.5`, `sftp.example.org_2222`, `fe80=3A=3A1`. No two servers share one. */
export function serverLabel(host: string, port: number): string {
  // A host that ends as if a port came last must not be taken for that port of another host.
  return `${plain(host.toLowerCase()).replace(/_(?=\d+$)/, '=5F')}${port === 22 ? '' : `_${port}`}`;
}

/** Fit for file names and unit files: other characters become `=` and hex bytes, so that no two texts are alike. */
export function plain(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]|^\./gu, (character) =>
    Array.from(Buffer.from(character), (byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );
}

/** `acme@10.20.0.5`: an account in the name of a file or of a systemd credential. No two accounts share one. */
export function accountLabel({ username, host, port }: Account): string {
  return `${plain(username)}@${serverLabel(host, port)}`;
}

/** Why what is stored under the server's name alone is passed by; null where there is one account that it can be of. */
export function ambiguity({
  kind,
  account,
  needed,
}: Pick<SecretRequest, 'kind' | 'account' | 'needed'>): string | null {
  if (needed.server <= 1 || account === undefined) return null;
  return `names no user, and depot.yaml has ${needed.server} ${kind === 'password' ? 'accounts' : 'SSH keys'} at ${account.host}:${account.port}`;
}

/** The account under which the keychain (service `depot`) has it. */
export function keychainAccount(request: Pick<SecretRequest, 'kind' | 'account' | 'key'>): string | null {
  if (request.kind === 'signingKeyPassphrase') return request.key === undefined ? null : `signing key ${request.key}`;
  if (request.account === undefined) return null;
  const { username, host, port } = request.account;
  const account = `${username}@${host}:${port}`;
  return request.kind === 'password' ? account : `${account} private key`;
}
