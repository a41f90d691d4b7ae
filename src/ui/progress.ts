import ora, { type Ora } from 'ora';
import { bytes, counted, duration } from './format.js';

export interface Amounts {
  entries: number;
  /** Octets of the dataset read so far. */
  datasetBytes: number;
  sealedBytes: number;
  acknowledgedBytes: number;
  /** Octets of the dataset, where they are known beforehand. */
  totalBytes?: number;
}

/** How fast old measurements lose weight: after this time, to 1/e. */
const memoryMs = 15_000;

/** Octets per second as a moving average, so that neither the rate nor the time left jumps about. */
export class SteadyRate {
  #at: number | null = null;
  #octets = 0;
  #weight = 0;
  #perMs = 0;

  sample(octets: number, atMs: number): void {
    if (this.#at === null) {
      this.#at = atMs;
      this.#octets = octets;
      return;
    }
    const passed = atMs - this.#at;
    if (passed < 200) return;
    const keep = Math.exp(-passed / memoryMs);
    // Dividing by the weight that has gathered makes the first seconds a plain average, not one that starts at zero.
    this.#perMs = this.#perMs * keep + ((octets - this.#octets) / passed) * (1 - keep);
    this.#weight = this.#weight * keep + (1 - keep);
    this.#at = atMs;
    this.#octets = octets;
  }

  /** Octets per second; null until there is a second measurement. */
  get perSecond(): number | null {
    return this.#weight === 0 ? null : (this.#perMs / this.#weight) * 1000;
  }
}

/** The text of the progress line: phase, bytes, rate, and the time left when the total is known. */
export function progressText(phase: string, p: Amounts, perSecond: number | null, readPerSecond: number | null): string {
  const parts = [`${counted(p.entries, 'entry', 'entries')}, ${bytes(p.datasetBytes)}`];
  if (p.sealedBytes > 0) parts.push(`${bytes(p.acknowledgedBytes)} of ${bytes(p.sealedBytes)} sealed is at the server`);
  if (perSecond !== null) parts.push(`${bytes(Math.round(perSecond))}/s`);
  if (p.totalBytes !== undefined && readPerSecond !== null && readPerSecond > 0 && p.totalBytes > p.datasetBytes) {
    parts.push(`${duration(((p.totalBytes - p.datasetBytes) / readPerSecond) * 1000)} left`);
  }
  return `${phase}  ${parts.join(', ')}`;
}

/** One line on a terminal, drawn by ora. */
export class Progress {
  readonly #spinner: Ora;
  readonly #stream: NodeJS.WriteStream;
  #phase = '';
  #sent = new SteadyRate();
  #read = new SteadyRate();

  constructor(stream: NodeJS.WriteStream, color: boolean) {
    this.#stream = stream;
    // discardStdin would put the terminal in raw mode, in which Ctrl-C is no signal.
    this.#spinner = ora({ stream, discardStdin: false, hideCursor: true, color: color ? 'cyan' : false });
  }

  phase(name: string): void {
    this.#phase = name;
    this.#spinner.start(name);
  }

  update(p: Amounts, now = performance.now()): void {
    this.#sent.sample(p.acknowledgedBytes, now);
    this.#read.sample(p.datasetBytes, now);
    this.#show(progressText(this.#phase, p, this.#sent.perSecond, this.#read.perSecond));
  }

  /** Something that is only counted in octets: `verifying 1.2 GiB of 5.1 GiB, 480.0 MiB/s`. */
  octets(done: number, total: number | null, now = performance.now()): void {
    this.#read.sample(done, now);
    const perSecond = this.#read.perSecond;
    const of = total === null ? '' : ` of ${bytes(total)}`;
    const speed = perSecond === null ? '' : `, ${bytes(Math.round(perSecond))}/s`;
    const left = perSecond && total !== null && total > done ? `, ${duration(((total - done) / perSecond) * 1000)} left` : '';
    this.#show(`${this.#phase}  ${bytes(done)}${of}${speed}${left}`);
  }

  /** A line that wraps would be two. */
  #show(text: string): void {
    const room = this.#stream.columns - 4;
    this.#spinner.text = text.length > room ? `${text.slice(0, room - 1)}…` : text;
  }

  stop(): void {
    if (this.#spinner.isSpinning) this.#spinner.stop();
  }
}
