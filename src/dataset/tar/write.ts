import type { ByteString } from '../bytestring.js';
import { toText } from '../bytestring.js';
import { BLOCK, field, MAX_OCTAL_11, paddingFor, paxTime, typeflag, USTAR_MAGIC, type EntryType } from './format.js';

/** What the header of an entry says; as `TarEntry`, but with names as byte strings. */
export interface TarHeader {
  /** Without `/` at the end, for directories too. */
  path: ByteString;
  type: EntryType;
  size: number;
  mode: number;
  mtimeNs: bigint;
  linkTarget: ByteString | null;
}

const NS = 1_000_000_000n;

/** What pax headers are called, for readers that take them for files. */
const PAX_NAME = 'PaxHeader';

/**
 * Writes the headers of entries: one ustar block, with a pax extended header before it where a value does not fit or
 * the time has a fraction. Owners are 0/0 without names. Only keywords of POSIX are used.
 */
export class HeaderEncoder {
  #scratch = Buffer.alloc(3 * BLOCK);

  /** The header's blocks; valid until the next call. */
  encode(header: TarHeader): Uint8Array<ArrayBuffer> {
    const path = header.type === 'directory' ? `${header.path}/` : header.path;
    const name = splitName(path);
    const link = header.linkTarget ?? '';
    const seconds = header.mtimeNs / NS;
    const timeFits = header.mtimeNs >= 0n && header.mtimeNs % NS === 0n && seconds <= MAX_OCTAL_11;
    const linkFits = link.length <= field.linkname[1];
    const sizeFits = header.size <= MAX_OCTAL_11;

    let records = '';
    if (name === null || !linkFits) {
      if (!isText(name === null ? path : '') || !isText(linkFits ? '' : link)) records += paxRecord('hdrcharset', 'BINARY');
      if (name === null) records += paxRecord('path', path);
      if (!linkFits) records += paxRecord('linkpath', link);
    }
    if (!sizeFits) records += paxRecord('size', String(header.size));
    if (!timeFits) records += paxRecord('mtime', paxTime(header.mtimeNs));

    const paxLength = records === '' ? 0 : BLOCK + records.length + paddingFor(records.length);
    const total = paxLength + BLOCK;
    if (this.#scratch.length < total) this.#scratch = Buffer.alloc(2 * total);
    const blocks = this.#scratch;
    if (records !== '') {
      writeBlock(blocks, 0, { name: PAX_NAME, prefix: '', link: '', flag: typeflag.pax, mode: 0o644, size: records.length, seconds: 0 });
      blocks.fill(0, BLOCK, paxLength);
      blocks.write(records, BLOCK, 'latin1');
    }
    writeBlock(blocks, paxLength, {
      name: name?.name ?? path.slice(0, field.name[1]),
      prefix: name?.prefix ?? '',
      link: linkFits ? link : link.slice(0, field.linkname[1]),
      flag: typeflag[header.type],
      mode: header.mode,
      size: sizeFits ? header.size : 0,
      // What a reader without pax gets: the time without its fraction, or as near as the field comes.
      seconds: seconds < 0n ? 0 : Math.min(Number(seconds), MAX_OCTAL_11),
    });
    return blocks.subarray(0, total);
  }
}

/** Whether the octets are UTF-8, as pax headers are unless they say otherwise. */
function isText(octets: string): boolean {
  return toText(octets as ByteString) !== null;
}

interface UstarFields {
  name: string;
  prefix: string;
  link: string;
  flag: string;
  mode: number;
  size: number;
  seconds: number;
}

const EMPTY_CHECKSUM = ' '.repeat(field.checksum[1]);

/** What no header differs in: owner and group 0, no device, a checksum of spaces. */
const template = (() => {
  const block = Buffer.alloc(BLOCK);
  for (const at of [field.uid, field.gid, field.devmajor, field.devminor]) block.write('0000000', at[0], 'latin1');
  block.write(EMPTY_CHECKSUM, field.checksum[0], 'latin1');
  block.write(USTAR_MAGIC, field.magic[0], 'latin1');
  return block;
})();

function writeBlock(target: Buffer, at: number, f: UstarFields): void {
  template.copy(target, at);
  target.write(f.name, at + field.name[0], 'latin1');
  target.write(octal(f.mode, 7), at + field.mode[0], 'latin1');
  target.write(octal(f.size, 11), at + field.size[0], 'latin1');
  target.write(octal(f.seconds, 11), at + field.mtime[0], 'latin1');
  target.write(f.flag, at + field.typeflag[0], 'latin1');
  if (f.link !== '') target.write(f.link, at + field.linkname[0], 'latin1');
  if (f.prefix !== '') target.write(f.prefix, at + field.prefix[0], 'latin1');
  let sum = 0;
  for (let i = at; i < at + BLOCK; i++) sum += target[i] ?? 0;
  target.write(`${octal(sum, 6)}\0 `, at + field.checksum[0], 'latin1');
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** A path as ustar's name and prefix, which a reader joins with `/`; null when it does not fit. */
function splitName(path: string): { name: string; prefix: string } | null {
  const [nameLength, prefixLength] = [field.name[1], field.prefix[1]];
  if (path.length <= nameLength) return { name: path, prefix: '' };
  // The first slash that leaves a short enough name leaves the shortest prefix.
  const slash = path.indexOf('/', path.length - nameLength - 1);
  if (slash < 1 || slash > prefixLength || slash === path.length - 1) return null;
  return { name: path.slice(slash + 1), prefix: path.slice(0, slash) };
}

/**
 * One pax record, `"<length> <keyword>=<value>\n"`, as octets. The length counts the whole record, its own digits too,
 * so that it may need a second look.
 */
export function paxRecord(keyword: string, value: string): string {
  const body = 1 + keyword.length + 1 + value.length + 1;
  let length = body + String(body).length;
  if (String(length).length > String(body).length) length = body + String(length).length;
  return `${length} ${keyword}=${value}\n`;
}
