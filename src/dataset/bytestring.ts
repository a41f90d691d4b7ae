import { fromLatin1, toLatin1 } from '../primitives.js';

declare const brand: unique symbol;

/**
 * Bytes as a string, one character from U+0000 to U+00FF each (what Node calls latin1). File names are bytes, and a
 * million of them fit in memory as such strings, where a million Buffers would not. `<` and `sort()` order them by
 * byte.
 */
export type ByteString = string & { readonly [brand]: 'bytes' };

/** The bytes of a text in UTF-8. */
export function fromText(text: string): ByteString {
  return (isAscii(text) ? text : toLatin1(encoder.encode(text))) as ByteString;
}

export function fromBytes(bytes: Uint8Array): ByteString {
  return toLatin1(bytes) as ByteString;
}

export function toBytes(bytes: ByteString): Uint8Array<ArrayBuffer> {
  return fromLatin1(bytes);
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Null when the bytes are not UTF-8. */
export function toText(bytes: ByteString): string | null {
  if (isAscii(bytes)) return bytes;
  try {
    return decoder.decode(toBytes(bytes));
  } catch {
    return null;
  }
}

/** For `node:fs`: the same bytes, without a Buffer where a string will do. */
export function toPath(bytes: ByteString): string | Buffer {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1');
}

export function join(directory: ByteString, name: ByteString): ByteString {
  return (directory.endsWith('/') ? directory + name : `${directory}/${name}`) as ByteString;
}

function isAscii(bytes: string): boolean {
  return /^[\u0000-\u007f]*$/.test(bytes);
}

/** What Windows takes for a device, whatever extension follows. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?=$|[ .])/i;

/**
 * One component of a path as this platform can hold it; what it cannot hold becomes `%` and two hex digits. On Windows:
 * the characters that it keeps for itself (`:` would open a stream of another file, `\` would be a separator), a dot or
 * space at the end, and device names. On Windows and macOS: names that are not UTF-8.
 */
export function localName(name: ByteString, platform: NodeJS.Platform): ByteString {
  if (platform !== 'win32' && platform !== 'darwin') return name;
  const text = toText(name);
  if (text === null) {
    const ascii = Array.from(toBytes(name), (byte) =>
      byte < 0x80 && byte !== 0x25 ? String.fromCharCode(byte) : escaped(byte),
    ).join('');
    return localName(ascii as ByteString, platform);
  }
  if (platform === 'darwin') return name;
  const legal = text
    .replace(/[\u0000-\u001f<>:"|?*\\/]/g, (character) => escaped(character.charCodeAt(0)))
    .replace(/[. ]$/, (character) => escaped(character.charCodeAt(0)))
    .replace(DEVICE, (device) => escaped(device.charCodeAt(0)) + device.slice(1));
  return legal === text ? name : fromText(legal);
}

function escaped(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
