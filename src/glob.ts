import { lstatSync, opendirSync } from 'node:fs';
import picomatch from 'picomatch';

type Respell = (name: string) => string;

/**
 * A pattern for paths that have `/` between their names. Where the file system takes two spellings of a name for one, in
 * capitals or in the composition of accents, so does the pattern: what is to stay home does not leave for a capital.
 */
export class Glob {
  readonly #exact: (path: string) => boolean;
  readonly #composed: (path: string) => boolean;
  readonly #caseless: (path: string) => boolean;
  readonly #loose: (path: string) => boolean;

  /** On Windows `\` stands between names, too; elsewhere it takes the meaning from the sign that follows. @throws Error of picomatch */
  constructor(pattern: string, options: picomatch.PicomatchOptions = {}, platform: NodeJS.Platform = process.platform) {
    const glob = platform === 'win32' ? withSlashes(pattern) : pattern;
    const always = { ...options, windows: false };
    this.#exact = picomatch(glob, always);
    this.#composed = picomatch(glob.normalize('NFC'), always);
    this.#caseless = picomatch(glob, { ...always, nocase: true });
    this.#loose = picomatch(glob.normalize('NFC'), { ...always, nocase: true });
  }

  /** `path`: relative to the directory of `spellings`, as it is listed there. */
  matches(path: string, spellings: Spellings | null): boolean {
    if (this.#exact(path)) return true;
    const composed = path.normalize('NFC');
    if (spellings === null || !this.#loose(composed)) return false;
    if (this.#composed(composed)) return spellings.ignoresForm(path);
    if (this.#caseless(path)) return spellings.ignoresCase(path);
    return spellings.ignoresForm(path) && spellings.ignoresCase(path);
  }
}

export function withSlashes(pattern: string): string {
  return pattern.replaceAll('\\', '/');
}

/** What is known of that many directories at a time. */
const MOST_KNOWN = 4096;

/** Which spellings of a name are one name below a directory. That is a property of each directory there, and is tried. */
export class Spellings {
  readonly #root: string;
  readonly #known = new Map<string, boolean>();

  constructor(root: string) {
    this.#root = root;
  }

  ignoresCase(path: string): boolean {
    return this.#ignores(path, otherCase, 'case');
  }

  /** Composed and decomposed Unicode. */
  ignoresForm(path: string): boolean {
    return this.#ignores(path, otherForm, 'form');
  }

  #ignores(path: string, respell: Respell, what: string): boolean {
    let directory = this.#root;
    for (const name of path.split('/')) {
      const other = respell(name);
      if (other !== name) {
        const key = `${what} ${directory}`;
        let ignores = this.#known.get(key);
        if (ignores === undefined) {
          ignores = isFoundUnlisted(directory, other);
          if (this.#known.size === MOST_KNOWN) this.#known.clear();
          this.#known.set(key, ignores);
        }
        if (!ignores) return false;
      }
      directory = `${directory}/${name}`;
    }
    return true;
  }
}

/** Inodes do not tell: exFAT has none, and two names can be links to one file. */
function isFoundUnlisted(directory: string, name: string): boolean {
  try {
    if (lstatSync(`${directory}/${name}`, { throwIfNoEntry: false }) === undefined) return false;
    const listing = opendirSync(directory);
    try {
      for (let child = listing.readSync(); child !== null; child = listing.readSync())
        if (child.name === name) return false;
      return true;
    } finally {
      listing.closeSync();
    }
  } catch {
    return false;
  }
}

/** Latin letters, which every such file system knows; of a name without any, the others. */
function otherCase(name: string): string {
  const latin = name.replace(/[A-Za-z]/g, swapped);
  return latin === name ? Array.from(name, swapped).join('') : latin;
}

function swapped(letter: string): string {
  const [lower, upper] = [letter.toLowerCase(), letter.toUpperCase()];
  const other = letter === lower ? upper : lower;
  // Not `ß`, which becomes two letters.
  return other.length === letter.length ? other : letter;
}

function otherForm(name: string): string {
  const decomposed = name.normalize('NFD');
  return decomposed === name ? name.normalize('NFC') : decomposed;
}
