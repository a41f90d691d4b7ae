/** OpenSSH's form of private keys (PROTOCOL.key): what its head says, what ssh2 cannot decrypt, and how to write one. */
import { createDecipheriv, timingSafeEqual } from 'node:crypto';

const marker = '-----BEGIN OPENSSH PRIVATE KEY-----';
const magic = Buffer.from('openssh-key-v1\0');
const chacha = 'chacha20-poly1305@openssh.com';

export interface OpenSshHead {
  cipher: string;
  /** The public key, as servers know it. */
  publicKey: Buffer;
  /** Of the public key: `ssh-ed25519`. */
  type: string;
}

/** Null for another form, and for one that is not whole. */
export function headOf(text: string): OpenSshHead | null {
  const parts = partsOf(text);
  return parts && { cipher: parts.cipher, publicKey: parts.publicKey, type: typeOf(parts.publicKey) };
}

/** A private key that is encrypted with chacha20-poly1305, which ssh2 does not know, without its encryption; null where the passphrase is wrong. */
export async function openChacha(text: string, passphrase: string): Promise<string | null> {
  const parts = partsOf(text);
  if (parts?.cipher !== chacha) return null;
  const kdf = bcryptOf(parts);
  if (kdf === null) return null;
  const bcrypt = (await import('bcrypt-pbkdf')).default;
  const key = Buffer.alloc(64);
  const secret = Buffer.from(passphrase);
  if (bcrypt.pbkdf(secret, secret.length, kdf.salt, kdf.salt.length, key, key.length, kdf.rounds) !== 0) return null;
  // PROTOCOL.chacha20poly1305 with sequence number 0; the second half of the key is for the length of packets.
  const cipher = (counter: number) => {
    const iv = Buffer.alloc(16);
    iv.writeUInt32LE(counter, 0);
    return createDecipheriv('chacha20', key.subarray(0, 32), iv);
  };
  const [sealed, tag] = [parts.secret, parts.after.subarray(0, 16)];
  const { poly1305 } = await import('@noble/ciphers/_poly1305.js');
  const expected = poly1305(sealed, cipher(0).update(Buffer.alloc(32)));
  if (tag.length !== expected.length || !timingSafeEqual(tag, expected)) return null;
  return written(parts.publicKey, cipher(1).update(sealed));
}

/** How often bcrypt is to be done to a passphrase; null where it is not. */
export function bcryptRounds(text: string): number | null {
  const parts = partsOf(text);
  return parts && (bcryptOf(parts)?.rounds ?? null);
}

function bcryptOf({ kdf, options }: Parts): { salt: Buffer; rounds: number } | null {
  const [salt, rest] = (kdf === 'bcrypt' && takeString(options)) || [];
  return salt === undefined || rest === undefined || rest.length < 4 ? null : { salt, rounds: rest.readUInt32BE(0) };
}

/** Whether `openChacha` is for it. */
export function isChacha(text: string): boolean {
  return partsOf(text)?.cipher === chacha;
}

/** A private key without encryption: it stays in memory. `fields` are those of its type, after the type's name. */
export function openSshText(publicKey: Buffer, fields: readonly Buffer[]): string {
  // Two equal check numbers, the key, an empty comment; padded 1, 2, 3… to a multiple of 8.
  const secret = Buffer.concat([Buffer.alloc(8), string(typeOf(publicKey)), ...fields.map(string), string('')]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, i) => i + 1));
  return written(publicKey, Buffer.concat([secret, padding]));
}

function written(publicKey: Buffer, secret: Buffer): string {
  const head = [string('none'), string('none'), string('')];
  const body = Buffer.concat([magic, ...head, Buffer.from([0, 0, 0, 1]), string(publicKey), string(secret)]);
  return `${marker}\n${body.toString('base64').replace(/.{70}/g, '$&\n')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

interface Parts {
  cipher: string;
  kdf: string;
  options: Buffer;
  publicKey: Buffer;
  secret: Buffer;
  after: Buffer;
}

function partsOf(text: string): Parts | null {
  const begin = text.indexOf(marker);
  const end = text.lastIndexOf('-----END');
  if (begin < 0 || end < begin) return null;
  const bytes = Buffer.from(text.slice(begin + marker.length, end), 'base64');
  if (!bytes.subarray(0, magic.length).equals(magic)) return null;
  let rest: Buffer = bytes.subarray(magic.length);
  const strings: Buffer[] = [];
  for (let i = 0; i < 5; i++) {
    // After cipher, KDF and its options: how many keys there are.
    if (i === 3) rest = rest.subarray(4);
    const taken = takeString(rest);
    if (taken === null) return null;
    strings.push(taken[0]);
    rest = taken[1];
  }
  const [cipher, kdf, options, publicKey, secret] = strings as [Buffer, Buffer, Buffer, Buffer, Buffer];
  return { cipher: cipher.toString('latin1'), kdf: kdf.toString('latin1'), options, publicKey, secret, after: rest };
}

/** The type that a public key names; empty when it is malformed. */
export function typeOf(publicKey: Buffer): string {
  return takeString(publicKey)?.[0].toString('latin1') ?? '';
}

/** A string of RFC 4251, and what follows; null where there is none. */
export function takeString(bytes: Buffer): [Buffer, Buffer] | null {
  if (bytes.length < 4) return null;
  const end = 4 + bytes.readUInt32BE(0);
  return end > bytes.length ? null : [bytes.subarray(4, end), bytes.subarray(end)];
}

/** As RFC 4251 writes strings, and `mpint`s whose bytes these are. */
export function string(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
