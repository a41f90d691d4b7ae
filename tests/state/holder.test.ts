import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { describeSelf, held, type Holder, livenessOf } from '../../src/state/holder.js';
import { forgetHere, noteHere } from '../../src/state/here.js';
import { startOf } from '../../src/state/process-start.js';
import { cleanup } from '../support/cleanup.js';

/** As macOS and Windows write it, where there is no /proc, and noted on this machine. */
async function withoutProc(changes: Partial<Holder> = {}): Promise<Holder> {
  const own = await describeSelf('2026-11-22T00:30:00Z');
  await noteHere(own.nonce);
  cleanup(() => forgetHere(own.nonce));
  return { ...own, boot: null, started: null, namespace: null, ...changes };
}

async function living(): Promise<number> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  await once(child, 'spawn');
  cleanup(() => child.kill('SIGKILL'));
  return child.pid!;
}

describe('a holder on a machine without /proc', () => {
  test('is gone if it has the number of the process that asks, which does not hold that lock', async () => {
    const self = await withoutProc();
    const before = await withoutProc();
    expect(await livenessOf(before, self)).toBe('gone');
    held.add(before.nonce);
    cleanup(() => held.delete(before.nonce));
    expect(await livenessOf(before, self)).toBe('alive');
  });

  test('is gone if the process that has its number now began after it', async () => {
    const self = await withoutProc();
    const holder = await withoutProc({ pid: await living(), startedMs: Date.parse('2026-11-22T00:30:00Z') });
    const asked: number[] = [];
    const began =
      (at: string | null) =>
      async (pid: number): Promise<number | null> => {
        asked.push(pid);
        return at === null ? null : Date.parse(at);
      };
    expect(await livenessOf(holder, self, began('2026-11-22T00:31:00Z'))).toBe('gone');
    // Its own time, to the second, and what came before; a time proves nothing that is not after it.
    for (const at of ['2026-11-22T00:30:00Z', '2026-11-22T00:29:59Z', '2026-11-22T00:30:01Z', '2026-11-21T00:00:00Z'])
      expect(await livenessOf(holder, self, began(at))).toBe('unknown');
    expect(await livenessOf(holder, self, began(null))).toBe('unknown');
    expect(asked).toEqual(Array.from({ length: 6 }, () => holder.pid));
  });

  test('is not asked after if it is on another machine, is gone anyway, or wrote no time', async () => {
    const self = await withoutProc();
    const never = async (): Promise<number | null> => {
      throw new Error('asked');
    };
    const pid = await living();
    expect(await livenessOf(await withoutProc({ pid, host: 'another' }), self, never)).toBe('unknown');
    expect(await livenessOf(await withoutProc({ pid, startedMs: null }), self, never)).toBe('unknown');
    expect(await livenessOf(await withoutProc({ pid: 999_999_999 }), self, never)).toBe('gone');
  });
});

describe('when a process began', () => {
  test('is what PowerShell says in ticks since 1601', async () => {
    const asked: string[][] = [];
    const ask = async (argv: readonly string[]): Promise<string> => {
      asked.push([...argv]);
      return '134082342001234567';
    };
    expect(await startOf(42, 'win32', ask)).toBe(13_408_234_200_123 - 11_644_473_600_000);
    expect(asked[0]?.[0]).toMatch(/System32.WindowsPowerShell.v1\.0.powershell\.exe$/);
    expect(asked[0]?.at(-1)).toContain("'ProcessId=42'");
  });

  test('is what ps says, in UTC and English', async () => {
    const ask = async (argv: readonly string[], env: NodeJS.ProcessEnv): Promise<string> => {
      expect([argv[0], env]).toEqual(['/bin/ps', { TZ: 'UTC', LC_ALL: 'C' }]);
      return 'Sun Nov  1 01:30:00 2026';
    };
    expect(await startOf(42, 'darwin', ask)).toBe(Date.parse('2026-11-01T01:30:00Z'));
  });

  test.each(['', 'zo 29 nov 2026 01:30:00', 'Get-CimInstance : error', '12', 'Sun Nov 99 01:30:00 2026'])(
    'is unknown where the answer is %j',
    async (answer) => {
      for (const platform of ['win32', 'darwin'] as const)
        expect(await startOf(42, platform, async () => answer)).toBeNull();
    },
  );

  test('is unknown where nothing can be asked', async () => {
    const ask = async (): Promise<string> => {
      throw new Error('no such command');
    };
    expect(await startOf(42, 'darwin', ask)).toBeNull();
  });

  test.skipIf(process.platform === 'win32')('is the truth, of this process', async () => {
    const at = await startOf(process.pid, 'darwin');
    expect(Math.abs(at! - performance.timeOrigin)).toBeLessThan(30_000);
  });
});
