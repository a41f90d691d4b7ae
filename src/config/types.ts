/** What `loadConfig` gives: every path absolute, every default applied, nothing left to look up. */

import type { SourceSpec } from '../source.js';

/** Where the config says that a secret is: at most one of the two. */
export interface SecretRefs {
  /** Absolute path of a file that holds it. */
  file?: string;
  /** A command, without a shell, whose output it is; runs in the config's directory. */
  command?: string[];
}

export interface Beneficiary {
  name: string;
  /** Absolute path of the public key. */
  key: string;
  /** Upper-case hex, 40 or 64 digits. */
  fingerprint: string;
  /** `supplier`: what this key proves is the supplier's own word. */
  keyMadeBy: 'beneficiary' | 'supplier';
}

export type Publish = 'rename' | 'direct';
export type Compression = 'auto' | 'zstd' | 'gzip' | 'none';
export type EncryptionWish = 'auto' | 'modern' | 'compat';
/** `failure` is about a push that was killed too. */
export type NotifyEvent = 'success' | 'failure' | 'killed' | 'stale' | 'shrink';

/** What a dataset means that has fewer entries or bytes than this part (0 to 1) of those of the last deposit. */
export interface Shrink {
  below: number;
  then: 'warn' | 'fail' | 'off';
}

export interface RemoteSettings {
  host: string;
  port: number;
  /** Undefined when `depot login` is to supply it. */
  username?: string;
  /** On the server, without a slash at its end (but `/` itself). */
  directory: string;
  /** Absolute path of an SSH private key. */
  privateKey?: string;
  /** `SHA256:…` or `<key type> SHA256:…`; empty when `known_hosts` decides. */
  hostKeys: string[];
  /** Where `hostKey:` stands, as `file:line`, when it does. */
  hostKeysAt?: string;
  /** OpenSSH format, written by `depot trust`; need not exist. */
  knownHostsFile: string;
  publish: Publish;
  sidecars: boolean;
  lanes: 'auto' | number;
  window: number;
  /** Undefined when the config does not say: then 30 min, and 10 s on a terminal. */
  retryForMs?: number;
  connectTimeoutMs: number;
  password: SecretRefs;
  privateKeyPassphrase: SecretRefs;
}

export interface Arrangement {
  name: string;
  /** The file it is written in (an `include`d one, maybe), as `file:line` for messages and as a path. */
  definedAt: string;
  file: string;
  beneficiaries: Beneficiary[];
  /** Keys that must never again be sealed for; upper-case hex. */
  retiredKeys: string[];
  sources: SourceSpec[];
  remote: RemoteSettings;
  /** Absolute path of the supplier's own document, for inside the suitcase. */
  specification?: string;
  minBytes?: number;
  shrink: Shrink;
  compression: Compression;
  encryption: EncryptionWish;
  spool: boolean;
  everyMs?: number;
  /** 00:00 UTC of the day from which pushes are refused. */
  ended?: Date;
}

export interface Config {
  /** Absolute path of depot.yaml. */
  path: string;
  /** Its directory: commands run there; `known_hosts` and `secrets/` lie there. */
  directory: string;
  /** Every file that was read: depot.yaml first, then the included ones. */
  files: string[];
  /** Where the state is kept, and who said so (`--state`, `$DEPOT_STATE_DIR`, …). */
  state: { path: string; from: string };
  supplier: {
    name: string;
    signingKey: string;
    /** Public keys that signed earlier receipts. */
    formerSigningKeys: string[];
    passphrase: SecretRefs;
  };
  notify?: { command: string[]; on: NotifyEvent[] };
  arrangements: Map<string, Arrangement>;
  /** What is allowed but probably not meant; one line each. */
  warnings: string[];
}
