/**
 * A reader of chains for tests, after docs/format.md section 12, that shares no code with depot's own but the tar
 * reader: it holds everything in memory.
 */
import { createHash } from 'node:crypto';
import { members } from '../packing.js';

export interface Restored {
  type: 'file' | 'directory' | 'symlink' | 'hardlink';
  mode: number;
  mtimeNs: bigint;
  content: Buffer;
  target: string | null;
}

/** The dataset after the last of these archives: a full one, and increments in their order. Paths are latin1, below `data/`. */
export function restored(archives: readonly Buffer[]): Map<string, Restored> {
  const night = new Map<string, Restored>();
  const objects: Map<string, Buffer>[] = [];
  for (const [number, archive] of archives.entries()) {
    const entries = members(archive);
    const joined = new Map<string, Buffer[]>();
    const stored = new Map<string, Restored>();
    for (const { path, type, mode, mtimeNs, content, linkTarget } of entries) {
      const part = /^((?:data|DEPOT)\/[^/]+)\.part-\d{6}$/.exec(path);
      const name = part?.[1] ?? path;
      const pieces = joined.get(name) ?? [];
      pieces.push(content);
      joined.set(name, pieces);
      stored.set(name, { type, mode, mtimeNs, content, target: linkTarget });
    }
    for (const [name, pieces] of joined) stored.get(name)!.content = Buffer.concat(pieces);
    objects.push(new Map([...stored].map(([name, { content }]) => [name, content])));
    const manifest = stored.get('DEPOT/manifest.ndjson')!.content.toString('latin1').split('\n').slice(0, -1);
    if (number === 0) {
      for (const [name, entry] of stored) if (name.startsWith('data/')) night.set(name, entry);
      continue;
    }
    expectThat(JSON.parse(manifest[0]).manifest === 'depot.manifest/2', 'the manifest has another version');
    const files = rangedFiles(stored.get('DEPOT/ranges')!.content.toString('latin1'), objects);
    const named = new Set<string>();
    for (const line of manifest.slice(1, -1)) {
      const [path = '', kind, mode = '', mtime = '', ...rest] = line.replace(/ !$/, '').split(' ').map(unescaped);
      if (path.startsWith('DEPOT/')) continue;
      named.add(path);
      if (kind === '-') {
        expectThat(night.delete(path), `${path} was not there`);
        continue;
      }
      const entry = { mode: parseInt(mode, 8), mtimeNs: nanoseconds(mtime), content: Buffer.alloc(0), target: null };
      if (kind === 'd') night.set(path, { ...entry, type: 'directory' });
      else if (kind === 'l') night.set(path, { ...entry, type: 'symlink', target: rest[0] });
      else if (kind === 'h') night.set(path, { ...entry, type: 'hardlink', target: rest[0] });
      else {
        const [size, sha256, ...where] = rest;
        const content =
          kind === 'f'
            ? objects[number].get(path)!
            : kind === 'o'
              ? objects[Number(where[0])].get(where[1])!
              : files[Number(where[0]) - 1];
        expectThat(content.length === Number(size), `${path} has ${content.length} bytes and not ${size}`);
        expectThat(createHash('sha256').update(content).digest('hex') === sha256, `${path} has another SHA-256`);
        night.set(path, { ...entry, type: 'file', content });
      }
    }
    for (const { path } of entries)
      if (path.startsWith('data/')) expectThat(named.has(path), `${path} has an entry, and no line`);
  }
  return night;
}

function rangedFiles(text: string, objects: readonly Map<string, Buffer>[]): Buffer[] {
  const files: Buffer[][] = [];
  let named: { content: Buffer; end: number }[] = [];
  for (const line of text.split('\n').slice(0, -1)) {
    const [first = '', second, third] = line.split(' ');
    if (first === '>') {
      expectThat(Number(second) === files.length + 1, `${line} is out of order`);
      files.push([]);
      named = [];
    } else if (first === '@') {
      const [, , night, object = ''] = line.split(' ');
      expectThat(Number(second) === named.length, `${line} is out of order`);
      named.push({ content: objects[Number(night)].get(unescaped(object))!, end: 0 });
    } else {
      const object = named[Number(first)];
      const offset = object.end + Number(second);
      object.end = offset + Number(third);
      expectThat(
        Number(third) > 0 && offset >= 0 && object.end <= object.content.length,
        `${line} is beyond its object`,
      );
      files.at(-1)!.push(object.content.subarray(offset, object.end));
    }
  }
  return files.map((pieces) => Buffer.concat(pieces));
}

function unescaped(name: string): string {
  return name.replace(/\\0([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

function nanoseconds(time: string): bigint {
  const [whole = '', fraction = ''] = time.replace('-', '').split('.');
  const ns = BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
  return time.startsWith('-') ? -ns : ns;
}

function expectThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
