/**
 * Names from other people's files, made fit for a terminal or a log: control characters, bidirectional overrides and bytes
 * that are not UTF-8 become escapes (`\x1b`, `\u202e`), so that no name can move the cursor or pass for another.
 */
export function printable(name: string | Uint8Array): string {
  const text = typeof name === 'string' ? name : decode(name);
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g,
    (c) => {
      const code = c.charCodeAt(0);
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
    },
  );
}

/** What a program said, on one line: its line breaks and tabs are no escapes. */
export function onOneLine(text: string): string {
  const lines = text.split('\n').map((line) => printable(line.replaceAll('\t', ' ').trim()));
  return lines.filter((line) => line !== '').join('; ');
}

/** The same amid other words, in a list: with blanks in it, in quotes as sh has them, so that no ` -> ` in it passes for the list's. */
export function oneWord(name: string | Uint8Array): string {
  const text = printable(name);
  return /[\s']/.test(text) ? `'${text.replaceAll("'", "'\\''")}'` : text;
}

/** What a library or the system said, safe to show: for a failure whose cause depot does not know. */
export function said(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return printable((text.split('\n', 1)[0] ?? '').slice(0, 200).replace(/\.$/, ''));
}

/** The system's code for a failure (`EIO`) where it has one, else what was said. */
export function codeOrSaid(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? printable(error.code)
    : said(error);
}

/** `3,072 MiB`, rounded up. */
export function inMebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20).toLocaleString('en')} MiB`;
}

function decode(name: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(name);
  } catch {
    // Not UTF-8: ASCII stays readable, every other byte is shown as an escape.
    return Array.from(name, (byte) => (byte < 0x80 ? String.fromCharCode(byte) : `\\x${byte.toString(16)}`)).join('');
  }
}
