import { packDataset } from '../../src/dataset/pack.js';
import type { DatasetHooks, DatasetOptions, DatasetSummary } from '../../src/dataset/sources.js';
import type { SourceSpec, CommandSource, DirectorySource, FileSource, StdinSource } from '../../src/source.js';
import { parseManifestLine, type ManifestEntry } from '../../src/dataset/manifest.js';
import { TarReader } from '../../src/dataset/tar/read.js';
import type { TarEntry } from '../../src/dataset/tar/format.js';

const common = { allowEmpty: false, onChange: 'fail' } as const;

export function directorySource(path: string, more: Partial<DirectorySource> = {}): DirectorySource {
  return { kind: 'directory', name: 'tree', path, exclude: [], ...common, ...more };
}
export function fileSource(path: string, more: Partial<FileSource> = {}): FileSource {
  return { kind: 'file', name: 'file', path, ...common, ...more };
}
export function commandSource(command: string[], more: Partial<CommandSource> = {}): CommandSource {
  return { kind: 'command', name: 'output', command, ...common, ...more };
}
export function stdinSource(more: Partial<StdinSource> = {}): StdinSource {
  return { kind: 'stdin', name: 'input', ...common, ...more };
}

export interface PackOptions extends Partial<DatasetOptions>, Partial<Pick<DatasetHooks, 'signal' | 'stdin'>> {
  /** Gives the memory of every chunk back. */
  reuse?: boolean;
  /** Runs after each chunk, while what is being read is still open. */
  onChunk?: (number: number) => void;
}

export interface Packed {
  tar: Buffer;
  chunks: number[];
  summary: DatasetSummary;
  warnings: string[];
  progress: { entries: number; bytes: number }[];
}

/** Packs into memory. `warnings` may be given, to see them when packing fails. */
export async function pack(sources: SourceSpec[], options: PackOptions = {}, warnings: string[] = []): Promise<Packed> {
  const { signal = new AbortController().signal, stdin, reuse = false, onChunk, ...dataset } = options;
  const progress: Packed['progress'] = [];
  const spare: ArrayBuffer[] = [];
  const hooks: DatasetHooks = {
    signal,
    warn: (m) => warnings.push(m),
    progress: (p) => progress.push(p),
    ...(stdin && { stdin }),
    ...(reuse && { spare: () => spare.pop() }),
  };
  const generator = packDataset(
    {
      sources,
      commandDirectory: '/',
      arrangement: 'acme-crm',
      depositId: 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410',
      ...dataset,
    },
    hooks,
  );
  const pieces: Buffer[] = [];
  try {
    for (;;) {
      const next = await generator.next();
      if (next.done)
        return {
          tar: Buffer.concat(pieces),
          chunks: pieces.map((piece) => piece.length),
          summary: next.value,
          warnings,
          progress,
        };
      pieces.push(Buffer.from(next.value));
      spare.push(next.value.buffer);
      onChunk?.(pieces.length);
    }
  } finally {
    await generator.return(undefined as never); // as `for await` does for a consumer that throws
  }
}

export interface Member extends Omit<TarEntry, 'path' | 'linkTarget'> {
  path: string;
  linkTarget: string | null;
  content: Buffer;
}

/** The entries of an archive in their order; names as latin1. */
export function members(tar: Uint8Array): Member[] {
  const found: Member[] = [];
  let pieces: Buffer[] = [];
  const reader = new TarReader({
    begin({ path, linkTarget, ...entry }) {
      found.push({
        ...entry,
        path: Buffer.from(path).toString('latin1'),
        linkTarget: linkTarget && Buffer.from(linkTarget).toString('latin1'),
        content: Buffer.alloc(0),
      });
      pieces = [];
    },
    data: (bytes) => void pieces.push(Buffer.from(bytes)),
    end: () => void (found.at(-1)!.content = Buffer.concat(pieces)),
  });
  reader.write(tar);
  reader.end();
  return found;
}

export function member(tar: Uint8Array, path: string): Member {
  const found = members(tar).find((entry) => entry.path === path);
  if (!found) throw new Error(`no ${path} in the archive`);
  return found;
}

/** The manifest as its parts join to it. */
export function manifestBytes(tar: Uint8Array): Buffer {
  return Buffer.concat(
    members(tar)
      .filter(({ path }) => path.startsWith('DEPOT/manifest.ndjson.part-'))
      .map(({ content }) => content),
  );
}

/** The entries that the manifest lists, by path (latin1). */
export function manifestEntries(tar: Uint8Array): Map<string, ManifestEntry> {
  const lines = manifestBytes(tar).toString('utf8').split('\n').slice(0, -1).map(parseManifestLine);
  return new Map(lines.flatMap((line) => (line.kind === 'entry' ? [[line.path, line]] : [])));
}
