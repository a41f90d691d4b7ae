import { fromBytes } from '../bytestring.js';
import { FIRST_ENTRY } from '../../names/archive.js';
import { BLOCK, paddingFor, typeflag, notRead, notTar, refused, shown } from './format.js';
import type { EntrySink, EntryType, TarEntry } from './format.js';
import { isHeader, parseHeader, type Header } from './header.js';
import { MAX_PAX, parsePax, sparse, type PaxFields } from './pax.js';
import { canonical, endsLikeDirectory, MAX_PATH } from './path.js';

/** Headers that only say something of the next entry. `L` and `K` are GNU tar's long name and long link target. */
type MetaType = 'x' | 'g' | 'L' | 'K';

const ONE_ARCHIVE = 'ask its maker to make it again as one archive: tools differ on what is in this one';
const PLAIN = 'ask its maker to make it again with files, directories and links only';
const EMPTY = new Uint8Array(0);
const SLASH = 0x2f;

/**
 * Reads a tar archive in pieces of any size, and gives its entries to a sink: POSIX pax, as depot writes, ustar, GNU
 * long names and base-256 numbers, and the seventh edition's format. Every path has one spelling when the sink gets it
 * (see `canonical`); in an archive of depot's own any other is refused.
 *
 * Made for archives from anyone: `write` and `end` throw `archive-refused` for a wrong checksum or number, a path that
 * would not stay below one directory, entries that are not files, directories or links, sparse formats, anything after
 * the end, and a missing end. After an error the reader takes nothing more. Memory stays under a few MiB. Uses nothing
 * that a browser lacks.
 */
export class TarReader {
  readonly #sink: EntrySink;
  #state: 'header' | 'meta' | 'content' | 'padding' | 'zero' | 'ended' | 'failed' = 'header';
  readonly #block = new Uint8Array(BLOCK);
  #blockFill = 0;
  /** Bytes to come of the content, the meta header or the padding. */
  #left = 0;
  #padding = 0;
  #metaType: MetaType = 'x';
  #meta = EMPTY;
  #metaFill = 0;
  #next: { pax?: PaxFields; longName?: Uint8Array; longLink?: Uint8Array } = {};
  #globalMtimeNs: bigint | undefined;
  #begun = false;
  #fromDepot: boolean | undefined;

  constructor(sink: EntrySink) {
    this.#sink = sink;
  }

  /** Takes the next bytes; calls the sink before it returns. Errors of the sink pass through. */
  write(bytes: Uint8Array): void {
    if (this.#state === 'failed') throw refused('the archive was refused before');
    try {
      // Not as a Buffer, whose views are slow to make and whose slices are no copies.
      const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < view.length; ) at += this.#step(view, at);
    } catch (error) {
      this.#state = 'failed';
      throw error;
    }
  }

  /** The archive is over. Throws `archive-refused` when it is cut off. */
  end(): void {
    if (this.#state === 'ended') return;
    this.#state = 'failed';
    if (!this.#begun) throw notTar(this.#block, true);
    throw notRead(
      'the archive is cut off: it ends without the two blocks of zeros that close a tar',
      'ask its maker to make it again: it was cut off before it was encrypted, and what is missing cannot be known',
    );
  }

  /** Uses up some of the bytes from `at` on, at least one, and says how many. */
  #step(bytes: Uint8Array, at: number): number {
    switch (this.#state) {
      case 'header':
      case 'zero': {
        // Whole blocks are read where they are.
        if (this.#blockFill === 0 && bytes.length - at >= BLOCK) {
          this.#header(bytes, at);
          return BLOCK;
        }
        const taken = Math.min(BLOCK - this.#blockFill, bytes.length - at);
        this.#block.set(bytes.subarray(at, at + taken), this.#blockFill);
        this.#blockFill += taken;
        if (this.#blockFill === BLOCK) {
          this.#blockFill = 0;
          this.#header(this.#block, 0);
        }
        return taken;
      }
      case 'content': {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#sink.data(bytes.subarray(at, at + taken));
        this.#left -= taken;
        if (this.#left === 0) this.#contentDone();
        return taken;
      }
      case 'meta': {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#meta.set(bytes.subarray(at, at + taken), this.#metaFill);
        this.#metaFill += taken;
        this.#left -= taken;
        if (this.#left === 0) this.#metaDone();
        return taken;
      }
      case 'padding': {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        if (this.#left === 0) this.#state = 'header';
        return taken;
      }
      case 'ended':
        for (let i = at; i < bytes.length; i++) {
          if (bytes[i] !== 0) throw notRead('there is data after the end of the archive', ONE_ARCHIVE);
        }
        return bytes.length - at;
      case 'failed':
        throw refused('the archive was refused before');
    }
  }

  #header(bytes: Uint8Array, at: number): void {
    if (!this.#begun && !isHeader(bytes, at)) throw notTar(bytes.subarray(at, at + BLOCK));
    this.#begun = true;
    const header = parseHeader(bytes, at);
    if (header === null) {
      if (this.#next.pax !== undefined || this.#next.longName !== undefined || this.#next.longLink !== undefined)
        throw refused('the archive ends after an extended header, without its entry');
      this.#state = this.#state === 'zero' ? 'ended' : 'zero';
      return;
    }
    if (this.#state === 'zero') throw notRead('the archive goes on after a block of zeros', ONE_ARCHIVE);
    if (isMeta(header.type)) this.#beginMeta(header.type, header);
    else this.#beginEntry(header);
  }

  #beginMeta(type: MetaType, header: Header): void {
    const max = type === 'x' || type === 'g' ? MAX_PAX : MAX_PATH + 1;
    if (header.size > max) throw refused(`an extended header is too long: ${header.size} bytes`);
    const { pax, longName, longLink } = this.#next;
    // Readers differ on which entry these would belong to, and that is how contents are hidden from one of them.
    if (
      (type === 'x' && pax !== undefined) ||
      (type === 'L' && longName !== undefined) ||
      (type === 'K' && longLink !== undefined)
    )
      throw refused('an entry has two extended headers of one kind');
    if (pax?.size !== undefined) throw refused('an extended header that gives a size does not stand before its entry');
    this.#metaType = type;
    this.#meta = new Uint8Array(header.size);
    this.#metaFill = 0;
    this.#left = header.size;
    this.#padding = paddingFor(header.size);
    this.#state = 'meta';
    if (header.size === 0) this.#metaDone();
  }

  #metaDone(): void {
    switch (this.#metaType) {
      case 'x':
        this.#next.pax = parsePax(this.#meta);
        break;
      case 'g': {
        const { path, linkpath, size, mtimeNs } = parsePax(this.#meta);
        if (path !== undefined || linkpath !== undefined || size !== undefined)
          throw refused('a global pax header gives one name or size to all entries');
        this.#globalMtimeNs = mtimeNs ?? this.#globalMtimeNs;
        break;
      }
      case 'L':
        this.#next.longName = cString(this.#meta);
        break;
      case 'K':
        this.#next.longLink = cString(this.#meta);
        break;
    }
    this.#meta = EMPTY;
    this.#skipPadding();
  }

  #beginEntry(header: Header): void {
    const { pax = {}, longName, longLink } = this.#next;
    this.#next = {};
    // GNU tar takes the first, bsdtar the one that stands first.
    if (differ(pax.path, longName) || differ(pax.linkpath, longLink))
      throw refused("an entry has one long name in a pax header and another one in GNU tar's");
    const named = pax.path ?? longName ?? header.name;
    const size = pax.size ?? header.size;
    const type = entryType(header.type, named);
    if (type !== 'file' && size !== 0) throw refused(`a ${type} has contents: ${shown(named)}`);
    const path = canonical(named);
    this.#fromDepot ??= fromBytes(path) === FIRST_ENTRY;
    if (type !== 'directory' && path.length === 0) throw refused(`an entry has no name of its own: ${shown(named)}`);
    if (type !== 'directory' && endsLikeDirectory(named))
      throw refused(`the name of a ${type} ends like a directory's: ${shown(named)}`);
    this.#checkSpelling(named, type === 'directory' && named.at(-1) === SLASH ? path.length + 1 : path.length);
    const linkTarget = this.#linkTarget(type, pax.linkpath ?? longLink ?? header.linkname, named);
    this.#left = size;
    this.#padding = paddingFor(size);
    this.#state = 'content';
    const mtimeNs = pax.mtimeNs ?? this.#globalMtimeNs ?? header.mtimeNs;
    this.#sink.begin({ path, type, size, mode: header.mode, mtimeNs, linkTarget } satisfies TarEntry);
    if (size === 0) this.#contentDone();
  }

  #linkTarget(type: EntryType, target: Uint8Array, name: Uint8Array): Uint8Array | null {
    if (type !== 'symlink' && type !== 'hardlink') return null;
    if (target.length === 0) throw refused(`a link has no target: ${shown(name)}`);
    if (target.length > MAX_PATH) throw refused(`a link's target is too long: ${shown(name)}`);
    if (type === 'symlink') return target;
    const path = canonical(target);
    if (path.length === 0 || endsLikeDirectory(target)) throw refused(`a hard link points to no file: ${shown(name)}`);
    this.#checkSpelling(target, path.length);
    return path;
  }

  #checkSpelling(spelling: Uint8Array, length: number): void {
    if (this.#fromDepot && spelling.length !== length)
      throw refused(`depot writes a path in one way only, and this is another: ${shown(spelling)}`);
  }

  #contentDone(): void {
    this.#skipPadding();
    this.#sink.end();
  }

  #skipPadding(): void {
    this.#left = this.#padding;
    this.#state = this.#left === 0 ? 'header' : 'padding';
  }
}

function differ(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && fromBytes(a) !== fromBytes(b);
}

function isMeta(type: string): type is MetaType {
  return type === typeflag.pax || type === typeflag.paxGlobal || type === 'L' || type === 'K';
}

function entryType(type: string, name: Uint8Array): EntryType {
  switch (type) {
    case typeflag.file:
    case '\0':
    case '7': // "contiguous": a file to everyone
      // A file whose name ends in a slash is how the seventh edition stored directories.
      return name.at(-1) === SLASH ? 'directory' : 'file';
    case typeflag.hardlink:
      return 'hardlink';
    case typeflag.symlink:
      return 'symlink';
    case typeflag.directory:
      return 'directory';
    case '3':
      throw notRead(`the archive holds a character device: ${shown(name)}`, PLAIN);
    case '4':
      throw notRead(`the archive holds a block device: ${shown(name)}`, PLAIN);
    case '6':
      throw notRead(`the archive holds a fifo: ${shown(name)}`, PLAIN);
    case 'S':
      throw sparse();
    default:
      throw notRead(`the archive holds an entry of unknown type ${JSON.stringify(type)}: ${shown(name)}`, PLAIN);
  }
}

/** GNU's long names end at a NUL; bytes after it would be a second name. */
function cString(bytes: Uint8Array): Uint8Array {
  const nul = bytes.indexOf(0);
  if (nul === -1) return bytes;
  for (let i = nul; i < bytes.length; i++) {
    if (bytes[i] !== 0) throw refused('a long name holds a NUL');
  }
  return bytes.subarray(0, nul);
}
