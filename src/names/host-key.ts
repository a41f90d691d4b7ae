import { createHash } from 'node:crypto';

import type { Parsed } from './parsed.js';

/** Host key types, in the order in which they are preferred. `ssh-rsa` names the key, never the SHA-1 signature. */
export const hostKeyTypes = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
] as const;
export type HostKeyType = (typeof hostKeyTypes)[number];

/** A host key that is trusted; `type: null` is a fingerprint alone, whose key may be of any type. */
export interface Pin {
  type: HostKeyType | null;
  fingerprint: string;
}

/** `SHA256:` and unpadded base64, as ssh-keygen prints it. `key` is the public key blob of RFC 4253 section 6.6. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/**
 * `SHA256:…`, `<key type> SHA256:…`, the 43 characters alone, a line of `ssh-keygen -lf`, or a public key as `ssh-keyscan`,
 * known_hosts and `.pub` files have it. RSA may be named by its signatures too.
 */
export function parseHostKey(written: string): Parsed<Pin> {
  const key = publicKeyIn(written);
  if (key !== null) return key;
  const text = /^[A-Za-z0-9+/]{43}=?$/.test(written.trim())
    ? `SHA256:${written.trim()}`
    : (asListed(written) ?? written);
  const words = text.trim().split(/\s+/);
  const print = words.at(words.length > 1 ? 1 : 0)!;
  const named = words.length > 1 ? words[0]! : null;
  const type = named === null ? null : typeNamed(named);
  if (type === undefined) return notAccepted(named!);
  if (/^(MD5:)?([0-9a-f]{2}:){15}[0-9a-f]{2}$/i.test(print))
    return { wrong: 'MD5 fingerprints can be forged; give the SHA256 one (ssh-keygen -lf FILE)' };
  const fingerprint = /^(SHA256:[A-Za-z0-9+/]{43})=?$/.exec(print)?.[1];
  return fingerprint === undefined || words.length > 2
    ? { wrong: 'write a host key as SHA256:… (43 letters and digits), optionally with the key type in front' }
    : { value: { type, fingerprint } };
}

function typeNamed(name: string): HostKeyType | undefined {
  return hostKeyTypes.find((one) => one === name.replace(/^rsa-sha2-(256|512)$/, 'ssh-rsa'));
}

function notAccepted(type: string): Parsed<Pin> {
  return { wrong: `'${type}' is not a key type that depot accepts (${hostKeyTypes.join(', ')})` };
}

/** Of `[host] <key type> AAAA… [comment]`; null for anything else. Whom a line of known_hosts is about is not looked at: it was given for this server. */
function publicKeyIn(line: string): Parsed<Pin> | null {
  const [, marker, named, text] =
    /^(?:(@\S+)\s+)?(?:\S+\s+)?([a-z][\w@.-]*)\s+(AAAA[A-Za-z0-9+/]+={0,2})(?:\s.*)?$/.exec(line.trim()) ?? [];
  if (named === undefined || text === undefined) return null;
  if (marker !== undefined) return { wrong: `a line with ${marker} pins no host key; give one without a marker` };
  const type = typeNamed(named);
  if (type === undefined) return notAccepted(named);
  const key = Buffer.from(text, 'base64');
  // The blob says its type, too (RFC 4253 section 6.6); cut off or mistyped, it is another key.
  const length = key.length < 4 ? 0 : key.readUInt32BE();
  return key.subarray(4, 4 + length).toString('latin1') === type && endsWell(key)
    ? { value: { type, fingerprint: fingerprintOf(key) } }
    : { wrong: 'this public key is damaged or cut off: copy the whole line again' };
}

/** Whether the strings of the blob, each with its length before it, fill it exactly. */
function endsWell(key: Buffer): boolean {
  let at = 0;
  while (at + 4 <= key.length) at += 4 + key.readUInt32BE(at);
  return at === key.length;
}

/** What `parseHostKey` understands → `SHA256:…` or `<key type> SHA256:…`, the form that our files have. */
export function hostKeyText(written: string): Parsed<string> {
  const parsed = parseHostKey(written);
  if ('wrong' in parsed) return parsed;
  const { type, fingerprint } = parsed.value;
  return { value: type === null ? fingerprint : `${type} ${fingerprint}` };
}

/** The line that `ssh-keygen -lf` prints, which agents mail: `256 SHA256:… comment (ED25519)`. Null for anything else. */
function asListed(line: string): string | null {
  const [, bits, print, name] = /^(\d+)\s+((?:SHA256|MD5):\S+)\s.*\(([A-Z0-9-]+)\)$/.exec(line.trim()) ?? [];
  if (bits === undefined) return null;
  const types: Record<string, string> = { ED25519: 'ssh-ed25519', RSA: 'ssh-rsa', ECDSA: `ecdsa-sha2-nistp${bits}` };
  return `${types[name!] ?? name!} ${print!}`;
}
