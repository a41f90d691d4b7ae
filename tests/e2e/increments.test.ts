/** Nights of an arrangement with `incremental:`, as a supplier sees them. */
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Receipt } from '../../src/receipt/schema.js';
import { pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { makeKey, Supplier, type SupplierOptions } from '../support/supplier.js';

const incremental = { agentKeeps: '90d' };

/** A supplier with one large file and some small ones, and its agent. */
async function atNight(arrangement: SupplierOptions['arrangement'] = {}) {
  const server = await startScriptedServer();
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { arrangement: { incremental, ...arrangement } },
  );
  writeFileSync(join(supplier.data, 'dump.sql'), pattern(3_000_000));
  mkdirSync(join(supplier.data, 'files'));
  for (let i = 0; i < 20; i++) writeFileSync(join(supplier.data, 'files', `${i}`), pattern(2000, i));
  const push = async (
    ...more: string[]
  ): Promise<{ chain: NonNullable<Receipt['chain']>; receipt: Receipt; warnings: string }> => {
    const done = await depotHere(['push', '--config', supplier.config, '--json', ...more]);
    expect(done.code, done.stderr + done.stdout).toBe(0);
    const { results } = json(done) as unknown as { results: { deposit: { receipt: Receipt } }[] };
    const { receipt } = results[0].deposit;
    return { receipt, chain: receipt.chain!, warnings: done.stderr };
  };
  const night = (n: number): void => appendFileSync(join(supplier.data, 'dump.sql'), `night ${n}\n`);
  const indexes = (): string[] =>
    readdirSync(join(supplier.state, 'acme-crm/index')).filter((name) => name.endsWith('.index'));
  const index = (): string => join(supplier.state, 'acme-crm/index', indexes()[0]);
  return { server, supplier, push, night, indexes, index };
}

describe('what a night is built on', () => {
  test('the first deposit is full, and the next ones hold what changed since', async () => {
    const { push, night, indexes } = await atNight();
    const full = await push();
    expect(full.chain).toMatchObject({ number: 0, fullDepositId: full.receipt.depositId, previousDepositId: null });
    night(1);
    const first = await push();
    expect(first.chain).toMatchObject({
      number: 1,
      fullDepositId: full.receipt.depositId,
      previousDepositId: full.receipt.depositId,
      previousSuitcaseSha256: full.receipt.suitcase.sha256,
      entries: full.chain.entries,
      bytes: full.chain.bytes + 8,
    });
    expect(first.receipt.suitcase.bytes).toBeLessThan(30_000);
    const second = await push();
    expect(second.chain).toMatchObject({ number: 2, previousDepositId: first.receipt.depositId });
    expect(indexes(), 'only the index of the last deposit is kept').toEqual([`${second.receipt.depositId}.index`]);
  });

  test('a dry run says what tonight would send, and leaves everything as it was', async () => {
    const { supplier, push, night, indexes } = await atNight();
    const dry = async (): Promise<{ sealedBytes: number; chain: { number: number } | null }> =>
      (json(await supplier.depot(['push', '--dry-run', '--json'])).results as unknown as { dryRun: never }[])[0].dryRun;
    expect((await dry()).sealedBytes, 'before the first deposit').toBeGreaterThan(1_000_000);
    await push();
    const before = indexes();
    night(1);
    const { sealedBytes, chain } = await dry();
    expect(sealedBytes).toBeLessThan(30_000);
    expect(chain?.number).toBe(1);
    expect(indexes()).toEqual(before);
    expect((await push()).chain).toMatchObject({ number: 1 });
  });

  test.each<[string, (o: Awaited<ReturnType<typeof atNight>>) => unknown, RegExp]>([
    ['the index is gone', ({ index }) => rmSync(index()), /there is no index of the last deposit/],
    ['the index is cut off', ({ index }) => truncateSync(index(), 1000), /cut off/],
    [
      'a byte of the index is changed',
      ({ index }) => {
        const bytes = readFileSync(index());
        bytes[bytes.length >> 1] ^= 1;
        writeFileSync(index(), bytes);
      },
      /damaged/,
    ],
    [
      'the index is that of an earlier full deposit',
      async ({ index, push, night }) => {
        const earlier = readFileSync(index());
        night(1);
        await push('--full');
        writeFileSync(index(), earlier);
        night(2);
      },
      /that of another one/,
    ],
    [
      'a directory is in its place',
      ({ index }) => {
        const path = index();
        rmSync(path);
        mkdirSync(path);
      },
      /no index of this version/,
    ],
    ['the index is something else', ({ index }) => writeFileSync(index(), 'index\n'), /cut off, or no index/],
    [
      'there is another source',
      ({ supplier }) =>
        supplier.writeConfig({
          arrangement: { incremental, dataset: [{ directory: supplier.data }, { command: ['echo', 'x'], as: 'x' }] },
        }),
      /the sources are not those/,
    ],
  ])('%s: the next deposit is full, and the one after that is built on it', async (_, change, says) => {
    const o = await atNight();
    const full = await o.push();
    await change(o);
    const again = await o.push();
    expect(again.chain).toMatchObject({ number: 0, fullDepositId: again.receipt.depositId });
    expect(again.warnings).toMatch(says);
    expect(again.receipt.depositId).not.toBe(full.receipt.depositId);
    expect((await o.push()).chain).toMatchObject({ number: 1, previousDepositId: again.receipt.depositId });
  });

  describe('the index is damaged while the push reads it', () => {
    const once = [
      'sh',
      '-c',
      'if rm once; then for f in state/acme-crm/index/*.index; do truncate -s 100 "$f"; done; fi',
    ];

    test('it starts again, with a full deposit', async () => {
      const o = await atNight({ dataset: [{ directory: 'data', prepare: once }] });
      await o.push();
      o.night(1);
      writeFileSync(join(o.supplier.directory, 'once'), '');
      const again = await o.push();
      expect(again.chain.number).toBe(0);
      expect(again.warnings).toMatch(/full deposit: the index of the last deposit was whole, and then it was not/);
      expect(o.supplier.stateFiles('pending')).toEqual([]);
      expect([...o.server.files.keys()].filter((name) => name.endsWith('.partial'))).toEqual([]);
      expect((await o.push()).chain).toMatchObject({ number: 1, previousDepositId: again.receipt.depositId });
    });

    test('what comes from standard input cannot be read again: the push fails, and says what to do', async () => {
      const o = await atNight({
        dataset: [
          { directory: 'data', prepare: once },
          { stdin: true, as: 'in' },
        ],
      });
      const push = () => depot(['push', '--config', o.supplier.config, '--json'], { input: 'standard input' });
      expect((await push()).code).toBe(0);
      o.night(1);
      writeFileSync(join(o.supplier.directory, 'once'), '');
      const failed = await push();
      expect(failed.code, failed.stdout).toBe(5);
      expect((json(failed).results ?? [])[0].error).toMatchObject({
        code: 'index-damaged',
        published: 'no',
        hint: 'run it again: that makes a full deposit',
      });
      const next = await push();
      expect(next.code, next.stdout).toBe(0);
      expect(next.stderr).toMatch(/full deposit/);
    });
  });

  test('more sources than a record of the index would take', async () => {
    const names = Array.from({ length: 900 }, (_, i) => `${'source'.repeat(12)}-${i}`);
    const { push, supplier } = await atNight({ dataset: names.map((as) => ({ file: 'data/dump.sql', as })) });
    writeFileSync(join(supplier.data, 'dump.sql'), 'small');
    await push();
    writeFileSync(join(supplier.data, 'dump.sql'), 'and changed');
    expect((await push()).chain).toMatchObject({ number: 1, entries: 900 });
  });

  test('another recipient: a full deposit at once', async () => {
    const { push, supplier } = await atNight();
    await push();
    const other = await makeKey(join(tempDir(), 'other'), 'Other', 'compat');
    supplier.writeConfig({
      beneficiaries: [{ key: readFileSync(other.publicKey, 'utf8'), fingerprint: other.fingerprint }],
    });
    const next = await push();
    expect(next.chain.number).toBe(0);
    expect(next.warnings).toMatch(/the recipients are not those/);
  });

  test('--full, and maxIncrements', async () => {
    const { push } = await atNight({ incremental: { ...incremental, maxIncrements: 2 } });
    await push();
    expect((await push()).chain.number).toBe(1);
    expect((await push()).chain.number).toBe(2);
    expect((await push()).chain.number).toBe(0);
    expect((await push()).chain.number).toBe(1);
    expect((await push('--full')).chain.number).toBe(0);
  });

  test('once the increments are larger than the full deposit, the next one is full', async () => {
    const { push, supplier } = await atNight();
    await push();
    writeFileSync(join(supplier.data, 'new'), pattern(4_000_000, 9));
    expect((await push()).chain.number).toBe(1);
    const next = await push();
    expect(next.chain.number).toBe(0);
    expect(next.warnings).toMatch(/larger/);
  });
});

describe('what was sealed and not sent yet', () => {
  /** A full deposit, and an increment that waits in the spool. */
  async function waiting() {
    const o = await atNight({ spool: true });
    const full = await o.push();
    o.night(1);
    o.server.script = (request) => (request.type === 'write' ? { do: false, then: 'drop' } : undefined);
    o.supplier.writeConfig({ arrangement: { incremental, spool: true }, remote: { retryFor: '1s' } });
    expect((await depot(['push', '--config', o.supplier.config])).code).toBe(16);
    o.server.script = undefined;
    return { ...o, full };
  }

  test('is sent by the next run, and costs no full deposit', async () => {
    const { push, full, night } = await waiting();
    const sent = await push();
    expect(sent.chain).toMatchObject({ number: 1, previousDepositId: full.receipt.depositId });
    expect(sent.warnings).toContain(`going on with ${sent.receipt.depositId}`);
    night(2);
    expect((await push()).chain).toMatchObject({ number: 2, previousDepositId: sent.receipt.depositId });
  });

  test('is not sent when what it is built on was destroyed meanwhile: it would not open', async () => {
    const { push, full, supplier } = await waiting();
    const note = ['receipts', 'note', full.receipt.depositId, '--destroyed', new Date().toISOString().slice(0, 10)];
    const noted = await depot([...note, '--config', supplier.config]);
    expect(noted.code, noted.stderr).toBe(0);
    const next = await push();
    expect(next.chain.number).toBe(0);
    expect(next.warnings).toContain(`is given up: ${full.receipt.depositId}, on which it is built, was destroyed`);
    expect(supplier.stateFiles('pending')).toEqual([]);
  });

  test.each([
    ['--full', { number: 0 }],
    ['--reread', { number: 2 }],
  ])('does not count for a run with %s, which makes another', async (flag, chain) => {
    const { push } = await waiting();
    const next = await push(flag);
    expect(next.warnings).toContain('going on with');
    expect(next.chain).toMatchObject(chain);
    expect(next.chain.lastReadInFull).toBe(next.receipt.startedAt);
  });
});

test('--rehearse of an increment opens this part, and its receipt says no more than that', async () => {
  const { push, night, supplier } = await atNight();
  expect((await push('--rehearse')).receipt.rehearsed).toBe(true);
  night(1);
  writeFileSync(join(supplier.data, 'files/3'), 'changed');
  expect((await push('--rehearse')).receipt.rehearsed).toBe('increment');
  night(2);
  expect((await push()).receipt.rehearsed).toBeUndefined();
});

describe('what has to be kept', () => {
  test('receipts list --chain names exactly the files that a deposit needs, from the state or from receipts alone', async () => {
    const { push, night, supplier } = await atNight();
    const older = await push();
    const full = await push('--full');
    night(1);
    const first = await push();
    night(2);
    const second = await push();
    const needed = [full, first, second].map(({ receipt: { depositId, suitcase } }) => ({ depositId, ...suitcase }));
    const listed = await depot([
      'receipts',
      'list',
      '--chain',
      second.receipt.depositId,
      '--config',
      supplier.config,
      '--json',
    ]);
    expect(json(listed)).toMatchObject({ ok: true, files: needed, missing: null });
    const receipts = tempDir();
    cpSync(join(supplier.state, 'acme-crm'), receipts, { recursive: true });
    const alone = ['receipts', 'list', '--receipts', receipts, '--chain'];
    const text = await depot([...alone, second.receipt.depositId]);
    expect(text.code, text.stderr).toBe(0);
    for (const { name, bytes } of needed) expect(text.stdout).toContain(`${name}  ${bytes}`);
    for (const { sha256 } of needed) expect(text.stdout).toContain(sha256);
    expect(text.stdout).not.toContain(older.receipt.depositId);
    rmSync(join(receipts, `${first.receipt.depositId}.receipt.json`));
    const broken = await depot([...alone, second.receipt.depositId, '--json']);
    expect(broken.code).toBe(24);
    expect(json(broken)).toMatchObject({ ok: false, missing: { depositId: first.receipt.depositId } });
  });

  test('a destruction names what no longer opens, status goes on to say so, and the next deposit is full', async () => {
    const { push, night, supplier } = await atNight();
    await push();
    night(1);
    const first = await push();
    night(2);
    const second = await push();
    const note = ['receipts', 'note', first.receipt.depositId, '--destroyed', new Date().toISOString().slice(0, 10)];
    const noted = await depot([...note, '--config', supplier.config, '--json']);
    expect(json(noted)).toMatchObject({ ok: true, lost: [second.receipt.depositId] });
    const status = await depot(['status', '--config', supplier.config]);
    expect(status.stdout).toContain(`${second.receipt.depositId} no longer opens: ${first.receipt.depositId}`);
    // It said in the same breath that the last deposit opened for 89 days more.
    expect(status.stdout).not.toContain('it opens for');
    expect(status.stdout.replace(/\s+/g, ' ')).toContain('make a full deposit: depot push acme-crm --full');
    const inList = await depot(['receipts', 'list', '--config', supplier.config]);
    expect(inList.stdout).toMatch(/increment 1, destroyed \d{4}-\d\d-\d\d\n.*increment 2, no longer opens/);
    const asked = ['receipts', 'list', '--chain', second.receipt.depositId, '--config', supplier.config];
    const chain = await depot(asked);
    expect(chain.code).toBe(24);
    expect(chain.stdout.replace(/\s+/g, ' ')).toContain(`so ${second.receipt.depositId} no longer opens`);
    const doctor = await depot(['doctor', '--config', supplier.config]);
    expect(doctor.stdout.replace(/\s+/g, ' ')).toContain('the last deposit, no longer opens');
    const next = await push();
    expect(next.chain.number).toBe(0);
    expect(next.warnings).toContain('was destroyed');
  });

  test('status says how long the last deposit would open', async () => {
    const { push, supplier } = await atNight();
    await push();
    await push();
    const status = await depot(['status', '--config', supplier.config]);
    expect(status.stdout).toMatch(
      /acme-crm: the last deposit is increment 1 since the full deposit of \d{4}-\d\d-\d\d;\s+without another one, it opens for (89d23h|90d) more/,
    );
  });
});
