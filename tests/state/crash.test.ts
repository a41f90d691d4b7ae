/**
 * Kills a push before every call that its records make to the file system (and in the middle of each write), then lets
 * the next run settle: nothing is lost, nothing is doubled, the ledger is whole. The mocked file system also knows what
 * no fsync covers yet, since a power loss would take that.
 */
import type * as FsPromises from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { verifyLedger } from '../../src/state/audit.js';
import { coverBytes } from '../../src/receipt/cover.js';
import { partialName } from '../../src/names/deposit.js';
import { Ledger } from '../../src/state/ledger.js';
import { listReceipts } from '../../src/state/list.js';
import { readPending, removePending, writePending } from '../../src/state/pending.js';
import { recordReceipt } from '../../src/state/record.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { acknowledged, deposit, draftOf, fakeCheck, fakeSignature } from './samples.js';

class Killed extends Error {}

/** The state of the mocked file system. `left` is the number of calls until the kill; null plans none. */
const disk = vi.hoisted(() => ({
  left: null as number | null,
  dead: false,
  /** Files and directories with changes that no fsync has covered, while `tracking`. */
  unsynced: new Set<string>(),
  open: [] as { close(): Promise<void> }[],
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof FsPromises>();
  /** After the kill nothing happens any more, not even cleaning up. */
  const call = () => {
    if (disk.dead) throw new Killed('dead');
    if (disk.left !== null && disk.left-- === 0) {
      disk.dead = true;
      throw new Killed('killed');
    }
  };
  const changed = (path: string) => disk.unsynced.add(path);
  const wrapHandle = (handle: FsPromises.FileHandle, path: string) => {
    const write = handle.write.bind(handle) as (
      buffer: Buffer,
      offset?: number,
      ...rest: unknown[]
    ) => Promise<unknown>;
    const [sync, truncate] = [handle.sync.bind(handle), handle.truncate.bind(handle)];
    handle.write = (async (buffer: Buffer, offset = 0, ...rest: unknown[]) => {
      changed(path);
      try {
        call();
      } catch (error) {
        if ((error as Error).message === 'killed')
          await write(buffer.subarray(offset, offset + Math.floor((buffer.length - offset) / 2)));
        throw error;
      }
      return write(buffer, offset, ...rest);
    }) as FsPromises.FileHandle['write'];
    handle.sync = async () => {
      call();
      await sync();
      disk.unsynced.delete(path);
    };
    handle.truncate = async (length) => {
      call();
      changed(path);
      await truncate(length);
    };
    disk.open.push(handle);
    return handle;
  };
  return {
    ...real,
    open: async (path: string, flags: string, mode?: number) => {
      call();
      const exists = await real.stat(path).then(
        () => true,
        () => false,
      );
      const handle = wrapHandle(await real.open(path, flags, mode), path);
      if (!exists) changed(dirname(path));
      return handle;
    },
    rename: async (from: string, to: string) => {
      call();
      if (disk.unsynced.has(from)) throw new Error(`${basename(from)} is renamed before it is fsynced`);
      await real.rename(from, to);
      changed(dirname(to));
    },
    link: async (from: string, to: string) => {
      call();
      if (disk.unsynced.has(from)) throw new Error(`${basename(from)} is linked before it is fsynced`);
      await real.link(from, to);
      changed(dirname(to));
    },
    mkdir: async (path: string, mode: number) => {
      call();
      await real.mkdir(path, mode);
      changed(dirname(path));
    },
    rm: async (path: string, options?: { force?: boolean }) => {
      call();
      await real.rm(path, options);
      // A temporary file that is gone need not be gone durably.
      disk.unsynced.delete(path);
      if (!path.endsWith('.tmp')) changed(dirname(path));
    },
    truncate: async (path: string, length: number) => {
      call();
      changed(path);
      await real.truncate(path, length);
    },
  };
});

beforeEach(() => restart());

function restart(): void {
  disk.left = null;
  disk.dead = false;
  disk.unsynced.clear();
}

async function killAfter(calls: number, work: () => Promise<void>): Promise<boolean> {
  disk.left = calls;
  try {
    await work();
    return false;
  } catch (error) {
    if (!disk.dead) throw error;
    return true;
  } finally {
    restart();
    for (const handle of disk.open.splice(0)) await handle.close().catch(() => undefined);
  }
}

const id = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
const at = '2026-11-22T00:36:13Z';
const draft = draftOf(id);
const cover = coverBytes(draft);
const base = {
  schema: 'depot.pending/1' as const,
  depositId: id,
  arrangement: 'acme-crm',
  partialName: partialName(id),
  finalName: draft.suitcase.name,
  createdAt: draft.startedAt,
  server: { account: 'acme@10.20.0.5:22', directory: '/incoming' },
  publish: 'rename' as const,
};
const transferOf = (status: Receipt['transfer']['status']) => ({
  ...acknowledged,
  remoteName: draft.suitcase.name,
  status,
});
const record = async (state: ArrangementState, status: Receipt['transfer']['status']) =>
  recordReceipt({
    state,
    ledger: await Ledger.open(state),
    draft,
    transfer: transferOf(status),
    completedAt: at,
    cover,
    sign: async (bytes) => fakeSignature(bytes),
  });

/** Does what a push does with its records, and tells when the partial and when the suitcase is at the agent. */
async function push(
  directory: string,
  status: Receipt['transfer']['status'],
  reached: (stage: 'partial' | 'published') => void,
): Promise<void> {
  const state = await ArrangementState.open(directory, 'acme-crm');
  await writePending(state, { ...base, stage: 'intent' });
  reached('partial');
  await writePending(state, { ...base, stage: 'closing', draft });
  reached('published');
  await writePending(state, {
    ...base,
    stage: status === 'acknowledged' ? 'published' : 'unconfirmed',
    draft,
    transfer: transferOf(status),
    completedAt: at,
  });
  await record(state, status);
  if (status === 'acknowledged') await removePending(state, id);
}

/** Does what the next run does with what it finds, at an agent that shows its files. Returns the stages that it found. */
async function settle(directory: string, published: boolean): Promise<string[]> {
  const state = await ArrangementState.open(directory, 'acme-crm');
  const { records, unreadable } = await readPending(state);
  expect(unreadable).toEqual([]);
  for (const pending of records) {
    if (pending.stage !== 'intent' && published) await record(state, 'acknowledged');
    await removePending(state, pending.depositId);
  }
  return records.map((pending) => pending.stage);
}

/** How many pending records and receipts there are. */
async function recorded(directory: string): Promise<number> {
  const state = new ArrangementState(directory, 'acme-crm');
  return (await readPending(state)).records.length + (await listReceipts(state)).receipts.length;
}

describe.each(['acknowledged', 'unconfirmed'] as const)('a push with an %s deposit', (status) => {
  test('survives a kill before any file system call, and so does the run that settles it', async () => {
    let calls = 0;
    for (let killed = true; killed; calls++) {
      const directory = `${tempDir()}/state`;
      const reached = new Set<string>();
      killed = await killAfter(calls, async () => push(directory, status, (stage) => reached.add(stage)));
      // Law 8 of docs/architecture.md: what may be at the agent has a pending record or a receipt.
      if (reached.has('partial')) expect(await recorded(directory)).toBeGreaterThan(0);
      // The second run is killed too, at a different call each time; the third one is not.
      await killAfter(calls % 23, async () => {
        await settle(directory, reached.has('published'));
      });
      const stages = await settle(directory, reached.has('published'));
      expect(stages.length).toBeLessThanOrEqual(1);
      const state = new ArrangementState(directory, 'acme-crm');
      const audit = await verifyLedger(state, fakeCheck);
      expect(audit.problems, `killed before call ${String(calls)}`).toEqual([]);
      const { receipts } = await listReceipts(state);
      expect(receipts.map((one) => [one.depositId, one.receipt.transfer.status])).toEqual(
        reached.has('published') ? [[id, 'acknowledged']] : [],
      );
      const lines = (await Ledger.open(await ArrangementState.open(directory, 'acme-crm'))).lines.map(
        (line) => line.kind,
      );
      expect(lines[0]).toBe(reached.has('published') ? 'deposit' : undefined);
      expect(lines.length).toBeLessThanOrEqual(status === 'unconfirmed' ? 2 : 1);

      // The next deposit goes through.
      const writable = await ArrangementState.open(directory, 'acme-crm');
      await deposit(writable, await Ledger.open(writable), { at: '2026-11-23T00:30:00Z' });
      expect((await verifyLedger(state, fakeCheck)).problems).toEqual([]);
    }
    // Otherwise nothing was tried.
    expect(calls).toBeGreaterThan(40);
  }, 120_000);
});

test('the intent record is on disk before anything is created at the agent', async () => {
  for (let calls = 0, killed = true; killed; calls++) {
    const directory = `${tempDir()}/state`;
    const reached = new Set<string>();
    killed = await killAfter(calls, async () =>
      push(directory, 'acknowledged', (stage) => {
        reached.add(stage);
        // Nothing that was written so far is at the mercy of a power loss.
        expect([...disk.unsynced]).toEqual([]);
      }),
    );
    if (reached.size > 0) expect(await recorded(directory)).toBeGreaterThan(0);
  }
});

test('no file is left unsynced after a push, nor after the run that settles it', async () => {
  const directory = `${tempDir()}/state`;
  await push(directory, 'unconfirmed', () => expect([...disk.unsynced]).toEqual([]));
  expect([...disk.unsynced]).toEqual([]);
  await settle(directory, true);
  expect([...disk.unsynced]).toEqual([]);
});
