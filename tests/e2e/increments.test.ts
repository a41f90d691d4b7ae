/** Nights of an arrangement with `incremental:`, as a supplier sees them. */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { checkout, depot, json } from '../support/cli.js';
import { makeKey } from '../support/supplier.js';
import { atNight, incremental } from './increments.js';

interface DryRun {
  full: string | null;
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

  test('a night without new contents is told by what changed otherwise', async () => {
    const { supplier, push } = await atNight();
    await push();
    const file = (name: string): string => join(supplier.data, 'files', name);
    const said = async (...more: string[]): Promise<string> =>
      (await supplier.depot(['push', ...more])).stdout.replace(/\s+/g, ' ');
    const quiet = 'changed 0 B of new contents since the last deposit; 0 entries new or changed, 0 removed';
    expect(await said('--dry-run')).toContain(quiet);
    chmodSync(file('1'), 0o600);
    renameSync(file('2'), file('2-new'));
    rmSync(file('3'));
    symlinkSync('4', file('link'));
    // The directory, too, has a new time; the old name of what was renamed is gone.
    const changed = 'changed 0 B of new contents since the last deposit; 4 entries new or changed, 2 removed';
    expect(await said('--dry-run')).toContain(`${changed}; it would be increment 1`);
    expect(await said()).toContain(changed);
    expect(await said()).toContain(quiet);
  });

  test('a dry run says that it would be a full deposit, and why', async () => {
    const { supplier, push, index } = await atNight();
    const full = async (...more: string[]): Promise<unknown> => {
      const dry = ['push', '--dry-run', ...more];
      const { full } = (json(await supplier.depot([...dry, '--json'])).results as unknown as { dryRun: DryRun }[])[0]
        .dryRun;
      const said = (await supplier.depot(dry)).stdout.replace(/\s+/g, ' ');
      expect(said).toContain(
        full === null ? ' it would be increment 1 ' : ` full it would be a full deposit: ${full} `,
      );
      return full;
    };
    expect(await full(), 'before the first deposit').toBe('it is the first');
    expect(await full('--full')).toBe('you asked for it with --full');
    await push();
    expect(await full()).toBe(null);
    expect(await full('--full')).toBe('you asked for it with --full');
    truncateSync(index(), 1000);
    expect(await full()).toMatch(/cut off/);
  });

  test('--full and --reread without incremental: say that nothing comes of them', async () => {
    const { supplier } = await atNight();
    supplier.writeConfig({ arrangement: {} });
    for (const flag of ['--full', '--reread']) {
      const { code, stderr } = await supplier.depot(['push', flag]);
      expect(code, stderr).toBe(0);
      expect(stderr.replace(/\s+/g, ' ')).toContain(
        'acme-crm: there is no incremental:, so every deposit is full and reads everything',
      );
    }
    expect((await supplier.depot(['push'])).stderr).not.toContain('incremental');
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
      /belongs to another deposit/,
    ],
    [
      'a directory is in its place',
      ({ index }) => {
        const path = index();
        rmSync(path);
        mkdirSync(path);
      },
      /is not an index of this version/,
    ],
    ['the index is something else', ({ index }) => writeFileSync(index(), 'index\n'), /cut off, or is not an index/],
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

test('--rehearse of an increment opens this part, and its receipt says no more than that', async () => {
  const { push, night, supplier } = await atNight();
  expect((await push('--rehearse')).receipt.rehearsed).toBe(true);
  night(1);
  writeFileSync(join(supplier.data, 'files/3'), 'changed');
  expect((await push('--rehearse')).receipt.rehearsed).toBe('increment');
  night(2);
  expect((await push()).receipt.rehearsed).toBeUndefined();
});
