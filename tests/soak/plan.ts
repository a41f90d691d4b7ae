/** What happens in each round of a soak: drawn from a seed, so that a round can be run again. */

export const phases = ['connect', 'data', 'close', 'rename', 'receipt', 'sidecars'] as const;
export type Phase = (typeof phases)[number];
export type Kind = 'drop' | 'stall' | 'server kill' | 'client kill' | 'disk full';

/** The agent's disk or quota where it writes, this machine's where that does. */
const kinds: Record<Phase, [Kind, number][]> = {
  connect: [
    ['drop', 3],
    ['stall', 1],
    ['server kill', 3],
    ['client kill', 4],
    ['disk full', 2],
  ],
  data: [
    ['drop', 4],
    ['stall', 2],
    ['server kill', 4],
    ['client kill', 4],
    ['disk full', 3],
  ],
  // An answer to close or rename is waited for long, so that only some stalls fit into an hour.
  close: [
    ['drop', 6],
    ['stall', 1],
    ['server kill', 5],
    ['client kill', 6],
    ['disk full', 4],
  ],
  rename: [
    ['drop', 6],
    ['stall', 1],
    ['server kill', 5],
    ['client kill', 6],
    ['disk full', 3],
  ],
  // Between the published name and the ledger nothing is asked of the server.
  receipt: [
    ['client kill', 3],
    ['disk full', 2],
  ],
  sidecars: [
    ['drop', 4],
    ['stall', 1],
    ['server kill', 4],
    ['client kill', 4],
    ['disk full', 3],
  ],
};

export interface Plan {
  round: number;
  phase: Phase;
  kind: Kind;
  /** Where in the phase, 0 to 1. */
  at: number;
  /** Whether the server does what it was asked before the fault. */
  done: boolean;
  /** How long the server is away; longer than `retryFor` ends the push. */
  awayMs: number;
  /** The server loses this share of a partial that was not flushed, as at a power loss. */
  loses: number;
  spool: boolean;
  publish: 'rename' | 'direct';
  /** The agent takes files away once they have their name. */
  collects: boolean;
  /** Another step of the run for faults of this machine. */
  step: string;
}

/** Random numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** The plan of a round depends on seed and round alone. Every phase comes once in six rounds. */
export function planOf(seed: number, round: number): Plan {
  const random = randomFrom(seed * 1_000_003 + round);
  const order = shuffled(phases, randomFrom(seed * 7919 + Math.floor(round / phases.length)));
  const phase = order[round % phases.length];
  const kind = weighted(kinds[phase], random());
  const chance = (share: number): boolean => random() < share;
  const publish = chance(0.2) && phase !== 'rename' ? 'direct' : 'rename';
  return {
    round,
    phase,
    kind,
    publish,
    at: random(),
    done: chance(0.5),
    awayMs: chance(0.75) ? 100 + 1200 * random() : 4000,
    loses: chance(0.3) ? random() : 0,
    spool: chance(0.3),
    collects: chance(0.3),
    step: pick(
      phase === 'connect'
        ? ['locked', 'connected', 'intent-written', 'partial-created']
        : ['published', 'outcome-written', 'receipt-filed'],
      random(),
    ),
  };
}

export function described(p: Plan): string {
  const where =
    p.phase === 'receipt' || (p.phase === 'connect' && (p.kind === 'client kill' || p.kind === 'disk full'))
      ? `at ${p.step}`
      : `at ${p.at.toFixed(3)}, ${p.done ? 'done' : 'not done'}`;
  const away = p.kind === 'server kill' ? `, away ${Math.round(p.awayMs)} ms${p.loses > 0 ? ', loses data' : ''}` : '';
  return `${p.phase}: ${p.kind} ${where}${away}; ${p.publish}${p.spool ? ', spool' : ''}${p.collects ? ', collected' : ''}`;
}

function pick<T>(list: readonly T[], at: number): T {
  return list[Math.floor(at * list.length)];
}

function weighted<T>(list: readonly [T, number][], at: number): T {
  let left = at * list.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [one, weight] of list) if ((left -= weight) < 0) return one;
  return list[0][0];
}

function shuffled<T>(list: readonly T[], random: () => number): T[] {
  const all = [...list];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [all[i], all[j]] = [all[j], all[i]];
  }
  return all;
}
