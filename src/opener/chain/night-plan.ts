import type { ByteString } from '../../dataset/bytestring.js';
import { RangesReader } from '../../dataset/assemble/ranges.js';
import type { EntryType } from '../../dataset/tar/format.js';
import { BlobList } from './blob-file.js';
import type { Made } from './make-file.js';
import type { FinalEntry, Night } from './night.js';

export interface MadeOfObject extends Made {
  night: number;
  object: ByteString;
}

export interface MadeOfRanges extends Made {
  number: number;
}

/** What is neither file nor where a file lies: directories, which may be empty, and links. */
export interface Other {
  path: string;
  type: Exclude<EntryType, 'file'>;
  target: string | null;
}

/** Names of objects that are remembered; when there are more, all are taken for needed. */
const MOST_CHARACTERS = 32 << 20;
const CHARACTERS_BESIDE = 64;

/** The objects that files of the night are made of. */
class Needed {
  #keys: Set<string> | null = new Set();
  #characters = 0;

  add(night: number, object: string): void {
    const key = `${night} ${object}`;
    if (this.#keys === null || this.#keys.has(key)) return;
    this.#characters += key.length + CHARACTERS_BESIDE;
    if (this.#characters > MOST_CHARACTERS) this.#keys = null;
    else this.#keys.add(key);
  }

  has(night: number, object: string): boolean {
    return this.#keys?.has(`${night} ${object}`) ?? true;
  }
}

/** What becomes of a night's files, each list in the order of the walk. */
export class NightPlan {
  /** Of each suitcase the files that the night has as they lie there. */
  readonly stored: BlobList<string>[];
  readonly copies = new BlobList<MadeOfObject>();
  /** By the suitcase whose ranges they are. */
  readonly ranges: BlobList<MadeOfRanges>[];
  readonly others = new BlobList<Other>();
  readonly needed = new Needed();

  /** @throws DepotError 'archive-refused' */
  constructor(night: Night) {
    this.stored = night.suitcases.map(() => new BlobList());
    this.ranges = night.suitcases.map(() => new BlobList());
    for (const entry of night.entries()) this.#add(entry);
    for (const [number, list] of this.ranges.entries()) this.#need(night, number, list);
  }

  #add({ path, type, night, origin, size, sha256, linkTarget: target }: FinalEntry): void {
    if (type !== 'file') this.others.add({ path, type, target });
    else if (origin.kind === 'object') {
      this.needed.add(origin.night, origin.object);
      this.copies.add({ path, size, sha256: sha256!, night: origin.night, object: origin.object });
    } else if (origin.kind === 'ranges')
      this.ranges[night]!.add({ path, size, sha256: sha256!, number: origin.number });
    else this.stored[night]!.add(path);
  }

  #need({ suitcases }: Night, number: number, list: BlobList<MadeOfRanges>): void {
    let reader: RangesReader | null = null;
    for (const wanted of list.records()) {
      reader ??= new RangesReader(suitcases[number]!.own.ranges.stored(), number);
      for (const { night, object } of reader.of(wanted.number)) this.needed.add(night, object);
    }
  }
}
