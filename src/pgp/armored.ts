import { encodingOf } from '../text-file.js';

/** Binary packets always start with the high bit set; text only with a byte order mark, or with what a program put for a byte that it could not read as text. */
export function isArmored(bytes: Uint8Array | string): bytes is string | Uint8Array<ArrayBuffer> {
  if (typeof bytes === 'string' || bytes.length === 0) return true;
  return (
    (bytes[0]! & 0x80) === 0 ||
    encodingOf(bytes) !== 'utf-8' ||
    (bytes[0] === 0xef && (bytes[1] === 0xbb || bytes[1] === 0xbf))
  );
}
