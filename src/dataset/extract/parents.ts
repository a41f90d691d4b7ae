import { lstatSync } from 'node:fs';
import { join, toPath, toText, type ByteString, localName } from '../bytestring.js';

/** Windows wants text, so that Node can lengthen paths of more than 260 characters. */
export function onDisk(path: ByteString): string | Buffer {
  return process.platform === 'win32' ? (toText(path) ?? toPath(path)) : toPath(path);
}

export function parted(path: ByteString): { directory: ByteString; name: ByteString } {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, Math.max(slash, 0)) as ByteString, name: path.slice(slash + 1) as ByteString };
}

/**
 * Where entries lie on disk. Every directory on the way must be a real one: whatever an archive holds, no path leads
 * through a link. Those of the path before are not looked at again, for nothing ever takes the place of a directory.
 */
export class Parents {
  readonly #platform: NodeJS.Platform;
  readonly #missing: (where: ByteString) => boolean;
  #path: ByteString | null = '' as ByteString;
  /** Components, and the length on disk up to each: whole paths would take the square of the depth. */
  readonly #names: ByteString[] = [];
  readonly #lengths: number[] = [];
  #local: ByteString;
  readonly #root: number;

  /** `missing`: a path goes through what is not there or no directory; true when now it is one. */
  constructor(root: ByteString, platform: NodeJS.Platform, missing: (where: ByteString) => boolean) {
    this.#platform = platform;
    this.#missing = missing;
    this.#local = root;
    this.#root = root.length;
  }

  /** The place on disk of this path in the archive; null where something above it is no directory. */
  place(path: ByteString): ByteString | null {
    const { directory, name } = parted(path);
    return this.#enter(directory) ? join(this.#local, localName(name, this.#platform)) : null;
  }

  #enter(directory: ByteString): boolean {
    if (directory === this.#path) return true;
    this.#path = null;
    const names = directory === '' ? [] : (directory.split('/') as ByteString[]);
    let depth = 0;
    while (depth < names.length && this.#names[depth] === names[depth]) depth++;
    this.#names.length = this.#lengths.length = depth;
    this.#local = this.#local.slice(0, this.#lengths.at(-1) ?? this.#root) as ByteString;
    for (const name of names.slice(depth)) {
      const local = join(this.#local, localName(name, this.#platform));
      const found = lstatSync(onDisk(local), { throwIfNoEntry: false });
      if (found?.isDirectory() !== true && !this.#missing(local)) return false;
      this.#local = local;
      this.#names.push(name);
      this.#lengths.push(local.length);
    }
    this.#path = directory;
    return true;
  }
}
