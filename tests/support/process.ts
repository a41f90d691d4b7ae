import { spawn } from 'node:child_process';

export interface Finished {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** stdout as it came, for what is not text. */
  bytes: Buffer;
}

export interface RunOptions {
  cwd?: string;
  /** The whole environment, not an addition to it. */
  env?: NodeJS.ProcessEnv;
  input?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** After this time the process is killed and the promise rejects. */
  timeoutMs?: number;
  uid?: number;
  gid?: number;
  /** Called with the process when it has started, for tests that send it signals. */
  started?: (child: { pid: number; kill: (signal: NodeJS.Signals) => void }) => void;
  /** Called with all of stderr so far whenever more of it comes. */
  heard?: (stderr: string) => void;
}

/** Runs a program to its end, without a shell; a non-zero exit is a result, not an error. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout!.on('data', (b: Buffer) => out.push(b));
  child.stderr!.on('data', (b: Buffer) => {
    err.push(b);
    options.heard?.(Buffer.concat(err).toString());
  });
  if (child.pid !== undefined) options.started?.({ pid: child.pid, kill: (signal) => child.kill(signal) });
  const limit = options.timeoutMs ?? 120_000;
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort();
    child.kill('SIGKILL');
  }, limit);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
  if (options.input !== undefined) feed(child.stdin!, options.input);
  try {
    const { code, signal } = await ended;
    const bytes = Buffer.concat(out);
    const stderr = Buffer.concat(err).toString();
    if (late.signal.aborted)
      throw new Error(
        `${program} ${args.join(' ')}: not done after ${limit} ms\n${bytes.toString().slice(-2000)}\n${stderr.slice(-2000)}`,
      );
    return { code, signal, bytes, stdout: bytes.toString(), stderr };
  } finally {
    clearTimeout(timer);
  }
}

/** Like `run`, for steps that must succeed: rejects with what the program said. */
export async function mustRun(program: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const result = await run(program, args, options);
  if (result.code !== 0)
    throw new Error(
      `${program} ${args.join(' ')}: exit ${result.code ?? result.signal ?? '?'}\n${result.stderr}\n${result.stdout.slice(-2000)}`,
    );
  return result;
}

function feed(stdin: NodeJS.WritableStream, input: NonNullable<RunOptions['input']>): void {
  // A program may stop reading before the end (`head`, a refusal): that is its result, not our failure.
  stdin.on('error', () => undefined);
  if (typeof input === 'string' || input instanceof Uint8Array) {
    stdin.end(input);
    return;
  }
  void (async () => {
    for await (const chunk of input)
      if (!stdin.write(chunk)) await new Promise((resolve) => stdin.once('drain', resolve));
    stdin.end();
  })();
}

/** Waits until `what` gives something other than undefined or false; asks again every few milliseconds. */
export async function eventually<T>(
  what: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 15_000,
  meaning = 'the condition',
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const result = await what();
    if (result !== undefined && result !== false) return result;
    if (Date.now() > end) throw new Error(`${meaning} did not come true in ${limitMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
