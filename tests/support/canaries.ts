import { randomBytes } from 'node:crypto';

/** Bytes that must not be found, and what they are of. */
export interface Canary {
  of: string;
  bytes: Buffer;
}

/** 32 random bytes fit for contents and, without NUL and slash, for the name of a file. */
export function canary(of: string): Canary {
  const bytes = randomBytes(32);
  bytes.forEach((byte, i) => {
    if (byte === 0 || byte === 0x2f) bytes[i] = 0xfe;
  });
  return { of, bytes };
}

export function textCanary(of: string, text: string): Canary {
  return { of, bytes: Buffer.from(text) };
}

/** What would betray it: raw, hex, base64 at each of the three alignments, all of those texts in UTF-16, and as a manifest escapes names. */
export function formsOf({ bytes }: Canary): Map<string, Buffer> {
  const forms = new Map<string, Buffer>([
    ['raw', bytes],
    ['UTF-16', utf16(bytes.toString('latin1'))],
    ['UTF-16BE', utf16(bytes.toString('latin1')).swap16()],
  ]);
  const text = bytes.toString('latin1');
  const escaped = text.replaceAll(/[^\w./+,:=@%~#-]/g, (c) => `\\0${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  if (escaped !== text) forms.set('escaped', Buffer.from(escaped));
  const hex = bytes.toString('hex');
  const texts = new Map([
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
  ]);
  for (const before of [0, 1, 2]) {
    // The characters that also depend on the neighbours are cut off at both ends.
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    const inner = encoded.slice(before === 0 ? 0 : before + 1, Math.floor(((before + bytes.length) * 8) / 6));
    texts.set(`base64 at ${before}`, inner);
    texts.set(`base64url at ${before}`, inner.replaceAll('+', '-').replaceAll('/', '_'));
  }
  for (const [name, text] of texts) {
    forms.set(name, Buffer.from(text));
    forms.set(`${name} in UTF-16`, utf16(text));
    forms.set(`${name} in UTF-16BE`, utf16(text).swap16());
  }
  return forms;
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le');
}

/** Every canary that is found anywhere in `places`, with its form and place; empty when all is well. */
export function leaks(places: Iterable<readonly [name: string, bytes: Buffer]>, canaries: readonly Canary[]): string[] {
  const wanted = canaries.map((c) => [c.of, formsOf(c)] as const);
  const found: string[] = [];
  for (const [place, bytes] of places) {
    for (const [of, forms] of wanted)
      for (const [form, needle] of forms) if (bytes.includes(needle)) found.push(`${of}, ${form}, in ${place}`);
  }
  return found;
}
