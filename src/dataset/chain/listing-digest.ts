import { type Hash, sha256 } from '../../primitives.js';
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
  readonly #hash: Hash = sha256();
  #buffer = new Uint8Array(ROOM);
  #view = new DataView(this.#buffer.buffer);
  #used = 0;

  /** `random`: the 32 bytes of the manifest. */
  constructor(random: Uint8Array) {
    this.#hash.update(random);
  }

  /** `changed`: while it was read. Three arguments, since an object more for each of a million files takes time. */
  add(
    { path, type, mode, size, mtimeNs, sha256: digest }: Listed,
    changed: boolean,
    linkTarget: ByteString | null,
  ): void {
    this.entries++;
    this.bytes += size;
    if (changed) this.complete = false;
    const length = MOST + path.length + (linkTarget?.length ?? 0);
    if (this.#used + length > this.#buffer.length) this.#flush(length);
    const [out, view] = [this.#buffer, this.#view];
    let at = this.#used;
    let seconds = mtimeNs / NS;
    let nanoseconds = Number(mtimeNs % NS);
    if (nanoseconds < 0) {
      nanoseconds += 1_000_000_000;
      seconds -= 1n;
    }
    out[at++] = type.charCodeAt(0) === 0x73 ? 0x6c : type.charCodeAt(0); // l for a symlink, as in manifests
    out[at++] = changed ? 1 : 0;
    view.setUint16(at, mode);
    view.setUint32(at + 2, Math.floor(size / 0x1_0000_0000));
    view.setUint32(at + 6, size >>> 0);
    view.setBigInt64(at + 10, seconds);
    view.setUint32(at + 18, nanoseconds);
    at = this.#putName(path, at + 22);
    if (type === 'file') {
      out.set(digest!, at);
      at += 32;
    } else if (linkTarget !== null) at = this.#putName(linkTarget, at);
    this.#used = at;
  }

  /** Lower-case hex; nothing may follow. */
  hex(): string {
    this.#flush(0);
    return this.#hash.hex();
  }

  #putName(name: ByteString, at: number): number {
    const { length } = name;
    this.#view.setUint32(at, length);
    for (let i = 0; i < length; i++) this.#buffer[at + 4 + i] = name.charCodeAt(i);
    return at + 4 + length;
  }

  #flush(next: number): void {
    this.#hash.update(this.#buffer.subarray(0, this.#used));
    this.#used = 0;
    if (next <= this.#buffer.length) return;
    this.#buffer = new Uint8Array(next);
    this.#view = new DataView(this.#buffer.buffer);
  }
}
