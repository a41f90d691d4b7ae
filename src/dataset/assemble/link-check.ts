import { toBytes, type ByteString } from '../bytestring.js';
import type { Fate } from '../chain/merge.js';
import { refused, shown } from '../tar/format.js';

/**
 * Whether each hard link of a night leads to an earlier file of it, which no single manifest shows. Holds the paths that
 * links lead to, as the extractor does.
 */
export class LinkCheck {
  readonly #targets = new Set<ByteString>();

  /** In the first round over the night. */
  note({ final }: Fate): void {
    if (final?.type === 'hardlink') this.#targets.add(final.linkTarget!);
  }

  /** A second round, where there are links at all. @throws DepotError 'archive-refused' */
  check(again: () => Iterable<Fate>): void {
    if (this.#targets.size === 0) return;
    const there = new Set<ByteString>();
    for (const { path, final } of again()) {
      if (final?.type === 'hardlink' && !there.has(final.linkTarget!))
        throw refused(
          `a hard link does not point to an earlier file: ${shown(toBytes(path))} to ${shown(toBytes(final.linkTarget!))}`,
        );
      if ((final?.type === 'file' || final?.type === 'hardlink') && this.#targets.has(path)) there.add(path);
    }
  }
}
