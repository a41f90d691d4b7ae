/** One ping: a POST whose answer counts by its status alone. Nothing that the other side does makes it longer than its signal. */
import { once } from 'node:events';
import { lookup, Resolver } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { connect, isIP, type LookupFunction } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { orAborted } from '../abort.js';
import { errorCode } from '../durable-file.js';
import { pingBody, type Ping } from '../outbound.js';

/** @throws Error whose message has nothing of the address but its host */
export async function sendPing(address: URL, ping: Ping, signal: AbortSignal): Promise<void> {
  const addresses = await addressesOf(address.hostname, signal);
  const body = pingBody(ping);
  const status = await new Promise<number>((resolve, reject) => {
    const options = {
      method: 'POST',
      // A connection that is kept would keep the process.
      agent: false,
      headers: {
        'user-agent': 'depot',
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
      lookup: answering(addresses),
      signal,
    };
    const begin = address.protocol === 'https:' ? requestHttps : requestHttp;
    const sent = begin(address, options, (answer) => {
      answer.on('error', () => undefined);
      // What it says beside its status is not read: it may have no end.
      answer.destroy();
      resolve(answer.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end(body);
  });
  if (status >= 300 && status < 400)
    throw new Error(
      `it answered ${status}, a redirect, which depot does not follow: set the final address in depot.yaml`,
    );
  if (status < 200 || status >= 300) throw new Error(`it answered ${status}`);
}

/**
 * Connects as a ping does, and sends nothing: whatever is asked of such an address, monitors take for news of a push.
 *
 * @throws Error as `sendPing`
 */
export async function connectAsPing(address: URL, signal: AbortSignal): Promise<void> {
  const host = address.hostname.replace(/^\[|\]$/g, '');
  const addresses = await addressesOf(host, signal);
  const secure = address.protocol === 'https:';
  const options = {
    host,
    port: Number(address.port || (secure ? 443 : 80)),
    lookup: answering(addresses),
    // A name in the certificate is of a host; an address is not sent as one.
    ...(isIP(host) === 0 && { servername: host }),
  };
  const socket = secure ? connectTls(options) : connect(options);
  try {
    await once(socket, secure ? 'secureConnect' : 'connect', { signal });
  } finally {
    socket.on('error', () => undefined).destroy();
  }
}

/**
 * By DNS first, since that can be given up: a process cannot end while the system's resolver waits for a server that does
 * not answer. That one is asked for names which DNS does not know, such as those in /etc/hosts.
 */
async function addressesOf(hostname: string, signal: AbortSignal): Promise<LookupAddress[]> {
  const host = hostname.replace(/^\[|\]$/g, '');
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  if (host === 'localhost') return orAborted(lookup(host, { all: true }), signal);
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const [four, six] = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    signal.throwIfAborted();
    const found = [
      ...(four.status === 'fulfilled' ? four.value.map((one) => ({ address: one, family: 4 })) : []),
      ...(six.status === 'fulfilled' ? six.value.map((one) => ({ address: one, family: 6 })) : []),
    ];
    if (found.length > 0) return found;
    if ([four, six].some((one) => one.status === 'rejected' && errorCode(one.reason) === 'ETIMEOUT'))
      throw new Error('its address could not be looked up: DNS did not answer');
    return await orAborted(lookup(host, { all: true }), signal);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** In the two forms in which a socket asks. */
function answering(addresses: readonly LookupAddress[]): LookupFunction {
  return (_host, { all }, answer) => {
    if (all === true) answer(null, [...addresses]);
    else answer(null, addresses[0]!.address, addresses[0]!.family);
  };
}
