import { readdir, realpath } from 'node:fs/promises';

import { codeOrSaid, printable, said } from '../printable.js';
import type { Value } from './document.js';
import { path as localPath } from './kinds.js';

/** The deepest level below the fixed part of a pattern with `**`; a link that leads upwards ends here. */
const deepest = 12;

/**
 * Files that an `include:` pattern names, absolute and sorted, less `self`. A plain name that is not there is
 * left to whoever opens it; a pattern that matches nothing gives an empty list.
 */
export async function filesOf(pattern: string, at: Value, self: string): Promise<string[]> {
  const { paths } = at.file;
  if (!/[*?[\]{}()!]/.test(pattern)) {
    const path = localPath.read(at);
    return path === null ? [] : [path];
  }
  // Loaded when needed only: most configurations have no patterns, and `status` is to start fast.
  const { default: picomatch } = await import('picomatch');
  const { base, glob } = picomatch.scan(pattern);
  const directory = paths.resolve(
    at.file.directory,
    base.startsWith('~/') ? paths.join(at.file.home ?? '~', base.slice(2)) : base,
  );
  let matches: (path: string) => boolean;
  try {
    matches = picomatch(glob, { dot: false });
  } catch (error) {
    // A lone `!` or an endless pattern.
    at.report(`${at.shown} is no pattern of file names; picomatch says: ${said(error)}`);
    return [];
  }
  const levels = glob.includes('**') ? deepest : glob.split('/').length;
  const own = await realpath(self).catch(() => self);
  const found: string[] = [];
  for (const relative of await filesBelow(directory, levels, at)) {
    if (!matches(relative)) continue;
    const path = paths.join(directory, relative);
    // `include: ["*.yaml"]` beside depot.yaml would include that itself.
    if ((await realpath(path).catch(() => path)) !== own) found.push(path);
  }
  return found.sort();
}

/** Paths with forward slashes, relative to `directory`. */
async function filesBelow(directory: string, levels: number, at: Value): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    const code = codeOrSaid(error);
    if (code !== 'ENOENT') at.report(`${printable(directory)} cannot be listed: ${code}`);
    return [];
  }
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.isDirectory()) {
      if (levels > 1 && !entry.name.startsWith('.')) {
        for (const below of await filesBelow(`${directory}/${entry.name}`, levels - 1, at))
          found.push(`${entry.name}/${below}`);
      }
    } else found.push(entry.name);
  }
  return found;
}
