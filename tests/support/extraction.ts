import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ManifestCheck, type ManifestResult } from '../../src/dataset/compare.js';
import { Extractor, type ExtractorOptions } from '../../src/dataset/extract.js';
import { LocalNames } from '../../src/dataset/extract/local-names.js';
import { sha256 } from '../../src/primitives.js';
import type { EntrySink } from '../../src/dataset/tar/format.js';
import { TarReader } from '../../src/dataset/tar/read.js';
import { tempDir } from './cleanup.js';

export interface Sandbox {
  /** Holds `out`, and `outside`, which nothing may touch. */
  directory: string;
  out: string;
  /** What is beside `out` now. */
  beside: () => string[];
}

/** A directory to extract to, inside another one in which anything that escapes would show. */
export function sandbox(): Sandbox {
  const directory = tempDir('depot-extract');
  const out = join(directory, 'out');
  mkdirSync(out, { mode: 0o700 });
  writeFileSync(join(directory, 'outside'), 'untouched');
  return { directory, out, beside: () => readdirSync(directory).filter((name) => name !== 'out') };
}

/** Reads a whole archive in pieces of this many bytes, extracts it, and compares it with its manifest, as `src/open/open.ts` does. */
export function extract(
  tar: Iterable<Uint8Array> | Uint8Array,
  out: string,
  options: Partial<ExtractorOptions> & { pieces?: number } = {},
): { manifest: ManifestResult; warnings: string[] } {
  const warnings: string[] = [];
  const extractor = new Extractor({ directory: out, warn: (message) => warnings.push(message), ...options });
  const check = new ManifestCheck({ hash: sha256, joined: (path, parts) => extractor.joined(path, parts) });
  const reader = new TarReader(tee(extractor, check));
  try {
    for (const chunk of tar instanceof Uint8Array ? inPieces(tar, options.pieces ?? tar.length) : tar)
      reader.write(chunk);
    reader.end();
    extractor.allRead();
    const manifest = check.finish();
    if (manifest.problems.length === 0) extractor.finish();
    else extractor.discard();
    return { manifest, warnings };
  } catch (error) {
    extractor.discard();
    throw error;
  }
}

/** Extracts an archive as a part of a chain: without its symlinks, and with its directories open. */
export function unpack(tar: Uint8Array, directory: string, names = new LocalNames()): void {
  const extractor = new Extractor({ directory, warn: () => undefined, names });
  const check = new ManifestCheck({ hash: sha256, joined: (path, parts) => extractor.joined(path, parts) });
  const reader = new TarReader(tee(extractor, check));
  try {
    reader.write(tar);
    reader.end();
    extractor.allRead();
    const { problems } = check.finish();
    if (problems.length > 0) throw new Error(problems.join('; '));
  } finally {
    extractor.discard();
  }
}

function tee(...sinks: readonly EntrySink[]): EntrySink {
  return {
    begin: (entry) => sinks.forEach((sink) => sink.begin(entry)),
    data: (bytes) => sinks.forEach((sink) => sink.data(bytes)),
    end: () => sinks.forEach((sink) => sink.end()),
  };
}

export function* inPieces(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  // A copy of each: what the reader does not copy in time would be overwritten.
  const piece = Buffer.alloc(Math.max(1, length));
  for (let at = 0; at < bytes.length; at += piece.length) {
    const size = Math.min(piece.length, bytes.length - at);
    piece.fill(0xaa);
    piece.set(bytes.subarray(at, at + size));
    yield piece.subarray(0, size);
  }
}
