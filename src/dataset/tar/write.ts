import { type ByteString, toText } from '../bytestring.js';
import { BLOCK, field, MAX_OCTAL_11, paddingFor, paxTime, splitTime, typeflag, USTAR_MAGIC } from './format.js';
import type { EntryType } from './format.js';

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

/** For readers that take pax headers for files. */
const PAX_NAME = 'PaxHeader';

/** One ustar block, after a pax header where a value does not fit or the time has a fraction. Owners are 0/0. */
export class HeaderEncoder {
  #scratch = new Uint8Array(3 * BLOCK);
  /** The block before pax records of the same length as last time. */
  readonly #pax = { block: new Uint8Array(BLOCK), size: -1 };

  /** The header's blocks; valid until the next call. */
  encode(header: TarHeader): Uint8Array<ArrayBuffer> {
    const path = header.type === 'directory' ? `${header.path}/` : header.path;
    const name = splitName(path);
    const link = header.linkTarget ?? '';
    const { seconds, fraction } = splitTime(header.mtimeNs);
    const timeFits = seconds >= 0 && seconds <= MAX_OCTAL_11 && fraction === '';
    const linkFits = link.length <= field.linkname[1];
    const sizeFits = header.size <= MAX_OCTAL_11;

    let records = '';
    if (name === null || !linkFits) {
      if (!isText(name === null ? path : '') || !isText(linkFits ? '' : link))
        records += paxRecord('hdrcharset', 'BINARY');
      if (name === null) records += paxRecord('path', path);
      if (!linkFits) records += paxRecord('linkpath', link);
    }
    if (!sizeFits) records += paxRecord('size', String(header.size));
    if (!timeFits) records += paxRecord('mtime', paxTime(header.mtimeNs));

    const paxLength = records === '' ? 0 : BLOCK + records.length + paddingFor(records.length);
    const total = paxLength + BLOCK;
    if (this.#scratch.length < total) this.#scratch = new Uint8Array(2 * total);
    const blocks = this.#scratch;
    if (records !== '') {
      blocks.set(this.#paxBlock(records.length), 0);
      write(blocks, BLOCK, records);
      blocks.fill(0, BLOCK + records.length, paxLength);
    }
    writeBlock(blocks, paxLength, {
      name: name?.name ?? path.slice(0, field.name[1]),
      prefix: name?.prefix ?? '',
      link: linkFits ? link : link.slice(0, field.linkname[1]),
      flag: typeflag[header.type],
      mode: header.mode,
      size: sizeFits ? header.size : 0,
      // What a reader without pax gets: the time without its fraction, or as near as the field comes.
      seconds: Math.max(0, Math.min(seconds, MAX_OCTAL_11)),
    });
    return blocks.subarray(0, total);
  }

  /** Nearly always only a time has a fraction, and then all have the same number of digits. */
  #paxBlock(size: number): Uint8Array {
    if (this.#pax.size !== size) {
      writeBlock(this.#pax.block, 0, {
        name: PAX_NAME,
        prefix: '',
        link: '',
        flag: typeflag.pax,
        mode: 0o644,
        size,
        seconds: 0,
      });
      this.#pax.size = size;
    }
    return this.#pax.block;
  }
}

/** Whether the bytes are UTF-8, as pax headers are unless they say otherwise. */
function isText(bytes: string): boolean {
  return toText(bytes as ByteString) !== null;
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

/** What no header differs in: owner and group 0, no device, a checksum of spaces. */
const template = (() => {
  const block = Buffer.alloc(BLOCK);
  for (const at of [field.uid, field.gid, field.devmajor, field.devminor]) block.write('0000000', at[0], 'latin1');
  block.fill(' ', field.checksum[0], field.checksum[0] + field.checksum[1]);
  block.write(USTAR_MAGIC, field.magic[0], 'latin1');
  return block;
})();
const templateSum = template.reduce((sum, byte) => sum + byte, 0);

/** The checksum is the sum of all bytes, so every write says what it adds: summing up 512 bytes again costs more. */
function writeBlock(target: Uint8Array, at: number, f: UstarFields): void {
  target.set(template, at);
  const sum =
    templateSum +
    write(target, at + field.name[0], f.name) +
    writeOctal(target, at + field.mode[0], 7, f.mode) +
    writeOctal(target, at + field.size[0], 11, f.size) +
    writeOctal(target, at + field.mtime[0], 11, f.seconds) +
    write(target, at + field.typeflag[0], f.flag) +
    write(target, at + field.linkname[0], f.link) +
    write(target, at + field.prefix[0], f.prefix);
  writeOctal(target, at + field.checksum[0], 6, sum);
  target[at + field.checksum[0] + 6] = 0; // then the last of the spaces
}

/** Writes bytes and returns their sum. */
function write(target: Uint8Array, at: number, bytes: string): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes.charCodeAt(i);
    target[at + i] = byte;
    sum += byte;
  }
  return sum;
}

/** Writes digits, zeros in front, and returns their sum. */
function writeOctal(target: Uint8Array, at: number, digits: number, value: number): number {
  let sum = 0;
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const digit = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
    target[i] = digit;
    sum += digit;
  }
  return sum;
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

/** `"<length> <keyword>=<value>\n"`; the length counts the whole record, its own digits too. */
export function paxRecord(keyword: string, value: string): string {
  const body = 1 + keyword.length + 1 + value.length + 1;
  let length = body + String(body).length;
  if (String(length).length > String(body).length) length = body + String(length).length;
  return `${length} ${keyword}=${value}\n`;
}
