/** What can be seen of the sources without running anything: commands on the path, files and directories that may be read, room for the spool. */
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { childEnvironment } from '../child-env.js';
import type { Arrangement, Config } from '../config/types.js';
import { type Reach, reachOf } from '../dataset/reachable.js';
import { locate, unreadable } from '../dataset/reading.js';
import { fromText, toText } from '../dataset/bytestring.js';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import type { SourceSpec } from '../source.js';
import { bytes, counted } from '../ui/format.js';
import type { Finding } from './findings.js';

export interface SourcesReport {
  passed(name: string, detail: string): void;
  warning(name: string, detail: string, hint?: string): void;
  add(finding: Finding): void;
  attempt(name: string, work: () => Promise<void>): Promise<void>;
}

interface Looking {
  config: Config;
  arrangement: Arrangement;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

/** For all directories of an arrangement together: doctor is for people, who wait. */
const timeForWalks = 10_000;

/** Bytes that all sources have; null when that is not known: a command's output, what a prepare command makes, or more than could be looked at. */
export async function lookAtSources(o: Looking, report: SourcesReport, walkMs = timeForWalks): Promise<number | null> {
  const { config, arrangement } = o;
  const until = Date.now() + walkMs;
  const sizes: number[] = [];
  const notTested = (name: string, detail: string): void => {
    report.add({ name, result: 'not possible', detail: printable(detail) });
  };
  for (const source of arrangement.dataset) {
    const name = `source ${source.name}`;
    await report.attempt(name, async () => {
      const cleanup =
        source.cleanup === undefined
          ? null
          : await findProgram(source.cleanup, source, o).catch((error: unknown) => error as Error);
      if (cleanup instanceof Error)
        report.warning(name, `cleanup: ${cleanup.message}`, 'correct it in depot.yaml: what it is to clean up stays');
      if (source.prepare !== undefined) {
        const program = await findProgram(source.prepare, source, o);
        notTested(
          name,
          `${source.kind === 'file' || source.kind === 'directory' ? `${source.path} is made by ` : ''}prepare: ${program} was not run; to test it: «depot push --dry-run»`,
        );
        if (source.kind === 'command') await findProgram(source.command, source, o);
      } else if (source.kind === 'stdin') {
        notTested(name, 'standard input, which only a push has');
      } else if (source.kind === 'command') {
        notTested(
          name,
          `${await findProgram(source.command, source, o)} was not run; to test it: «depot push --dry-run»`,
        );
      } else if (source.kind === 'file') {
        const file = toText(locate(source.path, 'file')) ?? source.path;
        await access(file, constants.R_OK).catch((error: unknown) => {
          throw unreadable(fromText(source.path), error);
        });
        const { size } = await stat(file);
        sizes.push(size);
        report.passed(name, `file ${source.path}, ${bytes(size)}`);
      } else {
        const reach = await reachOf(
          toText(locate(source.path, 'directory')) ?? source.path,
          source.exclude,
          until,
          o.signal,
        );
        if (reach.complete) sizes.push(reach.bytes);
        sayReach(name, source.path, reach, report);
      }
    });
  }
  const { specification } = arrangement;
  if (specification !== undefined) {
    await report.attempt('specification', async () => {
      await access(specification, constants.R_OK).catch((error: unknown) => {
        throw unreadable(fromText(specification), error);
      });
      report.passed('specification', specification);
    });
  }
  if (config.notify !== undefined) {
    await findProgram(config.notify.command, {}, o).catch((error: unknown) => {
      report.warning(
        'notify',
        `${(error as Error).message}: nobody will be notified`,
        'correct notify.command in depot.yaml',
      );
    });
  }
  return sizes.length === arrangement.dataset.length ? sizes.reduce((a, b) => a + b, 0) : null;
}

function sayReach(
  name: string,
  directory: string,
  { entries, bytes: size, closed, firstClosed, unused, complete }: Reach,
  report: SourcesReport,
): void {
  if (closed > 0) {
    throw new DepotError(
      'source-failed',
      `${closed === 1 ? '' : `${counted(closed, 'file or directory', 'files and directories')} below ${printable(directory)} may not be read by this account; the first: `}${firstClosed ?? ''}${closed === 1 ? ' may not be read by this account' : ''}`,
      {
        hint: 'run depot as the account that pushes, give this one access to it, or leave it out with exclude:',
      },
    );
  }
  if (complete) report.passed(name, `directory ${directory}: ${counted(entries, 'entry', 'entries')}, ${bytes(size)}`);
  else
    report.passed(
      name,
      `directory ${directory}: the first ${counted(entries, 'entry', 'entries')} may be read; the rest was not looked at, since there are so many`,
    );
  for (const pattern of unused)
    report.warning(
      name,
      `the exclude pattern ${JSON.stringify(pattern)} matched nothing`,
      'correct it in depot.yaml, or take it out: what it should leave out may be in the deposit',
    );
}

/**
 * Where the program of a command line lies, fit to print: by the PATH that it will be looked for in.
 *
 * @throws DepotError 'source-failed' when it is not there or may not be run
 */
async function findProgram(
  [program = '']: readonly string[],
  { env: extra }: Partial<Pick<SourceSpec, 'env'>>,
  { config, env }: Pick<Looking, 'config' | 'env'>,
): Promise<string> {
  const shown = printable(program);
  // Windows has its own rules for what a name without an extension is.
  if (process.platform === 'win32') return shown;
  const seen = (file: string): Promise<boolean> =>
    access(file, constants.X_OK).then(
      async () => (await stat(file)).isFile(),
      () => false,
    );
  if (program.includes('/')) {
    const file = path.resolve(config.directory, program);
    if (await seen(file)) return shown;
    const missing = await stat(file).then(
      () => false,
      () => true,
    );
    throw new DepotError(
      'source-failed',
      `${printable(file)} ${missing ? 'does not exist' : 'may not be run by this account'}`,
      {
        hint: missing ? 'check the path in depot.yaml' : 'make it executable, or run depot as the account that pushes',
      },
    );
  }
  const places = (childEnvironment(env, extra).PATH ?? usualPath).split(':');
  for (const place of places) if (await seen(path.resolve(config.directory, place, program))) return shown;
  throw new DepotError('source-failed', `there is no command ${shown} on the PATH (${printable(places.join(':'))})`, {
    hint: 'install it, or write its whole path into depot.yaml; a scheduled run may have another PATH',
  });
}

/** Where execvp(3) looks without a PATH. */
const usualPath = '/bin:/usr/bin';
