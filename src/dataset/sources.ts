import type { ChainOptions, ChainSummary } from './increment/chain-night.js';
import { DepotError } from '../errors.js';
import type { Excluded } from './exclude.js';
import type { Listing } from './listed.js';
import { printable } from '../printable.js';
import type { SourceSpec } from '../source.js';
import type { Warn } from '../warning.js';
import { sourceNameProblem } from '../names/source.js';

export interface DatasetOptions {
  sources: SourceSpec[];
  /** Path of the supplier's own document, which becomes `DEPOT/specification.md`. */
  specification?: string;
  /** Where commands run. */
  commandDirectory: string;
  /** Less content than this is an error: 'source-too-small'. */
  minBytes?: number;
  /** Warns, or fails with 'source-shrunk', when the dataset is much smaller than the last one. */
  shrink?: ShrinkRule;
  arrangement: string;
  depositId: string;
  /** Of an arrangement with `incremental:`. */
  chain?: ChainOptions;
}

export interface DatasetHooks {
  signal: AbortSignal;
  /** Gets text that is fit to print, which may have several lines. */
  warn: Warn;
  /** Once per chunk, and while a command or stdin is read. */
  progress: (p: { entries: number; bytes: number }) => void;
  /** The memory of an earlier chunk that the caller is done with. */
  spare?: () => ArrayBuffer | undefined;
  /** Is told of each entry, and of what is left out. */
  listing?: Listing;
  /** What a stdin source reads. */
  stdin?: AsyncIterable<Uint8Array>;
}

export interface DatasetSummary {
  /** Files, directories and links below `data/`; a file in parts counts once. */
  entries: number;
  /** Files and hard links among them. */
  files: number;
  /** Their content, uncompressed, in bytes. */
  bytes: number;
  /** What was left out, by kind: socket, fifo, device, unknown, vanished. */
  skipped: Record<string, number>;
  /** What `exclude` left out: all that is no directory, directories with all below them, the bytes of the files. */
  excluded: Exclusions;
  /** In their order; with `incremental:` the whole night of each. */
  sources: SourceSize[];
  /** False when something vanished or changed while it was read. */
  complete: boolean;
  /** Lower-case hex SHA-256 over the manifest's parts, concatenated. */
  manifestSha256: string;
  /** The whole night, where this deposit is part of a chain. */
  chain: ChainSummary | null;
}

export interface Exclusions extends Omit<Excluded, 'pattern'> {
  /** By pattern, each where it is the first that matches; not there where no source has any. */
  patterns?: (Excluded & { source: string })[];
  /** File systems that `oneFileSystem` left out; not there where there are none. */
  mounts?: number;
}

export interface SourceSize extends DatasetSize {
  name: string;
}

/** Throws 'config-invalid' for a name that is no path component, looks like a part, or comes twice. */
export function checkNames(sources: readonly SourceSpec[]): void {
  const seen = new Set<string>();
  for (const { name } of sources) {
    const problem = sourceNameProblem(name) ?? (seen.has(name) ? 'it is used twice' : null);
    if (problem !== null)
      throw new DepotError('config-invalid', `the source name "${printable(name)}": ${problem}`, {
        hint: 'give the source another name with as:',
      });
    seen.add(name);
  }
  if (sources.filter((source) => source.kind === 'stdin').length > 1)
    throw new DepotError('config-invalid', 'more than one source reads stdin', { hint: 'keep one stdin source' });
}

export interface DatasetSize {
  entries: number;
  bytes: number;
}

/** Against an export that failed without saying so, or an `exclude` that takes too much. */
export interface ShrinkRule {
  previous: DatasetSize & { depositId: string };
  /** What each source held then; not there where that is not known. */
  sources?: readonly SourceSize[];
  /** From 0 to 1: fewer entries or bytes than this part of the last ones are too few. */
  below: number;
  then: 'warn' | 'fail';
}

export function hasShrunk(now: DatasetSize, { previous, below }: Pick<ShrinkRule, 'previous' | 'below'>): boolean {
  return now.entries < previous.entries * below || now.bytes < previous.bytes * below;
}

/** `sources`: what each holds now, for the names of those that shrank. */
export function shrinkWords(
  now: DatasetSize,
  { previous, sources: before = [], below }: Pick<ShrinkRule, 'previous' | 'sources' | 'below'>,
  sources: readonly SourceSize[],
): string {
  const size = ({ entries, bytes }: DatasetSize): string =>
    `${entries.toLocaleString('en-US')} ${entries === 1 ? 'entry' : 'entries'} and ${bytes.toLocaleString('en-US')} ${bytes === 1 ? 'byte' : 'bytes'}`;
  const shrunk = sources.flatMap(({ name, ...held }) => {
    const then = before.find((one) => one.name === name);
    return then !== undefined && hasShrunk(held, { previous: { ...then, depositId: previous.depositId }, below })
      ? [printable(name)]
      : [];
  });
  const gone = before
    .filter(({ name }) => !sources.some((one) => one.name === name))
    .map(({ name }) => printable(name));
  const which = [...shrunk.map((name) => `source ${name}`), ...gone.map((name) => `without source ${name}`)].join(', ');
  return `the dataset shrank${which === '' ? '' : ` (${which})`}: it has ${size(now)}, and the last deposit, ${previous.depositId}, had ${size(previous)}`;
}
