/**
 * What may leave this machine: sealed suitcase blocks, receipts and covers (law 1 of docs/architecture.md), and where `ping:`
 * asks for it, a ping. The transport of deposits
 * takes these three types and nothing else. They come only from the `mark…` functions below, which a lint rule lets few
 * folders import. Types vanish at run time, so the transport also asks a WeakSet before it sends: a cast that fools the
 * compiler ends in an error and not in a leak.
 */
declare const brand: unique symbol;

/** Consecutive bytes of a suitcase: a slice of one binary OpenPGP message. */
export type SuitcaseBlock = Uint8Array<ArrayBuffer> & { readonly [brand]: 'suitcase block' };
/** A receipt (JSON) or its detached signature. */
export type ReceiptBytes = Uint8Array<ArrayBuffer> & { readonly [brand]: 'receipt' };
/** The readable page beside a suitcase, generated, with no text of the supplier's. */
export type CoverBytes = Uint8Array<ArrayBuffer> & { readonly [brand]: 'cover' };
export type Outbound = SuitcaseBlock | ReceiptBytes | CoverBytes;

const marked = new WeakSet<Uint8Array>();

/** For `seal/` only: the bytes came out of the OpenPGP encryptor. */
export function markSuitcaseBlock(bytes: Uint8Array<ArrayBuffer>): SuitcaseBlock {
  marked.add(bytes);
  return bytes as SuitcaseBlock;
}

/** For `receipt/` only: the bytes are a receipt in canonical form, or a signature over one. */
export function markReceiptBytes(bytes: Uint8Array<ArrayBuffer>): ReceiptBytes {
  marked.add(bytes);
  return bytes as ReceiptBytes;
}

/** For `receipt/` only: the bytes are a generated cover. */
export function markCoverBytes(bytes: Uint8Array<ArrayBuffer>): CoverBytes {
  marked.add(bytes);
  return bytes as CoverBytes;
}

/** Whether a `mark…` function made this very object; slices and copies of it do not count. */
export function isOutbound(bytes: Uint8Array): bytes is Outbound {
  return marked.has(bytes);
}

/** What a monitor is told of a push, and all of it: nothing of the dataset, the machine or its files. */
export interface Ping {
  arrangement: string;
  /** Null at the beginning. */
  exit: number | null;
}

export function pingBody({ arrangement, exit }: Ping): string {
  return JSON.stringify(exit === null ? { arrangement } : { arrangement, exit });
}
