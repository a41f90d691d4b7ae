import { DepotError } from '../errors.js';
import { logInfo } from '../log.js';
import { positionOf, type WriteQueue, type Piece } from './write-queue.js';
import type { SftpChannel } from './channel.js';
import { Lane, LaneGrowth, laneBytes, lanesAllowed } from './lanes.js';
import type { Link } from './link.js';
import { fullDisk } from './refusals.js';
import { openBeside, sizeOf } from './stat.js';
import { ConnectionLost, isStatus, PartialLost, refusal, Status, type SftpStatus } from './status.js';
import { Turns } from './throttle.js';

/** The most bytes of blocks that an upload holds, whatever the lanes: 8 × what a lane can have on its way. */
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
  readonly #growth: LaneGrowth;
  readonly #stallTimer: NodeJS.Timeout;
  #lanes: Lane[] = [];
  #opening = false;
  #ended = false;
  /** Writing waits while the server is asked why it refused a write. */
  #paused = false;
  /** A write was refused: nothing is written until the others are answered. */
  #refusal: SftpStatus | null = null;
  /** How large the file was when it was opened again, until the first write since is answered. */
  #reopened: { size: number | null } | null = null;
  /** Where the last byte that was acknowledged ends. */
  #reach = 0;
  #lastAnswer = 0;
  readonly #turns: Turns;

  constructor(
    private readonly remote: Link,
    private readonly path: string,
    private readonly queue: WriteQueue,
    private readonly events: StripesEvents,
  ) {
    this.#growth = new LaneGrowth(lanesAllowed(remote.spec, remote).lanes);
    this.#turns = new Turns(remote.spec.throttle, remote.patience, { go: () => this.pump(), idle: () => this.#idle });
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

  /** Bytes that may be held now: enough for the lanes there are, and a little for the next. */
  get heldLimit(): number {
    const lane = this.first;
    const perLane = lane ? laneBytes(lane.writeSize, this.remote.spec.window) : 0;
    return Math.min(maxHeldBytes, Math.max(minHeldBytes, this.#lanes.length * perLane + 2 * 1024 * 1024));
  }

  /** Begins, or goes on, with one lane; `reopened` says how large the file was when it was opened again. */
  start(channel: SftpChannel, handle: Buffer, reopened: { size: number | null } | null = null): void {
    this.#lanes = [];
    this.#refusal = null;
    this.#reopened = reopened;
    this.#lastAnswer = performance.now();
    this.#add(new Lane(channel, handle, this.remote.spec.window));
    channel.onLost(() => this.events.lost());
  }

  /** Unanswered writes go back into the queue. Every lane ends: one that lived on would send from reused memory. */
  takeBack(): void {
    this.#turns.stop();
    for (const lane of this.#lanes.splice(0)) {
      this.#giveBack(lane);
      lane.channel.end();
    }
  }

  /** Nothing more is written. The lanes stay, for who closes their handles. */
  end(): void {
    this.#ended = true;
    this.#turns.stop();
    clearInterval(this.#stallTimer);
  }

  /** Gives every lane with room something to write, the emptiest first. */
  pump(): void {
    while (!this.#paused && this.#refusal === null && !this.#ended && this.queue.hasNext) {
      // The first write after a second open shows what the server makes of it.
      if (this.#reopened !== null && !this.#idle) return;
      let lane: Lane | undefined;
      for (const candidate of this.#lanes) {
        if (candidate.hasRoom && (!lane || candidate.bytesInFlight < lane.bytesInFlight)) lane = candidate;
      }
      if (!lane || !this.#turns.mayWrite()) return;
      const piece = this.queue.next(Math.min(lane.writeSize, this.#turns.piece));
      if (!piece) return;
      this.#turns.sent(piece.end - piece.start);
      if (this.#idle) this.#lastAnswer = performance.now();
      const chosen = lane;
      chosen.send(piece, (error) => this.#answered(chosen, piece, error));
    }
  }

  #answered(lane: Lane, piece: Piece, error: SftpStatus | ConnectionLost | null): void {
    this.#lastAnswer = performance.now();
    if (error) {
      this.queue.giveBack(piece);
      if (!(error instanceof ConnectionLost)) this.#refused(piece, error);
      return;
    }
    const length = piece.end - piece.start;
    const { size } = this.#reopened ?? { size: null };
    this.#reopened = null;
    this.#reach = Math.max(this.#reach, positionOf(piece) + length);
    if (size !== null && size > positionOf(piece) && !this.remote.placesWrites)
      this.#whilePaused(this.#checkPlace(lane, Math.max(size, positionOf(piece) + length)));
    this.queue.acknowledge(piece);
    this.remote.progressed();
    this.remote.stats.acknowledged += length;
    this.remote.hooks.progress?.({ acknowledged: this.queue.acknowledged });
    // What waits for our own limit is no reason for another lane.
    const full = this.queue.hasNext && !this.#turns.isWaiting;
    const wanted = this.#growth.wanted(this.#lanes.length, length, full, lane.channel.roundTripMs);
    if (wanted > this.#lanes.length && !this.#opening) void this.#open(wanted - this.#lanes.length);
    this.pump();
    this.#askWhenIdle();
    this.events.changed();
  }

  /** FAILURE has no cause: ask about space, write once more, then stop. Other answers are final. */
  #refused(piece: Piece, error: SftpStatus): void {
    if (this.#ended) return;
    this.#log(`a write at ${positionOf(piece)} was refused: ${error.message}`);
    const what = `write to ${this.path}`;
    const details = { published: 'no', cause: error } as const;
    piece.refusals++;
    if (this.#reopened !== null && !isStatus(error, Status.NO_SPACE_ON_FILESYSTEM, Status.QUOTA_EXCEEDED)) {
      this.#askWhenIdle(error);
    } else if (isStatus(error, Status.NO_SUCH_FILE)) {
      this.events.failed(
        new DepotError('remote-refused', `the server refused to ${what}: its file is gone`, {
          ...details,
          hint: 'ask the agent what removes files while they are written',
        }),
      );
    } else if (!isStatus(error, Status.FAILURE)) {
      this.events.failed(refusal(error, what));
    } else if (piece.refusals > 1) {
      this.events.failed(
        new DepotError('remote-refused', `the server refused twice to ${what}: it did not say why`, {
          ...details,
          hint: 'ask the agent about quota and free space, then push again',
        }),
      );
    } else {
      this.#askWhenIdle(error);
    }
  }

  /** What the other writes come to is part of the answer. */
  #askWhenIdle(error = this.#refusal): void {
    this.#refusal ??= error;
    if (this.#refusal !== null && this.#idle && !this.#paused) this.#whilePaused(this.#askWhy(this.#refusal));
  }

  async #askWhy(error: SftpStatus): Promise<void> {
    this.#refusal = null;
    const lane = this.first;
    if (lane === undefined) return;
    const space = await lane.channel.space(this.remote.directory);
    if (space && space.freeBytes < lane.writeSize) this.events.failed(fullDisk(this.remote, error));
    else if (this.#reopened !== null)
      this.events.failed(
        new PartialLost(`the server accepts nothing more into ${this.path} after it was opened again`, error),
      );
    else if (!(await this.#mayRepeat(lane))) this.events.failed(refusal(error, `write to ${this.path}`));
  }

  /** A server that appends would put it behind what was written since. */
  async #mayRepeat(lane: Lane): Promise<boolean> {
    if (this.remote.placesWrites || this.#reach <= this.queue.contiguous) return true;
    const size = await sizeOf(lane.channel, lane.handle, this.path);
    return size !== null && size >= this.#reach;
  }

  /** Written where there was something already, it must not have made the file longer. */
  async #checkPlace(lane: Lane, size: number): Promise<void> {
    const now = await sizeOf(lane.channel, lane.handle, this.path);
    if (now !== null && now > size)
      this.events.failed(
        new PartialLost(`the server appends to ${this.path} whatever the offset, so the upload cannot continue`),
      );
  }

  #whilePaused(question: Promise<void>): void {
    this.#paused = true;
    question
      .catch((failure: unknown) => {
        if (!(failure instanceof ConnectionLost)) this.events.failed(failure as Error);
      })
      .finally(() => {
        this.#paused = false;
        this.pump();
        this.#askWhenIdle();
      });
  }

  /** More lanes. A channel or a second open that is refused costs a lane, not the deposit. */
  async #open(count: number): Promise<void> {
    this.#opening = true;
    const { first } = this;
    const session = this.remote.live;
    try {
      if (!first || session?.channel !== first.channel) return;
      await Promise.all(
        Array.from({ length: count }, async () => {
          const channel = await session.openChannel(this.remote.spec.arrangement);
          try {
            const handle = await openBeside(channel, this.path, this.queue.acknowledged);
            if (this.first === first && !this.#ended) {
              this.#add(new Lane(channel, handle, this.remote.spec.window));
              return;
            }
            await channel.close(handle);
            channel.end();
          } catch (error) {
            channel.end();
            throw error;
          }
        }),
      );
    } catch (error) {
      if (error instanceof DepotError) this.events.failed(error);
      // Refused; unless it was the connection that went, which says nothing about lanes.
      else if (!first?.channel.lost) {
        this.#growth.stop();
        this.#log(`no more lanes: ${(error as Error).message}`);
      }
    } finally {
      this.#opening = false;
      this.events.changed();
    }
  }

  #log(what: string): void {
    logInfo(this.remote.spec.arrangement, what);
  }

  #add(lane: Lane): void {
    this.#lanes.push(lane);
    this.#log(
      `writes over ${this.#lanes.length === 1 ? 'one lane' : `${this.#lanes.length} lanes`}, SFTP channel ${lane.channel.number}`,
    );
    this.remote.stats.lanes = Math.max(this.remote.stats.lanes, this.#lanes.length);
    this.#growth.changed();
    if (this.#lanes.length > 1) lane.channel.onLost(() => this.#drop(lane));
    this.pump();
    this.events.changed();
  }

  /** A lane of several is gone: the others write what it had not delivered. */
  #drop(lane: Lane): void {
    const at = this.#lanes.indexOf(lane);
    if (at < 0) return;
    this.#lanes.splice(at, 1);
    this.#growth.stop();
    this.#log(`the lane on SFTP channel ${lane.channel.number} is gone; ${this.#lanes.length} left`);
    this.#giveBack(lane);
    this.pump();
  }

  #giveBack(lane: Lane): void {
    for (const piece of lane.takeBack()) this.queue.giveBack(piece);
  }

  get #idle(): boolean {
    return this.#lanes.every((lane) => lane.inFlight.size === 0);
  }

  #checkStall(stallMs: number): void {
    if (this.#idle || this.#paused || performance.now() - this.#lastAnswer <= stallMs) return;
    const { live } = this.remote;
    this.first?.channel.end(new ConnectionLost(`no answer to a write for ${Math.round(stallMs / 100) / 10} s`));
    live?.destroy();
  }
}
