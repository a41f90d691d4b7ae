import { PIECES_PATH, RANGES_PATH } from '../../names/archive.js';
import { fromLatin1 } from '../../primitives.js';
import { toBytes, type ByteString } from '../bytestring.js';
import { parseManifestLine, type ManifestEnd, type ManifestLine } from '../manifest.js';
import { refused, shown } from '../tar/format.js';
import { DATA_PREFIX, type NightLine } from './line.js';
import { linesOf, type Stored } from './stored-lines.js';
import { compareWalk, type Placed, type SourceOrder } from './order.js';
import { MAX_LINE, parseIncrementLine } from './parse.js';

export type PlacedLine = NightLine & Placed;

const DEPOT_PREFIX = 'DEPOT/';
const ASCII = /^[\u0000-\u007f]*$/;

/**
 * The manifest of one night of a chain, line by line: of the full deposit (night 0) as `depot.manifest/1`, of an
 * increment as `depot.manifest/2`. Lines about what is not below `data/` are passed over. A stream, so that any number
 * of nights can be merged; throws `archive-refused` for what is no such manifest, is out of order, or names a source
 * that the chain does not have.
 */
export class NightManifest {
  readonly night: number;
  readonly #order: SourceOrder;
  readonly #lines: Generator<string, void>;
  /** The line that is next in the merge; null behind the last. */
  head: PlacedLine | null = null;
  /** From the first line: 32 bytes in hex. */
  readonly random: string;
  /** The last line, once `head` is null. */
  end: ManifestEnd | null = null;
  #ranges = 0;

  constructor(stored: Stored, night: number, order: SourceOrder) {
    this.night = night;
    this.#order = order;
    this.#lines = linesOf(stored, MAX_LINE);
    const first = this.#lines.next();
    const start = first.done === true ? null : jsonLine(first.value);
    if (start?.kind !== 'start' || start.version !== (night === 0 ? 1 : 2))
      throw refused(`the manifest of night ${night} does not begin with its first line`);
    this.random = start.random;
    this.advance();
  }

  /** Makes the next line the head. */
  advance(): void {
    for (let next = this.#lines.next(); next.done !== true; next = this.#lines.next()) {
      if (this.end !== null) throw refused(`the manifest of night ${this.night} goes on after its last line`);
      const line = next.value.startsWith('{') ? this.#json(next.value) : this.#escaped(next.value);
      if (line === null) continue;
      const place = this.#order.place(line.path);
      if (place === null) throw this.#wrong(line.path, 'is below none of the sources of the chain');
      if (line.kind === 'entry' && !isTime(line.mtimeNs)) throw this.#wrong(line.path, 'has a time beyond all others');
      const placed = Object.assign(line, { place });
      if (line.kind === 'entry' && line.type === 'hardlink') this.#requireEarlier(placed, line.linkTarget!);
      if (this.head !== null && compareWalk(this.head, placed) >= 0)
        throw this.#wrong(line.path, 'is out of order, or comes twice');
      this.head = placed;
      return;
    }
    if (this.end === null) throw refused(`the manifest of night ${this.night} has no end`);
    this.head = null;
  }

  /** A line of the full deposit; or the last one. */
  #json(text: string): NightLine | null {
    const line = jsonLine(text);
    if (line.kind === 'end') {
      this.end = line;
      return null;
    }
    if (line.kind === 'start' || this.night > 0)
      throw refused(`the manifest of night ${this.night} holds a line of another kind`);
    if (line.path.startsWith(DEPOT_PREFIX)) return null;
    if (!line.path.startsWith(DATA_PREFIX)) throw this.#wrong(line.path, 'is not below data/');
    const { path, type, size, mode, mtimeNs, sha256, linkTarget, changed } = line;
    const origin = { kind: 'entry' } as const;
    return { kind: 'entry', path, type, size, mode, mtimeNs, sha256, linkTarget, changed, origin };
  }

  #escaped(text: string): NightLine | null {
    if (this.night === 0) throw refused('the manifest of the full deposit holds a line that is not JSON');
    const line = parseIncrementLine(text);
    const { path } = line;
    if (path.startsWith(DEPOT_PREFIX)) {
      const own = path === (PIECES_PATH as string) || path === (RANGES_PATH as string) ? 'parts' : 'entry';
      if (line.kind !== 'entry' || line.type !== 'file' || line.origin.kind !== own)
        throw this.#wrong(path, 'has a line that only the dataset has');
      return null;
    }
    if (!path.startsWith(DATA_PREFIX)) throw this.#wrong(path, 'is not below data/');
    if (line.kind === 'removed') return line;
    const { origin } = line;
    if (origin.kind === 'parts') throw this.#wrong(path, 'is in parts');
    if (origin.kind === 'ranges' && origin.number !== ++this.#ranges)
      throw this.#wrong(path, `is file ${origin.number} of the ranges, where ${this.#ranges} comes next`);
    if (origin.kind === 'object') this.#requireObject(path, origin.night, origin.object);
    return line;
  }

  #requireEarlier(link: Placed, target: ByteString): void {
    const place = target.startsWith(DATA_PREFIX) ? this.#order.place(target) : null;
    if (place === null || compareWalk({ path: target, place }, link) >= 0)
      throw this.#wrong(link.path, 'is a hard link that does not point to an earlier path');
  }

  #requireObject(path: ByteString, night: number, object: ByteString): void {
    if (!isObject(night, object, this.night))
      throw this.#wrong(path, 'is a file that no suitcase of the chain can hold');
  }

  #wrong(path: ByteString, how: string): Error {
    return refused(`${shown(toBytes(path))} ${how}, in the manifest of night ${this.night}`);
  }
}

/** Whether there can be such an object for a line of `night`: data of an earlier suitcase or its own, or pieces. */
export function isObject(objectNight: number, object: ByteString, night: number): boolean {
  return (
    objectNight <= night && (object.startsWith(DATA_PREFIX) || (object === (PIECES_PATH as string) && objectNight > 0))
  );
}

/** Seconds in 64 bits, which is what the digest of a night takes. */
function isTime(ns: bigint): boolean {
  const second = 1_000_000_000n;
  const seconds = (ns - (((ns % second) + second) % second)) / second;
  return BigInt.asIntN(64, seconds) === seconds;
}

function jsonLine(text: string): ManifestLine {
  return parseManifestLine(ASCII.test(text) ? text : fromLatin1(text));
}
