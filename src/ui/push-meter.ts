import type { Amounts } from './expected.js';
import { count } from './format.js';
import type { Progress, ShownWait } from './progress.js';

/** More names than this are a number. */
const mostNames = 4;

/** The progress line of one push, or of several at a time, of which it shows how many are done and which are under way. */
export class PushMeter {
  readonly #start: () => Promise<Progress | null>;
  #starting: Promise<Progress | null> | null = null;
  #progress: Progress | null = null;
  readonly #of: number;
  readonly #alone: boolean;
  /** Whether each has a connection to wait for. */
  readonly #underWay = new Map<string, 'waits' | 'goes on'>();
  #done = 0;

  /** `start` gives null where nobody looks. */
  constructor(start: () => Promise<Progress | null>, of: number, jobs: number) {
    this.#start = start;
    this.#of = of;
    this.#alone = jobs === 1;
  }

  /** A push that is alone has a line, and rates, of its own. */
  async begin(): Promise<void> {
    if (this.#alone || this.#starting === null) this.#starting = this.#start();
    this.#progress = await this.#starting;
  }

  /** Somebody sees amounts and the time left. */
  get detailed(): boolean {
    return this.#alone && this.#progress !== null;
  }

  phase(arrangement: string, phase: string): void {
    if (this.#alone) {
      this.#progress?.phase(arrangement, phase);
      return;
    }
    this.#underWay.set(arrangement, 'goes on');
    this.#show();
  }

  /** There is no connection; null once there is one again. */
  waiting(arrangement: string, wait: ShownWait | null): void {
    if (this.#alone) {
      this.#progress?.waiting(arrangement, wait);
      return;
    }
    this.#underWay.set(arrangement, wait === null ? 'goes on' : 'waits');
    this.#show();
  }

  progress(amounts: Amounts): void {
    if (this.#alone) this.#progress?.update(amounts);
  }

  /** The line is gone until the next phase, so that a result can be written. */
  ended(arrangement: string): void {
    this.#done++;
    this.#underWay.delete(arrangement);
    this.#progress?.stop();
    if (!this.#alone && this.#done < this.#of) this.#show();
  }

  stop(): void {
    this.#progress?.stop();
  }

  #show(): void {
    const names = [...this.#underWay].map(([name, state]) => (state === 'waits' ? `${name} (no connection)` : name));
    const now = names.length > mostNames ? `${names.length} under way` : names.join(', ');
    this.#progress?.phase(
      `${count(this.#done)} of ${count(this.#of)} arrangements done${now === '' ? '' : `; ${now}`}`,
    );
  }
}
