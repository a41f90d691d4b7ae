import { DepotError } from '../errors.js';
import type { Book, Piece } from './book.js';
import { OpenFlag, type SftpChannel } from './channel.js';
import { Lane, LaneGrowth, laneBytes, lanesAllowed } from './lanes.js';
import type { Link } from './link.js';
import { fullDisk } from './refused.js';
import { ConnectionLost, isStatus, refusal, Status, type SftpStatus } from './status.js';

/** The most octets of blocks that an upload holds, whatever the lanes: 8 × what a lane can have on its way. */
const maxHeldBytes = 22 * 1024 * 1024;
const minHeldBytes = 6 * 1024 * 1024;

/** What happens to the lanes, for whom it matters. */
export interface StripesEvents {
  /** Something was acknowledged, or there is more room. */
  changed(): void;
  /** The server refused a write for good. */
  failed(error: Error): void;
  /** Lane one is gone, and the connection with it; `takeBack` and `start` go on elsewhere. */
  lost(): void;
}

/** Positioned writes of one file, striped over lanes, and repeated where a lane or an answer fails. */
export class Stripes {
  readonly #remote: Link;
  readonly #path: string;
  readonly #book: Book;
  readonly #events: StripesEvents;
  readonly #growth: LaneGrowth;
  readonly #stallTimer: NodeJS.Timeout;
  #lanes: Lane[] = [];
  #opening = false;
  #ended = false;
  /** Writing waits while the server is asked why it refused a write. */
  #paused = false;
  #lastAnswer = 0;

  constructor(remote: Link, path: string, book: Book, events: StripesEvents) {
    this.#remote = remote;
    this.#path = path;
    this.#book = book;
    this.#events = events;
    this.#growth = new LaneGrowth(lanesAllowed(remote.spec, remote).lanes);
    const stallMs = remote.spec.stallMs ?? 30_000;
    this.#stallTimer = setInterval(() => this.#checkStall(stallMs), Math.max(10, stallMs / 8)).unref();
  }

  /** Lane one, by whose handle the file is checked and flushed; undefined while there is no connection. */
  get first(): Lane | undefined {
    return this.#lanes[0];
  }

  /** Lane one first. */
  get lanes(): readonly Lane[] {
    return this.#lanes;
  }

  /** Whether another lane is just being opened: its handle must not be the last to close. */
  get opening(): boolean {
    return this.#opening;
  }

  /** Octets that may be held now: enough for the lanes there are, and a little for the next. */
  get heldLimit(): number {
    const lane = this.first;
    const perLane = lane ? laneBytes(lane.writeSize, this.#remote.spec.window) : 0;
    return Math.min(maxHeldBytes, Math.max(minHeldBytes, this.#lanes.length * perLane + 2 * 1024 * 1024));
  }

  /** Begins, or goes on, with one lane. */
  start(channel: SftpChannel, handle: Buffer): void {
    this.#lanes = [];
    this.#lastAnswer = performance.now();
    this.#add(new Lane(channel, handle, this.#remote.spec.window));
    channel.onLost(() => this.#events.lost());
  }

  /**
   * Unanswered writes go back into the book, and every lane ends: a lane that lived on would send what it still has from memory that
   * is used for something else by then.
   */
  takeBack(): void {
    for (const lane of this.#lanes.splice(0)) {
      this.#giveBack(lane);
      lane.channel.end();
    }
  }

  /** Nothing more is written. The lanes stay, for who closes their handles. */
  end(): void {
    this.#ended = true;
    clearInterval(this.#stallTimer);
  }

  /** Gives every lane with room something to write, the emptiest first. */
  pump(): void {
    while (!this.#paused && !this.#ended && this.#book.hasNext) {
      let lane: Lane | undefined;
      for (const candidate of this.#lanes) {
        if (candidate.hasRoom && (!lane || candidate.bytesInFlight < lane.bytesInFlight)) lane = candidate;
      }
      const piece = lane && this.#book.next(lane.writeSize);
      if (!lane || !piece) return;
      if (this.#idle) this.#lastAnswer = performance.now();
      const chosen = lane;
      chosen.send(piece, (error) => this.#answered(chosen, piece, error));
    }
  }

  #answered(lane: Lane, piece: Piece, error: SftpStatus | ConnectionLost | null): void {
    this.#lastAnswer = performance.now();
    if (error) {
      this.#book.giveBack(piece);
      if (!(error instanceof ConnectionLost)) this.#refused(piece, error);
      return;
    }
    const length = piece.end - piece.start;
    this.#book.acknowledge(piece);
    this.#remote.progressed();
    this.#remote.stats.acknowledged += length;
    this.#remote.hooks.progress?.({ acknowledged: this.#book.acknowledged });
    const wanted = this.#growth.wanted(this.#lanes.length, length, this.#book.hasNext, lane.channel.roundTripMs);
    if (wanted > this.#lanes.length && !this.#opening) void this.#open(wanted - this.#lanes.length);
    this.pump();
    this.#events.changed();
  }

  /** FAILURE has no cause: ask about space, write once more, then stop. Other answers are final. */
  #refused(piece: Piece, error: SftpStatus): void {
    if (this.#ended) return;
    const what = `write to ${this.#path}`;
    const details = { published: 'no', cause: error } as const;
    piece.refusals++;
    if (isStatus(error, Status.NO_SUCH_FILE)) {
      this.#events.failed(new DepotError('remote-refused', `the server refused to ${what}: its file is gone`, { ...details, hint: 'ask the agent what removes files while they are written' }));
    } else if (!isStatus(error, Status.FAILURE)) {
      this.#events.failed(refusal(error, what));
    } else if (this.#paused) {
      // Asked already, for another write; this one is repeated with it.
    } else if (piece.refusals > 1) {
      this.#events.failed(new DepotError('remote-refused', `the server refused twice to ${what}: it did not say why`, { ...details, hint: 'ask the agent about quota and free space, then push again' }));
    } else {
      this.#paused = true;
      void this.#askWhy(error);
    }
  }

  async #askWhy(error: SftpStatus): Promise<void> {
    try {
      const lane = this.first;
      const space = await lane?.channel.space(this.#remote.directory);
      if (lane && space && space.freeBytes < lane.writeSize) this.#events.failed(fullDisk(this.#remote, error));
    } catch (failure) {
      if (!(failure instanceof ConnectionLost)) this.#events.failed(failure as Error);
    } finally {
      this.#paused = false;
      this.pump();
    }
  }

  /** More lanes. A channel or a second open that is refused costs a lane, not the deposit. */
  async #open(count: number): Promise<void> {
    this.#opening = true;
    const { first } = this;
    const session = this.#remote.live;
    try {
      if (!first || session?.channel !== first.channel) return;
      await Promise.all(Array.from({ length: count }, async () => {
        const channel = await session.openChannel();
        try {
          const handle = await channel.open(this.#path, OpenFlag.WRITE);
          if (this.first === first && !this.#ended) {
            this.#add(new Lane(channel, handle, this.#remote.spec.window));
            return;
          }
          await channel.close(handle);
          channel.end();
        } catch (error) {
          channel.end();
          throw error;
        }
      }));
    } catch {
      // Refused; unless it was the connection that went, which says nothing about lanes.
      if (!first?.channel.lost) this.#growth.stop();
    } finally {
      this.#opening = false;
      this.#events.changed();
    }
  }

  #add(lane: Lane): void {
    this.#lanes.push(lane);
    this.#remote.stats.lanes = Math.max(this.#remote.stats.lanes, this.#lanes.length);
    this.#growth.changed();
    if (this.#lanes.length > 1) lane.channel.onLost(() => this.#drop(lane));
    this.pump();
    this.#events.changed();
  }

  /** A lane of several is gone: the others write what it had not delivered. */
  #drop(lane: Lane): void {
    const at = this.#lanes.indexOf(lane);
    if (at < 0) return;
    this.#lanes.splice(at, 1);
    this.#growth.stop();
    this.#giveBack(lane);
    this.pump();
  }

  #giveBack(lane: Lane): void {
    for (const piece of lane.takeBack()) this.#book.giveBack(piece);
  }

  get #idle(): boolean {
    return this.#lanes.every((lane) => lane.inFlight.size === 0);
  }

  #checkStall(stallMs: number): void {
    if (this.#idle || this.#paused || performance.now() - this.#lastAnswer <= stallMs) return;
    const { live } = this.#remote;
    this.first?.channel.end(new ConnectionLost(`no answer to a write for ${Math.round(stallMs / 100) / 10} s`));
    live?.destroy();
  }
}

