/** Which of several nights is the newest, by whatever tells: chains, ledgers, and times that clocks were right about, or not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDepotError } from '../../src/errors.js';
import type { Given, GivenSuitcase } from '../../src/reader/chain/given.js';
import { NightOrder, type Orderable } from '../../src/reader/chain/night-order.js';
import { chooseNight } from '../../src/reader/chain/nights.js';
import type { GivenReceipt } from '../../src/reader/named-files.js';
import { sha256 } from '../support/chain-tree.js';

/** What was deposited, in the order in which it was. */
interface Deposit {
  id: string;
  bytes: number;
  sha256: string;
  /** The deposits before it in its chain. */
  before: Deposit[];
  sequence: number;
}

const START = Date.UTC(2026, 10, 1);
const hex = (n: number): string => n.toString(16).padStart(16, '0');
function idAt(seconds: number, random: number): string {
  const time = new Date(START + seconds * 1000).toISOString().replace(/[-:]|\.\d+/g, '');
  return `acme-crm_${time}_${hex(random)}`;
}

/** `base`: how many deposits back the one lies on which it is built; 0 for a full deposit. */
type Step = { seconds: number; base: number; random: number };

function depositsOf(steps: readonly Step[]): Deposit[] {
  const deposits: Deposit[] = [];
  let now = 500_000;
  for (const { seconds, base, random } of steps) {
    now += seconds;
    const previous = base === 0 ? undefined : deposits.at(-base);
    const id = idAt(now, random * 1000 + deposits.length);
    deposits.push({
      id,
      bytes: 1000 + deposits.length,
      sha256: sha256(id),
      before: previous === undefined ? [] : [...previous.before, previous],
      sequence: deposits.length + 1,
    });
  }
  return deposits;
}

function suitcaseOf({ id, bytes, sha256, before }: Deposit): GivenSuitcase {
  const deposits = before.map((one) => ({ depositId: one.id, bytes: one.bytes, sha256: one.sha256 }));
  return {
    path: `${id}.tar.pgp`,
    bytes,
    depositId: id,
    unwrapped: null,
    chain: before.length === 0 ? null : { number: before.length, sources: ['crm'], deposits },
    problem: null,
    sha256: () => Promise.resolve(sha256),
  };
}

function receiptOf({ id, bytes, sha256, before, sequence }: Deposit, ledger = 'a'): GivenReceipt {
  const previous = before.at(-1);
  const chain = {
    fullDepositId: before[0]?.id ?? id,
    number: before.length,
    previousDepositId: previous?.id ?? null,
    previousSuitcaseSha256: previous?.sha256 ?? null,
  };
  const receipt = {
    depositId: id,
    arrangement: 'acme-crm',
    suitcase: { bytes, sha256 },
    chain,
    ledger: { id: ledger, sequence },
  };
  return { path: `${id}.receipt.json`, bytes: new Uint8Array(), receipt } as unknown as GivenReceipt;
}

function given(suitcases: readonly Deposit[], receipts: readonly Deposit[]): Given {
  return { suitcases: suitcases.map(suitcaseOf), receipts: receipts.map((one) => receiptOf(one)), passedOver: [] };
}

/** Whatever comes of it, in words. */
async function chosen(from: Given): Promise<{ id: string | null; all: string[]; said: string }> {
  try {
    const { night, all, leftAside } = await chooseNight(from, undefined);
    return { id: night.id, all: all.map(({ id }) => id), said: leftAside.join() };
  } catch (error) {
    if (!isDepotError(error, 'usage')) throw error;
    return { id: null, all: [], said: `${error.message} / ${error.hint}` };
  }
}

const random = fc.nat(0xffff);
const steps = (seconds: fc.Arbitrary<number>, base: fc.Arbitrary<number>) =>
  fc.array(fc.record({ seconds, base, random }), { minLength: 1, maxLength: 9 });
/** As depot makes them: each increment on the last deposit. */
const inALine = fc.constantFrom(0, 1);
const subsets = fc.record({ suitcases: fc.infiniteStream(fc.boolean()), receipts: fc.infiniteStream(fc.boolean()) });
type Subsets = { suitcases: Iterator<boolean>; receipts: Iterator<boolean> };

function some(deposits: readonly Deposit[], { suitcases, receipts }: Subsets): Record<keyof Subsets, Deposit[]> {
  const taken = (from: Iterator<boolean>): Deposit[] => deposits.filter(() => from.next().value as boolean);
  const found = { suitcases: taken(suitcases), receipts: taken(receipts) };
  return found.suitcases.length > 0 ? found : { ...found, suitcases: [deposits.at(-1)!] };
}

describe('the newest night', () => {
  const forward = fc.integer({ min: 1, max: 100_000 });
  const anyClock = fc.oneof(fc.constant(0), fc.integer({ min: -50_000, max: 50_000 }));

  test('does not depend on the order in which files are given, whatever clocks did, and however chains fork', async () => {
    const cases = fc.record({
      history: steps(anyClock, fc.nat(4)),
      subsets,
      shuffled: fc.infiniteStream(fc.nat(1000)),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ history, subsets, shuffled }) => {
        const { suitcases, receipts } = some(depositsOf(history), subsets);
        const mixed = (all: Deposit[]): Deposit[] =>
          all
            .map((one) => ({ one, key: shuffled.next().value as number }))
            .sort((a, b) => a.key - b.key)
            .map(({ one }) => one);
        const found = await chosen(given(suitcases, receipts));
        expect(await chosen(given(mixed(suitcases), mixed(receipts)))).toEqual(found);
      }),
      { numRuns: 300 },
    );
  });

  test('is the last one that anything tells of, with any receipts, where clocks only went forward', async () => {
    await fc.assert(
      fc.asyncProperty(steps(forward, inALine), subsets, async (history, which) => {
        const deposits = depositsOf(history);
        const { suitcases, receipts } = some(deposits, which);
        const last = deposits.findLast((one) => suitcases.includes(one) || receipts.includes(one))!;
        const { id, all } = await chosen(given(suitcases, receipts));
        expect(id).toBe(last.id);
        // All in the order in which they were made.
        const known = deposits.filter((one) => all.includes(one.id));
        expect(all).toEqual(known.map((one) => one.id));
      }),
      { numRuns: 300 },
    );
  });

  test('is the last one of the ledger, whatever clocks did, where all receipts are there', async () => {
    await fc.assert(
      fc.asyncProperty(steps(anyClock, inALine), async (history) => {
        const deposits = depositsOf(history);
        const { id, all } = await chosen(given(deposits, deposits));
        expect(id).toBe(deposits.at(-1)!.id);
        expect(all).toEqual(deposits.map((one) => one.id));
      }),
      { numRuns: 300 },
    );
  });

  test('is never one on which another builds, or that its ledger says was followed', async () => {
    await fc.assert(
      fc.asyncProperty(steps(anyClock, inALine), subsets, async (history, which) => {
        const { suitcases, receipts } = some(depositsOf(history), which);
        const { id, all } = await chosen(given(suitcases, receipts));
        if (id === null) return;
        const one = [...suitcases, ...receipts].find((deposit) => deposit.id === id)!;
        expect(suitcases.some(({ before }) => before.some((earlier) => earlier.id === id))).toBe(false);
        if (receipts.includes(one)) expect(Math.max(...receipts.map(({ sequence }) => sequence))).toBe(one.sequence);
        expect(all.at(-1)).toBe(id);
      }),
      { numRuns: 300 },
    );
  });

  test('of two of one second has to be said where nothing else tells, and neither is proposed', async () => {
    const [one, other] = depositsOf([
      { seconds: 1, base: 0, random: 7 },
      { seconds: 0, base: 0, random: 3 },
    ]);
    const { id, said } = await chosen(given([one, other], [one]));
    expect(id).toBeNull();
    expect(said).toContain('nothing here shows which is the newest');
    expect(said).toContain(`say which one you want: --at ${other.id}, --at ${one.id}`);
    // The ledger does; and so does a later increment of one of them, which is newer than both.
    expect(await chosen(given([one, other], [one, other]))).toMatchObject({ id: other.id });
    const [, , next] = depositsOf([
      { seconds: 1, base: 0, random: 7 },
      { seconds: 0, base: 0, random: 3 },
      { seconds: 1, base: 2, random: 0 },
    ]);
    expect(await chosen(given([one, other, next], []))).toMatchObject({ id: next.id });
    const night = await chooseNight(given([one, other], []), one.id);
    expect(night.night.id).toBe(one.id);
  });

  test('has to be said where a clock was set back, and the ledger does not know of one of them', async () => {
    const [first, unknown, second] = depositsOf([
      { seconds: 7200, base: 0, random: 1 },
      { seconds: -3600, base: 0, random: 2 },
      { seconds: -3600, base: 0, random: 3 },
    ]);
    const { id, said } = await chosen(given([first, unknown, second], [first, second]));
    expect(id).toBeNull();
    expect(said).toContain(unknown.id);
    expect(said).toContain(second.id);
    expect(said).toMatch(/say which one you want: --at/);
  });

  test('an increment of a renamed file is as new as what it builds on, at least', async () => {
    const [full, increment, later] = depositsOf([
      { seconds: 1, base: 0, random: 1 },
      { seconds: 86_400, base: 1, random: 2 },
      { seconds: 86_400, base: 0, random: 3 },
    ]);
    const renamed = { ...suitcaseOf(increment), path: 'night.pgp', depositId: null };
    const files = (...more: GivenSuitcase[]): Given => ({
      suitcases: [renamed, suitcaseOf(full), ...more],
      receipts: [],
      passedOver: [],
    });
    expect(await chosen(files())).toMatchObject({ id: 'night.pgp' });
    // It may be of any time after that.
    expect(await chosen(files(suitcaseOf(later)))).toMatchObject({ id: null });
  });
});

describe('what somebody made to mislead', () => {
  const [a, b, c] = depositsOf([
    { seconds: 1, base: 0, random: 1 },
    { seconds: 10, base: 0, random: 2 },
    { seconds: 10, base: 0, random: 3 },
  ]);
  const claiming = (deposit: Deposit, ...before: Deposit[]): Deposit => ({ ...deposit, before });

  test('suitcases that each claim to be built on the other: it has to be said which is meant', async () => {
    for (const made of [
      [claiming(a, b), claiming(b, a)],
      [claiming(a, b), claiming(b, c), claiming(c, a)],
    ]) {
      const { id, said } = await chosen(given(made, []));
      expect(id).toBeNull();
      expect(said).toContain(`--at ${made.at(-1)!.id}`);
    }
  });

  test('a suitcase that claims what its receipt denies is no newer for that', async () => {
    // Planted under the name of an old deposit, whose receipt is there.
    const planted = suitcaseOf(claiming(a, c));
    const from = {
      suitcases: [planted, suitcaseOf(b), suitcaseOf(c)],
      receipts: [receiptOf(a), receiptOf(c)],
      passedOver: [],
    };
    expect(await chosen(from)).toMatchObject({ id: c.id });
  });

  test('numbers of another ledger, and of another arrangement in the same, tell nothing', async () => {
    const other = receiptOf({ ...a, sequence: 99 }, 'b');
    const from = { suitcases: [a, b].map(suitcaseOf), receipts: [other, receiptOf(b)], passedOver: [] };
    expect(await chosen(from)).toMatchObject({ id: b.id });
    const elsewhere = receiptOf({ ...a, sequence: 99 });
    Object.assign(elsewhere.receipt, { arrangement: 'other' });
    const [first, second]: Orderable[] = [elsewhere, receiptOf(b)].map((receipt) => ({
      id: receipt.receipt.depositId,
      needs: [],
      receipt,
    }));
    expect(new NightOrder([first, second]).newest([first, second])).toEqual([second]);
  });

  describe('two files with the name of one deposit', () => {
    const named = (path: string, bytes: string): GivenSuitcase => ({
      ...suitcaseOf(a),
      path,
      sha256: () => Promise.resolve(sha256(bytes)),
    });
    const from = (suitcases: GivenSuitcase[], receipts: GivenReceipt[] = []): Given => ({
      suitcases,
      receipts,
      passedOver: [],
    });

    test('that differ: neither is taken, unless something tells which it is', async () => {
      const [one, other] = [named('x.gz.pgp', 'planted'), named('x.zst.pgp', a.id)];
      for (const files of [
        [one, other],
        [other, one],
      ]) {
        const { id, said } = await chosen(from(files));
        expect(id).toBeNull();
        expect(said).toContain('x.gz.pgp and x.zst.pgp differ');
        const { night } = await chooseNight(from(files, [receiptOf(a)]), undefined);
        expect(night.suitcase).toBe(other);
        const later = suitcaseOf(claiming(b, a));
        expect((await chooseNight(from([...files, later]), a.id)).night.suitcase).toBe(other);
        // What a planted chain calls it is no matter.
        const liar = suitcaseOf(claiming(b, { ...c, bytes: a.bytes, sha256: a.sha256 }));
        expect((await chooseNight(from([...files, liar], [receiptOf(a)]), a.id)).night.suitcase).toBe(other);
      }
    });

    test('that are copies: one of them is taken', async () => {
      expect(await chosen(from([named('one', a.id), named('two', a.id)]))).toMatchObject({ id: a.id });
    });
  });

  test('a ledger that was continued twice tells nothing from there on', async () => {
    const receipts = [
      receiptOf({ ...a, sequence: 2 }),
      receiptOf({ ...b, sequence: 4 }),
      receiptOf({ ...c, sequence: 3 }),
    ];
    const from = (...more: GivenReceipt[]): Given => ({
      suitcases: [a, b, c].map(suitcaseOf),
      receipts: [...receipts, ...more],
      passedOver: [],
    });
    expect(await chosen(from())).toMatchObject({ id: b.id });
    const twice = receiptOf({ ...a, id: idAt(0, 1), sequence: 3 });
    expect(await chosen(from(twice))).toMatchObject({ id: c.id });
  });

  test('of two receipts of one deposit the one with the higher number counts', async () => {
    const receipts = [receiptOf({ ...a, sequence: 1 }), receiptOf({ ...a, sequence: 3 }), receiptOf(b)];
    for (const some of [receipts, [...receipts].reverse()])
      expect(await chosen({ suitcases: [a, b].map(suitcaseOf), receipts: some, passedOver: [] })).toMatchObject({
        id: a.id,
      });
  });

  test('the order is strict and total, whatever chains and receipts say', () => {
    const ids = [0, 0, 1, 1, 2, 5].map((seconds, i) => idAt(seconds, 100 - i));
    const id = fc.constantFrom(...ids);
    const needs = fc.option(
      fc.uniqueArray(
        id.map((depositId) => ({ depositId })),
        { selector: (one) => one.depositId, maxLength: 4 },
      ),
    );
    const receipts = fc.option(
      fc.record({
        ledger: fc.constantFrom('a', 'b'),
        sequence: fc.integer({ min: 1, max: 5 }),
        number: fc.nat(3),
        full: id,
        previous: id,
      }),
    );
    const nights = fc.array(fc.record({ needs, receipts }), { minLength: ids.length, maxLength: ids.length });
    fc.assert(
      fc.property(nights, (made) => {
        const all: Orderable[] = made.map(({ needs, receipts }, i) => ({
          id: ids[i],
          needs,
          receipt:
            receipts === null
              ? null
              : receiptOf({ ...a, id: ids[i], sequence: receipts.sequence, before: [] }, receipts.ledger),
        }));
        for (const [i, { receipts }] of made.entries()) {
          const chain = all[i].receipt?.receipt.chain;
          if (receipts === null || chain === undefined || receipts.number === 0) continue;
          Object.assign(chain, {
            number: receipts.number,
            fullDepositId: receipts.full,
            previousDepositId: receipts.number === 1 ? receipts.full : receipts.previous,
          });
        }
        const order = new NightOrder(all);
        for (const x of all) {
          expect(order.compare(x, x)).toBe(0);
          for (const y of all) {
            if (x !== y) expect(Math.sign(order.compare(x, y))).toBe(-Math.sign(order.compare(y, x)) || NaN);
            for (const z of all)
              if (order.compare(x, y) < 0 && order.compare(y, z) < 0) expect(order.compare(x, z)).toBeLessThan(0);
          }
        }
        const sorted = (nights: readonly Orderable[]): string[] => {
          const again = new NightOrder(nights);
          return [...nights].sort((x, y) => again.compare(x, y)).map((one) => one.id);
        };
        expect(sorted([...all].reverse())).toEqual(sorted(all));
        const newest = order.newest(all);
        expect(newest.length).toBeGreaterThan(0);
        expect(newest).toContain([...all].sort((x, y) => order.compare(x, y)).at(-1));
        expect(
          all.some((one) => !order.isNeeded(one)),
          'something is not built on',
        ).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
