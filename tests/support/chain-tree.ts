/** What is in a dataset, for the tests' own writer of chains, and how section 12 of docs/format.md writes it down. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

export interface FileNode {
  type: 'file' | 'directory' | 'symlink' | 'hardlink';
  mode: number;
  mtimeNs: bigint;
  /** Files only. */
  content?: Buffer;
  /** Links only; one character a byte. */
  target?: string;
  /** Files only: while it was read. */
  changed?: boolean;
}

/** By path, `data/…`, one character a byte; in the order of the archive. */
export type Tree = Map<string, FileNode>;

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');
export const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
export const utf8 = (name: string): string => latin1(name).toString('utf8');

/** What lies in a directory; each name in it is a source. */
export function treeOf(directory: string): Tree {
  const tree: Tree = new Map();
  const first = new Map<string, string>();
  const visit = (folder: Buffer, path: string): void => {
    const names = readdirSync(folder, { encoding: 'buffer' }).sort((a, b) => Buffer.compare(a, b));
    for (const name of names) {
      const file = Buffer.concat([folder, Buffer.from('/'), name]);
      const below = `${path}/${name.toString('latin1')}`;
      const info = lstatSync(file, { bigint: true });
      const common = { mode: Number(info.mode & 0o7777n), mtimeNs: info.mtimeNs };
      const inode = `${info.dev}:${info.ino}`;
      if (info.isDirectory()) {
        tree.set(below, { type: 'directory', ...common });
        visit(file, below);
      } else if (info.isSymbolicLink())
        tree.set(below, { type: 'symlink', ...common, target: readlinkSync(file, 'buffer').toString('latin1') });
      else if (first.has(inode)) tree.set(below, { type: 'hardlink', ...common, target: first.get(inode)! });
      else {
        if (info.nlink > 1n) first.set(inode, below);
        tree.set(below, { type: 'file', ...common, content: readFileSync(file) });
      }
    }
  };
  visit(Buffer.from(directory), 'data');
  return tree;
}

/** Every byte that a shell, or a reader of lines, could take for something else, as `\0ooo`. */
export function escaped(name: string): string {
  return name.replace(/[^A-Za-z0-9._/+,:=@%~#-]/g, (byte) => `\\0${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** A line of an increment's manifest. */
export function line(path: string, node: FileNode, kind: string, rest: string): string {
  const mode = node.mode.toString(8).padStart(4, '0');
  const content = node.content === undefined ? '' : ` ${node.content.length} ${sha256(node.content)}`;
  const target = node.target === undefined ? '' : ` ${escaped(node.target)}`;
  return `${escaped(path)} ${kind} ${mode} ${decimalSeconds(node.mtimeNs)}${content}${target}${rest}${node.changed === true ? ' !' : ''}\n`;
}

/** A line of a full deposit's manifest. */
export function jsonLine(path: string, node: FileNode, parts: number | null): string {
  const named = (key: string, name: string): Record<string, string> =>
    latin1(name).equals(Buffer.from(utf8(name)))
      ? { [key]: utf8(name) }
      : { [`${key}Base64`]: latin1(name).toString('base64') };
  return `${JSON.stringify({
    ...named('path', path),
    type: node.type,
    size: node.content?.length ?? 0,
    mode: node.mode.toString(8).padStart(4, '0'),
    mtime: isoTime(node.mtimeNs),
    ...(node.content === undefined ? {} : { sha256: sha256(node.content) }),
    ...(node.target === undefined ? {} : named('linkTarget', node.target)),
    ...(parts === null ? {} : { parts }),
    ...(node.changed === true ? { changed: true } : {}),
  })}\n`;
}

/** A path as it goes into `datasetSha256`. */
export function listed(path: string, node: FileNode): Buffer {
  const numbers = Buffer.alloc(28);
  const seconds = floorDiv(node.mtimeNs);
  numbers.write(node.type[0] === 's' ? 'l' : node.type[0], 0, 'latin1');
  numbers[1] = node.changed === true ? 1 : 0;
  numbers.writeUInt16BE(node.mode, 2);
  numbers.writeBigUInt64BE(BigInt(node.content?.length ?? 0), 4);
  numbers.writeBigInt64BE(seconds, 12);
  numbers.writeUInt32BE(Number(node.mtimeNs - seconds * 1_000_000_000n), 20);
  numbers.writeUInt32BE(path.length, 24);
  const rest: Buffer[] = [];
  if (node.content !== undefined) rest.push(createHash('sha256').update(node.content).digest());
  if (node.target !== undefined) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(node.target.length);
    rest.push(length, latin1(node.target));
  }
  return Buffer.concat([numbers, latin1(path), ...rest]);
}

export function plain(content: string | Buffer): FileNode & { content: Buffer } {
  return { type: 'file', mode: 0o644, mtimeNs: 1_700_000_000_000_000_000n, content: Buffer.from(content) };
}

export function sameNode(a: FileNode | undefined, b: FileNode | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.changed !== b.changed) return false;
  const same = a.type === b.type && a.mode === b.mode && a.mtimeNs === b.mtimeNs && a.target === b.target;
  return same && (a.content === undefined || a.content.equals(b.content!));
}

const floorDiv = (ns: bigint): bigint =>
  (ns - (((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n)) / 1_000_000_000n;

/** As in pax: the sign, whole seconds, and a fraction where there is one. */
function decimalSeconds(ns: bigint): string {
  const [sign, size] = ns < 0n ? ['-', -ns] : ['', ns];
  const fraction = String(size % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${sign}${size / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}

function isoTime(ns: bigint): string {
  const seconds = floorDiv(ns);
  const fraction = String(ns - seconds * 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return new Date(Number(seconds) * 1000).toISOString().replace(/\.000Z$/, fraction === '' ? 'Z' : `.${fraction}Z`);
}
