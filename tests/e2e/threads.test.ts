/** The threads of a push start when there is something to seal, not before, and none is left behind. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import { pattern } from '../support/awkward.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { checkout, depot, type DepotOptions } from '../support/cli.js';
import { eventually } from '../support/process.js';
import { peers } from '../support/peers.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { startSshd } from '../support/sshd.js';
import { nowhere, Supplier } from '../support/supplier.js';

/** Makes a push report its threads. */
function watched(): { options: DepotOptions; up: () => number; end: () => unknown } {
  const directory = tempDir();
  return {
    options: {
      node: ['--import', join(checkout, 'tests/support/preload-threads.mjs')],
      env: { DEPOT_THREADS: directory },
    },
    up: () => readdirSync(directory).filter((name) => name.startsWith('up-')).length,
    end: () => JSON.parse(readFileSync(join(directory, 'end.json'), 'utf8')) as unknown,
  };
}

test('threads and source commands start only when the partial file exists', async () => {
  const { options, up, end } = watched();
  const server = await startScriptedServer({ fsync: true });
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { dataset: [{ command: ['sh', '-c', 'touch ran; echo data'], as: 'x' }] },
  );
  const hasRun = (): boolean => existsSync(join(supplier.directory, 'ran'));
  const before: unknown[] = [];
  server.script = ({ type, path }) => {
    if (type === 'open' && /Z_[0-9a-f]+\.partial$/.test(path)) before.push(up(), hasRun());
    return undefined;
  };
  await supplier.deposit([], options);
  expect([before, hasRun()]).toEqual([[0, false], true]);
  expect(end(), 'packing thread and sealing thread').toEqual({ started: 2, running: 0, byItself: true });

  const skipped = watched();
  const { result } = await supplier.push(['--if-older-than', '20h'], skipped.options);
  expect(result.skipped).toBeTruthy();
  expect(skipped.end(), 'nothing to seal, nothing to start').toEqual({ started: 0, running: 0, byItself: true });
});

test.each([
  [0, []],
  [1, []],
  [2, ['--rehearse']],
] as const)(
  'a push that may start %d threads and needs more fails, and leaves nothing at the agent and no source running',
  async (most, flags) => {
    const { options, end } = watched();
    const server = await startScriptedServer({ fsync: true });
    const source = ['sh', '-c', 'echo $$ >> ran; exec sleep 60'];
    const supplier = await Supplier.create(
      { ...server, remoteDirectory: '/in' },
      { dataset: [{ command: source, as: 'x' }] },
    );
    const { code, result } = await supplier.push([...flags], {
      ...options,
      env: { ...options.env, DEPOT_MOST_THREADS: String(most) },
    });
    expect(code, JSON.stringify(result)).toBe(5);
    expect(result.error).toMatchObject({ code: 'local-limit', hint: expect.stringContaining('ulimit -u') as string });
    expect([...server.files.keys()], 'at the agent').toEqual([]);
    expect(readdirSync(join(supplier.directory, 'state/acme-crm/pending')), 'pending').toEqual([]);
    expect(end()).toMatchObject({ running: 0 });
    const ran = join(supplier.directory, 'ran');
    if (most < 2) expect(existsSync(ran), 'no source was started').toBe(false);
    else if (existsSync(ran)) await eventually(() => !existsSync(`/proc/${readFileSync(ran, 'utf8').trim()}`));
  },
);

test('a push that is interrupted while it connects or seals ends by itself and leaves no thread', async () => {
  const silent = createServer((socket) => void socket.on('error', () => undefined).resume());
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  cleanup(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const connecting = await Supplier.create({ ...nowhere, port }, { remote: { retryFor: '0s' } });
  writeFileSync(join(connecting.data, 'x'), 'x');
  const connected = new Promise((accepted) => silent.once('connection', accepted));
  expect(await interrupted(connecting, () => connected)).toEqual({ started: 0, running: 0, byItself: true });

  const server = await startScriptedServer({ fsync: true });
  const sealing = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { dataset: [{ command: ['sh', '-c', 'touch ran; exec sleep 600'], as: 'x' }] },
  );
  expect(await interrupted(sealing, () => eventually(() => existsSync(join(sealing.directory, 'ran'))))).toEqual({
    started: 2,
    running: 0,
    byItself: true,
  });
});

/** Interrupts a push at a given moment; returns what became of its threads. */
async function interrupted(supplier: Supplier, when: () => Promise<unknown>): Promise<unknown> {
  const { options, end } = watched();
  let interrupt: () => void = () => undefined;
  const pushing = supplier.push([], {
    ...options,
    started: ({ kill }) => {
      interrupt = () => kill('SIGINT');
    },
  });
  await when();
  interrupt();
  expect((await pushing).result.error).toMatchObject({ code: 'interrupted', exit: 130 });
  return end();
}

describe.skipIf(peers('sshd', 'ssh-keygen') === undefined)(
  'a thread that dies suddenly ends the command, and nothing waits for it:',
  () => {
    const dies = 'process.exit(7);';
    test.each([
      ['packing', 'push', 'seal/packing.ts', 'to.pass(chunk);'],
      ['sealing', 'push', 'seal/seal.ts', 'encryptor.update(bytes);'],
      ['rehearsal', 'push', 'open/rehearse.ts', 'digest.update(inUse);'],
      ['opening', 'decrypt', 'open/open.ts', 'suitcase.authenticate();\n    return result;'],
      ['reading', 'decrypt', 'open/read-ahead.ts', 'to.pass(block.subarray(0, length));'],
      ['writing', 'decrypt', 'open/write-beside.ts', 'if (note.isDigested) hash.update(bytes);'],
    ])('%s', async (thread, command, file, place) => {
      const script = await alteredDepot({ [file]: (source) => source.replace(place, `${dies} ${place}`) });
      const server = await startSshd();
      const supplier = await Supplier.create(server, { arrangement: { compression: 'none' } });
      writeFileSync(join(supplier.data, 'big'), pattern(40 * 2 ** 20));
      const message = `the ${thread} thread stopped before it had finished`;
      if (command === 'push') {
        const { result } = await supplier.push(['--rehearse'], { script });
        expect(result.error).toMatchObject({ code: 'internal', message, published: 'no' });
      } else {
        const { suitcase } = await supplier.deposit();
        const out = join(tempDir(), 'out');
        const opened = await depot(
          ['decrypt', join(server.incoming, suitcase), '--key', supplier.recipientKey, '--out', out],
          { script },
        );
        expect(opened.stderr).toContain(message);
        expect([opened.code, existsSync(out)]).toEqual([1, false]);
      }
    });
  },
);
