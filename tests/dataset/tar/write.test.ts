import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBytes, fromText, type ByteString } from '../../../src/dataset/bytestring.js';
import type { EntryType } from '../../../src/dataset/tar/format.js';
import { HeaderEncoder, paxRecord, type TarHeader } from '../../../src/dataset/tar/write.js';
import { tempDir } from '../../support/cleanup.js';
import { peer } from '../../support/peers.js';
import { members } from '../packing.js';

const GiB = 2 ** 30;
const plain: TarHeader = {
  path: fromText('data/a'),
  type: 'file',
  size: 0,
  mode: 0o644,
  mtimeNs: 1_700_000_000_000_000_000n,
  linkTarget: null,
};
const encode = (more: Partial<TarHeader>) => Buffer.from(new HeaderEncoder().encode({ ...plain, ...more }));
const END = Buffer.alloc(1024);

/** A header's text at a field. */
const at = (block: Buffer, offset: number, length: number) =>
  block.toString('latin1', offset, offset + length).replace(/\0+$/, '');
/** The records of the pax header that comes first. */
const records = (blocks: Buffer) =>
  blocks
    .toString('latin1', 512, 512 + parseInt(at(blocks, 124, 12), 8))
    .split('\n')
    .slice(0, -1);

describe('a header', () => {
  test('is one ustar block when everything fits', () => {
    const block = encode({ mode: 0o4755 });
    expect(block).toHaveLength(512);
    expect(at(block, 0, 100)).toBe('data/a');
    expect(at(block, 100, 8)).toBe('0004755');
    expect(at(block, 257, 8)).toBe('ustar\x0000');
    let sum = 0;
    block.forEach((byte, i) => (sum += i >= 148 && i < 156 ? 0x20 : byte));
    expect(block.toString('latin1', 148, 156)).toBe(`${sum.toString(8).padStart(6, '0')}\0 `);
  });

  test.each([
    ['100 bytes', 'n'.repeat(100), 512],
    ['101 bytes without a slash', 'n'.repeat(101), 1536],
    ['100 bytes and a directory of 155', `${'p'.repeat(155)}/${'n'.repeat(100)}`, 512],
    ['100 bytes and a directory of 156', `${'p'.repeat(156)}/${'n'.repeat(100)}`, 1536],
    ['101 bytes and a directory', `p/${'n'.repeat(101)}`, 1536],
    ['a slash at the start of the last 101', `${'p'.repeat(20)}/${'n'.repeat(100)}`, 512],
    ['300 bytes with slashes everywhere', 'ab/'.repeat(100) + 'c', 1536],
  ])('a name of %s comes back', (_, path, length) => {
    const blocks = encode({ path: path as ByteString });
    expect(blocks).toHaveLength(length);
    expect(members(Buffer.concat([blocks, END]))[0].path).toBe(path);
  });

  test('a directory of 100 bytes needs room for its slash', () => {
    expect(encode({ path: 'n'.repeat(99) as ByteString, type: 'directory' })).toHaveLength(512);
    const blocks = encode({ path: 'n'.repeat(100) as ByteString, type: 'directory' });
    expect(records(blocks)).toEqual([`111 path=${'n'.repeat(100)}/`]);
  });

  test('names that are not UTF-8 stay raw where they fit, else pax says that they are binary', () => {
    const short = encode({ path: 'caf\xe9' as ByteString });
    expect(at(short, 0, 100)).toBe('caf\xe9');
    expect(short).toHaveLength(512);
    const long = encode({ path: '\xe9'.repeat(200) as ByteString });
    expect(records(long)).toEqual(['21 hdrcharset=BINARY', `210 path=${'\xe9'.repeat(200)}`]);
    expect(records(encode({ path: fromText('é'.repeat(100)) }))).toEqual([`210 path=${fromText('é'.repeat(100))}`]);
    // A raw link target does not make the path binary.
    expect(
      records(encode({ path: 'n'.repeat(200) as ByteString, type: 'symlink', linkTarget: '\xe9' as ByteString })),
    ).toHaveLength(1);
    expect(records(encode({ type: 'symlink', linkTarget: '\xe9'.repeat(101) as ByteString }))[0]).toBe(
      '21 hdrcharset=BINARY',
    );
  });

  test.each<[bigint, string[]]>([
    [1_700_000_000_000_000_000n, []],
    [1_700_000_000_123_456_789n, ['30 mtime=1700000000.123456789']],
    [1_700_000_000_500_000_000n, ['22 mtime=1700000000.5']],
    [-1n, ['22 mtime=-0.000000001']],
    [-86_400_500_000_000n, ['18 mtime=-86400.5']],
    [8_589_934_591_000_000_000n, []],
    [8_589_934_592_000_000_000n, ['20 mtime=8589934592']],
  ])('the time %s needs the records %j', (mtimeNs, expected) => {
    const blocks = encode({ mtimeNs });
    expect(blocks.length === 512 ? [] : records(blocks)).toEqual(expected);
    expect(members(Buffer.concat([blocks, END]))[0].mtimeNs).toBe(mtimeNs);
  });

  test('uses no keyword that POSIX does not have, and a time-less pax header', () => {
    const blocks = encode({ path: '\xe9'.repeat(300) as ByteString, size: 9 * GiB, mtimeNs: 1n, type: 'file' });
    expect(records(blocks).map((record) => record.replace(/^\d+ (\w+)=[^]*$/, '$1'))).toEqual([
      'hdrcharset',
      'path',
      'size',
      'mtime',
    ]);
    expect(at(blocks, 136, 12)).toBe('00000000000');
  });
});

test('what was encoded is what is read, whatever it is', () => {
  const bytes = (maxLength: number) =>
    fc
      .uint8Array({ minLength: 1, maxLength })
      .map((bytes) => bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x61 : byte)));
  const component = fc.oneof(
    { weight: 3, arbitrary: bytes(255) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(99, 100, 101, 155, 156, 255).map((length) => new Uint8Array(length).fill(0x6e)),
    },
  );
  const path = fc
    .array(
      component.map((bytes) => fromBytes(bytes)).filter((name) => name !== '.' && name !== '..'),
      { minLength: 1, maxLength: 20 },
    )
    .map((parts) => parts.join('/') as ByteString);
  const header = fc.record({
    path,
    type: fc.constantFrom<EntryType>('directory', 'symlink', 'hardlink'),
    size: fc.constant(0),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    mtimeNs: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 64n }),
    link: path,
  });
  const encoder = new HeaderEncoder(); // one for all, as the packer has it: nothing of an entry may show in the next one
  fc.assert(
    fc.property(fc.array(header, { minLength: 1, maxLength: 6 }), (headers) => {
      const written = headers.map(
        ({ link, ...rest }): TarHeader => ({ ...rest, linkTarget: rest.type === 'directory' ? null : link }),
      );
      const tar = Buffer.concat([...written.map((one) => Buffer.from(encoder.encode(one))), END]);
      expect(members(tar)).toEqual(written.map((one) => ({ ...one, content: Buffer.alloc(0) })));
    }),
    { numRuns: 300 },
  );
});

test('a pax record counts its own length', () => {
  for (let length = 0; length < 1200; length++) {
    const record = paxRecord('path', 'x'.repeat(length));
    expect(record.startsWith(`${record.length} path=`)).toBe(true);
  }
});

// The archive is as sparse as the file in it: readers that seek are done at once.
describe('a file of 9 GiB', () => {
  const archive = (): string => {
    const path = join(tempDir(), 'sparse.tar');
    const fd = openSync(path, 'w');
    const header = encode({ path: fromText('data/sparse'), size: 9 * GiB });
    writeSync(fd, header);
    writeSync(fd, encode({ path: fromText('data/z') }), 0, 512, header.length + 9 * GiB);
    ftruncateSync(fd, header.length + 9 * GiB + 512 + 1024);
    closeSync(fd);
    return path;
  };

  test.skipIf(peer('tar') === undefined)('is listed by GNU tar with what follows', () => {
    const listing = execFileSync('tar', ['-tvf', archive()], { encoding: 'utf8' });
    expect(listing).toMatch(/ 9663676416 .* data\/sparse\n.* 0 .* data\/z\n$/);
  });

  test.skipIf(peer('bsdtar') === undefined)('is listed by bsdtar with what follows', () => {
    const listing = execFileSync('bsdtar', ['-tvf', archive()], { encoding: 'utf8' });
    expect(listing).toMatch(/ 9663676416 .* data\/sparse\n.* 0 .* data\/z\n$/);
  });

  test.skipIf(peer('python3') === undefined)("is listed by python's tarfile with what follows", () => {
    const script = 'import sys, tarfile; print([(m.name, m.size) for m in tarfile.open(sys.argv[1])])';
    expect(execFileSync('python3', ['-c', script, archive()], { encoding: 'utf8' })).toBe(
      "[('data/sparse', 9663676416), ('data/z', 0)]\n",
    );
  });
});
