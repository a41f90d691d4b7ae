import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { DepotError } from '../errors.js';
import { Archive, DATA } from './archive.js';
import { fromText, toPath } from './bytestring.js';
import type { Chunk } from './chunks.js';
import { type ChildOptions, outputOf, run } from '../child.js';
import { printable } from '../printable.js';
import { packDirectory } from './directory.js';
import { HardLinks, packFileSource } from './file.js';
import { PartBuffer, packParts, readStdin } from './parts.js';
import { readme } from './readme.js';
import { locate, Reading, unreadable } from './reading.js';
import type { SourceSpec } from '../source.js';
import { checkNames, hasShrunk, shrinkWords } from './sources.js';
import type { DatasetHooks, DatasetOptions, DatasetSummary } from './sources.js';

/**
 * Packs the dataset into a tar: README, specification, the sources in their order, and the manifest (docs/format.md).
 * Yields chunks of up to 1 MiB, which are the caller's; `hooks.spare` takes their memory back. Reading is synchronous,
 * since a million small files must not cost a million turns of the event loop: so it needs a thread of its own.
 *
 * Nothing counts unless the generator returns: what is wrong with a source may show at its very end. Each source's
 * `cleanup` runs whatever happens, also when the caller gives up; wait for that before ending the thread.
 *
 * @throws DepotError 'source-failed' | 'source-changed' | 'source-timed-out' | 'source-empty' | 'source-too-small' |
 * 'source-shrunk' | 'config-invalid' (a source's name); the abort reason when `hooks.signal` fires
 */
export async function* packDataset(
  options: DatasetOptions,
  hooks: DatasetHooks,
): AsyncGenerator<Chunk, DatasetSummary> {
  checkNames(options.sources);
  const dataset = new Dataset(options, hooks);
  for await (const chunk of dataset.chunks()) {
    hooks.signal.throwIfAborted();
    dataset.tell();
    yield chunk;
    await turn();
  }
  return dataset.summary();
}

const TELL_MS = 250;

class Dataset {
  readonly archive: Archive;
  readonly #reading: Reading;
  readonly #hardLinks = new HardLinks();
  readonly #parts = new PartBuffer();
  readonly #options: DatasetOptions;
  readonly #hooks: DatasetHooks;
  #manifestSha256 = '';
  /** Bytes read of a source that is listed only at its end. */
  #unlisted = 0;

  constructor(options: DatasetOptions, hooks: DatasetHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.archive = new Archive(hooks.spare);
    this.#reading = new Reading(hooks.warn);
  }

  async *chunks(): AsyncGenerator<Chunk, void> {
    const { archive } = this;
    yield* archive.document('README.md', Buffer.from(readme(this.#options)));
    if (this.#options.specification !== undefined)
      yield* archive.document('specification.md', readSpecification(this.#options.specification));
    for (const source of this.#options.sources) yield* this.#source(source);
    this.#checkSize();
    this.#checkShrink();
    this.#manifestSha256 = yield* archive.finish(this.#counts());
  }

  summary(): DatasetSummary {
    const { entries, ...counts } = this.#counts();
    const excluded = { ...this.#reading.excluded };
    return { entries, files: this.archive.files, ...counts, excluded, manifestSha256: this.#manifestSha256 };
  }

  tell(): void {
    const { entries, bytes } = this.archive;
    this.#hooks.progress({ entries, bytes: bytes + this.#unlisted });
  }

  /** A slow command would show nothing until it has printed a part. */
  async *#counted(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    let told = 0;
    for await (const bytes of content) {
      yield bytes;
      this.#unlisted += bytes.length;
      if (performance.now() - told < TELL_MS) continue;
      told = performance.now();
      this.tell();
    }
  }

  async *#source(source: SourceSpec): AsyncGenerator<Chunk, void> {
    try {
      const { signal } = this.#hooks;
      if (source.prepare !== undefined)
        await run(source.prepare, { ...commandOptions(source, this.#options, 'prepare'), signal });
      yield* this.#contents(source);
    } finally {
      this.#unlisted = 0;
      await runCleanup(source, this.#options, this.#hooks.warn);
    }
  }

  #contents(source: SourceSpec): Iterable<Chunk> | AsyncIterable<Chunk> {
    const { archive } = this;
    const path = fromText(`${DATA}/${source.name}`);
    const context = { archive, reading: this.#reading, hardLinks: this.#hardLinks };
    switch (source.kind) {
      case 'directory':
        return packDirectory({ ...context, source }, path);
      case 'file':
        return packFileSource({ ...context, source }, path);
      case 'command': {
        const options = { ...commandOptions(source, this.#options, 'command'), signal: this.#hooks.signal };
        return packParts(archive, this.#parts, source, path, this.#counted(outputOf(source.command, options)));
      }
      case 'stdin':
        return packParts(archive, this.#parts, source, path, this.#counted(readStdin(source, this.#hooks)));
    }
  }

  #counts(): Omit<DatasetSummary, 'manifestSha256' | 'files' | 'excluded'> {
    const { entries, bytes } = this.archive;
    return { entries, bytes, skipped: { ...this.#reading.skipped }, complete: this.#reading.complete };
  }

  #checkSize(): void {
    const { bytes } = this.archive;
    const { minBytes } = this.#options;
    if (minBytes === undefined || bytes >= minBytes) return;
    throw new DepotError('source-too-small', `the dataset holds ${bytes} bytes, less than the ${minBytes} of minSize`, {
      hint: 'find out what is missing, or lower minSize if that is all there is',
    });
  }

  #checkShrink(): void {
    const { entries, bytes } = this.archive;
    const { shrink } = this.#options;
    if (shrink === undefined || !hasShrunk({ entries, bytes }, shrink)) return;
    const words = shrinkWords({ entries, bytes }, shrink.previous);
    if (shrink.then === 'warn') this.#hooks.warn(words, 'act');
    else
      throw new DepotError('source-shrunk', words, {
        hint: 'find out what is missing; if that is all there is, set shrink: warn in depot.yaml for one push',
      });
  }
}

function readSpecification(path: string): Uint8Array {
  const file = locate(path, 'file');
  try {
    return readFileSync(toPath(file));
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** A cleanup without a `timeout` of its own may not hold up everything for ever. */
const CLEANUP_TIMEOUT_MS = 10 * 60_000;

function commandOptions(source: SourceSpec, options: DatasetOptions, what: string): ChildOptions {
  return {
    label: `source ${printable(source.name)}: ${what}`,
    code: 'source-failed',
    timeoutCode: 'source-timed-out',
    directory: options.commandDirectory,
    env: process.env,
    ...(source.env && { setEnv: source.env }),
    ...(source.timeoutMs !== undefined && { timeoutMs: source.timeoutMs }),
  };
}

/** Runs whatever came of the source, also after an abort: so no signal ends it, only time. Never throws. */
async function runCleanup(source: SourceSpec, options: DatasetOptions, warn: DatasetHooks['warn']): Promise<void> {
  if (source.cleanup === undefined) return;
  try {
    await run(source.cleanup, { timeoutMs: CLEANUP_TIMEOUT_MS, ...commandOptions(source, options, 'cleanup') });
  } catch (error) {
    // What it did not clean away may be the dataset, unencrypted.
    warn(error instanceof Error ? error.message : String(error), 'act');
  }
}
