import type { ByteString } from './bytestring.js';
import { NameSet } from './name-set.js';

/** What the names of the open directories may take up together: some five million in one of them. */
const MAX_OCTETS = 64 << 20;

interface Level {
  /** What every path in it begins with. */
  prefix: string;
  /** Null once there were too many. */
  names: NameSet | null;
}

/**
 * Whether paths come in the order of the walk that packs a dataset: a directory, then all that is in it. In that order no path
 * comes twice if no name comes twice in one directory, and only the names in the directories from the root down to the last
 * entry need to be remembered, not those of the whole archive.
 */
export class WalkOrder {
  /** A directory held more names than are remembered: one that comes twice there may have gone unseen. */
  overflowed = false;
  readonly #maxOctets: number;
  readonly #open: Level[] = [{ prefix: '', names: new NameSet() }];
  #octets = 0;

  constructor(maxOctets = MAX_OCTETS) {
    this.#maxOctets = maxOctets;
  }

  /** Takes the next path. Null when it may stand there, else what is wrong, to follow the path in a message. */
  next(path: ByteString, isDirectory: boolean): 'comes twice' | 'is not where the entries before it leave off' | null {
    let level = this.#open.at(-1)!;
    while (!path.startsWith(level.prefix)) {
      this.#octets -= level.names?.octets ?? 0;
      this.#open.pop();
      level = this.#open.at(-1)!;
    }
    const name = path.slice(level.prefix.length);
    // There are no entries for `DEPOT` and `data` themselves: what is in them counts as the root's.
    const belongs = level.prefix === '' ? /^(?:DEPOT|data)\/[^/]+$/.test(name) : !name.includes('/');
    if (!belongs || name === '.' || name.endsWith('/.')) return 'is not where the entries before it leave off';
    const isNew = this.#remember(level, name);
    if (isDirectory) this.#open.push({ prefix: `${path}/`, names: new NameSet() });
    return isNew ? null : 'comes twice';
  }

  #remember(level: Level, name: string): boolean {
    if (level.names === null) return true;
    const before = level.names.octets;
    const isNew = level.names.add(name);
    this.#octets += level.names.octets - before;
    if (this.#octets > this.#maxOctets) {
      this.#octets -= level.names.octets;
      level.names = null;
      this.overflowed = true;
    }
    return isNew;
  }
}
