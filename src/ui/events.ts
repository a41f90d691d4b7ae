/** `--json-events`: what happens, as objects of one line each (schemas/event-1.schema.json). */
import { type Amounts, shareOf, timeLeft } from './expected.js';
import { SteadyRate } from './steady.js';

/** Writes one line: what happened, and its fields. */
export type Emit = (event: string, fields: Record<string, unknown>) => void;

/** How often at most progress is told. */
const everyMs = 1000;

/** What is waited for. */
interface Wait {
  address: string;
  why: string;
  since: Date;
  until: Date;
}

/** One piece of work: the push of an arrangement, or a file that is opened. In the place of the progress line. */
export class Events {
  readonly #emit: Emit;
  readonly #of: { arrangement?: string };
  readonly #sent = new SteadyRate();
  readonly #read = new SteadyRate();
  #told = -Infinity;
  #lostAt: Date | null = null;

  constructor(emit: Emit, arrangement?: string) {
    this.#of = arrangement === undefined ? {} : { arrangement };
    this.#emit = (event, fields) => emit(event, { ...this.#of, ...fields });
  }

  /** `doing`: what of it, in words. */
  phase(phase: string, doing: string | null = null): void {
    this.#told = -Infinity;
    this.#emit('phase', { phase, doing });
  }

  update(p: Amounts, now = performance.now()): void {
    this.#sent.sample(p.acknowledgedBytes ?? 0, now);
    this.#read.sample(p.datasetBytes, now);
    if (!this.#isDue(now)) return;
    const [sent, read] = [this.#sent.perSecond, this.#read.perSecond];
    const left = timeLeft(p, { sent, read }, Date.now());
    const share = shareOf(p);
    this.#emit('progress', {
      entries: p.entries,
      readBytes: p.datasetBytes,
      encryptedBytes: p.sealedBytes,
      uploadedBytes: p.acknowledgedBytes,
      datasetBytes: p.totalBytes ?? null,
      suitcaseBytes: p.suitcaseBytes ?? null,
      ...figures(share?.done ?? null, p.acknowledgedBytes === null ? read : sent, left),
      estimated: share?.isGuess ?? false,
    });
  }

  bytes(done: number, total: number | null, now = performance.now()): void {
    this.#read.sample(done, now);
    if (!this.#isDue(now)) return;
    const rate = this.#read.perSecond;
    const left = total === null || rate === null || rate <= 0 ? null : ((total - done) / rate) * 1000;
    this.#emit('progress', {
      readBytes: done,
      fileBytes: total,
      ...figures(total === null ? null : done / Math.max(total, 1), rate, left),
      estimated: false,
    });
  }

  /** There is no connection; null once there is one again. */
  waiting(wait: (Wait & { isLost: boolean }) | null): void {
    if (wait !== null) {
      const { address, why, since, until, isLost } = wait;
      if (isLost) this.#lostAt = since;
      this.#emit('waiting', { address, why, since: since.toISOString(), until: until.toISOString() });
      return;
    }
    if (this.#lostAt !== null) this.#emit('reconnect', { seconds: (Date.now() - this.#lostAt.getTime()) / 1000 });
    this.#lostAt = null;
  }

  /** A push is over; `code` says why it failed. */
  ended(code: string | null): void {
    this.#emit('ended', { ok: code === null, code });
  }

  #isDue(now: number): boolean {
    if (now - this.#told < everyMs) return false;
    this.#told = now;
    return true;
  }
}

function figures(done: number | null, perSecond: number | null, leftMs: number | null) {
  return {
    percent: done === null ? null : Math.min(99, Math.floor(done * 100)),
    bytesPerSecond: perSecond === null ? null : Math.max(0, Math.round(perSecond)),
    secondsLeft: leftMs === null ? null : Math.max(0, Math.round(leftMs / 1000)),
  };
}
