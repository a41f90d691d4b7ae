/** Several addresses of a host (RFC 8305): a dead, a silent and a slow one cost moments, and not the deposit. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { addressesOf, dial } from '../../src/sftp/dial.js';
import { connect } from '../../src/sftp/remote.js';
import { scanHostKeys } from '../../src/sftp/scan.js';
import { cleanup } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { account, anyPassword, content, deposit, failure, never, quiet, sha256, specFor } from './support.js';

let resolved: string[] = [];
vi.mock('node:dns/promises', async (original) => ({
  ...(await original<object>()),
  lookup: () => Promise.resolve(resolved.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))),
}));
afterEach(() => (resolved = []));

const host = 'sftp.agent.example';
const spec = (port: number, connectTimeoutMs = 30_000) => ({ host, port, connectTimeoutMs });

interface Listener {
  port: number;
  seen: number;
  open: Set<Socket>;
}

/** Does one thing with each connection to that address. */
async function at(address: string, port: number, answer: (socket: Socket) => void): Promise<Listener> {
  const found: Listener = { port, seen: 0, open: new Set() };
  const server = createServer((socket) => {
    found.seen++;
    found.open.add(socket);
    socket.on('close', () => found.open.delete(socket)).on('error', () => undefined);
    answer(socket);
  });
  server.listen(port, address);
  await once(server, 'listening');
  cleanup(() => {
    found.open.forEach((socket) => socket.destroy());
    server.close();
  });
  found.port = (server.address() as AddressInfo).port;
  return found;
}

/** A port at that address that answers nothing, like a machine that is off: its queue of connections is full. */
async function deadAt(address: string, port: number): Promise<void> {
  const child = spawn(
    peer('python3')!,
    [
      '-c',
      `import socket, sys
s = socket.socket(); s.bind((sys.argv[1], int(sys.argv[2]))); s.listen(0)
waiting = [socket.socket() for _ in range(4)]
for one in waiting:
    one.setblocking(False); one.connect_ex(s.getsockname())
print('full', flush=True); sys.stdin.read()`,
      address,
      String(port),
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  cleanup(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
}

const greet = (socket: Socket): void => void socket.write('SSH-2.0-there\r\n');

async function timed<T>(promise: Promise<T>): Promise<{ value: T; ms: number }> {
  const started = performance.now();
  return { value: await promise, ms: performance.now() - started };
}

async function dialled(
  port: number,
  connectTimeoutMs?: number,
): Promise<{ address: string; ms: number; said: string }> {
  const { value: socket, ms } = await timed(dial(spec(port, connectTimeoutMs), never));
  cleanup(() => socket.destroy());
  const [bytes] = (await once(socket.resume(), 'data')) as [Buffer];
  return { address: socket.remoteAddress!, ms, said: bytes.toString() };
}

describe('the first address', () => {
  test('answers: no other is tried', async () => {
    const first = await at('127.0.0.2', 0, greet);
    const second = await at('127.0.0.3', first.port, greet);
    resolved = ['127.0.0.2', '127.0.0.3'];
    expect(await dialled(first.port)).toMatchObject({ address: '127.0.0.2', said: 'SSH-2.0-there\r\n' });
    expect(second.seen).toBe(0);
  });

  test.skipIf(!peer('python3'))('is dead: the second is tried beside it after a moment', async () => {
    const second = await at('127.0.0.3', 0, greet);
    await deadAt('127.0.0.2', second.port);
    resolved = ['127.0.0.2', '127.0.0.3'];
    const { address, ms } = await dialled(second.port);
    expect(address).toBe('127.0.0.3');
    expect(ms).toBeGreaterThan(200);
    expect(ms).toBeLessThan(5000);
  });

  test('refuses: the second is tried at once', async () => {
    const second = await at('127.0.0.3', 0, greet);
    resolved = ['127.0.0.2', '127.0.0.3'];
    expect(await dialled(second.port)).toMatchObject({ address: '127.0.0.3' });
  });

  test('hangs up: the second is tried', async () => {
    const second = await at('127.0.0.3', 0, greet);
    await at('127.0.0.2', second.port, (socket) => void socket.destroy());
    resolved = ['127.0.0.2', '127.0.0.3'];
    expect(await dialled(second.port)).toMatchObject({ address: '127.0.0.3' });
  });

  test('takes the connection and is silent: the second wins, and the first is let go', async () => {
    const second = await at('127.0.0.3', 0, greet);
    const first = await at('127.0.0.2', second.port, () => undefined);
    resolved = ['127.0.0.2', '127.0.0.3'];
    const { address, ms } = await dialled(second.port);
    expect(address).toBe('127.0.0.3');
    expect(ms).toBeLessThan(8000);
    await vi.waitFor(() => expect(first.open.size).toBe(0));
  });

  test('is slow to greet: it is waited for, and wins when the others have nothing', async () => {
    const slow = await at('127.0.0.2', 0, (socket) => void setTimeout(() => greet(socket), 700));
    resolved = ['127.0.0.2', '127.0.0.3'];
    expect(await dialled(slow.port, 900)).toMatchObject({ address: '127.0.0.2', said: 'SSH-2.0-there\r\n' });
    expect(slow.seen).toBe(1);
  });
});

test('of addresses that all wait for a greeting, one is handed over to the handshake', async () => {
  const first = await at('127.0.0.2', 0, () => undefined);
  await at('127.0.0.3', first.port, () => undefined);
  resolved = ['127.0.0.2', '127.0.0.3'];
  const socket = await dial(spec(first.port, 900), never);
  cleanup(() => socket.destroy());
  expect(socket.remoteAddress).toBe('127.0.0.2');
});

test('where no address is of use, the error says what became of each', async () => {
  const closing = await at('127.0.0.2', 0, (socket) => void socket.destroy());
  resolved = ['127.0.0.2', '127.0.0.3'];
  const place = { ...account, host, port: closing.port };
  const error = await failure(connect(specFor(place, { retryForMs: 0 }), anyPassword, quiet));
  expect(error).toMatchObject({
    code: 'unreachable',
    message: `${host}:${closing.port} closed the connection before the SSH handshake at 127.0.0.2, refused the connection at 127.0.0.3`,
    hint: expect.not.stringContaining('VPN') as string,
  });
  resolved = ['127.0.0.4', '127.0.0.3'];
  await expect(dial(spec(closing.port), never)).rejects.toMatchObject({
    why: 'refused the connection at any of its 2 addresses',
  });
});

test('a deposit and a look at the host keys go through with the first address dead and the second silent', async () => {
  const server = await startScriptedServer();
  await at('127.0.0.3', server.port, () => undefined);
  if (peer('python3')) await deadAt('127.0.0.2', server.port);
  resolved = ['127.0.0.2', '127.0.0.3', '127.0.0.1'];
  const remote = await connect(
    specFor({ ...server, host }, { retryForMs: 0, connectTimeoutMs: 30_000 }),
    { password: () => Promise.resolve(server.password) },
    quiet,
  );
  cleanup(() => remote.close());
  const bytes = content(300_000);
  expect((await deposit(remote, bytes)).status).toBe('acknowledged');
  expect([...server.files.values()].map(sha256)).toContain(sha256(bytes));
  expect(await scanHostKeys(host, server.port, { timeoutMs: 1500, signal: never })).toMatchObject([
    { fingerprint: server.fingerprints[0] },
  ]);
}, 40_000);

describe('an address that greets and is dead above that', () => {
  /** Greets, hears our greeting, and hangs up. */
  const dying = (socket: Socket): void => {
    greet(socket);
    socket.once('data', () => socket.destroy());
  };

  test('costs one attempt, and not the deposit', async () => {
    const server = await startScriptedServer();
    const first = await at('127.0.0.2', server.port, dying);
    resolved = ['127.0.0.2', '127.0.0.1'];
    const login = { password: () => Promise.resolve(server.password) };
    for (let i = 0; i < 2; i++) {
      const remote = await connect(specFor({ ...server, host }, { retryForMs: 60_000 }), login, quiet);
      cleanup(() => remote.close());
      expect(remote.stats.attempts).toBe(i === 0 ? 2 : 1);
    }
    expect(first.seen).toBe(1);
  });

  test('is tried again when the others have failed since, also that of a hop', async () => {
    const first = await at('127.0.0.2', 0, dying);
    const second = await at('127.0.0.3', first.port, dying);
    resolved = ['127.0.0.2', '127.0.0.3'];
    const hop = specFor({ ...account, host, port: first.port });
    const spec = specFor({ ...account, port: 22 }, { proxyJump: hop, retryForMs: 60_000 });
    expect(await failure(connect(spec, anyPassword, quiet))).toMatchObject({ code: 'unreachable' });
    // After three answers that make no sense it gives up.
    expect([first.seen, second.seen]).toEqual([2, 1]);
  });
});

test('who stops waiting gets the reason, and no connection is left', async () => {
  const silent = await at('127.0.0.2', 0, () => undefined);
  resolved = ['127.0.0.2', '127.0.0.3'];
  await at('127.0.0.3', silent.port, () => undefined);
  const stop = new AbortController();
  const dialling = dial(spec(silent.port), stop.signal);
  await vi.waitFor(() => expect(silent.seen).toBe(1));
  stop.abort(new Error('stopped'));
  await expect(dialling).rejects.toThrow('stopped');
  await vi.waitFor(() => expect(silent.open.size).toBe(0));
});

test.each([
  [
    ['2001:db8::1', '2001:db8::2', '192.0.2.1'],
    ['2001:db8::1', '192.0.2.1', '2001:db8::2'],
  ],
  [
    ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1'],
    ['192.0.2.1', '2001:db8::1', '192.0.2.2', '192.0.2.3'],
  ],
  [
    ['192.0.2.1', '2001:db8::1', '2001:db8::2', '192.0.2.1'],
    ['192.0.2.1', '2001:db8::1', '2001:db8::2'],
  ],
  [['192.0.2.1'], ['192.0.2.1']],
])('%j are tried in the order %j', async (found, order) => {
  resolved = found;
  expect((await addressesOf(host, 1000, never)).sort((a, b) => order.indexOf(a) - order.indexOf(b))).toEqual(order);
  expect(await addressesOf(host, 1000, never)).toEqual(order);
});
