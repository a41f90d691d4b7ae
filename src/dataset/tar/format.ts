/**
 * The tar format as depot writes and reads it: POSIX.1-2017 ustar headers, with pax extended headers
 * where a field does not fit ("pax Interchange Format"). Writer and reader share what is here.
 */

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
  /** Relative, one `/` between components, none of which is empty, `.` or `..`; no `/` at the end (not for directories either). Empty: the root, a directory. */
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

/** Bytes that follow `size` bytes of content to fill the last block. */
export function paddingFor(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

/** A time in the pieces that tar headers and manifest are made of. */
export interface SplitTime {
  /** Whole seconds since 1970, rounded down; not exact beyond `Number.MAX_SAFE_INTEGER`. */
  seconds: number;
  /** What is over, with a point in front and without zeros at the end; empty when nothing is. */
  fraction: string;
}

const NS = 1_000_000_000n;
let lastTime: { ns: bigint } & SplitTime = { ns: 0n, seconds: 0, fraction: '' };

/** Remembers the last time: header and manifest ask one after the other, and arithmetic with bigints is slow. */
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
