import { describe, expect, test } from 'vitest';
import { checkNames } from '../../src/dataset/sources.js';
import { commandSource, pack, stdinSource } from './packing.js';

describe('a source name', () => {
  test.each([
    'a',
    'crm.pgdump',
    '.hidden',
    'with space',
    'x.part-',
    'x.part-000001.gz',
    'é',
    '日本語',
    '-',
    '...',
    'n'.repeat(240),
  ])('may be %j', (name) => {
    expect(() => checkNames([commandSource(['true'], { name })])).not.toThrow();
  });

  test.each([
    '',
    '.',
    '..',
    'a/b',
    '/',
    'a\0b',
    'a\\b',
    'a\u202eb',
    'x.part-1',
    'crm.part-000001',
    'x.part-999999',
    '\ud800',
    'n'.repeat(241),
    'é'.repeat(121),
  ])('cannot be %j', async (name) => {
    await expect(pack([commandSource(['true'], { name })])).rejects.toMatchObject({ code: 'config-invalid' });
  });

  test('is shown with control characters escaped', () => {
    expect(() => checkNames([commandSource(['true'], { name: '\x1b[2J/' })])).toThrow(
      'the source name "\\x1b[2J/": a name under data/ has no slashes',
    );
  });

  test('cannot be used twice', () => {
    expect(() => checkNames([commandSource(['true'], { name: 'a' }), stdinSource({ name: 'a' })])).toThrow(
      'the source name "a": it is used twice',
    );
  });
});

test('only one source may read stdin', () => {
  expect(() => checkNames([stdinSource({ name: 'a' }), stdinSource({ name: 'b' })])).toThrow(
    'more than one source reads stdin',
  );
});
