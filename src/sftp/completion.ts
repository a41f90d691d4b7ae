/**
 * From the close to the published name (docs/reliability.md). Every answer can be lost here, and most
 * of them cannot be asked for again, so each loss is settled by looking; what a look does not settle is
 * `unconfirmed`, never a guess.
 */
import { delayed, orAborted } from '../abort.js';
import { DepotError } from '../errors.js';
import { OpenFlag, type SftpChannel } from './channel.js';
import { deadPartial, deadUpload } from './dead.js';
import type { Link } from './link.js';
import { lookAt } from './look.js';
import { exists, renameRefused } from './refused.js';
import { renameAgain, settle, type Pending } from './settle.js';
import { ConnectionLost, isStatus, refusal, SftpStatus, Status } from './status.js';
import { confirm } from './stored.js';
import type { Look, Transfer } from './types.js';

/** An upload whose writes are all acknowledged and whose pending record is on disk. */
export interface Ready {
  remote: Link;
  pending: Pending;
  /** Lane one first; also the handle by which it was flushed ahead. */
  handles: { channel: SftpChannel; handle: Buffer }[];
  durability: Transfer['durability'];
  /** Whether an answer to fsync means anything on this server. */
  flushes: boolean;
}

/** How long a signal leaves for the last answers, from which the receipt is written. */
const graceMs = 10_000;

/**
 * Close, rename, and a look at what is there. Errors are definite: nothing was published, unless they say so; a lost answer that
 * no look settles is a result. A signal leaves time for the last answers.
 *
 * @throws DepotError 'remote-exists', 'remote-refused' and what else the server refuses; the signal's reason before the rename
 */
export async function publish(ready: Ready): Promise<Transfer> {
  const grace = delayed(ready.remote.hooks.signal, graceMs);
  const waiting = ready.remote.wait(grace.signal);
  try {
    return await new Publication(ready, waiting.signal).run();
  } finally {
    waiting.end();
    grace.stop();
  }
}

/** `unheard`: the answer was lost, and the server lets us neither close the file again nor see it. */
type Closed = 'closed' | 'gone' | 'unheard' | 'unknown';

class Publication {
  readonly #remote: Link;
  readonly #pending: Pending;
  readonly #handles: Ready['handles'];
  readonly #signal: AbortSignal;
  readonly #partialPath: string;
  readonly #finalPath: string;
  readonly #flushes: boolean;
  #durability: Transfer['durability'];
  #target: Promise<Look | undefined> = Promise.resolve(undefined);

  constructor({ remote, pending, handles, durability, flushes }: Ready, signal: AbortSignal) {
    this.#flushes = flushes;
    this.#remote = remote;
    this.#pending = pending;
    this.#handles = handles;
    this.#durability = durability;
    this.#signal = signal;
    this.#partialPath = remote.path(pending.partialName);
    this.#finalPath = remote.path(pending.finalName);
  }

  async run(): Promise<Transfer> {
    const closed = await this.#close();
    if (closed === 'gone')
      return this.#unconfirmed(
        'the partial file vanished when it was closed',
        'if the agent collects files at the close, set remote.publish: direct',
      );
    if (closed === 'unknown') return this.#unconfirmed('the answer to the close was lost');
    if (this.#remote.spec.publish === 'rename') {
      // The last moment at which stopping means that nothing is published.
      this.#remote.hooks.signal.throwIfAborted();
      const renamed = await this.#rename();
      if (renamed !== 'published') return renamed;
    }
    const seen = await this.#look();
    return closed === 'unheard' && seen.remoteSize !== 'matched'
      ? this.#unconfirmed('the answer to the close was lost')
      : seen;
  }

  async #close(): Promise<Closed> {
    const [first, ...others] = this.#handles;
    try {
      // Lane one last: a server may collect the file at its close.
      const heard = await this.#within(
        Promise.all(
          others.map(({ channel, handle }) =>
            channel.close(handle).then(
              () => {
                channel.end();
                this.#remote.progressed();
                return true;
              },
              (error: unknown) => {
                // A lane that is gone has been closed by the server, which would have said no there and then had it not stored what it had acknowledged.
                if (!(error instanceof ConnectionLost)) throw error;
                return false;
              },
            ),
          ),
        ),
      );
      if (heard.includes(false)) this.#durability = await this.#within(this.#confirm(first!.channel, first!.handle));
      const closing = first!.channel.close(first!.handle);
      this.#target = this.#lookAtTarget();
      await this.#within(closing);
      this.#remote.progressed();
      return 'closed';
    } catch (error) {
      if (error instanceof SftpStatus) throw this.#closeRefused(error);
      if (this.#signal.aborted) return 'unknown';
      if (!(error instanceof ConnectionLost)) throw error;
    }
    return this.#remote.spec.publish === 'direct' ? this.#lookAfterClose() : this.#closeAgain();
  }

  /**
   * The partial is still ours: open it, check it and close it once more. Not where a second open may make a second file; then it is whole
   * under its name, or given up: no rename was sent.
   */
  async #closeAgain(): Promise<Closed> {
    try {
      return await this.#remote.run(async (channel) => {
        if (this.#remote.lostFilesMayAppear) {
          const there = await lookAt(channel, this.#partialPath);
          // It had its name while it was open: it was taken, then.
          if (there === null && this.#remote.namesOpenFiles === true) return 'gone' as const;
          if (there === 'unreadable' || there?.size !== this.#pending.bytes)
            throw deadUpload(`the answer to the close of ${this.#partialPath} was lost, and it does not show as whole`);
          return 'closed' as const;
        }
        const handle = await channel.open(this.#partialPath, OpenFlag.WRITE).catch((error: unknown) => {
          if (error instanceof SftpStatus) return error;
          throw error;
        });
        if (handle instanceof SftpStatus)
          return isStatus(handle, Status.NO_SUCH_FILE) ? ('gone' as const) : this.#sizeAfterClose(channel);
        this.#durability = await this.#confirm(channel, handle);
        await channel.close(handle);
        return 'closed' as const;
      }, this.#signal);
    } catch (error) {
      if (error instanceof SftpStatus) throw this.#closeRefused(error);
      if (isRefusal(error) || deadPartial(error)) throw error;
      return 'unknown';
    }
  }

  /** What was acknowledged is there, by its size and by a flush, where the server has them. */
  #confirm(channel: SftpChannel, handle: Buffer): Promise<Transfer['durability']> {
    return confirm(channel, handle, { path: this.#partialPath, bytes: this.#pending.bytes, flushes: this.#flushes });
  }

  /** It cannot be opened a second time here, so its size has to say whether the close worked. */
  async #sizeAfterClose(channel: SftpChannel): Promise<Closed> {
    const there = await lookAt(channel, this.#partialPath);
    if (there === null) return 'gone';
    if (there === 'unreadable') return 'unheard';
    if (there.size === this.#pending.bytes) return 'closed';
    throw new DepotError(
      'remote-refused',
      `after the connection was lost, ${this.#partialPath} held ${there.size} of ${this.#pending.bytes} bytes`,
      { published: 'no', hint: 'push again' },
    );
  }

  /** The server could not store what it had acknowledged. */
  #closeRefused(error: SftpStatus): DepotError {
    return refusal(error, `close ${this.#partialPath}`, {
      hint: 'ask the agent about quota and free space, then push again',
    });
  }

  async #lookAfterClose(): Promise<Closed> {
    const found = await this.#remote.look(this.#pending.finalName, this.#signal).catch(() => null);
    if (found === null || found === 'unreadable') return 'unknown';
    if (found.size === this.#pending.bytes) return 'closed';
    throw new DepotError(
      'remote-refused',
      `after the connection was lost, ${this.#finalPath} held ${found.size} of ${this.#pending.bytes} bytes`,
      { published: 'unknown', hint: 'tell the agent that this file is not whole, and push again' },
    );
  }

  /** What lies at the name that the rename is to make, asked right behind the close; undefined without an answer, or without a rename. */
  async #lookAtTarget(): Promise<Look | undefined> {
    if (this.#remote.spec.publish !== 'rename') return undefined;
    return this.#remote.look(this.#pending.finalName, this.#signal).catch(() => undefined);
  }

  /** Plain rename, never over a target. */
  async #rename(): Promise<'published' | Transfer> {
    let sent = false;
    try {
      // After a close that had to be repeated the first look is an old one.
      const seen = this.#remote.live?.channel === this.#handles[0]?.channel ? await this.#target : undefined;
      const target = seen === undefined ? await this.#remote.look(this.#pending.finalName, this.#signal) : seen;
      if (target !== null && target !== 'unreadable') throw exists(this.#finalPath);
      const { channel } = await this.#remote.session(this.#signal);
      sent = true;
      await this.#within(channel.rename(this.#partialPath, this.#finalPath));
      this.#remote.progressed();
      return 'published';
    } catch (error) {
      if (error instanceof SftpStatus) return this.#renameRefused(error);
      if (isRefusal(error)) throw error;
      return sent ? this.#renameLost() : this.#unconfirmed('the connection was lost before the rename');
    }
  }

  /** An answer, and not OK: nothing was published, unless a look says otherwise. */
  async #renameRefused(error: SftpStatus): Promise<'published' | Transfer> {
    const seen = await settle(this.#remote, this.#pending, this.#signal).catch(() => 'unknown' as const);
    if (seen === 'published') return 'published';
    if (isStatus(error, Status.NO_SUCH_FILE) || seen === 'gone') {
      return this.#unconfirmed(
        'the partial file vanished before it could be renamed',
        'if the agent collects files at the close, set remote.publish: direct',
      );
    }
    const target = await this.#remote.look(this.#pending.finalName, this.#signal).catch(() => null);
    throw target !== null && target !== 'unreadable'
      ? exists(this.#finalPath, error)
      : renameRefused(error, this.#finalPath);
  }

  /** It may have worked. Whatever keeps us from finding out, also a server that is another one now, leaves it open. */
  async #renameLost(): Promise<'published' | Transfer> {
    try {
      if ((await renameAgain(this.#remote, this.#pending, this.#signal)) === 'published') return 'published';
      return this.#unconfirmed('the answer to the rename was lost');
    } catch (error) {
      if (isRefusal(error)) throw error;
      return this.#unconfirmed(
        error instanceof DepotError
          ? `the answer to the rename was lost (${error.message})`
          : 'the answer to the rename was lost',
      );
    }
  }

  /** What the published name shows; in SecureStorage, nothing. */
  async #look(): Promise<Transfer> {
    const { bytes, finalName } = this.#pending;
    const found = await this.#remote.look(finalName, this.#signal).catch(() => null);
    if (found !== null && found !== 'unreadable' && found.size !== bytes) {
      throw new DepotError(
        'remote-refused',
        `${this.#finalPath} has ${found.size} bytes on the server instead of ${bytes}`,
        { published: 'yes', hint: 'tell the agent that this file is not whole, and push again' },
      );
    }
    return {
      status: 'acknowledged',
      remoteSize: found === null || found === 'unreadable' ? 'unreadable' : 'matched',
      durability: this.#durability,
      remoteName: finalName,
    };
  }

  #unconfirmed(reason: string, hint?: string): Transfer {
    return {
      status: 'unconfirmed',
      remoteSize: 'unreadable',
      durability: this.#durability,
      remoteName: this.#pending.finalName,
      reason,
      ...(hint === undefined ? {} : { hint }),
    };
  }

  #within<T>(promise: Promise<T>): Promise<T> {
    return orAborted(promise, this.#signal);
  }
}

/** The server said no, in words: definite, unlike everything that keeps us from hearing it. */
function isRefusal(error: unknown): boolean {
  return error instanceof DepotError && error.exit === 15;
}
