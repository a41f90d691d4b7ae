import type { Duplex } from 'node:stream';
import ssh2 from 'ssh2';
import { DepotError } from '../errors.js';
import { fingerprintOf, hostKeyTypes, type HostKeyType } from '../names/host-key.js';
import { algorithms } from './algorithms.js';
import { address, keyTypeOf } from './hostkeys.js';
import { knownHostsLine } from './knownhosts.js';
import { Conversation } from './conversation.js';
import { dial, Unreachable } from './dial.js';
import { askForLog, FirstBytes, handshakeFailure, incompatible, nothingInCommon, type Failure } from './explain.js';
import { type Hop, tunnel } from './jump.js';
import { duration } from './retry.js';
import type { Endpoint } from './types.js';

export interface ScannedKey {
  type: string;
  /** `SHA256:…` */
  fingerprint: string;
  /** A line for known_hosts, with its newline. */
  line: string;
}

/** The host keys that a server shows, one connection per type, by way of `hop` where there is one; trusts none. @throws DepotError 'unreachable' */
export async function scanHostKeys(
  host: string,
  port: number,
  o: { timeoutMs: number; signal: AbortSignal; hop?: Hop | undefined; jumpHost?: true },
): Promise<ScannedKey[]> {
  const found: ScannedKey[] = [];
  const place = { host, port, ...(o.jumpHost === true && { jumpHost: true as const }) };
  let failure: Unreachable | DepotError | undefined;
  let none: None | undefined;
  // The one of its addresses that answered is asked the rest: each might be another machine, and a dead one takes time.
  const answering: { at?: string } = {};
  for (const type of hostKeyTypes) {
    try {
      const key = await hostKey({ ...place, connectTimeoutMs: o.timeoutMs }, type, answering, o);
      if (!(key instanceof Uint8Array)) none = key;
      else
        found.push({
          type: keyTypeOf(key),
          fingerprint: fingerprintOf(key),
          line: knownHostsLine(host, port, keyTypeOf(key), key),
        });
    } catch (error) {
      o.signal.throwIfAborted();
      if (!(error instanceof Unreachable || error instanceof DepotError)) throw error;
      // Without an answer to the first there will be none to the others.
      failure = error;
      if (found.length === 0) break;
    }
  }
  if (found.length > 0) return found;
  if (failure instanceof DepotError) throw failure;
  if (failure instanceof Unreachable) {
    if (failure.final !== null) throw failure.final;
    throw new DepotError('unreachable', `${address({ host, port })} ${failure.why}`, {
      hint:
        failure.hint ??
        (failure.reached ? `try again, and ${askForLog(place)}` : 'bring up the VPN, and check host and port'),
      cause: failure,
    });
  }
  throw incompatible(place, none?.failure ?? new Error('no matching host key'), none?.bytes ?? Buffer.alloc(0));
}

/** The server has no key of this type. */
interface None {
  failure: Failure;
  bytes: Buffer;
}

async function hostKey(
  spec: Pick<Endpoint, 'host' | 'port' | 'jumpHost' | 'connectTimeoutMs'>,
  type: HostKeyType,
  answering: { at?: string },
  { hop, signal }: { hop?: Hop | undefined; signal: AbortSignal },
): Promise<Buffer | None> {
  let socket: Duplex;
  if (hop === undefined) {
    const direct = await dial({ ...spec, host: answering.at ?? spec.host }, signal);
    if (direct.remoteAddress !== undefined) answering.at = direct.remoteAddress;
    socket = direct;
  } else socket = await tunnel(hop, spec, signal);
  const first = new FirstBytes(socket);
  const client = new ssh2.Client();
  const conversation = new Conversation(spec);
  return new Promise<Buffer | None>((resolve, reject) => {
    let key: Buffer | null = null;
    let timedOut = false;
    const abort = (): void => void socket.destroy();
    const timer = setTimeout(() => {
      timedOut = true;
      socket.destroy();
    }, spec.connectTimeoutMs);
    signal.addEventListener('abort', abort, { once: true });
    const finish = (failure: Failure = new Error('the handshake did not finish')): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      first.stop();
      socket.destroy();
      if (key !== null) resolve(key);
      else if (nothingInCommon(failure) === 'hostKey') resolve({ failure, bytes: first.bytes });
      else if (timedOut)
        reject(
          new Unreachable(`did not finish the SSH handshake in ${duration(spec.connectTimeoutMs)}`, {
            reached: true,
            cause: failure,
            hint: 'try again; if the server is always this slow, raise remote.connectTimeout',
          }),
        );
      else reject(handshakeFailure(spec, failure, first.bytes));
    };
    client.on('error', finish);
    client.on('close', () => finish());
    client.connect({
      sock: socket,
      username: 'depot',
      readyTimeout: 0,
      ident: 'depot',
      algorithms: algorithms([type]),
      ...conversation.options,
      // Having seen the key is enough: the handshake ends here.
      hostVerifier: (shown: Buffer) => {
        key = shown;
        conversation.shown(shown);
        return false;
      },
    });
  });
}
