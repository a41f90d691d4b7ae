import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fromText } from '../../src/dataset/bytestring.js';
import { listChildren } from '../../src/dataset/listing.js';
import { tempDir } from '../support/cleanup.js';
import { onWindows } from '../support/platform.js';

function awkwardDirectory(): string {
  const directory = tempDir();
  for (const name of ['b', 'a', 'a.b', 'a b', 'ab', '~', 'Z', 'é', '日本']) writeFileSync(join(directory, name), '');
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xe9])]), '');
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/`), Buffer.from([0xff, 0x41])]), '');
  mkdirSync(join(directory, 'directory'));
  symlinkSync('a', join(directory, 'symlink'));
  execFileSync('mkfifo', [join(directory, 'fifo')]);
  return directory;
}

test.skipIf(onWindows)('a directory is listed completely, in byte order of the names', () => {
  const found = [...listChildren(fromText(awkwardDirectory()))];
  const names = found.map(({ name }) => Buffer.from(name, 'latin1'));
  expect(names).toHaveLength(14);
  expect(names).toEqual([...names].sort((a, b) => Buffer.compare(a, b)));
  expect(found.filter(({ kind }) => kind !== 'file').map(({ name, kind }) => [name, kind])).toEqual([
    ['directory', 'directory'],
    ['fifo', 'fifo'],
    ['symlink', 'symlink'],
  ]);
});

test.each([512, 600, 5000, 20_000, 1 << 20])(
  'each name is listed once, in order, with room for %i bytes of names at a time',
  (room) => {
    const directory = tempDir();
    const names = Array.from({ length: 300 }, (_, i) => `${(i * 7919) % 1000}-${'n'.repeat((i * 31) % 240)}`);
    for (const name of names) writeFileSync(join(directory, name), '');
    expect([...listChildren(fromText(directory), room)].map(({ name }) => name)).toEqual(names.sort());
  },
);

test('an empty directory has no children', () => {
  expect([...listChildren(fromText(tempDir()))]).toEqual([]);
});

test("listing a missing directory throws the system's error", () => {
  expect(() => [...listChildren(fromText('/no/such/directory'))]).toThrow(expect.objectContaining({ code: 'ENOENT' }));
});
