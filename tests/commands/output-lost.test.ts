/** A result that was not written is exit 5: a full disk, one that took only the beginning, a reader that has gone. */
import { spawn } from 'node:child_process';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, depot, depotScript, mustDepot } from '../support/cli.js';
import { type Finished, run } from '../support/process.js';

const cwd = tempDir();
const env = bareEnvironment({ HOME: cwd });

/** The command line of a shell, in which `depot` is the program. */
const shell = (line: string): Promise<Finished> =>
  run('bash', ['-c', `depot() { "${process.execPath}" "${depotScript}" "$@"; }; ${line}`], { cwd, env });

describe.skipIf(!existsSync('/dev/full'))('on a full disk', () => {
  test.each(['--version', '--help', 'push --help', 'completion bash', 'status --prometheus', 'nonsense --json'])(
    'depot %s',
    async (command) => {
      const { code, stderr } = await shell(`depot ${command} > /dev/full`);
      const failed = command.startsWith('nonsense');
      expect(code, stderr).toBe(failed ? 2 : 5);
      expect(stderr).toContain(
        'depot: error: the result could not be written to standard output: no space left\ndepot: hint: ',
      );
    },
  );

  test('with nothing to say there is nothing to lose', async () => {
    const { code } = await shell(
      'depot key generate signer --name A --email a@b.example --out quiet --no-passphrase --quiet > /dev/full',
    );
    expect(code).toBe(0);
  });
});

test('a file that takes only the beginning is not taken for the whole', async () => {
  // The limit cuts the write in the middle, as a disk does that is nearly full.
  const { code, stderr } = await shell('ulimit -f 1; depot --help > script');
  expect(statSync(join(cwd, 'script')).size).toBeGreaterThan(0);
  expect(code, stderr).toBe(5);
  expect(stderr).toContain('could not be written');
});

test('an opener of which only the beginning was written is not left', async () => {
  const { code, stderr } = await shell('ulimit -f 8; depot opener --out page.html');
  expect([code, stderr]).toEqual([5, expect.stringContaining('page.html')]);
  expect(existsSync(join(cwd, 'page.html'))).toBe(false);
});

test('a file that takes everything gets everything', async () => {
  expect((await shell('depot --help > whole')).code).toBe(0);
  expect(statSync(join(cwd, 'whole')).size).toBe((await mustDepot(['--help'])).bytes.length);
});

describe('a reader that has gone', () => {
  const unread = async (args: string[]): Promise<{ code: unknown; stderr: string }> => {
    const child = spawn(process.execPath, [depotScript, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    return { code: await new Promise((resolve) => child.once('close', resolve)), stderr };
  };

  test('has read enough words: not a success, and no complaint', async () => {
    expect(await unread(['completion', 'bash'])).toEqual({ code: 5, stderr: '' });
  });

  test('misses a document: that is said', async () => {
    writeFileSync(join(cwd, 'none.asc'), '');
    await mustDepot(
      ['key', 'generate', 'signer', '--name', 'A', '--email', 'a@b.example', '--out', 'shown', '--no-passphrase'],
      { cwd },
    );
    const { code, stderr } = await unread(['key', 'show', 'shown.public.asc', '--json']);
    expect([code, stderr]).toEqual([5, expect.stringContaining('its reader is gone')]);
  });
});

test('an error on the way there keeps its own status', async () => {
  expect((await depot(['key', 'show', 'nowhere.asc', '--json'], { cwd })).code).toBe(20);
});
