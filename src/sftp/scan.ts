import ssh2 from 'ssh2';
import { DepotError } from '../errors.js';
import { ciphers, hostKeyTypes, macs, signatureAlgorithms, type HostKeyType } from './algorithms.js';
import { address, fingerprintOf, keyTypeOf } from './hostkeys.js';
import { knownHostsLine } from './knownhosts.js';
import { dial, Unreachable } from './dial.js';

export interface ScannedKey {
  type: string;
  /** `SHA256:…` */
  fingerprint: string;
  /** A line for known_hosts, with its newline. */
  line: string;
}

/**
 * The host keys that a server shows, one connection for each type, for a person to compare. Sends no user
 * name. `unreachable` when it cannot be reached or shows none; never trusts anything.
 */
export async function scanHostKeys(host: string, port: number, o: { timeoutMs: number; signal: AbortSignal }): Promise<ScannedKey[]> {
  const found: ScannedKey[] = [];
  let failure: unknown;
  for (const type of hostKeyTypes) {
    try {
      const key = await hostKey({ host, port, connectTimeoutMs: o.timeoutMs }, type, o.signal);
      if (key) found.push({ type: keyTypeOf(key), fingerprint: fingerprintOf(key), line: knownHostsLine(host, port, keyTypeOf(key), key) });
    } catch (error) {
      o.signal.throwIfAborted();
      // Without an answer to the first there will be none to the others.
      failure = error;
      if (error instanceof Unreachable && found.length === 0) break;
    }
  }
  if (found.length > 0) return found;
  const why = failure instanceof Unreachable ? failure.why : 'shows no host key that depot understands';
  throw new DepotError('unreachable', `${address({ host, port })} ${why}`, { hint: 'bring up the VPN, and check host and port', cause: failure });
}

/** Null when the server has no key of this type. */
async function hostKey(spec: { host: string; port: number; connectTimeoutMs: number }, type: HostKeyType, signal: AbortSignal): Promise<Buffer | null> {
  const socket = await dial(spec, signal);
  const client = new ssh2.Client();
  return new Promise<Buffer | null>((resolve, reject) => {
    let key: Buffer | null = null;
    const abort = (): void => void socket.destroy();
    const timer = setTimeout(abort, spec.connectTimeoutMs);
    signal.addEventListener('abort', abort, { once: true });
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.destroy();
      if (key || /no matching host key format/.test(error?.message ?? '')) resolve(key);
      else reject(new Unreachable('does not speak SSH as expected', { cause: error }));
    };
    client.on('error', finish);
    client.on('close', () => finish());
    client.connect({
      sock: socket, username: 'depot', readyTimeout: 0, ident: 'depot',
      algorithms: { cipher: ciphers, hmac: macs, compress: ['none'], serverHostKey: signatureAlgorithms(type) },
      // Having seen the key is enough: the handshake ends here.
      hostVerifier: (shown: Buffer) => {
        key = shown;
        return false;
      },
    });
  });
}
