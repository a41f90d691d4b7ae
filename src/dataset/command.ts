import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { childEnvironment } from '../child-env.js';
import { DepotError } from '../errors.js';
import { codeOrSaid, printable } from '../printable.js';
import { membersOf } from '../process-group.js';

export interface CommandOptions {
  /** What runs, for messages: `source crm.pgdump: command`. */
  label: string;
  /** The working directory. */
  directory: string;
  env?: Record<string, string>;
  timeoutMs?: number;
  /** What it reads on standard input, which is closed otherwise. */
  input?: string;
  /** Ends the command; its reason is thrown. */
  signal?: AbortSignal;
  /** How long after SIGTERM comes SIGKILL. */
  graceMs?: number;
}

const GRACE_MS = 5_000;
/** A daemon that a command left behind may keep its stderr open for ever. */
const STDERR_AFTER_EXIT_MS = 500;
/** So may one its output: what still comes after the command has ended (`> >(tee log)`) comes soon. */
const OUTPUT_AFTER_EXIT_MS = 5_000;

/**
 * Runs a command without a shell and yields its output. It must exit with status 0 in time, which is known only after the
 * last byte: whoever uses the output must not take it for complete before the generator has returned.
 *
 * When it fails, is stopped or takes too long, its whole process group ends. After a success, what it left running, and what does
 * not keep its output open, is its own business.
 *
 * @throws DepotError 'source-failed' (with the last lines of its stderr), 'source-timed-out'; the signal's reason
 */
export async function* outputOf(argv: readonly string[], options: CommandOptions): AsyncGenerator<Uint8Array, void> {
  const command = await Command.start(argv, options, 'pipe');
  try {
    for await (const bytes of command.output()) yield bytes;
    await command.succeeded();
  } finally {
    await command.close();
  }
}

/** Runs a command to its end; its output is thrown away. Throws as `outputOf` does. */
export async function run(argv: readonly string[], options: CommandOptions): Promise<void> {
  const command = await Command.start(argv, options, 'ignore');
  try {
    await command.succeeded();
  } finally {
    await command.close();
  }
}

class Command {
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #options: CommandOptions;
  readonly #stderr = new LastLines();
  readonly #exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #timer: NodeJS.Timeout | undefined;
  /** Why it was stopped before its end. */
  #stopped: { reason: unknown } | null = null;
  #stopping: Promise<void> = Promise.resolve();
  #succeeded = false;
  /** Somebody waits for more output: only then silence is the command's. */
  #waiting = false;
  #silence: NodeJS.Timeout | undefined;

  private constructor(child: ChildProcess, name: string, options: CommandOptions) {
    this.#child = child;
    this.#name = name;
    this.#options = options;
    this.#exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    child.once('exit', () => this.#watchSilence());
    child.on('error', () => undefined); // what matters is the exit, and `start` reports a failed start
    // A command may end without having read it.
    child.stdin?.on('error', () => undefined).end(options.input);
    child.stderr?.on('data', (bytes: Uint8Array) => this.#stderr.add(bytes)).on('error', () => undefined);
    if (options.timeoutMs !== undefined)
      this.#timer = setTimeout(
        () => this.#stop(this.#hasExited ? this.#heldOpen() : this.#timedOut()),
        options.timeoutMs,
      );
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  static async start(argv: readonly string[], options: CommandOptions, stdout: 'pipe' | 'ignore'): Promise<Command> {
    options.signal?.throwIfAborted();
    const [file = '', ...args] = argv;
    const name = printable(file);
    let command: Command | undefined;
    try {
      // It throws what it does not tell by an event: ENOTDIR, E2BIG, ELOOP.
      const child = spawn(file, args, {
        cwd: options.directory,
        env: childEnvironment(process.env, options.env),
        stdio: [options.input === undefined ? 'ignore' : 'pipe', stdout, 'pipe'],
        // A process group of its own, so that what the command starts can be ended with it.
        detached: process.platform !== 'win32',
        windowsHide: true,
      });
      command = new Command(child, name, options);
      await once(child, 'spawn');
      return command;
    } catch (cause) {
      await command?.close();
      const { code } = cause as NodeJS.ErrnoException;
      const reason =
        code === 'ENOENT'
          ? 'no such command, or no such directory to run it in'
          : code === 'E2BIG'
            ? 'its arguments and environment are too long for the system'
            : codeOrSaid(cause);
      throw new DepotError('source-failed', `${options.label} ${name} could not be started: ${reason}`, {
        hint: 'check that the command is there and may be run by this account',
        cause,
      });
    }
  }

  async *output(): AsyncGenerator<Uint8Array, void> {
    try {
      const chunks = this.#child.stdout![Symbol.asyncIterator]();
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

  /** Waits for the exit. */
  async succeeded(): Promise<void> {
    const { code, signal } = await this.#exited;
    await this.#throwIfStopped();
    if (code === 0) {
      this.#succeeded = true;
      return;
    }
    const closed = once(this.#child, 'close').catch(() => undefined);
    if (this.#child.stderr?.readableEnded === false) await Promise.race([closed, delay(STDERR_AFTER_EXIT_MS)]);
    throw this.#failure('source-failed', endedAs(code, signal));
  }

  /** Ends what still runs, unless all went well, and lets go of everything. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    if (this.#child.pid !== undefined && !this.#succeeded) this.#stop(null);
    await this.#stopping;
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
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
    this.#stopping = endGroup(this.#child, this.#options.graceMs ?? GRACE_MS).then(
      () => void this.#child.stdout?.destroy(),
    );
  }

  get #hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** The command has ended, but not its output: how long that may be waited for. */
  #watchSilence(): void {
    if (!this.#waiting || !this.#hasExited || this.#stopped !== null) return;
    clearTimeout(this.#silence);
    const { exitCode, signalCode } = this.#child;
    this.#silence =
      exitCode === 0
        ? setTimeout(() => this.#stop(this.#heldOpen()), OUTPUT_AFTER_EXIT_MS)
        : setTimeout(
            () => this.#stop(this.#failure('source-failed', endedAs(exitCode, signalCode))),
            STDERR_AFTER_EXIT_MS,
          );
  }

  /** How what went on behind it ended is not known, so what it printed cannot be taken for complete. */
  #heldOpen(): DepotError {
    const left = membersOf(this.#child.pid!);
    const holder = left.length === 0 ? 'a process that it started' : `${left.join(', ')}, which it started,`;
    return this.#failure(
      'source-failed',
      `has ended, but ${holder} keeps its output open`,
      'let the command wait for what it starts; or, where that is none of the data, start it with its output elsewhere: … > /dev/null 2>&1 &',
    );
  }

  #timedOut(): DepotError {
    return this.#failure(
      'source-timed-out',
      `took longer than ${(this.#options.timeoutMs ?? 0) / 1000} s and was ended`,
    );
  }

  #failure(code: 'source-failed' | 'source-timed-out', what: string, hint?: string): DepotError {
    const lines = this.#stderr.lines();
    const message = [`${this.#options.label} ${this.#name} ${what}`, ...lines.map((line) => `  ${line}`)].join('\n');
    return new DepotError(code, message, {
      hint:
        hint ??
        (lines.length === 0 ? 'run the command by hand; it said nothing on stderr' : 'see what the command said above'),
    });
  }
}

function endedAs(code: number | null, signal: NodeJS.Signals | null): string {
  return code === null ? `was ended by ${signal ?? 'a signal'}` : `exited with status ${code}`;
}

/** Ends a command with everything in its process group: politely, then not. */
async function endGroup(child: ChildProcess, graceMs: number): Promise<void> {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') {
    spawn('taskkill', ['/pid', String(child.pid), '/T', '/F'], { stdio: 'ignore', windowsHide: true }).on('error', () =>
      child.kill(),
    );
    await once(child, 'exit');
    return;
  }
  const group = -child.pid;
  const deadline = Date.now() + graceMs;
  for (let alive = signalGroup(group, 'SIGTERM'); alive && Date.now() < deadline; alive = signalGroup(group, 0))
    await delay(20);
  signalGroup(group, 'SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** False when nobody is in the group any more. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(group, signal);
    return true;
  } catch {
    return false;
  }
}

const KEPT_LINES = 20;
const KEPT_OCTETS = 16_384;
const LINE_LENGTH = 300;

/** The last lines of what a command says, in bounded memory. */
class LastLines {
  #tail = Buffer.alloc(0);

  add(bytes: Uint8Array): void {
    this.#tail = Buffer.concat([this.#tail, bytes.subarray(-KEPT_OCTETS)]).subarray(-KEPT_OCTETS);
  }

  /** At most `KEPT_LINES`, fit to print. */
  lines(): string[] {
    const lines = this.#tail
      .toString('utf8')
      .split(/\r?\n/)
      .filter((line) => line.trim() !== '');
    return lines
      .slice(-KEPT_LINES)
      .map((line) => printable(line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line));
  }
}
