/** A server that is reached by way of another, as with ssh's ProxyJump: TCP inside an SSH connection of its own. */
import { Duplex } from 'node:stream';
import ssh2, { type Client, type ClientChannel } from 'ssh2';
import { DepotError } from '../errors.js';
import { fingerprintOf, type HostKeyType } from '../names/host-key.js';
import { printable } from '../printable.js';
import { algorithms } from './algorithms.js';
import { dial, disappointed, Unreachable } from './dial.js';
import { askForLog, FirstBytes, handshakeFailure, nothingInCommon, type Failure } from './explain.js';
import { NoHostKey, withHostKey } from './host-key-check.js';
import { address, isTrusted, keyTypeOf, trusted, type Trust } from './hostkeys.js';
import { Conversation } from './conversation.js';
import { logInfo } from '../log.js';
import { prepareLogin, type Credentials, type SharedCredentials } from './credentials.js';
import { LoginAttempt } from './login.js';
import { signWithSha2 } from './rsa-signatures.js';
import { duration, StageTimer } from './retry.js';
import type { Endpoint, Login } from './types.js';

/** The server between, with its own pin and its own login. */
export interface Hop {
  spec: Endpoint;
  trust: Trust;
  credentials: Credentials;
}

/** Before anything connects; with `shared`, with the credentials of several. @throws DepotError 'host-key-unknown', 'secret-missing' and what else `prepareLogin` says */
export async function prepareHop(spec: Endpoint, login: Login, shared?: SharedCredentials | null): Promise<Hop> {
  const trust = await trusted(spec);
  return { spec, trust, credentials: await prepareLogin(login, spec.arrangement, shared) };
}

interface Place {
  host: string;
  port: number;
}

/** A connection to `target`, from the hop. It ends the hop's connection with it. @throws Unreachable, DepotError */
export async function tunnel(hop: Hop, target: Place, signal: AbortSignal): Promise<Duplex> {
  try {
    return await withHostKey(hop.spec, hop.trust, signal, (types, refused) =>
      attempt(hop, target, types, refused, signal),
    );
  } catch (error) {
    if (!(error instanceof Unreachable) || error instanceof Beyond) throw error;
    throw new Unreachable(`is behind ${address(hop.spec)}, which ${error.why}`, {
      cause: error,
      reached: error.reached,
      ...(error.final !== null && { final: error.final }),
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}

/** The hop is there, and the target is not. */
export class Beyond extends Unreachable {}

async function attempt(
  { spec, trust, credentials }: Hop,
  target: Place,
  types: HostKeyType[],
  refused: { type: string; fingerprint: string }[],
  signal: AbortSignal,
): Promise<Duplex> {
  const socket = await dial(spec, signal);
  const reached = socket.remoteAddress;
  const first = new FirstBytes(socket);
  const client = new ssh2.Client();
  let phase = 'handshake' as Phase;
  let failure: Failure | undefined;
  const abort = (): void => void socket.destroy();
  const stage = new StageTimer(spec.connectTimeoutMs, () => {
    failure ??= Object.assign(new Error('timed out'), { level: 'client-timeout' });
    socket.destroy();
  });
  const login = new LoginAttempt(spec, credentials, stage);
  const conversation = new Conversation(spec);
  socket.once('close', () => login.end());
  signal.addEventListener('abort', abort, { once: true });
  try {
    const channel = await new Promise<ClientChannel>((resolve, reject) => {
      client.on('error', (error: Error) => {
        failure ??= error;
        login.end();
        socket.destroy();
      });
      client.on('close', () => reject(failure ?? new Error('the connection was closed')));
      client.on('banner', (text: string) => login.banner(text));
      client.on('handshake', (agreed) => {
        first.stop();
        if (phase !== 'handshake') return;
        conversation.agreed(client, agreed);
        phase = 'login';
        stage.start();
      });
      client.on('ready', () => {
        login.accepted();
        conversation.loggedIn();
        logInfo(spec.arrangement, `asking ${address(spec)} for a connection to ${address(target)}`);
        phase = 'forwarding';
        stage.start();
        client.forwardOut('127.0.0.1', 0, target.host, target.port, (error, opened) => {
          if (error === undefined) resolve(opened);
          else reject(error);
        });
      });
      client.connect({
        sock: socket,
        username: spec.username,
        authHandler: login.handler,
        readyTimeout: 0,
        keepaliveInterval: 20_000,
        keepaliveCountMax: 6,
        ident: 'depot',
        algorithms: algorithms(types),
        ...conversation.options,
        hostVerifier: (key: Buffer) => {
          conversation.hostKey(key, isTrusted(trust, key));
          if (isTrusted(trust, key)) return true;
          refused.push({ type: keyTypeOf(key), fingerprint: fingerprintOf(key) });
          return false;
        },
      });
      signWithSha2(client, (taken) => login.takesSha2(taken));
      stage.start();
    });
    conversation.over();
    return new Tunnel(channel, client, abort);
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    const cause = failure ?? (error as Failure);
    const told = explain(spec, target, phase, cause, login, first.bytes);
    conversation.failed(told);
    if (told instanceof Unreachable && !(told instanceof Beyond)) disappointed(spec, reached);
    throw told;
  } finally {
    stage.stop();
    first.stop();
    signal.removeEventListener('abort', abort);
  }
}

type Phase = 'handshake' | 'login' | 'forwarding';

function explain(
  spec: Endpoint,
  target: Place,
  phase: Phase,
  cause: Failure,
  login: LoginAttempt,
  bytes: Buffer,
): Error {
  if (nothingInCommon(cause) === 'hostKey') return new NoHostKey(cause, bytes);
  const timedOut = cause.level === 'client-timeout';
  if (phase === 'login') return login.failed(cause, timedOut);
  if (phase === 'forwarding' && !timedOut) return refusal(spec, target, cause);
  if (timedOut)
    return new Unreachable(
      `did not ${phase === 'handshake' ? 'finish the SSH handshake' : `connect to ${address(target)}`} in ${duration(spec.connectTimeoutMs)}`,
      { reached: true, cause, hint: askForLog(spec) },
    );
  return handshakeFailure(spec, cause, bytes);
}

/** What the hop says to a request for a connection (RFC 4254 section 5.1; `reason` is its code). */
function refusal(spec: Endpoint, target: Place, cause: Error & { reason?: unknown }): Unreachable | DepotError {
  const words = printable(cause.message.replace(/^\(SSH\) Channel open failure: /, '').slice(0, 200));
  // ssh2 gives the code as a number or by its name.
  if (String(cause.reason) === '1' || /PROHIBITED/.test(String(cause.reason)) || /prohibited/i.test(words))
    return new DepotError(
      'remote-refused',
      `${address(spec)} let ${printable(spec.username)} in, but does not let it connect to ${address(target)}: ${words}`,
      {
        published: 'no',
        cause,
        hint: `ask whoever runs ${printable(spec.host)} to allow this account TCP forwarding to ${address(target)} (OpenSSH: AllowTcpForwarding, PermitOpen)`,
      },
    );
  return new Beyond(`could not be reached from ${address(spec)}: ${words}`, {
    cause,
    hint: `check host and port; ask whoever runs ${printable(spec.host)} whether the agent's server can be reached from it`,
  });
}

class Tunnel extends Duplex {
  constructor(
    private readonly channel: ClientChannel,
    private readonly client: Client,
    private readonly hangUp: () => void,
  ) {
    super();
    channel.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) channel.pause();
    });
    channel.on('end', () => this.push(null));
    channel.on('error', (error: Error) => this.destroy(error));
    channel.on('close', () => this.destroy());
    client.on('close', () => this.destroy());
  }

  override _read(): void {
    this.channel.resume();
  }

  override _write(bytes: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.channel.write(bytes, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.client.end();
    this.hangUp();
    done(error);
  }
}
