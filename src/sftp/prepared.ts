/**
 * Sidecars written side by side under their partial names, so that a round trip is waited for once and not for each of
 * them; the renames, which publish, still come one after the other. It saves time and decides nothing: whatever is out of the
 * ordinary (a refusal, a lost answer, a name that is taken) is undone here, and `putSidecar` does it again with all its care.
 */
import { orAborted } from '../abort.js';
import { DepotError } from '../errors.js';
import type { CoverBytes, ReceiptBytes } from '../outbound.js';
import type { SftpChannel } from './channel.js';
import type { Link } from './link.js';
import { lookAt } from './look.js';
import { renameFirst, type Pending, type Seen } from './settle.js';
import {
  create,
  ignoreStatus,
  orRemove,
  partialOf,
  renamed,
  requireOutbound,
  writeBlocks,
  type Delivery,
} from './sidecar.js';
import { ConnectionLost, SftpStatus } from './status.js';

export interface Sidecar {
  name: string;
  bytes: ReceiptBytes | CoverBytes;
}

/** A partial that is closed, and what both names showed since. */
interface Prepared {
  pending: Pending;
  seen: Seen;
}

/** How long what was prepared in vain may take to be removed, in milliseconds. */
const discardMs = 2500;

export class PreparedSidecars {
  readonly #remote: Link;
  readonly #prepared = new Map<string, Prepared>();
  #channel: SftpChannel | null = null;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(remote: Link) {
    this.#remote = remote;
  }

  /**
   * Writes their partials, over the connection that there is. Nothing with `publish: direct`, where the close already
   * publishes, with `window: 1`, and at a server that nobody knows to take more than one file at a time.
   *
   * @throws the signal's reason, and 'connection-lost' when nothing gets on; what the server refuses is no error here
   */
  async write(sidecars: readonly Sidecar[]): Promise<void> {
    const { spec, hooks, live } = this.#remote;
    hooks.signal.throwIfAborted();
    if (spec.publish === 'direct' || spec.window === 1 || live === null || !this.#remote.placesWrites) return;
    const { channel } = live;
    this.#channel = channel;
    this.#writing = Promise.all(sidecars.map((sidecar) => this.#write(channel, sidecar)));
    const waiting = this.#remote.wait();
    await orAborted(this.#writing, waiting.signal).finally(waiting.end);
  }

  async #write(channel: SftpChannel, { name, bytes }: Sidecar): Promise<void> {
    requireOutbound(name, bytes);
    const pending = { partialName: partialOf(name), finalName: name, bytes: bytes.length };
    try {
      const handle = await create(channel, this.#remote.path(pending.partialName));
      const seen = await orRemove(
        channel,
        this.#remote,
        pending.partialName,
        this.#fill(channel, handle, bytes, pending),
      );
      this.#remote.progressed();
      if (isRenamable(pending, seen)) this.#prepared.set(name, { pending, seen });
      else await channel.remove(this.#remote.path(pending.partialName)).catch(ignoreStatus);
    } catch (error) {
      if (!(error instanceof SftpStatus || error instanceof ConnectionLost || error instanceof DepotError)) throw error;
    }
  }

  /**
   * The looks go out with the close. That of the partial, should the server answer it first, shows too little at worst, and
   * then the sidecar is not prepared. That of the final name is what never overwriting asks for before a rename (there are
   * servers whose rename overwrites): the name is random, this run holds the lock of its arrangement, and only the renames
   * of the sidecars before it come in between. What a stranger puts there on purpose could come after any look.
   */
  async #fill(
    channel: SftpChannel,
    handle: Buffer,
    bytes: Uint8Array,
    { partialName, finalName }: Pending,
  ): Promise<Seen> {
    // The close not before the last write is answered: a server that takes them in another order would lose the write.
    await writeBlocks(channel, handle, bytes).catch(async (error: unknown) => {
      // Some servers do not remove what is open, and the name is needed again.
      await channel.close(handle).catch(() => undefined);
      throw error;
    });
    const [, final, partial] = await Promise.all([
      channel.close(handle),
      lookAt(channel, this.#remote.path(finalName)),
      lookAt(channel, this.#remote.path(partialName)),
    ]);
    return { final, partial };
  }

  /** Renames the partial of this sidecar; null when there is none to rename, so that all of it is still to be done. */
  async publish(name: string): Promise<Delivery | null> {
    const prepared = this.#prepared.get(name);
    if (prepared === undefined) return null;
    // From here on what lies there may be the sidecar itself.
    this.#prepared.delete(name);
    const { pending, seen } = prepared;
    if (this.#remote.live?.channel === this.#channel)
      return renamed(this.#remote, name, await renameFirst(this.#remote, pending, seen));
    // The connection was lost since, and perhaps the server's memory with it. No rename was sent, so what is gone was not published.
    const settled = await renameFirst(this.#remote, pending);
    return settled === 'gone' ? null : renamed(this.#remote, name, settled);
  }

  /** Removes what was prepared and not published, also after the signal was aborted. What cannot be done within seconds is left to the next run. */
  async discard(): Promise<void> {
    const channel = this.#remote.live?.channel;
    if (channel === undefined) return;
    const removed = this.#writing
      .catch(() => undefined)
      .then(() =>
        Promise.allSettled(
          [...this.#prepared.values()].map(({ pending }) => channel.remove(this.#remote.path(pending.partialName))),
        ),
      );
    await orAborted(removed, AbortSignal.timeout(discardMs)).catch(() => undefined);
    this.#prepared.clear();
  }
}

/** Nothing at the final name, and all of the partial, as far as the server lets us see. */
function isRenamable({ bytes }: Pending, { final, partial }: Seen): boolean {
  return (final === null || final === 'unreadable') && (partial === 'unreadable' || partial?.size === bytes);
}
