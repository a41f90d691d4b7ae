/** One connection for the uploads of several arrangements, one after another and side by side. */
import { describe, expect, test } from 'vitest';
import { connect } from '../../src/sftp/remote.js';
import { Connections, type SharedServer } from '../../src/sftp/connections.js';
import type { Remote } from '../../src/sftp/remote.js';
import type { RemoteSpec, Transfer } from '../../src/sftp/types.js';
import { cleanup } from '../support/cleanup.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { content, failure, sha256, specFor, writeAll } from './support.js';

interface Sharing {
  connections: Connections;
  server: SharedServer;
  /** How often the password was asked for. */
  asked: number;
  remote(more?: Partial<RemoteSpec>): Promise<Remote>;
}

function sharing(server: ScriptedServer, password = server.password): Sharing {
  const connections = new Connections();
  cleanup(() => connections.close());
  const shared = connections.to('one');
  const all: Sharing = {
    connections,
    server: shared,
    asked: 0,
    remote: (more = {}) =>
      connect(
        specFor(server, more),
        { password: () => Promise.resolve((all.asked++, password)) },
        { signal: new AbortController().signal, warn: () => undefined },
        shared,
      ),
  };
  return all;
}

async function put(remote: Remote, name: string, bytes: Buffer): Promise<Transfer> {
  const upload = await remote.createUpload({ partialName: `.${name}.partial`, finalName: name });
  await writeAll(upload, bytes);
  return upload.complete({ beforeClose: () => Promise.resolve() });
}

function expectFiles(server: ScriptedServer, files: Record<string, Buffer>): void {
  expect([...server.files.keys()].sort()).toEqual(
    Object.keys(files)
      .map((name) => `/in/${name}`)
      .sort(),
  );
  for (const [name, bytes] of Object.entries(files))
    expect(sha256(server.files.get(`/in/${name}`)!)).toBe(sha256(bytes));
}

const files = (count: number, size = 300_000): Record<string, Buffer> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`f-${i}`, content(size)]));

test('uploads one after another share one connection, one login and one question for the password', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const all = sharing(server);
  const wanted = files(5);
  const attempts: number[] = [];
  for (const [name, bytes] of Object.entries(wanted)) {
    const remote = await all.remote();
    expect((await put(remote, name, bytes)).status).toBe('acknowledged');
    attempts.push(remote.stats.attempts);
    await remote.close();
  }
  expectFiles(server, wanted);
  expect([server.connections, all.asked, attempts]).toEqual([1, 1, [1, 0, 0, 0, 0]]);
  await all.connections.close();
  await expect.poll(() => server.open()).toBe(0);
});

test('uploads that all begin at once still share one connection and one login', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const all = sharing(server);
  const wanted = files(8);
  const remotes = await Promise.all(Object.keys(wanted).map(() => all.remote()));
  await Promise.all(Object.entries(wanted).map(([name, bytes], i) => put(remotes[i], name, bytes)));
  expectFiles(server, wanted);
  expect([server.connections, all.asked]).toEqual([1, 1]);
});

test('a server that allows few channels per connection gets more connections, but no more than needed', async () => {
  const server = await startScriptedServer({ directories: ['/in'], maxChannels: 2 });
  const all = sharing(server);
  const wanted = files(6);
  const remotes = await Promise.all(Object.keys(wanted).map(() => all.remote()));
  await Promise.all(Object.entries(wanted).map(([name, bytes], i) => put(remotes[i], name, bytes)));
  expectFiles(server, wanted);
  expect(server.connections).toBe(3);
});

describe('a shared connection', () => {
  test('is made again once after it dropped, and every upload continues', async () => {
    const server = await startScriptedServer({ directories: ['/in'] });
    const all = sharing(server);
    const wanted = files(3, 3_000_000);
    const remotes = await Promise.all(Object.keys(wanted).map(() => all.remote()));
    server.script = ({ type, nth }) => (type === 'write' && nth === 60 ? { then: 'drop' } : undefined);
    const transfers = await Promise.all(Object.entries(wanted).map(([name, bytes], i) => put(remotes[i], name, bytes)));
    expect(transfers.map(({ status }) => status)).toEqual(['acknowledged', 'acknowledged', 'acknowledged']);
    expectFiles(server, wanted);
    expect(server.connections).toBe(2);
    expect(remotes.map(({ stats }) => stats.reconnects)).toEqual([1, 1, 1]);
  });

  test('is closed before the next one replaces it, if no write on it is answered', async () => {
    const server = await startScriptedServer({ directories: ['/in'] });
    const remote = await sharing(server).remote({ stallMs: 300 });
    server.script = ({ type, connection }) => (type === 'write' && connection === 1 ? { answer: 'never' } : undefined);
    expect((await put(remote, 'a', content(300_000))).status).toBe('acknowledged');
    expect(server.connections).toBe(2);
    await expect.poll(() => server.open()).toBe(1);
  });

  test('stays open for the others when one upload destroys its session', async () => {
    const server = await startScriptedServer({ directories: ['/in'] });
    const all = sharing(server);
    const [first, second] = [await all.remote(), await all.remote()];
    const upload = await second.createUpload({ partialName: '.b.partial', finalName: 'b' });
    const bytes = content(400_000);
    await writeAll(upload, bytes.subarray(0, 200_000));
    (await first.session()).destroy();
    await writeAll(upload, bytes.subarray(200_000));
    expect((await upload.complete({ beforeClose: () => Promise.resolve() })).status).toBe('acknowledged');
    expect([second.stats.reconnects, sha256(server.files.get('/in/b')!)]).toEqual([0, sha256(bytes)]);
    await second.close();
    await expect.poll(() => server.open()).toBe(0);
  });
});

test('a refused password is sent once, and every upload that needs it gets an error of its own', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const all = sharing(server, 'wrong');
  const errors = await Promise.all(Array.from({ length: 3 }, () => failure(all.remote())));
  errors.push(await failure(all.remote()));
  expect(errors.map(({ code }) => code)).toEqual(Array(4).fill('login-refused'));
  expect(new Set(errors).size).toBe(4);
  expect([server.connections, all.asked]).toEqual([1, 1]);
});

test('if the server is down, only the first upload waits for retryFor; the others fail at once', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  await server.stop();
  const all = sharing(server);
  const more = { retryForMs: 1500 };
  const begun = performance.now();
  expect(await failure(all.remote(more))).toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('not reachable for '),
  });
  const first = performance.now() - begun;
  for (let i = 0; i < 5; i++) expect(await failure(all.remote(more))).toMatchObject({ code: 'unreachable' });
  expect(performance.now() - begun - first).toBeLessThan(1000);
  expect(first).toBeGreaterThan(1000);
});

test('a login that is refused after it had worked is tried again by the next upload', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const all = sharing(server);
  await (await all.remote()).close();
  const { password } = server;
  server.drop();
  await expect.poll(() => server.open()).toBe(0);
  server.password = 'another';
  expect(await failure(all.remote())).toMatchObject({ code: 'login-refused' });
  server.password = password;
  await (await all.remote()).close();
});
