/**
 * The program's one entry and its one catch: an error becomes text or JSON, and an exit status.
 * What is imported here at the top is loaded for `depot --version` too, so next to nothing is.
 */
import { DepotError, isDepotError, type ErrorCode } from './errors.js';
import { version } from './version.js';

/** What a run touches of its process; tests put in their own. */
export interface Process {
  argv: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

const signals = { SIGHUP: ['hung-up', 'hung up'], SIGINT: ['interrupted', 'interrupted'], SIGTERM: ['terminated', 'terminated'] } as const;

/** Runs one command line (without `node` and the script) and returns the exit status; never throws and never exits. */
export async function main(p: Process = thisProcess()): Promise<number> {
  if (p.argv.length === 1 && (p.argv[0] === '--version' || p.argv[0] === '-V')) {
    p.stdout.write(`${version}\n`);
    return 0;
  }
  const { Screen } = await import('./ui/screen.js');
  const screen = new Screen(p);
  const stop = new AbortController();
  const release = listen(p, stop, (reason) => { screen.error(foreseen(reason, stop.signal), p.env.DEPOT_DEBUG === '1'); });
  try {
    const { run } = await import('./commands/program.js');
    return await run(p.argv, { env: p.env, cwd: p.cwd, stdin: p.stdin, stdout: p.stdout, screen, signal: stop.signal, abort: (reason) => { stop.abort(reason); } });
  } catch (thrown) {
    const error = foreseen(thrown, stop.signal);
    if (error.exit > 128) error.hint ??= 'run it again: «depot …»';
    screen.error(error, p.env.DEPOT_DEBUG === '1');
    return error.exit;
  } finally {
    release();
    await screen.close(stop.signal.aborted);
  }
}

/** What was thrown, as a DepotError: the reason of an abort rather than what the abort broke, and a defect when nobody foresaw it. */
function foreseen(thrown: unknown, signal: AbortSignal): DepotError {
  if (signal.aborted && isDepotError(signal.reason) && (!isDepotError(thrown) || (thrown.code === 'internal' && thrown.published === undefined))) return signal.reason;
  if (isDepotError(thrown)) return thrown;
  const { message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  return new DepotError('internal', `a defect in depot: ${message}`, {
    cause: thrown,
    hint: 'run it again with DEPOT_DEBUG=1 and report what it prints',
  });
}

/**
 * Signals and stray failures stop the run by way of its AbortSignal, so that a partial file is removed and a published
 * deposit gets its receipt. A second signal changes nothing about that: the first is already being served.
 */
function listen(p: Process, stop: AbortController, unfinished: (reason: unknown) => void): () => void {
  const undo: (() => void)[] = [];
  const on = (event: string, listener: (value: unknown) => void): void => {
    (process as NodeJS.EventEmitter).on(event, listener);
    undo.push(() => (process as NodeJS.EventEmitter).removeListener(event, listener));
  };
  for (const [name, [code, message]] of Object.entries(signals) as [string, readonly [ErrorCode, string]][]) {
    on(name, () => { if (!stop.signal.aborted) stop.abort(new DepotError(code, message)); });
  }
  const stray = (thrown: unknown): void => { stop.abort(foreseen(thrown, stop.signal)); };
  on('uncaughtException', stray);
  on('unhandledRejection', stray);
  // Nothing is left to wait for, and there is no answer: something was lost on the way.
  on('exit', () => { unfinished(stop.signal.reason ?? new Error('the run ended without an answer')); });
  // Whoever read our output may stop reading (`| head`); that is no reason to lose a deposit or its exit status.
  for (const stream of [p.stdout, p.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => { if (error.code !== 'EPIPE') stray(error); });
  }
  return () => { for (const step of undo) step(); };
}

function thisProcess(): Process {
  const { env, stdin, stdout, stderr } = process;
  return { argv: process.argv.slice(2), env, cwd: process.cwd(), stdin, stdout, stderr };
}

