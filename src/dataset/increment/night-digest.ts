import { sha256, type Hash } from '../../primitives.js';
import { toBytes } from '../bytestring.js';
import type { EntryType } from '../tar/format.js';
import type { NightEntry } from './line.js';

const letters: Record<EntryType, number> = { directory: 0x64, file: 0x66, hardlink: 0x68, symlink: 0x6c };
const NS = 1_000_000_000n;
/** Type, changed, mode, size, time, length of the path. */
const HEAD = 28;

/** `chain.datasetSha256` of a receipt: the whole night in a fixed form, behind the random bytes of its suitcase. */
export class NightDigest {
  readonly #hash: Hash = sha256();

  /** `random`: 32 bytes in hex, from the first line of this suitcase's manifest. */
  constructor(random: string) {
    this.#hash.update(bytesOf(random));
  }

  /** The next path below `data/`, in the order of the walk. */
  add(
    entry: Pick<NightEntry, 'type' | 'changed' | 'mode' | 'size' | 'mtimeNs' | 'path' | 'sha256' | 'linkTarget'>,
  ): void {
    const path = toBytes(entry.path);
    const rest = restOf(entry);
    const bytes = new Uint8Array(HEAD + path.length + rest.length);
    const view = new DataView(bytes.buffer);
    const below = ((entry.mtimeNs % NS) + NS) % NS;
    view.setUint8(0, letters[entry.type]);
    view.setUint8(1, entry.changed ? 1 : 0);
    view.setUint16(2, entry.mode);
    view.setBigUint64(4, BigInt(entry.size));
    view.setBigInt64(12, (entry.mtimeNs - below) / NS);
    view.setUint32(20, Number(below));
    view.setUint32(24, path.length);
    bytes.set(path, HEAD);
    bytes.set(rest, HEAD + path.length);
    this.#hash.update(bytes);
  }

  /** Lower-case hex; nothing may follow. */
  hex(): string {
    return this.#hash.hex();
  }
}

/** Of lower-case hex. */
function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (nibble(hex, 2 * i) << 4) | nibble(hex, 2 * i + 1);
  return bytes;
}

function nibble(hex: string, at: number): number {
  const code = hex.charCodeAt(at);
  return code < 0x3a ? code - 0x30 : code - 0x57;
}

function restOf({ sha256, linkTarget }: Pick<NightEntry, 'sha256' | 'linkTarget'>): Uint8Array {
  if (sha256 !== null) return bytesOf(sha256);
  if (linkTarget === null) return new Uint8Array(0);
  const target = toBytes(linkTarget);
  const bytes = new Uint8Array(4 + target.length);
  new DataView(bytes.buffer).setUint32(0, target.length);
  bytes.set(target, 4);
  return bytes;
}
