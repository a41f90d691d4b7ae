/** Why no connection came about, in words: from what ssh2 says and from what the server sent before that. */
import type { Duplex } from 'node:stream';
import ssh2Constants from 'ssh2/lib/protocol/constants.js';
import { DepotError } from '../errors.js';
import { docsPage } from '../installation.js';
import { printable } from '../printable.js';
import { hostKeyTypes } from '../names/host-key.js';
import { ciphers, macs, signatureAlgorithms } from './algorithms.js';
import { shown } from './answers.js';
import { closedEarly, Unreachable } from './dial.js';
import { address, keeperOf } from './hostkeys.js';
import type { Endpoint } from './types.js';

type Place = Pick<Endpoint, 'host' | 'port' | 'jumpHost'>;

/** What ssh2 gives; `level` says which part of it failed, `code` may be a reason to disconnect (RFC 4253 section 11.1). */
export type Failure = Error & { level?: string; code?: unknown };

const keptBytes = 16 * 1024;

/** The first bytes that the server sends, which are not encrypted. ssh2 gets them too: the socket is paused until it listens. */
export class FirstBytes {
  #kept: Buffer = Buffer.alloc(0);
  readonly #stop: () => void;

  constructor(socket: Duplex) {
    const keep = (data: Buffer): void => {
      this.#kept = Buffer.concat([this.#kept, data]).subarray(0, keptBytes);
      if (this.#kept.length === keptBytes) this.stop();
    };
    this.#stop = () => socket.removeListener('data', keep);
    socket.pause();
    socket.on('data', keep);
  }

  stop(): void {
    this.#stop();
  }

  get bytes(): Buffer {
    return this.#kept;
  }
}

/** What the server offers (RFC 4253 section 7.1), in the order of the packet; null when its first packet is something else. */
function offerOf(bytes: Buffer): { kex: string[]; hostKey: string[]; cipher: string[]; mac: string[] } | null {
  const text = bytes.toString('latin1');
  const greeting = /(?:^|\n)SSH-[^\n]*\n/.exec(text);
  if (greeting === null) return null;
  const packet = bytes.subarray(greeting.index + greeting[0].length);
  if (packet.length < 22 || packet[5] !== 20) return null;
  const lists: string[][] = [];
  for (let at = 22; lists.length < 8; ) {
    if (at + 4 > packet.length) return null;
    const length = packet.readUInt32BE(at);
    if (at + 4 + length > packet.length) return null;
    lists.push(
      packet
        .toString('latin1', at + 4, at + 4 + length)
        .split(',')
        .filter((name) => name !== ''),
    );
    at += 4 + length;
  }
  const [kex = [], hostKey = [], cipher = [], , mac = []] = lists;
  return { kex, hostKey, cipher, mac };
}

const outdated = /sha1(?:-96)?(?:@.*)?$|-cbc(?:@.*)?$|^arcfour|^ssh-dss|^ssh-rsa$|md5|group1-|umac-64/;
const postQuantum = /^(?:mlkem|sntrup)\d+/;
/** Names that only say what a side knows about key exchange. */
const noAlgorithm = /^(?:ext-info-|kex-strict-)/;

/** ssh2 names what the two have no name of in common; null for another failure. */
export function nothingInCommon(failure: Failure): 'kex' | 'hostKey' | 'cipher' | 'mac' | null {
  const what = /no matching (.*)/i.exec(failure.message)?.[1];
  if (what === undefined) return null;
  return /key exchange/.test(what)
    ? 'kex'
    : /host key/.test(what)
      ? 'hostKey'
      : /cipher/i.test(what)
        ? 'cipher'
        : 'mac';
}

const words = { kex: 'key exchange algorithm', hostKey: 'host key algorithm', cipher: 'cipher', mac: 'MAC' } as const;

/** Both lists, and who of the two is the older one where that can be told. */
export function incompatible(place: Place, failure: Failure, bytes: Buffer): DepotError {
  const kind = nothingInCommon(failure) ?? 'mac';
  const offered = offerOf(bytes)?.[kind].filter((name) => !noAlgorithm.test(name)) ?? [];
  const list = (names: readonly string[]): string =>
    names.length === 0
      ? 'unknown'
      : names
          .map((name) => printable(name.slice(0, 64)))
          .slice(0, 20)
          .join(', ');
  const details = {
    published: 'no' as const,
    cause: new Unreachable('has no algorithm in common with depot', { reached: true, cause: failure }),
  };
  if (kind === 'hostKey' && offered.includes('ssh-rsa') && !offered.some((name) => name.startsWith('rsa-sha2-'))) {
    return new DepotError(
      'unreachable',
      `${address(place)} signs with its RSA key only using SHA-1 (ssh-rsa), which depot does not trust; it offers ${list(offered)}`,
      { ...details, hint: `ask ${keeperOf(place)} to enable rsa-sha2-512 for that key, or an ssh-ed25519 host key` },
    );
  }
  const old = offered.length > 0 && offered.every((name) => outdated.test(name));
  return new DepotError(
    'unreachable',
    `${address(place)} and depot have no ${words[kind]} in common; the server offers ${list(offered)}; depot takes ${list(ours(kind))}`,
    {
      ...details,
      hint: old
        ? `ask ${keeperOf(place)} to allow current SSH algorithms`
        : offered.length > 0 && offered.every((name) => postQuantum.test(name))
          ? `ask ${keeperOf(place)} to allow curve25519-sha256 beside these: depot has no post-quantum key exchange (${docsPage('ssh.md')})`
          : `show both lists to ${keeperOf(place)}, and check whether there is a newer version of depot`,
    },
  );
}

function ours(kind: 'kex' | 'hostKey' | 'cipher' | 'mac'): readonly string[] {
  switch (kind) {
    case 'kex':
      return ssh2Constants.DEFAULT_KEX.filter((name) => !noAlgorithm.test(name));
    case 'hostKey':
      return hostKeyTypes.flatMap(signatureAlgorithms);
    case 'cipher':
      return ciphers;
    case 'mac':
      return macs;
  }
}

export function askForLog(place: Place): string {
  return `ask ${keeperOf(place)} what ${place.jumpHost === true ? 'the' : 'its'} server's log says about it`;
}

/** The connection was made, and no SSH came of it. */
export function handshakeFailure(place: Place, failure: Failure, bytes: Buffer): Unreachable | DepotError {
  if (nothingInCommon(failure) !== null) return incompatible(place, failure, bytes);
  const final = (why: string, hint: string): DepotError =>
    new DepotError('unreachable', `${address(place)} ${why}`, {
      published: 'no',
      hint,
      cause: new Unreachable(why, { reached: true, cause: failure }),
    });
  const text = bytes.toString('latin1');
  const spoke = /(?:^|\n)SSH-(?:2\.0|1\.99)-/.test(text);
  const lost =
    failure.level === 'client-socket' || /lost before handshake|ECONNRESET|did not end/.test(failure.message);
  if (bytes.length === 0 && lost) return closedEarly(place, failure);
  if (spoke) {
    const why = lost
      ? 'closed the connection during the SSH handshake'
      : `broke off the SSH handshake (${printable(failure.message.slice(0, 200))})`;
    const hint = askForLog(place);
    return new Unreachable(why, { reached: true, cause: failure, hint, ...(!lost && { final: final(why, hint) }) });
  }
  const why = `does not speak SSH as expected${bytes.length === 0 ? ` (${printable(failure.message.slice(0, 100))})` : `: it sent ${shown(bytes)}`}`;
  return new Unreachable('does not speak SSH as expected', {
    reached: true,
    cause: failure,
    final: final(why, 'check host and port'),
  });
}

/** What came over the channel while SFTP was to begin. */
export interface ChannelWords {
  /** Where SFTP's first packet should have been. */
  out: Buffer;
  err: Buffer;
}

/** Let in, but SFTP did not begin: the server's own words first, and where it has none, what it usually is. */
export function openingFailure(
  place: Place & { username: string },
  failure: Failure,
  said: ChannelWords,
): Unreachable | DepotError {
  const who = `${printable(place.username)}@${address(place)}`;
  const cause = new Unreachable('accepted the login and then closed the connection', { reached: true, cause: failure });
  const refused = (message: string, hint: string): DepotError =>
    new DepotError('remote-refused', message, { published: 'no', hint, cause });
  const exit = /exit code (\d+)/.exec(failure.message)?.[1];
  const ended = exit === undefined ? '' : `, and exited with status ${exit}`;
  if (said.err.length > 0)
    return refused(
      `${who} logged in, but SFTP did not start: the server says ${shown(said.err, 300)}${ended}`,
      'show this to the agent',
    );
  // SFTP's first packet begins with its length, of which the first byte is 0.
  if (said.out.length >= 4 && said.out[0] !== 0) {
    return refused(
      `${who} logged in, but SFTP did not start: the server sent ${shown(said.out, 300)} instead${ended}`,
      "show this to the agent: either it is the reason, or a start-up file of the account's shell (like .bashrc) prints it and should not (internal-sftp uses no such file)",
    );
  }
  if (/subsystem|channel open failure/i.test(failure.message))
    return refused(
      `${who} logged in, but the server does not offer it SFTP (${printable(failure.message)})`,
      'ask the agent whether SFTP is allowed for this account',
    );
  if (exit !== undefined)
    return refused(
      `${who} logged in, but the server's SFTP program exited with status ${exit} before it started`,
      exit === '127'
        ? 'tell the agent that its server cannot find its SFTP program (127)'
        : "ask the agent what its server's log says about it",
    );
  const known =
    /Not connected|No response from server|Connection lost|unexpected SFTP session termination|ECONNRESET|socket/i.test(
      failure.message,
    );
  return new Unreachable('accepted the login and then closed the connection', {
    reached: true,
    cause: failure,
    final: refused(
      `${address(place)} accepts the login of ${printable(place.username)} and then closes the connection without saying why${known ? '' : ` (${printable(failure.message.slice(0, 200))})`}`,
      "ask the agent what its server's log says: usually the account or its password has expired, SFTP is not allowed for it, or its directory (chroot) belongs to the wrong account",
    ),
  });
}
