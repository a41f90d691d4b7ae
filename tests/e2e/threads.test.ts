/** The threads that seal get ready while depot connects: what they must not do before their time, and that none is left behind. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cleanup, tempDir } from '../support/cleanup.js';
import { checkout, type DepotOptions } from '../support/cli.js';
import { eventually } from '../support/process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

/** Has a push report its threads. */
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

test('they are up before the partial file is there, and no source command runs before that', async () => {
  const { options, up, end } = watched();
  const server = await startScriptedServer({ fsync: true });
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { dataset: [{ command: ['sh', '-c', 'touch ran; echo data'], as: 'x' }] },
  );
  const hasRun = (): boolean => existsSync(join(supplier.directory, 'ran'));
  const ranBefore: boolean[] = [];
  server.script = ({ type, path }) => {
    if (type !== 'open' || !/Z_[0-9a-f]+\.partial$/.test(path)) return undefined;
    // Sealing thread and packing thread.
    return {
      wait: eventually(() => up() === (availableParallelism() < 2 ? 1 : 2)).then(() => ranBefore.push(hasRun())),
    };
  };
  await supplier.deposit([], options);
  expect([ranBefore, hasRun()]).toEqual([[false], true]);
  expect(end()).toEqual({ started: 1, running: 0, byItself: true });

  const skipped = watched();
  const { result } = await supplier.push(['--if-older-than', '20h'], skipped.options);
  expect(result.skipped).toBeTruthy();
  expect(skipped.end(), 'nothing to seal, nothing to start').toEqual({ started: 0, running: 0, byItself: true });
});

test('a push that cannot connect, or is interrupted while it does, ends by itself and leaves none', async () => {
  const silent = createServer((socket) => void socket.on('error', () => undefined).resume());
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  cleanup(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const supplier = await Supplier.create(
    {
      host: '127.0.0.1',
      port,
      username: 'acme',
      password: 'x',
      remoteDirectory: '/in',
      fingerprints: [`SHA256:${'A'.repeat(43)}`],
    },
    { remote: { retryFor: '0s' } },
  );
  writeFileSync(join(supplier.data, 'x'), 'x');

  const interrupted = watched();
  let interrupt: () => void = () => undefined;
  const pushing = supplier.push([], {
    ...interrupted.options,
    started: ({ kill }) => {
      interrupt = () => kill('SIGINT');
    },
  });
  await eventually(() => interrupted.up() > 0);
  interrupt();
  expect((await pushing).result.error).toMatchObject({ code: 'interrupted', exit: 130 });
  expect(interrupted.end()).toEqual({ started: 1, running: 0, byItself: true });

  await new Promise((closed) => silent.close(closed));
  const refused = watched();
  expect((await supplier.push([], refused.options)).result.error).toMatchObject({ code: 'unreachable', exit: 14 });
  expect(refused.end()).toEqual({ started: 1, running: 0, byItself: true });
});
