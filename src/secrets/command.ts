import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

import { childEnvironment } from '../child-env.js';
import { DepotError } from '../errors.js';
import { codeOrSaid, printable } from '../printable.js';
import { membersOf } from '../process-group.js';
import { accountName } from './readers.js';
import { secretName, type SecretRequest, type SecretSource } from './request.js';
import { longestSecret, secretFrom } from './text.js';

/** Long enough for a vault that asks for a touch of a key. */
const timeLimitMs = 60_000;
const shownLines = 20;
/** What still comes after the command has ended comes soon. */
const afterExitMs = 2_000;

/** `passwordCommand:` and its kin: what the command prints is the secret. */
export const configuredCommand: SecretSource = {
  async find(request) {
    const [program, ...parameters] = request.refs.command ?? [];
    if (program === undefined) return null;
    const from = `command ${printable(program)}`;
    return { value: secretFrom(await run(program, parameters, request), `the output of ${from}`), from };
  },
  describe({ refs }) {
    const program = refs.command?.[0];
    if (program === undefined) return Promise.resolve([]);
    return Promise.resolve([
      {
        source: 'config' as const,
        where: `command ${printable(program)}`,
        present: 'unknown' as const,
        readableBy: `whoever the command answers; now ${accountName()}`,
      },
    ]);
  },
};

/**
 * Runs without a shell, stdin closed, in the config's directory. What it prints on stdout goes nowhere but into the
 * result; the last lines of stderr are shown when it fails.
 */
export async function run(
  program: string,
  parameters: readonly string[],
  request: Pick<SecretRequest, 'kind' | 'env' | 'configDirectory' | 'signal'>,
  limitMs = timeLimitMs,
): Promise<Buffer> {
  const name = `${printable(program)} (for the ${secretName[request.kind]})`;
  request.signal?.throwIfAborted();
  const posix = process.platform !== 'win32';
  const child = start(program, parameters, request, name);
  const stopped = { because: '' };
  const kill = (): void => {
    try {
      if (posix && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      else child.kill('SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };

  const output: Buffer[] = [];
  let length = 0;
  let complaints = '';
  child.stdout.on('data', (bytes: Buffer) => {
    length += bytes.length;
    if (length <= longestSecret) {
      output.push(bytes);
      return;
    }
    stopped.because = `more than ${longestSecret / 1024} KiB of output`;
    kill();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    complaints = (complaints + bytes.toString('utf8')).slice(-16_384);
  });
  const timer = setTimeout(() => {
    stopped.because = `no answer in ${limitMs / 1000} s`;
    kill();
  }, limitMs);
  let lingering: NodeJS.Timeout | undefined;
  request.signal?.addEventListener('abort', kill, { once: true });
  try {
    const status = await new Promise<string>((resolve, reject) => {
      child.on('error', reject);
      const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
        resolve(code === 0 ? '' : signal === null ? `exit ${String(code)}` : `killed by ${signal}`);
      };
      child.on('close', ended);
      // What it left running may keep its output open for ever.
      child.on('exit', (code, signal) => {
        lingering = setTimeout(() => {
          const left = child.pid === undefined ? [] : membersOf(child.pid);
          if (code === 0)
            stopped.because ||= `it has ended, but ${left.length === 0 ? 'a process that it started' : `${left.join(', ')}, which it started,`} keeps its output open`;
          kill();
          ended(code, signal);
        }, afterExitMs);
      });
    });
    request.signal?.throwIfAborted();
    const failure = stopped.because || status;
    if (failure === '') return Buffer.concat(output);
    const lines = complaints
      .split(/\r?\n/)
      .filter((line) => line !== '')
      .slice(-shownLines)
      .map((line) => `\n  ${printable(line)}`);
    throw new DepotError('secret-missing', `${name} failed: ${failure}${lines.join('')}`, {
      hint: 'run the command by hand, as the account that depot runs as',
    });
  } catch (error) {
    if (error instanceof DepotError || request.signal?.aborted === true) throw error;
    throw cannotStart(name, error);
  } finally {
    clearTimeout(timer);
    clearTimeout(lingering);
    child.stdout.destroy();
    child.stderr.destroy();
    request.signal?.removeEventListener('abort', kill);
    for (const bytes of output) bytes.fill(0);
  }
}

function start(
  program: string,
  parameters: readonly string[],
  request: Pick<SecretRequest, 'env' | 'configDirectory'>,
  name: string,
): ChildProcessByStdio<null, Readable, Readable> {
  let child: ChildProcessByStdio<null, Readable, Readable>;
  try {
    // It throws what it does not tell by an event: ENOTDIR, E2BIG, ELOOP.
    child = spawn(program, parameters, {
      cwd: request.configDirectory,
      env: childEnvironment(request.env),
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      // A group of its own, so that what the command has started ends with it.
      detached: process.platform !== 'win32',
    });
  } catch (error) {
    throw cannotStart(name, error);
  }
  if ((child.stdout as Readable | undefined) !== undefined) return child;
  // No descriptor was left for its pipes; that comes as an event as well.
  child.on('error', () => undefined);
  throw cannotStart(name, Object.assign(new Error('too many open files'), { code: 'EMFILE' }));
}

function cannotStart(name: string, error: unknown): DepotError {
  return new DepotError('secret-missing', `${name} cannot be started: ${codeOrSaid(error)}`, {
    hint: 'check that the program exists and may be run',
    cause: error,
  });
}
