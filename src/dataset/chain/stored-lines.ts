import { toLatin1 } from '../../primitives.js';
import { refused } from '../tar/format.js';

/** Stored bytes, wherever they lie. */
export interface Stored {
  size: number;
  /** Fills the beginning of `into` with what lies from `position` on; less only where the end is. */
  read(into: Uint8Array, position: number): number;
}

const READ_BYTES = 32_768;
const NEWLINE = 0x0a;

/**
 * The lines of a stored file without their newlines, one character for each byte. What has `most` bytes in memory at most.
 * @throws DepotError 'archive-refused' for a longer line, or for a last one without its newline
 */
export function* linesOf(stored: Stored, most: number): Generator<string, void> {
  let buffer = new Uint8Array(Math.min(READ_BYTES, Math.max(stored.size, 1)));
  let start = 0;
  let stop = 0;
  let position = 0;
  for (;;) {
    const newline = buffer.subarray(0, stop).indexOf(NEWLINE, start);
    if (newline !== -1) {
      yield toLatin1(buffer.subarray(start, newline));
      start = newline + 1;
      continue;
    }
    if (stop - start > most) throw refused('a line of the manifest or of the ranges is too long');
    if (start === 0 && stop === buffer.length) {
      const larger = new Uint8Array(2 * buffer.length);
      larger.set(buffer);
      buffer = larger;
    } else {
      buffer.copyWithin(0, start, stop);
    }
    stop -= start;
    start = 0;
    const read = stored.read(buffer.subarray(stop), position);
    if (read === 0) {
      if (stop > 0) throw refused('the manifest or the ranges end within a line');
      return;
    }
    position += read;
    stop += read;
  }
}
