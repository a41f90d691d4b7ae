import { fromLatin1, toLatin1 } from '../primitives.js';

declare const brand: unique symbol;

/**
 * Bytes as a string, one character from U+0000 to U+00FF each (what Node calls latin1). File names are bytes,
 * and a million of them fit in memory as such strings, at one byte per character, where a million Buffers would
 * not. `<` and `sort()` order them by byte.
 */
export type ByteString = string & { readonly [brand]: 'octets' };

/** The bytes of a text in UTF-8. */
export function fromText(text: string): ByteString {
  return (isAscii(text) ? text : toLatin1(encoder.encode(text))) as ByteString;
}

/** These bytes. */
export function fromBytes(bytes: Uint8Array): ByteString {
  return toLatin1(bytes) as ByteString;
}

/** The bytes again. */
export function toBytes(octets: ByteString): Uint8Array<ArrayBuffer> {
  return fromLatin1(octets);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text that the bytes are in UTF-8, or null when they are not UTF-8. */
export function toText(octets: ByteString): string | null {
  if (isAscii(octets)) return octets;
  try {
    return decoder.decode(toBytes(octets));
  } catch {
    return null;
  }
}

/** What `node:fs` takes as a path: the same bytes, without a Buffer where a string will do. */
export function toPath(octets: ByteString): string | Buffer {
  return isAscii(octets) ? octets : Buffer.from(octets, 'latin1');
}

/** `directory/name`. */
export function join(directory: ByteString, name: ByteString): ByteString {
  return (directory.endsWith('/') ? directory + name : `${directory}/${name}`) as ByteString;
}

function isAscii(octets: string): boolean {
  return /^[\u0000-\u007f]*$/.test(octets);
}
