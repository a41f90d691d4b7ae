/** What status and receipts say of a push that was killed, and of a deposit that was destroyed. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { describeSelf } from '../../src/state/holder.js';
import { partialName, suitcaseName } from '../../src/names/deposit.js';
import { lastDeposit } from '../../src/state/list.js';
import { writePending } from '../../src/state/pending.js';
import { draftOf, ledgerOf } from '../state/samples.js';
import { depotHere } from '../support/in-process.js';
import { nowhere, Supplier } from '../support/supplier.js';

describe('an arrangement', () => {
  let supplier: Supplier;
  let made: Awaited<ReturnType<typeof ledgerOf>>;
  const depot = (...args: string[]) => depotHere([...args, '--config', supplier.config], { cwd: supplier.directory });
  beforeAll(async () => {
    supplier = await Supplier.create(nowhere);
    made = await ledgerOf(supplier.state, 2);
  });

  test('whose push was killed is shown as killed, with what became of the deposit, until another push runs', async () => {
    const depositId = 'acme-crm_20261122T003000Z_5f0c9a1e77b2d410';
    const lock = join(supplier.state, 'acme-crm/lock');
    mkdirSync(join(supplier.state, 'acme-crm/pending'), { recursive: true });
    const base = {
      schema: 'depot.pending/1',
      depositId,
      arrangement: 'acme-crm',
      partialName: partialName(depositId),
      finalName: suitcaseName(depositId, 'gzip'),
      createdAt: '2026-11-22T00:30:01Z',
      server: { account: 'acme@127.0.0.1:1', directory: '/in' },
      publish: 'rename',
    } as const;
    await writePending(made.state, { ...base, stage: 'intent' });
    const before = await depot('status');
    expect(before.stdout).toContain(
      `acme-crm: ${depositId} was not deposited; the next push removes what is left of it, or continues it\n`,
    );

    // No process has this number, or if one does, it started at another time.
    writeFileSync(
      lock,
      JSON.stringify({ ...(await describeSelf('2026-11-22T00:30:00Z')), pid: 4_194_303, started: '1' }),
    );
    await writePending(made.state, { ...base, stage: 'closing', draft: draftOf(depositId) });
    const killed = await depot('status');
    expect(killed.stdout).toMatch(/^acme-crm .* killed, started 2026-11-22 \d\d:30 \S+$/m);
    expect(killed.stdout).toMatch(
      /^acme-crm: the push that started 2026-11-22 \d\d:30 \S+ \(process 4194303 on .*\) was killed, or the machine went down; run it again: depot push acme-crm --config \S+$/m,
    );
    expect(killed.stdout).toContain(`acme-crm: ${depositId} may have been deposited; the next push finds out\n`);
    const { arrangements } = JSON.parse((await depot('status', '--json')).stdout) as {
      arrangements: { underWay: unknown }[];
    };
    expect(arrangements[0].underWay).toMatchObject({
      running: null,
      killed: { pid: 4_194_303, since: '2026-11-22T00:30:00Z' },
      pending: [{ depositId, stage: 'closing', text: 'may have been deposited; the next push finds out' }],
      unreadable: [],
    });

    writeFileSync(lock, JSON.stringify(await describeSelf('2026-11-22T00:30:00Z')));
    const running = await depot('status');
    expect(running.stdout).toMatch(/^acme-crm .* running since 2026-11-22 \d\d:30 \S+$/m);
    expect(running.stdout).not.toContain(depositId);
  });

  test('whose newest deposit was destroyed has the one before as its last; receipts show gives the date', async () => {
    const [older, newest] = made.receipts.map((r) => r.receipt);
    expect((await lastDeposit(made.state))?.depositId).toBe(newest.depositId);
    const shown = await depot('receipts', 'show', newest.depositId, '--json');
    expect(JSON.parse(shown.stdout)).toMatchObject({ destroyed: null });
    await made.ledger.append({
      kind: 'destroyed',
      depositId: newest.depositId,
      receiptSha256: made.receipts[1].sha256,
      time: '2026-11-20T00:00:00Z',
      destroyed: '2026-11-19',
    });
    expect((await lastDeposit(made.state))?.depositId).toBe(older.depositId);
    expect(JSON.parse((await depot('receipts', 'show', newest.depositId, '--json')).stdout)).toMatchObject({
      destroyed: '2026-11-19',
    });
    expect((await depot('receipts', 'show', newest.depositId)).stdout).toContain(
      'destroyed  2026-11-19, as the agent confirmed\n',
    );
  });
});
