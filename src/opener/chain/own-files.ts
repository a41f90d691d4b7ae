import { fromBytes } from '../../dataset/bytestring.js';
import { MANIFEST_PATH } from '../../dataset/manifest.js';
import type { EntrySink, TarEntry } from '../../dataset/tar/format.js';
import { partName, RANGES_PATH } from '../../names/archive.js';
import { BlobFile } from './blob-file.js';

/** Keeps what a suitcase says of its night, while the archive goes by: what is compared with it and put together by it. */
export class OwnFiles implements EntrySink {
  readonly manifest = new BlobFile();
  readonly ranges = new BlobFile();
  #current: BlobFile | null = null;

  begin(entry: TarEntry): void {
    const joined = partName<string>(fromBytes(entry.path))?.joined;
    this.#current = joined === MANIFEST_PATH ? this.manifest : joined === RANGES_PATH ? this.ranges : null;
  }

  data(bytes: Uint8Array): void {
    this.#current?.append(bytes);
  }

  end(): void {
    this.#current = null;
  }
}
