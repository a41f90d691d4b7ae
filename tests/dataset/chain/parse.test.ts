import { describe, expect, test } from 'vitest';
import { parseChain, requireSameChain } from '../../../src/dataset/chain/chain-file.js';
import { linesOf } from '../../../src/dataset/chain/stored-lines.js';
import { parseIncrementLine, parseRangesLine } from '../../../src/dataset/chain/parse.js';

const refused = expect.objectContaining({ code: 'archive-refused' });
const sha = 'ab'.repeat(32);

describe('a line of an increment', () => {
  test.each([
    ['data/crm/a -', { kind: 'removed', path: 'data/crm/a' }],
    ['data/crm d 0755 1700000000', { type: 'directory', mode: 0o755, mtimeNs: 1_700_000_000_000_000_000n, size: 0 }],
    ['data/crm/l l 0777 -1.5 ../x\\0040y', { type: 'symlink', mtimeNs: -1_500_000_000n, linkTarget: '../x y' }],
    ['data/crm/h h 0644 0 data/crm/a', { type: 'hardlink', linkTarget: 'data/crm/a' }],
    [`data/crm/a f 0644 1.000000001 5 ${sha} !`, { size: 5, sha256: sha, changed: true, origin: { kind: 'entry' } }],
    [`DEPOT/pieces p 0644 1 5 ${sha} 3`, { origin: { kind: 'parts', count: 3 } }],
    [
      `data/caf\\0303\\0251 o 0600 1 5 ${sha} 3 data/old`,
      { path: 'data/caf\u00c3\u00a9', origin: { kind: 'object', night: 3, object: 'data/old' } },
    ],
    [`data/dump r 0600 1 5 ${sha} 12`, { origin: { kind: 'ranges', number: 12 } }],
  ])('%s', (line, says) => {
    expect(parseIncrementLine(line)).toMatchObject(says);
  });

  test.each([
    ['no type', 'data/a'],
    ['a type that there is not', 'data/a x 0644 1'],
    ['the name of an inherited property', 'data/a constructor 0644 1'],
    ['a field too many', 'data/a d 0644 1 1'],
    ['a field too few', `data/a f 0644 1 ${sha}`],
    ['a removed path that changed', 'data/a - !'],
    ['two spaces', 'data/a  d 0644 1'],
    ['a space at the end', 'data/a -  '],
    ['no path', ' d 0644 1'],
    ['a path with ..', 'data/../a -'],
    ['a path with an empty component', 'data//a -'],
    ['an absolute path', '/data/a -'],
    ['a path that ends in a slash', 'data/a/ -'],
    ['a NUL in a path', 'data/a\\0000 -'],
    ['a letter that need not be escaped', 'data/\\0141 -'],
    ['a byte that must be escaped', 'data/a"b -'],
    ['an escape that is cut off', 'data/a\\01 -'],
    ['an escape beyond a byte', 'data/a\\0400 -'],
    ['a hard link to ..', 'data/a h 0644 1 data/../b'],
    ['a hard link out of the dataset', 'data/a h 0644 1 DEPOT/README.md'],
    ['an empty target', 'data/a l 0777 1 '],
    ['a mode of five digits', 'data/a d 00644 1'],
    ['a mode that is not octal', 'data/a d 0894 1'],
    ['a time with zeros at its end', 'data/a d 0644 1.50'],
    ['a time with zeros in front', 'data/a d 0644 01'],
    ['minus zero', 'data/a d 0644 -0'],
    ['a size with a sign', `data/a f 0644 1 +5 ${sha}`],
    ['a size beyond what numbers hold', `data/a f 0644 1 9007199254740992 ${sha}`],
    ['a digest in upper case', `data/a f 0644 1 5 ${sha.toUpperCase()}`],
    ['no parts', `DEPOT/pieces p 0644 1 5 ${sha} 0`],
    ['too many parts', `DEPOT/pieces p 0644 1 5 ${sha} 1000000`],
    ['a file of the ranges with number 0', `data/a r 0644 1 5 ${sha} 0`],
    ['an object with ..', `data/a o 0644 1 5 ${sha} 1 data/../b`],
  ])('is refused with %s', (_, line) => {
    expect(() => parseIncrementLine(line)).toThrow(refused);
  });
});

describe('a line of the ranges', () => {
  test.each([
    ['> 1', { kind: 'file', number: 1 }],
    ['@ 0 3 DEPOT/pieces', { kind: 'object', index: 0, night: 3, object: 'DEPOT/pieces' }],
    ['0 -17 4', { kind: 'range', index: 0, gap: -17, length: 4 }],
    ['2 0 1', { kind: 'range', index: 2, gap: 0, length: 1 }],
  ])('%s', (line, says) => {
    expect(parseRangesLine(line)).toEqual(says);
  });

  test.each([
    '',
    '>',
    '> 0',
    '> 1 2',
    '@ 0 3',
    '@ 0 3 a/../b',
    '0 0 0',
    '0 -0 1',
    '0 - 1',
    '0 1e3 1',
    '0 0 1 ',
    '0 00 1',
    '-1 0 1',
  ])('"%s" is refused', (line) => {
    expect(() => parseRangesLine(line)).toThrow(refused);
  });
});

describe('chain.json', () => {
  const id = (n: number) => `acme-crm_20261122T00300${n}Z_5f0c9a1e77b2d410`;
  const deposit = (n: number) => ({ depositId: id(n), bytes: n, sha256: String(n).repeat(64) });
  const good = { schema: 'depot.chain/1', number: 2, sources: ['crm', 'é'], deposits: [deposit(0), deposit(1)] };
  const parse = (json: unknown) => parseChain(Buffer.from(`${JSON.stringify(json)}\n`));

  test('says what an increment builds on', () => {
    expect(parse(good)).toEqual({ number: 2, sources: ['crm', 'é'], deposits: [deposit(0), deposit(1)] });
  });

  test.each([
    ['another schema', { schema: 'depot.chain/2' }],
    ['number 0', { number: 0, deposits: [] }],
    ['a number that is not that of its deposits', { number: 3 }],
    ['a deposit that comes twice', { deposits: [deposit(0), deposit(0)] }],
    ['two deposits with one digest', { deposits: [deposit(0), { ...deposit(1), sha256: '0'.repeat(64) }] }],
    ['no deposit id', { deposits: [deposit(0), { ...deposit(1), depositId: '../x' }] }],
    ['a negative size', { deposits: [deposit(0), { ...deposit(1), bytes: -1 }] }],
    ['a digest that is none', { deposits: [deposit(0), { ...deposit(1), sha256: 'x' }] }],
    ['sources that are no list', { sources: 'crm' }],
    ['a source with a slash', { sources: ['a/b'] }],
    ['a source ..', { sources: ['..'] }],
    ['a source that comes twice', { sources: ['a', 'a'] }],
    [
      'more suitcases than a chain has',
      { number: 1001, deposits: Array.from({ length: 1001 }, (_, n) => ({ ...deposit(0), bytes: n })) },
    ],
  ])('is refused with %s', (_, change) => {
    expect(() => parse({ ...good, ...change })).toThrow(refused);
  });

  test('is refused when it is no JSON, no UTF-8, or no object', () => {
    for (const bytes of [
      Buffer.from('{'),
      Buffer.from('"\xff"', 'latin1'),
      Buffer.from('[]'),
      Buffer.alloc((1 << 20) + 1),
    ])
      expect(() => parseChain(bytes)).toThrow(refused);
  });

  test('must continue those of the suitcases that it names', () => {
    const earlier = { number: 1, sources: ['crm', 'é'], deposits: [deposit(0)] };
    expect(() => requireSameChain(parse(good), earlier)).not.toThrow();
    for (const change of [
      { sources: ['é', 'crm'] },
      { sources: ['crm'] },
      { deposits: [{ ...deposit(0), bytes: 9 }] },
      { deposits: [deposit(3)] },
      { number: 2, deposits: [deposit(0), deposit(1)] },
    ])
      expect(() => requireSameChain(parse(good), { ...earlier, ...change })).toThrow(refused);
  });
});

describe('stored lines', () => {
  const stored = (text: string, most = 4) => ({
    size: text.length,
    read: (into: Uint8Array, position: number) => Buffer.from(text, 'latin1').copy(into, 0, position, position + most),
  });

  test('come out whole, however they are read', () => {
    const lines = ['', 'a', 'é'.repeat(50_000), 'last'];
    const text = lines.map((line) => `${line}\n`).join('');
    for (const most of [3, 40_000, 1_000_000]) expect([...linesOf(stored(text, most), 100_000)]).toEqual(lines);
  });

  test('are refused when they are too long, or end without a newline', () => {
    expect(() => [...linesOf(stored('x'.repeat(200_000), 100_000), 1000)]).toThrow(refused);
    expect(() => [...linesOf(stored('a\nb'), 1000)]).toThrow(refused);
  });
});
