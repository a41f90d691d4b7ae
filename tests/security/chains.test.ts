/** Laws 1, 2 and 7 of docs/architecture.md for increments, and for the index that a supplier keeps for them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { alteredDepot, passThrough } from '../support/altered.js';
import { pattern } from '../support/awkward.js';
import { type Canary, canary, leaks, textCanary } from '../support/canaries.js';
import { tempDir } from '../support/cleanup.js';
import { checkout, type DepotOptions } from '../support/cli.js';
import { peer } from '../support/peers.js';
import { received } from '../support/received.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { traced } from '../support/strace.js';
import { freshPath, Supplier } from '../support/supplier.js';

const strace = peer('strace');

interface Scene {
  server: ScriptedServer;
  supplier: Supplier;
  /** TMPDIR and HOME of depot: empty at first. */
  temporary: string;
  /** What is in the data of either night. */
  canaries: Canary[];
}

/** A full deposit, and then changes of every kind: what an increment, and the index, have to say of them are canaries. */
async function secondNight(options: DepotOptions = {}): Promise<Scene> {
  const server = await startScriptedServer();
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    {
      ownProcess: true,
      dataset: [{ directory: 'data' }, { command: ['cat', 'output'], as: 'dump' }],
      arrangement: { compression: 'none', incremental: { agentKeeps: '90d' } },
    },
  );
  const temporary = join(supplier.directory, 'tmp');
  mkdirSync(temporary);
  const all: Canary[] = [];
  const secret = (of: string): Buffer => {
    all.push(canary(of));
    return all.at(-1)!.bytes;
  };
  /** A name in plain letters, which a list of names has as it is. */
  const name = (of: string): string => {
    all.push(textCanary(of, canary(of).bytes.toString('hex')));
    return all.at(-1)!.bytes.toString();
  };
  const at = (file: string | Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${supplier.data}/`), Buffer.from(file as string)]);
  const large = join(supplier.data, name("a large file's name"));
  writeFileSync(large, pattern(3_000_000));
  writeFileSync(join(supplier.directory, 'output'), Buffer.concat([pattern(200_000), secret("a command's output")]));
  const removed = at(name("a removed file's name"));
  writeFileSync(removed, secret("a removed file's contents"));
  const kept = at(secret("an unchanged file's name"));
  writeFileSync(kept, secret("an unchanged file's contents"));
  const renamed = [at(name("a file's former name")), at(name("a file's new name"))];
  const moved = secret("a renamed file's contents");
  writeFileSync(renamed[0], moved);
  const full = await supplier.push([], withHome(temporary, options));
  expect(full.code, full.stdout + full.stderr).toBe(0);

  rmSync(removed);
  rmSync(renamed[0]);
  writeFileSync(renamed[1], moved);
  writeFileSync(at(secret("a new file's name")), secret("a new file's contents"));
  const directory = join(supplier.data, name("a new directory's name"));
  mkdirSync(directory);
  const before = readFileSync(large);
  writeFileSync(
    large,
    Buffer.concat([before.subarray(0, 1_000_000), secret('what was inserted'), before.subarray(1_000_000)]),
  );
  writeFileSync(join(supplier.directory, 'output'), Buffer.concat([pattern(200_000), secret('new output')]));
  return { server, supplier, temporary, canaries: all };
}

function withHome(temporary: string, { env, ...options }: DepotOptions): DepotOptions {
  return { ...options, env: { TMPDIR: temporary, HOME: temporary, ...env } };
}

async function increment({ supplier, temporary }: Scene, options: DepotOptions = {}) {
  const pushed = await supplier.push([], withHome(temporary, options));
  expect(pushed.code, pushed.stdout + pushed.stderr).toBe(0);
  expect(pushed.result.deposit!.receipt).toMatchObject({ chain: { number: 1 } });
  return pushed.result.deposit!;
}

/** Every file below, with what is in it and with its path. */
function* filesBelow(...directories: string[]): Generator<[string, Buffer]> {
  for (const directory of directories)
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      const path = join(directory, name);
      yield [`the path ${path}`, Buffer.from(path)];
      if (statSync(path).isFile()) yield [path, readFileSync(path)];
    }
}

/** Breaks law 2, and law 7: an index in plain text, and output that stays although not all of it authenticated. */
let lawless: string;
/** Breaks law 1. */
let unsealed: string;
beforeAll(async () => {
  unsealed = await alteredDepot({ 'pgp/writer.ts': () => passThrough });
  lawless = await alteredDepot({
    'dataset/increment/frames.ts': (source) =>
      source.replace(
        'const sealed = [cipher.update(frame), cipher.final(), cipher.getAuthTag()];',
        'const sealed = [(cipher.update(frame), cipher.final(), Buffer.from(frame)), cipher.getAuthTag()];',
      ),
    'reader/chain/restore.ts': (source) =>
      source.replace('await removeOrSay(partial, restoring.hooks);', 'await partial.putInPlace();'),
  });
});

describe('law 1: of an increment, nothing but sealed bytes leaves', () => {
  test('the server received nothing of the data, and no name', async () => {
    const scene = await secondNight();
    await increment(scene);
    expect(leaks(received(scene.server), scene.canaries)).toEqual([]);
  });

  test('control: a program that does not encrypt is caught', async () => {
    const scene = await secondNight({ script: unsealed });
    scene.server.payloads.length = 0;
    await increment(scene, { script: unsealed });
    const found = leaks(received(scene.server), scene.canaries).join('\n');
    for (const what of [
      "a removed file's name, raw",
      "a file's former name, raw",
      "a file's new name, raw",
      "a new file's name, escaped",
      "a new file's contents, raw",
      "a new directory's name, raw",
      'what was inserted, raw',
      'new output, raw',
    ])
      expect(found).toContain(what);
    // An increment holds what changed, and says nothing of the rest.
    for (const what of ["an unchanged file's", "a removed file's contents", "a renamed file's contents"])
      expect(found).not.toContain(what);
  });
});

describe('law 2: neither an increment nor its index leaves plaintext', () => {
  test('nothing is written but in the state directory, and no plaintext there', async (context) => {
    if (strace === undefined) return context.skip();
    const { supplier, temporary, canaries } = await secondNight();
    const { code, written, stderr } = await traced(
      strace,
      ['push', '--config', supplier.config],
      withHome(temporary, { cwd: supplier.directory }),
    );
    expect(code, stderr).toBe(0);
    const outside = written.filter(
      (path) =>
        !/^(\/dev\/|\/proc\/|(socket|pipe|anon_inode|memfd):)/.test(path) &&
        !resolve(path).startsWith(supplier.state + sep),
    );
    expect(outside.filter((path) => path !== supplier.state)).toEqual([]);
    expect(written.some((path) => path.endsWith('.index'))).toBe(true);
    expect(supplier.stateFiles('index').filter((name) => name.endsWith('.index'))).toHaveLength(1);
    expect(leaks(filesBelow(supplier.state, temporary), canaries)).toEqual([]);
  });

  test.each(['first-block-sent', 'sealed', 'published'])('killed at %s: nor then', async (step) => {
    const { supplier, temporary, canaries } = await secondNight();
    const stop = { node: ['--import', join(checkout, 'tests/support/preload-stop.mjs')], env: { DEPOT_STOP_AT: step } };
    const { signal } = await supplier.depot(['push'], withHome(temporary, stop));
    expect(signal).toBe('SIGKILL');
    expect(supplier.stateFiles('index').filter((name) => name.endsWith('.index'))).toHaveLength(2);
    expect(leaks(filesBelow(supplier.state, temporary), canaries)).toEqual([]);
  });

  test('control: an index in plain text is found', async () => {
    const { supplier, temporary, canaries } = await secondNight({ script: lawless });
    const found = leaks(filesBelow(supplier.state, temporary), canaries).join('\n');
    for (const what of ["a removed file's name, raw", "an unchanged file's name, raw", "a large file's name, raw"])
      expect(found).toContain(what);
  });
});

describe('law 7: of a night, nothing is put in place before all of its suitcases have authenticated', () => {
  test('control: a program that keeps what has not is caught', async () => {
    const scene = await secondNight();
    const { suitcase } = await increment(scene);
    const released = tempDir('released');
    for (const [path, bytes] of scene.server.files)
      if (path.endsWith('.pgp')) writeFileSync(join(released, path.replace(/^.*\//, '')), bytes);
    const newest = readFileSync(join(released, suitcase));
    newest[newest.length - 1] ^= 1;
    writeFileSync(join(released, suitcase), newest);
    const decrypt = async (options: DepotOptions) => {
      const out = freshPath();
      const args = ['decrypt', released, '--key', scene.supplier.recipientKey, '--out', out];
      const { code } = await scene.supplier.depot(args, options);
      return { code, isThere: existsSync(out) };
    };
    expect(await decrypt({})).toEqual({ code: 21, isThere: false });
    expect(await decrypt({ script: lawless })).toEqual({ code: 21, isThere: true });
  });
});
