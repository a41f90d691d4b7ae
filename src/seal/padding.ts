/**
 * What hides the exact size of an increment: bytes after which each format decompresses to the same. The size of a full
 * deposit says little; that of a night in which one row changed would say which, to who can guess the row.
 */
import type { Compression } from '../names/deposit.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** The shortest padding that every format can make in every length from there on. */
const LEAST: Record<Compression, number> = { none: 0, gzip: 20, zstd: 8 };
/** A size keeps its first five bits or more: the next larger of these is at most 1/32 larger. */
const KEPT_BITS = 5;

/** How many bytes of padding follow content of `length` bytes: 0 and more, at most 1/32 of it and a few. */
export function paddingOf(format: Compression, length: number): number {
  const least = length + LEAST[format];
  const bits = Math.floor(Math.log2(least));
  // As in PADMÉ (Nikitin et al., 2019): sizes that are large have more bits, and then keep a bit or two more.
  const kept = Math.max(KEPT_BITS, Math.floor(Math.log2(bits)) + 1);
  const step = 2 ** Math.max(0, bits - kept);
  return Math.ceil(least / step) * step - length;
}

export function* padding(format: Compression, length: number): Generator<Bytes> {
  if (format === 'gzip') yield* emptyBlocks(length);
  else if (format === 'zstd') yield* skippableFrame(length);
  else yield* zeros(length);
}

/** RFC 1951, section 3.2.4: blocks of no bytes, which take five; with an empty one of fixed codes before it, six. */
const STORED = [0x00, 0x00, 0x00, 0xff, 0xff];
const FIXED_AND_STORED = [0x02, 0x00, 0x00, 0x00, 0xff, 0xff];

function* emptyBlocks(length: number): Generator<Bytes> {
  const six = length % 5;
  for (let i = 0; i < six; i++) yield Uint8Array.from(FIXED_AND_STORED);
  const five = (length - 6 * six) / 5;
  const many = new Uint8Array(5 * Math.min(five, MANY));
  for (let at = 0; at < many.length; at += 5) many.set(STORED, at);
  for (let left = five; left > 0; left -= MANY) yield many.subarray(0, 5 * Math.min(left, MANY));
}
const MANY = 10_000;

/** RFC 8878, section 3.1.2. */
function* skippableFrame(length: number): Generator<Bytes> {
  const header = new DataView(new ArrayBuffer(8));
  header.setUint32(0, 0x184d2a50, true);
  header.setUint32(4, length - 8, true);
  yield new Uint8Array(header.buffer);
  yield* zeros(length - 8);
}

function* zeros(length: number): Generator<Bytes> {
  for (let left = length; left > 0; left -= PIECE) yield new Uint8Array(Math.min(left, PIECE));
}
const PIECE = 1 << 16;
