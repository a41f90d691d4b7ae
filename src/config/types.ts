/**
 * What `loadConfig` gives: every path absolute, every default applied, nothing left to look up. Keys are called as in the
 * file, and their types come from its declaration; durations are milliseconds, sizes bytes.
 */
import type { arrangement, beneficiary } from './arrangement.js';
import type { Values } from './mapping.js';
import type { ping } from './ping.js';
import type { remote } from './remote.js';
import type { notify, supplier } from './schema.js';

/** Where the config says that a secret is: at most one of the two. */
export interface SecretRefs {
  /** Absolute path of a file that holds it. */
  file?: string;
  /** A command, without a shell, whose output it is; runs in the config's directory. */
  command?: string[];
}

export type Beneficiary = Values<typeof beneficiary.keys>;
export type NotifyEvent = Values<typeof notify.keys>['on'][number];
type ArrangementKeys = Values<typeof arrangement.keys>;
/** What a dataset means that has fewer entries or bytes than this part (0 to 1) of those of the last deposit. */
export type Shrink = ArrangementKeys['shrink'];

type Secret = 'password' | 'privateKeyPassphrase';
export interface RemoteSettings
  extends Omit<Values<typeof remote.keys>, `${Secret}File` | `${Secret}Command` | 'hostKey'> {
  /** `SHA256:…` or `<key type> SHA256:…`; empty when `known_hosts` decides. */
  hostKey: string[];
  /** Where `hostKey:` stands, as `file:line`, when it does. */
  hostKeyAt?: string;
  /** Where others stand, as `file:line`: keys that ssh's configuration names, and the pin of the server between. */
  at?: { privateKey?: string; jumpKey?: string; jumpHostKey?: string };
  /** What `host:` was before ssh's configuration was asked, where it was. */
  sshAlias?: string;
  /** What ssh's configuration says of it, as it would stand there (`Port 2222`), and depot.yaml otherwise. */
  sshOverridden?: string[];
  /** OpenSSH format, written by `depot trust`; need not exist. */
  knownHostsFile: string;
  password: SecretRefs;
  privateKeyPassphrase: SecretRefs;
}

export interface Arrangement extends Omit<ArrangementKeys, 'remote' | 'retiredKeys'> {
  name: string;
  /** The file it is written in (an `include`d one, maybe), as `file:line` for messages and as a path. */
  definedAt: string;
  file: string;
  /** Keys that must never again be sealed for; upper-case hex. */
  retiredKeys: string[];
  remote: RemoteSettings;
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
  supplier: Pick<Values<typeof supplier.keys>, 'name' | 'signingKey'> & {
    /** Public keys that signed earlier receipts. */
    formerSigningKeys: string[];
    passphrase: SecretRefs;
  };
  notify?: Values<typeof notify.keys>;
  ping?: Values<typeof ping.keys>;
  arrangements: Map<string, Arrangement>;
  /** What is allowed but probably not meant; one line each. */
  warnings: string[];
}
