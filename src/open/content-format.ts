import { DepotError } from '../errors.js';

export type ContentFormat = 'none' | 'gzip' | 'zstd';

/** Recognises gzip (RFC 1952, section 2.3.1) and zstd (RFC 8878, section 3.1.1) by their first octets. */
export function contentFormat(start: Uint8Array): ContentFormat {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  return 'none';
}

/** The error for compressed data that is broken, truncated or followed by something else. */
export function broken(format: ContentFormat, cause: unknown): DepotError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new DepotError('archive-refused', `the ${format} data inside the suitcase is not valid: ${reason}`, { cause });
}
