import { existsSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { decrypt } from '../../src/reader/decrypt.js';
import { DepotError } from '../../src/errors.js';
import { archive } from '../support/hostile-tar.js';
import { Receiver } from '../support/hostile-suitcase.js';

vi.mock('../../src/dataset/extract/remove.js', () => ({
  removeExtracted: (directory: string): never => {
    throw Object.assign(new Error(`EBUSY: resource busy or locked, rmdir '${directory}'`), { code: 'EBUSY' });
  },
}));
// The real one runs in a thread, which exists only in the built program.
vi.mock('../../src/open/opening.js', () => ({
  openSuitcase: () => Promise.reject(new DepotError('archive-refused', 'no good')),
}));

test('if cleaning up after a failure fails, a warning names the path, and the first failure stays the error', async () => {
  const receiver = await Receiver.create('modern');
  const { file } = await receiver.seal(archive());
  const out = receiver.out();
  const warnings: string[] = [];
  const opening = decrypt(
    {
      suitcase: file,
      key: receiver.key.secretKey,
      signers: [],
      out,
      signal: new AbortController().signal,
      passphrase: () => Promise.resolve(undefined),
    },
    { warn: (text) => warnings.push(text), progress: () => undefined },
  );
  await expect(opening).rejects.toMatchObject({ code: 'archive-refused', message: 'no good' });
  expect(warnings).toEqual([
    `decrypted files are left in ${out}.partial, which could not be removed (cannot remove ${out}.partial: EBUSY); remove it: «rm -r ${out}.partial»`,
  ]);
  expect(existsSync(out)).toBe(false);
});
