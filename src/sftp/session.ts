import type { Socket } from 'node:net';
import type { Client, SFTPWrapper } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { acceptableTypes, address, fingerprintOf, isTrusted, keyTypeOf, type Trust } from './hostkeys.js';
import { ciphers, macs, signatureAlgorithms, type HostKeyType } from './algorithms.js';
import { SftpChannel } from './channel.js';
import { dial, Unreachable } from './dial.js';
import { loginCommand, LoginAttempt, type Credentials } from './login.js';
import { gatherWrites, PacketMemory, usePacketMemory } from './packets.js';
import { duration } from './retry.js';
import { ConnectionLost } from './status.js';
import type { RemoteSpec } from './types.js';

/** One SSH connection, logged in, with one SFTP channel. */
export interface Session {
  /** `SSH-2.0-…`, as the server identified itself. */
  readonly server: string;
  readonly hostKey: { type: string; fingerprint: string };
  readonly channel: SftpChannel;
  /** Another SFTP channel; rejects when the server refuses it. */
  openChannel(): Promise<SftpChannel>;
  /** Octets handed to the socket that the kernel has not taken yet. */
  readonly unsent: number;
  /** It is gone, whoever ended it. */
  readonly closed: boolean;
  /** Ends the connection politely, within a second. */
  close(): Promise<void>;
  /** Ends it at once. */
  destroy(): void;
}

const keepalive = { intervalMs: 20_000, count: 6 };

/**
 * One attempt to connect and log in, within `spec.connectTimeoutMs`. Throws `Unreachable` for what may pass
 * and DepotError for what will not: `host-key-changed`, `login-refused`, `secret-missing`, …
 */
export async function openSession(spec: RemoteSpec, trust: Trust, credentials: Credentials, signal: AbortSignal): Promise<Session> {
  const refused: { type: string; fingerprint: string }[] = [];
  let types = acceptableTypes(trust);
  for (;;) {
    const before = refused.length;
    try {
      return await attempt(spec, trust, credentials, types, refused, signal);
    } catch (error) {
      signal.throwIfAborted();
      const wrong = refused[before];
      // A pin without a type: the server may have other keys than the one it showed (each attempt asks for fewer types).
      if (wrong !== undefined && !trust.revoked.has(wrong.fingerprint) && types.length > 1) {
        types = types.filter((type) => type !== wrong.type);
        continue;
      }
      if (wrong !== undefined || (refused.length > 0 && noCommonHostKey(error))) throw changed(spec, trust, refused);
      if (noCommonHostKey(error)) {
        throw new DepotError('host-key-changed', `${address(spec)} has no host key of the pinned type (${types.join(', ')})`, { published: 'no', hint: compareFirst(spec), cause: error });
      }
      throw error;
    }
  }
}

function noCommonHostKey(error: unknown): boolean {
  return error instanceof Error && /no matching host key format/.test(error.message);
}

function changed(spec: RemoteSpec, trust: Trust, shown: { type: string; fingerprint: string }[]): DepotError {
  const list = shown.map((key) => `${printable(key.type)} ${key.fingerprint}`).join(', ');
  const pinned = trust.pins.map((pin) => (pin.type === null ? pin.fingerprint : `${pin.type} ${pin.fingerprint}`)).join(', ');
  const revoked = shown.some((key) => trust.revoked.has(key.fingerprint));
  return new DepotError('host-key-changed', revoked ? `the host key of ${address(spec)} is revoked in known_hosts: ${list}` : `the host key of ${address(spec)} is not the pinned one: it shows ${list}, pinned is ${pinned}`, {
    published: 'no', hint: compareFirst(spec),
  });
}

/** Pins of depot.yaml win over known_hosts, so that `depot trust` would change nothing. */
function compareFirst(spec: RemoteSpec): string {
  const first = 'ask the agent over another channel which key its server has, then';
  if (spec.hostKeys.length === 0) return `${first}: «depot trust${name(spec)}»`;
  return `${first} correct hostKey in ${spec.hostKeysAt === undefined ? 'depot.yaml' : printable(spec.hostKeysAt)}`;
}

function name(spec: RemoteSpec): string {
  return spec.arrangement === undefined ? '' : ` ${spec.arrangement}`;
}

type Phase = 'handshake' | 'login' | 'sftp';

async function attempt(spec: RemoteSpec, trust: Trust, credentials: Credentials, types: HostKeyType[], refused: { type: string; fingerprint: string }[], signal: AbortSignal): Promise<Session> {
  const deadline = performance.now() + spec.connectTimeoutMs;
  const socket = await dial(spec, signal);
  const memory = new PacketMemory();
  gatherWrites(socket, memory);
  const login = new LoginAttempt(spec, credentials);
  const sftp = new SftpClient('depot', { error: ignore, end: ignore, close: ignore });
  const client = (sftp as unknown as { client: Client }).client;
  let phase: Phase = 'handshake';
  let hostKey = { type: '', fingerprint: '' };
  // ssh2-sftp-client flattens errors; the first one as ssh2 gave it says which part of the connection failed.
  const seen: { error?: Error & { level?: string; code?: unknown } } = {};
  client.on('error', (error: Error) => (seen.error ??= error));
  client.on('handshake', () => (phase = 'login'));
  client.on('ready', () => (phase = 'sftp'));
  client.on('change password', () => {
    seen.error ??= Object.assign(new Error('the password has expired'), { level: 'client-authentication' });
    login.failure = new DepotError('login-refused', `the password of ${printable(spec.username)}@${address(spec)} has expired`, { published: 'no', hint: `set a new one as the agent prescribes, then: ${loginCommand(spec.arrangement)}` });
    socket.destroy();
  });
  const timer = setTimeout(() => {
    seen.error ??= Object.assign(new Error('timed out'), { level: 'client-timeout' });
    socket.destroy();
  }, Math.max(1, deadline - performance.now()));
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const first = await sftp.connect({
      sock: socket,
      username: spec.username,
      authHandler: login.handler,
      readyTimeout: 0,
      keepaliveInterval: keepalive.intervalMs,
      keepaliveCountMax: keepalive.count,
      ident: 'depot',
      algorithms: { cipher: ciphers, hmac: macs, compress: ['none'], serverHostKey: types.flatMap(signatureAlgorithms) },
      hostVerifier: (key: Buffer) => {
        hostKey = { type: keyTypeOf(key), fingerprint: fingerprintOf(key) };
        if (isTrusted(trust, key)) return true;
        refused.push(hostKey);
        return false;
      },
    });
    signal.throwIfAborted();
    usePacketMemory(client, memory);
    return wrap(spec, client, socket, first, hostKey);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw explain(spec, phase, seen.error ?? (error as Error), login);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

function ignore(): void {
  // ssh2-sftp-client would print to the console; the errors reach us through the calls that fail.
}

function explain(spec: RemoteSpec, phase: Phase, error: Error & { level?: string; code?: unknown }, login: LoginAttempt): Error {
  const { message, level } = error;
  if (error instanceof DepotError) return error;
  if (noCommonHostKey(error)) return error;
  if (level === 'client-timeout') return new Unreachable(`did not finish ${phase === 'handshake' ? 'the SSH handshake' : phase === 'login' ? 'the login' : 'opening SFTP'} in ${duration(spec.connectTimeoutMs)}`, { cause: error });
  if (phase === 'handshake') {
    if (/no matching/.test(message)) {
      return new DepotError('unreachable', `${address(spec)} and depot have no ${message.replace(/^.*no matching /, '')} in common`, { published: 'no', hint: 'ask the agent to allow current SSH algorithms', cause: error });
    }
    const silent = level === 'client-socket' || /lost before handshake|ECONNRESET/.test(message);
    return silent
      ? new Unreachable('closed the connection before the SSH handshake', { cause: error })
      : new Unreachable('does not speak SSH as expected', { cause: error, final: new DepotError('unreachable', `${address(spec)} does not speak SSH as expected (${printable(message.slice(0, 100))})`, { published: 'no', hint: 'check host and port', cause: error }) });
  }
  if (phase === 'login') {
    // Numbers are SSH's disconnect reasons (RFC 4253 section 11.1); sshd uses 2 for "too many authentication failures".
    const told = level === 'client-authentication' || (typeof error.code === 'number' && login.tried);
    return told || login.failure ? login.refusal(error) : new Unreachable('closed the connection during the login', { cause: error, final: login.refusal(error) });
  }
  const who = `${printable(spec.username)}@${address(spec)}`;
  if (/subsystem|channel open failure/i.test(message)) {
    return new DepotError('remote-refused', `${who} is let in, but not to SFTP`, { published: 'no', hint: 'ask the agent whether SFTP is allowed for this account', cause: error });
  }
  return new Unreachable('accepted the login and then closed the connection', {
    cause: error, final: new DepotError('remote-refused', `${address(spec)} accepts the login of ${printable(spec.username)} and then closes the connection`, { published: 'no', hint: 'ask the agent whether SFTP is allowed for this account', cause: error }),
  });
}

function wrap(spec: RemoteSpec, client: Client, socket: Socket, first: SFTPWrapper, hostKey: { type: string; fingerprint: string }): Session {
  const raw = (client as unknown as { _protocol: { _remoteIdentRaw?: Buffer | string } })._protocol._remoteIdentRaw;
  const server = printable(String(raw ?? '').trim());
  const destroy = (): void => void socket.destroy();
  const channelOptions = { server, patienceMs: spec.stallMs ?? 30_000, onStall: destroy };
  const channel = new SftpChannel(first, channelOptions);
  return {
    server,
    hostKey,
    channel,
    destroy,
    get unsent() {
      return socket.writableLength;
    },
    get closed() {
      return socket.destroyed;
    },
    openChannel: () => new Promise((resolve, reject) => {
      if (socket.destroyed) {
        reject(new ConnectionLost('the connection is closed'));
        return;
      }
      const timer = setTimeout(() => reject(new ConnectionLost('no answer to a request for a channel')), channelOptions.patienceMs);
      try {
        client.sftp((error, sftp) => {
          clearTimeout(timer);
          if (error) reject(error);
          else resolve(new SftpChannel(sftp, channelOptions));
        });
      } catch (error) {
        clearTimeout(timer);
        reject(new ConnectionLost('the connection is closed', { cause: error }));
      }
    }),
    close: () => new Promise((resolve) => {
      if (socket.destroyed) {
        resolve();
        return;
      }
      const timer = setTimeout(destroy, 1000);
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      client.end();
    }),
  };
}
