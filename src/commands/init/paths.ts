/** Paths as a person types them: `~` is the home directory, and Tab completes names. */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { homeOf } from '../../config/locate.js';
import { printable } from '../../printable.js';
import type { Complete } from '../../ui/line-prompt.js';
import type { Context } from '../context.js';

type Here = Pick<Context, 'env' | 'cwd'>;

/** `~` and `~/…` are this account's home; the rest is relative to the working directory. */
export function absolutePath(given: string, { env, cwd }: Here): string {
  const home = homeOf(env);
  const inHome = /^~(?:[/\\](.*))?$/s.exec(given);
  return inHome === null || home === undefined ? path.resolve(cwd, given) : path.resolve(home, inHome[1] ?? '');
}

/** As a shell does it: as far as all names agree; then the names that are left. Hidden ones only when a dot is typed. */
export function pathCompletion(here: Here): Complete {
  return (typed) => {
    if (typed === '~') return { text: '~/', candidates: [] };
    const cut = Math.max(typed.lastIndexOf('/'), process.platform === 'win32' ? typed.lastIndexOf('\\') : -1) + 1;
    const [before, begun] = [typed.slice(0, cut), typed.slice(cut)];
    const directory = absolutePath(before === '' ? '.' : before, here);
    const names = namesIn(directory).filter(
      (name) => name.startsWith(begun) && (begun !== '' || !name.startsWith('.')),
    );
    const [only, ...others] = names;
    if (only === undefined) return { text: typed, candidates: [] };
    if (others.length > 0) return { text: before + commonStart(names), candidates: names };
    return { text: `${before}${only}${isDirectory(path.join(directory, only)) ? '/' : ''}`, candidates: [] };
  };
}

/** Without those that cannot be typed: they would not be the same when read back. */
function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => printable(name) === name && !name.includes('\ufffd'))
      .sort();
  } catch {
    return [];
  }
}

function isDirectory(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

function commonStart(names: readonly string[]): string {
  const [first = '', last = ''] = [names[0], names.at(-1)];
  let length = 0;
  while (length < first.length && first[length] === last[length]) length++;
  return first.slice(0, length);
}
