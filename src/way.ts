/** The way to a file through its directories, for whoever asks who can exchange a part of it. */
import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { isAbsolute, parse, resolve, sep } from 'node:path';
import { DepotError, type ErrorCode } from './errors.js';
import { printable } from './printable.js';

export interface Passed {
  path: string;
  /** As it was when the way went through it: looked at again, another account may have put a link to a better one there. */
  found: Stats;
}

export interface Way {
  /** What is gone through and is no link: directories, and at the end perhaps a file. */
  passed: Passed[];
  links: { path: string; uid: number }[];
}

/** As many as the kernel follows. */
const mostLinks = 40;
const separator = sep === '\\' ? /[\\/]/ : '/';

/**
 * The way to `path`, component by component as the kernel goes it: through every link, and every link in a link's target.
 * Where no other account can exchange a part of it, the kernel goes the same way later.
 */
export async function wayTo(path: string, endless: ErrorCode): Promise<Way> {
  const whole = resolve(path);
  let at = parse(whole).root;
  const way: Way = { passed: [{ path: at, found: await lstat(at) }], links: [] };
  const names = whole.slice(at.length).split(separator);
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    const next = resolve(at, name);
    const found = await lstat(next);
    if (!found.isSymbolicLink()) {
      way.passed.push({ path: next, found });
      at = next;
      continue;
    }
    way.links.push({ path: next, uid: found.uid });
    if (way.links.length > mostLinks)
      throw new DepotError(endless, `${printable(path)} cannot be reached: too many symbolic links`, {
        hint: 'give the real path',
      });
    const target = await readlink(next);
    if (isAbsolute(target)) {
      // Windows knows targets without a drive, and takes `..` out before it looks at anything; POSIX does neither.
      const written = sep === '\\' ? resolve(at, target) : target;
      at = parse(written).root;
      way.passed.push({ path: at, found: await lstat(at) });
      names.unshift(...written.slice(at.length).split(separator));
    } else names.unshift(...target.split(separator));
  }
  return way;
}
