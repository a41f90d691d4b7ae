import ora, { type Ora } from 'ora';
import { type Bandwidth, rateAt, timeToSend } from '../bandwidth.js';
import { bytes, counted, duration } from './format.js';

export interface Amounts {
  entries: number;
  /** Bytes of the dataset read so far. */
  datasetBytes: number;
  sealedBytes: number;
  acknowledgedBytes: number;
  /** Bytes of the dataset, once they are known. */
  totalBytes?: number;
  /** Bytes of the suitcase, once all is sealed and only to be sent. */
  suitcaseBytes?: number;
  /** Of which the lowest holds for what is sent. */
  limits?: readonly Bandwidth[];
}

/** How fast old measurements lose weight: after this time, to 1/e. */
const memoryMs = 15_000;

/** Bytes per second as a moving average, so that neither the rate nor the time left jumps about. */
export class SteadyRate {
  #at: number | null = null;
  #bytes = 0;
  #weight = 0;
  #perMs = 0;

  sample(done: number, atMs: number): void {
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

/** How many bytes are still to be done before the end is in sight; null when nobody knows. */
function remaining(p: Amounts): { bytes: number; of: 'sent' | 'read' } | null {
  if (p.suitcaseBytes !== undefined) return { bytes: p.suitcaseBytes - p.acknowledgedBytes, of: 'sent' };
  return p.totalBytes === undefined ? null : { bytes: p.totalBytes - p.datasetBytes, of: 'read' };
}

/** From here on it is the upload that the rest waits for. */
const waitingBytes = 1024 * 1024;

/**
 * Milliseconds left where what is sent is limited, by what was sealed and sent so far; `unlimitedMs` by what is read, or
 * null. Reading stops and goes with a slow upload, so that its rate says little then.
 */
export function limitedTimeLeft(
  p: Amounts,
  unlimitedMs: number | null,
  perSecond: number | null,
  now: number,
): number | null {
  const { limits = [], totalBytes, datasetBytes, sealedBytes, acknowledgedBytes, suitcaseBytes } = p;
  const total = suitcaseBytes ?? totalBytes;
  if (limits.length === 0 || sealedBytes === 0 || total === undefined) return unlimitedMs;
  // How much of the dataset makes how much of a suitcase is not known yet.
  if (suitcaseBytes === undefined && datasetBytes === 0) return null;
  const isRead = suitcaseBytes !== undefined || datasetBytes >= total;
  const toSend = (isRead ? sealedBytes : (sealedBytes * total) / datasetBytes) - acknowledgedBytes;
  const isWaiting = isRead || sealedBytes - acknowledgedBytes >= waitingBytes;
  if (isWaiting) return perSecond === null || perSecond <= 0 ? null : timeToSend(limits, toSend, perSecond, now);
  // The reading takes longer, unless a limit is still to come.
  return Math.max(unlimitedMs ?? 0, timeToSend(limits, Math.max(0, toSend), Number.MAX_SAFE_INTEGER, now));
}

/**
 * The text of the progress line: phase, bytes, rate, and the time left when the total is known. Where there is no room for
 * all of it, what matters least is left out first, and not the rate and the time left at the end.
 */
export function progressText(
  phase: string,
  p: Amounts,
  perSecond: number | null,
  leftMs: number | null,
  room = Infinity,
): string {
  const of = p.totalBytes === undefined || p.totalBytes < p.datasetBytes ? '' : ` of ${bytes(p.totalBytes)}`;
  const isOnlySent = p.datasetBytes === 0 && p.suitcaseBytes !== undefined;
  const read = isOnlySent ? [] : [`${counted(p.entries, 'entry', 'entries')}, ${bytes(p.datasetBytes)}${of}`];
  const rate = perSecond === null ? [] : [`${bytes(Math.round(perSecond))}/s`];
  const limited = rate.map((text) => `${text}${limitText(p.limits)}`);
  const end = leftMs === null ? [] : [`${left(leftMs)} left`];
  const uploaded = `${bytes(p.acknowledgedBytes)} uploaded`;
  const percent = Math.floor((100 * p.acknowledgedBytes) / p.sealedBytes);
  const sealed = `${bytes(p.sealedBytes)} encrypted, ${uploaded} (${percent} %)`;
  const forms =
    p.sealedBytes === 0
      ? [[...read, ...limited, ...end]]
      : [
          [...read, sealed, ...limited, ...end],
          [sealed, ...limited, ...end],
          [uploaded, ...limited, ...end],
          [uploaded, ...rate, ...end],
        ];
  const lines = forms.map((parts) => `${phase}  ${parts.join(', ')}`);
  return lines.find((line) => line.length <= room) ?? lines.at(-1)!;
}

function limitText(limits: readonly Bandwidth[] = []): string {
  const limit = rateAt(limits, new Date());
  return limit === Infinity ? '' : ` (limit ${bytes(limit)}/s)`;
}

/** `duration` without tenths, which would flicker. */
function left(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms / 1000)} s` : duration(ms);
}

/** One line on a terminal, drawn by ora. */
export class Progress {
  readonly #spinner: Ora;
  readonly #stream: NodeJS.WriteStream;
  #phase = '';
  #sent = new SteadyRate();
  #read = new SteadyRate();
  #eta = new SteadyEta();

  /** Without `redraws` (a build log, a dumb terminal) every phase is a line that stays. */
  constructor(stream: NodeJS.WriteStream, p: { color: boolean; redraws: boolean }) {
    this.#stream = stream;
    // discardStdin would put the terminal in raw mode, in which Ctrl-C is no signal.
    const color = p.color ? 'cyan' : false;
    this.#spinner = ora({ stream, isEnabled: p.redraws, discardStdin: false, hideCursor: true, color });
  }

  phase(name: string): void {
    this.#phase = name;
    this.#eta = new SteadyEta();
    this.#spinner.start(name);
  }

  update(p: Amounts, now = performance.now()): void {
    this.#sent.sample(p.acknowledgedBytes, now);
    this.#read.sample(p.datasetBytes, now);
    const rest = remaining(p);
    const measured = rest === null ? null : (rest.of === 'sent' ? this.#sent : this.#read).perSecond;
    const freeMs = rest === null || measured === null || measured <= 0 ? null : (rest.bytes / measured) * 1000;
    const ms = limitedTimeLeft(p, freeMs, this.#sent.perSecond, Date.now());
    const leftMs = this.#eta.left(ms ?? 0, ms === null ? null : 1000, now);
    this.#show(progressText(this.#phase, p, this.#sent.perSecond, leftMs, this.#room));
  }

  /** Something that is only counted in bytes: `verifying 1.2 GiB of 5.1 GiB, 480.0 MiB/s`. */
  bytes(done: number, total: number | null, now = performance.now()): void {
    this.#read.sample(done, now);
    const perSecond = this.#read.perSecond;
    const of = total === null ? '' : ` of ${bytes(total)}`;
    const speed = perSecond === null ? '' : `, ${bytes(Math.round(perSecond))}/s`;
    const leftMs = total === null ? null : this.#eta.left(total - done, perSecond, now);
    this.#show(`${this.#phase}  ${bytes(done)}${of}${speed}${leftMs === null ? '' : `, ${left(leftMs)} left`}`);
  }

  get #room(): number {
    return this.#stream.columns - 4;
  }

  /** A line that wraps would be two. */
  #show(text: string): void {
    const room = this.#room;
    this.#spinner.text = text.length > room ? `${text.slice(0, room - 1)}…` : text;
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
