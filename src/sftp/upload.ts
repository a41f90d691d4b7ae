import { DepotError } from '../errors.js';
import { isOutbound, type SuitcaseBlock } from '../outbound.js';
import { orAborted } from './abort.js';
import { Book, type Piece } from './book.js';
import { OpenFlag, type SftpChannel } from './channel.js';
import { publish, type Ready } from './completion.js';
import { Lane, LaneGrowth, laneBytes } from './lanes.js';
import { explainCreate, fullDisk } from './refused.js';
import type { Remote } from './remote.js';
import { lookAt } from './settle.js';
import { ConnectionLost, isStatus, refusal, SftpStatus, Status } from './status.js';
import type { Transfer } from './types.js';

export interface UploadOptions {
  /** Ignored with `publish: direct`, where the final name is written from the start. */
  partialName: string;
  finalName: string;
  /** Goes on with a partial of an earlier run, from this offset. */
  resumeFrom?: number;
  /** What is sent lies in a file: a failure leaves the partial for another run, until `abandon` is called. */
  keep?: boolean;
}

/** Where an upload could go on in another process; `by` says what that rests on. */
export interface Checkpoint {
  offset: number;
  by: 'fsync' | 'fstat';
}

/** This deposit id cannot be finished: the partial is gone, or shorter than what was acknowledged. */
export type DeadUploadError = DepotError & { readonly dead: true };

/** Whether another attempt needs a new deposit id (where every source can be read again). */
export function deadPartial(error: unknown): error is DeadUploadError {
  return error instanceof DepotError && 'dead' in error && error.dead === true;
}

function deadUpload(message: string, cause?: unknown): DeadUploadError {
  return Object.assign(new DepotError('connection-lost', message, { published: 'no', hint: 'push again', cause }), { dead: true as const });
}

/** The most octets of blocks that an upload holds, whatever the lanes: 8 × what a lane can have on its way. */
export const maxHeldBytes = 22 * 1024 * 1024;
const minHeldBytes = 6 * 1024 * 1024;

/** How long `abandon` tries to remove the partial: someone may have pressed Ctrl-C. */
const abandonMs = 8000;

/**
 * One file on its way: positioned writes over one or more lanes, held until they are acknowledged, and
 * written again in the same partial after a lost connection (DESIGN section 7).
 */
export class Upload {
  readonly #remote: Remote;
  readonly #options: UploadOptions;
  readonly #path: string;
  readonly #book: Book;
  readonly #growth: LaneGrowth;
  readonly #onReleased: ((block: SuitcaseBlock) => void)[] = [];
  readonly #waiters: (() => void)[] = [];
  #lanes: Lane[] = [];
  #openingLanes = false;
  #created = false;
  #state: 'open' | 'completing' | 'publishing' | 'over' = 'open';
  #failure: Error | null = null;
  #recovery: Promise<void> | null = null;
  #abandoned: Promise<{ removed: boolean }> | null = null;
  /** Writing waits while the server is asked why it refused a write. */
  #paused = false;
  /** Whether an answer to fsync means anything on this server. */
  #flushes = true;
  #turn: Promise<void> = Promise.resolve();
  /** Aborted when the upload fails, is abandoned or interrupted: nothing goes on in the background. */
  readonly #ended = new AbortController();
  #lastAnswer = 0;
  readonly #stallTimer: NodeJS.Timeout;
  readonly #onAbort: () => void;

  private constructor(remote: Remote, options: UploadOptions) {
    this.#remote = remote;
    this.#options = options;
    this.#path = remote.path(this.partialName);
    this.#book = new Book((block) => this.#onReleased.forEach((released) => released(block)), options.resumeFrom ?? 0);
    this.#growth = new LaneGrowth(lanesAllowed(remote));
    const { signal } = remote.hooks;
    this.#onAbort = () => this.#fail(signal.reason as Error);
    signal.addEventListener('abort', this.#onAbort, { once: true });
    const stallMs = remote.spec.stallMs ?? 30_000;
    this.#stallTimer = setInterval(() => this.#checkStall(stallMs), Math.max(10, stallMs / 8)).unref();
  }

  /** For `Remote.createUpload`. */
  static async create(remote: Remote, options: UploadOptions): Promise<Upload> {
    const upload = new Upload(remote, options);
    try {
      if (options.resumeFrom === undefined) await upload.#create();
      else await upload.#reopen();
      upload.#throwIfFailed();
    } catch (error) {
      if (options.keep === true) upload.leave();
      else await upload.abandon();
      throw error;
    }
    return upload;
  }

  /** The name that is written to. */
  get partialName(): string {
    return this.#remote.spec.publish === 'direct' ? this.#options.finalName : this.#options.partialName;
  }

  /** Octets that the server has answered OK to. */
  get acknowledged(): number {
    return this.#book.acknowledged;
  }

  /** Called with each block when its last octet is acknowledged: its buffer may be used again. */
  onReleased(released: (block: SuitcaseBlock) => void): void {
    this.#onReleased.push(released);
  }

  /**
   * Takes the next block, in order; resolves when there is room for it, long before it is acknowledged. The
   * block must not change until it is released. Throws what made the upload fail, whenever that was.
   */
  async write(block: SuitcaseBlock): Promise<void> {
    // Law 1 at run time: a cast that fools the compiler ends here.
    if (!isOutbound(block)) throw new DepotError('internal', 'these bytes are not marked as fit to leave', { published: 'no' });
    const turn = this.#turn.then(async () => {
      await this.#until(() => this.#book.heldBytes < this.#heldLimit);
      if (this.#state !== 'open') throw new DepotError('internal', 'the upload is complete already');
      this.#book.accept(block);
      this.#pump();
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /**
   * The offset from which another process could go on: everything before it was acknowledged, and then
   * confirmed by `fsync@openssh.com` or, where that is not offered, by a size. Null when neither says so.
   */
  async checkpoint(): Promise<Checkpoint | null> {
    const offset = this.#book.contiguous;
    const lane = this.#lanes[0];
    if (!lane) return null;
    try {
      if (this.#flushes && lane.channel.has('fsync@openssh.com')) {
        await lane.channel.fsync(lane.handle);
        return { offset, by: 'fsync' };
      }
      const size = await sizeOf(lane.channel, lane.handle, this.#path);
      return size !== null && size >= offset ? { offset, by: 'fstat' } : null;
    } catch (error) {
      if (error instanceof SftpStatus || error instanceof ConnectionLost) return null;
      throw error;
    }
  }

  /**
   * Waits for every answer, checks the size, flushes, calls `beforeClose` (the pending record must be on disk
   * by then), closes and publishes. A lost last answer is a result, `unconfirmed`; every error before the
   * close is definite: nothing was published, and the partial is removed where the server lets us (unless `keep`).
   */
  async complete(o: { beforeClose: (durability: Transfer['durability']) => Promise<void> }): Promise<Transfer> {
    await this.#turn;
    this.#throwIfFailed();
    this.#state = 'completing';
    try {
      const durability = await this.#confirm();
      await o.beforeClose(durability);
      await this.#until(() => this.#recovery === null && this.#lanes.length > 0);
      this.#state = 'publishing';
      return await publish(this.#ready(durability));
    } catch (error) {
      const published = error instanceof DepotError ? (error.published ?? 'no') : 'no';
      // What may be a deposit is nobody's to remove; what was never closed goes.
      if (published !== 'no') this.#created = false;
      else if (!isLost(error) && this.#options.keep !== true) await this.abandon();
      throw error;
    } finally {
      this.#over();
    }
  }

  /**
   * Gives up: removes what this upload created, if the server lets us and can be reached within seconds.
   * Also after the signal was aborted. `removed` is also false when a truncated file may remain. Asked again,
   * it says what the first time did.
   */
  abandon(): Promise<{ removed: boolean }> {
    return (this.#abandoned ??= this.#remove());
  }

  /** Gives up and touches nothing: the partial stays as it is, for another run to go on with. */
  leave(): void {
    this.#fail(new DepotError('internal', 'the upload was left'));
    this.#over();
  }

  async #remove(): Promise<{ removed: boolean }> {
    const before = this.#failure;
    this.#fail(new DepotError('internal', 'the upload was abandoned'));
    this.#over();
    if (!this.#created) return { removed: false };
    this.#created = false;
    for (const lane of this.#lanes.splice(0).slice(1)) lane.channel.end();
    const remove = (ms: number): Promise<boolean> => this.#remote.removePartial(this.partialName, AbortSignal.timeout(ms));
    const live = this.#remote.live;
    try {
      // Not behind megabytes of writes that wait in the socket: a new connection is faster.
      if (live && live.unsent < 1024 * 1024) return { removed: await remove(abandonMs / 4) };
    } catch {
      // It does not answer; perhaps another connection does.
    }
    live?.destroy();
    if (!live && isLost(before)) return { removed: false };
    try {
      return { removed: await remove(abandonMs) };
    } catch {
      return { removed: false };
    }
  }

  // --- opening ---------------------------------------------------------------------------------

  async #create(): Promise<void> {
    let answerLost = false;
    for (;;) {
      const { channel } = await this.#remote.session(this.#ended.signal);
      try {
        const handle = await channel.open(this.#path, OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.EXCLUSIVE);
        this.#created = true;
        this.#tryFlush(channel, handle);
        this.#firstLane(channel, handle);
        return;
      } catch (error) {
        if (error instanceof ConnectionLost) {
          answerLost = true;
          continue;
        }
        if (!(error instanceof SftpStatus)) throw error;
        // The name is random: a file that exists after a lost answer is the one that we created.
        if (answerLost && isStatus(error, Status.FAILURE, Status.FILE_ALREADY_EXISTS)) {
          this.#created = true;
          await this.#reopen();
          return;
        }
        throw await explainCreate(channel, this.#remote, this.partialName, error);
      }
    }
  }

  /** Where flushing fails on an empty file it tells nothing about a full one; not waited for. */
  #tryFlush(channel: SftpChannel, handle: Buffer): void {
    if (!channel.has('fsync@openssh.com')) return;
    channel.fsync(handle).catch((error: unknown) => {
      if (error instanceof SftpStatus) this.#flushes = false;
    });
  }

  /** Opens the partial again, with WRITE alone, and checks that nothing acknowledged is missing. */
  async #reopen(): Promise<void> {
    for (;;) {
      const { channel } = await this.#remote.session(this.#ended.signal);
      try {
        const handle = await channel.open(this.#path, OpenFlag.WRITE).catch((error: unknown) => {
          if (error instanceof SftpStatus) throw deadUpload(isStatus(error, Status.NO_SUCH_FILE) ? `${this.#path} is gone from the server` : `the server does not let ${this.#path} be opened a second time`, error);
          throw error;
        });
        const size = await sizeOf(channel, handle, this.#path);
        const acknowledged = this.#book.contiguous;
        if (size !== null && size < acknowledged) throw deadUpload(`${this.#path} holds ${size} of ${acknowledged} acknowledged octets`);
        this.#created = true;
        this.#firstLane(channel, handle);
        return;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
      }
    }
  }

  #firstLane(channel: SftpChannel, handle: Buffer): void {
    this.#lanes = [new Lane(channel, handle, this.#remote.spec.window)];
    this.#countLanes();
    this.#growth.reset();
    this.#lastAnswer = performance.now();
    channel.onLost(() => this.#recover());
    this.#pump();
  }

  // --- writing ---------------------------------------------------------------------------------

  get #heldLimit(): number {
    const lane = this.#lanes[0];
    const perLane = lane ? laneBytes(lane.writeSize, this.#remote.spec.window) : 0;
    return Math.min(maxHeldBytes, Math.max(minHeldBytes, this.#lanes.length * perLane + 2 * 1024 * 1024));
  }

  /** Gives every lane with room something to write, the emptiest first. */
  #pump(): void {
    while (!this.#paused && !this.#failure && this.#book.hasNext) {
      let lane: Lane | undefined;
      for (const candidate of this.#lanes) {
        if (candidate.hasRoom && (!lane || candidate.bytesInFlight < lane.bytesInFlight)) lane = candidate;
      }
      if (!lane) return;
      const piece = this.#book.next(lane.writeSize);
      if (!piece) return;
      if (this.#idle) this.#lastAnswer = performance.now();
      const chosen = lane;
      chosen.send(piece, (error) => this.#answered(chosen, piece, error));
    }
  }

  get #idle(): boolean {
    return this.#lanes.every((lane) => lane.inFlight.size === 0);
  }

  #answered(lane: Lane, piece: Piece, error: SftpStatus | ConnectionLost | null): void {
    this.#lastAnswer = performance.now();
    if (error instanceof ConnectionLost) {
      this.#book.giveBack(piece);
      return;
    }
    if (error) {
      this.#book.giveBack(piece);
      this.#refused(piece, error);
      return;
    }
    this.#book.acknowledge(piece);
    this.#remote.progressed();
    this.#remote.stats.acknowledged += piece.end - piece.start;
    this.#remote.hooks.progress?.({ acknowledged: this.#book.acknowledged });
    const full = this.#book.hasNext;
    const wanted = this.#growth.wanted(this.#lanes.length, piece.end - piece.start, full, lane.channel.roundTripMs);
    if (wanted > this.#lanes.length) void this.#addLanes(wanted - this.#lanes.length);
    this.#pump();
    this.#notify();
  }

  /** FAILURE has no cause: ask about space, write once more, then stop. Other answers are final. */
  #refused(piece: Piece, error: SftpStatus): void {
    if (this.#failure) return;
    const what = `write to ${this.#path}`;
    piece.refusals++;
    if (!isStatus(error, Status.FAILURE)) {
      this.#fail(isStatus(error, Status.NO_SUCH_FILE) ? new DepotError('remote-refused', `the server refused to ${what}: its file is gone`, { published: 'no', cause: error, hint: 'ask the agent what removes files while they are written' }) : refusal(error, what));
      return;
    }
    if (this.#paused) return;
    if (piece.refusals > 1) {
      this.#fail(new DepotError('remote-refused', `the server refused twice to ${what}: it did not say why`, { published: 'no', cause: error, hint: 'ask the agent about quota and free space, then push again' }));
      return;
    }
    this.#paused = true;
    void this.#askWhy(error);
  }

  async #askWhy(error: SftpStatus): Promise<void> {
    try {
      const channel = this.#lanes[0]?.channel;
      const space = await channel?.space(this.#remote.directory);
      if (space && space.freeBytes < this.#lanes[0]!.writeSize) this.#fail(fullDisk(this.#remote, error));
    } catch (failure) {
      if (!(failure instanceof ConnectionLost)) this.#fail(failure as Error);
    } finally {
      this.#paused = false;
      this.#pump();
    }
  }

  // --- lanes -----------------------------------------------------------------------------------

  /** A channel or a second open that is refused costs a lane, not the deposit. */
  async #addLanes(count: number): Promise<void> {
    if (this.#openingLanes) return;
    this.#openingLanes = true;
    const first = this.#lanes[0];
    const session = this.#remote.live;
    try {
      if (!first || session?.channel !== first.channel) return;
      await Promise.all(Array.from({ length: count }, async () => {
        const channel = await session.openChannel();
        try {
          const handle = await channel.open(this.#path, OpenFlag.WRITE);
          if (this.#lanes[0] !== first || this.#state !== 'open' || this.#failure) {
            channel.end();
            return;
          }
          this.#addLane(new Lane(channel, handle, this.#remote.spec.window));
        } catch (error) {
          channel.end();
          throw error;
        }
      }));
    } catch {
      // Refused; unless it was the connection that went, which says nothing about lanes.
      if (!first?.channel.lost) this.#growth.stop();
    } finally {
      this.#openingLanes = false;
    }
  }

  #addLane(lane: Lane): void {
    this.#lanes.push(lane);
    this.#countLanes();
    this.#growth.reset();
    lane.channel.onLost(() => {
      const at = this.#lanes.indexOf(lane);
      if (at <= 0) return;
      this.#lanes.splice(at, 1);
      this.#growth.stop();
      for (const piece of lane.takeBack()) this.#book.giveBack(piece);
      this.#pump();
    });
    this.#pump();
    this.#notify();
  }

  #countLanes(): void {
    this.#remote.stats.lanes = Math.max(this.#remote.stats.lanes, this.#lanes.length);
  }

  // --- going on after a loss ---------------------------------------------------------------------

  #checkStall(stallMs: number): void {
    if (!this.#idle && !this.#paused && performance.now() - this.#lastAnswer > stallMs) this.#remote.live?.destroy();
  }

  #recover(): void {
    // From the close on, a loss is settled by looking, not by going on.
    if (this.#failure || this.#recovery || this.#state === 'publishing' || this.#state === 'over') return;
    for (const lane of this.#lanes.splice(0)) for (const piece of lane.takeBack()) this.#book.giveBack(piece);
    this.#recovery = this.#reopen()
      .catch((error: unknown) => this.#fail(error as Error))
      .finally(() => {
        this.#recovery = null;
        this.#notify();
        // Lost again between the last check and now.
        if (this.#lanes[0]?.channel.lost) this.#recover();
      });
  }

  // --- completion --------------------------------------------------------------------------------

  /** All answers in, the right size, flushed; as often as it takes. */
  async #confirm(): Promise<Transfer['durability']> {
    for (;;) {
      await this.#until(() => this.#book.done && this.#recovery === null && this.#lanes.length > 0);
      const { channel, handle } = this.#lanes[0]!;
      try {
        return await orAborted(confirm(channel, handle, { path: this.#path, bytes: this.#book.total, flushes: this.#flushes }), this.#ended.signal);
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
        await this.#recovery;
      }
    }
  }

  #ready(durability: Transfer['durability']): Ready {
    return {
      remote: this.#remote,
      pending: { partialName: this.partialName, finalName: this.#options.finalName, bytes: this.#book.total },
      handles: this.#lanes.map(({ channel, handle }) => ({ channel, handle })),
      durability,
      flushes: this.#flushes,
    };
  }

  // --- state -------------------------------------------------------------------------------------

  #fail(error: Error): void {
    if (this.#failure || this.#state === 'publishing' || this.#state === 'over') return;
    this.#failure = error;
    this.#ended.abort(error);
    this.#notify();
  }

  #over(): void {
    this.#state = 'over';
    this.#ended.abort(this.#failure ?? new ConnectionLost('the upload is over'));
    clearInterval(this.#stallTimer);
    this.#remote.hooks.signal.removeEventListener('abort', this.#onAbort);
    this.#notify();
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure;
  }

  #notify(): void {
    for (const waiter of this.#waiters.splice(0)) waiter();
  }

  async #until(condition: () => boolean): Promise<void> {
    for (;;) {
      this.#throwIfFailed();
      if (condition()) return;
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }
}

function isLost(error: unknown): boolean {
  return error instanceof DepotError && error.code === 'connection-lost';
}

/** Several lanes only where they are known to be taken right, and never where a close may collect the file. */
function lanesAllowed(remote: Remote): 'auto' | number {
  const { publish: mode, laneSafe, lanes } = remote.spec;
  const safe = /^SSH-2\.0-OpenSSH/.test(remote.server) || laneSafe === true;
  return safe && mode !== 'direct' ? lanes : 1;
}

/** Size by handle, else by name; null when the server tells neither. */
async function sizeOf(channel: SftpChannel, handle: Buffer, path: string): Promise<number | null> {
  try {
    const size = await channel.fstat(handle);
    if (size !== null) return size;
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
  }
  const found = await lookAt(channel, path);
  return found === null || found === 'unreadable' ? null : found.size;
}

/** Size and flush, as far as the server offers them. An fsync that fails is told once only: it is never repeated. */
export async function confirm(channel: SftpChannel, handle: Buffer, { path, bytes, flushes }: { path: string; bytes: number; flushes: boolean }): Promise<Transfer['durability']> {
  const size = await sizeOf(channel, handle, path);
  if (size !== null && size !== bytes) {
    throw new DepotError('remote-refused', `${path} has ${size} octets on the server instead of ${bytes}, although it acknowledged every write`, { published: 'no', hint: 'set remote.window: 1 and remote.lanes: 1, and tell the agent' });
  }
  if (flushes && channel.has('fsync@openssh.com')) {
    try {
      await channel.fsync(handle);
      return 'fsynced';
    } catch (error) {
      if (!(error instanceof SftpStatus)) throw error;
      if (isStatus(error, Status.FAILURE)) throw refusal(error, `store ${path} (fsync)`);
    }
  }
  return size === null ? 'acknowledged-only' : 'size-checked';
}
