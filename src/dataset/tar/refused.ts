import { DepotError } from '../../errors.js';
import { printable } from '../../printable.js';

/** The error for an archive that no honest tool makes: `archive-refused`. */
export function refused(message: string): DepotError {
  return notRead(message, 'open it with no other tool either until its maker has explained it');
}

/** The error for an archive that is no danger, but damaged, of another kind, or more than this file system can hold. The hint says what helps. */
export function notRead(message: string, hint: string): DepotError {
  return new DepotError('archive-refused', message, { hint });
}

/** A name from the archive as messages show it: no control characters, and not longer than a line or two. */
export function shown(name: Uint8Array): string {
  return name.length <= 160 ? printable(name) : `${printable(name.subarray(0, 160))}… (${name.length} bytes)`;
}

/** What deposits are made of elsewhere, by their first bytes. */
const kinds: readonly [name: string, ...octets: number[]][] = [
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

/** The error for contents that do not begin as a tar does; `isShort`: there are less than a tar begins with. */
export function notTar(start: Uint8Array, isShort = false): DepotError {
  const kind = kinds.find(([, ...octets]) => octets.every((octet, i) => start[i] === octet));
  const what =
    kind !== undefined
      ? `no tar archive, but ${kind[0]}`
      : isShort
        ? 'shorter than any tar archive'
        : 'not a tar archive';
  return notRead(
    `the contents are ${what}`,
    'get them as they are, and open them with the program that they are for: depot decrypt … --stdout > FILE',
  );
}
