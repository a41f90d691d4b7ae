import { fromBytes, toBytes, type ByteString } from './bytestring.js';
import type { Hash } from '../primitives.js';
import { MANIFEST_PART_BYTES, MANIFEST_PATH, parseManifestLine } from './manifest.js';
import type { ManifestEnd, ManifestEntry } from './manifest.js';
import { FIRST_ENTRY, partName } from '../names/archive.js';
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
  /** What does not agree, ready to print. */
  problems: string[];
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

type Pending = Omit<ManifestEntry, 'changed'>;
type Current =
  | { kind: 'manifest'; part: Uint8Array; fill: number }
  | { kind: 'entry'; record: Pending; hash: Hash | null }
  | { kind: 'part' }
  | { kind: 'unchecked' };

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
  /** A file in parts that goes by. */
  #series: { record: Pending; parts: number; hash: Hash } | null = null;
  #manifestParts = 0;
  #started = false;
  #last: ManifestEnd | null = null;
  /** Line and entry are about different paths: to compare on would only repeat that. */
  #lost = false;
  #entries = 0;
  #bytes = 0;

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
    const part = partName(path);
    if (part?.joined === MANIFEST_PATH) this.#beginManifest(entry, part.number);
    else if (part !== null) this.#beginPart(entry, part.joined, part.number);
    else {
      this.#endSeries();
      this.#checkOrder(path, entry.type === 'directory');
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
    else if (current.kind === 'part') this.#series?.hash.update(bytes);
    else if (current.kind === 'manifest') {
      current.part.set(bytes, current.fill);
      current.fill += bytes.length;
    }
  }

  end(): void {
    const current = this.#current;
    if (current.kind === 'entry') {
      if (current.hash !== null) current.record.sha256 = current.hash.hex();
      this.#await(current.record);
    } else if (current.kind === 'manifest') {
      this.#readLines(current.part);
    }
    this.#current = { kind: 'unchecked' };
  }

  /** After the whole archive. */
  finish(): ManifestResult {
    const counts = { entries: this.#entries, bytes: this.#bytes };
    if (this.#fromDepot !== true)
      return { manifest: 'none', ...counts, manifestSha256: null, skipped: null, complete: null, problems: [] };
    this.#endSeries();
    if (!this.#lost && this.#pending.length > 0)
      this.#problem(`${named(this.#pending[0]!.path)} is not in the manifest`);
    if (this.#last === null) this.#problem('the manifest has no end');
    if (this.#moreProblems > 0) this.#problems.push(`and ${this.#moreProblems} more`);
    const { skipped, complete } = this.#last ?? { skipped: null, complete: null };
    const manifestSha256 = this.#manifestHash.hex();
    return { manifest: 'found', ...counts, manifestSha256, skipped, complete, problems: this.#problems };
  }

  #beginManifest(entry: TarEntry, number: number): void {
    if (entry.type !== 'file' || entry.size > MANIFEST_PART_BYTES)
      throw refused(`not a part of a manifest: ${shown(entry.path)}`);
    if (number !== this.#manifestParts + 1)
      throw refused(`the manifest's parts are out of order at ${shown(entry.path)}`);
    this.#manifestParts = number;
    this.#current = { kind: 'manifest', part: new Uint8Array(entry.size), fill: 0 };
  }

  #beginPart(entry: TarEntry, joined: ByteString, number: number): void {
    this.#current = { kind: 'part' };
    if (number === 1) {
      this.#endSeries();
      this.#checkOrder(joined, false);
      this.#series = { record: record(entry, joined), parts: 0, hash: this.#options.hash() };
      this.#series.record.size = 0;
    } else if (this.#series?.record.path !== joined || number !== this.#series.parts + 1) {
      throw refused(`a part is out of order: ${shown(entry.path)}`);
    }
    if (entry.type !== 'file') throw refused(`a part is not a file: ${shown(entry.path)}`);
    this.#series.parts++;
    this.#series.record.size += entry.size;
  }

  #endSeries(): void {
    const series = this.#series;
    if (series === null) return;
    this.#series = null;
    this.#await({ ...series.record, parts: series.parts, sha256: series.hash.hex() });
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
    const line = parseManifestLine(bytes);
    if ((line.kind === 'start') === this.#started) throw refused('the manifest does not begin with its first line');
    if (this.#last !== null) throw refused('the manifest goes on after its last line');
    switch (line.kind) {
      case 'start':
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
        if (next === this.#pending.length) this.#endSeries();
        if (!this.#lost) this.#compare(line, this.#pending[next]);
        return next + 1;
    }
  }

  #compare(line: ManifestEntry, entry: Pending | undefined): void {
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

function named(path: ByteString): string {
  return shown(toBytes(path));
}
