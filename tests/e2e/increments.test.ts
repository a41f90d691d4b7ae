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
import { checkout, depot, json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
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
      /belongs to another one/,
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
      /the sources have changed/,
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
    expect(next.warnings).toMatch(/the recipients have changed/);
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

test('pushes that are killed leave no more than one index behind, and cost no full deposit', async () => {
  const o = await atNight();
  const full = await o.push();
  o.night(1);
  const stop = {
    node: ['--import', join(checkout, 'tests/support/preload-stop.mjs')],
    env: { DEPOT_STOP_AT: 'sealed' },
  };
  for (let i = 0; i < 3; i++) {
    expect((await depot(['push', '--config', o.supplier.config], stop)).signal).toBe('SIGKILL');
    expect(o.indexes()).toHaveLength(2);
  }
  expect((await o.push()).chain).toMatchObject({ number: 1, previousDepositId: full.receipt.depositId });
  expect(o.indexes()).toHaveLength(1);
});

describe('which deposit is the base', () => {
  const DAY_S = 86_400;
  /** A push on another day: what it says, and how it ends. */
  async function pushOn(o: Awaited<ReturnType<typeof atNight>>, day: number) {
    const clock = ['--import', join(checkout, 'tests/support/preload-clock.mjs')];
    const done = await depot(['push', '--config', o.supplier.config, '--json'], {
      node: clock,
      env: { DEPOT_CLOCK_S: String(day * DAY_S) },
    });
    const { results } = json(done) as unknown as { results: { deposit?: { receipt: Receipt } }[] };
    return {
      code: done.code,
      receipt: results[0].deposit?.receipt,
      chain: results[0].deposit?.receipt.chain,
      said: done.stderr,
    };
  }
  const shortly = (o: Awaited<ReturnType<typeof atNight>>, more: Record<string, unknown> = {}): void =>
    o.supplier.writeConfig({ arrangement: { incremental: { ...incremental, ...more } }, remote: { retryFor: '1s' } });
  const dropped: NonNullable<ScriptedServer['script']> = (request) =>
    request.type === 'write' ? { do: false, then: 'drop' } : undefined;

  test('one that was never confirmed is passed over, and the chain forks', async () => {
    const o = await atNight();
    const full = await o.push();
    o.night(1);
    o.server.options.collect = 'rename';
    o.server.script = (request) => (request.type === 'rename' ? { do: true, then: 'drop' } : undefined);
    expect((await depot(['push', '--config', o.supplier.config])).code).toBe(18);
    o.server.script = undefined;
    o.night(2);
    const next = await o.push();
    expect(next.chain).toMatchObject({ number: 1, previousDepositId: full.receipt.depositId });
    o.night(3);
    expect((await o.push()).chain).toMatchObject({ number: 2, previousDepositId: next.receipt.depositId });
  });

  test('one that is confirmed by the next run counts', async () => {
    const o = await atNight();
    shortly(o);
    await o.push();
    o.night(1);
    let isLost = false;
    o.server.script = (request) => {
      isLost ||= request.type === 'rename';
      if (request.type === 'rename') return { do: true, then: 'drop' };
      return isLost && ['stat', 'lstat', 'opendir'].includes(request.type) ? { status: 3 } : undefined;
    };
    expect((await depot(['push', '--config', o.supplier.config])).code).toBe(18);
    o.server.script = undefined;
    o.night(2);
    const next = await o.push();
    expect(next.chain.number).toBe(2);
    expect(next.warnings).toContain(`${next.chain.previousDepositId}, begun by an earlier run, is at the agent`);
  });

  test('a full deposit that is due by its age', async () => {
    const o = await atNight();
    await o.push();
    expect((await pushOn(o, 29)).chain).toMatchObject({ number: 1 });
    const due = await pushOn(o, 31);
    expect(due.chain).toMatchObject({ number: 0 });
    expect(due.said).toContain('this is a full deposit: the last one is older than fullEvery');
  });

  test.each([
    ['is not reachable', 14],
    ['loses the connection', 16],
  ])(
    'if it fails since the server %s, the next run makes an increment, with a warning, until one and a half times that age',
    async (_, exit) => {
      const o = await atNight();
      shortly(o);
      await o.push();
      const fail = async (day: number): Promise<void> => {
        if (exit === 14) await o.server.stop();
        else o.server.script = dropped;
        expect((await pushOn(o, day)).code).toBe(exit);
        if (exit === 14) await o.server.start();
        o.server.script = undefined;
      };
      await fail(31);
      const late = await pushOn(o, 32);
      expect(late.chain).toMatchObject({ number: 1 });
      expect(late.said).toContain(
        'a full deposit is due, but the last run did not get through, so this is another increment',
      );
      await fail(44);
      expect((await pushOn(o, 44.5)).chain).toMatchObject({ number: 2 });
      await fail(45.5);
      expect((await pushOn(o, 46)).chain).toMatchObject({ number: 0 });
    },
  );

  test('a full deposit that is due by the number of increments is not put off by a failure', async () => {
    const o = await atNight();
    shortly(o, { maxIncrements: 1 });
    await o.push();
    await o.push();
    o.server.script = dropped;
    expect((await depot(['push', '--config', o.supplier.config])).code).toBe(16);
    o.server.script = undefined;
    expect((await o.push()).chain.number).toBe(0);
  });

  test('after rereadEvery, every file is read whatever its times say, and the receipt tells when that was last', async () => {
    const o = await atNight({ incremental: { ...incremental, rereadEvery: '2d' } });
    const full = await o.push();
    expect(full.chain.lastReadInFull).toBe(full.receipt.startedAt);
    expect((await pushOn(o, 1)).chain).toMatchObject({ number: 1, lastReadInFull: full.receipt.startedAt });
    const { receipt, chain } = await pushOn(o, 3);
    expect(chain).toMatchObject({ number: 2, lastReadInFull: receipt!.startedAt });
    expect((await pushOn(o, 4)).chain).toMatchObject({ number: 3, lastReadInFull: receipt!.startedAt });
  });

  test('a last deposit that is dated in the future is followed by a full one', async () => {
    const o = await atNight();
    expect((await pushOn(o, 3)).code).toBe(0);
    const next = await o.push();
    expect(next.chain.number).toBe(0);
    expect(next.warnings).toContain('dated in the future');
    expect((await o.push()).chain).toMatchObject({ number: 1, previousDepositId: next.receipt.depositId });
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
    o.supplier.writeConfig({ arrangement: { incremental, spool: true } });
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
