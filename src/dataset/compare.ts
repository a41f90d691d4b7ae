import { fromBytes, toBytes, type ByteString } from './bytestring.js';
import { toLatin1, type Hash } from '../primitives.js';
import { MAX_CHAIN_BYTES, parseChain, type Chain } from './chain/chain-file.js';
import type { NightEntry } from './chain/line.js';
import { parseIncrementLine } from './chain/parse.js';
import { MANIFEST_PART_BYTES, MANIFEST_PATH, parseManifestLine } from './manifest.js';
import type { ManifestEnd, ManifestEntry } from './manifest.js';
import { CHAIN_PATH, FIRST_ENTRY, isInterleaved, partName, PIECES_PATH } from '../names/archive.js';
import { type EntrySink, type TarEntry, refused, shown } from './tar/format.js';
import { WalkOrder } from './walk-order.js';

export interface ManifestResult {
  /** `none`: the archive was made by another tool, since it does not begin as depot's do. */
  manifest: 'found' | 'none';
  /** As the manifest counts: entries below `data/`, and the bytes of their files. Without a manifest: all. */
  entries: number;
  bytes: number;
  /** SHA-256 of all its lines, lower-case hex; null without a manifest. */
  manifestSha256: string | null;
  /** As the manifest's last line says; null when there is none. */
  skipped: Record<string, number> | null;
  complete: boolean | null;
  /** Files that changed while they were read, as their lines say. */
  changed: number;
  /** What does not agree, ready to print. */
  problems: string[];
  /** Of an increment: what it builds on. Its entries are those of this suitcase, not of the whole night. */
  chain?: Chain;
}

export interface ManifestCheckOptions {
  hash: () => Hash;
  /** A digest of the file that just began, made elsewhere; null to make it here, by `hash`. */
  made?: () => Hash | null;
  /** Called when the manifest names a file that stands in the archive in this many parts. */
  joined?: (path: ByteString, parts: number) => void;
}

/** Memory for entries that wait for their line: lines are at most 4 MiB behind. */
const MAX_PENDING = 64 << 20;
const PENDING_OVERHEAD = 256;
const MAX_PROBLEMS = 20;
const BRACE = 0x7b;

type Pending = Omit<ManifestEntry, 'changed'>;
/** What both manifests say of an entry. */
type Listed = Pick<NightEntry, Exclude<keyof Pending, 'parts'>> & { parts: number | null };
type Current =
  | { kind: 'manifest'; part: Uint8Array; fill: number }
  | { kind: 'entry'; record: Pending; hash: Hash | null }
  | { kind: 'chain'; record: Pending; hash: Hash; text: Uint8Array; fill: number }
  | { kind: 'part'; series: Series }
  | { kind: 'unchecked' };

/** A file in parts that goes by. */
interface Series {
  record: Pending;
  parts: number;
  hash: Hash;
}

/**
 * Compares an archive with its manifest as it streams by: every entry but the manifest's own parts has a line, every
 * line an entry, in the same order and with the same values, and no path comes twice. Only the entries since the last
 * manifest part are in memory. Differences are collected: the caller decides what they mean. Throws `archive-refused`
 * where the manifest is not one, or cannot be compared in bounded memory.
 */
export class ManifestCheck implements EntrySink {
  readonly #options: ManifestCheckOptions;
  readonly #manifestHash: Hash;
  readonly #order = new WalkOrder();
  readonly #problems: string[] = [];
  #moreProblems = 0;
  #fromDepot: boolean | undefined;
  #current: Current = { kind: 'unchecked' };
  #pending: Pending[] = [];
  #pendingBytes = 0;
  #series: Series | null = null;
  /** Of an increment: what is in parts between all other entries, until its line comes. */
  readonly #between = new Map<ByteString, Series>();
  #seen = 0;
  #chain: Chain | null = null;
  #manifestParts = 0;
  #started = false;
  #last: ManifestEnd | null = null;
  /** Line and entry are about different paths: to compare on would only repeat that. */
  #lost = false;
  #entries = 0;
  #bytes = 0;
  #changed = 0;

  constructor(options: ManifestCheckOptions) {
    this.#options = options;
    this.#manifestHash = options.hash();
  }

  begin(entry: TarEntry): void {
    const path = fromBytes(entry.path);
    this.#fromDepot ??= path === FIRST_ENTRY;
    if (!this.#fromDepot) {
      this.#count(entry.size);
      return;
    }
    if (this.#last !== null) this.#problem(`${shown(entry.path)} comes after the end of the manifest`);
    const isChain = this.#seen++ === 1 && path === (CHAIN_PATH as string);
    const part = partName(path);
    if (part?.joined === MANIFEST_PATH) this.#beginManifest(entry, part.number);
    else if (part !== null) this.#beginPart(entry, part.joined, part.number);
    else {
      this.#endSeries();
      this.#checkOrder(path, entry.type === 'directory');
      if (isChain) this.#beginChain(entry, path);
      else
        this.#current = {
          kind: 'entry',
          record: record(entry, path),
          hash: entry.type === 'file' ? (this.#options.made?.() ?? this.#options.hash()) : null,
        };
    }
  }

  data(bytes: Uint8Array): void {
    const current = this.#current;
    if (current.kind === 'entry') current.hash?.update(bytes);
    else if (current.kind === 'part') current.series.hash.update(bytes);
    else if (current.kind === 'manifest') {
      current.part.set(bytes, current.fill);
      current.fill += bytes.length;
    } else if (current.kind === 'chain') {
      current.hash.update(bytes);
      current.text.set(bytes, current.fill);
      current.fill += bytes.length;
    }
  }

  end(): void {
    const current = this.#current;
    if (current.kind === 'entry') {
      if (current.hash !== null) current.record.sha256 = current.hash.hex();
      this.#await(current.record);
    } else if (current.kind === 'chain') {
      this.#chain = parseChain(current.text);
      this.#await({ ...current.record, sha256: current.hash.hex() });
    } else if (current.kind === 'manifest') {
      this.#readLines(current.part);
    }
    this.#current = { kind: 'unchecked' };
  }

  /** After the whole archive. */
  finish(): ManifestResult {
    const counts = { entries: this.#entries, bytes: this.#bytes };
    if (this.#fromDepot !== true)
      return {
        manifest: 'none',
        ...counts,
        manifestSha256: null,
        skipped: null,
        complete: null,
        changed: 0,
        problems: [],
      };
    this.#endSeries();
    if (!this.#lost && this.#pending.length > 0)
      this.#problem(`${named(this.#pending[0]!.path)} is not in the manifest`);
    for (const path of this.#between.keys()) this.#problem(`${named(path)} is not in the manifest`);
    if (this.#last === null) this.#problem('the manifest has no end');
    if (this.#moreProblems > 0) this.#problems.push(`and ${this.#moreProblems} more`);
    const { skipped, complete } = this.#last ?? { skipped: null, complete: null };
    const manifestSha256 = this.#manifestHash.hex();
    return {
      manifest: 'found',
      ...counts,
      manifestSha256,
      skipped,
      complete,
      changed: this.#changed,
      problems: this.#problems,
      ...(this.#chain !== null && { chain: this.#chain }),
    };
  }

  #beginManifest(entry: TarEntry, number: number): void {
    if (entry.type !== 'file' || entry.size > MANIFEST_PART_BYTES)
      throw refused(`not a part of a manifest: ${shown(entry.path)}`);
    if (number !== this.#manifestParts + 1)
      throw refused(`the manifest's parts are out of order at ${shown(entry.path)}`);
    this.#manifestParts = number;
    this.#current = { kind: 'manifest', part: new Uint8Array(entry.size), fill: 0 };
  }

  #beginChain(entry: TarEntry, path: ByteString): void {
    if (entry.type !== 'file' || entry.size > MAX_CHAIN_BYTES)
      throw refused('chain.json is not a file of at most 1 MiB');
    const text = new Uint8Array(entry.size);
    this.#current = { kind: 'chain', record: record(entry, path), hash: this.#options.hash(), text, fill: 0 };
  }

  #beginPart(entry: TarEntry, joined: ByteString, number: number): void {
    const isBetween = this.#chain !== null && isInterleaved(joined);
    if (this.#chain !== null && !isBetween)
      throw refused(`an increment holds parts of a file of the dataset: ${shown(entry.path)}`);
    let series = isBetween ? this.#between.get(joined) : this.#series;
    if (number === 1 && (!isBetween || series === undefined)) {
      if (!isBetween) {
        this.#endSeries();
        this.#checkOrder(joined, false);
      }
      series = { record: record(entry, joined), parts: 0, hash: this.#options.hash() };
      series.record.size = 0;
      if (isBetween) this.#between.set(joined, series);
      else this.#series = series;
    } else if (series?.record.path !== joined || number !== series.parts + 1) {
      throw refused(`a part is out of order: ${shown(entry.path)}`);
    }
    if (entry.type !== 'file') throw refused(`a part is not a file: ${shown(entry.path)}`);
    series.parts++;
    series.record.size += entry.size;
    // The manifest of an increment counts the pieces with the dataset.
    if (isBetween && joined === (PIECES_PATH as string)) this.#bytes += entry.size;
    this.#current = { kind: 'part', series };
  }

  #endSeries(): void {
    const series = this.#series;
    if (series === null) return;
    this.#series = null;
    this.#await(joinedRecord(series));
  }

  #await(record: Pending): void {
    if (record.path.startsWith('data/')) this.#count(record.size);
    if (this.#lost) return;
    this.#pendingBytes += PENDING_OVERHEAD + record.path.length + (record.linkTarget?.length ?? 0);
    if (this.#pendingBytes > MAX_PENDING) throw refused('the manifest lags too far behind the entries');
    this.#pending.push(record);
  }

  #readLines(part: Uint8Array): void {
    this.#manifestHash.update(part);
    let next = 0;
    for (let at = 0; at < part.length; ) {
      const newline = part.indexOf(0x0a, at);
      if (newline === -1) throw refused('a part of the manifest ends within a line');
      next = this.#line(part.subarray(at, newline), next);
      at = newline + 1;
    }
    for (const { path, linkTarget } of this.#pending.splice(0, next))
      this.#pendingBytes -= PENDING_OVERHEAD + path.length + (linkTarget?.length ?? 0);
  }

  /** `next`: how many of the waiting entries were compared; returns how many are now. */
  #line(bytes: Uint8Array, next: number): number {
    // A first or last line is JSON in every manifest, the others are not in an increment's.
    if (this.#chain !== null && bytes[0] !== BRACE) return this.#incrementLine(bytes, next);
    const line = parseManifestLine(bytes);
    if ((line.kind === 'start') === this.#started) throw refused('the manifest does not begin with its first line');
    if (this.#last !== null) throw refused('the manifest goes on after its last line');
    switch (line.kind) {
      case 'start':
        if (line.version !== (this.#chain === null ? 1 : 2))
          throw refused(`the manifest holds a line with a missing or wrong manifest: version ${line.version}`);
        this.#started = true;
        return next;
      case 'end':
        this.#last = line;
        this.#endSeries();
        if (line.entries !== this.#entries || line.bytes !== this.#bytes)
          this.#problem(
            `the manifest counts ${line.entries} entries with ${line.bytes} bytes; the archive holds ${this.#entries} with ${this.#bytes}`,
          );
        return next;
      case 'entry':
        if (this.#chain !== null) throw refused('the manifest of an increment holds a line of another manifest');
        if (line.changed) this.#changed++;
        if (next === this.#pending.length) this.#endSeries();
        if (!this.#lost) this.#compare(line, this.#pending[next]);
        return next + 1;
    }
  }

  #incrementLine(bytes: Uint8Array, next: number): number {
    if (!this.#started) throw refused('the manifest does not begin with its first line');
    if (this.#last !== null) throw refused('the manifest goes on after its last line');
    const line = parseIncrementLine(toLatin1(bytes));
    if (line.kind === 'removed') return next;
    if (line.changed) this.#changed++;
    const { origin } = line;
    if (origin.kind === 'parts') {
      this.#compareBetween({ ...line, parts: origin.count });
      return next;
    }
    // What lies elsewhere has no entry, and a hard link has none either.
    if (origin.kind !== 'entry' || line.type === 'hardlink') return next;
    if (!this.#lost) this.#compare({ ...line, parts: null }, this.#pending[next]);
    return next + 1;
  }

  #compareBetween(line: Listed): void {
    const series = this.#between.get(line.path);
    if (series === undefined) {
      this.#problem(`${named(line.path)} is in the manifest and not in the archive`);
      return;
    }
    this.#between.delete(line.path);
    this.#compare(line, joinedRecord(series));
  }

  #compare(line: Listed, entry: Pending | undefined): void {
    if (entry?.path !== line.path) {
      this.#problem(
        entry === undefined
          ? `${named(line.path)} is in the manifest and not in the archive`
          : `the manifest has ${named(line.path)} where the archive has ${named(entry.path)}`,
      );
      this.#lost = true;
      return;
    }
    const differences = [
      ...(entry.type === line.type ? [] : ['type']),
      ...(entry.size === line.size ? [] : ['size']),
      ...(entry.sha256 === line.sha256 ? [] : ['contents']),
      ...(entry.mode === line.mode ? [] : ['mode']),
      ...(entry.mtimeNs === line.mtimeNs ? [] : ['time']),
      ...(entry.linkTarget === line.linkTarget ? [] : ['link target']),
      ...(entry.parts === line.parts ? [] : ['number of parts']),
    ];
    if (differences.length > 0)
      this.#problem(`${named(line.path)} differs from the manifest: ${differences.join(', ')}`);
    else if (line.parts !== null) this.#options.joined?.(line.path, line.parts);
  }

  #checkOrder(path: ByteString, isDirectory: boolean): void {
    const wrong = this.#order.next(path, isDirectory);
    if (wrong !== null) this.#problem(`${named(path)} ${wrong}`);
  }

  #count(size: number): void {
    this.#entries++;
    this.#bytes += size;
  }

  #problem(text: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(text);
    else this.#moreProblems++;
  }
}

function record(entry: TarEntry, path: ByteString): Pending {
  const { type, size, mode, mtimeNs } = entry;
  const linkTarget = entry.linkTarget === null ? null : fromBytes(entry.linkTarget);
  return { path, type, size, mode, mtimeNs, sha256: null, linkTarget, parts: null };
}

function joinedRecord({ record, parts, hash }: Series): Pending {
  return { ...record, parts, sha256: hash.hex() };
}

function named(path: ByteString): string {
  return shown(toBytes(path));
}
