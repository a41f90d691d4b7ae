/** The lock where no boot id tells one machine from another: macOS and Windows. */
import type promises from 'node:fs/promises';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { describeSelf, type Holder } from '../../src/state/holder.js';
import { forgetHere, isNotedHere, noteHere } from '../../src/state/here.js';
import { lockArrangement, lockState } from '../../src/state/lock.js';
import { tempDir } from '../support/cleanup.js';

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof promises>();
  const readFile = (file: string, ...rest: []) =>
    file.startsWith('/proc/') ? Promise.reject(new Error('no /proc')) : real.readFile(file, ...rest);
  return { ...real, readFile, default: { ...real, readFile } };
});

/** From here on, this is a machine of the same name with a disk of its own. */
function onMachine(disk: string): void {
  vi.stubEnv('TMPDIR', disk).stubEnv('TEMP', disk).stubEnv('LOCALAPPDATA', undefined);
}

/** What a process leaves that was killed on the machine with this disk. */
async function killedOn(disk: string, directory: string): Promise<Holder> {
  onMachine(disk);
  const holder = { ...(await describeSelf('2026-11-22T00:30:00Z')), pid: 999_999_999 };
  expect(holder.boot).toBeNull();
  await noteHere(holder.nonce);
  await writeFile(path.join(directory, 'lock'), JSON.stringify(holder));
  return holder;
}

describe('on a system without a boot id', () => {
  beforeEach(() => () => vi.unstubAllEnvs());

  test('a lock is taken at once from a process that was killed on this machine, and nothing is left', async () => {
    const [disk, directory] = [tempDir(), tempDir()];
    await killedOn(disk, directory);
    expect(await lockState(directory)).toMatchObject({ alive: false });
    const lock = await lockArrangement(directory);
    await expect(lockArrangement(directory)).rejects.toMatchObject({
      code: 'locked',
      hint: expect.stringMatching(/^wait for it to end/) as string,
    });
    await lock.release();
    expect([await readdir(directory), await readdir(disk)]).toEqual([[], []]);
  });

  test('a lock is not taken from another machine of this name, which may be a copy: its processes are not seen here', async () => {
    const directory = tempDir();
    await killedOn(tempDir(), directory);
    const other = tempDir();
    onMachine(other);
    expect(await lockState(directory)).toMatchObject({ alive: true });
    await expect(lockArrangement(directory)).rejects.toMatchObject({
      code: 'locked',
      hint: expect.stringContaining('10 min after its last sign of life') as string,
    });
    expect(await readdir(other)).toEqual([]);
  });

  test('the note of a lock is in the place of the account, whatever TEMP a session of Windows has', async () => {
    const local = tempDir();
    onMachine(tempDir());
    vi.stubEnv('LOCALAPPDATA', local);
    await noteHere('0'.repeat(32));
    expect(await readdir(path.join(local, 'Temp'))).toEqual([`depot-lock-${'0'.repeat(32)}`]);
    await forgetHere('0'.repeat(32));
    expect(await isNotedHere('0'.repeat(32))).toBe(false);
  });
});
