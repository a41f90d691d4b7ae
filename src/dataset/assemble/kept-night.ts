import { MANIFEST_PATH } from '../manifest.js';
import { partName, PIECES_PATH, RANGES_PATH } from '../../names/archive.js';
import { fromBytes, toBytes, type ByteString } from '../bytestring.js';
import { DATA_PREFIX } from '../chain/line.js';
import { compareWalk, type SourceOrder } from '../chain/order.js';
import { linesOf } from '../chain/stored-lines.js';
import { type EntrySink, refused, shown, type TarEntry } from '../tar/format.js';
import type { Scratch, ScratchStream } from './scratch.js';

/** Files between two that are remembered by name. */
const STRIDE = 64;

/** An object of a suitcase: some bytes of a stream. */
export interface KeptObject {
  stream: ScratchStream;
  position: number;
  size: number;
}

/**
 * What putting a night together takes from one suitcase, kept in a scratch file as the suitcase goes by: its manifest, its
 * ranges, its pieces, and the contents of its files, one behind the other.
 */
export class KeptNight implements EntrySink {
  readonly manifest: ScratchStream;
  readonly ranges: ScratchStream;
  readonly #pieces: ScratchStream;
  readonly #files: ScratchStream;
  /** `SIZE "PATH"` of each file, in the order of `#files`. */
  readonly #list: ScratchStream;
  /** Every so many files: where its line is, and where its content. */
  readonly #notes: { path: ByteString; line: number; position: number }[] = [];
  #count = 0;
  #into: ScratchStream | null = null;
  #file: { path: ByteString; position: number } | null = null;

  constructor(scratch: Scratch) {
    this.manifest = scratch.stream();
    this.ranges = scratch.stream();
    this.#pieces = scratch.stream();
    this.#files = scratch.stream();
    this.#list = scratch.stream();
  }

  begin(entry: TarEntry): void {
    const path = fromBytes(entry.path);
    const part = partName(path);
    const joined = part?.joined ?? path;
    this.#into = entry.type === 'file' ? this.#streamOf(joined) : null;
    if (this.#into !== this.#files || (part !== null && part.number > 1)) return;
    this.#endFile();
    this.#file = { path: joined, position: this.#files.size };
  }

  data(bytes: Uint8Array): void {
    this.#into?.write(bytes);
  }

  end(): void {
    this.#into = null;
  }

  /** After the whole archive. */
  finish(): void {
    this.#endFile();
    for (const stream of [this.manifest, this.ranges, this.#pieces, this.#files, this.#list]) stream.end();
  }

  /** @throws DepotError 'archive-refused' where the suitcase has no such object */
  object(path: ByteString, order: SourceOrder, night: number): KeptObject {
    if (path === (PIECES_PATH as string)) return { stream: this.#pieces, position: 0, size: this.#pieces.size };
    const place = order.place(path);
    const found = place === null ? null : this.#find(path, place, order);
    if (found === null)
      throw refused(`suitcase ${night} of the chain has no file ${shown(toBytes(path))}, which another one needs`);
    return found;
  }

  #find(path: ByteString, place: number, order: SourceOrder): KeptObject | null {
    let low = 0;
    let high = this.#notes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const note = this.#notes[middle]!.path;
      if (compareWalk({ path: note, place: order.place(note) ?? Infinity }, { path, place }) <= 0) low = middle + 1;
      else high = middle;
    }
    const note = this.#notes[low - 1];
    if (note === undefined) return null;
    const list = this.#list;
    const rest = {
      size: list.size - note.line,
      read: (into: Uint8Array, at: number): number => list.read(into, note.line + at),
    };
    const wanted = JSON.stringify(path);
    let { position } = note;
    let seen = 0;
    for (const line of linesOf(rest, Infinity)) {
      const space = line.indexOf(' ');
      const size = Number(line.slice(0, space));
      if (line.slice(space + 1) === wanted) return { stream: this.#files, position, size };
      if (++seen === STRIDE) return null;
      position += size;
    }
    return null;
  }

  #streamOf(path: string): ScratchStream | null {
    if (path.startsWith(DATA_PREFIX)) return this.#files;
    if (path === MANIFEST_PATH) return this.manifest;
    if (path === RANGES_PATH) return this.ranges;
    return path === PIECES_PATH ? this.#pieces : null;
  }

  #endFile(): void {
    const file = this.#file;
    if (file === null) return;
    this.#file = null;
    const { path, position } = file;
    if (this.#count++ % STRIDE === 0) this.#notes.push({ path, line: this.#list.size, position });
    this.#list.write(Buffer.from(`${this.#files.size - position} ${JSON.stringify(path)}\n`, 'latin1'));
  }
}
