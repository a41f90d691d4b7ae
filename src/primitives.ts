/**
 * The few primitives on which opening rests, by `node:crypto`. In the offline opener the build replaces this file with
 * `src/opener/primitives.ts`, which has the same exports: so checks and readers are the same code in both, and nothing
 * that the opener needs may import `node:crypto` or use a Buffer.
 *
 * Bulk decryption differs too much: Node streams through one cipher object, a browser hands whole batches to WebCrypto
 * or to another thread. They share its framing (`pgp/chunks.ts`, `pgp/mdc.ts`).
 */
import {
  createCipheriv,
  createHash,
  createPublicKey,
  hash,
  hkdfSync,
  timingSafeEqual,
  verify,
  type CipherGCMTypes,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';

export interface Hash {
  update(bytes: Uint8Array): void;
  /** Lower-case hex; nothing may follow. */
  hex(): string;
}

/** An incremental SHA-1: this one, or one that does its work on another thread. */
export interface Digest {
  /** The bytes must not be used after the return. */
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** What comes in is encrypted; `update` returns the blocks that are complete (in CTR mode: everything). */
export interface BlockCipher {
  update(bytes: Uint8Array): Uint8Array;
}

export function sha256(): Hash {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
}

export function sha256Of(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

/** Lower-case hex. Without a `Hash`, which V8 collects late: who reads a long ledger asks for tens of thousands. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

export function sha1(): Digest {
  return createHash('sha1');
}

/** HKDF with SHA-256 (RFC 5869), `length` bytes of it. */
export function hkdfSha256(
  key: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(hkdfSync('sha256', key, salt, info, length));
}

/** AES without padding; the key's 16, 24 or 32 bytes say which. `iv` is 16 bytes, and left out for ECB. */
export function aesEncrypt(mode: 'ecb' | 'cbc' | 'ctr', key: Uint8Array, iv?: Uint8Array): BlockCipher {
  return createCipheriv(`aes-${key.length * 8}-${mode}`, key, iv ?? null).setAutoPadding(false);
}

/** The tag of 16 bytes of an AEAD over no text and this associated data. */
export function aeadTagOfNothing(mode: 'GCM' | 'OCB', key: Uint8Array, nonce: Uint8Array, aad: Uint8Array): Uint8Array {
  // Node's types know GCM and OCB apart, its functions do not need to.
  const name = `aes-${key.length * 8}-${mode.toLowerCase()}` as CipherGCMTypes;
  const cipher = createCipheriv(name, key, nonce, { authTagLength: 16 }).setAAD(aad);
  cipher.final();
  return cipher.getAuthTag();
}

/** Whether two strings of bytes are the same, in a time that says nothing about where they differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Verifies a pure EdDSA signature (RFC 8032) over `message`; `point` is the public key. */
export function verifyEdDsa(
  curve: 'Ed25519' | 'Ed448',
  point: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const jwk = { kty: 'OKP', crv: curve, x: Buffer.from(point).toString('base64url') };
  return Promise.resolve(verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature));
}

const verifyBeside = promisify<null, Uint8Array, KeyObject, Uint8Array, boolean>(verify);

/** The key that was asked for last: the signatures of a ledger have one or two. */
let lastKey: { x: string; key: KeyObject } | null = null;

/** The digest of `bytes`, as a signature is over it that says with which two bytes the digest begins. */
export interface SignedDigest {
  algorithm: 'sha256' | 'sha384' | 'sha512';
  bytes: Uint8Array;
  beginning: Uint8Array;
}

/**
 * Whether this is an Ed25519 signature (RFC 8032) by the point over a digest; false also where the platform cannot tell.
 * Beside this thread, which reads the next receipt meanwhile.
 */
export async function isEd25519Signature(
  point: Uint8Array,
  { algorithm, bytes, beginning }: SignedDigest,
  signature: Uint8Array,
): Promise<boolean> {
  const digest = hash(algorithm, bytes, 'buffer');
  if (!sameBytes(digest.subarray(0, 2), beginning)) return false;
  const x = Buffer.from(point).toString('base64url');
  try {
    if (lastKey?.x !== x)
      lastKey = { x, key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }) };
    return await verifyBeside(null, digest, lastKey.key, signature);
  } catch {
    return false;
  }
}

/** New memory whose content is undefined, and not part of a pool. */
export function uninitialized(length: number): Uint8Array<ArrayBuffer> {
  return Buffer.allocUnsafeSlow(length);
}

/** How large a piece of Node's pool is: not always `Buffer.poolSize`, to which Node 26 adds 64 bytes. */
const poolBytes = Buffer.allocUnsafe(1).buffer.byteLength;

/**
 * Frees memory at once where the runtime can (Node 22 and later): V8 does not see what small objects hold, and lets a
 * hundred MiB of it gather. Memory of Node's pool is left alone (others use it, and Node 26 throws), and so is anything
 * no larger.
 */
export function discard(bytes: Uint8Array): void {
  const buffer = bytes.buffer as ArrayBuffer & { transfer?: (length: number) => ArrayBuffer };
  if (buffer.byteLength > poolBytes) buffer.transfer?.(0);
}

/** Bytes as a string, one character from U+0000 to U+00FF each. */
export function toLatin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The reverse of `toLatin1`. */
export function fromLatin1(text: string): Uint8Array<ArrayBuffer> {
  return Buffer.from(text, 'latin1');
}

/** Copies `from` to the start of `to`. Not `set`: it copies shared memory word by word, at a quarter of the speed. */
export function copyBytes(from: Uint8Array, to: Uint8Array): void {
  if (from.length > 0) Buffer.from(to.buffer, to.byteOffset, from.length).fill(from);
}
