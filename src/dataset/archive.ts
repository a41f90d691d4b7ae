import { createHash, hash, randomBytes } from 'node:crypto';
import { fromText } from './bytestring.js';
import { Chunks, type Chunk } from './chunks.js';
import { lineWithoutContent, storedLine } from './chain/lines.js';
import { encodeEnd, encodeEntry, encodeStart, MANIFEST_PART_BYTES, MANIFEST_PATH } from './manifest.js';
import type { ManifestContent, ManifestEnd, ManifestVersion } from './manifest.js';
import { partSuffix } from '../names/archive.js';
import type { Listing } from './listed.js';
import { BLOCK, paddingFor } from './tar/format.js';
import { HeaderEncoder, type TarHeader } from './tar/write.js';

/** Where the sources lie in the archive. */
export const DATA = 'data';

const NO_CONTENT: ManifestContent = { sha256: null, parts: null, changed: false };

/** The archive that is being written, and its manifest. */
export class Archive {
  readonly out: Chunks;
  readonly headers = new HeaderEncoder();
  /** What was listed below `data/`. */
  entries = 0;
  bytes = 0;
  /** Files and hard links among the entries; a file in parts is one. */
  files = 0;
  /** When this deposit was begun, in whole seconds: the time of everything that has none of its own. */
  readonly startedNs = BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n;
  /** What keeps the manifest's digest from confirming a guess: 32 bytes. */
  readonly random = randomBytes(32);
  /** Is told of what is listed below `data/`, where no index is. */
  listing: Listing | undefined;
  readonly #version: ManifestVersion;
  readonly #manifest: ManifestParts;

  /** `version`: of the manifest; 2 for an increment. */
  constructor(version: ManifestVersion, spare?: () => ArrayBuffer | undefined) {
    this.#version = version;
    this.#manifest = new ManifestParts(encodeStart({ version, random: this.random.toString('hex') }));
    this.out = new Chunks(spare);
  }

  /** A text of depot's own, below `DEPOT/`. */
  *document(name: string, content: Uint8Array): Generator<Chunk, void> {
    const entry = this.#own(`DEPOT/${name}`, content);
    yield* this.stored(entry, content);
    yield* this.list(entry, { sha256: hash('sha256', content, 'hex'), parts: null, changed: false });
  }

  #own(path: string, { length }: Uint8Array): TarHeader {
    const mtimeNs = this.startedNs;
    return { path: fromText(path), type: 'file', size: length, mode: 0o644, mtimeNs, linkTarget: null };
  }

  /** A directory, a symlink or a hard link. */
  *withoutContent(entry: TarHeader): Generator<Chunk, void> {
    yield* this.out.write(this.headers.encode(entry));
    yield* this.list(entry, NO_CONTENT);
  }

  /** A line of the manifest of an increment, whose content lies elsewhere or nowhere. */
  *line(text: string): Generator<Chunk, void> {
    const part = this.#manifest.add(text);
    if (part !== null) yield* this.manifestPart(part);
  }

  /** Header and content, not listed: parts are listed together. */
  *stored(entry: TarHeader, content: Uint8Array): Generator<Chunk, void> {
    yield* this.out.write(this.headers.encode(entry));
    yield* this.out.write(content);
    yield* this.out.zeros(paddingFor(content.length));
  }

  /** The manifest's line for what was stored last. Also stores a part of the manifest when one is full. */
  *list(entry: TarHeader, content: ManifestContent): Generator<Chunk, void> {
    const part = this.note(entry, content);
    if (part !== null) yield* this.manifestPart(part);
  }

  /** As `list`, without a generator for every file: returns a part that has to be stored now, by `manifestPart`. */
  note(entry: TarHeader, content: ManifestContent): Uint8Array<ArrayBuffer> | null {
    if (entry.path.startsWith(`${DATA}/`)) {
      this.entries++;
      if (entry.type === 'file' || entry.type === 'hardlink') this.files++;
      this.bytes += entry.size;
      this.listing?.add(entry.path, { listed: 'entry', type: entry.type, size: entry.size });
    }
    return this.#manifest.add(this.#version === 1 ? encodeEntry(entry, content) : lineOf(entry, content));
  }

  /** The last part of the manifest and the end of the archive; returns the manifest's digest. */
  *finish(end: ManifestEnd): Generator<Chunk, string> {
    const { part, sha256 } = this.#manifest.end(end);
    yield* this.manifestPart(part);
    yield* this.out.zeros(2 * BLOCK);
    if (this.out.used > 0) yield this.out.take();
    return sha256;
  }

  *manifestPart(content: Uint8Array): Generator<Chunk, void> {
    yield* this.stored(this.#own(MANIFEST_PATH + partSuffix(this.#manifest.count), content), content);
  }
}

function lineOf(entry: TarHeader, { sha256, changed }: ManifestContent): string {
  return sha256 === null ? lineWithoutContent(entry) : storedLine(entry, { sha256, changed });
}

/** The manifest's lines, in parts that are stored as soon as they are full: a million never are in memory. */
class ManifestParts {
  /** How many parts were taken. */
  count = 0;
  readonly #part = Buffer.allocUnsafeSlow(MANIFEST_PART_BYTES);
  readonly #digest = createHash('sha256');
  #used = 0;

  constructor(start: string) {
    this.#write(start);
  }

  /** Returns a part that has to be stored before anything else is added. */
  add(line: string): Uint8Array<ArrayBuffer> | null {
    // Three bytes at most for each of JavaScript's characters: exact counting would cost more than a little room left.
    const full = this.#used + 3 * line.length > MANIFEST_PART_BYTES ? this.#take() : null;
    this.#write(line);
    return full;
  }

  /** Adds the last line; returns the last part and the digest of all of them. */
  end(end: ManifestEnd): { part: Uint8Array<ArrayBuffer>; sha256: string } {
    this.#write(encodeEnd(end));
    const part = this.#take();
    return { part, sha256: this.#digest.digest('hex') };
  }

  #write(line: string): void {
    this.#used += this.#part.write(line, this.#used);
  }

  #take(): Uint8Array<ArrayBuffer> {
    const part = Buffer.from(this.#part.subarray(0, this.#used));
    this.#digest.update(part);
    this.#used = 0;
    this.count++;
    return part;
  }
}
