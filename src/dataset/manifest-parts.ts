import { createHash, randomBytes } from 'node:crypto';
import {
  encodeEnd,
  encodeEntry,
  encodeStart,
  MANIFEST_PART_OCTETS,
  type ManifestContent,
  type ManifestEnd,
} from './manifest.js';
import type { TarHeader } from './tar/write.js';

/**
 * Gathers the manifest's lines into parts. The caller stores a part in the archive as soon as one is full, so that a
 * million lines are neither in memory nor on disk.
 */
export class ManifestParts {
  /** How many parts were taken. */
  count = 0;
  readonly #part = Buffer.allocUnsafeSlow(MANIFEST_PART_OCTETS);
  readonly #digest = createHash('sha256');
  #used = 0;

  constructor() {
    this.#write(encodeStart({ random: randomBytes(32).toString('hex') }));
  }

  /** Adds an entry's line; returns a part that has to be stored before anything else is added. */
  add(entry: TarHeader, content: ManifestContent): Uint8Array<ArrayBuffer> | null {
    const line = encodeEntry(entry, content);
    // Three bytes at most for each of JavaScript's characters: exact counting would cost more than a little room left.
    const full = this.#used + 3 * line.length > MANIFEST_PART_OCTETS ? this.#take() : null;
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
