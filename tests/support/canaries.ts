import { randomBytes } from 'node:crypto';

/** Octets that must not be found, and what they are of. */
export interface Canary {
  of: string;
  octets: Buffer;
}

/** 32 random octets fit for contents and, without NUL and slash, for the name of a file. */
export function canary(of: string): Canary {
  const octets = randomBytes(32);
  octets.forEach((octet, i) => {
    if (octet === 0 || octet === 0x2f) octets[i] = 0xfe;
  });
  return { of, octets };
}

export function textCanary(of: string, text: string): Canary {
  return { of, octets: Buffer.from(text) };
}

/** What would betray it: raw, hex, base64 at each of the three alignments, and all of those texts in UTF-16. */
export function formsOf({ octets }: Canary): Map<string, Buffer> {
  const forms = new Map<string, Buffer>([
    ['raw', octets],
    ['UTF-16', utf16(octets.toString('latin1'))],
    ['UTF-16BE', utf16(octets.toString('latin1')).swap16()],
  ]);
  const hex = octets.toString('hex');
  const texts = new Map([
    ['hex', hex],
    ['HEX', hex.toUpperCase()],
  ]);
  for (const before of [0, 1, 2]) {
    // The characters that also depend on the neighbours are cut off at both ends.
    const encoded = Buffer.concat([Buffer.alloc(before), octets]).toString('base64');
    const inner = encoded.slice(before === 0 ? 0 : before + 1, Math.floor(((before + octets.length) * 8) / 6));
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
