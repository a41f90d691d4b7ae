import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { DepotError } from '../../src/errors.js';
import { outputOf } from '../../src/secrets/command.js';
import { findSecret } from '../../src/secrets/lookup.js';
import { tempDir } from '../support/cleanup.js';
import { eventually } from '../support/process.js';

const sh = (script: string) => ['sh', '-c', script];

async function output(
  script: string,
  env: NodeJS.ProcessEnv = { PATH: process.env['PATH'] },
  o: { limitMs?: number; signal?: AbortSignal; configDirectory?: string } = {},
): Promise<string> {
  const bytes = await outputOf(
    sh(script),
    { kind: 'password', env, configDirectory: o.configDirectory ?? '/', signal: o.signal },
    o.limitMs,
  );
  return bytes.toString();
}

async function failure(promise: Promise<unknown>): Promise<DepotError> {
  return promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error as DepotError,
  );
}

describe.skipIf(process.platform === 'win32')('passwordCommand', () => {
  test("runs in the directory of depot.yaml, with empty stdin and without depot's own variables", async () => {
    const directory = realpathSync(tempDir('command'));
    mkdirSync(join(directory, 'etc'));
    const env = { PATH: process.env['PATH'], DEPOT_PASSWORD: 'hunter2', CREDENTIALS_DIRECTORY: '/run/c', OWN: 'yes' };
    const seen = await output('pwd; cat; env | grep -E "^(DEPOT|CRED|OWN)"', env, { configDirectory: directory });
    expect(seen).toBe(`${directory}\nOWN=yes\n`);
  });

  test('runs without a shell, so its arguments arrive as they are', async () => {
    const found = await findSecret({
      kind: 'password',
      refs: { command: ['printf', '%s', '$(id) ; | > x'] },
      env: { PATH: process.env['PATH'] },
      configDirectory: '/',
      needed: { run: 1, server: 1 },
      keychains: [],
    });
    expect(found?.value.reveal()).toBe('$(id) ; | > x');
  });

  test('if it fails, the error shows the last lines of stderr and nothing of stdout', async () => {
    const error = await failure(
      output('echo hunter2; for i in $(seq 30); do echo "line $i" >&2; done; printf "\\033[2Jodd\\n" >&2; exit 7'),
    );
    expect(error).toMatchObject({
      code: 'secret-missing',
      exit: 17,
      hint: expect.stringContaining('run the command yourself'),
    });
    const lines = error.message.split('\n');
    expect(lines[0]).toBe('password: command sh exited with status 7');
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('  \\x1b[2Jodd');
    expect(error.message).not.toContain('hunter2');
  });

  test.each<[string, string[], string]>([
    ['does not exist', ['depot-no-such-program'], 'could not be started: no such command'],
    ['may not be run', ['/etc/passwd'], 'could not be started: EACCES'],
    ['is below a file', ['/etc/passwd/program'], 'could not be started: ENOTDIR'],
    [
      'gets too many arguments',
      ['true', 'x'.repeat(200_000)],
      'could not be started: its arguments and environment are too long',
    ],
    ['prints nothing', ['true'], 'is empty'],
    ['prints only a newline', ['echo'], 'is empty'],
    ['is killed', ['sh', '-c', 'kill -9 $$'], 'was killed by SIGKILL'],
    ['never stops printing', ['yes'], 'printed more than 64 KiB'],
  ])('fails if the program %s', async (_, command, expected) => {
    const error = await failure(
      findSecret({
        kind: 'password',
        refs: { command },
        env: { PATH: process.env['PATH'] },
        configDirectory: '/',
        needed: { run: 1, server: 1 },
        keychains: [],
        prompt: async () => 'typed',
      }),
    );
    expect(error.code).toBe('secret-missing');
    expect(error.message).toContain(expected);
  });

  test('if it hangs, it is killed with what it started', async () => {
    const file = join(tempDir('command'), 'pid');
    const error = await failure(output(`sleep 1000 & echo $! > ${file}; wait`, undefined, { limitMs: 300 }));
    expect(error.message).toContain('took longer than 0.3 s');
    const pid = Number(readFileSync(file, 'utf8'));
    await eventually(() => !isAlive(pid), 5_000, 'the grandchild to end');
  });

  test('is killed by an abort signal', async () => {
    const controller = new AbortController();
    const file = join(tempDir('command'), 'pid');
    writeFileSync(file, '');
    const running = output(`echo $$ > ${file}; sleep 1000`, undefined, { signal: controller.signal });
    running.catch(() => undefined);
    await eventually(() => readFileSync(file, 'utf8') !== '', 5_000, 'the command to start');
    controller.abort(new Error('interrupted'));
    await expect(running).rejects.toThrow('interrupted');
    await eventually(() => !isAlive(Number(readFileSync(file, 'utf8'))), 5_000, 'the command to end');
  });
});

/** A zombie has ended; only its parent has not asked yet. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
