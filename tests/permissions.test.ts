import { chmodSync, chownSync, linkSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { handOver, requireOwnRecords } from '../src/permissions.js';
import { ArrangementState } from '../src/state/arrangement-state.js';
import { tempDir } from './support/cleanup.js';
import { asRoot } from './support/peers.js';

const root = asRoot();
const insecure = { code: 'state-insecure', exit: 5 };

describe.skipIf(process.platform === 'win32')('a state directory', () => {
  const modes: [number, boolean][] = [
    [0o700, true],
    [0o755, true],
    [0o2755, true],
    [0o775, false],
    [0o2770, false],
    [0o777, false],
    [0o1777, false],
  ];
  test.each(modes.map(([mode, good]) => [mode.toString(8), mode, good] as const))(
    'of the caller with mode %s is refused if, and only if, others may write to it',
    async (_, mode, good) => {
      for (const which of ['.', 'acme-crm']) {
        const directory = tempDir();
        await ArrangementState.open(directory, 'acme-crm');
        chmodSync(join(directory, which), mode);
        const opened = ArrangementState.open(directory, 'acme-crm');
        if (good) await expect(opened).resolves.toBeDefined();
        else
          await expect(opened).rejects.toMatchObject({
            ...insecure,
            hint: expect.stringContaining('chmod go-w') as string,
          });
      }
    },
  );

  test.skipIf(!root)(
    'of another account is refused, and so is one in which another account made the directory of the arrangement',
    async () => {
      const directory = tempDir();
      chownSync(directory, 4711, 4711);
      await expect(ArrangementState.open(directory, 'acme-crm')).rejects.toMatchObject({
        ...insecure,
        message: expect.stringContaining('uid 4711') as string,
      });
      chownSync(directory, 0, 0);
      mkdirSync(join(directory, 'acme-crm'), { mode: 0o700 });
      chownSync(join(directory, 'acme-crm'), 4711, 4711);
      await expect(ArrangementState.open(directory, 'acme-crm')).rejects.toMatchObject(insecure);
    },
  );

  test.skipIf(!root)(
    'of root is accepted if it belongs to a group of the account, as a mounted volume does',
    async () => {
      const directory = tempDir();
      chownSync(directory, 0, 4711);
      chmodSync(directory, 0o2775);
      await expect(requireOwnRecords(directory, undefined, 4711, [4711])).resolves.toBeUndefined();
      await expect(requireOwnRecords(directory, undefined, 4711, [4712])).rejects.toMatchObject(insecure);
      chmodSync(directory, 0o2777);
      await expect(requireOwnRecords(directory, undefined, 4711, [4711])).rejects.toMatchObject(insecure);
    },
  );
});

describe.skipIf(process.platform === 'win32')('handing over what was just made', () => {
  test('changes its mode, and refuses a symbolic link in its place', async () => {
    const directory = tempDir();
    const [made, other] = [join(directory, 'made'), join(directory, 'other')];
    mkdirSync(made, { mode: 0o755 });
    await handOver('directory', made, 0o700);
    expect(statSync(made).mode & 0o777).toBe(0o700);
    mkdirSync(other, { mode: 0o755 });
    symlinkSync(other, join(directory, 'link'));
    await expect(handOver('directory', join(directory, 'link'), 0o700)).rejects.toThrow(/ELOOP|ENOTDIR/);
    expect(statSync(other).mode & 0o777).toBe(0o755);
  });

  test('refuses a file that has another name, too', async () => {
    const directory = tempDir();
    const [made, other] = [join(directory, 'made'), join(directory, 'other')];
    writeFileSync(other, '', { mode: 0o600 });
    linkSync(other, made);
    await expect(handOver('file', made, 0o640)).rejects.toMatchObject({ code: 'local-not-writable' });
    await expect(handOver('directory', made, 0o700)).rejects.toThrow('ENOTDIR');
    expect(statSync(other).mode & 0o777).toBe(0o600);
  });

  test.skipIf(!root)('gives it to the owner, and refuses what another account put there', async () => {
    const made = join(tempDir(), 'made');
    mkdirSync(made);
    await handOver('directory', made, 0o700, { uid: 4711, gid: 4712 });
    expect(statSync(made)).toMatchObject({ uid: 4711, gid: 4712 });
    await expect(handOver('directory', made, 0o700, { uid: 4713, gid: 4713 })).rejects.toMatchObject({
      code: 'local-not-writable',
    });
    expect(statSync(made).uid).toBe(4711);
  });
});
