/** What archivers of differences get wrong: each night of these is exactly what was there. */
import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import { pattern } from '../../support/awkward.js';
import { tempDir } from '../../support/cleanup.js';
import { commandSource, directorySource, stdinSource } from '../packing.js';
import { PackedChain, type PackedNight } from './packed-chain.js';

let data: string;
let chain: PackedChain;
beforeEach(() => {
  data = tempDir('data');
  chain = new PackedChain([directorySource(data, { allowEmpty: true })]);
});
const at = (name: string): string => join(data, name);

/** A night in which these files, and no others, are as they are on disk. */
async function night(...files: string[]): Promise<PackedNight> {
  const packed = await chain.night();
  for (const file of files) chain.expectSame(`data/tree/${file}`, at(file));
  expect(chain.paths()).toHaveLength(files.length + 1);
  expect(packed.chain.bytes).toBe(files.reduce((sum, file) => sum + readFileSync(at(file)).length, 0));
  return packed;
}

const KIB = 1024;

test('a file without contents, with some, and without again', async () => {
  writeFileSync(at('file'), '');
  await night('file');
  expect((await night('file')).sent).toBe(0);
  writeFileSync(at('file'), 'x');
  expect((await night('file')).sent).toBe(1);
  writeFileSync(at('file'), '');
  expect((await night('file')).sent).toBe(0);
  writeFileSync(at('file'), 'x');
  expect((await night('file')).sent).toBeLessThanOrEqual(1);
  rmSync(at('file'));
  await night();
  writeFileSync(at('file'), '');
  await night('file');
});

test('a file that grows beyond what is sent whole, and shrinks again', async () => {
  const whole = pattern(1400 * KIB);
  for (const size of [900, 1024, 1100, 1400, 1024, 1025, 900, 1, 1400].map((kib) => kib * KIB)) {
    writeFileSync(at('file'), whole.subarray(0, size));
    await night('file');
  }
  writeFileSync(at('file'), whole.subarray(0, 1024 * KIB + 1));
  await night('file');
  // Most of it is at hand from the night before.
  appendFileSync(at('file'), 'a row more');
  expect((await night('file')).sent).toBeLessThan(20_000);
  truncateSync(at('file'), 1024 * KIB);
  await night('file');
});

test('a sparse file, whose holes are alike', async () => {
  writeFileSync(at('file'), 'begin');
  truncateSync(at('file'), 30 << 20);
  appendFileSync(at('file'), 'end');
  await night('file');
  appendFileSync(at('file'), pattern(100_000));
  truncateSync(at('file'), 33 << 20);
  const { sent } = await night('file');
  expect(sent).toBeLessThan(150_000);
});

test('the dump of each night has another name', async () => {
  const dump = pattern(2_500_000);
  let before = '';
  for (let day = 21; day < 25; day++) {
    if (before !== '') rmSync(at(before));
    before = `crm-202611${day}.dump`;
    dump.write(`row of day ${day}`, 10_000 * day, 'latin1');
    writeFileSync(at(before), dump);
    const { sent } = await night(before);
    if (day > 21) expect(sent).toBeLessThan(30_000);
  }
});

test.each([
  ['small', 3000],
  ['large', 1_300_000],
])('%s files exchange their names', async (_, size) => {
  writeFileSync(at('a'), pattern(size, 1));
  writeFileSync(at('b'), pattern(size, 2));
  await night('a', 'b');
  for (let i = 0; i < 2; i++) {
    renameSync(at('a'), at('x'));
    renameSync(at('b'), at('a'));
    renameSync(at('x'), at('b'));
    expect((await night('a', 'b')).sent).toBe(0);
  }
});

test('a directory becomes a file, and a directory again', async () => {
  mkdirSync(at('d'));
  writeFileSync(at('d/file'), 'below');
  await chain.night();
  expect(chain.paths()).toEqual(['data/tree', 'data/tree/d', 'data/tree/d/file']);
  rmSync(at('d'), { recursive: true });
  writeFileSync(at('d'), 'now a file');
  await night('d');
  rmSync(at('d'));
  mkdirSync(at('d'));
  writeFileSync(at('d/file'), 'below');
  await chain.night();
  expect(chain.paths()).toEqual(['data/tree', 'data/tree/d', 'data/tree/d/file']);
  chain.expectSame('data/tree/d/file', at('d/file'));
});

test('a name that is not UTF-8, and one that a shell would act upon', async () => {
  const names = [Buffer.from('caf\xe9 \xff', 'latin1'), Buffer.from('$(id)\n\\0141')];
  const file = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${data}/`), name]);
  const path = (name: Buffer): string => `data/tree/${name.toString('latin1')}`;
  for (const name of names) writeFileSync(file(name), 'first');
  await chain.night();
  for (const name of names) writeFileSync(file(name), 'second');
  await chain.night();
  for (const name of names) expect(chain.content(path(name))?.toString()).toBe('second');
  for (const name of names) rmSync(file(name));
  await chain.night();
  for (const name of names) expect(chain.content(path(name))).toBeNull();
});

describe('what a command prints, and standard input', () => {
  test('are empty one night', async () => {
    const output = join(tempDir('output'), 'output');
    chain = new PackedChain([commandSource(['cat', output], { allowEmpty: true })]);
    const long = pattern(300_000);
    for (const printed of [long, Buffer.alloc(0), long, Buffer.from('x'), Buffer.alloc(0), Buffer.alloc(0)]) {
      writeFileSync(output, printed);
      await chain.night();
      chain.expectSame('data/output', output);
    }
  });

  test('are compared with what they were the night before', async () => {
    const input = pattern(2_000_000);
    chain = new PackedChain([stdinSource()]);
    await chain.night({ stdin: Readable.from([input]) });
    expect((await chain.night({ stdin: Readable.from([input]) })).sent).toBe(0);
    const changed = Buffer.concat([input.subarray(0, 900_000), Buffer.from('new'), input.subarray(900_000)]);
    // In pieces of any size.
    const pieces = Array.from({ length: 40 }, (_, i) => changed.subarray(i * 60_000, (i + 1) * 60_000));
    expect((await chain.night({ stdin: Readable.from(pieces) })).sent).toBeLessThan(20_000);
    expect(chain.content('data/input')?.equals(changed)).toBe(true);
  });
});

describe('minSize and shrink to check everything night, not at what an increment holds', () => {
  const previous = { depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410', entries: 3, bytes: 200_000 };
  const shrink = { previous, below: 0.5, then: 'fail' as const };
  beforeEach(() => {
    writeFileSync(at('a'), pattern(100_000, 1));
    writeFileSync(at('b'), pattern(100_000, 2));
  });

  test('a night without changes passes both', async () => {
    await chain.night();
    expect((await chain.night({ minBytes: 200_000, shrink })).sent).toBe(0);
  });

  test('a night in which most is gone does not', async () => {
    await chain.night();
    truncateSync(at('a'), 10);
    rmSync(at('b'));
    await expect(chain.night({ minBytes: 200_000 })).rejects.toMatchObject({ code: 'source-too-small' });
    await expect(chain.night({ shrink })).rejects.toMatchObject({ code: 'source-shrunk' });
    expect((await chain.night()).chain).toMatchObject({ number: 1, bytes: 10 });
  });
});

test('many files of which few change', async () => {
  for (let i = 0; i < 3000; i++) writeFileSync(at(`f${i}`), `file ${i}`);
  await chain.night();
  for (let i = 0; i < 3000; i += 300) writeFileSync(at(`f${i}`), `changed ${i}`);
  for (let i = 1; i < 3000; i += 300) rmSync(at(`f${i}`));
  const { entries, chain: night } = await chain.night();
  expect(entries).toHaveLength(1 + 10);
  expect(night.entries).toBe(1 + 3000 - 10);
  expect(chain.content('data/tree/f300')?.toString()).toBe('changed 300');
  expect(chain.content('data/tree/f301')).toBeNull();
  expect(chain.content('data/tree/f302')?.toString()).toBe('file 302');
});
