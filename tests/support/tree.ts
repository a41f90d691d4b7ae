import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';

/** What one entry of a tree must keep on its way through a suitcase. Names are bytes, shown as latin1. */
export interface TreeEntry {
  type: 'file' | 'directory' | 'symlink' | 'other';
  mode: number;
  mtimeNs: bigint;
  size: number;
  sha256?: string;
  linkTarget?: string;
  /** The first name, in byte order, of those that share its inode; only for files with more than one. */
  linkedWith?: string;
}

/** Every entry below a directory, by its path relative to it (latin1: one character a byte). */
export async function readTree(directory: string): Promise<Map<string, TreeEntry>> {
  const entries = new Map<string, TreeEntry>();
  const firstName = new Map<string, string>();
  const visit = async (path: Buffer, relative: string): Promise<void> => {
    const names = (await readdir(path, { encoding: 'buffer' })).sort((a, b) => Buffer.compare(a, b));
    for (const name of names) {
      const full = Buffer.concat([path, Buffer.from('/'), name]);
      const key = relative === '' ? name.toString('latin1') : `${relative}/${name.toString('latin1')}`;
      const info = await lstat(full, { bigint: true });
      const type = info.isFile()
        ? 'file'
        : info.isDirectory()
          ? 'directory'
          : info.isSymbolicLink()
            ? 'symlink'
            : 'other';
      const entry: TreeEntry = {
        type,
        mode: Number(info.mode & 0o7777n),
        mtimeNs: info.mtimeNs,
        size: type === 'file' ? Number(info.size) : 0,
      };
      if (type === 'file')
        entry.sha256 =
          entry.size > 1 << 20
            ? await digest(full)
            : createHash('sha256')
                .update(await readFile(full))
                .digest('hex');
      if (type === 'symlink') entry.linkTarget = (await readlink(full, { encoding: 'buffer' })).toString('latin1');
      if (type === 'file' && info.nlink > 1n) {
        const inode = `${info.dev}:${info.ino}`;
        if (!firstName.has(inode)) firstName.set(inode, key);
        entry.linkedWith = firstName.get(inode)!;
      }
      entries.set(key, entry);
      if (type === 'directory') await visit(full, key);
    }
  };
  await visit(Buffer.from(directory), '');
  return entries;
}

/** As much of a tree as is restored: modes without set-user-id and set-group-id, times to the microsecond. */
export async function restorable(directory: string): Promise<Map<string, TreeEntry>> {
  const tree = await readTree(directory);
  return new Map(
    [...tree].map(([path, entry]) => [
      path,
      {
        ...entry,
        mode: entry.mode & (entry.type === 'directory' ? 0o1777 : 0o777),
        mtimeNs: entry.type === 'symlink' ? 0n : entry.mtimeNs / 1000n,
      },
    ]),
  );
}

export interface Comparison {
  /** Node sets times as a double of seconds, which is good to about 240 ns; default 1000. */
  mtimeToleranceNs?: bigint;
  /** Leave out what a reader does not restore. */
  ignore?: ('mode' | 'mtime' | 'symlink-mtime' | 'hardlinks')[];
}

/** All differences between two trees, one line each; empty when they are the same. */
export async function differences(expected: string, actual: string, options: Comparison = {}): Promise<string[]> {
  const [a, b] = await Promise.all([readTree(expected), readTree(actual)]);
  const ignore = new Set(options.ignore ?? []);
  const tolerance = options.mtimeToleranceNs ?? 1000n;
  const found: string[] = [];
  for (const [name, x] of a) {
    const y = b.get(name);
    if (y === undefined) {
      found.push(`${shown(name)}: missing`);
      continue;
    }
    const differ = (what: string, p: unknown, q: unknown) =>
      found.push(`${shown(name)}: ${what} ${String(p)} became ${String(q)}`);
    if (x.type !== y.type) differ('type', x.type, y.type);
    if (x.size !== y.size) differ('size', x.size, y.size);
    else if (x.sha256 !== y.sha256) differ('sha256', x.sha256, y.sha256);
    if (x.linkTarget !== y.linkTarget) differ('link target', x.linkTarget, y.linkTarget);
    if (!ignore.has('hardlinks') && x.linkedWith !== y.linkedWith) differ('hard link', x.linkedWith, y.linkedWith);
    // A symlink has no mode of its own on Linux.
    if (!ignore.has('mode') && x.type !== 'symlink' && x.mode !== y.mode)
      differ('mode', x.mode.toString(8), y.mode.toString(8));
    const away = x.mtimeNs > y.mtimeNs ? x.mtimeNs - y.mtimeNs : y.mtimeNs - x.mtimeNs;
    const timed = !ignore.has('mtime') && !(x.type === 'symlink' && ignore.has('symlink-mtime'));
    if (timed && away > tolerance) differ('mtime', x.mtimeNs, y.mtimeNs);
  }
  for (const name of b.keys()) if (!a.has(name)) found.push(`${shown(name)}: was not there`);
  return found;
}

function shown(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 60)}…${name.slice(-50)}` : name);
}

/** Without the whole file in memory. */
async function digest(path: Buffer): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
