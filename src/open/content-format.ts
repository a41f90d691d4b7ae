import { DepotError } from '../errors.js';
import { said } from '../printable.js';

export type ContentFormat = 'none' | 'gzip' | 'zstd';

/** Recognises gzip (RFC 1952, section 2.3.1) and zstd (RFC 8878, section 3.1.1) by their first bytes. */
export function contentFormat(start: Uint8Array): ContentFormat {
  if (start[0] === 0x1f && start[1] === 0x8b) return 'gzip';
  if (start[0] === 0x28 && start[1] === 0xb5 && start[2] === 0x2f && start[3] === 0xfd) return 'zstd';
  return 'none';
}

export function broken(format: ContentFormat, cause: unknown): DepotError {
  return new DepotError('archive-refused', `the ${format} data inside the suitcase is not valid: ${said(cause)}`, {
    cause,
  });
}

/** What zlib says of data: Z_DATA_ERROR, Z_BUF_ERROR where it ends too early, ZSTD_error_ and what is wrong. Z_MEM_ERROR and its like are about the machine. */
const aboutData =
  /^(?:Z_(?:DATA|BUF|STREAM)_ERROR|Z_NEED_DICT|ZSTD_error_(?!memory_allocation|workSpace|init|parameter|stage|GENERIC)\w+)$/;

/** The error for what a decompressor of the runtime threw: about the data only where it says so. A browser says it by a TypeError (Compression Streams, section 5). */
export function notDecompressed(format: ContentFormat, cause: unknown): DepotError {
  const { code } = cause as { code?: unknown };
  if (typeof code === 'string' ? aboutData.test(code) : cause instanceof TypeError) return broken(format, cause);
  return new DepotError(
    'internal',
    `the ${format} data inside the suitcase could not be decompressed, and depot cannot tell whether it is valid; the decompressor says: ${said(cause)}`,
    {
      hint: 'try again with more memory free, or on another machine',
      cause,
    },
  );
}

/** The error for a suitcase that is not in a second reading what it was in the first. */
export function changedMeanwhile(): DepotError {
  return new DepotError('verification-failed', 'the suitcase changed between the first and the second reading', {
    hint: 'copy it somewhere that nothing writes to, and try again',
  });
}
