import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeAwkward } from './awkward.js';
import { tempDir } from './cleanup.js';
import { peer } from './peers.js';
import { mustRun } from './process.js';
import { differences } from './tree.js';

const tar = peer('tar');

test.skipIf(!tar)('a copied tree compares as equal, and each kind of change is noticed', async () => {
  const top = tempDir();
  const [a, b] = [join(top, 'a'), join(top, 'b')];
  mkdirSync(a);
  makeAwkward(a);
  mkdirSync(b);
  await mustRun('sh', ['-c', `tar --format=pax -C '${a}' -cf - . | tar -C '${b}' -xpf -`]);
  expect(await differences(a, b)).toEqual([]);

  writeFileSync(join(b, '-rf'), 'other');
  chmodSync(join(b, '~'), 0o700);
  utimesSync(join(b, '%s'), 5, 5);
  rmSync(join(b, 'links/second'));
  writeFileSync(join(b, 'links/second'), 'one inode, three names\n');
  rmSync(join(b, 'links/dangling'));
  symlinkSync('elsewhere', join(b, 'links/dangling'));
  renameSync(join(b, 'empty file'), join(b, 'renamed'));
  const found = (await differences(a, b, { ignore: ['symlink-mtime'] })).filter(
    (line) => !/^"links\/second": mtime|^"(links)?": mtime/.test(line),
  );
  expect(found.map((line) => line.replace(/ (\S+) became \S+$/, ''))).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^"-rf": size/),
      expect.stringMatching(/^"~": mode/),
      expect.stringMatching(/^"%s": mtime/),
      expect.stringMatching(/^"links\/second": hard link/),
      expect.stringMatching(/^"links\/dangling": link target/),
      '"empty file": missing',
      '"renamed": was not there',
    ]),
  );
});
