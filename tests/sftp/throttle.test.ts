import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { markReceiptBytes } from '../../src/outbound.js';
import { connect, type Remote } from '../../src/sftp/remote.js';
import { Throttle, turnFor, Turns } from '../../src/sftp/throttle.js';
import type { RemoteSpec } from '../../src/sftp/types.js';
import { cleanup } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { startSshd, type Sshd } from '../support/sshd.js';
import { type Wire, wireTo } from '../support/wire.js';
import { blocksOf, connectTo, content, deposit, names, quiet, sha256, specFor } from './support.js';

const KiB = 1024;
const MiB = 1024 * KiB;
const patience = { pause: () => () => undefined };

describe('turns', () => {
  afterEach(() => vi.useRealTimers());

  /** A writer that always has more; how many bytes it wrote. */
  function writer(throttle: Throttle): { written: () => number; stop: () => void } {
    let written = 0;
    let stopped = false;
    const turns = new Turns(throttle, patience, { go: () => write(), idle: () => true });
    const write = (): void => {
      while (!stopped && turns.mayWrite()) {
        const bytes = Math.min(turns.piece, 256 * KiB);
        written += bytes;
        turns.sent(bytes);
      }
    };
    write();
    return {
      written: () => written,
      stop: () => {
        stopped = true;
        turns.stop();
      },
    };
  }

  test('are shared out evenly, and never exceed the limit', () => {
    vi.useFakeTimers();
    const throttle = new Throttle(() => MiB);
    const writers = [writer(throttle), writer(throttle), writer(throttle)];
    vi.advanceTimersByTime(60_000);
    const amounts = writers.map(({ written }) => written());
    const total = amounts.reduce((sum, n) => sum + n);
    expect(total).toBeGreaterThan(0.98 * 60 * MiB);
    expect(total).toBeLessThan(1.01 * 60 * MiB);
    expect(Math.max(...amounts) - Math.min(...amounts)).toBeLessThanOrEqual(256 * KiB);
  });

  test('are given one at a time to writers of a single piece', async () => {
    vi.useFakeTimers();
    const throttle = new Throttle(() => 64 * KiB);
    let written = 0;
    for (let i = 0; i < 16; i++) void turnFor(64 * KiB, throttle, patience).then(() => (written += 64 * KiB));
    await vi.advanceTimersByTimeAsync(8000);
    expect(written).toBeGreaterThanOrEqual(7 * 64 * KiB);
    expect(written).toBeLessThanOrEqual(9 * 64 * KiB);
  });

  test('are not saved up while nobody writes', () => {
    vi.useFakeTimers();
    const throttle = new Throttle(() => MiB);
    const first = writer(throttle);
    vi.advanceTimersByTime(1000);
    first.stop();
    vi.advanceTimersByTime(3_600_000);
    const second = writer(throttle);
    vi.advanceTimersByTime(1);
    expect(second.written(), 'an eighth of a second').toBe(MiB / 8);
  });

  test('a writer that gave up does not hold up the others', () => {
    vi.useFakeTimers();
    const throttle = new Throttle(() => MiB);
    const [first, second] = [writer(throttle), writer(throttle)];
    first.stop();
    vi.advanceTimersByTime(10_000);
    expect(second.written()).toBeGreaterThan(9.8 * MiB);
  });

  test('follow a limit that changes, or ends', () => {
    vi.useFakeTimers();
    let rate = 100 * KiB;
    const throttle = new Throttle(() => rate);
    const one = writer(throttle);
    vi.advanceTimersByTime(10_000);
    const slow = one.written();
    expect(slow / (1000 * KiB)).toBeCloseTo(1, 1);
    rate = 10 * MiB;
    vi.advanceTimersByTime(10_000);
    expect((one.written() - slow) / (100 * MiB)).toBeCloseTo(1, 1);
    one.stop();
    rate = Infinity;
    const unlimited = new Turns(throttle, patience, { go: () => undefined, idle: () => true });
    expect(unlimited.piece).toBe(Infinity);
  });
});

const ssh = peer('sshd') !== undefined;

async function through(server: Sshd, wire: Wire, more: Partial<RemoteSpec>): Promise<Remote> {
  const spec = specFor(server, { port: wire.port, directory: server.remoteDirectory, ...more });
  const remote = await connect(spec, { privateKey: readFileSync(server.privateKeyFile) }, quiet);
  cleanup(() => remote.close());
  return remote;
}

describe.skipIf(!ssh)('an upload with a limit, measured at the wire', () => {
  test('over several lanes and connections at once keeps to it, and all of it arrives', async () => {
    const server = await startSshd();
    const wire = await wireTo(server.port);
    const throttle = new Throttle(() => 2 * MiB);
    const remotes = [
      await through(server, wire, { throttle, lanes: 4 }),
      await through(server, wire, { throttle, lanes: 'auto' }),
    ];
    wire.mark();
    const bytes = content(10 * MiB);
    await Promise.all(
      remotes.map(async (remote, i) => {
        const upload = await remote.createUpload({ partialName: `.${i}.partial`, finalName: `${i}` });
        for (const block of blocksOf(bytes)) await upload.write(block);
        await upload.complete({ beforeClose: () => Promise.resolve() });
      }),
    );
    for (const i of [0, 1]) expect(sha256(readFileSync(join(server.incoming, `${i}`)))).toBe(sha256(bytes));
    expect(wire.rate() / (2 * MiB)).toBeLessThan(1.05);
    expect(wire.rate() / (2 * MiB), 'and uses it').toBeGreaterThan(0.9);
    expect(remotes[1].stats.lanes, 'a limit is no reason for more lanes').toBe(1);
  });

  test('goes on with it over a connection that was made again', async () => {
    const server = await startSshd();
    const wire = await wireTo(server.port);
    const throttle = new Throttle(() => MiB);
    const remote = await through(server, wire, { throttle });
    wire.mark();
    const bytes = content(5 * MiB);
    const upload = await remote.createUpload(names);
    const cut = setInterval(() => {
      if (upload.acknowledged < 2 * MiB) return;
      clearInterval(cut);
      wire.cut();
    }, 20);
    cleanup(() => clearInterval(cut));
    for (const block of blocksOf(bytes)) await upload.write(block);
    await upload.complete({ beforeClose: () => Promise.resolve() });
    expect(remote.stats.reconnects).toBe(1);
    expect(wire.rate() / MiB).toBeLessThan(1.05);
    expect(sha256(readFileSync(join(server.incoming, names.finalName)))).toBe(sha256(bytes));
  });
});

test('a limit so low that each write waits longer than depot waits for a server is no failure', async () => {
  const server = await startScriptedServer();
  const throttle = new Throttle(() => KiB);
  const { remote, warnings } = await connectTo(server, {
    throttle,
    retryForMs: 300,
    quietForMs: 300,
    stallMs: 500,
  });
  await deposit(remote, content(3 * KiB));
  await remote.sidecar('x_1.receipt.json', markReceiptBytes(new Uint8Array(content(2 * KiB)))).publish();
  expect(warnings).toEqual([]);
  expect(remote.stats).toMatchObject({ attempts: 1, reconnects: 0, lanes: 1 });
});

test('with a limit, a server that stops to answer is still noticed', async () => {
  const server = await startScriptedServer({
    script: ({ type, nth }) => (type === 'write' && nth > 2 ? { answer: 'never' } : undefined),
  });
  const { remote } = await connectTo(server, {
    throttle: new Throttle(() => 64 * KiB),
    retryForMs: 1000,
    quietForMs: 1000,
    stallMs: 300,
  });
  await expect(deposit(remote, content(64 * KiB))).rejects.toMatchObject({ code: 'connection-lost' });
});
