/** Figures that a person can read while they change. */

/** How fast old measurements lose weight: after this time, to 1/e. */
const memoryMs = 15_000;

/** Bytes per second as a moving average, so that neither the rate nor the time left jumps about. Fewer bytes than before are a new beginning. */
export class SteadyRate {
  #at: number | null = null;
  #bytes = 0;
  #weight = 0;
  #perMs = 0;

  sample(done: number, atMs: number): void {
    if (done < this.#bytes) {
      this.#at = null;
      this.#perMs = this.#weight = 0;
    }
    if (this.#at !== null) {
      const passed = atMs - this.#at;
      if (passed < 200) return;
      const keep = Math.exp(-passed / memoryMs);
      // Dividing by the weight that has gathered makes the first seconds a plain average, not one that starts at zero.
      this.#perMs = this.#perMs * keep + ((done - this.#bytes) / passed) * (1 - keep);
      this.#weight = this.#weight * keep + (1 - keep);
    }
    this.#at = atMs;
    this.#bytes = done;
  }

  /** Bytes per second; null until there is a second measurement. */
  get perSecond(): number | null {
    return this.#weight === 0 ? null : (this.#perMs / this.#weight) * 1000;
  }
}

/** How long a rate is measured before anything is foretold from it. */
const warmUpMs = 3000;

/** The time left, steady enough to read: it counts down by itself, and jumps only when it is wrong by a tenth and by two seconds. */
export class SteadyEta {
  #since: number | null = null;
  #endsAt: number | null = null;

  /** Milliseconds left at `atMs`, rounded the more the longer it takes; null until there is something to go by. */
  left(toDo: number, perSecond: number | null, atMs: number): number | null {
    this.#since ??= atMs;
    if (perSecond === null || perSecond <= 0 || toDo <= 0 || atMs - this.#since < warmUpMs) return null;
    const measured = (toDo / perSecond) * 1000;
    const shown = this.#endsAt === null ? null : this.#endsAt - atMs;
    if (shown === null || Math.abs(measured - shown) > Math.max(2000, measured / 10)) this.#endsAt = atMs + measured;
    return rounded(Math.max(1000, this.#endsAt! - atMs));
  }
}

/** To seconds, over a minute to five of them, over ten minutes to minutes. */
function rounded(ms: number): number {
  const unit = ms > 600_000 ? 60_000 : ms > 60_000 ? 5000 : 1000;
  return Math.ceil(ms / unit) * unit;
}
