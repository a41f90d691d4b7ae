import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { markReceiptBytes } from '../../src/outbound.js';
import { testWrites } from '../../src/sftp/probe.js';
import { PublishedFile } from '../../src/sftp/published-file.js';
import type { RemoteSpec } from '../../src/sftp/types.js';
import {
  startScriptedServer,
  status,
  type Action,
  type Request,
  type RequestType,
  type ScriptedServer,
} from '../support/scripted-server.js';
import { blocksOf, connectTo, content, deposit, failure, names } from './support.js';

/** Small, so that what should end ends soon. The bound below leaves time for a loaded machine. */
const small = { retryForMs: 250, stallMs: 60, connectTimeoutMs: 2000 } satisfies Partial<RemoteSpec>;
const boundMs = 20_000;
const runs = Number(process.env['DEPOT_TEST_RUNS'] ?? 6);

const framed = (type: number, ...bytes: number[]): Buffer => Buffer.from([0, 0, 0, bytes.length + 1, type, ...bytes]);
const idOf = (r: Request): number[] => [...Buffer.from(new Uint32Array([r.id]).buffer).reverse()];

/** What a server may do with a request instead of answering it. */
const misdeeds: Record<string, (r: Request, server: ScriptedServer) => Action> = {
  nothing: () => ({ answer: 'never' }),
  'nothing, and the request is not done': () => ({ do: false, answer: 'never' }),
  'an answer with another id': () => ({ answer: 'wrong-id' }),
  'the connection drops': () => ({ then: 'drop' }),
  'the connection drops, and the request is not done': () => ({ do: false, then: 'drop' }),
  'the channel closes': () => ({ do: false, then: 'close-channel' }),
  'a STATUS with only an id': (r) => ({ answer: framed(101, ...idOf(r)) }),
  'a STATUS without an id': () => ({ answer: framed(101, 7) }),
  'a status code that nobody knows': (r) => ({ status: 4711, do: r.nth % 2 === 0 }),
  'a handle': (r) => ({ answer: framed(102, ...idOf(r), 0, 0, 0, 1, 65) }),
  'a truncated handle': (r) => ({ answer: framed(102, ...idOf(r), 0, 0, 0, 9, 65) }),
  data: (r) => ({ answer: framed(103, ...idOf(r), 0, 0, 0, 1, 65) }),
  'names, fewer than it says': (r) => ({ answer: framed(104, ...idOf(r), 255, 255, 255, 255) }),
  attributes: (r) => ({ answer: framed(105, ...idOf(r), 0, 0, 0, 0) }),
  'truncated attributes': (r) => ({ answer: framed(105, ...idOf(r), 0, 0, 0, 1, 9) }),
  'an extended answer': (r) => ({ answer: framed(201, ...idOf(r), 1, 2, 3) }),
  'VERSION again': () => ({ answer: framed(2, 0, 0, 0, 3) }),
  'an unknown type': (r) => ({ answer: framed(77, ...idOf(r)) }),
  'an empty packet': () => ({ answer: Buffer.from([0, 0, 0, 0]) }),
  'a packet that is too long': () => ({ answer: Buffer.from([0x7f, 255, 255, 255, 101, 0, 0]) }),
  'a length that is negative as a signed number': () => ({
    answer: Buffer.from([255, 255, 255, 255, 101, 0, 0, 0, 0]),
  }),
  text: () => ({ answer: Buffer.from('Welcome to \u001b[31msftp.example.org\r\n') }),
  'random bytes': () => ({ answer: randomBytes(50) }),
  'the beginning of an answer': () => ({ answer: Buffer.from([0, 0, 0, 17, 101, 0]) }),
  'success at once and an answer too many': (r) => ({
    answer: Buffer.concat([status(r.id, 0), status(r.id, 0)]),
    do: true,
  }),
  'it stops reading': (_, server) => {
    server.stall();
    return { answer: 'never' };
  },
};

const requests: RequestType[] = [
  'open',
  'write',
  'write',
  'write',
  'fstat',
  'stat',
  'lstat',
  'fsync',
  'statvfs',
  'close',
  'rename',
  'remove',
  'limits',
];
const rule = fc.record({
  type: fc.constantFrom(...requests),
  /** From this request on, if `always`, or only this one. */
  nth: fc.integer({ min: 1, max: 6 }),
  always: fc.boolean(),
  what: fc.constantFrom(...Object.keys(misdeeds)),
});

function obey(
  server: ScriptedServer,
  rules: { type: RequestType; nth: number; always: boolean; what: string }[],
): void {
  server.script = (r) => {
    const hit = rules.find((one) => one.type === r.type && (one.always ? r.nth >= one.nth : r.nth === one.nth));
    return hit === undefined ? undefined : misdeeds[hit.what](r, server);
  };
}

/** Does what a push does at a server, one step after another, and returns how each step ended. */
async function everything(server: ScriptedServer, spec: Partial<RemoteSpec>, bytes: Buffer): Promise<unknown[]> {
  const { remote } = await connectTo(server, { ...small, ...spec });
  const ends: unknown[] = [];
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    ends.push(await work().catch((error: unknown) => error));
  };
  await attempt(() => new PublishedFile(remote, { partialName: '.old.partial', finalName: 'old', bytes: 3 }).settle());
  await attempt(() => remote.removePartial('.old.partial'));
  await attempt(() => remote.space());
  await attempt(() => deposit(remote, bytes));
  await attempt(async () => {
    const sidecars = ['x_1.cover.md', 'x_1.receipt.json'].map((name) =>
      remote.sidecar(name, markReceiptBytes(new Uint8Array(300))),
    );
    await Promise.all(sidecars.map((sidecar) => sidecar.begin()));
    await sidecars[0].publish().finally(() => sidecars[1].discard());
  });
  await attempt(() => remote.sidecar('x_1.receipt.json.asc', markReceiptBytes(new Uint8Array(400))).publish());
  await remote.close();
  return ends;
}

function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(new Error('it does not end')), boundMs)),
  );
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const refusals = ['remote-permission', 'remote-no-space', 'remote-exists', 'remote-no-directory', 'remote-refused'];

function expectEnd(end: unknown): void {
  // Exit codes 14, 15 and 16, never an unforeseen error.
  if (end instanceof Error)
    expect(['unreachable', 'connection-lost', ...refusals]).toContain((end as Error & { code?: string }).code);
}

describe('without progress for retryFor', () => {
  test('a push ends, whatever the server answers', { timeout: 170_000 }, async () => {
    const scene = fc.record({
      rules: fc.array(rule, { minLength: 1, maxLength: 3 }),
      spec: fc.record({
        lanes: fc.constantFrom(1, 3),
        window: fc.constantFrom(1, 64),
        publish: fc.constantFrom<'rename' | 'direct'>('rename', 'direct'),
      }),
      limits: fc.boolean(),
    });
    // Several at once, since they mostly wait.
    await fc.assert(
      fc.asyncProperty(fc.array(scene, { minLength: 1, maxLength: 6, size: 'max' }), async (scenes) => {
        await Promise.all(
          scenes.map(async ({ rules, spec, limits }) => {
            const server = await startScriptedServer({
              software: 'OpenSSH_9.9',
              fsync: true,
              freeBytes: () => 1e9,
              ...(limits ? { limits: { packet: 262_144, read: 261_120, write: 20_000, handles: 9 } } : {}),
            });
            obey(
              server,
              rules.filter(({ type }) => type !== 'limits'),
            );
            (await within(everything(server, spec, content(100_000)))).forEach(expectEnd);
            await server.stop();
          }),
        );
      }),
      { numRuns: runs, endOnFailure: true },
    );
  });

  test.each(Object.keys(misdeeds))('an upload ends if every write gets this answer: %s', async (what) => {
    const server = await startScriptedServer();
    obey(server, [{ type: 'write', nth: 1, always: true, what }]);
    const { remote } = await connectTo(server, small);
    const end = await within(deposit(remote, content(100_000)).catch((error: unknown) => error));
    if (what === 'success at once and an answer too many') expect(end).toMatchObject({ status: 'acknowledged' });
    else if (what === 'a status code that nobody knows')
      expect(end).toMatchObject({ exit: 15, message: expect.stringContaining('4711') });
    else expect(end).toMatchObject({ code: 'connection-lost', published: 'no' });
  });
});

test('the write test of doctor ends, whatever the server answers', { timeout: 170_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          type: fc.constantFrom(...requests, 'read' as const),
          nth: fc.integer({ min: 1, max: 6 }),
          always: fc.boolean(),
          what: fc.constantFrom(...Object.keys(misdeeds)),
        }),
        { minLength: 1, maxLength: 2 },
      ),
      async (rules) => {
        const server = await startScriptedServer({ fsync: true });
        const { remote } = await connectTo(server, { ...small, retryForMs: 0 });
        obey(server, rules);
        expectEnd(await within(testWrites(remote).catch((error: unknown) => error)));
        await remote.close();
        await server.stop();
      },
    ),
    { numRuns: runs, endOnFailure: true },
  );
});

describe('progress', () => {
  test('reconnecting is no progress; the error says what happened, and for how long nothing was acknowledged', async () => {
    const server = await startScriptedServer();
    obey(server, [{ type: 'write', nth: 1, always: true, what: 'the channel closes' }]);
    const { remote } = await connectTo(server, small);
    const error = await within(failure(deposit(remote, content(50_000))));
    expect(error).toMatchObject({
      code: 'connection-lost',
      published: 'no',
      message: expect.stringMatching(/acknowledged nothing for \d+ m?s: the server closed the SFTP channel$/),
      hint: expect.stringContaining('doctor'),
    });
    expect(server.connections).toBeGreaterThan(1);
  });

  test('a connection that is lost and not made again is told as that, with when, how far, and what stands in the way', async () => {
    const server = await startScriptedServer();
    let stopped: Promise<void> | undefined;
    server.script = (r) => {
      if (r.type === 'write' && r.nth === 20) stopped ??= server.stop();
      return undefined;
    };
    const { remote } = await connectTo(server, small);
    const error = await within(failure(deposit(remote, content(1_000_000))));
    await stopped;
    expect(error).toMatchObject({
      code: 'connection-lost',
      published: 'no',
      message: expect.stringMatching(
        /^the connection to \S+ was lost at \d\d:\d\d:\d\d, after \d+\.\d MiB, and did not come back within \d+ m?s: it refused the connection$/,
      ),
      hint: expect.stringContaining('whether its server is running'),
    });
  });

  test('text instead of an answer is quoted, with control characters escaped', async () => {
    const server = await startScriptedServer();
    obey(server, [{ type: 'write', nth: 1, always: true, what: 'text' }]);
    const { remote } = await connectTo(server, small);
    const error = await within(failure(deposit(remote, content(50_000))));
    expect(error.message).toContain("make no sense: it sent 'Welcome to \\x1b[31msftp.example.org\\x0d\\x0a' where");
  });

  test('a source that is silent for longer than retryFor does not end the upload', async () => {
    const [server, silent] = [
      await startScriptedServer(),
      await startScriptedServer({ script: () => ({ answer: 'never' }) }),
    ];
    const { remote } = await connectTo(server, small);
    const other = await connectTo(silent, small);
    const upload = await remote.createUpload(names);
    const [first, second] = blocksOf(content(60_000), 30_000);
    await upload.write(first);
    await expect.poll(() => upload.acknowledged).toBe(30_000);
    // Waits until the same limit has ended a connection to another server.
    expect(await within(failure(other.remote.stat('x')))).toMatchObject({ code: 'connection-lost' });
    await upload.write(second);
    expect(await upload.complete({ beforeClose: () => Promise.resolve() })).toMatchObject({ status: 'acknowledged' });
  });

  test('an answer of another type, such as an extended reply, acknowledges no write', async () => {
    for (const what of ['an extended answer', 'attributes', 'data', 'a handle']) {
      const server = await startScriptedServer();
      server.script = (r) => (r.type === 'write' ? { ...misdeeds[what](r, server), do: false } : undefined);
      const { remote } = await connectTo(server, small);
      expect(await within(failure(deposit(remote, content(5000))))).toMatchObject({
        code: 'connection-lost',
        message: expect.stringContaining('instead of a status'),
      });
    }
  });
});
