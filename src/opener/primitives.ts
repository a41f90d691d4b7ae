/**
 * The primitives of `src/primitives.ts` in a browser, which the build puts in that one's place: hashes by WebAssembly
 * (hash-wasm), AES for single blocks by @noble/ciphers. All are synchronous, as the readers are; bulk decryption, where
 * the time goes, is in bulk.ts. `prepare` must have been awaited first.
 */
import { ecb, gcm } from '@noble/ciphers/aes.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 as smallSha256 } from '@noble/hashes/sha2.js';
import { createSHA1, createSHA256, type IHasher } from 'hash-wasm';
import type { BlockCipher, Digest, Hash } from '../primitives.js';
import { ocbTag } from './ocb.js';
export type { BlockCipher, Digest, Hash } from '../primitives.js';

type Bytes = Uint8Array<ArrayBuffer>;

let machines: { sha1: Machine; sha256: Machine } | undefined;

/** Compiles what is WebAssembly. */
export async function prepare(): Promise<void> {
  machines ??= { sha1: new Machine(await createSHA1()), sha256: new Machine(await createSHA256()) };
}

/** One WebAssembly instance for any number of hashes: whoever needs it next takes it over, and the state before is kept. */
class Machine {
  readonly #hasher: IHasher;
  #owner: RunningHash | null = null;

  constructor(hasher: IHasher) {
    this.#hasher = hasher;
  }

  for(hash: RunningHash): IHasher {
    if (this.#owner === hash) return this.#hasher;
    if (this.#owner !== null) this.#owner.state = this.#hasher.save();
    this.#owner = hash;
    return hash.state === null ? this.#hasher.init() : this.#hasher.load(hash.state);
  }

  /** After `digest` there is no state to save. */
  free(): void {
    this.#owner = null;
  }
}

/** A hash on its way; `state` while another one has the machine. */
class RunningHash implements Hash, Digest {
  readonly #machine: Machine;
  state: Uint8Array | null;

  constructor(machine: Machine, state: Uint8Array | null = null) {
    this.#machine = machine;
    this.state = state;
  }

  update(bytes: Uint8Array): void {
    this.#machine.for(this).update(bytes);
  }

  digest(): Bytes {
    const digest = this.#machine.for(this).digest('binary');
    this.#machine.free();
    return digest as Bytes;
  }

  hex(): string {
    return Array.from(this.digest(), (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  /** The digest so far; more may follow. */
  digestSoFar(): Bytes {
    const state = this.#machine.for(this).save();
    return new RunningHash(this.#machine, state).digest();
  }
}

function machine(name: 'sha1' | 'sha256'): Machine {
  if (machines === undefined) throw new Error('the primitives are not prepared');
  return machines[name];
}

export function sha256(): RunningHash {
  return new RunningHash(machine('sha256'));
}

export function sha256Of(bytes: Uint8Array): Uint8Array {
  return smallSha256(bytes);
}

export function sha256Hex(bytes: Uint8Array): string {
  const hash = sha256();
  hash.update(bytes);
  return hash.hex();
}

export function sha1(): Digest {
  return new RunningHash(machine('sha1'));
}

export function hkdfSha256(key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Bytes {
  return hkdf(smallSha256, key, salt, info, length);
}

/** The encryption of whole blocks, each by itself. */
export function encryptBlocks(key: Uint8Array, blocks: Uint8Array): Bytes {
  return ecb(key, { disablePadding: true }).encrypt(blocks);
}

const block = 16;

export function aesEncrypt(
  mode: 'ecb' | 'cbc' | 'ctr',
  key: Uint8Array,
  iv: Uint8Array = new Uint8Array(block),
): BlockCipher {
  if (mode === 'ctr') return counterMode(key, iv);
  let held: Uint8Array = new Uint8Array(0);
  let previous = iv;
  const chained = (blocks: Bytes): Bytes => {
    for (let at = 0; at < blocks.length; at += block) {
      const input = blocks.subarray(at, at + block);
      for (let i = 0; i < block; i++) input[i]! ^= previous[i]!;
      input.set(encryptBlocks(key, input));
      previous = input.slice();
    }
    return blocks;
  };
  return {
    update(bytes) {
      const all = new Uint8Array(held.length + bytes.length);
      all.set(held);
      all.set(bytes, held.length);
      const whole = all.length - (all.length % block);
      held = all.slice(whole);
      return mode === 'ecb' ? encryptBlocks(key, all.subarray(0, whole)) : chained(all.slice(0, whole));
    },
  };
}

/** Only EAX needs it, which nobody has to be fast in. */
function counterMode(key: Uint8Array, iv: Uint8Array): BlockCipher {
  const counter = iv.slice();
  let keystream: Uint8Array = new Uint8Array(0);
  let used = 0;
  return {
    update: (bytes) =>
      Uint8Array.from(bytes, (byte) => {
        if (used === keystream.length) {
          keystream = encryptBlocks(key, counter);
          used = 0;
          // A byte that becomes 0 carries.
          let carry = block - 1;
          do counter[carry]!++;
          while (counter[carry] === 0 && carry-- > 0);
        }
        return byte ^ keystream[used++]!;
      }),
  };
}

export function aeadTagOfNothing(mode: 'GCM' | 'OCB', key: Uint8Array, nonce: Uint8Array, aad: Uint8Array): Uint8Array {
  if (mode === 'GCM') return gcm(key, nonce, aad).encrypt(new Uint8Array(0));
  return ocbTag((blocks) => encryptBlocks(key, blocks), nonce, aad);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length && i < b.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Asked only of revocations with a short hash: one that a browser cannot check (it has no Ed448) counts as genuine. */
export async function verifyEdDsa(
  curve: 'Ed25519' | 'Ed448',
  point: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (curve === 'Ed448') return true;
  try {
    const key = await crypto.subtle.importKey('raw', own(point), 'Ed25519', false, ['verify']);
    return await crypto.subtle.verify('Ed25519', key, own(signature), own(message));
  } catch {
    return true;
  }
}

/** A page checks one signature: OpenPGP.js does that. */
export function isEd25519Signature(): Promise<boolean> {
  return Promise.resolve(false);
}

function own(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}

export function uninitialized(length: number): Bytes {
  return new Uint8Array(length);
}

/** The memory here is used again, or collected. */
export function discard(): void {
  // Nothing to do.
}

/** Arguments of one call are limited. */
const PIECE = 0x8000;

export function toLatin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE) text += String.fromCharCode(...bytes.subarray(at, at + PIECE));
  return text;
}

export function fromLatin1(text: string): Bytes {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export function copyBytes(from: Uint8Array, to: Uint8Array): void {
  to.set(from);
}
