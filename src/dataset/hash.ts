import { createHash } from 'node:crypto';

/** An incremental SHA-256, whatever computes it (`node:crypto` here, a library in a browser). */
export interface Hash {
  update(bytes: Uint8Array): void;
  /** Lower-case hex; nothing may follow. */
  hex(): string;
}

/** SHA-256 by `node:crypto`. */
export function sha256(): Hash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}
