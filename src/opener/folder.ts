/** Saving all contents below a folder. Only after everything was authenticated once. */
import { fromBytes, type ByteString } from '../dataset/bytestring.js';
import { MANIFEST_PATH } from '../dataset/manifest.js';
import { type EntrySink, type TarEntry, refused } from '../dataset/tar/format.js';
import { TarReader } from '../dataset/tar/read.js';
import { FIRST_ENTRY, partName } from '../names/archive.js';
import type { Consumer } from '../open/consumer.js';
import { oneWord } from '../printable.js';
import type { FolderTree } from './folder-tree.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Names of some twenty thousand sources of unknown length; depot.yaml has a few, and each has one file in parts. */
const MOST_BYTES = 4 << 20;
const BYTES_BESIDE = 64;

/** The files that the manifest says are stored in parts. They are all kept between two readings, so there is an end to them. */
export class JoinedFiles {
  readonly #paths = new Set<string>();
  #bytes = 0;

  /** @throws DepotError 'archive-refused' */
  add(path: ByteString): void {
    if (this.#paths.has(path)) return;
    this.#bytes += path.length + BYTES_BESIDE;
    if (this.#bytes > MOST_BYTES) throw refused('the archive holds too many files in parts');
    this.#paths.add(path);
  }

  has(path: string): boolean {
    return this.#paths.has(path);
  }
}

type Step = { kind: 'begin'; entry: TarEntry } | { kind: 'data'; bytes: Bytes };

/** Writes every entry of an archive. */
export class FolderSaver {
  readonly #tree: FolderTree;
  /** Files that the manifest says are stored in parts: their parts are joined. */
  readonly #joined: { has(path: string): boolean };
  readonly #signal: AbortSignal;
  #steps: Step[] = [];
  #fromDepot: boolean | null = null;
  /** What is written to: the last file, or the one in parts, which stays open while parts of the manifest come between. */
  #file: FileSystemWritableFileStream | null = null;
  #series: { path: string; part: number; writable: FileSystemWritableFileStream } | null = null;

  constructor(tree: FolderTree, joined: { has(path: string): boolean }, signal: AbortSignal) {
    this.#tree = tree;
    this.#joined = joined;
    this.#signal = signal;
  }

  consumer(): Consumer {
    const sink: EntrySink = {
      begin: (entry) => void this.#steps.push({ kind: 'begin', entry }),
      data: (bytes) => void this.#steps.push({ kind: 'data', bytes: bytes as Bytes }),
      // The next entry may be another part of this file: whoever comes next closes it.
      end: () => undefined,
    };
    const tar = new TarReader(sink);
    return {
      write: async (bytes) => {
        tar.write(bytes);
        await this.#work();
      },
      end: async () => {
        tar.end();
        await this.#closeFiles();
        return null;
      },
    };
  }

  /** After a failure. */
  async abandon(): Promise<void> {
    for (const writable of new Set([this.#file, this.#series?.writable]))
      await writable?.abort().catch(() => undefined);
  }

  async #work(): Promise<void> {
    const steps = this.#steps;
    this.#steps = [];
    for (const step of steps) {
      this.#signal.throwIfAborted();
      if (step.kind === 'begin') {
        await this.#begin(step.entry);
      } else {
        this.#tree.writes(step.bytes.length);
        await this.#file?.write(step.bytes);
      }
    }
  }

  async #begin(entry: TarEntry): Promise<void> {
    const path = fromBytes(entry.path);
    this.#fromDepot ??= path === FIRST_ENTRY;
    const named = this.#fromDepot && entry.type === 'file' ? partName(path) : null;
    const part = named !== null && named.joined !== MANIFEST_PATH && this.#joined.has(named.joined) ? named : null;
    const series = this.#series;
    if (part !== null && series?.path === part.joined && series.part === part.number - 1) {
      await this.#closeFile();
      series.part++;
      this.#file = series.writable;
      return;
    }
    if (named?.joined === MANIFEST_PATH) await this.#closeFile();
    else await this.#closeFiles();
    switch (entry.type) {
      case 'directory':
        if (path !== '') await this.#tree.enter(path);
        this.#tree.report.directories++;
        return;
      case 'symlink':
        this.#tree.note(`symbolic link, not made: ${oneWord(entry.path)} -> ${oneWord(entry.linkTarget!)}`);
        return;
      case 'hardlink':
        await this.#tree.copyOf(fromBytes(entry.linkTarget!), path);
        this.#tree.note(`hard link, saved as a copy: ${oneWord(entry.path)} -> ${oneWord(entry.linkTarget!)}`);
        return;
      case 'file':
        this.#file = await (await this.#tree.create(part?.joined ?? path)).createWritable();
        if (part !== null) this.#series = { path: part.joined, part: part.number, writable: this.#file };
        this.#tree.report.files++;
    }
  }

  /** But for the one in parts. */
  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file !== this.#series?.writable) await file?.close();
  }

  async #closeFiles(): Promise<void> {
    await this.#closeFile();
    const series = this.#series;
    this.#series = null;
    await series?.writable.close();
  }
}
