/** Which files an increment reads again, and which contents it sends. */
import fs from 'node:fs';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { pattern } from '../../support/awkward.js';
import { tempDir } from '../../support/cleanup.js';
import { directorySource } from '../packing.js';
import { PackedChain } from './packed-chain.js';

let data: string;
let chain: PackedChain;
beforeEach(() => {
  data = tempDir('data');
  chain = new PackedChain([directorySource(data, { onChange: 'warn' })]);
});
afterEach(() => void vi.restoreAllMocks());

const at = (name: string): string => join(data, name);
const OLD = 1_700_000_000;

/** From now on files are old enough to be trusted by their times. */
function later(): void {
  const { now } = Date;
  vi.spyOn(Date, 'now').mockImplementation(() => now() + 300_000);
}

/** Counts how often a file is opened: each of those is a reading. */
function opened(): { count: number } {
  const seen = { count: 0 };
  const { openSync } = fs;
  fs.openSync = (path: fs.PathLike, ...rest: [fs.OpenMode]) => {
    if (String(path).startsWith(data)) seen.count++;
    return openSync(path, ...rest);
  };
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.openSync = openSync;
    syncBuiltinESMExports();
  });
  return seen;
}

/** A file system whose ctime never changes, as where somebody sets the clock to hide something, or a disk that fails. */
function withoutCtime(): void {
  const originals = { lstatSync: fs.lstatSync, fstatSync: fs.fstatSync };
  const still =
    (read: (...args: unknown[]) => unknown) =>
    (...args: unknown[]): unknown => {
      const stat = read(...args) as { ctimeNs?: bigint } | undefined;
      if (typeof stat?.ctimeNs === 'bigint') stat.ctimeNs = 1n;
      return stat;
    };
  Object.assign(fs, { lstatSync: still(fs.lstatSync as never), fstatSync: still(fs.fstatSync as never) });
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(fs, originals);
    syncBuiltinESMExports();
  });
}

const sizes = [
  ['a small file', 2000],
  ['a large file', 1_200_000],
] as const;

describe.each(sizes)('%s', (_, size) => {
  beforeEach(() => {
    writeFileSync(at('file'), pattern(size));
    utimesSync(at('file'), OLD, OLD);
  });
  const rewrite = (seed = 2): void => {
    writeFileSync(at('file'), pattern(size, seed), { flag: 'r+' });
    utimesSync(at('file'), OLD, OLD);
  };

  test('with the same size and time, rewritten right after it was read: its new contents are deposited', async () => {
    await chain.night();
    rewrite();
    expect((await chain.night()).sent).toBe(size);
    chain.expectSame('data/tree/file', at('file'));
  });

  test('with the same size and time, rewritten long after: ctime tells', async () => {
    later();
    await chain.night();
    rewrite();
    expect((await chain.night()).sent).toBe(size);
    chain.expectSame('data/tree/file', at('file'));
  });

  test('is not opened when nothing of it changed; while it is young, it is', async () => {
    await chain.night();
    const seen = opened();
    expect((await chain.night()).sent).toBe(0);
    expect(seen.count).toBeGreaterThan(0);
    later();
    await chain.night();
    seen.count = 0;
    expect((await chain.night()).sent).toBe(0);
    expect(seen.count).toBe(0);
    chain.expectSame('data/tree/file', at('file'));
  });

  test.each<[string, () => void]>([
    [
      'renamed and back',
      () => {
        renameSync(at('file'), at('x'));
        renameSync(at('x'), at('file'));
      },
    ],
    [
      'chmod and back',
      () => {
        chmodSync(at('file'), 0o600);
        chmodSync(at('file'), 0o644);
      },
    ],
    ['written anew with what it had', () => rewrite(1)],
    [
      'another file with the same contents in its place',
      () => {
        cpSync(at('file'), at('x'));
        renameSync(at('x'), at('file'));
      },
    ],
    ['touched', () => utimesSync(at('file'), OLD + 1, OLD + 1)],
  ])('%s: it is read, and nothing of it is sent', async (_, change) => {
    later();
    chmodSync(at('file'), 0o644);
    await chain.night();
    change();
    const seen = opened();
    expect((await chain.night()).sent).toBe(0);
    expect(seen.count).toBeGreaterThan(0);
    chain.expectSame('data/tree/file', at('file'));
    seen.count = 0;
    await chain.night();
    expect(seen.count).toBe(0);
  });

  test('whose time is in the future is read every night', async () => {
    later();
    const future = Date.now() / 1000 + 1_000_000;
    utimesSync(at('file'), future, future);
    await chain.night();
    const seen = opened();
    await chain.night();
    await chain.night();
    expect(seen.count).toBeGreaterThanOrEqual(2);
  });

  test('other contents under the same size and times: found by reading everything, said, and deposited', async () => {
    withoutCtime();
    later();
    await chain.night();
    rewrite();
    const trusting = await chain.night();
    expect(trusting).toMatchObject({ sent: 0, warnings: [] });
    expect(trusting.chain.lastReadInFull).toBe('2026-11-22T00:30:00Z');
    const reading = await chain.night({ reread: true });
    expect(reading.sent).toBe(size);
    expect(reading.warnings).toEqual([
      expect.stringMatching(/file has different contents than when it was last read, but the same size and times$/),
    ]);
    expect(reading.chain.lastReadInFull).toBe('2026-11-22T00:30:02Z');
    chain.expectSame('data/tree/file', at('file'));
    expect((await chain.night({ reread: true })).warnings).toEqual([]);
  });
});

test('a file that changes while it is read is said, makes the night incomplete, and is read again', async () => {
  writeFileSync(at('a'), 'a');
  writeFileSync(at('large'), pattern(3_000_000));
  await chain.night();
  later();
  writeFileSync(at('large'), pattern(5_000_000, 2));
  const torn = await chain.night({ onChunk: (n) => n === 1 && appendFileSync(at('large'), 'more') });
  expect(torn.warnings).toEqual([expect.stringContaining('large changed while it was read')]);
  expect(torn.chain.complete).toBe(false);
  const seen = opened();
  const whole = await chain.night();
  expect(seen.count).toBe(1);
  expect(whole.chain.complete).toBe(true);
  chain.expectSame('data/tree/large', at('large'));
  expect((await chain.night()).chain.complete).toBe(true);
});

describe('costs no contents', () => {
  const files = 40;
  beforeEach(() => {
    mkdirSync(at('folder'));
    for (let i = 0; i < files; i++) writeFileSync(at(`folder/${i}`), pattern(3000, i + 1));
    writeFileSync(at('folder/large'), pattern(1_500_000, 99));
    later();
  });

  test.each<[string, () => void]>([
    ['a folder that was renamed', () => renameSync(at('folder'), at('another'))],
    ['a folder that comes earlier now', () => renameSync(at('folder'), at('a'))],
    [
      'a folder that was moved into another',
      () => {
        mkdirSync(at('in'));
        renameSync(at('folder'), at('in/folder'));
      },
    ],
    [
      'files that were written anew with what they had',
      () => {
        cpSync(at('folder'), at('x'), { recursive: true });
        rmSync(at('folder'), { recursive: true });
        renameSync(at('x'), at('folder'));
      },
    ],
    ['a copy', () => cpSync(at('folder'), at('copy'), { recursive: true })],
    [
      'hard links to all of it',
      () => {
        mkdirSync(at('links'));
        for (const i of [...Array(files).keys(), 'large']) linkSync(at(`folder/${i}`), at(`links/${i}`));
      },
    ],
  ])('%s', async (_, change) => {
    await chain.night();
    change();
    const { sent, tar } = await chain.night();
    expect(sent).toBe(0);
    // Headers, a line for each path twice, README and script.
    expect(tar.length).toBeLessThan(60_000);
    const now = chain.paths().filter((path) => /\d$|large$/.test(path));
    expect(now.length).toBeGreaterThanOrEqual(files + 1);
    for (const path of now) {
      const file = path.replace('data/tree', data);
      if (!path.includes('links')) chain.expectSame(path, file);
    }
  });
});

test('one of two hard links gets contents of its own: those are sent once, and both are right', async () => {
  writeFileSync(at('a'), pattern(3000));
  linkSync(at('a'), at('b'));
  later();
  await chain.night();
  rmSync(at('b'));
  writeFileSync(at('b'), pattern(4000, 2));
  linkSync(at('b'), at('c'));
  expect((await chain.night()).sent).toBe(4000);
  for (const name of ['a', 'b']) chain.expectSame(`data/tree/${name}`, at(name));
  rmSync(at('a'));
  rmSync(at('b'));
  expect((await chain.night()).sent).toBe(0);
  chain.expectSame('data/tree/c', at('c'));
  expect(lstatSync(at('c')).nlink).toBe(1);
  expect(readFileSync(at('c'))).toHaveLength(4000);
});

test('a large file that is new shows while it is read', async () => {
  writeFileSync(at('small'), 'a');
  await chain.night();
  writeFileSync(at('large'), pattern(20 << 20));
  const { read } = await chain.night();
  const steps = read.map((bytes, i) => bytes - (read[i - 1] ?? 0));
  expect(Math.max(...steps)).toBeLessThan(10 << 20);
});

test('an increment without anything new tells how far the reading is', async () => {
  for (let i = 0; i < 5; i++) writeFileSync(at(`file-${i}`), pattern(1000));
  for (let i = 0; i < 5; i++) utimesSync(at(`file-${i}`), OLD, OLD);
  later();
  await chain.night();
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
  const { read } = await chain.night();
  expect([...new Set(read)]).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
});
