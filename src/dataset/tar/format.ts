/**
 * The tar format as depot writes and reads it: POSIX.1-2017 ustar headers, with pax extended headers where a field does
 * not fit ("pax Interchange Format").
 */
import { DepotError } from '../../errors.js';
import { printable } from '../../printable.js';

/** Bytes of a tar record: headers are one, contents are padded to whole ones with zeros. */
export const BLOCK = 512;

/** Where the fields of a ustar header are: [offset, length] in bytes. */
export const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  typeflag: [156, 1],
  linkname: [157, 100],
  magic: [257, 6],
  version: [263, 2],
  uname: [265, 32],
  gname: [297, 32],
  devmajor: [329, 8],
  devminor: [337, 8],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [number, number]>;

/** magic and version together. */
export const USTAR_MAGIC = 'ustar\x0000';

/** The largest number in eleven octal digits: sizes from 8 GiB and times from the year 2242 need pax. */
export const MAX_OCTAL_11 = 0o77777777777;

export const typeflag = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  directory: '5',
  /** Extended header for the next entry. */
  pax: 'x',
  /** Extended header for all entries that follow. */
  paxGlobal: 'g',
} as const;

export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink';

/** One entry of the archive. Names are bytes: they need not be UTF-8. */
export interface TarEntry {
  /** As `canonical` gives it, without `/` at the end, for directories too. Empty: the root, a directory. */
  path: Uint8Array;
  type: EntryType;
  /** Content bytes; 0 for all but files. */
  size: number;
  /** Permission bits, 0 to 0o7777. */
  mode: number;
  /** Nanoseconds since 1970; negative before. */
  mtimeNs: bigint;
  /** Symlinks: the target as it is. Hard links: the path of an earlier entry, as `path`. Else null. */
  linkTarget: Uint8Array | null;
}

/** Takes the entries of an archive as they go by: begin, data (any number of times), end. */
export interface EntrySink {
  begin(entry: TarEntry): void;
  /** The bytes are valid during the call only. */
  data(bytes: Uint8Array): void;
  end(): void;
}

/** How many bytes fill the last block after `size` bytes of content. */
export function paddingFor(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

export interface SplitTime {
  /** Whole seconds since 1970, rounded down; not exact beyond `Number.MAX_SAFE_INTEGER`. */
  seconds: number;
  /** What is over, with a point in front and without zeros at the end; empty when nothing is. */
  fraction: string;
}

const NS = 1_000_000_000n;
let lastTime: { ns: bigint } & SplitTime = { ns: 0n, seconds: 0, fraction: '' };

/** Remembers the last one: header and manifest ask one after the other, and bigints are slow. */
export function splitTime(ns: bigint): Readonly<SplitTime> {
  if (ns !== lastTime.ns) {
    let seconds = Number(ns / NS);
    let below = Number(ns % NS);
    if (below < 0) {
      below += 1_000_000_000;
      seconds--;
    }
    lastTime = { ns, seconds, fraction: fractionOf(below) };
  }
  return lastTime;
}

function fractionOf(nanoseconds: number): string {
  if (nanoseconds === 0) return '';
  let digits = nanoseconds;
  let length = 9;
  for (; digits % 10 === 0; length--) digits /= 10;
  return `.${String(digits).padStart(length, '0')}`;
}

/** A time as pax writes it: decimal seconds since 1970, with a fraction only where there is one. */
export function paxTime(ns: bigint): string {
  if (ns < 0n) return `-${paxTime(-ns)}`;
  const { seconds, fraction } = splitTime(ns);
  return `${Number.isSafeInteger(seconds) ? seconds : ns / NS}${fraction}`;
}

/** For an archive that no honest tool makes. */
export function refused(message: string): DepotError {
  return notRead(message, 'do not open it with another tool either until its maker has explained it');
}

/** For an archive that is no danger, but damaged, of another kind, or more than this file system can hold. */
export function notRead(message: string, hint: string): DepotError {
  return new DepotError('archive-refused', message, { hint });
}

/** A name from the archive, for messages: no control characters, and not longer than a line or two. */
export function shown(name: Uint8Array, as = printable): string {
  return name.length <= 160 ? as(name) : `${as(name.subarray(0, 160))}… (${name.length} bytes)`;
}

/** By their first bytes. */
const kinds: readonly [name: string, ...bytes: number[]][] = [
  ['a ZIP archive', 0x50, 0x4b, 0x03, 0x04],
  ['an empty ZIP archive', 0x50, 0x4b, 0x05, 0x06],
  ['a 7-Zip archive', 0x37, 0x7a, 0xbc, 0xaf],
  ['a RAR archive', 0x52, 0x61, 0x72, 0x21],
  ['compressed with bzip2', 0x42, 0x5a, 0x68],
  ['compressed with xz', 0xfd, 0x37, 0x7a, 0x58, 0x5a],
  ['compressed with gzip twice', 0x1f, 0x8b],
  ['compressed with zstd twice', 0x28, 0xb5, 0x2f, 0xfd],
  ['a PDF document', 0x25, 0x50, 0x44, 0x46],
  ['a dump of PostgreSQL (pg_dump -F c)', 0x50, 0x47, 0x44, 0x4d, 0x50],
];

/** For contents that do not begin as a tar does; `isShort`: there are less than a tar begins with. */
export function notTar(start: Uint8Array, isShort = false): DepotError {
  const kind = kinds.find(([, ...bytes]) => bytes.every((byte, i) => start[i] === byte));
  const other = isShort ? 'shorter than any tar archive' : 'not a tar archive';
  return notRead(
    `the contents are ${kind === undefined ? other : `not a tar archive, but ${kind[0]}`}`,
    'save them as they are, then open them with the right program: depot decrypt … --stdout > FILE',
  );
}
