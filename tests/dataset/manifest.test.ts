import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBytes, fromText } from '../../src/dataset/bytestring.js';
import {
  encodeEnd,
  encodeEntry,
  encodeStart,
  parseManifestLine,
  type ManifestEntry,
} from '../../src/dataset/manifest.js';
import type { EntryType } from '../../src/dataset/tar/format.js';

const entry: ManifestEntry = {
  path: fromText('data/crm/a.csv'),
  type: 'file',
  size: 5,
  mode: 0o644,
  mtimeNs: 1_795_307_400_250_000_000n,
  linkTarget: null,
  sha256: 'ab'.repeat(32),
  parts: null,
  changed: false,
};
const encode = (e: ManifestEntry) => encodeEntry(e, e);

describe('a line', () => {
  test('of a file has its size, mode, time and digest', () => {
    expect(encode(entry)).toBe(
      `{"path":"data/crm/a.csv","type":"file","size":5,"mode":"0644","mtime":"2026-11-22T00:30:00.25Z","sha256":"${'ab'.repeat(32)}"}\n`,
    );
  });

  test('of a link whose name is not UTF-8 has the path in base64', () => {
    expect(
      encode({
        ...entry,
        path: fromBytes(Buffer.from('646174612fe9', 'hex')),
        type: 'symlink',
        size: 0,
        mode: 0o777,
        mtimeNs: 0n,
        sha256: null,
        linkTarget: fromText('a "é"\n'),
      }),
    ).toBe(
      '{"pathBase64":"ZGF0YS/p","type":"symlink","size":0,"mode":"0777","mtime":"1970-01-01T00:00:00Z","linkTarget":"a \\"é\\"\\n"}\n',
    );
  });

  test.each<[bigint, string]>([
    [0n, '1970-01-01T00:00:00Z'],
    [1n, '1970-01-01T00:00:00.000000001Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
    [-86_400_500_000_000n, '1969-12-30T23:59:59.5Z'],
    [253_402_300_799_999_999_999n, '9999-12-31T23:59:59.999999999Z'],
    [253_402_300_800_000_000_000n, '@253402300800'],
    [-62_167_219_200_000_000_000n, '0000-01-01T00:00:00Z'],
    [-62_167_219_200_000_000_001n, '@-62167219200.000000001'],
    [9_223_372_036_854_775_807_500_000_000n, '@9223372036854775807.5'],
  ])('has the time %s as %s', (mtimeNs, text) => {
    expect(encode({ ...entry, mtimeNs })).toContain(`"mtime":"${text}"`);
    expect(parseManifestLine(encode({ ...entry, mtimeNs }))).toMatchObject({ mtimeNs });
  });

  test('parses back to the same entry', () => {
    const bytes = fc
      .uint8Array({ minLength: 1, maxLength: 60 })
      .map((bytes) => fromBytes(bytes.map((byte) => byte || 1)));
    const name = fc.oneof(
      bytes,
      fc
        .string({ minLength: 1, unit: 'grapheme' })
        .filter((text) => !text.includes('\0'))
        .map(fromText),
    );
    const arbitrary = fc.record({
      path: name,
      type: fc.constantFrom<EntryType>('file', 'directory', 'symlink', 'hardlink'),
      size: fc.maxSafeNat(),
      mode: fc.integer({ min: 0, max: 0o7777 }),
      mtimeNs: fc.bigInt({ min: -(2n ** 90n), max: 2n ** 90n }),
      link: name,
      digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
      parts: fc.option(fc.integer({ min: 1, max: 999_999 })),
      changed: fc.boolean(),
    });
    fc.assert(
      fc.property(arbitrary, ({ link, digest, type, ...rest }) => {
        const isFile = type === 'file';
        const e: ManifestEntry = {
          ...rest,
          type,
          size: isFile ? rest.size : 0,
          sha256: isFile ? Buffer.from(digest).toString('hex') : null,
          linkTarget: type === 'symlink' || type === 'hardlink' ? link : null,
          parts: isFile ? rest.parts : null,
        };
        const line = encode(e);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parseManifestLine(line)).toEqual({ kind: 'entry', ...e });
        expect(parseManifestLine(Buffer.from(line))).toEqual({ kind: 'entry', ...e });
      }),
    );
  });
});

test('the first and the last line parse back to the same values', () => {
  const random = '0123456789abcdef'.repeat(4);
  expect(parseManifestLine(encodeStart({ version: 1, random }))).toEqual({ kind: 'start', version: 1, random });
  const end = { entries: 3, bytes: 40_000_005, skipped: { socket: 1 }, complete: true };
  expect(encodeEnd(end)).toBe('{"entries":3,"bytes":40000005,"skipped":{"socket":1},"complete":true}\n');
  expect(parseManifestLine(encodeEnd(end))).toEqual({ kind: 'end', ...end });
});

describe('a malformed manifest line is refused:', () => {
  const changed = (change: Record<string, unknown>) =>
    JSON.stringify({ ...(JSON.parse(encode(entry)) as object), ...change });
  test.each([
    ['no JSON', '{'],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['no object', '[]'],
    ['null', 'null'],
    ['another manifest', '{"manifest":"depot.manifest/2","random":"00"}'],
    ['too few random bytes', '{"manifest":"depot.manifest/1","random":"00"}'],
    ['no path', changed({ path: undefined })],
    ['two paths', changed({ pathBase64: 'YQ==' })],
    ['an empty path', changed({ path: '' })],
    ['a NUL in the path', changed({ path: 'a\0b' })],
    ['base64 that is none', changed({ path: undefined, pathBase64: 'a b' })],
    ['another type', changed({ type: 'fifo' })],
    ['a negative size', changed({ size: -1 })],
    ['a size beyond what is exact', changed({ size: 2 ** 53 })],
    ['a size that is text', changed({ size: '5' })],
    ['a directory with a size', changed({ type: 'directory' })],
    ['a mode that is no octal number', changed({ mode: '0689' })],
    ['a mode that is a number', changed({ mode: 420 })],
    ['no time', changed({ mtime: '2026-13-22T00:30:00Z' })],
    ['a local time', changed({ mtime: '2026-11-22T00:30:00' })],
    ['a digest in capitals', changed({ sha256: 'AB'.repeat(32) })],
    ['a file without a digest', changed({ sha256: undefined })],
    ['a link without a target', changed({ type: 'symlink', size: 0 })],
    ['no parts', changed({ parts: 0 })],
    ['too many parts', changed({ parts: 1_000_000 })],
    ['an end that counts no bytes', '{"entries":1,"skipped":{},"complete":true}'],
    ['an end that skips in words', '{"entries":1,"bytes":1,"skipped":{"fifo":"one"},"complete":true}'],
    ['an end that is neither complete nor not', '{"entries":1,"bytes":1,"skipped":{}}'],
  ])('%s', (_, line) => {
    expect(() => parseManifestLine(line)).toThrow(expect.objectContaining({ code: 'archive-refused' }));
  });

  test('control: an unknown key is allowed', () => {
    expect(parseManifestLine(changed({ future: 1 }))).toMatchObject({ kind: 'entry' });
  });
});
