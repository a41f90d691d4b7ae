/** Names that a file system takes for others, so many that looking them up would take hours. */
import type * as fs from 'node:fs';
import { expect, test, vi } from 'vitest';
import { extract, sandbox } from '../support/extraction.js';
import { archive, raw } from '../support/hostile-tar.js';

/** As if each directory held ten million names. */
vi.mock('node:fs', async (original) => {
  const { foldCase, folding } = await import('../support/folding.js');
  const folded = folding(await original<typeof fs>(), foldCase);
  const readdirSync = (directory: fs.PathLike, encoding: BufferEncoding): string[] => {
    const names = folded.readdirSync(directory, encoding);
    if (encoding === 'latin1') names.length = 10_000_000;
    return names;
  };
  return { ...folded, readdirSync };
});

const names = ['a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef'];
const taken = (count: number) =>
  archive(...names.slice(0, count).flatMap((name) => [name, name.toUpperCase()].map((one) => raw({ name: one }))));

test('the archive is refused after looking through fifty million of them', () => {
  extract(taken(5), sandbox().out);
  expect(() => extract(taken(6), sandbox().out)).toThrow(
    expect.objectContaining({
      message: 'the archive holds too many names that are not possible, or taken, on this file system',
    }),
  );
});
