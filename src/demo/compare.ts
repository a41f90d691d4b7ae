/** Whether two directories hold the same: the demo's last word. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { printable } from '../printable.js';

export interface TreeSummary {
  files: number;
  entries: number;
  bytes: number;
  /** One line each, at most ten. */
  differences: string[];
}

const separator = Buffer.from('/');

/** Compares names (as bytes), types, contents, sizes, modes, times to the microsecond, link targets and hard links. */
export function compareTrees(expected: string, actual: string): TreeSummary {
  const summary: TreeSummary = { files: 0, entries: 0, bytes: 0, differences: [] };
  const differ = (name: Buffer, what: string): void => {
    if (summary.differences.length < 10) summary.differences.push(`${printable(name)}: ${what}`);
  };
  const visit = (a: Buffer, b: Buffer, name: Buffer): void => {
    const [left, right] = [lstatSync(a), lstatSync(b, { throwIfNoEntry: false })];
    summary.entries += 1;
    if (right === undefined) {
      differ(name, 'missing');
      return;
    }
    const kind = kindOf(left);
    if (kind !== kindOf(right)) differ(name, `a ${kind} became a ${kindOf(right)}`);
    else if (kind === 'file') {
      summary.files += 1;
      summary.bytes += left.size;
      if (!readFileSync(a).equals(readFileSync(b))) differ(name, 'other contents');
      if (left.nlink !== right.nlink) differ(name, 'hard links lost');
    } else if (kind === 'symlink') {
      if (!readlinkSync(a, { encoding: 'buffer' }).equals(readlinkSync(b, { encoding: 'buffer' })))
        differ(name, 'another link target');
    } else {
      const [names, found] = [readdirSync(a, { encoding: 'buffer' }), readdirSync(b, { encoding: 'buffer' })];
      const known = new Set(names.map((n) => n.toString('latin1')));
      for (const child of found) if (!known.has(child.toString('latin1'))) differ(child, 'was not there');
      for (const child of names)
        visit(Buffer.concat([a, separator, child]), Buffer.concat([b, separator, child]), child);
    }
    if (kind !== 'symlink' && process.platform !== 'win32' && left.mode !== right.mode) differ(name, 'another mode');
    // Restored to the microsecond; as milliseconds in a double, two such times can lie a little further apart.
    if (Math.abs(left.mtimeMs - right.mtimeMs) > 0.002) differ(name, 'another time');
  };
  visit(Buffer.from(expected), Buffer.from(actual), Buffer.from('.'));
  return summary;
}

function kindOf(stats: Stats): 'file' | 'directory' | 'symlink' | 'special file' {
  return stats.isFile()
    ? 'file'
    : stats.isDirectory()
      ? 'directory'
      : stats.isSymbolicLink()
        ? 'symlink'
        : 'special file';
}
