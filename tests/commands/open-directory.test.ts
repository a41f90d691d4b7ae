import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDirectory } from '../../src/commands/open-directory.js';
import { cleanup, tempDir } from '../support/cleanup.js';

const onWindows = process.platform === 'win32';
const mode = (directory: string): string => (statSync(directory).mode & 0o777).toString(8);

test.skipIf(onWindows)('a directory for all accounts is one, with its parents, whatever the umask', async () => {
  const there = join(tempDir(), 'there');
  mkdirSync(there, { mode: 0o700 });
  const before = process.umask(0o077);
  cleanup(() => process.umask(before));
  await openDirectory(join(there, 'etc/depot/keys'));
  expect(['', 'etc', 'etc/depot', 'etc/depot/keys'].map((one) => mode(join(there, one)))).toEqual([
    '700',
    '755',
    '755',
    '755',
  ]);
});
