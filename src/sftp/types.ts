import type { Throttle } from './throttle.js';

/** What the callers of this folder give and get; the rest of the folder is its own business. */

/** A server that is logged in to, and whom to trust there. */
export interface Endpoint {
  host: string;
  port: number;
  username: string;
  /** Pins, `SHA256:…` or `ssh-ed25519 SHA256:…`. When there are any, `knownHostsFile` can only revoke them. */
  hostKeys: string[];
  /** For hints only: where those pins stand, as `file:line`. */
  hostKeysAt?: string;
  knownHostsFile?: string;
  /** For each stage of a connection: SSH handshake, each answer of the login, opening SFTP; a third of it for TCP. */
  connectTimeoutMs: number;
  /** For hints only: the arrangement that the user would type. */
  arrangement?: string;
  /** For messages only: it is the server between, which the escrow agent need not know of. */
  jumpHost?: true;
}

export interface RemoteSpec extends Endpoint {
  /** The server through which it is reached, where it is not reached directly. */
  proxyJump?: Endpoint | undefined;
  /** Where suitcases go; `''` or `.` is the directory in which the server puts us. */
  directory: string;
  publish: 'rename' | 'direct';
  /** SFTP channels for one upload: a fixed number (1 to 8), or as many as help. */
  lanes: 'auto' | number;
  /** Writes in flight per lane. */
  window: number;
  /** How long passing failures are retried, counted anew after progress. */
  retryForMs: number;
  /** The same for the first connection; `retryForMs` when left out. */
  connectForMs?: number;
  /** How long the server may let us connect and bring nothing forward; `retryForMs` when left out. */
  quietForMs?: number;
  /** No acknowledgement for this long is a lost connection (30 s). */
  stallMs?: number;
  /** The server that `doctor --write-test` saw take parallel, out-of-order writes right, as it identified itself. */
  laneSafe?: { server: string; hostKey: string } | undefined;
  /** The server that it saw take them wrong, or take one channel only, whatever it identifies itself as. */
  oneLane?: { server: string; hostKey: string; because: 'unsafe' | 'one channel' } | undefined;
  /** What keeps the writes to this server below a number of bytes per second; shared by all that write there. */
  throttle?: Throttle | undefined;
}

export type PrivateKeyName = 'remote.privateKey' | 'remote.proxyJump.privateKey';

export interface Login {
  /** Asked once, when the server wants it, and kept for reconnects. Also answers keyboard-interactive. */
  password?: () => Promise<string>;
  /** For messages, once it was asked: where it came from, and what to do when it is wrong (starts with a verb). */
  passwordFrom?: () => { place: string; remedy: string } | undefined;
  /** OpenSSH, PEM, PKCS #8 or PuTTY format. With `sshAgent` also a public key, which chooses one of the agent's. */
  privateKey?: Uint8Array;
  /** Its path, for messages. */
  privateKeyFile?: string;
  /** For hints: the key of depot.yaml that names it, or would. */
  privateKeyName?: PrivateKeyName;
  passphrase?: () => Promise<string | undefined>;
  sshAgent?: SshAgent;
  /** The login of `proxyJump`. */
  proxyJump?: Login;
}

/** Where an ssh-agent is: the path of its socket or pipe, `pageant`, or `true` for the one that the environment names. */
export interface SshAgent {
  place: true | string;
  env: NodeJS.ProcessEnv;
  /** How long it has for a signature (110 s). */
  patienceMs?: number;
}

/** There is no connection, and it is tried again. */
export interface Waiting {
  /** `host:port`, for people. */
  address: string;
  /** Follows the address: "refused the connection". */
  why: string;
  /** There was one before. */
  isLost: boolean;
  /** When it was lost, or the first attempt began. */
  since: Date;
  until: Date;
}

export interface TransportHooks {
  /** Its reason is thrown, so it should be a DepotError. */
  signal: AbortSignal;
  warn(message: string): void;
  /** For whoever watches; null once there is a connection again. */
  waiting?(waiting: Waiting | null): void;
  progress?(p: { acknowledged: number }): void;
  /** What the end of an upload waits for. */
  doing?(what: 'flush' | 'close' | 'rename'): void;
}

/** For run records. */
export interface TransportStats {
  /** Connection attempts, the successful ones included. */
  attempts: number;
  reconnects: number;
  /** The most lanes that an upload used at one time. */
  lanes: number;
  /** Bytes whose writes the server answered with OK. */
  acknowledged: number;
}

/** What the server shows at a name; `unreadable` when the server does not say. */
export type FileStat = { size: number } | null | 'unreadable';

export interface Transfer {
  /** `unconfirmed`: the answer to the close or the rename was lost, and a look did not settle it; or a look contradicts it. */
  status: 'acknowledged' | 'unconfirmed';
  /** What the look at the published name showed; `unreadable` is the rule in SecureStorage. */
  remoteSize: 'matched' | 'unreadable';
  durability: 'fsynced' | 'size-checked' | 'acknowledged-only';
  remoteName: string;
  /** With `unconfirmed`: what happened, and what could be done about it. */
  reason?: string;
  hint?: string;
}

/** What became of a file that is given up. */
export interface Abandoned {
  /** The server answered that nothing lies under its name. */
  removed: boolean;
  /** It was not there any more when it was to be removed: somebody took it, or it has its name. */
  absent?: boolean;
  /** It may yet get its name, truncated: the server has not noticed, or has not said, that the connection was lost. */
  mayAppear: boolean;
}

export interface UploadOptions {
  /** Ignored with `publish: direct`, where the final name is written from the start. */
  partialName: string;
  finalName: string;
  /** Goes on with a partial of an earlier run, from this offset. */
  resumeFrom?: number;
  /** What is sent lies in a file: a failure leaves the partial for another run, until `abandon` is called. */
  keep?: boolean;
  /** What became of the file, when it was given up before it took a block. */
  abandoned?: (abandoned: Abandoned) => void;
}

/** Where an upload could go on in another process; `by` says what that rests on. */
export interface Checkpoint {
  offset: number;
  by: 'fsync' | 'fstat';
}
