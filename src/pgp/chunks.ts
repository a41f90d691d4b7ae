/** The chunks of SEIPD version 2 (RFC 9580 section 5.13.2): their bounds, keys, nonces and tags; no ciphers. */
import { aeadTagOfNothing, hkdfSha256 } from '../primitives.js';
import { type Aes, keyBytes } from './cfb.js';
import { EaxDecipher } from './eax.js';
import { concat, malformed } from './packets.js';

export type Aead = 'EAX' | 'OCB' | 'GCM';
export const aeadId = { EAX: 1, OCB: 2, GCM: 3 } as const;
export const cipherId = { 'AES-128': 7, 'AES-192': 8, 'AES-256': 9 } as const;
const nonceBytes = { EAX: 16, OCB: 15, GCM: 12 } as const;
export const tagBytes = 16;
/** version, cipher, AEAD, chunk size, 32 bytes of salt. */
export const headBytes = 36;
/** RFC 9580: chunks of 2^(octet + 6), octet at most 16. */
const maxChunkOctet = 16;

export interface AeadParameters {
  cipher: Aes;
  aead: Aead;
  chunkOctet: number;
  head: Uint8Array;
}

/** Reads the 36 bytes that open a SEIPDv2 body. Throws 'verification-failed'. */
export function parseHead(head: Uint8Array): AeadParameters {
  const [version, cipherByte, aeadByte, chunkOctet] = head;
  if (head.length !== headBytes || version !== 2) throw malformed('not a version 2 encrypted data packet');
  const cipher = (Object.keys(cipherId) as Aes[]).find((name) => cipherId[name] === cipherByte);
  const aead = (Object.keys(aeadId) as Aead[]).find((name) => aeadId[name] === aeadByte);
  if (cipher === undefined) throw malformed(`cipher ${cipherByte} is not AES`);
  if (aead === undefined) throw malformed(`AEAD mode ${aeadByte} is unknown`);
  if (chunkOctet === undefined || chunkOctet > maxChunkOctet)
    throw malformed(`chunk size ${chunkOctet} is over the limit of ${maxChunkOctet}`);
  return { cipher, aead, chunkOctet, head };
}

/** For one SEIPDv2 packet (HKDF-SHA256). */
export class ChunkKeys {
  readonly parameters: AeadParameters;
  readonly key: Uint8Array;
  /** The associated data of every chunk. */
  readonly aad: Uint8Array;
  readonly #nonce: Uint8Array;
  #index = 0;

  constructor(sessionKey: Uint8Array, parameters: AeadParameters) {
    this.parameters = parameters;
    if (sessionKey.length !== keyBytes[parameters.cipher]) throw malformed('the session key does not fit the cipher');
    this.aad = concat(Uint8Array.of(0xd2), parameters.head.subarray(0, 4));
    const ivBytes = nonceBytes[parameters.aead] - 8;
    const size = keyBytes[parameters.cipher];
    const material = hkdfSha256(sessionKey, parameters.head.subarray(4), this.aad, size + ivBytes);
    this.key = material.subarray(0, size);
    this.#nonce = new Uint8Array(ivBytes + 8);
    this.#nonce.set(material.subarray(size));
  }

  /** The nonce of the next chunk; valid until the next call. */
  nextNonce(): Uint8Array {
    new DataView(this.#nonce.buffer).setBigUint64(this.#nonce.length - 8, BigInt(this.#index));
    this.#index++;
    return this.#nonce;
  }

  /** The tag that ends the message, for this many bytes of plaintext. */
  finalTag(plaintextOctets: number): Uint8Array {
    const total = new Uint8Array(8);
    new DataView(total.buffer).setBigUint64(0, BigInt(plaintextOctets));
    const aad = concat(this.aad, total);
    const { aead } = this.parameters;
    return aead === 'EAX'
      ? new EaxDecipher(this.key, this.nextNonce(), aad).tag()
      : aeadTagOfNothing(aead, this.key, this.nextNonce(), aad);
  }

  /** After the final tag: nothing more is opened or sealed with it. */
  wipe(): void {
    this.key.fill(0);
  }

  skip(chunks: number): void {
    this.#index += chunks;
  }
}

export interface ChunkSink {
  /** Ciphertext; not kept after the return. */
  data(bytes: Uint8Array): void;
  /** The chunk is complete; `tag` is valid during the call. */
  end(tag: Uint8Array): void;
}

/** Divides the body of a SEIPDv2 packet into chunks and tags, whatever its division when it comes. */
export class ChunkFrames {
  readonly #chunkBytes: number;
  readonly #sink: ChunkSink;
  /** The last bytes so far, at most 32: they may be the last two tags. */
  #held: Uint8Array = new Uint8Array(0);
  #chunkSeen = 0;
  readonly #tag = new Uint8Array(tagBytes);
  #tagSeen = 0;

  constructor(chunkOctet: number, sink: ChunkSink) {
    this.#chunkBytes = 2 ** (chunkOctet + 6);
    this.#sink = sink;
  }

  /** `body`: what follows the 36 bytes of the head; not kept after the return. */
  write(body: Uint8Array): void {
    const certain = this.#held.length + body.length - 2 * tagBytes;
    if (certain <= 0) {
      this.#held = concat(this.#held, body);
      return;
    }
    const fromHeld = Math.min(certain, this.#held.length);
    this.#consume(this.#held.subarray(0, fromHeld));
    this.#consume(body.subarray(0, certain - fromHeld));
    this.#held = concat(this.#held.subarray(fromHeld), body.subarray(certain - fromHeld));
  }

  /** Ends the last chunk, and returns the final tag. Throws 'verification-failed' when the body ends elsewhere. */
  end(): Uint8Array {
    if (this.#held.length !== 2 * tagBytes || this.#tagSeen > 0) throw changed();
    this.#endChunk(this.#held.subarray(0, tagBytes));
    return this.#held.subarray(tagBytes);
  }

  /** Bytes of a chunk, or of the tag of a full chunk: not among the last 32 of the body. */
  #consume(bytes: Uint8Array): void {
    for (let offset = 0; offset < bytes.length; ) {
      const dataLeft = this.#chunkBytes - this.#chunkSeen;
      const take = Math.min(dataLeft > 0 ? dataLeft : tagBytes - this.#tagSeen, bytes.length - offset);
      const piece = bytes.subarray(offset, offset + take);
      offset += take;
      if (dataLeft > 0) {
        this.#sink.data(piece);
        this.#chunkSeen += take;
      } else {
        this.#tag.set(piece, this.#tagSeen);
        this.#tagSeen += take;
        if (this.#tagSeen === tagBytes) this.#endChunk(this.#tag);
      }
    }
  }

  #endChunk(tag: Uint8Array): void {
    this.#sink.end(tag);
    this.#chunkSeen = 0;
    this.#tagSeen = 0;
  }
}

/** For whatever does not authenticate. */
export function changed() {
  return malformed('the encrypted data was changed or cut short, or made with another session key');
}
