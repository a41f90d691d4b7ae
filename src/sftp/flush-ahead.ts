import { DepotError } from '../errors.js';
import type { SftpChannel } from './channel.js';
import { lanesAllowed } from './lanes.js';
import type { Link } from './link.js';
import { ConnectionLost, isStatus, SftpStatus, Status } from './status.js';
import { notStored, openBeside } from './stored.js';

/** Octets between two flushes. */
const everyBytes = 64 * 1024 * 1024;

/**
 * Has the server put on its disk what it acknowledged, while more is on its way: else all of it waits for the fsync at the end, and the push with
 * it. In a channel of its own, for servers answer the requests of one channel one after another; so only where several lanes are allowed. What
 * the receipt says about durability rests on the last fsync alone.
 */
export class FlushAhead {
  readonly #remote: Link;
  readonly #path: string;
  readonly #failed: (error: Error) => void;
  #flushed = 0;
  #open: { channel: SftpChannel; handle: Buffer } | null = null;
  #busy: Promise<void> | null = null;
  #ended = false;
  #stopped = false;

  /** @param failed called when the server could not store what it had acknowledged: whoever flushes next may not be told again */
  constructor(remote: Link, path: string, failed: (error: Error) => void) {
    this.#remote = remote;
    this.#path = path;
    this.#failed = failed;
    if (lanesAllowed(remote.spec, remote).lanes === 1) this.#ended = true;
  }

  /** So many octets of the file are acknowledged. */
  advance(acknowledged: number): void {
    if (this.#ended || this.#busy !== null || acknowledged - this.#flushed < everyBytes) return;
    this.#flushed = acknowledged;
    this.#busy = this.#flush().finally(() => (this.#busy = null));
  }

  /** No more of it; the handle that is still to be closed, if there is one. */
  async end(): Promise<{ channel: SftpChannel; handle: Buffer }[]> {
    this.#ended = true;
    await this.#busy;
    return this.#open === null || this.#open.channel.lost ? [] : [this.#open];
  }

  /** At once: the upload is over. */
  stop(): void {
    this.#ended = this.#stopped = true;
    this.#open?.channel.end();
  }

  async #flush(): Promise<void> {
    try {
      if (this.#open === null || this.#open.channel.lost) this.#open = await this.#another();
    } catch (error) {
      if (error instanceof DepotError) this.#failed(error);
      // A channel too many for this server, or it takes no second open. A lost connection says nothing about that.
      if (!(error instanceof ConnectionLost) || this.#remote.live !== null) this.#ended = true;
      return;
    }
    if (this.#stopped) this.#open?.channel.end();
    // Ended in the meantime, the handle is closed with the others.
    if (this.#ended || this.#open === null) return;
    try {
      await this.#open.channel.fsync(this.#open.handle);
    } catch (error) {
      if (!(error instanceof SftpStatus)) return;
      this.#ended = true;
      if (isStatus(error, Status.FAILURE)) this.#failed(notStored(error, this.#path));
    }
  }

  /** Null without a connection, and when the server offers no fsync, which ends it. */
  async #another(): Promise<{ channel: SftpChannel; handle: Buffer } | null> {
    const channel = await this.#remote.live?.openChannel();
    if (channel === undefined) return null;
    try {
      if (channel.has('fsync@openssh.com'))
        return { channel, handle: await openBeside(channel, this.#path, this.#flushed) };
      this.#ended = true;
      channel.end();
      return null;
    } catch (error) {
      channel.end();
      throw error;
    }
  }
}
