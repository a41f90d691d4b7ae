import type { SuitcaseBlock } from '../outbound.js';

/** One write: `block.bytes[start, end)` at `block.offset + start` of the remote file. */
export interface Piece {
  block: HeldBlock;
  start: number;
  end: number;
  /** How often the server answered this write with a failure. */
  refusals: number;
}

interface HeldBlock {
  bytes: SuitcaseBlock;
  offset: number;
  /** Bytes that the server has not acknowledged. */
  left: number;
}

/** Where a piece goes in the remote file. */
export function positionOf(piece: Piece): number {
  return piece.block.offset + piece.start;
}

/** Blocks, held until their last byte is acknowledged, so that any of it can be written again. */
export class WriteQueue {
  /** Bytes accepted, which is also the offset of the next block. */
  total: number;
  acknowledged = 0;
  heldBytes = 0;
  readonly #waiting: HeldBlock[] = [];
  /** How much of the first waiting block has been cut off. */
  #cut = 0;
  /** Pieces to be written again, by position. */
  readonly #returned: Piece[] = [];
  readonly #out = new Set<Piece>();

  /** `start`: where the first block goes, when a spool is resumed. */
  constructor(
    private readonly released: (block: SuitcaseBlock) => void,
    start = 0,
  ) {
    this.total = start;
  }

  accept(bytes: SuitcaseBlock): void {
    if (bytes.length === 0) {
      this.released(bytes);
      return;
    }
    this.#waiting.push({ bytes, offset: this.total, left: bytes.length });
    this.total += bytes.length;
    this.heldBytes += bytes.length;
  }

  /** Whether there is anything that no lane has. */
  get hasNext(): boolean {
    return this.#returned.length > 0 || this.#waiting.length > 0;
  }

  /** Whether every accepted byte is acknowledged. */
  get done(): boolean {
    return this.heldBytes === 0;
  }

  /** The next write of at most `size` bytes, ascending but for pieces that came back; null when there is none. */
  next(size: number): Piece | null {
    const piece = this.#returned.shift() ?? this.#cutPiece(size);
    if (piece) this.#out.add(piece);
    return piece;
  }

  #cutPiece(size: number): Piece | null {
    const block = this.#waiting[0];
    if (block === undefined) return null;
    const length = block.bytes.length;
    // Equal pieces, so that no block ends in a crumb that costs a whole round of packets.
    const count = Math.ceil(length / size);
    const end = Math.min(length, this.#cut + Math.ceil(length / count));
    const piece: Piece = { block, start: this.#cut, end, refusals: 0 };
    this.#cut = end;
    if (end === length) {
      this.#waiting.shift();
      this.#cut = 0;
    }
    return piece;
  }

  acknowledge(piece: Piece): void {
    if (!this.#out.delete(piece)) return;
    const length = piece.end - piece.start;
    this.acknowledged += length;
    piece.block.left -= length;
    if (piece.block.left > 0) return;
    this.heldBytes -= piece.block.bytes.length;
    this.released(piece.block.bytes);
  }

  /** The write was lost or refused and is to be made again, before anything new. */
  giveBack(piece: Piece): void {
    if (!this.#out.delete(piece)) return;
    const position = positionOf(piece);
    const at = this.#returned.findIndex((other) => positionOf(other) > position);
    this.#returned.splice(at < 0 ? this.#returned.length : at, 0, piece);
  }

  /** Everything before this offset is acknowledged. */
  get contiguous(): number {
    let lowest = this.total;
    for (const piece of this.#out) lowest = Math.min(lowest, positionOf(piece));
    for (const piece of this.#returned) lowest = Math.min(lowest, positionOf(piece));
    const waiting = this.#waiting[0];
    return waiting === undefined ? lowest : Math.min(lowest, waiting.offset + this.#cut);
  }
}
