import type { Duplex } from 'node:stream';
import type { Client, SFTPWrapper } from 'ssh2';
import SftpClient from 'ssh2-sftp-client';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import {
  handshakeFailure,
  FirstBytes,
  nothingInCommon,
  openingFailure,
  type ChannelWords,
  type Failure,
} from './explain.js';
import { address, isTrusted, keyTypeOf, type Trust } from './hostkeys.js';
import { fingerprintOf, type HostKeyType } from '../names/host-key.js';
import { algorithms } from './algorithms.js';
import { NoHostKey, withHostKey } from './host-key-check.js';
import { type Hop, tunnel } from './jump.js';
import { SftpChannel } from './channel.js';
import { Conversation } from './conversation.js';
import { logDebug, logInfo } from '../log.js';
import { dial, disappointed, Unreachable } from './dial.js';
import type { Credentials } from './credentials.js';
import { LoginAttempt } from './login.js';
import { gatherWrites, PacketMemory, usePacketMemory } from './packets.js';
import { signWithSha2 } from './rsa-signatures.js';
import { duration, StageTimer } from './retry.js';
import { ConnectionLost } from './status.js';
import type { RemoteSpec } from './types.js';

/** One SSH connection, logged in, with one SFTP channel. */
export interface Session {
  /** `SSH-2.0-…`, as the server identified itself. */
  readonly server: string;
  readonly hostKey: { type: string; fingerprint: string };
  readonly channel: SftpChannel;
  /** Another SFTP channel; rejects when the server refuses it. `of`: the arrangement that it is for. */
  openChannel(of?: string): Promise<SftpChannel>;
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

/** One attempt to log in, by way of `hop` where there is one. @throws Unreachable for what may pass, DepotError for what will not */
export async function openSession(
  spec: RemoteSpec,
  trust: Trust,
  credentials: Credentials,
  hop: Hop | null,
  signal: AbortSignal,
): Promise<Session> {
  return withHostKey(spec, trust, signal, (types, refused) =>
    attempt(spec, trust, credentials, hop, types, refused, signal),
  );
}

type Phase = 'handshake' | 'login' | 'sftp';

async function attempt(
  spec: RemoteSpec,
  trust: Trust,
  credentials: Credentials,
  hop: Hop | null,
  types: HostKeyType[],
  refused: { type: string; fingerprint: string }[],
  signal: AbortSignal,
): Promise<Session> {
  const direct = hop === null ? await dial(spec, signal) : null;
  const reached = direct?.remoteAddress;
  const socket = direct ?? (await tunnel(hop!, spec, signal));
  const first = new FirstBytes(socket);
  const memory = new PacketMemory();
  if (direct !== null) gatherWrites(direct, memory);
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
  const conversation = new Conversation(spec);
  const enter = (next: Phase): void => {
    // Keys are exchanged again later, too.
    if (phase === next || phase === 'sftp') return;
    phase = next;
    stage.start();
  };
  client.on('error', (error: Error) => {
    seen.error ??= error;
    login.end();
  });
  socket.once('close', () => login.end());
  client.on('handshake', (agreed) => {
    first.stop();
    if (phase !== 'handshake') return;
    conversation.agreed(client, agreed);
    enter('login');
  });
  client.on('banner', (text: string) => login.banner(text));
  client.on('ready', () => {
    login.accepted();
    conversation.loggedIn();
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
      ...conversation.options,
      hostVerifier: (key: Buffer) => {
        hostKey = { type: keyTypeOf(key), fingerprint: fingerprintOf(key) };
        conversation.hostKey(key, isTrusted(trust, key));
        if (isTrusted(trust, key)) return true;
        refused.push(hostKey);
        return false;
      },
    });
    stage.start();
    signWithSha2(client, (taken) => login.takesSha2(taken));
    const listening = listen(client);
    said = listening.said;
    const first = await connecting;
    listening.stop();
    conversation.over();
    signal.throwIfAborted();
    // What goes by way of a hop is written by another rule, and its memory is not known to be free when it says so.
    if (direct !== null) usePacketMemory(client, memory);
    return wrap(spec, client, socket, first, hostKey);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    const told = explain(spec, phase, seen.error ?? (error as Failure), { login, bytes: first.bytes, said });
    conversation.failed(told);
    if (told instanceof Unreachable) disappointed(spec, reached);
    throw told;
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
        hint: 'push again; if the server is always this slow, raise remote.connectTimeout',
      },
    );
  }
  return phase === 'handshake' ? handshakeFailure(spec, error, bytes) : openingFailure(spec, error, said);
}

function wrap(
  spec: RemoteSpec,
  client: Client,
  socket: Duplex,
  first: SFTPWrapper,
  hostKey: { type: string; fingerprint: string },
): Session {
  const raw = (client as unknown as { _protocol: { _remoteIdentRaw?: Buffer | string } })._protocol._remoteIdentRaw;
  const server = printable(String(raw ?? '').trim());
  const destroy = (): void => void socket.destroy();
  const channelOptions = { of: spec.arrangement, server, patienceMs: spec.stallMs ?? 30_000, onStall: destroy };
  const channel = new SftpChannel(first, channelOptions);
  logInfo(
    spec.arrangement,
    `${address(spec)} opened the SFTP channel ${channel.number}, writes of up to ${channel.writeSize} bytes, with the extensions ${channel.extensions.join(', ') || '(none)'}`,
  );
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
    openChannel: (of = spec.arrangement) =>
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
            if (error) {
              logInfo(of, `${address(spec)} refuses another SFTP channel: ${printable(error.message)}`);
              reject(error);
              return;
            }
            const opened = new SftpChannel(sftp, { ...channelOptions, of });
            logDebug(of, `${address(spec)} opened the SFTP channel ${opened.number}`);
            resolve(opened);
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
