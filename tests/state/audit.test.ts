import { cp, mkdir, readFile, readdir, rename, rm, truncate, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { verifyLedger, type LedgerProblem } from '../../src/state/audit.js';
import { compareWithHeld } from '../../src/state/held.js';
import { receiptName } from '../../src/names/deposit.js';
import { Ledger } from '../../src/state/ledger.js';
import { writePending } from '../../src/state/pending.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { deposit, draftOf, fakeCheck, ledgerOf } from './samples.js';

const kinds = (problems: LedgerProblem[]) => [...new Set(problems.map((p) => p.kind))];
const ledgerFile = 'acme-crm/ledger.ndjson';

/** Five deposits, one of them superseded, one noted as destroyed: seven lines, the sixth is the note. */
let original: string;
beforeAll(async () => {
  original = tempDir('ledger');
  const { state, ledger, receipts } = await ledgerOf(original, 3);
  const lost = await deposit(state, ledger, {
    at: '2026-11-04T00:30:00Z',
    id: 'acme-crm_20261104T003000Z_0000000000000001',
    status: 'unconfirmed',
  });
  await deposit(state, ledger, { at: '2026-11-04T00:30:00Z', id: lost.receipt.depositId });
  await ledger.append({
    kind: 'destroyed',
    depositId: receipts[0].receipt.depositId,
    receiptSha256: receipts[0].sha256,
    time: '2026-11-05T00:00:00Z',
    destroyed: '2026-11-01',
  });
  await deposit(state, ledger, { at: '2026-11-06T00:30:00Z' });
});

async function copy(): Promise<{ directory: string; state: ArrangementState; lines: string[] }> {
  const directory = tempDir('ledger');
  await cp(original, directory, { recursive: true });
  return {
    directory,
    state: new ArrangementState(directory, 'acme-crm'),
    lines: (await readFile(join(directory, ledgerFile), 'utf8')).split('\n').slice(0, -1),
  };
}

describe('verifying a ledger', () => {
  test('finds no problem in a good one, and says how much was checked', async () => {
    const { state, lines } = await copy();
    const audit = await verifyLedger(state, fakeCheck);
    expect(audit).toMatchObject({
      lines: 7,
      receipts: 6,
      problems: [],
      warnings: [],
      unchecked: [],
      newest: { sequence: 7 },
    });
    expect(lines).toHaveLength(7);
    expect((await verifyLedger(state)).unchecked).toEqual(['signatures: no signer was given']);
  });

  test('finds no problem for an arrangement without a ledger', async () => {
    expect(await verifyLedger(new ArrangementState(tempDir(), 'none'), fakeCheck)).toMatchObject({
      ledgerId: null,
      lines: 0,
      receipts: 0,
      problems: [],
    });
  });

  test('finds any line that was removed, swapped, doubled, or edited in any character', async () => {
    const { directory, state, lines } = await copy();
    const line = fc.nat(lines.length - 1);
    const change = fc.oneof(
      line.map((at) => lines.filter((_, i) => i !== at)),
      fc
        .tuple(line, line)
        .filter(([a, b]) => a !== b)
        .map(([a, b]) => lines.map((text, i) => (i === a ? lines[b] : i === b ? lines[a] : text))),
      fc.tuple(line, line).map(([a, b]) => [...lines.slice(0, a), lines[b], ...lines.slice(a)]),
      line.chain((at) =>
        fc
          .tuple(fc.nat(lines[at].length - 1), fc.integer({ min: 0x20, max: 0x7e }))
          .map(([i, c]) =>
            lines.map((text, n) => (n === at ? text.slice(0, i) + String.fromCharCode(c) + text.slice(i + 1) : text)),
          ),
      ),
    );
    await fc.assert(
      fc.asyncProperty(change, async (changed) => {
        fc.pre(changed.join('\n') !== lines.join('\n'));
        await writeFile(join(directory, ledgerFile), changed.map((text) => `${text}\n`).join(''));
        const { problems } = await verifyLedger(state, fakeCheck);
        expect(problems).not.toEqual([]);
        for (const problem of problems) expect(problem.message).not.toMatch(/undefined|null|NaN/);
      }),
      { numRuns: 80 },
    );
  });

  test('says which line is missing, moved, edited or doubled', async () => {
    const { directory, state, lines } = await copy();
    const after = async (changed: string[]) => {
      await writeFile(join(directory, ledgerFile), changed.map((text) => `${text}\n`).join(''));
      return (await verifyLedger(state, fakeCheck)).problems;
    };
    const without = await after(lines.filter((_, i) => i !== 2));
    expect(without).toContainEqual(
      expect.objectContaining({ kind: 'missing', sequence: 3, message: 'line 3 is missing' }),
    );
    const swapped = await after([lines[0], lines[2], lines[1], ...lines.slice(3)]);
    expect(swapped).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ kind: 'reordered', sequence: 2, message: 'line 2 comes after line 3' }),
      ]),
    );
    expect(kinds(swapped)).not.toContain('changed');
    const edited = await after(lines.map((text, i) => (i === 5 ? text.replace('2026-11-01', '2026-11-02') : text)));
    expect(edited).toEqual([
      expect.objectContaining({
        kind: 'changed',
        sequence: 6,
        message: 'line 7 was written after a different line 6',
      }),
    ]);
    // No receipt tells of the note, but the line after it does.
    expect(kinds(await after(lines.filter((_, i) => i !== 5)))).toEqual(['missing']);
    expect(kinds(await after(lines.slice(0, 5)))).toEqual(['unlisted']);
    expect(await after([...lines, lines[6]])).toEqual([
      expect.objectContaining({ kind: 'reordered', message: 'line 7 appears twice' }),
    ]);
  });

  test('finds a receipt that is missing or changed, or has no signature or a wrong one', async () => {
    const { state, lines } = await copy();
    const { depositId, sequence } = JSON.parse(lines[1]) as { depositId: string; sequence: number };
    const file = state.file(receiptName(depositId));
    const [bytes, signature] = [await readFile(file), await readFile(`${file}.asc`)];
    const found = async () => (await verifyLedger(state, fakeCheck)).problems;

    await rm(file);
    expect(await found()).toEqual([expect.objectContaining({ kind: 'missing', sequence, depositId })]);
    await writeFile(file, bytes.toString().replace('acknowledged', 'unconfirmed'));
    expect(await found()).toContainEqual(expect.objectContaining({ kind: 'changed', sequence, depositId }));
    await writeFile(file, bytes);
    await rm(`${file}.asc`);
    expect(await found()).toEqual([
      expect.objectContaining({ kind: 'signature', sequence, message: `${file} has no signature` }),
    ]);
    await writeFile(`${file}.asc`, signature.toString().replace(/[0-9a-f]/, 'z'));
    expect(await found()).toEqual([
      expect.objectContaining({ kind: 'signature', sequence, message: `${file}: the signature is bad` }),
    ]);
    await writeFile(`${file}.asc`, signature);
    expect(await found()).toEqual([]);
  });

  test('finds a wrong ledger id', async () => {
    const { directory, state } = await copy();
    await writeFile(join(directory, 'ledger.id'), `${'0'.repeat(32)}\n`);
    expect(kinds((await verifyLedger(state, fakeCheck)).problems)).toEqual(['changed']);
  });

  test('does not call a torn last line or a pending deposit damage', async () => {
    const { directory, state, lines } = await copy();
    const { depositId } = JSON.parse(lines[6]) as { depositId: string };
    const writable = await ArrangementState.open(directory, 'acme-crm');
    await writePending(writable, {
      schema: 'depot.pending/1',
      depositId,
      arrangement: 'acme-crm',
      partialName: `.${depositId}.partial`,
      finalName: `${depositId}.tar.zst.pgp`,
      createdAt: '2026-11-06T00:00:00Z',
      server: { account: 'acme@10.20.0.5:22', directory: '/incoming' },
      publish: 'rename',
      stage: 'closing',
      draft: draftOf(depositId),
    });
    await truncate(join(directory, ledgerFile), (await stat(join(directory, ledgerFile))).size - 10);
    const audit = await verifyLedger(state, fakeCheck);
    expect(audit.problems).toEqual([]);
    expect(audit.warnings).toEqual([expect.stringContaining('incomplete'), expect.stringContaining('pending')]);
  });
});

describe('comparing with receipts that others hold', () => {
  /** What a beneficiary has: copies of receipts and signatures. */
  async function held(directory: string): Promise<string> {
    const other = join(tempDir('held'), 'receipts');
    await mkdir(other);
    for (const name of await readdir(join(directory, 'acme-crm')))
      if (name.includes('.receipt.')) await cp(join(directory, 'acme-crm', name), join(other, name));
    return other;
  }
  /** Removes lines from number `from` on, and their receipts: a tail cut off without a trace. */
  async function cut(directory: string, lines: string[], from: number): Promise<void> {
    const gone = lines.slice(from - 1).map((text) => JSON.parse(text) as { depositId: string });
    await writeFile(
      join(directory, ledgerFile),
      lines
        .slice(0, from - 1)
        .map((text) => `${text}\n`)
        .join(''),
    );
    for (const { depositId } of gone) await rm(join(directory, 'acme-crm', receiptName(depositId)), { force: true });
  }

  test('finds no problem if they agree, superseded receipts included', async () => {
    const { directory, state } = await copy();
    expect(await compareWithHeld(state, await held(directory), fakeCheck)).toMatchObject({
      receipts: 6,
      problems: [],
      unchecked: [],
      newest: { sequence: 7 },
    });
  });

  test('finds that the end of the ledger was cut off, which the ledger alone does not show', async () => {
    const { directory, state, lines } = await copy();
    const other = await held(directory);
    await cut(directory, lines, 7);
    expect((await verifyLedger(state, fakeCheck)).problems).toEqual([]);
    expect((await compareWithHeld(state, other, fakeCheck)).problems).toEqual([
      expect.objectContaining({
        kind: 'missing',
        sequence: 7,
        message: expect.stringContaining('the ledger ends with line 6') as string,
      }),
    ]);
  });

  test('finds a fork: the ledger has another deposit in the place of theirs', async () => {
    const { directory, state, lines } = await copy();
    const other = await held(directory);
    await cut(directory, lines, 7);
    const forked = await ArrangementState.open(directory, 'acme-crm');
    await deposit(forked, await Ledger.open(forked), { at: '2026-11-07T00:30:00Z' });
    expect((await verifyLedger(state, fakeCheck)).problems).toEqual([]);
    expect((await compareWithHeld(state, other, fakeCheck)).problems).toEqual([
      expect.objectContaining({ kind: 'forked', sequence: 7 }),
    ]);
  });

  test('ignores a contradicting receipt without a good signature', async () => {
    const { directory, state, lines } = await copy();
    const other = await held(directory);
    await cut(directory, lines, 7);
    for (const name of await readdir(other)) if (name.endsWith('.asc')) await rm(join(other, name));
    const audit = await compareWithHeld(state, other, fakeCheck);
    expect(audit.problems).toEqual([]);
    expect(audit.unchecked).toEqual([expect.stringContaining('it proves nothing against the ledger')]);
  });

  test('leaves other arrangements out, and says which receipts belong to another ledger or to none', async () => {
    const { state } = await copy();
    const elsewhere = await ledgerOf(tempDir(), 1);
    const other = elsewhere.state.directory;
    await writeFile(join(other, receiptName('acme-crm_20261122T003000Z_5f0c9a1e77b2d410')), '{}');
    await writeFile(join(other, 'notes.txt'), 'x');
    const audit = await compareWithHeld(state, other, fakeCheck);
    expect(audit.problems).toEqual([]);
    expect(audit.unchecked).toEqual([
      expect.stringContaining('belongs to ledger'),
      expect.stringContaining('is not a receipt'),
    ]);

    const renamed = join(tempDir(), 'x');
    await mkdir(renamed);
    expect((await compareWithHeld(state, renamed, fakeCheck)).unchecked).toEqual([
      `no receipt of acme-crm in ${renamed}`,
    ]);
    await rename(renamed, `${renamed}y`);
    await expect(compareWithHeld(state, renamed, fakeCheck)).rejects.toMatchObject({ code: 'local-unreadable' });
  });
});
