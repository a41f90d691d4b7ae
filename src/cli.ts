/**
 * The program's one entry and its one catch: an error becomes text or JSON, and an exit status.
 * What is imported here at the top is loaded for `depot --version` too, so next to nothing is.
 */
import { setMaxListeners } from 'node:events';
import { asDepotError, DepotError, foreseen, isDepotError, isStop, type ErrorCode } from './errors.js';
import { ignoresHangUp } from './hang-up.js';
import { logInfo } from './log.js';
import { wholeOutput } from './ui/output.js';
import type { Screen } from './ui/screen.js';
import { version } from './version.js';

/** What a run touches of its process; tests put in their own. */
export interface Process {
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  readonly cwd: string;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

const signals = {
  SIGHUP: ['hung-up', 'hung up'],
  SIGINT: ['interrupted', 'interrupted'],
  SIGTERM: ['terminated', 'terminated'],
} as const;

/** Runs one command line (without `node` and the script) and returns the exit status; never throws and never exits. */
export async function main(p: Process = thisProcess()): Promise<number> {
  const { Screen } = await import('./ui/screen.js');
  const screen = new Screen(p);
  const hideLog = screen.showLog();
  const stop = new AbortController();
  // Each of 32 jobs has several things to stop; Node would call the eleventh a leak, on standard error, which cron mails.
  setMaxListeners(0, stop.signal);
  const debug = p.env.DEPOT_DEBUG === '1';
  const { strays, release } = listen(p.env, stop, (reason) => {
    const error = foreseen(reason, stop.signal);
    screen.error(error, debug);
    process.exitCode = error.exit;
  });
  logInfo(
    undefined,
    `depot ${version}, Node ${process.versions.node}, ${process.platform} ${process.arch}, process ${process.pid}`,
  );
  let status: number;
  try {
    status = await work(p, screen, stop);
  } catch (thrown) {
    const error = foreseen(thrown, stop.signal);
    if (isStop(error)) error.hint ??= 'run it again: «depot …»';
    screen.error(error, debug);
    status = error.exit;
  }
  const tellStrays = (): void => {
    // It had an answer, and meanwhile something failed that nobody caught: what that was good for is not known.
    if (status === 0 && isStray(stop.signal)) strays.unshift(stop.signal.reason);
    for (const thrown of strays.splice(0)) {
      const exit = screen.late(asDepotError(thrown), debug);
      status ||= exit;
    }
  };
  tellStrays();
  logInfo(undefined, `depot ends with exit code ${status}`);
  hideLog();
  const unwritten = await screen.close(stop.signal, debug);
  release();
  tellStrays();
  // A failure keeps its own status, which says more.
  return status === 0 ? (unwritten ?? 0) : status;
}

async function work(p: Process, screen: Screen, stop: AbortController): Promise<number> {
  if (p.argv.length === 1 && (p.argv[0] === '--version' || p.argv[0] === '-V')) {
    screen.print(`${version}\n`);
    return 0;
  }
  const { run } = await import('./commands/program.js');
  return run(p.argv, {
    env: p.env,
    cwd: p.cwd,
    stdin: p.stdin,
    stdout: p.stdout,
    screen,
    signal: stop.signal,
    abort: (reason) => stop.abort(reason),
  });
}

/** Aborted by what nobody caught, and not by a signal or for a foreseen reason. */
function isStray({ aborted, reason }: AbortSignal): boolean {
  return aborted && (!isDepotError(reason) || reason.code === 'internal');
}

/**
 * Signals and stray failures stop the run by way of its AbortSignal, so that a partial file is removed and a published
 * deposit gets its receipt. A second signal changes nothing about that: the first is already being served. A stray failure that comes
 * later is one of `strays`, to be told at the end.
 */
function listen(
  env: NodeJS.ProcessEnv,
  stop: AbortController,
  unfinished: (reason: unknown) => void,
): { strays: unknown[]; release: () => void } {
  const strays: unknown[] = [];
  const undo: (() => void)[] = [];
  const on = (event: string, listener: (value: unknown) => void): void => {
    (process as NodeJS.EventEmitter).on(event, listener);
    undo.push(() => (process as NodeJS.EventEmitter).removeListener(event, listener));
  };
  const ignored = ignoresHangUp(env);
  for (const [name, [code, message]] of Object.entries(signals) as [string, readonly [ErrorCode, string]][]) {
    on(name, () => {
      if (!stop.signal.aborted && !(name === 'SIGHUP' && ignored)) stop.abort(new DepotError(code, message));
    });
  }
  const stray = (thrown: unknown): void => {
    if (!stop.signal.aborted) stop.abort(asDepotError(thrown));
    else if (!isEcho(thrown, stop.signal)) strays.push(thrown);
  };
  on('uncaughtException', stray);
  on('unhandledRejection', stray);
  // Nothing is left to wait for, and there is no answer: something was lost on the way. Whoever heeds the signal can still say and record it.
  const lost = new Error('the run ended without a result');
  on('beforeExit', () => {
    if (!stop.signal.aborted) stop.abort(asDepotError(lost));
  });
  on('exit', () => unfinished(stop.signal.reason ?? lost));
  return {
    strays,
    release: () => {
      for (const step of undo) step();
    },
  };
}

/** What stopping itself breaks, which is no news. */
function isEcho(thrown: unknown, { reason }: AbortSignal): boolean {
  return thrown === reason || isDepotError(thrown) || (thrown instanceof Error && thrown.name === 'AbortError');
}

function thisProcess(): Process {
  const { env, stdin, stdout, stderr } = process;
  return {
    argv: process.argv.slice(2),
    env,
    stdin,
    stdout: wholeOutput(stdout),
    stderr,
    get cwd() {
      return currentDirectory();
    },
  };
}

/** The directory that a shell or a service was left in may have been removed since. */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new DepotError('local-unreadable', 'the current directory no longer exists', {
      hint: 'change to one that exists (cd /), then run it again',
      cause,
    });
  }
}
