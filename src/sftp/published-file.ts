import type { Link } from './link.js';
import { exists, renameRefused } from './refusals.js';
import { isSeen, statFile } from './stat.js';
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

/** `partial-there`: the whole partial is, and can be renamed. `unknown`: the server does not let us see. */
export type Settled = 'published' | 'partial-there' | 'gone' | 'unknown';
type Renamed = Exclude<Settled, 'partial-there'>;

/** What lies at the two names. */
export interface Seen {
  final: FileStat;
  partial: FileStat;
}

/** A suitcase or sidecar, from partial to final name. Answers get lost and cannot be asked for again, so we look. */
export class PublishedFile {
  readonly partialPath: string;
  readonly finalPath: string;

  constructor(
    readonly remote: Link,
    readonly names: FileNames,
    protected readonly signal = remote.hooks.signal,
  ) {
    this.partialPath = remote.path(names.partialName);
    this.finalPath = remote.path(names.finalName);
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

  /**
   * Whether a look contradicts the OK to a rename: the whole file still has its first name, and no other. A file that
   * is not to be seen at all contradicts nothing: that is how agents take what is complete.
   */
  async contradicts(final: FileStat): Promise<boolean> {
    if (isSeen(final) || this.partialPath === this.finalPath) return false;
    return (await this.settle().catch(() => 'unknown')) === 'partial-there';
  }

  /** One more rename, after one that may have worked. */
  async renameAgain(): Promise<Renamed> {
    return this.rename(await this.look(), { before: true });
  }

  /** Renames, never over a file. A refusal stands, unless a rename sent `before` may have worked. */
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
      const final = await this.remote.run(async (channel) => {
        sent++;
        const renaming = channel.rename(this.partialPath, this.finalPath);
        // Right behind it, which costs no round trip. One that is answered first shows too little: look again.
        const looking = statFile(channel, this.finalPath).catch(() => null);
        await renaming;
        return looking;
      }, this.signal);
      return (await this.contradicts(final)) ? 'unknown' : 'published';
    } catch (error) {
      if (!(error instanceof SftpStatus)) throw error;
      const after = await this.settle();
      if (after === 'published') return 'published';
      if (isStatus(error, Status.NO_SUCH_FILE) && after !== 'partial-there')
        return after === 'gone' ? 'gone' : 'unknown';
      if (after === 'unknown' && sent > 1) return 'unknown';
      throw renameRefused(error, this.finalPath);
    }
  }
}
