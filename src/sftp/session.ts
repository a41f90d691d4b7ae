import type { Socket } from 'node:net';
import type { Client, SFTPWrapper } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import {
  handshakeFailure,
  incompatible,
  FirstBytes,
  nothingInCommon,
  openingFailure,
  type ChannelWords,
  type Failure,
} from './explain.js';
import { acceptableTypes, address, isTrusted, keyTypeOf, type Trust } from './hostkeys.js';
import { fingerprintOf, hostKeyTypes, type HostKeyType } from '../names/host-key.js';
import { algorithms } from './algorithms.js';
import { SftpChannel } from './channel.js';
import { dial, Unreachable } from './dial.js';
import { LoginAttempt, type Credentials } from './login.js';
import { gatherWrites, PacketMemory, usePacketMemory } from './packets.js';
import { duration, StageTimer } from './retry.js';
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
  /** Bytes handed to the socket that the kernel has not taken yet. */
  readonly unsent: number;
  /** It is gone, whoever ended it. */
  readonly closed: boolean;
  /** Ends the connection politely, within a second. */
  close(): Promise<void>;
  /** Ends it at once. */
  destroy(): void;
}

const keepalive = { intervalMs: 20_000, count: 6 };

/** One attempt to log in. @throws Unreachable for what may pass, DepotError for what will not */
export async function openSession(
  spec: RemoteSpec,
  trust: Trust,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Session> {
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
      if (wrong !== undefined || (refused.length > 0 && error instanceof NoHostKey))
        throw changed(spec, trust, refused);
      if (error instanceof NoHostKey) throw error.of(spec, types);
      throw error;
    }
  }
}

/** The server has no key of the types that it was asked for, in an algorithm that is taken. */
class NoHostKey extends Error {
  constructor(
    readonly failure: Failure,
    readonly bytes: Buffer,
  ) {
    super(failure.message, { cause: failure });
  }

  of(spec: RemoteSpec, types: readonly HostKeyType[]): DepotError {
    const told = incompatible(spec, this.failure, this.bytes);
    if (types.length === hostKeyTypes.length || !/offers (?!unknown)/.test(told.message) || /SHA-1/.test(told.message))
      return told;
    const offers = /the server offers ([^;]*)/.exec(told.message)?.[1] ?? 'others';
    return new DepotError(
      'host-key-changed',
      `${address(spec)} has no host key of the pinned type (${types.join(', ')}); it offers ${offers}`,
      { published: 'no', hint: compareFirst(spec), cause: told.cause },
    );
  }
}

function changed(spec: RemoteSpec, trust: Trust, shown: { type: string; fingerprint: string }[]): DepotError {
  const list = shown.map((key) => `${printable(key.type)} ${key.fingerprint}`).join(', ');
  const pinned = trust.pins
    .map((pin) => (pin.type === null ? pin.fingerprint : `${pin.type} ${pin.fingerprint}`))
    .join(', ');
  const revoked = shown.some((key) => trust.revoked.has(key.fingerprint));
  return new DepotError(
    'host-key-changed',
    revoked
      ? `the host key of ${address(spec)} is revoked in known_hosts: ${list}`
      : `the host key of ${address(spec)} is not the pinned one: it shows ${list}, pinned is ${pinned}`,
    {
      published: 'no',
      hint: compareFirst(spec),
    },
  );
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

async function attempt(
  spec: RemoteSpec,
  trust: Trust,
  credentials: Credentials,
  types: HostKeyType[],
  refused: { type: string; fingerprint: string }[],
  signal: AbortSignal,
): Promise<Session> {
  const socket = await dial(spec, signal);
  const first = new FirstBytes(socket);
  const memory = new PacketMemory();
  gatherWrites(socket, memory);
  const sftp = new SftpClient('depot', { error: ignore, end: ignore, close: ignore });
  const client = (sftp as unknown as { client: Client }).client;
  let phase: Phase = 'handshake';
  let hostKey = { type: '', fingerprint: '' };
  // ssh2-sftp-client flattens errors; the first one as ssh2 gave it says which part of the connection failed.
  const seen: { error?: Failure } = {};
  const expire = (): void => {
    seen.error ??= Object.assign(new Error('timed out'), { level: 'client-timeout' });
    socket.destroy();
  };
  const stage = new StageTimer(spec.connectTimeoutMs, expire);
  const login = new LoginAttempt(spec, credentials, stage);
  const enter = (next: Phase): void => {
    // Keys are exchanged again later, too.
    if (phase === next || phase === 'sftp') return;
    phase = next;
    stage.start();
  };
  client.on('error', (error: Error) => (seen.error ??= error));
  client.on('handshake', () => {
    first.stop();
    if (phase === 'handshake') enter('login');
  });
  client.on('banner', (text: string) => login.banner(text));
  client.on('ready', () => {
    login.accepted();
    enter('sftp');
  });
  client.on('change password', (prompt: string) => {
    seen.error ??= Object.assign(new Error('the password has expired'), { level: 'client-authentication' });
    login.expired ??= prompt;
    socket.destroy();
  });
  const abort = (): void => void socket.destroy();
  signal.addEventListener('abort', abort, { once: true });
  let said: ChannelWords = { out: Buffer.alloc(0), err: Buffer.alloc(0) };
  try {
    const connecting = sftp.connect({
      sock: socket,
      username: spec.username,
      authHandler: login.handler,
      readyTimeout: 0,
      keepaliveInterval: keepalive.intervalMs,
      keepaliveCountMax: keepalive.count,
      ident: 'depot',
      algorithms: algorithms(types),
      hostVerifier: (key: Buffer) => {
        hostKey = { type: keyTypeOf(key), fingerprint: fingerprintOf(key) };
        if (isTrusted(trust, key)) return true;
        refused.push(hostKey);
        return false;
      },
    });
    stage.start();
    const listening = listen(client);
    said = listening.said;
    const first = await connecting;
    listening.stop();
    signal.throwIfAborted();
    usePacketMemory(client, memory);
    return wrap(spec, client, socket, first, hostKey);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw explain(spec, phase, seen.error ?? (error as Failure), { login, bytes: first.bytes, said });
  } finally {
    stage.stop();
    first.stop();
    signal.removeEventListener('abort', abort);
  }
}

function ignore(): void {
  // ssh2-sftp-client would print to the console; the errors reach us through the calls that fail.
}

const keptWords = 1024;

/** What the server says on the channel before SFTP begins; ssh2 shows neither that nor what goes to stderr. */
function listen(client: Client): { said: ChannelWords; stop: () => void } {
  const said: ChannelWords = { out: Buffer.alloc(0), err: Buffer.alloc(0) };
  const handlers = (
    client as unknown as {
      _protocol?: {
        _handlers: Record<string, (protocol: unknown, channel: number, data: Buffer, type?: number) => void>;
      };
    }
  )._protocol?._handlers;
  if (handlers === undefined) return { said, stop: () => undefined };
  const { CHANNEL_DATA: out, CHANNEL_EXTENDED_DATA: err } = handlers;
  const keep = (where: keyof ChannelWords, data: Buffer): void => {
    said[where] = Buffer.concat([said[where], data.subarray(0, keptWords)]).subarray(0, keptWords);
  };
  handlers['CHANNEL_DATA'] = (protocol, channel, data) => {
    keep('out', data);
    out?.(protocol, channel, data);
  };
  handlers['CHANNEL_EXTENDED_DATA'] = (protocol, channel, data, type) => {
    keep('err', data);
    err?.(protocol, channel, data, type);
  };
  return {
    said,
    stop: () => {
      if (out !== undefined) handlers['CHANNEL_DATA'] = out;
      if (err !== undefined) handlers['CHANNEL_EXTENDED_DATA'] = err;
    },
  };
}

function explain(
  spec: RemoteSpec,
  phase: Phase,
  error: Failure,
  { login, bytes, said }: { login: LoginAttempt; bytes: Buffer; said: ChannelWords },
): Error {
  if (error instanceof DepotError) return error;
  if (nothingInCommon(error) === 'hostKey') return new NoHostKey(error, bytes);
  const timedOut = error.level === 'client-timeout';
  if (phase === 'login') return login.failed(error, timedOut);
  if (timedOut) {
    return new Unreachable(
      `did not finish ${phase === 'handshake' ? 'the SSH handshake' : 'opening SFTP'} in ${duration(spec.connectTimeoutMs)}`,
      {
        reached: true,
        cause: error,
        hint: 'push again; where the server is always that slow, raise remote.connectTimeout',
      },
    );
  }
  return phase === 'handshake' ? handshakeFailure(spec, error, bytes) : openingFailure(spec, error, said);
}

function wrap(
  spec: RemoteSpec,
  client: Client,
  socket: Socket,
  first: SFTPWrapper,
  hostKey: { type: string; fingerprint: string },
): Session {
  const raw = (client as unknown as { _protocol: { _remoteIdentRaw?: Buffer | string } })._protocol._remoteIdentRaw;
  const server = printable(String(raw ?? '').trim());
  const destroy = (): void => void socket.destroy();
  const channelOptions = { server, patienceMs: spec.stallMs ?? 30_000, onStall: destroy };
  const channel = new SftpChannel(first, channelOptions);
  // Else the channel's end, which comes next, would be all that is said.
  client.on('error', (error: Error) =>
    channel.end(
      new ConnectionLost(`the connection failed: ${printable(error.message.slice(0, 200))}`, { cause: error }),
    ),
  );
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
    openChannel: () =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(new ConnectionLost('the connection is closed'));
          return;
        }
        const timer = setTimeout(
          () => reject(new ConnectionLost('no answer to a request for a channel')),
          channelOptions.patienceMs,
        );
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
    close: () =>
      new Promise((resolve) => {
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
