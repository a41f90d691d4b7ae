/** Which of some nights is older, and how sure that is. */
import { parseDepositId } from '../../names/deposit.js';
import type { Receipt } from '../../receipt/schema.js';

/** What a night's place is known by. */
export interface Orderable {
  /** The deposit's id, or another name. */
  id: string;
  /** The deposits before it in its chain, the full one first; null where that is not known. */
  needs: readonly { depositId: string }[] | null;
  receipt: { receipt: Receipt } | null;
}

interface Place<T> {
  /** Certainly before it. */
  older: ReadonlySet<T>;
  /** When it was begun, in ms; null where its name does not say it. */
  own: number | null;
  /** The latest time of all that is certainly not after it: it was not made before that. */
  at: number;
  /** Longest way down to one that nothing is older than. */
  rank: number;
}

/**
 * An increment is newer than all that it builds on, whatever else is said; of two receipts of one ledger the one with the
 * higher number is newer, unless chains deny it. What neither of these relates goes by the times in the ids, and those of
 * its elders: a clock may have been set back. The order does not depend on that in which nights come.
 */
export class NightOrder<T extends Orderable> {
  readonly #places = new Map<T, Place<T>>();
  readonly #needed = new Set<T>();

  constructor(nights: readonly T[]) {
    const chains = byChains(nights);
    for (const some of chains.values()) for (const one of some) this.#needed.add(one);
    this.#settle(nights, chains, byLedgers(nights));
  }

  /** Whether one of them builds on it. */
  isNeeded(night: T): boolean {
    return this.#needed.has(night);
  }

  /** Strict and total: negative when `a` is older, or taken for older where nothing tells. */
  compare(a: T, b: T): number {
    const [one, other] = [this.#places.get(a)!, this.#places.get(b)!];
    const names = a.id === b.id ? 0 : a.id < b.id ? -1 : 1;
    return one.at - other.at || one.rank - other.rank || (one.own ?? one.at) - (other.own ?? other.at) || names;
  }

  /** The newest of them; where nothing tells which that is, all that may be it, ascending. */
  newest(some: readonly T[]): T[] {
    const below = new Set<T>();
    const waiting = some.map((night) => this.#places.get(night)!);
    for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
      for (const older of place.older) {
        if (below.has(older)) continue;
        below.add(older);
        waiting.push(this.#places.get(older)!);
      }
    }
    const ends = some.filter((night) => !below.has(night));
    return ends.filter((one) => !ends.some((other) => this.#isEarlier(one, other))).sort((a, b) => this.compare(a, b));
  }

  /** By all times there are: where they contradict each other, a clock was wrong, and they tell nothing. */
  #isEarlier(one: T, other: T): boolean {
    const [a, b] = [this.#places.get(one)!, this.#places.get(other)!];
    return a.own !== null && a.own < (b.own ?? b.at) && a.at < b.at;
  }

  /** From the oldest on. What receipts say is dropped where, with the chains, it would go in a circle: chains never do. */
  #settle(nights: readonly T[], chains: ReadonlyMap<T, Set<T>>, ledgers: ReadonlyMap<T, Set<T>>): void {
    const older = new Map(nights.map((night) => [night, new Set([...chains.get(night)!, ...ledgers.get(night)!])]));
    const newer = new Map<T, T[]>(nights.map((night) => [night, []]));
    for (const [night, some] of older) for (const one of some) newer.get(one)!.push(night);
    const left = new Map([...older].map(([night, { size }]) => [night, size]));
    let ready = nights.filter((night) => left.get(night) === 0);
    while (this.#places.size < nights.length) {
      const night = ready.pop();
      if (night === undefined) {
        const stuck = nights.filter((one) => !this.#places.has(one));
        for (const one of stuck) {
          const kept = [...older.get(one)!].filter((other) => this.#places.has(other) || chains.get(one)!.has(other));
          older.set(one, new Set(kept));
          left.set(one, kept.filter((other) => !this.#places.has(other)).length);
        }
        ready = stuck.filter((one) => left.get(one) === 0);
        continue;
      }
      this.#places.set(night, this.#placeOf(night, older.get(night)!));
      for (const one of newer.get(night)!) {
        if (!older.get(one)!.has(night)) continue;
        const count = left.get(one)! - 1;
        left.set(one, count);
        if (count === 0) ready.push(one);
      }
    }
  }

  #placeOf(night: T, older: ReadonlySet<T>): Place<T> {
    const own = timeOf(night.id);
    const place = { older, own, at: own ?? 0, rank: 0 };
    for (const { depositId } of claimsOf(night)) place.at = Math.max(place.at, timeOf(depositId) ?? 0);
    for (const one of older) {
      const { at, rank } = this.#places.get(one)!;
      place.at = Math.max(place.at, at);
      place.rank = Math.max(place.rank, rank + 1);
    }
    return place;
  }
}

function timeOf(id: string): number | null {
  return parseDepositId(id)?.at.getTime() ?? null;
}

/** The deposits before it, each with its number in the chain; where a receipt denies what the suitcase says, as that has it. */
function claimsOf({ needs, receipt }: Orderable): { depositId: string; number: number }[] {
  const said = receipt?.receipt.chain;
  const stated =
    said === undefined || said.number === 0
      ? []
      : [
          { depositId: said.fullDepositId, number: 0 },
          { depositId: said.previousDepositId!, number: said.number - 1 },
        ];
  const isDenied =
    receipt !== null &&
    (needs?.length !== (said?.number ?? 0) ||
      stated.some(({ depositId, number }) => needs[number]!.depositId !== depositId));
  return needs === null || isDenied ? stated : needs.map(({ depositId }, number) => ({ depositId, number }));
}

/**
 * For each night those before it in its chain. One that is there only counts when it has the number in its own chain that
 * the other gives it: numbers rise along a chain, so that nobody can make a circle.
 */
function byChains<T extends Orderable>(nights: readonly T[]): Map<T, Set<T>> {
  const byId = new Map(nights.map((night) => [night.id, night]));
  return new Map(
    nights.map((night) => {
      const found = claimsOf(night).flatMap(({ depositId, number }) => {
        const one = byId.get(depositId);
        const own = one === undefined ? null : numberOf(one);
        return one === undefined || (own !== null && own !== number) ? [] : one;
      });
      return [night, new Set(found)];
    }),
  );
}

/** In its chain; null where nothing tells it, and then nothing tells what is before it, either. */
export function numberOf({ needs, receipt }: Orderable): number | null {
  return receipt === null ? (needs?.length ?? null) : (receipt.receipt.chain?.number ?? 0);
}

/**
 * For each night with a receipt those right before it in its ledger, which each arrangement has of its own. Two deposits with one number
 * show that it was continued twice, as after a restored backup: from there on its numbers tell nothing.
 */
function byLedgers<T extends Orderable>(nights: readonly T[]): Map<T, Set<T>> {
  const older = new Map(nights.map((night) => [night, new Set<T>()]));
  const ledgers = new Map<string, Map<number, T[]>>();
  for (const night of nights) {
    if (night.receipt === null) continue;
    const { arrangement, ledger } = night.receipt.receipt;
    const key = `${arrangement} ${ledger.id}`;
    const lines = ledgers.get(key) ?? new Map<number, T[]>();
    ledgers.set(key, lines);
    lines.set(ledger.sequence, [...(lines.get(ledger.sequence) ?? []), night]);
  }
  for (const lines of ledgers.values()) {
    let last: T | null = null;
    let isForked = false;
    for (const [, some] of [...lines].sort(([a], [b]) => a - b)) {
      isForked ||= some.length > 1;
      if (last !== null) for (const one of some) older.get(one)!.add(last);
      if (!isForked) last = some[0]!;
    }
  }
  return older;
}
