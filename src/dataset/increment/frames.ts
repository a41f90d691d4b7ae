import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { localError } from '../../durable-file.js';
import { hkdfSha256 } from '../../primitives.js';

/**
 * The file of an index: frames of 64 KiB, each encrypted and authenticated by itself (AES-256-GCM), so that any can be
 * read alone and a million never are in memory.
 *
 *     "depot index 1\n\0\0" ‖ 16 random bytes ‖ frame 0 ‖ frame 1 ‖ …
 *
 * The key is derived from the caller's and the random bytes; the nonce is the frame's number, and says which is the last.
 * No nonce is used twice: each frame is encrypted once.
 */
export const FRAME = 65_536;
const MAGIC = Buffer.from('depot index 1\n\0\0', 'latin1');
const SALT = 16;
const TAG = 16;
const HEAD = MAGIC.length + SALT;
const SEALED = FRAME + TAG;

/** An index that cannot be used: it is made anew. The message says why. */
export class UnusableIndex extends Error {}

/** Writes a new file; what is in it counts after `end`. @throws DepotError 'local-…' */
export class FrameWriter {
  readonly #path: string;
  readonly #fd: number;
  readonly #key: Uint8Array;
  /** Of the current frame. */
  number = 0;
  #frame = Buffer.alloc(FRAME);
  #used = 0;
  /** A frame in which something is still to be filled in. */
  #held: { frame: Buffer; number: number } | null = null;

  /** @param key 32 bytes */
  constructor(path: string, key: Uint8Array) {
    this.#path = path;
    this.#fd = this.#writing(() => openSync(path, 'wx', 0o600));
    const salt = randomBytes(SALT);
    this.#key = fileKey(key, salt);
    this.#write(Buffer.concat([MAGIC, salt]), 0);
  }

  /** How many bytes still fit into the current frame. */
  get free(): number {
    return FRAME - this.#used;
  }

  /** Where the next `length` bytes go, in the current frame or, where they do not fit, at the start of the next. */
  next(length: number): { frame: Buffer; at: number } {
    if (length > this.free) this.#close(false);
    const at = this.#used;
    this.#used += length;
    return { frame: this.#frame, at };
  }

  /** The current frame is not written before `release`. */
  hold(): void {
    this.#held = { frame: this.#frame, number: this.number };
  }

  release(): void {
    const held = this.#held;
    this.#held = null;
    if (held !== null && held.number !== this.number) this.#seal(held.frame, held.number, false);
  }

  /** Everything is on the disk. */
  end(): void {
    this.#close(true);
    this.#writing(() => fsyncSync(this.#fd));
    this.close();
  }

  close(): void {
    closeSync(this.#fd);
    this.#key.fill(0);
  }

  #close(isLast: boolean): void {
    this.#frame.fill(0, this.#used);
    if (this.#held?.frame === this.#frame) this.#frame = Buffer.alloc(FRAME);
    else this.#seal(this.#frame, this.number, isLast);
    this.number++;
    this.#used = 0;
  }

  #seal(frame: Buffer, number: number, isLast: boolean): void {
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonceOf(number, isLast));
    const sealed = [cipher.update(frame), cipher.final(), cipher.getAuthTag()];
    this.#write(Buffer.concat(sealed, SEALED), HEAD + number * SEALED);
  }

  #write(bytes: Buffer, position: number): void {
    this.#writing(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at, position + at);
    });
  }

  #writing<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw localError(error, 'write', this.#path);
    }
  }
}

/** @throws UnusableIndex for a file that is not there, changed, cut off, or under another key */
export class FrameReader {
  /** How many frames there are. */
  readonly count: number;
  readonly #fd: number;
  readonly #key: Uint8Array;
  readonly #sealed = Buffer.alloc(SEALED);

  constructor(path: string, key: Uint8Array) {
    this.#fd = reading(() => openSync(path, constants.O_RDONLY | HARMLESS));
    try {
      const { size, isWhole, salt } = reading(() => this.#head());
      this.count = (size - HEAD) / SEALED;
      this.#key = fileKey(key, salt);
      if (!isWhole) throw new UnusableIndex('it is cut off, or is not an index of this version');
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  #head(): { size: number; isWhole: boolean; salt: Uint8Array } {
    const head = Buffer.alloc(HEAD);
    const stat = fstatSync(this.#fd);
    const { size } = stat;
    const isWhole =
      stat.isFile() &&
      size > HEAD &&
      (size - HEAD) % SEALED === 0 &&
      readSync(this.#fd, head, 0, HEAD, 0) === HEAD &&
      head.subarray(0, MAGIC.length).equals(MAGIC);
    return { size, isWhole, salt: head.subarray(MAGIC.length) };
  }

  /** A frame's 64 KiB, which are the caller's. */
  frame(number: number): Buffer {
    const got = reading(() => readSync(this.#fd, this.#sealed, 0, SEALED, HEAD + number * SEALED));
    const decipher = createDecipheriv('aes-256-gcm', this.#key, nonceOf(number, number === this.count - 1));
    decipher.setAuthTag(this.#sealed.subarray(FRAME));
    try {
      if (got !== SEALED) throw new Error('short');
      const frame = decipher.update(this.#sealed.subarray(0, FRAME));
      decipher.final();
      return frame;
    } catch (cause) {
      throw new UnusableIndex('it is damaged, or under another key', { cause });
    }
  }

  close(): void {
    closeSync(this.#fd);
    this.#key.fill(0);
  }
}

/** A link is not followed, and a pipe is not waited for. */
const HARMLESS =
  ((constants.O_NOFOLLOW as number | undefined) ?? 0) | ((constants.O_NONBLOCK as number | undefined) ?? 0);

function reading<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new UnusableIndex(`it cannot be read: ${(error as NodeJS.ErrnoException).code}`, { cause: error });
  }
}

function fileKey(key: Uint8Array, salt: Uint8Array): Uint8Array {
  return hkdfSha256(key, salt, Buffer.from('depot index file 1'), 32);
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce[0] = isLast ? 1 : 0;
  nonce.writeUIntBE(number, 6, 6);
  return nonce;
}
