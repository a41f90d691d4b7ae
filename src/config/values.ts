import { createHash } from 'node:crypto';
import { isIP } from 'node:net';

/** A value read from text, or what is wrong with it (to be put after the place where it stands). */
export type Parsed<T> = { value: T } | { wrong: string };

const durationUnits = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800, y: 31_536_000 } as const;

/** `90s`, `30m`, `4h`, `1d`, `2w`, `2y` (365 days) → milliseconds. Whole numbers only. */
export function parseDuration(text: string): Parsed<number> {
  const match = /^(\d{1,9})([smhdwy])$/.exec(text);
  if (match === null) return { wrong: 'a duration is a number and a unit: 90s, 30m, 4h, 1d' };
  return { value: Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits] * 1000 };
}

const sizeUnits: Record<string, number> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `500MiB`, `1.5GiB`, `20GB`, or a plain number of octets → octets. */
export function parseSize(text: string): Parsed<number> {
  const match = /^(\d{1,16}(?:\.\d{1,6})?) ?([A-Za-z]*)$/.exec(text);
  const unit = match === null ? undefined : match[2] === '' ? 1 : sizeUnits[match[2]!];
  if (match === null || unit === undefined)
    return { wrong: 'a size is a number of octets or has a unit: 500MiB, 1GiB, 20GB' };
  const octets = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(octets) ? { value: octets } : { wrong: 'this size is larger than anything that exists' };
}

/** `50%` → 0.5. */
export function parsePercent(text: string): Parsed<number> {
  const match = /^(\d{1,3})%$/.exec(text);
  const percent = Number(match?.[1]);
  return match !== null && percent >= 1 && percent <= 100
    ? { value: percent / 100 }
    : { wrong: 'a part is a whole percentage from 1% to 100%' };
}

/** `2027-01-31` → 00:00 UTC of that day. */
export function parseDay(text: string): Parsed<Date> {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (match === null) return { wrong: 'a date is written 2027-01-31' };
  const day = new Date(`${text}T00:00:00Z`);
  // Date turns 31 February into 3 March; such a day is a slip of the pen.
  if (Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== text) return { wrong: 'there is no such day' };
  return { value: day };
}

/** An OpenPGP fingerprint in full, in the ways that people copy it → upper-case hex, 40 or 64 digits. */
export function parseFingerprint(text: string): Parsed<string> {
  const hex = text.replace(/[\s:]/g, '').replace(/^0x/i, '').toUpperCase();
  if (!/^[0-9A-F]+$/.test(hex)) return { wrong: 'a fingerprint is 40 or 64 hexadecimal digits' };
  if (hex.length === 8 || hex.length === 16)
    return { wrong: 'this is a key id, which others can imitate; give the whole fingerprint (40 or 64 digits)' };
  if (hex.length !== 40 && hex.length !== 64)
    return { wrong: `a fingerprint has 40 or 64 digits, this has ${hex.length}` };
  return { value: hex };
}

const hostKeyTypes = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
  'rsa-sha2-256',
  'rsa-sha2-512',
];

/** `SHA256:…`, or `<key type> SHA256:…`, as `ssh-keygen -lf` prints them. The key of an RSA signature type is `ssh-rsa`. */
export function parseHostKey(written: string): Parsed<string> {
  const text = /^[A-Za-z0-9+/]{43}=?$/.test(written.trim())
    ? `SHA256:${written.trim()}`
    : (asListed(written) ?? written);
  const words = text.trim().split(/\s+/);
  const type = words.length > 1 ? words[0]! : undefined;
  const print = words[type === undefined ? 0 : 1]!;
  if (type !== undefined && !hostKeyTypes.includes(type))
    return { wrong: `'${type}' is not a key type that depot accepts (${hostKeyTypes.slice(0, 5).join(', ')})` };
  if (/^(MD5:)?([0-9a-f]{2}:){15}[0-9a-f]{2}$/i.test(print))
    return { wrong: 'MD5 fingerprints can be forged; give the SHA256 one (ssh-keygen -lf FILE)' };
  if (type !== undefined && print.startsWith('AAAA')) {
    const digest = createHash('sha256').update(Buffer.from(print, 'base64')).digest('base64').replace(/=+$/, '');
    return { wrong: `this is a public key; write its fingerprint: ${type} SHA256:${digest}` };
  }
  const match = /^SHA256:([A-Za-z0-9+/]{43})=?$/.exec(print);
  if (match === null || words.length > 2)
    return { wrong: 'a host key is written SHA256:… (43 letters and digits), with the key type in front if you like' };
  const keyType = type?.startsWith('rsa-sha2') === true ? 'ssh-rsa' : type;
  return { value: keyType === undefined ? `SHA256:${match[1]!}` : `${keyType} SHA256:${match[1]!}` };
}

/** The line that `ssh-keygen -lf` prints, which agents mail: `256 SHA256:… comment (ED25519)`. Null for anything else. */
function asListed(line: string): string | null {
  const [, bits, print, name] = /^(\d+)\s+((?:SHA256|MD5):\S+)\s.*\(([A-Z0-9-]+)\)$/.exec(line.trim()) ?? [];
  if (bits === undefined) return null;
  const type =
    name === 'ED25519'
      ? 'ssh-ed25519'
      : name === 'RSA'
        ? 'ssh-rsa'
        : name === 'ECDSA'
          ? `ecdsa-sha2-nistp${bits}`
          : name!;
  return `${type} ${print!}`;
}

/** A host name or an address, with no user, port or scheme in it. */
export function parseHost(text: string): Parsed<string> {
  if (isIP(text) !== 0) return { value: text };
  if (text.includes('://')) return { wrong: 'give the host alone, without sftp:// and path' };
  if (text.includes('@')) return { wrong: 'put the user name into username:' };
  if (/^\[.*\]$/.test(text)) return { wrong: 'write an IPv6 address without brackets' };
  if (/^[^:]+:\d+$/.test(text)) return { wrong: 'put the port into port:' };
  if (text.length > 253 || !/^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(text))
    return { wrong: 'this is no host name or address' };
  return { value: text };
}

/** The name of an arrangement, which is part of file names on both sides. */
export function parseArrangementName(text: string): Parsed<string> {
  return /^[a-z0-9][a-z0-9-]{0,40}$/.test(text)
    ? { value: text }
    : { wrong: 'small letters, digits and hyphens, at most 41, not a hyphen first' };
}

/** Names that `decrypt` would take for a part of a joined file. */
export const partName = /\.part-\d+$/i;
