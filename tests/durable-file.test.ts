import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { appendRun } from '../src/state/runs.js';
import { Ledger } from '../src/state/ledger.js';
import { localError, makeDirectory, readBounded, writeFileAtomic } from '../src/durable-file.js';
import { lockArrangement } from '../src/state/lock.js';
import { ArrangementState } from '../src/state/arrangement-state.js';
import { cleanup, tempDir } from './support/cleanup.js';
import { asRoot, peer } from './support/peers.js';
import { mustRun, run } from './support/process.js';
import { deposit, ledgerOf } from './state/samples.js';
import { onWindows, privateDirectory, privateFile } from './support/platform.js';

describe('an atomic write', () => {
  test('replaces the file for its owner only, and leaves nothing else', async () => {
    const directory = tempDir();
    const file = join(directory, 'f');
    await writeFile(file, 'old', { mode: 0o644 });
    await writeFileAtomic(file, 'new');
    expect(await readFile(file, 'utf8')).toBe('new');
    expect((await stat(file)).mode & 0o777).toBe(privateFile);
    expect(await readdir(directory)).toEqual(['f']);
  });

  test('does not write through a link', async () => {
    const directory = tempDir();
    await writeFile(join(directory, 'target'), 'old');
    await symlink('target', join(directory, 'f'));
    await writeFileAtomic(join(directory, 'f'), 'new');
    expect(await readFile(join(directory, 'target'), 'utf8')).toBe('old');
  });

  test('that fails leaves the old file and names the path', async () => {
    const directory = tempDir();
    const file = join(directory, 'f');
    await mkdir(file);
    await writeFile(join(file, 'x'), '');
    await expect(writeFileAtomic(file, 'new')).rejects.toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining(file) as string,
    });
    expect(await readdir(directory)).toEqual(['f']);
  });
});

test('directories are made for their owner only, and existing ones are left as they are', async () => {
  const directory = tempDir();
  await makeDirectory(join(directory, 'a', 'b'));
  expect((await stat(join(directory, 'a'))).mode & 0o777).toBe(privateDirectory);
  expect((await stat(join(directory, 'a', 'b'))).mode & 0o777).toBe(privateDirectory);
  await chmod(join(directory, 'a'), 0o755);
  await makeDirectory(join(directory, 'a'));
  expect((await stat(join(directory, 'a'))).mode & 0o777).toBe(onWindows ? privateDirectory : 0o755);
});

test('a bounded read gives null if there is no file, and refuses one that is too large', async () => {
  const file = join(tempDir(), 'f');
  expect(await readBounded(file, 10)).toBeNull();
  await writeFile(file, 'x'.repeat(11));
  await expect(readBounded(file, 10)).rejects.toMatchObject({
    code: 'local-unreadable',
    message: `${file} has 11 bytes; such a file may have at most 10`,
  });
  expect((await readBounded(file, 11))?.length).toBe(11);
});

test.each([
  ['ENOSPC', 'local-disk-full'],
  ['EDQUOT', 'local-disk-full'],
  ['EROFS', 'local-not-writable'],
  ['EACCES', 'local-not-writable'],
  ['EPERM', 'local-not-writable'],
  ['EIO', 'local-not-writable'],
  ['ENOTDIR', 'local-not-writable'],
])('%s while writing becomes %s, with the path', (code, expected) => {
  const error = localError(Object.assign(new Error(code), { code }), 'write', '/state/x/ledger.ndjson');
  expect(error).toMatchObject({ code: expected, message: expect.stringContaining('/state/x/ledger.ndjson') as string });
});

const mount = peer('mount');

describe.skipIf(mount === undefined || !asRoot())('on a small file system', () => {
  /** A tmpfs of 256 KiB, or undefined if mounts are forbidden here. */
  async function smallDisk(): Promise<string | undefined> {
    const directory = tempDir();
    const { code, stderr } = await run(mount!, ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', directory]);
    if (code !== 0) {
      if (process.env['DEPOT_TEST_PEERS'] === 'required') throw new Error(stderr);
      return undefined;
    }
    cleanup(async () => mustRun('umount', [directory]));
    return directory;
  }
  async function fill(directory: string): Promise<void> {
    await expect(writeFile(join(directory, 'filler'), Buffer.alloc(1 << 20))).rejects.toMatchObject({ code: 'ENOSPC' });
  }

  test('that is full, a deposit fails with local-disk-full as its cause, and the ledger is not changed', async (context) => {
    const disk = await smallDisk();
    if (disk === undefined) return context.skip();
    const { state, ledger, receipts } = await ledgerOf(disk, 1);
    const before = await readFile(state.file('ledger.ndjson'), 'utf8');
    await fill(disk);
    await expect(writeFileAtomic(state.file('x'), Buffer.alloc(8192))).rejects.toMatchObject({
      code: 'local-disk-full',
      message: `no space left to write ${state.file('x')}`,
    });
    await expect(deposit(state, ledger, { at: '2026-11-22T00:30:00Z' })).rejects.toMatchObject({
      code: 'receipt-not-written',
      cause: expect.objectContaining({ code: 'local-disk-full' }) as unknown,
    });
    await expect(lockArrangement(state.directory)).rejects.toMatchObject({ code: 'local-disk-full' });
    expect((await readdir(state.directory)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(await readFile(state.file('ledger.ndjson'), 'utf8')).toBe(before);
    expect((await Ledger.open(state)).nextLink()).toMatchObject({
      sequence: 2,
      previousReceiptSha256: receipts[0].sha256,
    });
  });

  test('that fills up in the middle of a ledger line, the half line is removed', async (context) => {
    const disk = await smallDisk();
    if (disk === undefined) return context.skip();
    const { state, ledger, receipts } = await ledgerOf(disk, 1);
    // Until its page is nearly full, so that the next line needs another one.
    const file = state.file('ledger.ndjson');
    const note = {
      kind: 'destroyed' as const,
      depositId: receipts[0].receipt.depositId,
      receiptSha256: receipts[0].sha256,
      time: '2027-02-01T10:00:00Z',
      destroyed: '2027-01-31',
    };
    while ((await stat(file)).size % 4096 < 4096 - 400) await ledger.append(note);
    const before = await readFile(file, 'utf8');
    await fill(disk);
    await expect(ledger.append(note)).rejects.toMatchObject({
      code: 'local-disk-full',
      message: `no space left to write ${file}`,
    });
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  test('that is read-only, every write fails and says so', async (context) => {
    const disk = await smallDisk();
    if (disk === undefined) return context.skip();
    const { state, ledger } = await ledgerOf(disk, 1);
    await mustRun(mount!, ['-o', 'remount,ro', disk]);
    const readOnly = {
      code: 'local-not-writable',
      message: expect.stringMatching(/the file system is read-only$/) as string,
    };
    await expect(ArrangementState.open(disk, 'other')).rejects.toMatchObject({
      ...readOnly,
      message: `${disk} is on a read-only file system, so runs cannot be recorded`,
    });
    await expect(lockArrangement(state.directory)).rejects.toMatchObject(readOnly);
    await expect(writeFileAtomic(state.file('x'), 'x')).rejects.toMatchObject(readOnly);
    await expect(
      appendRun(state, {
        schema: 'depot.run/1',
        arrangement: 'acme-crm',
        startedAt: '2026-11-22T00:30:00Z',
        finishedAt: '2026-11-22T00:30:00Z',
        exit: 0,
        code: null,
        message: null,
        published: 'no',
        depositId: null,
        bytes: null,
        seconds: 0,
        lanes: null,
        attempts: 0,
        reconnects: 0,
        host: 'h',
      }),
    ).rejects.toMatchObject(readOnly);
    const line = {
      kind: 'deposit' as const,
      depositId: 'acme-crm_20261122T003000Z_0123456789abcdef',
      receiptSha256: '0'.repeat(64),
      time: '2026-11-22T00:30:00Z',
    };
    await expect(ledger.append(line)).rejects.toMatchObject(readOnly);
  });
});
