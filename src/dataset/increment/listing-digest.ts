import { createHash, type Hash } from 'node:crypto';
import type { ByteString } from '../bytestring.js';
import type { EntryType } from '../tar/format.js';

/** What the digest of a night's listing takes of each path. */
export interface Listed {
  path: ByteString;
  type: EntryType;
  mode: number;
  size: number;
  mtimeNs: bigint;
  /** Files: 32 bytes. */
  sha256: Uint8Array | null;
}

const NS = 1_000_000_000n;
const ROOM = 65_536;
/** Of one entry, without path and target. */
const MOST = 1 + 1 + 2 + 8 + 8 + 4 + 4 + 32 + 4;

/** `datasetSha256` of a receipt (docs/format.md, section 12): over the whole night, whatever suitcase holds it. */
export class ListingDigest {
  entries = 0;
  bytes = 0;
  complete = true;
  readonly #hash: Hash;
  #buffer = Buffer.allocUnsafeSlow(ROOM);
  #used = 0;

  /** `random`: the 32 bytes of the manifest. */
  constructor(random: Uint8Array) {
    this.#hash = createHash('sha256').update(random);
  }

  /** `changed`: while it was read. Three arguments, since an object more for each of a million files takes time. */
  add({ path, type, mode, size, mtimeNs, sha256 }: Listed, changed: boolean, linkTarget: ByteString | null): void {
    this.entries++;
    this.bytes += size;
    if (changed) this.complete = false;
    const length = MOST + path.length + (linkTarget?.length ?? 0);
    if (this.#used + length > this.#buffer.length) this.#flush(length);
    const out = this.#buffer;
    let at = this.#used;
    let seconds = mtimeNs / NS;
    let nanoseconds = Number(mtimeNs % NS);
    if (nanoseconds < 0) {
      nanoseconds += 1_000_000_000;
      seconds -= 1n;
    }
    out[at++] = type.charCodeAt(0) === 0x73 ? 0x6c : type.charCodeAt(0); // l for a symlink, as in manifests
    out[at++] = changed ? 1 : 0;
    at = out.writeUInt16BE(mode, at);
    at = out.writeUInt32BE(Math.floor(size / 0x1_0000_0000), at);
    at = out.writeUInt32BE(size >>> 0, at);
    at = out.writeBigInt64BE(seconds, at);
    at = out.writeUInt32BE(nanoseconds, at);
    at = putName(out, path, at);
    if (type === 'file') {
      out.set(sha256!, at);
      at += 32;
    } else if (linkTarget !== null) at = putName(out, linkTarget, at);
    this.#used = at;
  }

  /** Lower-case hex; nothing may follow. */
  hex(): string {
    this.#flush(0);
    return this.#hash.digest('hex');
  }

  #flush(next: number): void {
    this.#hash.update(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
    if (next > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(next);
  }
}

function putName(out: Buffer, name: ByteString, at: number): number {
  const start = out.writeUInt32BE(name.length, at);
  return start + out.write(name, start, 'latin1');
}
