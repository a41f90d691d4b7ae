import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { decrypt } from '../../src/reader/decrypt.js';
import { PartialDirectory } from '../../src/reader/partial-directory.js';
import { DepotError } from '../../src/errors.js';
import type { OpenOptions } from '../../src/open/opening.js';
import { tempDir } from '../support/cleanup.js';
import { Receiver } from '../support/hostile-suitcase.js';
import { archive } from '../support/hostile-tar.js';

/** What goes on in the place of the opening thread, which is there only in what was built. */
const meanwhile = vi.hoisted((): { in?: (directory: string) => void } => ({}));
vi.mock('../../src/open/opening.js', () => ({
  openSuitcase: ({ mode }: OpenOptions) => {
    if (mode.kind === 'extract') meanwhile.in?.(mode.directory);
    return Promise.resolve({
      contents: { entries: 1, bytes: 0, manifest: 'found', problems: [], manifestSha256: null },
    });
  },
}));

/** Somebody removes what a run writes to, as a hint says where that seems to hang, and begins another. */
function anotherRun(directory: string): void {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
  writeFileSync(join(directory, 'theirs'), '');
}

async function opened(
  work: (directory: string) => void,
): Promise<{ out: string; outcome: Promise<unknown>; warnings: string[] }> {
  meanwhile.in = work;
  const receiver = await Receiver.create('modern');
  const { file } = await receiver.seal(archive());
  const out = receiver.out();
  const warnings: string[] = [];
  const outcome = decrypt(
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
  await outcome.catch(() => undefined);
  return { out, outcome, warnings };
}

test("output of another run is neither put in place as this run's nor removed", async () => {
  const { out, outcome, warnings } = await opened(anotherRun);
  await expect(outcome).rejects.toMatchObject({
    code: 'local-not-writable',
    message: `${out}.partial was removed or replaced in the meantime`,
  });
  expect(existsSync(out)).toBe(false);
  expect(readdirSync(`${out}.partial`)).toEqual(['theirs']);
  expect(warnings).toEqual([
    `${out}.partial was replaced while this run was writing there, so depot left it alone; remove it when no other run is writing there`,
  ]);
});

test('output of another run is not removed if this run fails', async () => {
  const { out, outcome } = await opened((directory) => {
    anotherRun(directory);
    throw new DepotError('archive-refused', 'no good');
  });
  await expect(outcome).rejects.toMatchObject({ code: 'archive-refused' });
  expect(readdirSync(`${out}.partial`)).toEqual(['theirs']);
});

test('an output directory that was removed meanwhile is not reported as left behind', async () => {
  const { out, outcome, warnings } = await opened((directory) => rmSync(directory, { recursive: true }));
  await expect(outcome).rejects.toMatchObject({ code: 'local-not-writable' });
  expect(existsSync(out)).toBe(false);
  expect(warnings).toEqual([]);
});

test("a run's own output is put in place without its marker file, or removed, also if its destination was taken", async () => {
  const out = join(tempDir('depot-partial'), 'out');
  const first = await PartialDirectory.make(out);
  await expect(PartialDirectory.make(out)).rejects.toMatchObject({ code: 'output-exists' });
  writeFileSync(join(first.path, 'file'), '');
  await first.putInPlace();
  expect(readdirSync(out)).toEqual(['file']);
  const second = await PartialDirectory.make(out);
  await expect(second.putInPlace()).rejects.toMatchObject({
    code: 'output-exists',
    message: `${out} appeared in the meantime`,
  });
  expect(await second.remove()).toBe(true);
  expect(existsSync(second.path)).toBe(false);
  const third = await PartialDirectory.make(out);
  expect(await third.remove()).toBe(true);
  expect(existsSync(third.path)).toBe(false);
});
