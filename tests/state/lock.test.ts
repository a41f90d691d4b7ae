import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { readdir, readFile, rename, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeSelf } from '../../src/state/holder.js';
import { lockArrangement, lockState } from '../../src/state/lock.js';
import { tempDir } from '../support/cleanup.js';
import { eventually } from '../support/process.js';
import { Child, scriptOf } from './children.js';
import { onWindows } from '../support/platform.js';

const onLinux = process.platform === 'linux';

/** Locks the directory, says so, and holds it until told otherwise. */
const holderScript = (directory: string) => `
  const { lockArrangement } = module('lock.js');
  const lock = await lockArrangement(${JSON.stringify(directory)});
  console.log('locked');
  process.stdin.once('data', async () => { await lock.release(); console.log('released'); process.exit(); });
`;

/** For each directory that it is told, tries to take the lock there, says how that went, and keeps it. */
const contenderScript = `
  const { lockArrangement } = module('lock.js');
  const { createInterface } = await import('node:readline');
  console.log('ready');
  createInterface(process.stdin).on('line', (directory) => {
    lockArrangement(directory).then(() => console.log('won'), (error) => console.log(error.code ?? error.stack));
  });
`;

/** Lets three processes race for each of the directories in turn, and returns their answers, sorted. */
async function race(directories: string[]): Promise<string[][]> {
  const children = await Child.several(3, contenderScript);
  const results: string[][] = [];
  for (const directory of directories) {
    for (const child of children) child.say(directory);
    results.push((await Promise.all(children.map((child) => child.line()))).sort());
  }
  return results;
}

describe('the lock', () => {
  test('has one holder, which the error for everybody else names, and is free after its release', async () => {
    const directory = tempDir();
    const lock = await lockArrangement(directory);
    await expect(lockArrangement(directory)).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining(`process ${String(process.pid)} on ${os.hostname()}, since 20`) as string,
    });
    expect(await lockState(directory)).toMatchObject({ alive: true, holder: { pid: process.pid } });
    await lock.release();
    await lock.release();
    expect(await lockState(directory)).toBeNull();
    expect(await readdir(directory)).toEqual([]);
    await (await lockArrangement(directory)).release();
  });

  test('fails, and names the lock file, if that cannot be created', async () => {
    await expect(lockArrangement(join(tempDir(), 'gone'))).rejects.toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining(join('gone', 'lock')) as string,
    });
  });

  test.skipIf(onWindows)('goes to exactly one of several processes that want it at once', async () => {
    const directories = Array.from({ length: 30 }, () => tempDir());
    for (const result of await race(directories)) expect(result).toEqual(['locked', 'locked', 'won']);
  });

  test('is held while the other process lives, and is free once that process has released it', async () => {
    const directory = tempDir();
    const child = new Child(holderScript(directory));
    expect(await child.line()).toBe('locked');
    await expect(lockArrangement(directory)).rejects.toMatchObject({ code: 'locked' });
    child.say('end');
    expect(await child.line()).toBe('released');
    await (await lockArrangement(directory)).release();
  });

  test('is released by a process that ends without releasing it itself', async () => {
    const directory = tempDir();
    const child = new Child(
      `const { lockArrangement } = module('lock.js'); await lockArrangement(${JSON.stringify(directory)}); console.log('locked'); process.exit(3);`,
    );
    expect(await child.line()).toBe('locked');
    await eventually(async () => !(await readdir(directory)).includes('lock'), 5000, 'the lock file to go');
  });

  test.runIf(onLinux)('can be taken over at once after kill -9', async () => {
    const directory = tempDir();
    const child = new Child(holderScript(directory));
    expect(await child.line()).toBe('locked');
    await child.kill();
    expect(await lockState(directory)).toMatchObject({ alive: false });
    const lock = await lockArrangement(directory);
    expect(JSON.parse(await readFile(join(directory, 'lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test.runIf(onLinux)(
    'can be taken over from a zombie, which was killed and not yet reaped by its parent',
    async () => {
      const directory = tempDir();
      // The shell's child is killed; the shell, which became `sleep`, never waits for it.
      const shell = spawn(
        'sh',
        [
          '-c',
          `"$0" --import "$1" --input-type=module -e "$2" & echo $!; exec sleep 60`,
          process.execPath,
          import.meta.resolve('tsx'),
          scriptOf(`setInterval(() => {}, 1000); ${holderScript(directory)}`),
        ],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      try {
        let output = '';
        shell.stdout.on('data', (b: Buffer) => (output += b.toString()));
        await eventually(() => output.includes('locked'), 15_000, 'the lock');
        const pid = Number(output.split('\n')[0]);
        await expect(lockArrangement(directory)).rejects.toMatchObject({ code: 'locked' });
        process.kill(pid, 'SIGKILL');
        await eventually(
          async () => (await readFile(`/proc/${String(pid)}/stat`, 'latin1')).includes(') Z '),
          5000,
          'a zombie',
        );
        await (await lockArrangement(directory)).release();
      } finally {
        shell.kill('SIGKILL');
      }
    },
  );

  test('with a heartbeat dated in the future is respected for ten minutes, not for as long as the clock was ahead', async () => {
    const directory = tempDir();
    const file = join(directory, 'lock');
    // Written on another machine, whose processes cannot be seen from here, and whose clock was years ahead.
    await writeFile(
      file,
      JSON.stringify({ ...(await describeSelf('2091-11-22T00:30:00Z')), boot: 'another', host: 'another' }),
    );
    const ahead = new Date('2091-11-22T00:31:00Z');
    await utimes(file, ahead, ahead);
    await expect(lockArrangement(directory)).rejects.toMatchObject({
      code: 'locked',
      hint: expect.stringContaining('dated in the future') as string,
    });
    const [note] = (await readdir(directory)).filter((name) => name.startsWith('lock.ahead-'));
    // It was first seen like this more than ten minutes ago, and no heartbeat has followed.
    const before = new Date(Date.now() - 601_000);
    await utimes(join(directory, note), before, before);
    const lock = await lockArrangement(directory);
    expect(lock.predecessor).toMatchObject({ holder: { host: 'another' } });
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test('with a heartbeat dated in the future belongs to a live process if another heartbeat follows', async () => {
    const directory = tempDir();
    const file = join(directory, 'lock');
    await writeFile(
      file,
      JSON.stringify({ ...(await describeSelf('2091-11-22T00:30:00Z')), boot: 'another', host: 'another' }),
    );
    await utimes(file, new Date('2091-11-22T00:31:00Z'), new Date('2091-11-22T00:31:00Z'));
    await expect(lockArrangement(directory)).rejects.toMatchObject({ code: 'locked' });
    const [note] = (await readdir(directory)).filter((name) => name.startsWith('lock.ahead-'));
    const before = new Date(Date.now() - 601_000);
    await utimes(join(directory, note), before, before);
    await utimes(file, new Date('2091-11-22T00:31:30Z'), new Date('2091-11-22T00:31:30Z'));
    await expect(lockArrangement(directory)).rejects.toMatchObject({ code: 'locked' });
  });

  test.runIf(onLinux)("goes to exactly one of several processes that race for a dead holder's lock", async () => {
    const self = await describeSelf('2026-11-22T00:30:00Z');
    const directories = Array.from({ length: 60 }, () => tempDir());
    for (const [round, directory] of directories.entries()) {
      await writeFile(join(directory, 'lock'), JSON.stringify({ ...self, nonce: 'a'.repeat(32), started: '1' }));
      // In every other round, a process that was taking over died too, before it could rename its claim.
      if (round % 2 === 1)
        await writeFile(
          join(directory, `lock.after-${'a'.repeat(32)}`),
          JSON.stringify({ ...self, nonce: 'b'.repeat(32), started: '1' }),
        );
    }
    for (const result of await race(directories)) expect(result).toEqual(['locked', 'locked', 'won']);
    for (const directory of directories) expect(await readdir(directory)).toEqual(['lock']);
  });
});

describe('a lock file', () => {
  const write = async (directory: string, changes: object, ageMs = 0) => {
    const file = join(directory, 'lock');
    await writeFile(file, JSON.stringify({ ...(await describeSelf('2026-11-22T00:30:00Z')), ...changes }));
    const at = new Date(Date.now() - ageMs);
    await utimes(file, at, at);
  };
  const taken = async (directory: string) =>
    lockArrangement(directory).then(
      async (lock) => lock.release().then(() => true),
      () => false,
    );

  test.runIf(onLinux)('counts as dead if its process id now belongs to another process', async () => {
    const directory = tempDir();
    await write(directory, { started: '1' });
    expect(await taken(directory)).toBe(true);
  });

  test.runIf(onLinux)('is respected, however old, if its process on this machine is only stopped', async () => {
    const directory = tempDir();
    await write(directory, {}, 86_400_000);
    expect(await taken(directory)).toBe(false);
  });

  test.runIf(onLinux).each([
    ['another machine', { host: 'db2', boot: '00000000-0000-0000-0000-000000000000', pid: 999_999_999 }],
    ['another container here', { namespace: 'pid:[1]', pid: 999_999_999 }],
    ['a system without /proc', { host: 'mac', boot: null, started: null, namespace: null }],
  ])('of %s is respected for ten minutes after its last heartbeat', async (_where, changes) => {
    const directory = tempDir();
    await write(directory, changes, 9 * 60_000);
    expect(await taken(directory)).toBe(false);
    await expect(lockArrangement(directory)).rejects.toMatchObject({
      hint: expect.stringContaining('10 min after its last sign of life') as string,
    });
    await write(directory, changes, 11 * 60_000);
    expect(await taken(directory)).toBe(true);
  });

  test.runIf(onLinux)("counts as dead if it is from before this machine's last boot", async () => {
    const directory = tempDir();
    const sinceBoot = os.uptime() * 1000;
    await write(directory, { boot: '00000000-0000-0000-0000-000000000000' }, sinceBoot + 120_000);
    expect(await taken(directory)).toBe(true);
  });

  test('is respected for ten minutes even if its contents are garbage', async () => {
    const directory = tempDir();
    const file = join(directory, 'lock');
    await writeFile(file, '\0\0\0');
    await expect(lockArrangement(directory)).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining('an unknown process') as string,
    });
    await utimes(file, new Date(0), new Date(0));
    expect(await taken(directory)).toBe(true);
  });

  test.runIf(onLinux)(
    'can be taken over through the claim of a process that died before it renamed that claim',
    async () => {
      const directory = tempDir();
      const self = await describeSelf('2026-11-22T00:30:00Z');
      await write(directory, { nonce: 'a'.repeat(32), started: '1' });
      const claim = join(directory, `lock.after-${'a'.repeat(32)}`);
      // While the claimant lives, the lock is its own.
      await writeFile(claim, JSON.stringify({ ...self, nonce: 'b'.repeat(32) }));
      await expect(lockArrangement(directory)).rejects.toMatchObject({ code: 'locked' });
      // The claimant is dead, and so is the next one.
      await writeFile(claim, JSON.stringify({ ...self, nonce: 'b'.repeat(32), started: '1' }));
      await writeFile(
        join(directory, `lock.after-${'b'.repeat(32)}`),
        JSON.stringify({ ...self, nonce: 'c'.repeat(32), started: '1' }),
      );
      expect(await taken(directory)).toBe(true);
      expect(await readdir(directory)).toEqual([]);
    },
  );
});

// Windows replaces no file that is open.
test.skipIf(onWindows)('a heartbeat keeps the lock fresh, and notices when another process has taken it', async () => {
  const directory = tempDir();
  const file = join(directory, 'lock');
  const lock = await lockArrangement(directory, { heartbeatMs: 20 });
  await utimes(file, new Date(0), new Date(0));
  await eventually(() => Date.now() - statSync(file).mtimeMs < 60_000, 5000, 'a heartbeat');
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: process.pid });
  expect(lock.lost.aborted).toBe(false);

  const other = join(directory, 'other');
  await writeFile(other, JSON.stringify({ ...(await describeSelf('2026-11-22T00:30:00Z')), host: 'db2' }));
  await rename(other, file);
  await eventually(() => lock.lost.aborted, 5000, 'the loss to be seen');
  expect(lock.lost.reason).toMatchObject({
    code: 'locked',
    message: expect.stringContaining('on db2 took it over') as string,
  });
  await lock.release();
  // The other's lock is not released by us.
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ host: 'db2' });
});
