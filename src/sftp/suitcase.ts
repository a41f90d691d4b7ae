/** A suitcase from its close to its published name. What no look settles is `unconfirmed`, never a guess. */
import { delayed, orAborted } from '../abort.js';
import { DepotError, type ErrorDetails, isRefusal } from '../errors.js';
import type { SftpChannel } from './channel.js';
import { OpenFlag } from './open-flags.js';
import type { Link } from './link.js';
import { PublishedFile, type FileNames, type Settled } from './published-file.js';
import { exists, renameRefused } from './refusals.js';
import { confirm, isSeen, statFile } from './stat.js';
import { ConnectionLost, isDenied, isStatus, orRefusal, PartialLost, refusal, SftpStatus, Status } from './status.js';
import type { Abandoned, FileStat, Transfer } from './types.js';

/** An upload whose writes are all acknowledged and whose pending record is on disk. */
export interface Ready {
  remote: Link;
  names: FileNames;
  /** Lane one first. */
  handles: { channel: SftpChannel; handle: Buffer }[];
  durability: Transfer['durability'];
  /** Whether an answer to fsync means anything on this server. */
  flushes: boolean;
  /** Removes it. */
  abandon: () => Promise<Abandoned>;
}

/** How long a signal leaves for the last answers, from which the receipt is written. */
const graceMs = 10_000;

const collectsAtClose = 'if the agent collects files at the close, set remote.publish: direct';

/** Closes, renames, looks. A lost answer that no look settles is a result; errors mean that nothing was published. */
export async function publishSuitcase(ready: Ready): Promise<Transfer> {
  const grace = delayed(ready.remote.hooks.signal, graceMs);
  const waiting = ready.remote.wait(grace.signal);
  try {
    return await new Suitcase(ready, waiting.signal).publish();
  } finally {
    waiting.end();
    grace.stop();
  }
}

/** `unheard`: the answer was lost, and the server lets us neither close the file again nor see it. */
type Closed = 'closed' | 'gone' | 'unheard' | 'unknown';

class Suitcase extends PublishedFile {
  readonly #handles: Ready['handles'];
  readonly #flushes: boolean;
  readonly #abandon: Ready['abandon'];
  #durability: Transfer['durability'];
  /** What lies at the name that the rename is to make, asked right behind the close; undefined without an answer, or without a rename. */
  #target: Promise<FileStat | undefined> = Promise.resolve(undefined);

  constructor({ remote, names, handles, durability, flushes, abandon }: Ready, signal: AbortSignal) {
    super(remote, names, signal);
    this.#flushes = flushes;
    this.#abandon = abandon;
    this.#handles = handles;
    this.#durability = durability;
  }

  async publish(): Promise<Transfer> {
    this.remote.hooks.doing?.('close');
    const closed = await this.#close();
    if (typeof closed !== 'string') return closed;
    if (closed === 'gone') return this.#unconfirmed('the partial file vanished when it was closed', collectsAtClose);
    if (closed === 'unknown') return this.#unconfirmed('the answer to the close was lost');
    if (this.remote.spec.publish === 'rename') {
      // The last moment at which stopping means that nothing is published.
      this.remote.hooks.signal.throwIfAborted();
      this.remote.hooks.doing?.('rename');
      const renamed = await this.#rename();
      if (renamed !== 'published') return renamed;
    }
    const seen = await this.#published();
    return closed === 'unheard' && seen.remoteSize !== 'matched'
      ? this.#unconfirmed('the answer to the close was lost')
      : seen;
  }

  async #close(): Promise<Closed | Transfer> {
    const [first, ...others] = this.#handles;
    try {
      // Lane one last: a server may collect the file at its close.
      const heard = await this.#within(
        Promise.all(
          others.map(async ({ channel, handle }) => {
            try {
              await channel.close(handle);
            } catch (error) {
              // The server has closed a lane that is gone, and would have refused a write that it could not store.
              if (!(error instanceof ConnectionLost)) throw error;
              return false;
            }
            channel.end();
            this.remote.progressed();
            return true;
          }),
        ),
      );
      if (heard.includes(false)) this.#durability = await this.#within(this.#confirm(first!.channel, first!.handle));
      const closing = first!.channel.close(first!.handle);
      if (this.remote.spec.publish === 'rename')
        this.#target = this.remote.stat(this.names.finalName, this.signal).catch(() => undefined);
      await this.#within(closing);
      this.remote.progressed();
      return 'closed';
    } catch (error) {
      if (error instanceof SftpStatus) return this.#closeRefused(error);
      if (this.signal.aborted) return 'unknown';
      if (!(error instanceof ConnectionLost)) throw error;
    }
    return this.remote.spec.publish === 'direct' ? this.#lookAfterClose() : this.#closeAgain();
  }

  /** Opens, checks and closes the partial again. Where a second open may make a second file, only a look decides. */
  async #closeAgain(): Promise<Closed | Transfer> {
    try {
      return await this.remote.run(async (channel) => {
        if (this.remote.lostFilesMayAppear) {
          const there = await statFile(channel, this.partialPath);
          // It had its name while it was open: it was taken, then.
          if (there === null && this.remote.namesOpenFiles === true) return 'gone' as const;
          if (!isSeen(there) || there.size !== this.names.bytes)
            throw new PartialLost(
              `the answer to the close of ${this.partialPath} was lost, and the server does not show all of it`,
            );
          return 'closed' as const;
        }
        const handle = await orRefusal(channel.open(this.partialPath, OpenFlag.WRITE));
        if (handle instanceof SftpStatus)
          return isStatus(handle, Status.NO_SUCH_FILE) ? ('gone' as const) : this.#sizeAfterClose(channel);
        this.#durability = await this.#confirm(channel, handle);
        await channel.close(handle);
        return 'closed' as const;
      }, this.signal);
    } catch (error) {
      if (error instanceof SftpStatus) return this.#closeRefused(error);
      if (isRefusal(error) || error instanceof PartialLost) throw error;
      return 'unknown';
    }
  }

  /** What was acknowledged is there, by its size and by a flush, where the server has them. */
  #confirm(channel: SftpChannel, handle: Buffer): Promise<Transfer['durability']> {
    return confirm(channel, handle, { path: this.partialPath, bytes: this.names.bytes, flushes: this.#flushes });
  }

  /** It cannot be opened a second time here, so its size has to say whether the close worked. */
  async #sizeAfterClose(channel: SftpChannel): Promise<Closed> {
    const there = await statFile(channel, this.partialPath);
    if (there === null) return 'gone';
    if (there === 'unreadable') return 'unheard';
    if (there.size === this.names.bytes) return 'closed';
    throw this.#cutShort(this.partialPath, there.size, { published: 'no', hint: 'push again' });
  }

  /** The server could not store what it had acknowledged; unless the agent has it all the same: only what we remove, nobody took. */
  async #closeRefused(error: SftpStatus): Promise<Transfer> {
    const refused = refusal(error, `close ${this.partialPath}`, {
      hint: 'ask the agent about quota and free space, then push again',
    });
    const { removed, absent } = await this.#abandon();
    // rclone says "no such file" of what was taken, and may then remove what it remembers of it.
    if (absent || isStatus(error, Status.NO_SUCH_FILE)) {
      const direct = this.remote.spec.publish === 'direct';
      return this.#unconfirmed(`${refused.message}; the file is gone`, direct ? refused.hint : collectsAtClose);
    }
    if (this.remote.spec.publish === 'rename') throw refused;
    const found = removed ? null : await this.remote.stat(this.names.finalName, this.signal).catch(() => null);
    if (removed || (isSeen(found) && found.size !== this.names.bytes)) throw refused;
    return this.#unconfirmed(`${refused.message}; the file may be there, and could not be removed`);
  }

  async #lookAfterClose(): Promise<Closed> {
    const found = await this.remote.stat(this.names.finalName, this.signal).catch(() => null);
    if (!isSeen(found)) return 'unknown';
    if (found.size === this.names.bytes) return 'closed';
    const hint = 'tell the agent that this file is incomplete, and push again';
    throw this.#cutShort(this.finalPath, found.size, { published: 'unknown', hint });
  }

  #cutShort(path: string, size: number, details: ErrorDetails): DepotError {
    const message = `after the connection was lost, ${path} held ${size} of ${this.names.bytes} bytes`;
    return new DepotError('remote-refused', message, details);
  }

  /** Plain rename, never over a target. */
  async #rename(): Promise<'published' | Transfer> {
    let sent = false;
    try {
      // After a close that had to be repeated the first look is an old one.
      const seen = this.remote.live?.channel === this.#handles[0]?.channel ? await this.#target : undefined;
      const target = seen === undefined ? await this.remote.stat(this.names.finalName, this.signal) : seen;
      if (isSeen(target)) throw exists(this.finalPath);
      const { channel } = await this.remote.session(this.signal);
      sent = true;
      await this.#within(channel.rename(this.partialPath, this.finalPath));
      this.remote.progressed();
      return 'published';
    } catch (error) {
      if (error instanceof SftpStatus) return this.#renameRefused(error);
      if (isRefusal(error)) throw error;
      return sent ? this.#renameLost() : this.#unconfirmed('the connection was lost before the rename');
    }
  }

  /** An answer, and not OK: nothing was published, unless what we see, or can no longer remove, says otherwise. */
  async #renameRefused(error: SftpStatus): Promise<'published' | Transfer> {
    const seen = await this.settle().catch(() => 'unknown' as const);
    if (seen === 'published') return 'published';
    // Some servers say "no such file" where they forbid renaming: a partial that is seen whole has not vanished.
    if (seen === 'gone' || (isStatus(error, Status.NO_SUCH_FILE) && seen !== 'partial-there')) {
      return this.#unconfirmed('the partial file vanished before it could be renamed', collectsAtClose);
    }
    const target = await this.remote.stat(this.names.finalName, this.signal).catch(() => null);
    if (isSeen(target)) throw exists(this.finalPath, error);
    const refused = renameRefused(error, this.finalPath);
    if (await this.#isStillPartial(seen)) throw refused;
    return this.#unconfirmed(
      `${refused.message}; the partial file is gone, or the server does not show it`,
      refused.hint,
    );
  }

  /** Some servers rename, and then fail. What we can remove was not renamed; where we may neither look nor remove, a second rename must be denied, too. */
  async #isStillPartial(seen: Settled): Promise<boolean> {
    const { removed, absent } = await this.#abandon();
    if (removed || seen === 'partial-there') return !absent;
    const again = this.remote.run((channel) => channel.rename(this.partialPath, this.finalPath), this.signal);
    return isDenied(await again.catch((error: unknown) => error));
  }

  /** It may have worked. Whatever keeps us from finding out, also a server that is another one now, leaves it open. */
  async #renameLost(): Promise<'published' | Transfer> {
    try {
      if ((await this.renameAgain()) === 'published') return 'published';
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

  /** What the published name shows; in SecureStorage, nothing. Then the partial must not show either. */
  async #published(): Promise<Transfer> {
    const { bytes, finalName } = this.names;
    const found = await this.remote.stat(finalName, this.signal).catch(() => undefined);
    if (found !== undefined && (await this.contradicts(found)))
      return this.#unconfirmed(
        `the server answered that it renamed ${this.partialPath}, but still shows it under that name`,
        'run: «depot doctor --write-test»; if this server does not rename, set remote.publish: direct',
      );
    if (isSeen(found) && found.size !== bytes) {
      throw new DepotError(
        'remote-refused',
        `${this.finalPath} has ${found.size} bytes on the server instead of ${bytes}`,
        { published: 'yes', hint: 'tell the agent that this file is incomplete, and push again' },
      );
    }
    return {
      status: 'acknowledged',
      remoteSize: isSeen(found) ? 'matched' : 'unreadable',
      durability: this.#durability,
      remoteName: finalName,
    };
  }

  #unconfirmed(reason: string, hint?: string): Transfer {
    return {
      status: 'unconfirmed',
      remoteSize: 'unreadable',
      durability: this.#durability,
      remoteName: this.names.finalName,
      reason,
      ...(hint === undefined ? {} : { hint }),
    };
  }

  #within<T>(promise: Promise<T>): Promise<T> {
    return orAborted(promise, this.signal);
  }
}
