import type { Link } from './link.js';
import { exists, renameRefused } from './refusals.js';
import { isSeen } from './stat.js';
import { isStatus, SftpStatus, Status } from './status.js';
import type { FileStat } from './types.js';

/** A file whose bytes were all acknowledged, and whose name may or may not have been published. */
export interface FileNames {
  /** The same as `finalName` with `publish: direct`. */
  partialName: string;
  finalName: string;
  /** Of the whole file. */
  bytes: number;
}

/**
 * `published`: the final name is there with the right size. `partial-there`: the complete partial is, so it
 * can be renamed. `gone`: neither, or the partial is not whole. `unknown`: the server does not let us see.
 */
export type Settled = 'published' | 'partial-there' | 'gone' | 'unknown';
type Renamed = Exclude<Settled, 'partial-there'>;

/** What lies at the two names. */
export interface Seen {
  final: FileStat;
  partial: FileStat;
}

/**
 * A suitcase or a sidecar at the agent, from its partial name to its final one. Every answer can be lost on the way, and most
 * cannot be asked for again, so each loss is settled by looking.
 */
export class PublishedFile {
  readonly remote: Link;
  readonly names: FileNames;
  readonly partialPath: string;
  readonly finalPath: string;
  protected readonly signal: AbortSignal;

  constructor(remote: Link, names: FileNames, signal = remote.hooks.signal) {
    this.remote = remote;
    this.names = names;
    this.partialPath = remote.path(names.partialName);
    this.finalPath = remote.path(names.finalName);
    this.signal = signal;
  }

  /** What lies at both names, in one round trip. */
  async look(): Promise<Seen> {
    const { partialName, finalName } = this.names;
    const final = this.remote.stat(finalName, this.signal);
    const partial = partialName === finalName ? final : this.remote.stat(partialName, this.signal);
    const [seenFinal, seenPartial] = await Promise.all([final, partial]);
    return { final: seenFinal, partial: seenPartial };
  }

  /** What has become of it: looks, and changes nothing. @throws DepotError of the connection */
  async settle(): Promise<Settled> {
    return this.judge(await this.look());
  }

  judge({ final, partial }: Seen): Settled {
    const { partialName, finalName, bytes } = this.names;
    if (isSeen(final)) return final.size === bytes ? 'published' : 'unknown';
    if (partialName === finalName) return final === null ? 'gone' : 'unknown';
    if (isSeen(partial)) return partial.size === bytes ? 'partial-there' : 'gone';
    return final === null && partial === null ? 'gone' : 'unknown';
  }

  /** One more rename, after one that may have worked. */
  async renameAgain(): Promise<Renamed> {
    return this.rename(await this.look(), { before: true });
  }

  /**
   * Renames, where a look showed `there`, with the care that never overwriting asks for. What the server refuses is refused; but not where a rename
   * was sent `before`, which may have worked, unless the partial is seen to be there still.
   */
  async rename(there: Seen, { before }: { before: boolean }): Promise<Renamed> {
    const seen = this.judge(there);
    if (seen === 'published' || seen === 'gone') return seen;
    if (isSeen(there.final)) {
      // Nobody else has this name: it is ours, then, and not whole.
      if (before && there.partial === null) return 'unknown';
      throw exists(this.finalPath);
    }
    let sent = before ? 1 : 0;
    try {
      await this.remote.run((channel) => {
        sent++;
        return channel.rename(this.partialPath, this.finalPath);
      }, this.signal);
      return 'published';
    } catch (error) {
      if (!(error instanceof SftpStatus)) throw error;
      const after = await this.settle();
      if (after === 'published') return 'published';
      if (isStatus(error, Status.NO_SUCH_FILE)) return after === 'gone' ? 'gone' : 'unknown';
      if (after === 'unknown' && sent > 1) return 'unknown';
      throw renameRefused(error, this.finalPath);
    }
  }
}
