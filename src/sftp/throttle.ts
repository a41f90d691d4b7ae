/** The limit of bytes per second to one server, for all that this process writes there. */
import type { Patience } from './patience.js';

/** So much of a second goes in one piece: little enough that a link with a limit stays usable for others. */
const pieceSeconds = 1 / 8;
const leastPiece = 1024;
/** What was missed while this process did something else is made up for, so far back. */
const lateMs = 500;
/** SFTP's header of a WRITE, with the longest handle that is usual. */
const writeBytes = 40;
/** What SSH puts around each packet of at most 32 KiB: lengths, padding, tag. */
const packetBytes = 42;
const largestPacket = 32_768;

/** What so many bytes of a file come to on the wire, without the headers of TCP and IP. */
function onTheWire(bytes: number): number {
  return bytes + writeBytes + packetBytes * Math.ceil((bytes + writeBytes) / largestPacket);
}

/** Whoever writes waits for its turn, one after the other. */
export class Throttle {
  readonly #waiting = new Set<() => void>();
  /** When the next bytes may go, by `performance.now()`. */
  #freeAt = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `rate`: bytes per second at this moment; Infinity for no limit. */
  constructor(private readonly rate: () => number) {}

  /** The most bytes to write in one turn. */
  get piece(): number {
    return Math.max(leastPiece, Math.floor(this.rate() * pieceSeconds));
  }

  /** Takes a turn at once, where nobody waits for one. Nothing is saved up while nobody writes. */
  takeNow(): boolean {
    const now = performance.now();
    if (this.#waiting.size > 0 || this.#freeAt > now) return false;
    this.#freeAt = now;
    return true;
  }

  /** Calls `go` when it has its turn, unless the function that this returns was called before. */
  wait(go: () => void): () => void {
    this.#waiting.add(go);
    this.#setTimer();
    return () => {
      this.#waiting.delete(go);
      if (this.#waiting.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  /** So many bytes of a file were written in this turn. */
  sent(bytes: number): void {
    this.#freeAt = Math.max(this.#freeAt, performance.now() - lateMs) + (onTheWire(bytes) / this.rate()) * 1000;
  }

  #serve(): void {
    this.#timer = undefined;
    for (const go of this.#waiting) {
      if (this.#freeAt > performance.now()) break;
      // Who has more to write comes again, after the others.
      this.#waiting.delete(go);
      go();
    }
    this.#setTimer();
  }

  #setTimer(): void {
    if (this.#waiting.size === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#serve(), Math.max(0, this.#freeAt - performance.now()));
  }
}

/** The turns of one writer. While it has nothing at the server and waits for one, the clock of `retryFor` stands still. */
export class Turns {
  #state: 'none' | 'waiting' | 'granted' = 'none';
  #cancel: (() => void) | null = null;
  #resume: (() => void) | null = null;

  /** `go`: it may write now. `idle`: whether the server owes it nothing. */
  constructor(
    private readonly throttle: Throttle | undefined,
    private readonly patience: Pick<Patience, 'pause'>,
    private readonly o: { go: () => void; idle: () => boolean },
  ) {}

  /** The most bytes to write in a turn. */
  get piece(): number {
    return this.throttle?.piece ?? Infinity;
  }

  /** It is the limit that keeps it from writing. */
  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** Whether it may write now; where not, `go` is called when it may. */
  mayWrite(): boolean {
    if (this.throttle === undefined || this.#state === 'granted') return true;
    if (this.#state === 'none' && this.throttle.takeNow()) {
      this.#state = 'granted';
      return true;
    }
    if (this.#state === 'none') {
      this.#state = 'waiting';
      this.#cancel = this.throttle.wait(() => this.#granted());
    }
    if (this.o.idle()) this.#resume ??= this.patience.pause();
    return false;
  }

  sent(bytes: number): void {
    this.#state = 'none';
    this.throttle?.sent(bytes);
  }

  /** It will not write, for now. */
  stop(): void {
    this.#cancel?.();
    this.#leave();
  }

  #granted(): void {
    this.#leave();
    this.#state = 'granted';
    this.o.go();
  }

  #leave(): void {
    this.#state = 'none';
    this.#cancel = null;
    this.#resume?.();
    this.#resume = null;
  }
}

/** Waits for a turn to write so many bytes, of a writer that has nothing else at the server. */
export async function turnFor(
  bytes: number,
  throttle: Throttle | undefined,
  patience: Pick<Patience, 'pause'>,
): Promise<void> {
  await new Promise<void>((resolve) => {
    // Counted before this function goes on, since the next in the queue is asked at once.
    const go = (): void => {
      turns.sent(bytes);
      resolve();
    };
    const turns = new Turns(throttle, patience, { go, idle: () => true });
    if (turns.mayWrite()) go();
  });
}
