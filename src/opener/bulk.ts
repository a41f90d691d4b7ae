/**
 * Bulk decryption in a browser: batches of ciphertext, decrypted outside this thread while it goes on reading. GCM is
 * the browser's own, OCB's block step too (ocb.ts); CFB has threads (cipher-threads.ts).
 */
import { keyBytes, type Aes } from '../pgp/cfb.js';
import { changed, ChunkFrames, ChunkKeys, tagBytes, type AeadParameters } from '../pgp/chunks.js';
import { EaxDecipher } from '../pgp/eax.js';
import { concat, malformed } from '../pgp/packets.js';
import { Ocb } from './ocb.js';
import { encryptBlocks, sameBytes } from './primitives.js';
import type { CipherThreads } from './cipher-threads.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** The body of one SEIPD packet, without version byte (v1) or head (v2). Results come in the order of the calls. */
export interface BulkDecryptor {
  /** What the bytes so far are enough for. SEIPDv2: authenticated; SEIPDv1: not yet. @throws 'verification-failed' */
  decrypt(body: Uint8Array): Promise<Uint8Array[]>;
  /** The rest. */
  end(): Promise<Uint8Array[]>;
}

const block = 16;

export class CfbBulk implements BulkDecryptor {
  readonly #key: Uint8Array;
  readonly #threads: CipherThreads;
  #previous: Uint8Array = new Uint8Array(block);
  #held: Uint8Array = new Uint8Array(0);

  constructor(sessionKey: Uint8Array, cipher: Aes, threads: CipherThreads) {
    if (sessionKey.length !== keyBytes[cipher]) throw malformed('the session key does not fit the cipher');
    this.#key = sessionKey;
    this.#threads = threads;
  }

  decrypt(body: Uint8Array): Promise<Uint8Array[]> {
    const whole = (this.#held.length + body.length) % block;
    const data = concat(this.#held, body.subarray(0, Math.max(0, body.length - whole)));
    // Fewer than 16 bytes in all are held together.
    if (data.length % block !== 0) return this.#hold(concat(this.#held, body));
    this.#held = body.slice(body.length - whole);
    return this.#send(data as Bytes);
  }

  end(): Promise<Uint8Array[]> {
    return this.#send(this.#held as Bytes);
  }

  #hold(bytes: Uint8Array): Promise<Uint8Array[]> {
    this.#held = bytes;
    return Promise.resolve([]);
  }

  async #send(data: Bytes): Promise<Uint8Array[]> {
    if (data.length === 0) return [];
    const previous = this.#previous;
    this.#previous = data.slice(-block);
    return [await this.#threads.decrypt({ key: this.#key, previous, data })];
  }
}

export class AeadBulk implements BulkDecryptor {
  readonly #keys: ChunkKeys;
  readonly #frames: ChunkFrames;
  readonly #open: (nonce: Uint8Array, sealed: Bytes) => Promise<Uint8Array | null>;
  /** Ciphertext of the current chunk. */
  #pieces: Uint8Array[] = [];
  #jobs: Promise<Uint8Array>[] = [];
  #plaintextOctets = 0;

  constructor(sessionKey: Uint8Array, parameters: AeadParameters) {
    this.#keys = new ChunkKeys(sessionKey, parameters);
    this.#frames = new ChunkFrames(parameters.chunkOctet, {
      data: (bytes) => this.#pieces.push(bytes),
      end: (tag) => this.#endChunk(tag),
    });
    this.#open = openerOf(this.#keys);
  }

  /** `body` must stay as it is until its chunk has ended. */
  decrypt(body: Uint8Array): Promise<Uint8Array[]> {
    this.#frames.write(body);
    return this.#taken();
  }

  async end(): Promise<Uint8Array[]> {
    const tail = this.#frames.end();
    const plain = await this.#taken();
    if (!sameBytes(tail, this.#keys.finalTag(this.#plaintextOctets))) throw changed();
    return plain;
  }

  #endChunk(tag: Uint8Array): void {
    const sealed = concat(...this.#pieces, tag) as Bytes;
    this.#pieces = [];
    this.#plaintextOctets += sealed.length - tagBytes;
    const job = this.#open(this.#keys.nextNonce().slice(), sealed).then((plain) => {
      if (plain === null) throw changed();
      return plain;
    });
    // Whoever awaits them all hears of it.
    job.catch(() => undefined);
    this.#jobs.push(job);
  }

  #taken(): Promise<Uint8Array[]> {
    const jobs = this.#jobs;
    this.#jobs = [];
    return Promise.all(jobs);
  }
}

/** Opens one chunk with its tag; null when that is wrong. */
function openerOf({
  key,
  aad,
  parameters,
}: ChunkKeys): (nonce: Uint8Array, sealed: Bytes) => Promise<Uint8Array | null> {
  const additionalData = new Uint8Array(aad);
  switch (parameters.aead) {
    case 'GCM': {
      const imported = crypto.subtle.importKey('raw', new Uint8Array(key), 'AES-GCM', false, ['decrypt']);
      return async (nonce, sealed) => {
        const by = await imported;
        return crypto.subtle.decrypt({ name: 'AES-GCM', iv: new Uint8Array(nonce), additionalData }, by, sealed).then(
          (plain) => new Uint8Array(plain),
          () => null,
        );
      };
    }
    case 'OCB': {
      const ocb = new Ocb(key, (blocks) => encryptBlocks(key, blocks));
      return (nonce, sealed) => ocb.decrypt(nonce, aad, sealed);
    }
    case 'EAX':
      return (nonce, sealed) => {
        const decipher = new EaxDecipher(key, nonce, aad);
        const plain = decipher.update(sealed.subarray(0, -tagBytes));
        return Promise.resolve(sameBytes(decipher.tag(), sealed.subarray(-tagBytes)) ? plain : null);
      };
  }
}
