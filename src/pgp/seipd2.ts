/**
 * SEIPD version 2 (RFC 9580 section 5.13.2): AEAD in chunks, each with its own tag, and a last tag
 * over the total length, which is what tells a truncated message from a whole one.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { CipherGCMTypes, CipherOCBTypes } from 'node:crypto';
import { EaxDecipher } from './eax.js';
import { malformed } from './packets.js';
import { keyOctets } from './cfb.js';
import type { Aes } from './cfb.js';

export type Aead = 'EAX' | 'OCB' | 'GCM';
export const aeadId = { EAX: 1, OCB: 2, GCM: 3 } as const;
export const cipherId = { 'AES-128': 7, 'AES-192': 8, 'AES-256': 9 } as const;
const nonceOctets = { EAX: 16, OCB: 15, GCM: 12 } as const;
export const tagOctets = 16;
/** version, cipher, AEAD, chunk size, 32 octets of salt. */
export const headOctets = 36;
/** RFC 9580: chunks of 2^(octet + 6), octet at most 16. */
export const maxChunkOctet = 16;

export interface AeadParameters {
  cipher: Aes;
  aead: Aead;
  chunkOctet: number;
  head: Uint8Array;
}

export function encodeHead(aead: 'OCB' | 'GCM', chunkOctet: number, salt: Uint8Array = randomBytes(32)): Uint8Array {
  return Buffer.concat([Uint8Array.of(2, cipherId['AES-256'], aeadId[aead], chunkOctet), salt]);
}

/** Reads the 36 octets that open a SEIPDv2 body. Throws 'verification-failed'. */
export function parseHead(head: Uint8Array): AeadParameters {
  const [version, cipherOctet, aeadOctet, chunkOctet] = head;
  if (head.length !== headOctets || version !== 2) throw malformed('not a version 2 encrypted data packet');
  const cipher = (Object.keys(cipherId) as Aes[]).find((name) => cipherId[name] === cipherOctet);
  const aead = (Object.keys(aeadId) as Aead[]).find((name) => aeadId[name] === aeadOctet);
  if (cipher === undefined) throw malformed(`cipher ${cipherOctet} is not AES`);
  if (aead === undefined) throw malformed(`AEAD mode ${aeadOctet} is unknown`);
  if (chunkOctet === undefined || chunkOctet > maxChunkOctet) throw malformed(`chunk size ${chunkOctet} is over the limit of ${maxChunkOctet}`);
  return { cipher, aead, chunkOctet, head };
}

/** Message key and nonces for one SEIPDv2 packet (RFC 9580 section 5.13.2, HKDF-SHA256). */
class Chunks {
  readonly parameters: AeadParameters;
  readonly #key: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #aad: Uint8Array;
  #index = 0;

  constructor(sessionKey: Uint8Array, parameters: AeadParameters) {
    this.parameters = parameters;
    if (sessionKey.length !== keyOctets[parameters.cipher]) throw malformed('the session key does not fit the cipher');
    this.#aad = Buffer.concat([Uint8Array.of(0xd2), parameters.head.subarray(0, 4)]);
    const ivOctets = nonceOctets[parameters.aead] - 8;
    const size = keyOctets[parameters.cipher];
    const material = new Uint8Array(hkdfSync('sha256', sessionKey, parameters.head.subarray(4), this.#aad, size + ivOctets));
    this.#key = material.subarray(0, size);
    this.#nonce = new Uint8Array(ivOctets + 8);
    this.#nonce.set(material.subarray(size));
  }

  get #mode(): CipherGCMTypes {
    // Node's types know GCM and OCB apart, its functions do not need to.
    return `${this.parameters.cipher.toLowerCase()}-${this.parameters.aead.toLowerCase()}` as CipherGCMTypes & CipherOCBTypes;
  }

  #nextNonce(): Uint8Array {
    new DataView(this.#nonce.buffer).setBigUint64(this.#nonce.length - 8, BigInt(this.#index));
    this.#index++;
    return this.#nonce;
  }

  cipher() {
    return createCipheriv(this.#mode, this.#key, this.#nextNonce(), { authTagLength: tagOctets }).setAAD(this.#aad);
  }

  decipher() {
    const { cipher, aead } = this.parameters;
    if (aead === 'EAX') return new EaxDecipher(cipher, this.#key, this.#nextNonce(), this.#aad);
    return createDecipheriv(this.#mode, this.#key, this.#nextNonce(), { authTagLength: tagOctets }).setAAD(this.#aad);
  }

  /** The tag that ends the message, for this many octets of plaintext. */
  finalTag(plaintextOctets: number): Uint8Array {
    const total = new Uint8Array(8);
    new DataView(total.buffer).setBigUint64(0, BigInt(plaintextOctets));
    const aad = Buffer.concat([this.#aad, total]);
    if (this.parameters.aead === 'EAX') return new EaxDecipher(this.parameters.cipher, this.#key, this.#nextNonce(), aad).tag();
    const cipher = createCipheriv(this.#mode, this.#key, this.#nextNonce(), { authTagLength: tagOctets }).setAAD(aad);
    cipher.final();
    return cipher.getAuthTag();
  }

  skip(chunks: number): void {
    this.#index += chunks;
  }
}

/** Turns packets into the body of a SEIPDv2 packet, with AES-256. */
export class Seipd2Encryptor {
  readonly head: Uint8Array;
  tail: Uint8Array | null = null;
  readonly #chunks: Chunks;
  readonly #chunkOctets: number;
  readonly #emit: (bytes: Uint8Array) => void;
  #cipher: ReturnType<Chunks['cipher']> | null = null;
  #left = 0;
  #total = 0;

  constructor(sessionKey: Uint8Array, aead: 'OCB' | 'GCM', chunkOctet: number, emit: (bytes: Uint8Array) => void) {
    this.head = encodeHead(aead, chunkOctet);
    this.#chunks = new Chunks(sessionKey, parseHead(this.head));
    this.#chunkOctets = 2 ** (chunkOctet + 6);
    this.#emit = emit;
    emit(this.head);
  }

  update(plain: Uint8Array): void {
    this.#total += plain.length;
    for (let offset = 0; offset < plain.length;) {
      if (this.#cipher === null) {
        this.#cipher = this.#chunks.cipher();
        this.#left = this.#chunkOctets;
      }
      const take = Math.min(this.#left, plain.length - offset);
      this.#emit(this.#cipher.update(plain.subarray(offset, offset + take)));
      offset += take;
      this.#left -= take;
      if (this.#left === 0) this.#endChunk();
    }
  }

  final(): void {
    this.#endChunk();
    this.tail = this.#chunks.finalTag(this.#total);
    this.#emit(this.tail);
  }

  #endChunk(): void {
    if (this.#cipher === null) return;
    // In OCB mode update() holds the last partial block back, and final() returns it.
    this.#emit(this.#cipher.final());
    this.#emit(this.#cipher.getAuthTag());
    this.#cipher = null;
  }
}

/** The reverse: releases a chunk only after its tag was right. */
export class Seipd2Decryptor {
  readonly #chunks: Chunks;
  readonly #chunkOctets: number;
  readonly #plain: (bytes: Uint8Array) => void;
  /** The last octets so far, at most 32: they may turn out to be the last two tags. */
  #held: Uint8Array = new Uint8Array(0);
  #decipher: ReturnType<Chunks['decipher']> | null = null;
  /** Plaintext of the current chunk, not yet authenticated. */
  #opened: Uint8Array[] = [];
  #chunkSeen = 0;
  readonly #tag = new Uint8Array(tagOctets);
  #tagSeen = 0;
  tail: Uint8Array | null = null;
  plaintextOctets = 0;

  constructor(sessionKey: Uint8Array, parameters: AeadParameters, plain: (bytes: Uint8Array) => void) {
    this.#chunks = new Chunks(sessionKey, parameters);
    this.#chunkOctets = 2 ** (parameters.chunkOctet + 6);
    this.#plain = plain;
  }

  /** `body`: what follows the 36 octets of the head; not kept after the return. */
  write(body: Uint8Array): void {
    const certain = this.#held.length + body.length - 2 * tagOctets;
    if (certain <= 0) {
      this.#held = Buffer.concat([this.#held, body]);
      return;
    }
    const fromHeld = Math.min(certain, this.#held.length);
    this.#consume(this.#held.subarray(0, fromHeld));
    this.#consume(body.subarray(0, certain - fromHeld));
    this.#held = Buffer.concat([this.#held.subarray(fromHeld), body.subarray(certain - fromHeld)]);
  }

  /** Throws 'verification-failed' unless the last chunk and the total length are right. */
  end(): void {
    if (this.#held.length !== 2 * tagOctets || this.#tagSeen > 0) throw changed();
    this.#tag.set(this.#held.subarray(0, tagOctets));
    this.#endChunk();
    const tail = this.#held.subarray(tagOctets);
    if (!timingSafeEqual(tail, this.#chunks.finalTag(this.plaintextOctets))) throw changed();
    this.tail = tail;
  }

  /** Octets that are not among the last 32 of the body: so of a chunk, or of the tag of a full chunk. */
  #consume(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length;) {
      const dataLeft = this.#chunkOctets - this.#chunkSeen;
      const take = Math.min(dataLeft > 0 ? dataLeft : tagOctets - this.#tagSeen, bytes.length - offset);
      const piece = bytes.subarray(offset, offset + take);
      offset += take;
      if (dataLeft > 0) {
        this.#decipher ??= this.#chunks.decipher();
        this.#opened.push(this.#decipher.update(piece));
        this.#chunkSeen += take;
      } else {
        this.#tag.set(piece, this.#tagSeen);
        this.#tagSeen += take;
        if (this.#tagSeen === tagOctets) this.#endChunk();
      }
    }
  }

  #endChunk(): void {
    const decipher = this.#decipher ?? this.#chunks.decipher();
    decipher.setAuthTag(this.#tag);
    try {
      this.#opened.push(decipher.final());
    } catch {
      throw changed();
    }
    this.plaintextOctets += this.#chunkSeen;
    for (const bytes of this.#opened) if (bytes.length > 0) this.#plain(bytes);
    this.#opened = [];
    this.#decipher = null;
    this.#chunkSeen = 0;
    this.#tagSeen = 0;
  }
}

function changed() {
  return malformed('the encrypted data was changed or cut short, or this is not its key');
}

/** The final tag of a message with this head, session key and plaintext size (for the key proof). */
export function finalTagOf(sessionKey: Uint8Array, head: Uint8Array, plaintextOctets: number): Uint8Array {
  const parameters = parseHead(head);
  const chunks = new Chunks(sessionKey, parameters);
  chunks.skip(Math.ceil(plaintextOctets / 2 ** (parameters.chunkOctet + 6)));
  return chunks.finalTag(plaintextOctets);
}
