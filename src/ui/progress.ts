import ora, { type Ora } from 'ora';
import { type Amounts, timeLeft } from './expected.js';
import { bytesText, progressText, waitingText } from './progress-text.js';
import { SteadyEta, SteadyRate } from './steady.js';

/** What is waited for; times are `01:12:33`. */
export interface ShownWait {
  address: string;
  since: string;
  until: string;
}

/** Text that changes faster cannot be read. */
const drawMs = 100;

/** One line on a terminal, drawn by ora. */
export class Progress {
  readonly #spinner: Ora;
  readonly #stream: NodeJS.WriteStream;
  /** What is shown before any amount: `acme-crm: connecting`. */
  #name = '';
  #phase = '';
  #sent = new SteadyRate();
  #read = new SteadyRate();
  #eta = new SteadyEta();
  #wait: ShownWait | null = null;
  #drawn = -Infinity;

  /** Without `redraws` (a build log, a dumb terminal) every phase is a line that stays. */
  constructor(stream: NodeJS.WriteStream, p: { color: boolean; redraws: boolean }) {
    this.#stream = stream;
    // discardStdin would put the terminal in raw mode, in which Ctrl-C is no signal.
    const color = p.color ? 'cyan' : false;
    this.#spinner = ora({ stream, isEnabled: p.redraws, discardStdin: false, hideCursor: true, color });
  }

  /** `name: phase`, or `name` alone; amounts stand behind the name. */
  phase(name: string, phase = ''): void {
    const line = phase === '' ? name : `${name}: ${phase}`;
    if (line === this.#phase && this.#spinner.isSpinning) return;
    this.#name = name;
    this.#phase = line;
    this.#eta = new SteadyEta();
    this.#drawn = -Infinity;
    // What is waited for stays on the screen until it is there.
    this.#spinner.start(this.#fitted(this.#wait === null ? line : waitingText(name, this.#wait, this.#room)));
  }

  update(p: Amounts, now = performance.now()): void {
    this.#sent.sample(p.acknowledgedBytes ?? 0, now);
    this.#read.sample(p.datasetBytes, now);
    if (this.#wait !== null || now - this.#drawn < drawMs) return;
    this.#drawn = now;
    const [sent, read] = [this.#sent.perSecond, this.#read.perSecond];
    const ms = timeLeft(p, { sent, read }, Date.now());
    const leftMs = this.#eta.left(ms ?? 0, ms === null ? null : 1000, now);
    this.#show(progressText(this.#name, p, p.acknowledgedBytes === null ? read : sent, leftMs, this.#room));
  }

  /** Something that is only counted in bytes: `verifying: 1.2 GiB of 5.1 GiB (23 %), 480.0 MiB/s, 0:08 left`. */
  bytes(done: number, total: number | null, now = performance.now()): void {
    this.#read.sample(done, now);
    if (now - this.#drawn < drawMs) return;
    this.#drawn = now;
    const perSecond = this.#read.perSecond;
    const leftMs = total === null ? null : this.#eta.left(total - done, perSecond, now);
    this.#show(bytesText(this.#name, done, total, perSecond, leftMs, this.#room));
  }

  /** There is no connection; null once there is one again. */
  waiting(name: string, wait: ShownWait | null): void {
    const over = this.#wait !== null && wait === null;
    this.#wait = wait;
    if (wait !== null) this.#show(waitingText(name, wait, this.#room));
    // What was measured before says nothing about the rate from now on.
    if (over) {
      this.#sent = new SteadyRate();
      this.#read = new SteadyRate();
      this.#eta = new SteadyEta();
      this.#drawn = -Infinity;
      this.#show(this.#phase);
    }
  }

  get #room(): number {
    return this.#stream.columns - 4;
  }

  #show(text: string): void {
    this.#spinner.text = this.#fitted(text);
  }

  /** A line that wraps would be two. */
  #fitted(text: string): string {
    const room = this.#room;
    return text.length > room ? `${text.slice(0, room - 1)}…` : text;
  }

  /** Takes the line away for a question; what it returns puts it back. */
  pause(): () => void {
    if (!this.#spinner.isSpinning) return () => undefined;
    this.#spinner.stop();
    return () => this.#spinner.start();
  }

  stop(): void {
    if (this.#spinner.isSpinning) this.#spinner.stop();
  }
}
