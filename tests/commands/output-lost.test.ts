/** If a result cannot be written, depot exits with 5: a full disk, one that takes only the beginning, a reader that has gone. */
import { spawn } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, depot, depotScript, mustDepot } from '../support/cli.js';
import { type Finished, run } from '../support/process.js';

const cwd = tempDir();
const env = bareEnvironment({ HOME: cwd });

/** Runs a line of bash in which `depot` is the program. */
const shell = (line: string): Promise<Finished> =>
  run('bash', ['-c', `depot() { "${process.execPath}" "${depotScript}" "$@"; }; ${line}`], { cwd, env });

describe.skipIf(!existsSync('/dev/full'))('on a full disk', () => {
  test.each(['--version', '--help', 'push --help', 'completion bash', 'status --prometheus', 'nonsense --json'])(
    'depot %s says that its output could not be written',
    async (command) => {
      const { code, stderr } = await shell(`depot ${command} > /dev/full`);
      const failed = command.startsWith('nonsense');
      expect(code, stderr).toBe(failed ? 2 : 5);
      expect(stderr).toContain(
        'depot: error: the result could not be written to standard output: no space left\ndepot: hint: ',
      );
    },
  );

  test('a command that prints nothing succeeds', async () => {
    const { code } = await shell(
      'depot key generate signer --name A --email a@b.example --out quiet --no-passphrase --quiet > /dev/full',
    );
    expect(code).toBe(0);
  });
});

test('output of which only the beginning could be written is an error', async () => {
  // The limit cuts the write in the middle, as a disk does that is nearly full.
  const { code, stderr } = await shell('ulimit -f 1; depot --help > script');
  expect(statSync(join(cwd, 'script')).size).toBeGreaterThan(0);
  expect(code, stderr).toBe(5);
  expect(stderr).toContain('could not be written');
});

test('an opener of which only the beginning could be written is removed', async () => {
  const { code, stderr } = await shell('ulimit -f 8; depot opener --out page.html');
  expect([code, stderr]).toEqual([5, expect.stringContaining('page.html')]);
  expect(existsSync(join(cwd, 'page.html'))).toBe(false);
});

test('control: a file with enough room gets all output', async () => {
  expect((await shell('depot --help > whole')).code).toBe(0);
  expect(statSync(join(cwd, 'whole')).size).toBe((await mustDepot(['--help'])).bytes.length);
});

describe('if the reader has gone', () => {
  const unread = async (args: string[]): Promise<{ code: unknown; stderr: string }> => {
    const child = spawn(process.execPath, [depotScript, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    return { code: await new Promise((resolve) => child.once('close', resolve)), stderr };
  };

  test('text is lost with exit code 5 and without a message', async () => {
    expect(await unread(['completion', 'bash'])).toEqual({ code: 5, stderr: '' });
  });

  test('a document is lost with exit code 5 and a message', async () => {
    writeFileSync(join(cwd, 'none.asc'), '');
    await mustDepot(
      ['key', 'generate', 'signer', '--name', 'A', '--email', 'a@b.example', '--out', 'shown', '--no-passphrase'],
      { cwd },
    );
    for (const json of ['--json', '--json-events']) {
      const { code, stderr } = await unread(['key', 'show', 'shown.public.asc', json]);
      expect([code, stderr]).toEqual([5, expect.stringContaining('the program that reads it is gone')]);
    }
  });

  test('an error keeps its own exit code', async () => {
    const failing = ['key', 'show', 'nowhere.asc', '--json'];
    expect((await depot(failing, { cwd })).code).toBe(20);
    expect((await unread(failing)).code).toBe(20);
  });
});
