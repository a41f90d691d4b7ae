import type { Amounts, Progress } from './progress.js';
import { count } from './format.js';

/** More names than this are a number. */
const mostNames = 4;

/** The progress line of one push, or of several at a time, of which it shows how many are done and which are under way. */
export class PushMeter {
  readonly #start: () => Promise<Progress | null>;
  #starting: Promise<Progress | null> | null = null;
  #progress: Progress | null = null;
  readonly #of: number;
  readonly #alone: boolean;
  readonly #underWay = new Set<string>();
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
      this.#progress?.phase(`${arrangement}: ${phase}`);
      return;
    }
    this.#underWay.add(arrangement);
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
    const names = [...this.#underWay];
    const now = names.length > mostNames ? `${names.length} under way` : names.join(', ');
    this.#progress?.phase(
      `${count(this.#done)} of ${count(this.#of)} arrangements done${now === '' ? '' : `; ${now}`}`,
    );
  }
}
