import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type ChildOptions, outputOf, run } from '../src/child.js';
import { tempDir } from './support/cleanup.js';

const sh = (script: string) => ['sh', '-c', script];
const options: ChildOptions = {
  label: 'source dump: command',
  code: 'source-failed',
  timeoutCode: 'source-timed-out',
  directory: '/',
  env: process.env,
};

async function output(argv: string[], more: Partial<ChildOptions> = {}): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const bytes of outputOf(argv, { ...options, ...more })) pieces.push(bytes);
  return Buffer.concat(pieces).toString();
}

/** True while a process exists and is no zombie. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('a command', () => {
  test('gives all its output, however much', async () => {
    const content = await output(['seq', '1', '200000']);
    expect(content.length).toBe(1_288_895);
    expect(content.endsWith('\n200000\n')).toBe(true);
  });

  test('runs without a shell, in the given directory, with nothing on stdin', async () => {
    expect(await output(['printf', '%s', '$HOME; ls'])).toBe('$HOME; ls');
    const directory = tempDir();
    expect((await output(['pwd'], { directory })).trim()).toBe(directory);
    expect(await output(['cat'])).toBe('');
  });

  test('has the environment of depot without the secrets, plus its own variables', async () => {
    process.env['DEPOT_PASSWORD'] = 'hunter2';
    process.env['CREDENTIALS_DIRECTORY'] = '/run/credentials';
    process.env['KEPT'] = 'kept';
    try {
      const names = (await output(['env'], { setEnv: { PGUSER: 'depot' } })).split('\n');
      expect(names).toContain('KEPT=kept');
      expect(names).toContain('PGUSER=depot');
      expect(names.filter((line) => /^(?:DEPOT_|CREDENTIALS_DIRECTORY)/.test(line))).toEqual([]);
    } finally {
      for (const name of ['DEPOT_PASSWORD', 'CREDENTIALS_DIRECTORY', 'KEPT']) Reflect.deleteProperty(process.env, name);
    }
  });

  test('that fails after half its output is a failed source, and the error has its stderr', async () => {
    const failing = output(sh('echo half; echo "connection to server lost" >&2; exit 3'));
    await expect(failing).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source dump: command sh exited with status 3\n  connection to server lost',
    });
  });

  test('that is ended by a signal is a failed source', async () => {
    await expect(output(sh('echo half; kill -SEGV $$'))).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source dump: command sh was killed by SIGSEGV',
    });
  });

  test('that fails shows the last 20 lines of its stderr, escaped, and none of its arguments', async () => {
    const error: unknown = await output(
      sh(
        'for i in $(seq 1 50); do echo "line $i" >&2; done; printf "\\033[2Jx\\n" >&2; printf "%01000d" 0 >&2; exit 1 # --password=hunter2',
      ),
    ).catch((e: unknown) => e);
    const lines = (error as Error).message.split('\n');
    expect(lines).toHaveLength(21);
    expect(lines[1]).toBe('  line 33');
    expect(lines[19]).toBe('  \\x1b[2Jx');
    expect(lines[20].length).toBeLessThan(310);
    expect(lines.join('')).not.toMatch(/\x1b|hunter2/);
  });

  test('may write any amount to stderr', async () => {
    expect(await output(sh('head -c 5000000 /dev/zero >&2; echo done'))).toBe('done\n');
  });

  test.each([
    [['/no/such/command'], '/'],
    [['no-such-command'], '/'],
    [['true'], '/no/such/directory'],
  ])('%j in %s could not be started', async (argv, directory) => {
    await expect(output(argv, { directory })).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringMatching(/could not be started: no such command, or no such directory/),
    });
  });

  // Node throws these; the errors above come as an event.
  test.each([
    ['below a file', ['/etc/passwd/command'], 'ENOTDIR'],
    [
      'with arguments that are too long',
      ['true', 'x'.repeat(200_000)],
      'its arguments and environment are too long for the system',
    ],
  ])('%s could not be started', async (_, argv, why) => {
    await expect(output(argv)).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringMatching(new RegExp(`could not be started: ${why}$`)),
    });
  });

  test('that is not a program could not be started', async () => {
    const path = join(tempDir(), 'text');
    writeFileSync(path, 'text');
    await expect(output([path])).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringContaining('EACCES'),
    });
  });
});

describe('a command that takes too long', () => {
  let pids: number[] = [];
  afterEach(() => {
    const left = pids.filter(isRunning);
    pids = [];
    for (const pid of left) process.kill(pid, 'SIGKILL');
    expect(left).toEqual([]);
  });

  test('is ended with everything that it started', async () => {
    const file = join(tempDir(), 'pids');
    const hanging = output(sh(`sleep 600 & echo $$ $! > ${file}; echo half; wait`), { timeoutMs: 300 });
    await expect(hanging).rejects.toMatchObject({
      code: 'source-timed-out',
      message: 'source dump: command sh took longer than 0.3 s, so depot stopped it',
    });
    pids = readFileSync(file, 'utf8').trim().split(' ').map(Number);
    expect(pids).toHaveLength(2);
    await until(() => !pids.some(isRunning));
  });

  test('and ignores SIGTERM is killed', async () => {
    const file = join(tempDir(), 'pids');
    const hanging = output(sh(`trap '' TERM; echo $$ > ${file}; echo half; while :; do sleep 0.05; done`), {
      timeoutMs: 300,
      graceMs: 100,
    });
    await expect(hanging).rejects.toMatchObject({ code: 'source-timed-out' });
    pids = [Number(readFileSync(file, 'utf8'))];
    await until(() => !pids.some(isRunning));
  });

  test('is ended even if it has closed its output', async () => {
    await expect(output(sh('echo half; exec >&-; sleep 600'), { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'source-timed-out',
    });
  });

  test('is ended by an abort, and fails with the reason of the abort', async () => {
    const abort = new AbortController();
    const file = join(tempDir(), 'pid');
    const hanging = output(sh(`echo $$ > ${file}; sleep 600`), { signal: abort.signal });
    const settled = expect(hanging).rejects.toThrow('interrupted');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    abort.abort(new Error('interrupted'));
    await settled;
    pids = [Number(readFileSync(file, 'utf8'))];
  });

  test('is ended when nobody reads its output any more', async () => {
    const file = join(tempDir(), 'pid');
    for await (const bytes of outputOf(sh(`echo $$ > ${file}; yes`), options)) {
      expect(bytes.length).toBeGreaterThan(0);
      break;
    }
    pids = [Number(readFileSync(file, 'utf8'))];
    await until(() => !pids.some(isRunning));
  });
});

describe('a command that ends while a process that it started keeps its output open', () => {
  const file = join(tempDir(), 'pid');
  const background = (after: string) => sh(`echo data; sleep 600 & echo $! > ${file}; ${after}`);
  const ended = () => until(() => !isRunning(Number(readFileSync(file, 'utf8'))));
  const named =
    process.platform === 'linux'
      ? /^source dump: command sh has exited, but sleep \(process \d+\), which it started, still holds its output open$/
      : /holds its output open/;

  test('fails with the name of that process, even when its time is up, and that process is ended', async () => {
    await expect(output(background('exit 0'), { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringMatching(named),
      hint: expect.stringContaining('wait for what it starts'),
    });
    await ended();
  });

  test('fails like that without a timeout, too', async () => {
    await expect(output(background('exit 0'))).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringMatching(named),
    });
    await ended();
  }, 20_000);

  test('fails at once if its own exit status is not 0', async () => {
    await expect(output(background('exit 7'), { timeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source dump: command sh exited with status 7',
    });
    await ended();
  });

  test('is stopped by an abort, and so is that process', async () => {
    const stop = new AbortController();
    const running = output(background('exit 0'), { signal: stop.signal });
    const failed = expect(running).rejects.toThrow('terminated');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    stop.abort(new Error('terminated'));
    await failed;
    await ended();
  });

  test('succeeds with all output if that process ends a moment later', async () => {
    expect(await output(sh('(sleep 0.3; echo late) & echo early'))).toBe('early\nlate\n');
  });
});

test('run does not wait for a daemon that the command leaves behind', async () => {
  const file = join(tempDir(), 'pid');
  const daemon = `sleep 600 & echo $! > ${file}`;
  await run(sh(daemon), options);
  const pid = Number(readFileSync(file, 'utf8'));
  expect(isRunning(pid)).toBe(true);
  process.kill(pid);
  // Nor does it if the command fails: the stderr that the daemon keeps open is not waited for, and the daemon is ended.
  const failed = run(sh(`${daemon}; echo failed >&2; exit 1`), options);
  await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('failed') });
  await until(() => !isRunning(Number(readFileSync(file, 'utf8'))));
});

describe('a program that is run to its end', () => {
  test('gives its exit status or signal and its stderr, and its output if that is to be kept', async () => {
    expect(await run(sh('echo out'), options)).toMatchObject({ status: 0, output: Buffer.alloc(0), complaints: [] });
    const ended = await run(sh('cat; echo odd >&2; exit 7'), {
      ...options,
      input: 'given\n',
      stdout: 'keep',
      anyExit: true,
    });
    expect(ended).toEqual({ status: 7, signal: null, output: Buffer.from('given\n'), complaints: ['odd'] });
    const killed = await run(sh('kill -TERM $$'), { ...options, anyExit: true });
    expect(killed).toMatchObject({ status: null, signal: 'SIGTERM' });
  });

  test('is ended if it prints more than maxBytes', async () => {
    expect((await run(sh('printf 1234'), { ...options, stdout: 'keep', maxBytes: 4 })).output.toString()).toBe('1234');
    await expect(run(['yes'], { ...options, stdout: 'keep', maxBytes: 65_536 })).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source dump: command yes printed more than 64 KiB, so depot stopped it',
    });
  });

  test('need not read its input', async () => {
    await run(['true'], { ...options, input: 'x'.repeat(1_000_000) });
  });

  test('has a process group of its own, unless it runs at the terminal', async () => {
    const group = async (more: Partial<ChildOptions>) => {
      const { output: bytes } = await run(sh('ps -o pgid= -p $$; echo $$'), { ...options, ...more, stdout: 'keep' });
      const [pgid, pid] = bytes.toString().trim().split(/\s+/);
      return pgid === pid;
    };
    expect(await group({})).toBe(true);
    expect(await group({ atTerminal: true })).toBe(false);
  });

  test('at the terminal is ended by an abort, even if it ignores SIGTERM', async () => {
    const abort = new AbortController();
    const file = join(tempDir(), 'pid');
    const running = run(sh(`trap '' TERM; echo $$ > ${file}; while :; do sleep 0.05; done`), {
      ...options,
      atTerminal: true,
      graceMs: 100,
      signal: abort.signal,
    });
    const settled = expect(running).rejects.toThrow('interrupted');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    abort.abort(new Error('interrupted'));
    await settled;
    expect(isRunning(Number(readFileSync(file, 'utf8')))).toBe(false);
  });
});
