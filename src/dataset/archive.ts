import { hash } from 'node:crypto';
import { fromText, type ByteString } from './bytestring.js';
import { Chunks, type Chunk } from './chunks.js';
import { ManifestParts } from './manifest-parts.js';
import { MANIFEST_PATH, type ManifestContent, type ManifestEnd } from './manifest.js';
import { partSuffix } from '../names/archive.js';
import { BLOCK, paddingFor } from './tar/format.js';
import { HeaderEncoder, type TarHeader } from './tar/write.js';

/** Where the sources lie in the archive. */
export const DATA = 'data';

const NO_CONTENT: ManifestContent = { sha256: null, parts: null, changed: false };

/** The archive that is being written: tar entries, and the manifest that grows along with them. */
export class Archive {
  readonly out: Chunks;
  readonly headers = new HeaderEncoder();
  /** What was listed below `data/`. */
  entries = 0;
  bytes = 0;
  /** Files and hard links among the entries; a file in parts is one. */
  files = 0;
  /** When this deposit was begun, in whole seconds: the time of everything that has none of its own. */
  readonly startedNs = BigInt(Math.floor(Date.now() / 1000)) * 1_000_000_000n;
  readonly #manifest = new ManifestParts();

  /** `spare`: as of `Chunks`. */
  constructor(spare?: () => ArrayBuffer | undefined) {
    this.out = new Chunks(spare);
  }

  /** A text of depot's own, below `DEPOT/`. */
  *document(name: string, content: Uint8Array): Generator<Chunk, void> {
    const entry = {
      path: fromText(`DEPOT/${name}`),
      type: 'file',
      size: content.length,
      mode: 0o644,
      mtimeNs: this.startedNs,
      linkTarget: null,
    } as const;
    yield* this.stored(entry, content);
    yield* this.list(entry, { sha256: hash('sha256', content, 'hex'), parts: null, changed: false });
  }

  /** A directory, a symlink or a hard link. */
  *withoutContent(entry: TarHeader): Generator<Chunk, void> {
    yield* this.out.write(this.headers.encode(entry));
    yield* this.list(entry, NO_CONTENT);
  }

  /** Header and content, not listed: parts are listed together. */
  *stored(entry: TarHeader, content: Uint8Array): Generator<Chunk, void> {
    yield* this.out.write(this.headers.encode(entry));
    yield* this.out.write(content);
    yield* this.out.zeros(paddingFor(content.length));
  }

  /** The manifest's line for what was stored last. Also stores a part of the manifest when one is full. */
  *list(entry: TarHeader, content: ManifestContent): Generator<Chunk, void> {
    const part = this.note(entry, content);
    if (part !== null) yield* this.manifestPart(part);
  }

  /** As `list`, without a generator for every file: returns a part that has to be stored now, by `manifestPart`. */
  note(entry: TarHeader, content: ManifestContent): Uint8Array<ArrayBuffer> | null {
    if (isData(entry.path)) {
      this.entries++;
      if (entry.type === 'file' || entry.type === 'hardlink') this.files++;
      this.bytes += entry.size;
    }
    return this.#manifest.add(entry, content);
  }

  /** The last part of the manifest and the end of the archive; returns the manifest's digest. */
  *finish(end: ManifestEnd): Generator<Chunk, string> {
    const { part, sha256 } = this.#manifest.end(end);
    yield* this.manifestPart(part);
    yield* this.out.zeros(2 * BLOCK);
    if (this.out.used > 0) yield this.out.take();
    return sha256;
  }

  *manifestPart(content: Uint8Array): Generator<Chunk, void> {
    const path = fromText(MANIFEST_PATH + partSuffix(this.#manifest.count));
    yield* this.stored(
      { path, type: 'file', size: content.length, mode: 0o644, mtimeNs: this.startedNs, linkTarget: null },
      content,
    );
  }
}

function isData(path: ByteString): boolean {
  return path.startsWith(`${DATA}/`);
}
