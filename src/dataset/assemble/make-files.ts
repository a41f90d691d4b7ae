import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { toBytes, type ByteString } from '../bytestring.js';
import { FileWriter, type BlockWriter } from '../extract/file-writer.js';
import { settleOpen } from '../extract/finish.js';
import { onDisk } from '../extract/on-disk.js';
import { refused, shown } from '../tar/format.js';
import type { NightDirectories } from './night-directories.js';
import type { Wanted } from './plan.js';
import { type Range, RangeBounds } from './ranges.js';

const CREATE =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | ((constants.O_NOFOLLOW as number | undefined) ?? 0);
const BUFFER_BYTES = 1 << 20;

/** A stretch of a file that cannot be had: it is zeros instead. */
export interface Gap {
  path: ByteString;
  offset: number;
  length: number;
  /** Whose suitcase is missing. */
  night: number;
}

/** Makes files of stretches of other files, and checks that each is what its manifest says. */
export class FileMaker {
  readonly #nights: NightDirectories;
  readonly #writer: FileWriter;
  readonly #buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  readonly #progress: (bytes: number) => void;
  readonly #gap: (gap: Gap) => void;
  #gaps = 0;
  #used = 0;
  #hash: Hash | null = null;

  /** `progress` gets the bytes of each finished stretch of up to 1 MiB; `gap` hears of what lies in missing suitcases. */
  constructor(
    nights: NightDirectories,
    large: BlockWriter | undefined,
    progress: (bytes: number) => void,
    gap: (gap: Gap) => void,
  ) {
    this.#nights = nights;
    this.#gap = gap;
    this.#writer = new FileWriter(large);
    this.#progress = progress;
  }

  /**
   * Makes the file at `place`, with its mode and time. `kept`: the file system keeps these. `isWhole`: there are no gaps.
   * @throws DepotError 'archive-refused'; Error of `node:fs`
   */
  make(wanted: Wanted, ranges: Iterable<Range>, place: ByteString): { kept: boolean; isWhole: boolean } {
    const fd = openSync(onDisk(place), CREATE, 0o600);
    try {
      this.#hash = this.#writer.start(fd, 0, wanted.size, true) ? null : createHash('sha256');
      const bounds = new RangeBounds(wanted.path, wanted.size);
      this.#write(wanted, ranges, bounds);
      this.#writer.finish();
      const sha256 = this.#hash?.digest('hex') ?? this.#writer.sha256;
      // Nobody knows the digest of a file with gaps.
      bounds.end(this.#gaps === 0 ? sha256 : wanted.sha256, wanted.sha256);
    } catch (error) {
      this.#writer.abandon();
      closeSync(fd);
      throw error;
    }
    const kept = settleOpen({ fd, mode: wanted.mode, mtimeNs: BigInt(wanted.mtime) });
    return { kept, isWhole: this.#gaps === 0 };
  }

  #write({ path }: Wanted, ranges: Iterable<Range>, bounds: RangeBounds): void {
    let offset = 0;
    this.#used = 0;
    this.#gaps = 0;
    for (const range of ranges) {
      const { night, position, length } = range;
      const from = this.#nights.has(night) ? this.#nights.open(night, range.object) : null;
      bounds.take(range, from?.size ?? Infinity);
      if (from !== null) this.#copy(from.fd, position, length, range.object);
      else {
        this.#gaps++;
        this.#gap({ path, offset, length, night });
        this.#zeros(length);
      }
      offset += length;
    }
    this.#flush(true);
  }

  #copy(fd: number, position: number, length: number, object: ByteString): void {
    for (let at = 0; at < length; ) {
      const room = Math.min(length - at, BUFFER_BYTES - this.#used);
      const read = readSync(fd, this.#buffer, this.#used, room, position + at);
      if (read === 0) throw refused(`${shown(toBytes(object))} became shorter while it was read`);
      at += read;
      this.#used += read;
      if (this.#used === BUFFER_BYTES) this.#flush(false);
    }
  }

  #zeros(length: number): void {
    for (let left = length; left > 0; ) {
      const room = Math.min(left, BUFFER_BYTES - this.#used);
      this.#buffer.fill(0, this.#used, this.#used + room);
      left -= room;
      this.#used += room;
      if (this.#used === BUFFER_BYTES) this.#flush(false);
    }
  }

  #flush(last: boolean): void {
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    if (bytes.length === 0) return;
    this.#hash?.update(bytes);
    this.#writer.write(bytes, last);
    this.#progress(bytes.length);
  }
}
