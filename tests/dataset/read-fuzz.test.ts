import fc from 'fast-check';
import { rmSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TarReader } from '../../src/dataset/tar/read.js';
import { isDepotError } from '../../src/errors.js';
import { depotTar, type Member } from '../support/depot-tar.js';
import { extract, inPieces, sandbox, type Sandbox } from '../support/extraction.js';
import { archive, END, GNU, long, pax, raw, type RawEntry } from '../support/hostile-tar.js';
import { readTree } from '../support/tree.js';

/** What a reader tells its sink, and how it ends. Anything but a refusal is a failure of the test. */
function outcome(tar: Uint8Array, pieces: number): string[] {
  const told: string[] = [];
  const reader = new TarReader({
    begin: ({ path, type, size, mode, mtimeNs, linkTarget }) =>
      told.push(
        [
          type,
          Buffer.from(path).toString('latin1'),
          size,
          mode,
          mtimeNs,
          linkTarget && Buffer.from(linkTarget).toString('latin1'),
        ].join('|'),
        '',
      ),
    data: (bytes) => void (told[told.length - 1] += Buffer.from(bytes).toString('latin1')),
    end: () => told.push('end'),
  });
  try {
    for (const piece of inPieces(tar, pieces)) reader.write(piece);
    reader.end();
    told.push('whole');
  } catch (error) {
    if (!isDepotError(error, 'archive-refused')) throw error;
    told.push(error.message);
  }
  return told;
}

/** Extracts into an emptied sandbox; whatever happens, nothing beside it may change. */
function attempt(
  tar: Uint8Array,
  { out, directory, beside }: Sandbox,
  pieces: number,
): 'as the manifest says' | 'differs' | 'no manifest' | 'refused' {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { mode: 0o700 });
  try {
    const { manifest, problems } = extract(tar, out, { pieces, maxEntries: 1000 }).manifest;
    if (manifest === 'none') return 'no manifest';
    return problems.length > 0 ? 'differs' : 'as the manifest says';
  } catch (error) {
    if (!isDepotError(error, 'archive-refused')) throw error;
    return 'refused';
  } finally {
    expect(beside()).toEqual(['outside']);
    expect(readFileSync(join(directory, 'outside'), 'utf8')).toBe('untouched');
    expect(statSync(join(directory, 'outside')).nlink).toBe(1);
  }
}

const pieces = fc.integer({ min: 1, max: 2000 });
const component = fc.constantFrom(
  'a',
  'b',
  'outside',
  '..',
  '.',
  '',
  'data',
  'DEPOT',
  'x.part-000001',
  'x.part-000002',
  'README.md',
  'n'.repeat(120),
  '\x1b[2J',
  '\xff',
);
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const bytes = (text: string) => Buffer.from(text, 'latin1');
const body = fc.oneof(fc.constant(''), fc.constant('x'.repeat(513)), fc.string({ maxLength: 20 }));
const number = fc.oneof(
  fc.nat(),
  fc
    .constantFrom(
      '',
      '        ',
      '-1',
      '99999999',
      '\x80\0\0\0\0\0\0\0\0\0\0\x01',
      '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
    )
    .map(bytes),
  fc.string({ maxLength: 12 }),
);
const entry: fc.Arbitrary<Buffer> = fc
  .record<RawEntry>(
    {
      name: path.map(bytes),
      type: fc.constantFrom('0', '0', '0', '1', '2', '2', '5', '5', '\0', '7', '3', '6', 'S', 'V'),
      body,
      link: path.map(bytes),
      prefix: fc.constantFrom('', '', 'a', '..', '/'),
      mode: fc.nat({ max: 0o7777 }),
      magic: fc.constantFrom('ustar\x0000', GNU, ''),
    },
    { requiredKeys: ['name', 'type'] },
  )
  .map((fields) =>
    raw(fields.type === '0' || fields.type === '\0' || fields.type === '7' ? fields : { ...fields, body: '' }),
  );
const odd: fc.Arbitrary<Buffer> = fc.oneof(
  fc.record({ size: number, mtime: number, body }).map(raw),
  fc
    .tuple(
      fc.constantFrom('path', 'linkpath', 'size', 'mtime', 'comment', 'GNU.sparse.major', 'hdrcharset'),
      fc.oneof(path.map(bytes), fc.string().map(bytes)),
      fc.constantFrom('x', 'x', 'x', 'g'),
    )
    .map(([keyword, value, type]) => pax({ [keyword]: value }, type)),
  fc.tuple(path.map(bytes), fc.constantFrom('L', 'K')).map(([name, type]) => long(name, type)),
  fc.uint8Array({ maxLength: 600 }).map((garbage) => Buffer.from(garbage)),
  fc.constant(Buffer.alloc(512)),
);
const hostile = fc
  .array(fc.oneof({ weight: 6, arbitrary: entry }, { weight: 1, arbitrary: odd }), { maxLength: 8 })
  .map((entries) => archive(...entries));

test('any bytes are read or refused, with the same outcome whatever the size of the pieces', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
    hostile,
    hostile.chain((tar) => mutations(tar)),
  );
  fc.assert(
    fc.property(anything, pieces, (tar, length) => {
      expect(outcome(tar, length)).toEqual(outcome(tar, tar.length));
    }),
    { numRuns: runs(1000) },
  );
});

test('any entries are extracted or refused, and nothing outside the directory changes', () => {
  const box = sandbox();
  fc.assert(
    fc.property(hostile, pieces, (tar, length) => {
      attempt(tar, box, length);
    }),
    { numRuns: runs(400) },
  );
});

test('an altered archive by depot is refused, or found to differ from its manifest, or gives the same files', async () => {
  const members: Member[] = [
    { path: 'data/crm', type: 'directory', mode: 0o750 },
    { path: 'data/crm/a.csv', body: 'a;b\n'.repeat(50), mtimeNs: 1_700_000_000_123_000_000n },
    { path: 'data/crm/hard', type: 'hardlink', link: 'data/crm/a.csv' },
    { path: 'data/crm/link', type: 'symlink', link: '../../outside' },
    { path: 'data/dump', body: 'x'.repeat(700), partBytes: 300 },
  ];
  const { tar } = depotTar(members, { manifestEvery: 2 });
  const box = sandbox();
  expect(attempt(tar, box, tar.length)).toBe('as the manifest says');
  const expected = comparable(await readTree(box.out));
  await fc.assert(
    fc.asyncProperty(mutations(tar), pieces, async (changed, length) => {
      if (attempt(changed, box, length) !== 'as the manifest says') return;
      expect(comparable(await readTree(box.out))).toEqual(expected);
    }),
    { numRuns: runs(400) },
  );
});

/** Bytes changed, left out, put in; blocks that change places or come twice; checksums of headers set right again. */
function mutations(tar: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.nat({ max: Math.max(0, tar.length - 1) });
  const block = fc.nat({ max: Math.max(0, Math.floor(tar.length / 512) - 1) });
  const slice = (from: number, to?: number) => tar.subarray(from * 512, to === undefined ? undefined : to * 512);
  return fc.oneof(
    fc.tuple(at, fc.integer({ min: 1, max: 255 })).map(([i, flip]) => withByte(tar, i, (tar[i] ?? 0) ^ flip)),
    fc
      .tuple(block, fc.integer({ min: 0, max: 511 }), fc.nat({ max: 255 }))
      .map(([b, i, byte]) => rightSum(withByte(tar, b * 512 + i, byte), b)),
    fc
      .tuple(at, fc.uint8Array({ maxLength: 3 }), fc.nat({ max: 3 }))
      .map(([i, put, out]) => Buffer.concat([tar.subarray(0, i), put, tar.subarray(i + out)])),
    fc.tuple(block, block).map(([a, b]) => Buffer.concat([slice(0, a), slice(b, b + 1), slice(a)])),
    fc.tuple(block, fc.integer({ min: 1, max: 4 })).map(([a, n]) => Buffer.concat([slice(0, a), slice(a + n)])),
    fc
      .tuple(block, block, fc.integer({ min: 1, max: 4 }))
      .map(([a, b, n]) => Buffer.concat([slice(0, a), slice(b, b + n), slice(a)])),
    at.map((i) => tar.subarray(0, i)),
    fc.uint8Array({ minLength: 1 }).map((more) => Buffer.concat([tar, more])),
    at.map((i) => Buffer.concat([tar.subarray(0, i), END])),
  );
}

function withByte(tar: Buffer, at: number, byte: number): Buffer {
  const changed = Buffer.from(tar);
  if (at < changed.length) changed[at] = byte;
  return changed;
}

function rightSum(tar: Buffer, block: number): Buffer {
  const header = tar.subarray(block * 512, block * 512 + 512);
  if (header.length < 512) return tar;
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return tar;
}

/** Without what the manifest does not list: itself (its digest is in the receipt), and directories without an entry. */
function comparable(tree: Awaited<ReturnType<typeof readTree>>): unknown {
  return [...tree].filter(([name]) => !['data', 'DEPOT', 'DEPOT/manifest.ndjson'].includes(name));
}

function runs(usual: number): number {
  return Number(process.env['DEPOT_TEST_RUNS'] ?? usual);
}
