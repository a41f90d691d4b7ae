/**
 * The text of files that people and their programs wrote: keys, passwords, known_hosts, depot.yaml. Most are UTF-8. On
 * Windows, the `>` of PowerShell 5 and the "Unicode" of Notepad write UTF-16, mostly with a byte order mark, and other
 * programs put a mark before UTF-8. Line ends are left as they are.
 */

/** More than any key, signature or receipt has: keys that strangers have certified ten thousand times have been seen. */
export const LARGEST_GIVEN_FILE = 16 << 20;

/** What a byte order mark, or every second byte being NUL, says. */
export function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  if (bytes.length < 4 || bytes.length % 2 === 1) return 'utf-8';
  // Without a mark: text that is all ASCII, which the beginning of all these files is.
  const beginning = bytes.subarray(0, 128);
  const nul = (parity: number): boolean => beginning.every((byte, i) => (byte === 0) === (i % 2 === parity));
  return nul(1) ? 'utf-16le' : nul(0) ? 'utf-16be' : 'utf-8';
}

/** Without a byte order mark; null for what is no text in any of these encodings. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes);
  } catch {
    // The only thing that a fatal decoder throws for.
    return null;
  }
}

/** The same for text whose words may be wrong here and there, where only what is ASCII in it counts. */
export function looseTextOf(bytes: Uint8Array): string {
  return textOf(bytes) ?? new TextDecoder(encodingOf(bytes)).decode(bytes);
}

/**
 * What a program on Windows did to a JSON document whose very bytes are signed; null when nothing of that kind shows. Its
 * signature no longer holds, so it is refused; but it was converted, not forged, and the message says so.
 */
export function conversionOf(bytes: Uint8Array): string | null {
  if (!/^\s*\{/.test((textOf(bytes) ?? '').slice(0, 100))) return null;
  if (encodingOf(bytes) !== 'utf-8') return 'it was converted to UTF-16, as the > of Windows PowerShell does';
  if (bytes[0] === 0xef) return 'a byte order mark was added at the start, as some programs on Windows do';
  return bytes.includes(0x0d) ? 'its line endings were converted to those of Windows (CRLF)' : null;
}

/** What to do about it. */
export const unconverted =
  'get an unchanged copy, by SFTP or as an attachment, not through an editor or the > of a shell: the signature fits only the exact bytes';
