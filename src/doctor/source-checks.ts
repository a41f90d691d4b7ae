/** What can be seen of the sources without running anything: commands on the path, files and directories that may be read. */
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { succeeds } from '../abort.js';
import { childEnvironment } from '../child-env.js';
import { unusedWords } from '../dataset/exclude.js';
import { type Reach, reachOf } from '../dataset/reachable.js';
import { emptyError, locate, unreadable } from '../dataset/reading.js';
import { fromText, toText } from '../dataset/bytestring.js';
import type { DatasetSize } from '../dataset/sources.js';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { type DirectorySource, isDatabase, type ListedSource, type SourceSpec } from '../source.js';
import { bytes, counted } from '../ui/format.js';
import { compressedBy, compressedIn, compressionOf } from './compressed.js';
import { lookAtDatabase } from './database-checks.js';
import type { Patient, Report } from './findings.js';

type Looking = Pick<Patient, 'config' | 'arrangement' | 'env' | 'signal'>;
type Saying = Pick<Report, 'passed' | 'warning' | 'notPossible' | 'attempt'>;

/** For all directories of an arrangement together: a person waits for doctor. */
const timeForWalks = 10_000;

/** What the sources hold, as a manifest counts it. */
export interface SourceSizes {
  /** Of all; null when a command makes some of them, or when there was too much to look at. */
  all: DatasetSize | null;
  /** Those that could be counted. */
  each: (DatasetSize & { name: string })[];
}

export async function lookAtSources(o: Looking, report: Saying, walkMs = timeForWalks): Promise<SourceSizes> {
  const { config, arrangement } = o;
  const until = Date.now() + walkMs;
  const each: SourceSizes['each'] = [];
  for (const source of arrangement.dataset) {
    const name = `source ${source.name}`;
    await report.attempt(name, async () => {
      const cleanup =
        source.cleanup === undefined
          ? null
          : await findProgram(source.cleanup, source, o).catch((error: unknown) => error as Error);
      if (cleanup instanceof Error)
        report.warning(
          name,
          `cleanup: ${cleanup.message}`,
          'correct it in depot.yaml: until then, what it should clean up stays',
        );
      if (source.prepare !== undefined) {
        const program = await findProgram(source.prepare, source, o);
        report.notPossible(
          name,
          `${source.kind === 'file' || source.kind === 'directory' ? `${source.path} is made by ` : ''}prepare: ${program} was not run${isDatabase(source) ? ', and the database may only be there after it' : ''}; to test it: «depot push ${arrangement.name} --dry-run»`,
        );
        if (source.kind === 'command') await findProgram(source.command, source, o);
      } else if (isDatabase(source)) {
        await lookAtDatabase(name, source, o, report);
      } else if (source.kind === 'stdin') {
        report.notPossible(name, 'standard input, which only a push has');
      } else if (source.kind === 'command') {
        report.notPossible(
          name,
          `${await findProgram(source.command, source, o)} was not run; to test it: «depot push ${arrangement.name} --dry-run»`,
        );
      } else if (source.kind === 'file') {
        const file = toText(locate(source.path, 'file')) ?? source.path;
        await access(file, constants.R_OK).catch((error: unknown) => {
          throw unreadable(fromText(source.path), error);
        });
        const { size } = await stat(file);
        each.push({ name: source.name, entries: 1, bytes: size });
        if (size === 0 && !source.allowEmpty) throw emptyError(source, `${printable(source.path)} is empty`);
        report.passed(name, `file ${source.path}, ${bytes(size)}`);
      } else {
        const reach = await reachOf(toText(locate(source.path, 'directory')) ?? source.path, source, until, o.signal);
        // The directory itself is an entry, too.
        if (reach.complete) each.push({ name: source.name, entries: reach.entries + 1, bytes: reach.bytes });
        sayReach(name, source, reach, report);
      }
      if (arrangement.incremental !== undefined) await sayCompressed(name, source, report);
    });
  }
  await report.attempt('specification', () => lookAtSpecification(arrangement, report));
  if (config.notify !== undefined) {
    await findProgram(config.notify.command, {}, o).catch((error: unknown) => {
      report.warning(
        'notify',
        `${(error as Error).message}: nobody will be notified`,
        'correct notify.command in depot.yaml',
      );
    });
  }
  const add = (a: DatasetSize, b: DatasetSize): DatasetSize => ({
    entries: a.entries + b.entries,
    bytes: a.bytes + b.bytes,
  });
  return { all: each.length === arrangement.dataset.length ? each.reduce(add, { entries: 0, bytes: 0 }) : null, each };
}

export async function lookAtSpecification(
  { specification }: Patient['arrangement'],
  report: Pick<Report, 'passed'>,
): Promise<void> {
  if (specification === undefined) return;
  await access(specification, constants.R_OK).catch((error: unknown) => {
    throw unreadable(fromText(specification), error);
  });
  report.passed('specification', specification);
}

/** With `incremental:`, what is compressed already costs all of itself every night. */
async function sayCompressed(name: string, source: ListedSource, report: Saying): Promise<void> {
  const say = (what: string): void =>
    report.warning(
      name,
      `${what}: all of that is new every night, so increments save little`,
      'leave the dump uncompressed (pg_dump: text, or --format=custom --compress=0): depot compresses after it has looked for what changed',
    );
  if (source.kind === 'command') {
    const by = compressedBy(source.command);
    if (by !== null) say(`${by} compresses or encrypts what is deposited`);
  } else if (source.kind === 'file') {
    const how = await compressionOf(source.path);
    if (how !== null) say(`${source.path} is compressed (${how})`);
  } else if (source.kind === 'directory') {
    const found = await compressedIn(source.path);
    if (found !== null)
      say(
        `${path.join(source.path, found.name)}${found.count === 1 ? '' : ` and ${found.count - 1} more large files there`} ${found.count === 1 ? 'is' : 'are'} compressed (${found.how})`,
      );
  }
}

function sayReach(
  name: string,
  source: DirectorySource,
  { entries, files, bytes: size, closed, firstClosed, unused, complete }: Reach,
  report: Saying,
): void {
  const { path: directory } = source;
  if (closed > 0) {
    throw new DepotError(
      'source-failed',
      `${closed === 1 ? '' : `${counted(closed, 'file or directory', 'files and directories')} below ${printable(directory)} may not be read by this account; the first: `}${firstClosed ?? ''}${closed === 1 ? ' may not be read by this account' : ''}`,
      {
        hint: 'run depot as the account that pushes, give this one access to it, or leave it out with exclude:',
      },
    );
  }
  if (complete && files === 0 && !source.allowEmpty) throw emptyError(source, `${printable(directory)} holds no files`);
  if (complete) report.passed(name, `directory ${directory}: ${counted(entries, 'entry', 'entries')}, ${bytes(size)}`);
  else
    report.passed(
      name,
      `directory ${directory}: the first ${counted(entries, 'entry', 'entries')} are readable; the rest were not checked, since there are so many`,
    );
  for (const one of unused)
    report.warning(
      name,
      unusedWords(one),
      'correct it in depot.yaml, or remove it: what it should leave out may be in the deposit',
    );
}

/** The program of a command, fit to print. Throws 'source-failed' when the PATH of its run has none, or it may not be run. */
async function findProgram(
  [program = '']: readonly string[],
  { env: extra }: Partial<Pick<SourceSpec, 'env'>>,
  { config, env }: Pick<Looking, 'config' | 'env'>,
): Promise<string> {
  const shown = printable(program);
  // Windows has its own rules for what a name without an extension is.
  if (process.platform === 'win32') return shown;
  const seen = async (file: string): Promise<boolean> =>
    (await succeeds(access(file, constants.X_OK))) && (await stat(file)).isFile();
  if (program.includes('/')) {
    const file = path.resolve(config.directory, program);
    if (await seen(file)) return shown;
    throw (await succeeds(stat(file)))
      ? new DepotError('source-failed', `this account cannot run ${printable(file)}`, {
          hint: 'make it executable, or run depot as the account that pushes',
        })
      : new DepotError('source-failed', `${printable(file)} does not exist`, { hint: 'check the path in depot.yaml' });
  }
  const places = (childEnvironment(env, extra).PATH ?? usualPath).split(':');
  for (const place of places) if (await seen(path.resolve(config.directory, place, program))) return shown;
  throw new DepotError('source-failed', `there is no command ${shown} on the PATH (${printable(places.join(':'))})`, {
    hint: 'install it, or write its whole path into depot.yaml; a scheduled run may have another PATH',
  });
}

/** Where execvp(3) looks without a PATH. */
const usualPath = '/bin:/usr/bin';
