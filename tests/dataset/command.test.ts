import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { outputOf, run } from '../../src/dataset/command.js';
import { tempDir } from '../support/cleanup.js';
import { commandSource, directorySource, fileSource, member, pack, stdinSource } from './packing.js';

const sh = (script: string) => ['sh', '-c', script];
const options = { label: 'source dump: command', directory: '/' };

async function output(argv: string[], more: Partial<Parameters<typeof outputOf>[1]> = {}): Promise<string> {
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
  test('gives its output, however much', async () => {
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

  test('has the environment of depot less its secrets, and its own', async () => {
    process.env['DEPOT_PASSWORD'] = 'hunter2';
    process.env['CREDENTIALS_DIRECTORY'] = '/run/credentials';
    process.env['KEPT'] = 'kept';
    try {
      const names = (await output(['env'], { env: { PGUSER: 'depot' } })).split('\n');
      expect(names).toContain('KEPT=kept');
      expect(names).toContain('PGUSER=depot');
      expect(names.filter((line) => /^(?:DEPOT_|CREDENTIALS_DIRECTORY)/.test(line))).toEqual([]);
    } finally {
      for (const name of ['DEPOT_PASSWORD', 'CREDENTIALS_DIRECTORY', 'KEPT']) Reflect.deleteProperty(process.env, name);
    }
  });

  test('that fails after half its output is a failed source, with what it said', async () => {
    const failing = output(sh('echo half; echo "connection to server lost" >&2; exit 3'));
    await expect(failing).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source dump: command sh exited with status 3\n  connection to server lost',
    });
  });

  test('that is ended by a signal is a failed source', async () => {
    await expect(output(sh('echo half; kill -SEGV $$'))).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source dump: command sh was ended by SIGSEGV',
    });
  });

  test('shows the last 20 lines of its stderr, fit to print, and no argument', async () => {
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

  test('may say as much on stderr as it likes', async () => {
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

  // These are thrown where the others come as an event.
  test.each([
    ['below a file', ['/etc/passwd/command'], 'ENOTDIR'],
    [
      'with too much to say to it',
      ['true', 'x'.repeat(200_000)],
      'its arguments and environment are too long for the system',
    ],
  ])('%s could not be started', async (_, argv, why) => {
    await expect(output(argv)).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringMatching(new RegExp(`could not be started: ${why}$`)),
    });
  });

  test('that is no program could not be started', async () => {
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
      message: 'source dump: command sh took longer than 0.3 s and was ended',
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

  test('after it closed its output has taken too long all the same', async () => {
    await expect(output(sh('echo half; exec >&-; sleep 600'), { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'source-timed-out',
    });
  });

  test('is ended on abort, with its reason', async () => {
    const abort = new AbortController();
    const file = join(tempDir(), 'pid');
    const hanging = output(sh(`echo $$ > ${file}; sleep 600`), { signal: abort.signal });
    const settled = expect(hanging).rejects.toThrow('interrupted');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    abort.abort(new Error('interrupted'));
    await settled;
    pids = [Number(readFileSync(file, 'utf8'))];
  });

  test('is ended when nobody wants its output any more', async () => {
    const file = join(tempDir(), 'pid');
    for await (const bytes of outputOf(sh(`echo $$ > ${file}; yes`), options)) {
      expect(bytes.length).toBeGreaterThan(0);
      break;
    }
    pids = [Number(readFileSync(file, 'utf8'))];
    await until(() => !pids.some(isRunning));
  });
});

describe('a command that ends before a process that it started, which keeps its output open', () => {
  const file = join(tempDir(), 'pid');
  const background = (after: string) => sh(`echo data; sleep 600 & echo $! > ${file}; ${after}`);
  const ended = () => until(() => !isRunning(Number(readFileSync(file, 'utf8'))));
  const named =
    process.platform === 'linux'
      ? /^source dump: command sh has ended, but sleep \(process \d+\), which it started, keeps its output open$/
      : /keeps its output open/;

  test('is named as that, also when the time is up, and all of it ends', async () => {
    await expect(output(background('exit 0'), { timeoutMs: 300 })).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringMatching(named),
      hint: expect.stringContaining('wait for what it starts'),
    });
    await ended();
  });

  test('needs no timeout to be found', async () => {
    await expect(output(background('exit 0'))).rejects.toMatchObject({
      code: 'source-failed',
      message: expect.stringMatching(named),
    });
    await ended();
  }, 20_000);

  test('has failed when its own status says so, at once', async () => {
    await expect(output(background('exit 7'), { timeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source dump: command sh exited with status 7',
    });
    await ended();
  });

  test('is stopped with it by a signal', async () => {
    const stop = new AbortController();
    const running = output(background('exit 0'), { signal: stop.signal });
    const failed = expect(running).rejects.toThrow('terminated');
    await until(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
    stop.abort(new Error('terminated'));
    await failed;
    await ended();
  });

  test('has all of its output when that ends a moment later', async () => {
    expect(await output(sh('(sleep 0.3; echo late) & echo early'))).toBe('early\nlate\n');
  });
});

describe('prepare and cleanup', () => {
  test('run before and after their own source', async () => {
    const directory = tempDir();
    const file = join(directory, 'crm.bak');
    const log = join(directory, 'log');
    const step = (name: string) => sh(`echo ${name} >> log; ls crm.bak >> log 2>&1 || true`);
    const { tar } = await pack(
      [
        fileSource(file, {
          prepare: sh('echo prepare >> log; echo backup > crm.bak'),
          cleanup: sh('echo cleanup >> log; rm crm.bak'),
        }),
        commandSource(['cat', 'log'], { prepare: step('second') }),
      ],
      { commandDirectory: directory },
    );
    expect(member(tar, 'data/file').content.toString()).toBe('backup\n');
    expect(readFileSync(log, 'utf8')).toMatch(/^prepare\ncleanup\nsecond\nls: /);
    expect(existsSync(file)).toBe(false);
  });

  test('have the env of their source', async () => {
    const directory = tempDir();
    await pack([
      commandSource(['echo', 'x'], {
        env: { WHERE: directory },
        prepare: sh('touch "$WHERE/p"'),
        cleanup: sh('touch "$WHERE/c"'),
      }),
    ]);
    expect(existsSync(join(directory, 'p')) && existsSync(join(directory, 'c'))).toBe(true);
  });

  test('a failed or hanging prepare fails the source, and cleanup runs', async () => {
    const directory = tempDir();
    const source = commandSource(['echo', 'x'], { cleanup: sh('echo cleanup >> log') });
    const log = () => readFileSync(join(directory, 'log'), 'utf8');
    await expect(
      pack([{ ...source, prepare: sh('echo no disk >&2; exit 9') }], { commandDirectory: directory }),
    ).rejects.toMatchObject({
      code: 'source-failed',
      message: 'source output: prepare sh exited with status 9\n  no disk',
    });
    expect(log()).toBe('cleanup\n');
    await expect(
      pack([{ ...source, prepare: ['sleep', '600'], timeoutMs: 200 }], { commandDirectory: directory }),
    ).rejects.toMatchObject({
      code: 'source-timed-out',
      message: 'source output: prepare sleep took longer than 0.2 s and was ended',
    });
    expect(log()).toBe('cleanup\ncleanup\n');
  });

  test('cleanup runs when the source fails, when the caller gives up, and on abort', async () => {
    const directory = tempDir();
    mkdirSync(join(directory, 'tree'));
    writeFileSync(join(directory, 'tree', 'large'), Buffer.alloc(3_000_000));
    const cleanup = sh('echo cleanup >> log');
    const log = () => readFileSync(join(directory, 'log'), 'utf8');

    await expect(pack([commandSource(['false'], { cleanup })], { commandDirectory: directory })).rejects.toMatchObject({
      code: 'source-failed',
    });
    expect(log()).toBe('cleanup\n');

    const giveUp = pack([directorySource(join(directory, 'tree'), { cleanup })], {
      commandDirectory: directory,
      onChunk: () => {
        throw new Error('the server is gone');
      },
    });
    await expect(giveUp).rejects.toThrow('the server is gone');
    expect(log()).toBe('cleanup\ncleanup\n');

    const abort = new AbortController();
    const aborted = pack([stdinSource({ cleanup })], {
      commandDirectory: directory,
      signal: abort.signal,
      stdin: endless(() => abort.abort(new Error('interrupted'))),
    });
    await expect(aborted).rejects.toThrow('interrupted');
    expect(log()).toBe('cleanup\ncleanup\ncleanup\n');
  });

  test('a failing cleanup is a warning', async () => {
    const { warnings, summary } = await pack([
      commandSource(['echo', 'x'], { cleanup: sh('echo still in use >&2; exit 1') }),
    ]);
    expect(warnings).toEqual(['source output: cleanup sh exited with status 1\n  still in use']);
    expect(summary.complete).toBe(true);
  });

  test('a daemon that prepare leaves behind does not hold it up', async () => {
    const file = join(tempDir(), 'pid');
    const daemon = `sleep 600 & echo $! > ${file}`;
    await run(sh(daemon), options);
    const pid = Number(readFileSync(file, 'utf8'));
    expect(isRunning(pid)).toBe(true);
    process.kill(pid);
    // Nor when it fails: its stderr stays open, and is not waited for; and then what it started ends with it.
    const failed = run(sh(`${daemon}; echo failed >&2; exit 1`), options);
    await expect(failed).rejects.toMatchObject({ message: expect.stringContaining('failed') });
    await until(() => !isRunning(Number(readFileSync(file, 'utf8'))));
  });
});

test('a command source that fails, hangs or prints nothing fails the dataset', async () => {
  await expect(pack([commandSource(sh('head -c 20000000 /dev/zero; exit 1'))])).rejects.toMatchObject({
    code: 'source-failed',
    message: 'source output: command sh exited with status 1',
  });
  await expect(pack([commandSource(sh('echo half; sleep 600'), { timeoutMs: 200 })])).rejects.toMatchObject({
    code: 'source-timed-out',
  });
  await expect(pack([commandSource(['true'])])).rejects.toMatchObject({ code: 'source-empty' });
  const { tar } = await pack([commandSource(['true'], { allowEmpty: true, name: basename('/x/empty.dump') })]);
  expect(member(tar, 'data/empty.dump.part-000001').size).toBe(0);
});

async function* endless(onWait: () => void): AsyncGenerator<Uint8Array> {
  yield Buffer.from('x');
  queueMicrotask(onWait);
  await new Promise(() => undefined);
}
