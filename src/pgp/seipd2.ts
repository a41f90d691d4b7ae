/**
 * SEIPD version 2 (RFC 9580 section 5.13.2): AEAD in chunks, each with its own tag, and a last tag over the total
 * length, which tells a truncated message from a whole one.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { CipherGCMTypes, CipherOCBTypes } from 'node:crypto';
import { sameBytes } from '../primitives.js';
import { aeadId, changed, ChunkFrames, ChunkKeys, cipherId, parseHead, tagBytes } from './chunks.js';
import type { AeadParameters } from './chunks.js';
import { EaxDecipher } from './eax.js';
import { concat } from './packets.js';

function modeOf({ cipher, aead }: AeadParameters): CipherGCMTypes {
  // Node's types know GCM and OCB apart, its functions do not need to.
  return `${cipher.toLowerCase()}-${aead.toLowerCase()}` as CipherGCMTypes & CipherOCBTypes;
}

function cipherOf(keys: ChunkKeys) {
  return createCipheriv(modeOf(keys.parameters), keys.key, keys.nextNonce(), { authTagLength: tagBytes }).setAAD(
    keys.aad,
  );
}

function decipherOf(keys: ChunkKeys) {
  if (keys.parameters.aead === 'EAX') return new EaxDecipher(keys.key, keys.nextNonce(), keys.aad);
  return createDecipheriv(modeOf(keys.parameters), keys.key, keys.nextNonce(), { authTagLength: tagBytes }).setAAD(
    keys.aad,
  );
}

/** Turns packets into the body of a SEIPDv2 packet, with AES-256. */
export class Seipd2Encryptor {
  readonly head: Uint8Array;
  tail: Uint8Array | null = null;
  readonly #keys: ChunkKeys;
  readonly #chunkBytes: number;
  readonly #emit: (bytes: Uint8Array) => void;
  #cipher: ReturnType<typeof cipherOf> | null = null;
  #left = 0;
  #total = 0;

  constructor(sessionKey: Uint8Array, aead: 'OCB' | 'GCM', chunkOctet: number, emit: (bytes: Uint8Array) => void) {
    this.head = concat(Uint8Array.of(2, cipherId['AES-256'], aeadId[aead], chunkOctet), randomBytes(32));
    this.#keys = new ChunkKeys(sessionKey, parseHead(this.head));
    this.#chunkBytes = 2 ** (chunkOctet + 6);
    this.#emit = emit;
    emit(this.head);
  }

  update(plain: Uint8Array): void {
    this.#total += plain.length;
    for (let offset = 0; offset < plain.length; ) {
      if (this.#cipher === null) {
        this.#cipher = cipherOf(this.#keys);
        this.#left = this.#chunkBytes;
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
    this.tail = this.#keys.finalTag(this.#total);
    this.#keys.wipe();
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
  readonly #keys: ChunkKeys;
  readonly #frames: ChunkFrames;
  readonly #plain: (bytes: Uint8Array) => void;
  #decipher: ReturnType<typeof decipherOf> | null = null;
  /** Plaintext of the current chunk, not yet authenticated. */
  #opened: Uint8Array[] = [];
  #openedBytes = 0;
  tail: Uint8Array | null = null;
  plaintextOctets = 0;

  constructor(sessionKey: Uint8Array, parameters: AeadParameters, plain: (bytes: Uint8Array) => void) {
    this.#keys = new ChunkKeys(sessionKey, parameters);
    this.#frames = new ChunkFrames(parameters.chunkOctet, {
      data: (bytes) => this.#data(bytes),
      end: (tag) => this.#endChunk(tag),
    });
    this.#plain = plain;
  }

  /** `body`: what follows the 36 bytes of the head; not kept after the return. */
  write(body: Uint8Array): void {
    this.#frames.write(body);
  }

  /** Throws 'verification-failed' unless the last chunk and the total length are right. */
  end(): void {
    const tail = this.#frames.end();
    const expected = this.#keys.finalTag(this.plaintextOctets);
    this.#keys.wipe();
    if (!sameBytes(tail, expected)) throw changed();
    this.tail = tail;
  }

  #data(bytes: Uint8Array): void {
    this.#decipher ??= decipherOf(this.#keys);
    this.#opened.push(this.#decipher.update(bytes));
    this.#openedBytes += bytes.length;
  }

  #endChunk(tag: Uint8Array): void {
    const decipher = this.#decipher ?? decipherOf(this.#keys);
    decipher.setAuthTag(tag);
    try {
      this.#opened.push(decipher.final());
    } catch {
      throw changed();
    }
    this.plaintextOctets += this.#openedBytes;
    for (const bytes of this.#opened) if (bytes.length > 0) this.#plain(bytes);
    this.#opened = [];
    this.#openedBytes = 0;
    this.#decipher = null;
  }
}
