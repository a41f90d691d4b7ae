import { appendFile, mkdir, readFile, readdir, rename, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verifyLedger } from '../../src/state/audit.js';
import { appendRun } from '../../src/state/runs.js';
import { Ledger, readLedgerId } from '../../src/state/ledger.js';
import { newDepositId } from '../../src/names/deposit.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { Child } from './children.js';
import { deposit, ledgerOf, markPending, sha256 } from './samples.js';
import { onWindows, privateDirectory, privateFile } from '../support/platform.js';

const linesOf = async (state: ArrangementState) =>
  (await readFile(state.file('ledger.ndjson'), 'utf8')).split('\n').slice(0, -1);

describe('a ledger', () => {
  test('says that it is new, and what its first receipt must contain', async () => {
    const state = await ArrangementState.open(join(tempDir(), 'state'), 'acme-crm');
    const ledger = await Ledger.open(state);
    expect(ledger.created).toBe(true);
    expect(ledger.warnings).toEqual([]);
    expect(ledger.nextLink()).toEqual({
      id: await readLedgerId(state.stateDirectory),
      sequence: 1,
      previousReceiptSha256: null,
    });
    expect(ledger.id).toMatch(/^[0-9a-f]{32}$/);
  });

  test('chains its lines and receipts, over several openings', async () => {
    const { state, receipts } = await ledgerOf(tempDir(), 3);
    const ledger = await Ledger.open(state);
    expect(ledger.created).toBe(false);
    const lines = await linesOf(state);
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual(
      receipts.map((r, i) => ({
        sequence: i + 1,
        kind: 'deposit',
        depositId: r.receipt.depositId,
        receiptSha256: r.sha256,
        previousSha256: i === 0 ? null : sha256(lines[i - 1]),
        time: r.receipt.completedAt,
        ledgerId: ledger.id,
      })),
    );
    expect(receipts[2].receipt.ledger).toEqual({
      id: ledger.id,
      sequence: 3,
      previousReceiptSha256: receipts[1].sha256,
    });
    expect(ledger.nextLink()).toEqual({ id: ledger.id, sequence: 4, previousReceiptSha256: receipts[2].sha256 });
    expect((await stat(state.file('ledger.ndjson'))).mode & 0o777).toBe(privateFile);
    expect((await stat(state.directory)).mode & 0o777).toBe(privateDirectory);
  });

  test('records a destruction, which is not a receipt', async () => {
    const { state, ledger, receipts } = await ledgerOf(tempDir(), 2);
    const [{ receipt, sha256: receiptSha256 }] = receipts;
    await ledger.append({
      kind: 'destroyed',
      depositId: receipt.depositId,
      receiptSha256,
      time: '2027-02-01T10:00:00Z',
      destroyed: '2027-01-31',
    });
    const reopened = await Ledger.open(state);
    expect(reopened.lines.at(-1)).toMatchObject({ sequence: 3, kind: 'destroyed', destroyed: '2027-01-31' });
    expect(reopened.nextLink()).toMatchObject({ sequence: 4, previousReceiptSha256: receipts[1].sha256 });
    expect(reopened.receiptLine(receipt.depositId)?.sequence).toBe(1);
  });

  test.skipIf(onWindows)('is neither read nor written if a symbolic link stands in its place', async () => {
    const {
      state,
      ledger,
      receipts: [{ receipt, sha256: receiptSha256 }],
    } = await ledgerOf(tempDir(), 1);
    const [file, elsewhere] = [state.file('ledger.ndjson'), state.file('elsewhere')];
    await rename(file, elsewhere);
    await symlink('elsewhere', file);
    const before = await readFile(elsewhere, 'utf8');
    await expect(Ledger.open(state)).rejects.toMatchObject({
      code: 'local-unreadable',
      message: expect.stringContaining('symbolic link') as string,
    });
    await expect(
      ledger.append({
        kind: 'destroyed',
        depositId: receipt.depositId,
        receiptSha256,
        time: '2027-02-01T10:00:00Z',
        destroyed: '2027-01-31',
      }),
    ).rejects.toMatchObject({ code: 'local-not-writable' });
    expect(await readFile(elsewhere, 'utf8')).toBe(before);
  });

  test.each([
    ['half a line', 40],
    ['all of a line but its end', 1],
  ])('is repaired, with a warning, after a power loss left %s', async (_what, cut) => {
    const { state, receipts } = await ledgerOf(tempDir(), 3);
    const before = await linesOf(state);
    const file = state.file('ledger.ndjson');
    await truncate(file, (await stat(file)).size - cut);
    await markPending(state, receipts[2].receipt.depositId);
    const ledger = await Ledger.open(state);
    expect(ledger.warnings).toEqual([expect.stringContaining('was incomplete')]);
    expect(await linesOf(state)).toEqual(before.slice(0, 2));
    // The receipt is still there; its line comes back exactly as it was.
    await ledger.append({
      kind: 'deposit',
      depositId: receipts[2].receipt.depositId,
      receiptSha256: receipts[2].sha256,
      time: receipts[2].receipt.completedAt,
    });
    expect(await linesOf(state)).toEqual(before);
    expect((await Ledger.open(state)).warnings).toEqual([]);
  });

  const gone: [string, (state: ArrangementState) => Promise<unknown>, number, RegExp][] = [
    [
      'is gone',
      (state) => rm(state.file('ledger.ndjson')),
      3,
      /ledger\.ndjson is empty or missing, and has no line for 3 deposits that other files here mention: acme-crm_20261101T\w+, acme-crm_20261102T\w+, acme-crm_20261103T\w+$/,
    ],
    [
      'is gone with its id',
      async (state) => {
        await rm(state.file('ledger.ndjson'));
        await rm(join(state.stateDirectory, 'ledger.id'));
      },
      3,
      /is empty or missing/,
    ],
    ['was emptied', (state) => truncate(state.file('ledger.ndjson'), 0), 3, /is empty or missing/],
    [
      'was cut at the end of a line',
      async (state) =>
        writeFile(
          state.file('ledger.ndjson'),
          (await readFile(state.file('ledger.ndjson'), 'utf8')).replace(/[^\n]*\n$/, ''),
        ),
      1,
      /ends with line 2, and has no line for a deposit that other files here mention: acme-crm_20261103T\w+$/,
    ],
    [
      'lost a line in its middle',
      async (state) =>
        writeFile(
          state.file('ledger.ndjson'),
          (await readFile(state.file('ledger.ndjson'), 'utf8')).split('\n').toSpliced(1, 1).join('\n'),
        ),
      1,
      /ends with line 3, and has no line for a deposit .*: acme-crm_20261102T\w+$/,
    ],
  ];
  test.each(gone)(
    'that %s, with receipts beside it, counts as broken and is not started again',
    async (_what, damage, problems, message) => {
      const { state } = await ledgerOf(tempDir(), 3);
      await damage(state);
      const before = await readdir(state.stateDirectory, { recursive: true });
      await expect(Ledger.open(state)).rejects.toMatchObject({
        code: 'ledger-broken',
        exit: 32,
        message: expect.stringMatching(message) as string,
        hint: expect.stringMatching(
          /restore ledger\.ndjson from a backup.*«depot receipts verify acme-crm».*«\w+ \S+acme-crm\W+\S+acme-crm\.kept-\d{4}-\d\d-\d\d\W?»/,
        ) as string,
      });
      expect(await readdir(state.stateDirectory, { recursive: true })).toEqual(before);
      expect((await verifyLedger(state)).problems.filter(({ kind }) => kind === 'unlisted')).toHaveLength(problems);
    },
  );

  test('counts as broken if the line of a superseding receipt is missing', async () => {
    const { state, ledger } = await ledgerOf(tempDir(), 1);
    const lost = await deposit(state, ledger, { at: '2026-11-04T00:30:00Z', status: 'unconfirmed' });
    const before = await readFile(state.file('ledger.ndjson'));
    await deposit(state, ledger, { at: '2026-11-04T00:30:00Z', id: lost.receipt.depositId });
    await writeFile(state.file('ledger.ndjson'), before);
    await expect(Ledger.open(state)).rejects.toMatchObject({ code: 'ledger-broken' });
  });

  test('counts as whole if each receipt has a line, superseded receipts included; attestations need none', async () => {
    const { state, ledger, receipts } = await ledgerOf(tempDir(), 1);
    const lost = await deposit(state, ledger, { at: '2026-11-04T00:30:00Z', status: 'unconfirmed' });
    await deposit(state, ledger, { at: '2026-11-04T00:30:00Z', id: lost.receipt.depositId });
    for (const { receipt } of [receipts[0], lost])
      for (const number of ['', '.2'])
        await writeFile(state.file(`${receipt.depositId}.attestation${number}.json`), '{}');
    expect((await Ledger.open(state)).lines).toHaveLength(3);
  });

  test('that is gone with all receipts counts as broken while a run record or an attestation names a deposit', async () => {
    const { state, receipts } = await ledgerOf(tempDir(), 1);
    const { depositId } = receipts[0].receipt;
    for (const name of await readdir(state.directory)) if (name !== 'pending') await rm(state.file(name));
    expect((await Ledger.open(state)).created).toBe(true);
    await writeFile(state.file(`${depositId}.attestation.json`), '{}');
    await expect(Ledger.open(state)).rejects.toMatchObject({ code: 'ledger-broken' });
    await rm(state.file(`${depositId}.attestation.json`));
    await appendRun(state, {
      schema: 'depot.run/1',
      arrangement: 'acme-crm',
      startedAt: '2026-11-01T00:30:00Z',
      finishedAt: '2026-11-01T00:30:00Z',
      exit: 0,
      code: null,
      message: null,
      published: 'yes',
      depositId,
      bytes: 1,
      seconds: 1,
      lanes: 1,
      attempts: 1,
      reconnects: 0,
      host: 'h',
    });
    await expect(Ledger.open(state)).rejects.toMatchObject({ code: 'ledger-broken' });
    expect((await verifyLedger(state)).problems).toMatchObject([{ kind: 'missing', depositId }]);
    // As the hint says: what was there is kept, and the next deposit begins a new ledger.
    await rename(state.directory, `${state.directory}.kept`);
    expect((await Ledger.open(await ArrangementState.open(state.stateDirectory, 'acme-crm'))).created).toBe(true);
  });

  test('is repaired if it ends in zeros, as some file systems leave it', async () => {
    const { state } = await ledgerOf(tempDir(), 2);
    await appendFile(state.file('ledger.ndjson'), Buffer.alloc(200));
    const ledger = await Ledger.open(state);
    expect(ledger.warnings).toHaveLength(1);
    expect(ledger.nextLink().sequence).toBe(3);
  });

  test('counts as broken, and is not written to, if its last line is not a ledger line', async () => {
    const { state } = await ledgerOf(tempDir(), 2);
    await appendFile(state.file('ledger.ndjson'), '{"sequence":3}\n');
    const before = await readFile(state.file('ledger.ndjson'));
    await expect(Ledger.open(state)).rejects.toMatchObject({
      code: 'ledger-broken',
      message: expect.stringContaining('line 3') as string,
    });
    expect(await readFile(state.file('ledger.ndjson'))).toEqual(before);
  });

  test('notices that another process wrote to it', async () => {
    const { state, ledger, receipts } = await ledgerOf(tempDir(), 2);
    await appendFile(state.file('ledger.ndjson'), 'x\n');
    await expect(
      ledger.append({
        kind: 'destroyed',
        depositId: receipts[0].receipt.depositId,
        receiptSha256: receipts[0].sha256,
        time: '2027-02-01T10:00:00Z',
        destroyed: '2027-01-31',
      }),
    ).rejects.toMatchObject({ code: 'ledger-broken' });
  });
});

describe('the ledger id', () => {
  test('is the same for all arrangements of a state directory', async () => {
    const directory = tempDir();
    const one = await Ledger.open(await ArrangementState.open(directory, 'one'));
    const two = await Ledger.open(await ArrangementState.open(directory, 'two'));
    expect(two.id).toBe(one.id);
  });

  test("is restored from the ledger's lines if its file is gone, with a warning", async () => {
    const { state, ledger } = await ledgerOf(tempDir(), 1);
    await rm(join(state.stateDirectory, 'ledger.id'));
    const again = await Ledger.open(state);
    expect(again.id).toBe(ledger.id);
    expect(again.warnings).toEqual([expect.stringContaining('was missing')]);
  });

  test("is refused if it differs from the one in the ledger's lines", async () => {
    const { state } = await ledgerOf(tempDir(), 1);
    await writeFile(join(state.stateDirectory, 'ledger.id'), `${'0'.repeat(32)}\n`);
    await expect(Ledger.open(state)).rejects.toMatchObject({ code: 'ledger-broken' });
    await writeFile(join(state.stateDirectory, 'ledger.id'), 'nonsense');
    await expect(Ledger.open(state)).rejects.toMatchObject({
      code: 'ledger-broken',
      message: expect.stringContaining('ledger.id') as string,
    });
  });

  test.skipIf(onWindows)('is the same for all processes that create it at the same time', async () => {
    const script = `
      const { Ledger } = module('ledger.js');
      const { ArrangementState } = module('arrangement-state.js');
      const { createInterface } = await import('node:readline');
      console.log('ready');
      createInterface(process.stdin).on('line', async (directory) => {
        try { console.log((await Ledger.open(await ArrangementState.open(directory, 'a' + process.pid))).id); } catch (error) { console.log(error.stack); }
      });
    `;
    const children = await Child.several(3, script);
    for (let round = 0; round < 30; round++) {
      const directory = join(tempDir(), 'state');
      for (const child of children) child.say(directory);
      const ids = await Promise.all(children.map((child) => child.line()));
      expect(ids[0]).toMatch(/^[0-9a-f]{32}$/);
      expect(new Set(ids).size).toBe(1);
      expect((await readdir(directory)).filter((name) => name.startsWith('.'))).toEqual([]);
    }
  });
});

test('the error names a state directory that cannot be created', async () => {
  const directory = tempDir();
  await writeFile(join(directory, 'file'), '');
  await expect(ArrangementState.open(join(directory, 'file', 'state'), 'acme-crm')).rejects.toMatchObject({
    code: 'local-not-writable',
    message: expect.stringContaining(join('file', 'state')) as string,
  });
  expect(() => new ArrangementState(directory, '../x')).toThrow(/not the name of an arrangement/);
  await mkdir(join(directory, 'state'), { mode: 0o755 });
  await ArrangementState.open(join(directory, 'state'), newDepositId('x', new Date()).split('_')[0]);
});
