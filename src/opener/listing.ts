import { fromBytes } from '../dataset/bytestring.js';
import { MANIFEST_PATH } from '../dataset/manifest.js';
import { FIRST_ENTRY, partName } from '../names/archive.js';
import type { EntrySink, TarEntry } from '../dataset/tar/format.js';
import { printable } from '../printable.js';

/** One line of the list of contents. A file in parts is one. */
export interface ListedEntry {
  /** Number of the entry in the archive, from 0, or of its first part of `parts`. */
  index: number;
  parts: number;
  /** Fit to be shown: a name from the archive is other people's text. */
  path: string;
  type: TarEntry['type'];
  size: number;
  /** Where a symbolic or hard link leads, fit to be shown. */
  target: string | null;
}

export interface Rows {
  rows: ListedEntry[];
  /** How many of those that are listed match. */
  matching: number;
}

/** More are counted and not listed: memory must not grow with the dataset. */
const MOST_LISTED = 50_000;
/** A name can have 32 KiB, and each byte of it four characters when it is shown. */
const MOST_CHARACTERS = 32 << 20;

/** The lines of a list of contents, up to what a page can hold. */
export class ListedRows {
  readonly #entries: ListedEntry[] = [];
  #characters = 0;
  notListed = 0;

  /** Whether there was room. */
  add(row: ListedEntry): boolean {
    if (this.#entries.length === MOST_LISTED || this.#characters > MOST_CHARACTERS) {
      this.notListed++;
      return false;
    }
    this.#characters += row.path.length + (row.target?.length ?? 0);
    this.#entries.push(row);
    return true;
  }

  /** Up to `count` lines whose path holds `text`, in whatever case. */
  rows(text: string, count: number): Rows {
    const wanted = text.toLowerCase();
    const matching =
      wanted === '' ? this.#entries : this.#entries.filter(({ path }) => path.toLowerCase().includes(wanted));
    return { rows: matching.slice(0, count), matching: matching.length };
  }

  at(index: number): ListedEntry | undefined {
    return this.#entries.find((entry) => entry.index === index);
  }
}

/** Makes the list of contents while the archive goes by. */
export class Listing implements EntrySink {
  readonly #rows = new ListedRows();
  #index = -1;
  #fromDepot = false;
  /** The file in parts that goes by, and the manifest, parts of which may come between. */
  #series: { joined: string; row: ListedEntry | null } | null = null;
  #manifest: { joined: string; row: ListedEntry | null } | null = null;

  begin(entry: TarEntry): void {
    this.#index++;
    const path = fromBytes(entry.path);
    if (this.#index === 0) this.#fromDepot = path === FIRST_ENTRY;
    const part = this.#fromDepot ? partName(path) : null;
    const isManifest = part?.joined === MANIFEST_PATH;
    const before = isManifest ? this.#manifest : this.#series;
    if (part !== null && part.number > 1 && before?.joined === part.joined) {
      if (before.row !== null) {
        before.row.parts++;
        before.row.size += entry.size;
      }
      return;
    }
    const row = this.#row(entry, path, part !== null);
    const series = part === null ? null : { joined: part.joined, row };
    if (isManifest) this.#manifest = series;
    else this.#series = series;
  }

  /** A new line; null when there are too many. */
  #row(entry: TarEntry, path: string, isPart: boolean): ListedEntry | null {
    const shown = path === '' ? '.' : printable(entry.path);
    const row = {
      index: this.#index,
      parts: 1,
      path: isPart ? shown.replace(/\.part-\d{6}$/, '') : shown,
      type: entry.type,
      size: entry.size,
      target: entry.linkTarget === null ? null : printable(entry.linkTarget),
    };
    return this.#rows.add(row) ? row : null;
  }

  /** Entries in the archive, those of one file in parts counted each. */
  get archiveEntries(): number {
    return this.#index + 1;
  }

  data(): void {
    // Nothing of the contents is shown.
  }

  end(): void {
    // An entry's line is complete when it begins.
  }

  get notListed(): number {
    return this.#rows.notListed;
  }

  rows(text: string, count: number): Rows {
    return this.#rows.rows(text, count);
  }

  at(index: number): ListedEntry | undefined {
    return this.#rows.at(index);
  }
}
