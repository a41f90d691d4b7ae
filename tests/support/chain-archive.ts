/** The archive of a night, for the tests' own writer of chains; what is in it can be altered on its way. */
import type { ByteString } from '../../src/dataset/bytestring.js';
import { HeaderEncoder } from '../../src/dataset/tar/write.js';
import { type FileNode, latin1, line, plain, sha256 } from './chain-tree.js';

export interface TarEntry extends FileNode {
  path: string;
}

export interface Lies {
  chainFile?: (chain: Record<string, unknown>) => unknown;
  /** Of the manifest, with the first and the last. */
  lines?: (lines: string[]) => string[];
  ranges?: (lines: string[]) => string[];
  pieces?: (pieces: Buffer) => Buffer;
  /** Of the tar, parts included. */
  entries?: (entries: TarEntry[]) => TarEntry[];
}

const headers = new HeaderEncoder();

/** `dataset` of the receipt. */
export interface Held {
  entries: number;
  bytes: number;
  manifestSha256: string;
}

/** The entries of one archive, with the parts of the growing files between them. */
export class NightWriter {
  readonly #entries: TarEntry[] = [];
  readonly #manifest: Growing;
  readonly #ranges: Growing;
  readonly #pieces: Growing;
  readonly #held = { entries: 0, bytes: 0 };

  constructor(
    readonly partBytes: number,
    readonly lies: Lies,
  ) {
    const growing = (path: string): Growing => new Growing(path, this.#entries, partBytes);
    this.#manifest = growing('DEPOT/manifest.ndjson');
    this.#ranges = growing('DEPOT/ranges');
    this.#pieces = growing('DEPOT/pieces');
  }

  /** Returns the number of parts; null for one entry. */
  entry(entry: TarEntry, partBytes: number | null): number | null {
    if (partBytes === null) {
      this.#entries.push(entry);
      return null;
    }
    const count = Math.max(1, Math.ceil(entry.content!.length / partBytes));
    for (let i = 0; i < count; i++) {
      const content = entry.content!.subarray(i * partBytes, (i + 1) * partBytes);
      this.#entries.push({ ...entry, path: entry.path + suffix(i + 1), content });
    }
    return count;
  }

  line(line: string): void {
    this.#manifest.add(latin1(line));
    // What is to be altered must be there whole; and only in bytes may a line be in two parts.
    if (this.lies.lines === undefined) this.#manifest.store(false);
    if (this.lies.ranges === undefined) this.#ranges.store(false);
    if (this.lies.pieces === undefined) this.#pieces.store(false);
  }

  range(line: string): void {
    this.#ranges.add(latin1(line));
  }

  piece(bytes: Buffer): number {
    this.#pieces.add(bytes);
    return this.#pieces.size - bytes.length;
  }

  hold(node: FileNode): void {
    this.#held.entries++;
    this.#held.bytes += node.content?.length ?? 0;
  }

  /** The last parts of ranges and pieces, and their lines; returns the pieces. */
  endRanges(): Buffer {
    const { ranges, pieces } = this.lies;
    if (ranges !== undefined) this.#ranges.alter((all) => latin1(ranges(linesOf(all)).join('')));
    if (pieces !== undefined) this.#pieces.alter(pieces);
    for (const growing of [this.#ranges, this.#pieces]) {
      if (growing.size === 0) continue;
      growing.store(true);
      const whole = growing.whole();
      this.#manifest.add(latin1(line(growing.path, plain(whole), 'p', ` ${growing.parts}`)));
    }
    this.#held.bytes += this.#pieces.size;
    return this.#pieces.whole();
  }

  finish(): { archive: Buffer; held: Held } {
    this.#manifest.add(latin1(`${JSON.stringify({ ...this.#held, skipped: {}, complete: true })}\n`));
    const { lines, entries } = this.lies;
    if (lines !== undefined) this.#manifest.alter((all) => latin1(lines(linesOf(all)).join('')));
    this.#manifest.store(true);
    const told = (entries ?? ((same) => same))(this.#entries);
    return {
      archive: Buffer.concat([...told.map(tarEntry), Buffer.alloc(1024)]),
      held: { ...this.#held, manifestSha256: sha256(this.#manifest.whole()) },
    };
  }
}

/** A file that is stored in parts while it grows. */
class Growing {
  #waiting: Buffer[] = [];
  #stored: Buffer[] = [];
  size = 0;

  constructor(
    readonly path: string,
    readonly entries: TarEntry[],
    readonly partBytes: number,
  ) {}

  get parts(): number {
    return this.#stored.length;
  }

  add(bytes: Buffer): void {
    this.#waiting.push(Buffer.from(bytes));
    this.size += bytes.length;
  }

  /** Full parts; `all`: the last one too. What was added at once stays together. */
  store(all: boolean): void {
    for (;;) {
      let bytes = 0;
      let count = 0;
      while (count < this.#waiting.length && (count === 0 || bytes + this.#waiting[count].length <= this.partBytes))
        bytes += this.#waiting[count++].length;
      if (count === 0 || (count === this.#waiting.length && !all)) return;
      const content = Buffer.concat(this.#waiting.splice(0, count));
      this.#stored.push(content);
      this.entries.push({ ...plain(content), path: this.path + suffix(this.#stored.length) });
    }
  }

  whole(): Buffer {
    return Buffer.concat([...this.#stored, ...this.#waiting]);
  }

  alter(change: (all: Buffer) => Buffer): void {
    const all = change(this.whole());
    this.#waiting = all.length === 0 ? [] : [all];
    this.size = all.length;
  }
}

function tarEntry(entry: TarEntry): Buffer {
  const body = entry.content ?? Buffer.alloc(0);
  const header = headers.encode({
    path: entry.path as ByteString,
    type: entry.type,
    size: body.length,
    mode: entry.mode,
    mtimeNs: entry.mtimeNs,
    linkTarget: (entry.target ?? null) as ByteString | null,
  });
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

function linesOf(all: Buffer): string[] {
  return all.toString('latin1').match(/.*\n/g) ?? [];
}

const suffix = (number: number): string => `.part-${String(number).padStart(6, '0')}`;
