/**
 * Starts every other program that depot runs: without a shell, without depot's secrets in its environment, for a bounded
 * time, and ended with all that it started. docs/decisions/0018-child-processes.md says why no library does it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { startable } from './batch-file.js';
import { childEnvironment } from './child-env.js';
import { DepotError, type ErrorCode } from './errors.js';
import { type HandedSecret, type Handing, handOver } from './handed-secret.js';
import { codeOrSaid, printable } from './printable.js';
import { membersOf } from './process-group.js';
import { systemProgram } from './windows/programs.js';

export interface ChildOptions {
  /** Comes before the program's name in messages: `source crm.pgdump: command`. Arguments are not shown: they may hold secrets. */
  label?: string;
  /** What a failure is called. */
  code: ErrorCode;
  /** The same, when it takes too long; `code` otherwise. */
  timeoutCode?: ErrorCode;
  /** What to do when it cannot be started. */
  startHint?: string;
  /** The working directory; depot's own otherwise. */
  directory?: string;
  /** What it inherits, less depot's secrets. */
  env: NodeJS.ProcessEnv;
  /** Variables that it gets besides, whatever they are called. */
  setEnv?: Readonly<Record<string, string>>;
  /** What it alone is to know. */
  secret?: HandedSecret;
  timeoutMs?: number;
  /** What it reads on standard input, which is closed otherwise. */
  input?: string | Uint8Array;
  /** Ends the program; its reason is thrown. */
  signal?: AbortSignal | undefined;
  /** How long after SIGTERM comes SIGKILL. */
  graceMs?: number;
  /** Standard error: its last lines are kept, unless it goes nowhere or to a stream. */
  stderr?: 'ignore' | Writable;
  /** It may ask at depot's terminal and gets its Ctrl-C. It is then ended without what it started. */
  atTerminal?: boolean;
}

export interface RunOptions extends ChildOptions {
  /** Standard output is thrown away, unless it is kept or goes to a stream. */
  stdout?: 'keep' | Writable;
  /** More output than this is a failure. */
  maxBytes?: number;
  /** Another exit than with status 0 is no failure. */
  anyExit?: boolean;
}

export interface Ended {
  /** Null when a signal ended it. */
  status: number | null;
  signal: NodeJS.Signals | null;
  /** Empty unless it was kept. */
  output: Buffer;
  /** The last lines of its standard error, fit to print. */
  complaints: string[];
}

const GRACE_MS = 5_000;
/** A daemon that a program left behind may keep its stderr open for ever. */
const STDERR_AFTER_EXIT_MS = 500;
/** So may one its output: what still comes after the program has ended (`> >(tee log)`) comes soon. */
const OUTPUT_AFTER_EXIT_MS = 5_000;
const MAX_BYTES = 1024 * 1024;
/** What Node calls an error of Windows that it has no name for: as a rule a shortage that passes. Nothing was started. */
const UNNAMED_ERROR = 'UNKNOWN';
const MOST_RESTARTS = 3;
const RESTART_AFTER_MS = 300;

/**
 * Runs a program and yields its output, which is complete only once the generator has returned: until then the program may
 * still fail. When it fails, is stopped or takes too long, its whole process group ends. After a success, what it left
 * running without its output is its own business. Throws a DepotError of the code given, or the signal's reason.
 */
export async function* outputOf(argv: readonly string[], options: ChildOptions): AsyncGenerator<Uint8Array, void> {
  const child = await Child.start(argv, options, 'pipe');
  try {
    for await (const bytes of child.output()) yield bytes;
    await child.ended();
  } finally {
    await child.close();
  }
}

/** Runs a program to its end. Throws as `outputOf` does. */
export async function run(argv: readonly string[], options: RunOptions): Promise<Ended> {
  const { stdout = 'ignore', maxBytes = MAX_BYTES } = options;
  const child = await Child.start(argv, options, stdout === 'keep' ? 'pipe' : stdout);
  const pieces: Uint8Array[] = [];
  try {
    let length = 0;
    for await (const bytes of child.output()) {
      pieces.push(bytes);
      length += bytes.length;
      if (length > maxBytes) throw child.failure(`printed more than ${maxBytes / 1024} KiB, so depot stopped it`);
    }
    const exit = await child.ended(options.anyExit);
    return { ...exit, output: Buffer.concat(pieces), complaints: child.complaints() };
  } finally {
    // It may be a secret.
    for (const piece of pieces) piece.fill(0);
    await child.close();
  }
}

class Child {
  readonly #process: ChildProcess;
  readonly #name: string;
  readonly #options: ChildOptions;
  readonly #exit: Promise<Pick<Ended, 'status' | 'signal'>>;
  readonly #timer: NodeJS.Timeout | undefined;
  #stderr = Buffer.alloc(0);
  /** Why it was stopped before its end. */
  #stopped: { reason: unknown } | null = null;
  #stopping: Promise<void> = Promise.resolve();
  #succeeded = false;
  /** Somebody waits for more output: only then silence is the program's. */
  #waiting = false;
  #silence: NodeJS.Timeout | undefined;

  private constructor(process: ChildProcess, name: string, options: ChildOptions) {
    this.#process = process;
    this.#name = name;
    this.#options = options;
    this.#exit = new Promise((resolve) => process.once('exit', (status, signal) => resolve({ status, signal })));
    process.once('exit', () => this.#watchSilence());
    process.on('error', () => undefined); // what matters is the exit, and `start` reports a failed start
    // A program may end without having read it.
    process.stdin?.on('error', () => undefined).end(options.input);
    process.stderr?.on('data', (bytes: Buffer) => this.#keepLast(bytes)).on('error', () => undefined);
    if (options.timeoutMs !== undefined)
      this.#timer = setTimeout(
        () => this.#stop(hasExited(process) ? this.#heldOpen() : this.#timedOut()),
        options.timeoutMs,
      );
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  static async start(
    argv: readonly string[],
    options: ChildOptions,
    stdout: 'pipe' | 'ignore' | Writable,
  ): Promise<Child> {
    options.signal?.throwIfAborted();
    const name = [options.label, printable(argv[0] ?? '')].filter((word) => word !== undefined).join(' ');
    const what = startable(argv);
    if (what === undefined)
      throw new DepotError(
        options.code,
        `${name} could not be started: a batch file cannot take an argument that contains ", % or a line break`,
        { hint: 'put that argument in the batch file, or have it read the value from a file' },
      );
    for (let failed = 0; ; failed++) {
      let child: Child | undefined;
      const handed = options.secret === undefined ? nothing : handOver(options.secret);
      try {
        // It throws what it does not tell by an event: ENOTDIR, E2BIG, ELOOP.
        const started = spawn(what.file, [...handed.arguments, ...what.args], {
          cwd: options.directory,
          env: childEnvironment(options.env, { ...options.setEnv, ...handed.env }),
          stdio: [
            options.input === undefined ? 'ignore' : 'pipe',
            stdout,
            options.stderr ?? 'pipe',
            ...(handed.fd === null ? [] : [handed.fd]),
          ],
          // A process group of its own, so that what the program starts can be ended with it.
          detached: hasGroup(options),
          windowsHide: true,
          windowsVerbatimArguments: what.verbatim,
        });
        child = new Child(started, name, options);
        await once(started, 'spawn');
        return child;
      } catch (cause) {
        await child?.close();
        const code = codeOrSaid(cause);
        if (code === UNNAMED_ERROR && failed < MOST_RESTARTS) {
          await delay(RESTART_AFTER_MS);
          options.signal?.throwIfAborted();
          continue;
        }
        throw new DepotError(options.code, `${name} could not be started: ${reasonOf(code, options)}`, {
          hint: options.startHint ?? notStarted,
          cause,
        });
      } finally {
        if (handed.fd !== null) closeSync(handed.fd);
      }
    }
  }

  async *output(): AsyncGenerator<Uint8Array, void> {
    const { stdout } = this.#process;
    if (stdout === null) return;
    try {
      const chunks = stdout[Symbol.asyncIterator]();
      for (;;) {
        this.#waiting = true;
        this.#watchSilence();
        const next = await chunks.next();
        this.#waiting = false;
        clearTimeout(this.#silence);
        if (next.done === true) break;
        yield next.value as Uint8Array;
      }
    } catch (error) {
      if (this.#stopped === null) throw error;
    }
    await this.#throwIfStopped();
  }

  /** Waits for the exit. Throws when it was stopped, and, unless `any` will do, when it did not exit with status 0. */
  async ended(any = false): Promise<Pick<Ended, 'status' | 'signal'>> {
    const exit = await this.#exit;
    await this.#throwIfStopped();
    this.#succeeded = any || exit.status === 0;
    if (exit.status !== 0 && this.#process.stderr?.readableEnded === false)
      await Promise.race([once(this.#process, 'close').catch(() => undefined), delay(STDERR_AFTER_EXIT_MS)]);
    if (!this.#succeeded) throw this.failure(endedAs(exit));
    return exit;
  }

  /** Ends what still runs, unless all went well, and lets go of everything. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    if (this.#process.pid !== undefined && !this.#succeeded) this.#stop(null);
    await this.#stopping;
    this.#process.stdin?.destroy();
    this.#process.stdout?.destroy();
    this.#process.stderr?.destroy();
  }

  failure(what: string, code = this.#options.code, hint?: string): DepotError {
    const lines = this.complaints();
    const message = [`${this.#name} ${what}`, ...lines.map((line) => `  ${line}`)].join('\n');
    const said = lines.length === 0 ? '; it printed nothing on stderr' : '';
    return new DepotError(code, message, {
      hint: hint ?? `run the command yourself, as the account that depot runs as${said}`,
    });
  }

  /** At most `KEPT_LINES`, fit to print. */
  complaints(): string[] {
    const lines = this.#stderr
      .toString('utf8')
      .split(/\r?\n/)
      .map((line) => line.replaceAll('\t', ' ').trimEnd())
      .filter((line) => line.trim() !== '');
    return lines
      .slice(-KEPT_LINES)
      .map((line) => printable(line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line));
  }

  #keepLast(bytes: Uint8Array): void {
    this.#stderr = Buffer.concat([this.#stderr, bytes.subarray(-KEPT_BYTES)]).subarray(-KEPT_BYTES);
  }

  async #throwIfStopped(): Promise<void> {
    if (this.#stopped === null) return;
    await this.#stopping;
    throw this.#stopped.reason;
  }

  #onAbort = (): void => this.#stop(this.#options.signal?.reason);

  #stop(reason: unknown): void {
    if (this.#stopped !== null) return;
    this.#stopped = { reason };
    this.#stopping = end(this.#process, this.#options).then(() => void this.#process.stdout?.destroy());
  }

  /** The program has ended, but not its output: how long that may be waited for. */
  #watchSilence(): void {
    if (!this.#waiting || !hasExited(this.#process) || this.#stopped !== null) return;
    clearTimeout(this.#silence);
    const { exitCode: status, signalCode: signal } = this.#process;
    this.#silence =
      status === 0
        ? setTimeout(() => this.#stop(this.#heldOpen()), OUTPUT_AFTER_EXIT_MS)
        : setTimeout(() => this.#stop(this.failure(endedAs({ status, signal }))), STDERR_AFTER_EXIT_MS);
  }

  /** How what went on behind it ended is not known, so what it printed cannot be taken for complete. */
  #heldOpen(): DepotError {
    const left = hasGroup(this.#options) ? membersOf(this.#process.pid!) : [];
    const holder = left.length === 0 ? 'a process that it started' : `${left.join(', ')}, which it started,`;
    return this.failure(
      `has exited, but ${holder} still holds its output open`,
      this.#options.code,
      'make the command wait for what it starts; or, if that prints none of the data, redirect its output: … > /dev/null 2>&1 &',
    );
  }

  #timedOut(): DepotError {
    const { code, timeoutCode = code, timeoutMs = 0 } = this.#options;
    return this.failure(`took longer than ${timeoutMs / 1000} s, so depot stopped it`, timeoutCode);
  }
}

const nothing: Handing = { arguments: [], env: {}, fd: null };

function reasonOf(code: string, { directory }: ChildOptions): string {
  if (code === 'ENOENT')
    return `no such command${directory === undefined ? '' : ', or no such directory to run it in'}`;
  return code === 'E2BIG' ? 'its arguments and environment are too long for the system' : code;
}

const notStarted =
  process.platform === 'win32'
    ? 'check that the command exists and that this account may run it; give a batch file its .cmd or .bat'
    : 'check that the command exists and that this account may run it';

const KEPT_LINES = 20;
const KEPT_BYTES = 16_384;
const LINE_LENGTH = 300;

function endedAs({ status, signal }: Pick<Ended, 'status' | 'signal'>): string {
  return status === null ? `was killed by ${signal ?? 'a signal'}` : `exited with status ${status}`;
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function hasGroup({ atTerminal = false }: ChildOptions): boolean {
  return process.platform !== 'win32' && !atTerminal;
}

/** Ends a program with everything in its process group: politely, then not. */
async function end(child: ChildProcess, options: ChildOptions): Promise<void> {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') {
    await endTree(child);
  } else {
    // A number below 0 is a group. A child that was waited for is not signalled by number: another process may have it now.
    const send = hasGroup(options)
      ? (signal: NodeJS.Signals | 0) => sent(-child.pid!, signal)
      : (signal: NodeJS.Signals | 0) => child.kill(signal);
    const deadline = Date.now() + (options.graceMs ?? GRACE_MS);
    for (let alive = send('SIGTERM'); alive && Date.now() < deadline; alive = send(0)) await delay(20);
    send('SIGKILL');
  }
  if (!hasExited(child)) await once(child, 'exit');
}

/** Windows has no groups of processes, but a program that ends one with all that it started. When that fails, the process itself has to do. */
async function endTree(child: ChildProcess): Promise<void> {
  // Another process may have its number now, and what it started is not found without it.
  if (hasExited(child)) return;
  const ended = await new Promise<boolean>((resolve) => {
    const taskkill = spawn(systemProgram('taskkill'), ['/pid', String(child.pid), '/T', '/F'], {
      stdio: 'ignore',
      windowsHide: true,
      timeout: GRACE_MS,
    });
    taskkill.once('error', () => resolve(false)).once('exit', (status) => resolve(status === 0));
  }).catch(() => false);
  if (!ended) child.kill();
}

/** False when nobody is there any more. */
function sent(to: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(to, signal);
  } catch {
    return false;
  }
}
