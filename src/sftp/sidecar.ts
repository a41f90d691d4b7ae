import { randomBytes } from 'node:crypto';
import { orAborted } from '../abort.js';
import { DepotError, isRefusal } from '../errors.js';
import { isOutbound, type CoverBytes, type ReceiptBytes } from '../outbound.js';
import type { SftpChannel } from './channel.js';
import { OpenFlag } from './open-flags.js';
import type { Link } from './link.js';
import { PublishedFile, type Seen } from './published-file.js';
import { createFile, exists, explainCreate } from './refusals.js';
import { isSeen, statFile } from './stat.js';
import { isStatus, orRefusal, refusal, SftpStatus, Status } from './status.js';
import { turnFor } from './throttle.js';

/** `unconfirmed`: the answer to the last step was lost, and the server does not let us look; or a look contradicts it. */
export type Delivery = 'delivered' | 'already-there' | 'unconfirmed';

/** What an earlier run may have left of a sidecar: nothing, its partial, or (`publish: direct`) the beginning of the file itself too. */
export type Leftover = 'none' | 'partial' | 'file';

/** The name under which a sidecar is written first. */
export function partialOf(name: string): string {
  return `.${name}.partial`;
}

/** The same for another attempt. */
function otherPartialOf(name: string): string {
  return `.${name}.${randomBytes(4).toString('hex')}.partial`;
}

/** A partial that is closed. */
interface Written {
  partialName: string;
  channel: SftpChannel;
  /** What both names showed since; null where nothing was asked. */
  seen: Seen | null;
}

/** How long it is tried to remove what was written in vain, in milliseconds. */
const discardMs = 2500;

/** A small file beside the suitcase: written under a partial name (with `publish: rename`), closed, renamed. */
export class Sidecar {
  #written: Promise<Written | 'already-there'> | null = null;
  /** The last attempt to write, which goes on after a signal; and its partial, until it is renamed. */
  #attempt: Promise<unknown> = Promise.resolve();
  #partialName: string | null = null;

  constructor(
    private readonly remote: Link,
    private readonly name: string,
    private readonly bytes: ReceiptBytes | CoverBytes,
    private readonly leftover: Leftover = 'none',
  ) {
    // Law 1 of docs/architecture.md, also where a cast fooled the compiler.
    if (!isOutbound(bytes)) throw new DepotError('internal', `bytes for ${name} are not marked as fit to leave`);
  }

  /** Writes the partial beside others, to save round trips, where that is safe. `publish` throws what goes wrong. */
  async begin(): Promise<void> {
    const { spec, placesWrites } = this.remote;
    if (spec.publish === 'direct' || spec.window === 1 || !placesWrites) return;
    this.#written = this.#write();
    await this.#written.catch(() => undefined);
  }

  /** Writes what is not written yet, and gives the file its name. */
  async publish(): Promise<Delivery> {
    if (this.remote.spec.publish === 'direct') return this.#direct();
    for (let again = false; ; again = true) {
      const begun = this.#written;
      this.#written = null;
      // Refused beside the others, it may be taken in its turn: a server may allow fewer open files than there are sidecars.
      const written = await (begun?.catch((error: unknown) => {
        if (isRefusal(error)) return this.#write();
        throw error;
      }) ?? this.#write());
      if (written === 'already-there') return written;
      const file = this.#file(written.partialName);
      const known = this.#isConnectedBy(written) && written.seen !== null && isRenamable(file, written.seen);
      const there = known ? written.seen! : await file.look();
      // The connection was lost since, and perhaps the server's memory with it. No rename was sent, so what is gone was not published.
      if (!again && this.leftover === 'none' && file.judge(there) === 'gone' && !this.#isConnectedBy(written)) continue;
      if (!isSeen(there.final)) this.#partialName = null;
      // What an earlier run renamed, and did not hear of, takes the name where we cannot look.
      const renamed = await file.rename(there, { before: this.leftover !== 'none' });
      return renamed === 'published' ? 'delivered' : 'unconfirmed';
    }
  }

  /** Removes what was written and not renamed, also after a signal. What cannot be done within seconds is left to the next run. */
  async discard(): Promise<void> {
    const channel = this.remote.live?.channel;
    if (channel === undefined) return;
    const remove = async (): Promise<void> => {
      await this.#attempt.catch(() => undefined);
      if (this.#partialName !== null) await channel.remove(this.remote.path(this.#partialName));
    };
    await orAborted(remove(), AbortSignal.timeout(discardMs)).catch(() => undefined);
  }

  #file(partialName: string): PublishedFile {
    return new PublishedFile(this.remote, { partialName, finalName: this.name, bytes: this.bytes.length });
  }

  #isConnectedBy({ channel }: Written): boolean {
    return this.remote.live?.channel === channel;
  }

  /** Whether an earlier run delivered it and did not hear the answer. Throws when something else has the name. */
  async #isThere(): Promise<boolean> {
    const there = await this.remote.stat(this.name);
    if (!isSeen(there)) return false;
    if (there.size === this.bytes.length) return true;
    const begun = this.leftover === 'file' && this.remote.spec.publish === 'direct';
    if (begun && there.size < this.bytes.length) return false;
    throw exists(this.remote.path(this.name));
  }

  /** Under a partial name, over as many connections as it takes. */
  async #write(): Promise<Written | 'already-there'> {
    const remote = this.remote;
    if (await this.#isThere()) return 'already-there';
    // Of an attempt before this one, on a connection that is gone, the partial may yet appear, and over what has its name then.
    let before = this.leftover !== 'none' || remote.stats.reconnects > 0 ? partialOf(this.name) : null;
    return remote.run((channel) => {
      const attempt = async (): Promise<Written> => {
        if (before !== null) await orRefusal(channel.remove(remote.path(before)));
        const usual = before === null ? partialOf(this.name) : otherPartialOf(this.name);
        before = usual;
        // Until it is written.
        if (usual !== partialOf(this.name)) remote.lostPartials.add(usual);
        const written = await this.#writeOnce(channel, usual);
        remote.lostPartials.delete(usual);
        return written;
      };
      const attempting = attempt();
      this.#attempt = attempting;
      return attempting;
    });
  }

  /** One attempt over one connection. Another attempt takes another name. */
  async #writeOnce(channel: SftpChannel, usual: string): Promise<Written> {
    let partialName = usual;
    let handle = await orRefusal(channel.create(this.remote.path(usual)));
    if (handle instanceof SftpStatus) {
      if (!isStatus(handle, Status.FAILURE, Status.FILE_ALREADY_EXISTS, Status.PERMISSION_DENIED))
        throw await explainCreate(channel, this.remote, usual, handle);
      // What an interrupted attempt left. A server that lets us see but not remove it still takes another name.
      await orRefusal(channel.remove(this.remote.path(usual)));
      partialName = otherPartialOf(this.name);
      handle = await createFile(channel, this.remote, partialName);
    }
    this.#partialName = partialName;
    const seen = await this.#orRemove(channel, partialName, this.#fill(channel, handle, partialName));
    return { partialName, channel, seen };
  }

  /** Writes and closes. The looks go out with the close; one that is answered first shows too little: look again. */
  async #fill(channel: SftpChannel, handle: Buffer, name: string): Promise<Seen | null> {
    await this.#writeBlocks(channel, handle).catch(async (error: unknown) => {
      // Some servers do not remove what is open. With `publish: direct` the close would publish it.
      if (this.remote.spec.publish === 'rename') await channel.close(handle).catch(() => undefined);
      throw error;
    });
    const { publish, window } = this.remote.spec;
    if (!this.remote.placesWrites || publish === 'direct' || window === 1) {
      await channel.close(handle);
      return null;
    }
    const [, final, partial] = await Promise.all([
      channel.close(handle),
      statFile(channel, this.remote.path(this.name)),
      statFile(channel, this.remote.path(name)),
    ]);
    return { final, partial };
  }

  /** One WRITE after the other: sidecars seldom have two. */
  async #writeBlocks(channel: SftpChannel, handle: Buffer): Promise<void> {
    const bytes = this.bytes;
    const { spec, patience } = this.remote;
    for (let start = 0, end = 0; start < bytes.length; start = end) {
      end = Math.min(bytes.length, start + channel.writeSize, start + (spec.throttle?.piece ?? Infinity));
      await turnFor(end - start, spec.throttle, patience);
      await new Promise<void>((resolve, reject) =>
        channel.write(handle, bytes, start, end, start, (error) => (error ? reject(error) : resolve())),
      );
    }
  }

  /** `publish: direct`: the exclusive create is at the name itself. */
  async #direct(): Promise<Delivery> {
    if (await this.#isThere()) return 'already-there';
    // That run may have been one with `publish: rename`: its partial is ours, and nobody would come back to it.
    if (this.leftover !== 'none') await this.remote.removePartial(partialOf(this.name));
    const path = this.remote.path(this.name);
    let attempted = this.leftover === 'file';
    let lostHere = false;
    return this.remote.run(async (channel) => {
      const again = attempted;
      attempted = true;
      // A server that names files at their close would have the name twice, and put the older file over the newer. What an earlier run left has had its time.
      const lost = lostHere && this.remote.lostFilesMayAppear;
      lostHere = true;
      if (lost) {
        if (await this.#isWhole(channel)) return 'delivered';
        throw new DepotError(
          'connection-lost',
          `the connection was lost while ${path} was being written, and the server does not show all of it`,
          { hint: 'push again in a few minutes' },
        );
      }
      let handle: Buffer | SftpStatus | Delivery = await orRefusal(channel.create(path));
      if (handle instanceof SftpStatus) {
        if (!again) throw await explainCreate(channel, this.remote, this.name, handle);
        // It was not there when we looked, and the name is random: what an attempt of ours began. ProFTPD says 'permission denied' of what exists.
        handle = await this.#takeUp(channel, handle);
      }
      if (typeof handle === 'string') return handle;
      await this.#orRemove(channel, this.name, this.#fill(channel, handle, this.name));
      return 'delivered';
    });
  }

  /** Our file to write again, unless its size shows that the close had worked; a new one where the server opens no file twice. `refusal` is that of its create. */
  async #takeUp(channel: SftpChannel, refusal: SftpStatus): Promise<Buffer | Delivery> {
    const path = this.remote.path(this.name);
    const found = await statFile(channel, path);
    if (found === null) throw await explainCreate(channel, this.remote, this.name, refusal);
    if (isSeen(found) && found.size === this.bytes.length) return 'delivered';
    const handle = await orRefusal(channel.open(path, OpenFlag.WRITE));
    if (!(handle instanceof SftpStatus)) return handle;
    if (!isSeen(found)) return 'unconfirmed';
    await orRefusal(channel.remove(path));
    return createFile(channel, this.remote, this.name);
  }

  async #isWhole(channel: SftpChannel): Promise<boolean> {
    const found = await statFile(channel, this.remote.path(this.name));
    return isSeen(found) && found.size === this.bytes.length;
  }

  /** A file that the server refused half way is not left to look like a whole one. */
  async #orRemove<T>(channel: SftpChannel, name: string, writing: Promise<T>): Promise<T> {
    try {
      return await writing;
    } catch (error) {
      if (!(error instanceof SftpStatus)) throw error;
      await channel.remove(this.remote.path(name)).catch(() => undefined);
      throw refusal(error, `write ${this.remote.path(name)}`);
    }
  }
}

/** Nothing at the final name, and all of the partial, as far as the server lets us see. */
function isRenamable({ names }: PublishedFile, { final, partial }: Seen): boolean {
  return !isSeen(final) && (partial === 'unreadable' || (isSeen(partial) && partial.size === names.bytes));
}
