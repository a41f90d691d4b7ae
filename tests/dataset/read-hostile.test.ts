import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TarReader } from '../../src/dataset/tar/read.js';
import type { DepotError } from '../../src/errors.js';
import { extract, sandbox } from '../support/extraction.js';
import { hostileCases } from '../support/hostile-tar.js';
import { readTree } from '../support/tree.js';

const fixtures = join(import.meta.dirname, '../../test-fixtures/hostile-tar');
const ignore = { begin: () => undefined, data: () => undefined, end: () => undefined };

test('the fixtures are exactly what the generator makes', () => {
  if (process.env['DEPOT_TEST_WRITE'] === '1') {
    mkdirSync(fixtures, { recursive: true });
    for (const { name, tar } of hostileCases) writeFileSync(join(fixtures, `${name}.tar`), tar);
  }
  expect(readdirSync(fixtures).sort()).toEqual(hostileCases.map(({ name }) => `${name}.tar`).sort());
  for (const { name, tar } of hostileCases)
    expect(readFileSync(join(fixtures, `${name}.tar`)).equals(tar), name).toBe(true);
});

for (const { name, tar, says, by } of hostileCases) {
  test(`${name} is refused, and nothing outside the directory changes`, async () => {
    for (const pieces of [tar.length, 512, 1]) {
      const { out, directory, beside } = sandbox();
      const failure = failureOf(() => extract(tar, out, { pieces }));
      expect(failure).toMatchObject({
        name: 'DepotError',
        code: 'archive-refused',
        exit: 23,
        message: expect.stringMatching(says),
      });
      // No control characters reach the terminal.
      expect(failure).toMatchObject({ message: expect.stringMatching(/^[\x20-\x7e\u2026]*$/) });
      expect(beside()).toEqual(['outside']);
      expect(readFileSync(join(directory, 'outside'), 'utf8')).toBe('untouched');
      // Of two symlinks of one name the first was made: symlinks come last, so nothing can have passed through it.
      const allowed = /taken/.test((failure as Error).message)
        ? ['file', 'directory', 'symlink']
        : ['file', 'directory'];
      for (const [path, entry] of await readTree(out)) expect(allowed, path).toContain(entry.type);
    }
    if (by === 'reader') {
      const reader = new TarReader(ignore);
      const readAll = () => {
        reader.write(tar);
        reader.end();
      };
      expect(failureOf(readAll), 'whatever the sink').toMatchObject({
        code: 'archive-refused',
        message: expect.stringMatching(says),
      });
    }
  });
}

test('names that tar programs read differently are refused', () => {
  for (const name of [
    'pax-twice',
    'long-name-twice',
    'pax-and-long-name',
    'pax-and-long-link',
    'pax-empty-name',
    'pax-global-path',
  ]) {
    const { tar, says } = hostileCases.find((one) => one.name === name)!;
    expect(() => new TarReader(ignore).write(tar), name).toThrow(says);
  }
});

test('after a refusal, the reader accepts nothing more', () => {
  const reader = new TarReader(ignore);
  expect(() => reader.write(Buffer.alloc(512, 1))).toThrow(/not a tar archive/);
  expect(() => reader.write(Buffer.alloc(1024))).toThrow(/refused before/);
  expect(() => reader.end()).toThrow(expect.objectContaining({ code: 'archive-refused' }));
});

test('depot warns against other tools for archives that no honest tool makes, and only for those', () => {
  const warned = hostileCases
    .filter(({ tar }) => (failureOf(() => extract(tar, sandbox().out)) as DepotError).hint?.includes('another tool'))
    .map(({ name }) => name);
  for (const harmless of [
    'sparse-gnu-old',
    'sparse-gnu-pax',
    'multi-volume',
    'fifo',
    'device-block',
    'checksum',
    'cut-before-end',
    'cut-empty',
    'second-archive',
    'not-a-tar',
    'not-a-tar-but-a-short-zip',
  ])
    expect(warned).not.toContain(harmless);
  for (const hostile of [
    'path-upwards',
    'path-absolute',
    'link-then-file-through-it',
    'dot-link-then-link-below-it',
    'hardlink-upwards',
    'file-twice',
    'pax-twice',
  ])
    expect(warned).toContain(hostile);
});

test('the tar command suggested for a sparse archive restores no owners and no set-user-id bits, even as root', () => {
  for (const { name, tar } of hostileCases.filter((one) => one.name.startsWith('sparse'))) {
    expect((failureOf(() => extract(tar, sandbox().out)) as DepotError).hint, name).toContain(
      '| tar -x --no-same-owner --no-same-permissions -C',
    );
  }
});

function failureOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
