/** The lines of an increment's manifest, and of its ranges (docs/format.md, section 12), as they are written. */
import { paxTime } from '../tar/format.js';
import type { TarHeader } from '../tar/write.js';
import type { ByteString } from '../bytestring.js';

/** The content of a file, as its line says it. */
export interface LineContent {
  /** Lower-case hex. */
  sha256: string;
  changed: boolean;
}

export function removedLine(path: ByteString): string {
  return `${escaped(path)} -\n`;
}

/** A directory or a link. */
export function lineWithoutContent(entry: TarHeader): string {
  const target = entry.linkTarget === null ? '' : ` ${escaped(entry.linkTarget)}`;
  return `${escaped(entry.path)} ${entry.type === 'symlink' ? 'l' : entry.type[0]!} ${metadata(entry)}${target}\n`;
}

/** A file whose content is in its entry. */
export function storedLine(entry: TarHeader, content: LineContent): string {
  return fileLine(entry, 'f', content, '');
}

export function partsLine(entry: TarHeader, content: LineContent, count: number): string {
  return fileLine(entry, 'p', content, ` ${count}`);
}

/** A file whose content is an object of that suitcase. */
export function objectLine(entry: TarHeader, content: LineContent, night: number, object: ByteString): string {
  return fileLine(entry, 'o', content, ` ${night} ${escaped(object)}`);
}

/** A file that is the `number`-th of the ranges. */
export function rangesLine(entry: TarHeader, content: LineContent, number: number): string {
  return fileLine(entry, 'r', content, ` ${number}`);
}

function fileLine(entry: TarHeader, kind: string, { sha256, changed }: LineContent, rest: string): string {
  return `${escaped(entry.path)} ${kind} ${metadata(entry)} ${entry.size} ${sha256}${rest}${changed ? ' !' : ''}\n`;
}

function metadata({ mode, mtimeNs }: TarHeader): string {
  return `${mode.toString(8).padStart(4, '0')} ${paxTime(mtimeNs)}`;
}

const PLAIN = /^[A-Za-z0-9._/+,:=@%~#-]*$/;
const OTHER = /[^A-Za-z0-9._/+,:=@%~#-]/g;

/** As `printf %b` of a shell reads it: a backslash, 0 and three octal digits for all that could mean something there. */
export function escaped(name: ByteString): string {
  if (PLAIN.test(name)) return name;
  return name.replace(OTHER, (byte) => `\\0${byte.charCodeAt(0).toString(8).padStart(3, '0')}`);
}
