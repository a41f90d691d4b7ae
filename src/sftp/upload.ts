import { orAborted } from '../abort.js';
import { DepotError } from '../errors.js';
import { logInfo } from '../log.js';
import { isOutbound, type SuitcaseBlock } from '../outbound.js';
import { isLost, removeAbandoned } from './abandon.js';
import { WriteQueue } from './write-queue.js';
import type { SftpChannel } from './channel.js';
import { OpenFlag } from './open-flags.js';
import type { Link } from './link.js';
import { lanesAllowed } from './lanes.js';
import { explainCreate } from './refusals.js';
import { confirm, sizeOf, statFile, WrongSize } from './stat.js';
import { ConnectionLost, isStatus, orRefusal, PartialLost, SftpStatus, Status } from './status.js';
import { Stripes } from './stripes.js';
import { publishSuitcase } from './suitcase.js';
import type { Abandoned, Checkpoint, Transfer, UploadOptions } from './types.js';

/** One file on its way, held until acknowledged, and resumed after a loss (docs/architecture.md, "The upload"). */
export class Upload {
  readonly #path: string;
  readonly #queue: WriteQueue;
  readonly #stripes: Stripes;
  readonly #onReleased: ((block: SuitcaseBlock) => void)[] = [];
  readonly #waiters: (() => void)[] = [];
  #created = false;
  #state: 'open' | 'completing' | 'publishing' | 'over' = 'open';
  #failure: Error | null = null;
  #recovery: Promise<void> | null = null;
  #abandoned: Promise<Abandoned> | null = null;
  /** A connection was lost while the file was open, or may have been. */
  #lost = false;
  /** Why there was no answer to the create. */
  #unheard: string | null = null;
  /** Whether an answer to fsync means anything on this server. */
  #flushes = true;
  #turn: Promise<void> = Promise.resolve();
  /** Aborted when the upload fails, is abandoned or interrupted: nothing goes on in the background. */
  readonly #ended = new AbortController();
  readonly #onAbort: () => void;
  /** Ends our part of the clock of `retryFor`, while it runs. */
  #stopWaiting: (() => void) | null = null;

  private constructor(
    private readonly remote: Link,
    private readonly options: UploadOptions,
  ) {
    this.#path = remote.path(this.partialName);
    this.#queue = new WriteQueue(
      (block) => this.#onReleased.forEach((released) => released(block)),
      options.resumeFrom ?? 0,
    );
    this.#stripes = new Stripes(remote, this.#path, this.#queue, {
      changed: () => {
        this.#watch();
        this.#notify();
      },
      failed: (error) => this.#fail(error),
      lost: () => this.#recover(),
    });
    const { signal } = remote.hooks;
    this.#onAbort = () => this.#fail(signal.reason as Error);
    signal.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** For `Remote.createUpload`. */
  static async create(remote: Link, options: UploadOptions): Promise<Upload> {
    const upload = new Upload(remote, options);
    upload.#watch(true);
    try {
      if (options.resumeFrom === undefined) await upload.#create();
      else await upload.#reopen();
      upload.#throwIfFailed();
      upload.#watch();
    } catch (error) {
      const lost = error instanceof PartialLost && options.resumeFrom === undefined;
      // What was begun under the final name cannot be gone on with, and looks like a deposit.
      if (!lost && options.keep === true && (options.resumeFrom !== undefined || remote.spec.publish !== 'direct'))
        upload.leave();
      else options.abandoned?.(await upload.abandon());
      if (lost) error.beforeFirstBlock = true;
      throw error;
    }
    return upload;
  }

  /** The name that is written to. */
  get partialName(): string {
    return this.remote.spec.publish === 'direct' ? this.options.finalName : this.options.partialName;
  }

  /** Bytes that the server has answered OK to. */
  get acknowledged(): number {
    return this.#queue.acknowledged;
  }

  /** Called with each block when its last byte is acknowledged: its buffer may be used again. */
  onReleased(released: (block: SuitcaseBlock) => void): void {
    this.#onReleased.push(released);
  }

  /** Takes the next block when there is room. It must not change until released. Throws why the upload failed. */
  async write(block: SuitcaseBlock): Promise<void> {
    // Law 1 of docs/architecture.md, at run time: a cast that fools the compiler ends here.
    if (!isOutbound(block))
      throw new DepotError('internal', 'these bytes are not marked as fit to leave', { published: 'no' });
    const turn = this.#turn.then(async () => {
      await this.#until(() => this.#queue.heldBytes < this.#stripes.heldLimit);
      if (this.#state !== 'open') throw new DepotError('internal', 'the upload is complete already');
      this.#queue.accept(block);
      this.#watch();
      this.#stripes.pump();
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Where another process could go on: all before it is acknowledged, and confirmed. Null when nothing confirms it. */
  async checkpoint(): Promise<Checkpoint | null> {
    const offset = this.#queue.contiguous;
    const lane = this.#stripes.first;
    // Without a name the file cannot be opened again.
    if (!lane || this.remote.namesOpenFiles === false) return null;
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

  /** Waits for answers (then `acknowledged`), confirms, calls `beforeClose`, publishes. Errors before the close: nothing was published. */
  async complete(o: {
    acknowledged?: () => void;
    beforeClose: (durability: Transfer['durability']) => Promise<void>;
  }): Promise<Transfer> {
    await this.#turn;
    this.#throwIfFailed();
    this.#state = 'completing';
    this.#watch();
    try {
      await this.#until(() => this.#queue.done);
      this.#log(`all ${this.#queue.total} bytes are acknowledged`);
      o.acknowledged?.();
      const durability = await this.#confirm();
      await o.beforeClose(durability);
      await this.#until(() => this.#connected && !this.#stripes.opening);
      this.#state = 'publishing';
      return await publishSuitcase({
        remote: this.remote,
        names: { partialName: this.partialName, finalName: this.options.finalName, bytes: this.#queue.total },
        handles: this.#stripes.lanes.map(({ channel, handle }) => ({ channel, handle })),
        durability,
        flushes: this.#flushes,
        abandon: () => this.abandon(),
      });
    } catch (error) {
      const published = error instanceof DepotError ? (error.published ?? 'no') : 'no';
      // What may be a deposit is nobody's to remove; what was never closed goes.
      if (published !== 'no') this.#created = false;
      else if (!isLost(error) && this.options.keep !== true) await this.abandon();
      throw error;
    } finally {
      this.#over();
    }
  }

  /** Removes what this upload created, if the server lets us within seconds; also after an abort. */
  abandon(): Promise<Abandoned> {
    return (this.#abandoned ??= this.#remove());
  }

  /** Gives up and touches nothing: the partial stays as it is, for another run to go on with. */
  leave(): void {
    this.#fail(new DepotError('internal', 'the upload was left'));
    this.#over();
  }

  async #remove(): Promise<Abandoned> {
    const before = this.#failure;
    this.#fail(new DepotError('internal', 'the upload was abandoned'));
    this.#over();
    if (!this.#created) return { removed: false, mayAppear: false };
    this.#created = false;
    const [first, ...others] = this.#stripes.lanes;
    for (const lane of others) lane.channel.end();
    return removeAbandoned(this.remote, this.partialName, {
      open: first,
      lost: this.#lost,
      unreachable: isLost(before),
    });
  }

  async #create(): Promise<void> {
    const { channel } = await this.remote.session(this.#ended.signal);
    try {
      const handle = await channel.create(this.#path);
      this.#created = true;
      const { lanes, because } = lanesAllowed(this.remote.spec, this.remote);
      this.#log(`created ${this.#path}; lanes: ${lanes} (${because})`);
      this.remote.progressed();
      this.#tryFlush(channel, handle);
      this.#lookForName(channel);
      this.#stripes.start(channel, handle);
    } catch (error) {
      if (error instanceof SftpStatus) throw await explainCreate(channel, this.remote, this.partialName, error);
      if (!(error instanceof ConnectionLost)) throw error;
      // Perhaps it was created: then it is gone on with. The name is never created a second time; a server that gives files their name at
      // their close would have two of it, and put the older one over the newer.
      this.#created = this.#lost = true;
      this.#unheard = error.message;
      await this.#reopen();
    }
  }

  /** Whether the file has its name already; not waited for. */
  #lookForName(channel: SftpChannel): void {
    if (this.remote.namesOpenFiles !== null) return;
    statFile(channel, this.#path)
      .then((found) => {
        if (found !== 'unreadable') this.remote.namesOpenFiles = found !== null;
      })
      .catch(() => undefined);
  }

  /** Where flushing fails on an empty file it tells nothing about a full one; not waited for. */
  #tryFlush(channel: SftpChannel, handle: Buffer): void {
    if (!channel.has('fsync@openssh.com')) return;
    channel.fsync(handle).catch((error: unknown) => {
      if (error instanceof SftpStatus) this.#flushes = false;
    });
  }

  /** Opens the partial again, with WRITE alone, and checks that it holds all that was acknowledged. */
  async #reopen(): Promise<void> {
    for (;;) {
      const { channel } = await this.remote.session(this.#ended.signal);
      try {
        const there = this.remote.namesOpenFiles === false ? null : await statFile(channel, this.#path);
        if (there === null)
          throw new PartialLost(
            this.remote.namesOpenFiles === false
              ? `the server names ${this.#path} only when it is closed, so the upload cannot continue`
              : this.#gone,
          );
        const handle = await orRefusal(channel.open(this.#path, OpenFlag.WRITE));
        if (handle instanceof SftpStatus) {
          const gone = isStatus(handle, Status.NO_SUCH_FILE);
          const why = gone ? this.#gone : `the server refuses to open ${this.#path} a second time`;
          throw new PartialLost(why, handle);
        }
        const size = await sizeOf(channel, handle, this.#path);
        const unfit = this.#unfit(size) ?? this.#unproven();
        if (unfit !== null) {
          await channel.close(handle).catch(() => undefined);
          throw new PartialLost(unfit);
        }
        this.#created = true;
        this.#log(
          `opened ${this.#path} again, which has ${size ?? 'an unknown number of'} bytes; goes on from ${this.#queue.contiguous}`,
        );
        this.#unheard = null;
        this.#stripes.start(channel, handle, { size });
        return;
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error;
      }
    }
  }

  #log(what: string): void {
    logInfo(this.remote.spec.arrangement, what);
  }

  get #gone(): string {
    return this.#unheard === null
      ? `${this.#path} is gone from the server`
      : `the server did not say whether it created ${this.#path} (${this.#unheard}), and does not show it`;
  }

  /** Why a file of this size is not to be gone on with. */
  #unfit(size: number | null): string | null {
    const acknowledged = this.#queue.contiguous;
    if (size === null)
      return this.remote.placesWrites ? null : `the server does not show how much of ${this.#path} it has`;
    return size < acknowledged ? `${this.#path} holds ${size} of ${acknowledged} acknowledged bytes` : null;
  }

  /** Some servers keep a handle's writes apart until its close: with nothing acknowledged, no size is proof. */
  #unproven(): string | null {
    if (this.#queue.contiguous > 0 || this.remote.placesWrites) return null;
    if (this.remote.spec.publish === 'direct')
      return `nothing of ${this.#path} was acknowledged before the connection was lost (${this.remote.lastLoss}), so opening it again may give another file`;
    this.remote.lostPartials.add(this.partialName);
    return null;
  }

  #recover(): void {
    // From the close on, a loss is settled by looking, not by going on.
    if (this.#failure || this.#recovery || this.#state === 'publishing' || this.#state === 'over') return;
    this.#lost = true;
    this.#stripes.takeBack();
    this.#watch(true);
    this.#recovery = this.#reopen()
      .catch((error: unknown) => this.#fail(error as Error))
      .finally(() => {
        this.#recovery = null;
        this.#watch();
        this.#notify();
        // Lost again between the last check and now.
        if (this.#stripes.first?.channel.lost) this.#recover();
      });
  }

  get #connected(): boolean {
    return this.#recovery === null && this.#stripes.first !== undefined;
  }

  /** All answers in, the right size, flushed; as often as it takes. */
  async #confirm(): Promise<Transfer['durability']> {
    for (;;) {
      await this.#until(() => this.#queue.done && this.#connected);
      const { channel, handle } = this.#stripes.first!;
      this.remote.hooks.doing?.('flush');
      try {
        return await orAborted(
          confirm(channel, handle, { path: this.#path, bytes: this.#queue.total, flushes: this.#flushes }),
          this.#ended.signal,
        );
      } catch (error) {
        // What was written again lies behind the rest: the server appends.
        if (this.#lost && !this.remote.placesWrites && error instanceof WrongSize)
          throw new PartialLost(error.message, error);
        if (!(error instanceof ConnectionLost)) throw error;
        await this.#recovery;
      }
    }
  }

  #fail(error: Error): void {
    if (this.#failure || this.#state === 'publishing' || this.#state === 'over') return;
    this.#failure = error;
    this.#watch();
    this.#stripes.end();
    this.#ended.abort(error);
    this.#notify();
  }

  #over(): void {
    this.#state = 'over';
    this.#watch();
    this.#ended.abort(this.#failure ?? new ConnectionLost('the upload is over'));
    this.#stripes.end();
    this.remote.hooks.signal.removeEventListener('abort', this.#onAbort);
    this.#notify();
  }

  /** The clock of `retryFor` runs while the server owes an answer, and not while the source is silent. */
  #watch(connecting = this.#recovery !== null): void {
    const owed =
      this.#state !== 'over' && this.#failure === null && (connecting || !this.#queue.done || this.#state !== 'open');
    if (owed) {
      this.#stopWaiting ??= this.remote.patience.begin((error) => this.#fail(error));
    } else {
      this.#stopWaiting?.();
      this.#stopWaiting = null;
    }
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
