import type { ByteString } from './bytestring.js';
import { MANIFEST_PATH } from './manifest.js';
import { refused } from './tar/format.js';

/** There is one name directly under `data/` for each source; these are remembered. */
const MAX_SOURCES = 100_000;

/**
 * Whether paths come in the order of the walk that packs a dataset: a directory, then all that is in it, names
 * ascending by their bytes (directly under `data/` and `DEPOT/` the configuration gives the order). So nothing comes
 * twice unseen, and to see it takes one name per open directory, not a record per path.
 */
export class WalkOrder {
  /** The manifest's parts are no part of the walk, and join to that name. */
  readonly #sources = new Set<string>([MANIFEST_PATH]);
  /** The innermost of the open directories, with a slash. */
  #path = '';
  /** All of them, by the length of their paths: the paths would take the square of the depth. */
  readonly #open: { length: number; last: string }[] = [];

  /** Takes the next path. Null when it may stand there, else what is wrong, to follow the path in a message. */
  next(path: ByteString, isDirectory: boolean): string | null {
    const common = commonLength(this.#path, path);
    let directory = this.#open.at(-1);
    while (directory !== undefined && directory.length > common) {
      this.#open.pop();
      directory = this.#open.at(-1);
    }
    const wrong = directory === undefined ? this.#nextSource(path) : nextIn(directory, path.slice(directory.length));
    if (isDirectory) {
      this.#path = `${path}/`;
      this.#open.push({ length: this.#path.length, last: '' });
    }
    return wrong;
  }

  #nextSource(path: string): string | null {
    if (!/^(?:DEPOT|data)\/[^/]+$/.test(path)) return STRAY;
    if (this.#sources.has(path)) return 'comes twice';
    if (this.#sources.size === MAX_SOURCES)
      throw refused(`there are more than ${MAX_SOURCES} names directly under data/`);
    this.#sources.add(path);
    return null;
  }
}

const STRAY = 'is not where the entries before it leave off';

function nextIn(directory: { last: string }, name: string): string | null {
  if (name.includes('/')) return STRAY;
  if (name <= directory.last) return name === directory.last ? 'comes twice' : 'is out of order, or comes twice';
  directory.last = name;
  return null;
}

/** How many characters two texts begin with that are the same. */
function commonLength(a: string, b: string): number {
  if (b.startsWith(a)) return a.length;
  let length = 0;
  while (length < b.length && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}
