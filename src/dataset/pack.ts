import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { DepotError } from '../errors.js';
import { Archive, DATA } from './archive.js';
import { fromText, toPath, type ByteString } from './bytestring.js';
import type { Chunk } from './chunks.js';
import { type ChildOptions, outputOf, run } from '../child.js';
import { logInfo } from '../log.js';
import { printable } from '../printable.js';
import { packDirectory } from './directory.js';
import { notWritten, packFileSource, stateOf } from './file.js';
import { HardLinks } from './hard-links.js';
import { ChainNight, type ChainSummary } from './increment/chain-night.js';
import { UnusableIndex } from './increment/frames.js';
import { incrementReadme } from './increment/readme.js';
import type { ManifestEnd } from './manifest.js';
import { restoreScript } from './restore-script.js';
import { notEmpty, PartBuffer, packParts, readStdin, streamedHeader, whole } from './parts.js';
import { readme } from './readme.js';
import { locate, Reading, unreadable } from './reading.js';
import type { SourceSpec } from '../source.js';
import { checkNames, hasShrunk, shrinkWords } from './sources.js';
import type { DatasetHooks, DatasetOptions, DatasetSize, DatasetSummary, SourceSize } from './sources.js';

/**
 * Packs the dataset into a tar: README, specification, the sources in their order, and the manifest (docs/format.md).
 * Yields chunks of up to 1 MiB, which are the caller's; `hooks.spare` takes their memory back. Reading is synchronous,
 * since a million small files must not cost a million turns of the event loop: so it needs a thread of its own.
 *
 * Nothing counts unless the generator returns: what is wrong with a source may show at its very end. Each source's
 * `cleanup` runs whatever happens, also when the caller gives up; wait for that before ending the thread.
 *
 * @throws DepotError 'source-failed' | 'source-changed' | 'source-timed-out' | 'source-empty' | 'source-too-small' |
 * 'source-shrunk' | 'config-invalid' (a source's name) | 'index-damaged'; the abort reason when `hooks.signal` fires
 */
export async function* packDataset(
  options: DatasetOptions,
  hooks: DatasetHooks,
): AsyncGenerator<Chunk, DatasetSummary> {
  checkNames(options.sources);
  const dataset = new Dataset(options, hooks);
  try {
    for await (const chunk of dataset.chunks()) {
      hooks.signal.throwIfAborted();
      dataset.tell();
      yield chunk;
      await turn();
    }
    return dataset.summary();
  } catch (error) {
    if (!(error instanceof UnusableIndex)) throw error;
    throw new DepotError(
      'index-damaged',
      `the index of the last deposit was damaged while it was read: ${error.message}`,
      {
        hint: 'run it again: that makes a full deposit',
        cause: error,
      },
    );
  } finally {
    dataset.close();
  }
}

class Dataset {
  archive!: Archive;
  readonly #reading: Reading;
  readonly #hardLinks = new HardLinks();
  readonly #chain: ChainNight | null;
  readonly #parts = new PartBuffer();
  readonly #options: DatasetOptions;
  readonly #hooks: DatasetHooks;
  #manifestSha256 = '';
  readonly #sizes: SourceSize[] = [];
  #night: ChainSummary | null = null;

  constructor(options: DatasetOptions, hooks: DatasetHooks) {
    this.#options = options;
    this.#hooks = hooks;
    this.#reading = new Reading(hooks.warn, () => this.tell(), hooks.listing);
    const { chain, depositId, sources } = options;
    if (chain === undefined) {
      this.archive = new Archive(1, hooks.spare);
      this.archive.listing = hooks.listing;
      this.#chain = null;
    } else {
      const archiveOf = (isIncrement: boolean): Archive =>
        (this.archive = new Archive(isIncrement ? 2 : 1, hooks.spare));
      this.#chain = new ChainNight(chain, { depositId, archiveOf, sources, hardLinks: this.#hardLinks });
      this.#chain.index.entries = hooks.listing;
    }
  }

  async *chunks(): AsyncGenerator<Chunk, void> {
    const { archive } = this;
    yield* archive.document('README.md', Buffer.from(this.#readme()));
    if (this.#chain?.increment) {
      yield* archive.document('chain.json', Buffer.from(this.#chain.json()));
      yield* archive.document('restore.sh', restoreScript());
    }
    if (this.#options.specification !== undefined)
      yield* archive.document('specification.md', readSpecification(this.#options.specification));
    for (const [i, source] of this.#options.sources.entries()) yield* this.#source(source, i + 1);
    this.#hooks.listing?.flush();
    this.#checkSize();
    this.#checkShrink();
    if (this.#chain?.increment) yield* this.#chain.increment.finish();
    this.#manifestSha256 = yield* archive.finish(this.#counts());
    this.#night = this.#chain?.end(this.#reading.complete) ?? null;
  }

  close(): void {
    this.#chain?.giveUp();
  }

  #readme(): string {
    const { arrangement, depositId, specification, sources } = this.#options;
    if (!this.#chain?.increment) return readme(this.#options);
    const { deposits } = this.#chain;
    const hasSpecification = specification !== undefined;
    return incrementReadme({ arrangement, depositId, hasSpecification, deposits, sources });
  }

  summary(): DatasetSummary {
    return {
      files: this.#chain?.index.files ?? this.archive.files,
      ...this.#counts(),
      excluded: {
        ...this.#reading.excluded,
        ...(this.#reading.patterns.length > 0 && { patterns: this.#reading.patterns }),
        ...(this.#reading.mounts > 0 && { mounts: this.#reading.mounts }),
      },
      sources: this.#sizes,
      manifestSha256: this.#manifestSha256,
      chain: this.#night,
    };
  }

  tell(): void {
    const { entries, bytes } = this.#whole;
    this.#hooks.progress({ entries, bytes: bytes + this.#reading.unlisted });
  }

  /** The dataset of tonight, wherever its contents lie. */
  get #whole(): DatasetSize {
    return this.#chain?.index.listing ?? this.archive;
  }

  /** A slow command would show nothing until it has printed a part. */
  async *#counted(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    for await (const bytes of content) {
      yield bytes;
      this.#reading.unlisted += bytes.length;
      this.#reading.passed();
    }
  }

  async *#source(source: SourceSpec, number: number): AsyncGenerator<Chunk, void> {
    const { sources } = this.#options;
    const log = (what: string): void =>
      logInfo(this.#options.arrangement, `source ${number} of ${sources.length} (${source.kind}) ${what}`);
    const { entries: entriesBefore, bytes: bytesBefore } = this.#whole;
    log('begins');
    try {
      const { signal } = this.#hooks;
      if (source.prepare !== undefined) log('runs its prepare');
      const before = source.kind === 'file' && source.madeByPrepare === true ? stateOf(source) : null;
      if (source.prepare !== undefined)
        await run(source.prepare, { ...commandOptions(source, this.#options, 'prepare'), signal });
      if (source.kind === 'file' && before !== null && stateOf(source) === before) throw notWritten(source);
      yield* this.#contents(source);
      const entries = this.#whole.entries - entriesBefore;
      const bytes = this.#whole.bytes - bytesBefore;
      log(`is read, entries: ${entries}, bytes: ${bytes}`);
      this.#sizes.push({ name: source.name, entries, bytes });
    } finally {
      this.#reading.unlisted = 0;
      await runCleanup(source, this.#options, this.#hooks.warn);
    }
  }

  #contents(source: SourceSpec): Iterable<Chunk> | AsyncIterable<Chunk> {
    const path = fromText(`${DATA}/${source.name}`);
    const context = { archive: this.archive, reading: this.#reading, hardLinks: this.#hardLinks, chain: this.#chain };
    switch (source.kind) {
      case 'directory':
        return packDirectory({ ...context, source }, path);
      case 'file':
        return packFileSource({ ...context, source }, path);
      case 'command': {
        const options = {
          ...commandOptions(source, this.#options, 'command'),
          ...(source.input !== undefined && { input: source.input }),
          signal: this.#hooks.signal,
        };
        return this.#streamed(source, path, whole(source, outputOf(source.command, options)));
      }
      case 'stdin':
        return this.#streamed(source, path, readStdin(source, this.#hooks));
    }
  }

  #streamed(source: SourceSpec, path: ByteString, output: AsyncIterable<Uint8Array>): AsyncIterable<Chunk> {
    const content = notEmpty(source, this.#counted(output));
    const { archive } = this;
    const increment = this.#chain?.increment;
    if (!increment) return packParts({ archive, parts: this.#parts, chain: this.#chain }, source, path, content);
    return increment.content(streamedHeader(archive, path), content);
  }

  #counts(): ManifestEnd {
    const { entries, bytes } = this.archive;
    return { entries, bytes, skipped: { ...this.#reading.skipped }, complete: this.#reading.complete };
  }

  #checkSize(): void {
    const { bytes } = this.#whole;
    const { minBytes } = this.#options;
    if (minBytes === undefined || bytes >= minBytes) return;
    throw new DepotError('source-too-small', `the dataset holds ${bytes} bytes, less than the ${minBytes} of minSize`, {
      hint: 'find out what is missing, or lower minSize if that is all there is',
    });
  }

  #checkShrink(): void {
    const { entries, bytes } = this.#whole;
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

function commandOptions(
  source: SourceSpec,
  options: DatasetOptions,
  what: 'prepare' | 'command' | 'cleanup',
): ChildOptions {
  return {
    label: `source ${printable(source.name)}: ${what}`,
    code: 'source-failed',
    timeoutCode: 'source-timed-out',
    directory: options.commandDirectory,
    env: process.env,
    ...(source.env && { setEnv: source.env }),
    ...(source.timeoutMs !== undefined && { timeoutMs: source.timeoutMs }),
    ...(source.secret?.of === what && { secret: source.secret }),
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
