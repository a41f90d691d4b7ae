/// <reference lib="dom" />
/** Directories as a browser gives them, in memory. */

export interface FakeFile {
  kind: 'file';
  text: string;
  /** Times that it was opened to be written. */
  written: number;
}

export interface Taken {
  /** In any case for the same, as Windows and macOS do. */
  anyCase: boolean;
  /** What Chromium takes in a directory of the person's, on every system; it takes nearly anything in one of its own. */
  strict: boolean;
}

/** As `net::IsReservedNameOnWindows`, shell-integrated extensions and ICU's list of unsafe characters have it in Chromium 156. */
const UNSAFE =
  /["*/:<>?\\|\p{Cc}\p{Cf}]|^\.?[\p{White_Space}.]|[\p{White_Space}.~]$|^~|\.(?:lnk|url|scf)$|^(?:desktop\.ini|thumbs\.db)$|^(?:con|prn|aux|nul|clock\$|com\d|lpt\d)(?:\.|$)|\.\{[^}]*\}$/iu;

export class FakeDirectory {
  readonly kind = 'directory';
  readonly entries = new Map<string, FakeDirectory | FakeFile>();
  /** By what the names are told apart. */
  readonly #known = new Map<string, string>();
  /** What is no name at all, which nobody may ask a browser for. */
  readonly asked: string[];

  constructor(
    readonly taken: Taken = { anyCase: true, strict: false },
    asked: string[] = [],
  ) {
    this.asked = asked;
  }

  async getDirectoryHandle(name: string, { create = false } = {}): Promise<unknown> {
    const found = await this.#find(name, () => new FakeDirectory(this.taken, this.asked), create);
    if (!(found instanceof FakeDirectory)) throw new DOMException(name, 'TypeMismatchError');
    return found;
  }

  async getFileHandle(name: string, { create = false } = {}): Promise<unknown> {
    const found = await this.#find(name, () => ({ kind: 'file', text: '', written: 0 }), create);
    if (found instanceof FakeDirectory) throw new DOMException(name, 'TypeMismatchError');
    return {
      getFile: () => Promise.resolve(new Blob([Buffer.from(found.text, 'latin1')])),
      createWritable: () => {
        found.text = '';
        found.written++;
        return Promise.resolve(new Sink(found));
      },
    };
  }

  removeEntry(name: string): Promise<void> {
    this.entries.delete(name);
    this.#known.delete(this.taken.anyCase ? name.toLowerCase() : name);
    return Promise.resolve();
  }

  async *keys(): AsyncIterableIterator<string> {
    yield* await Promise.resolve(this.entries.keys());
  }

  /** Every file below, by its path. */
  files(path = ''): Map<string, FakeFile> {
    return new Map(
      [...this.entries].flatMap(([name, entry]) =>
        entry instanceof FakeDirectory ? [...entry.files(`${path}${name}/`)] : [[path + name, entry] as const],
      ),
    );
  }

  #find(name: string, make: () => FakeDirectory | FakeFile, create: boolean): Promise<FakeDirectory | FakeFile> {
    if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) this.asked.push(name);
    if (this.taken.strict && UNSAFE.test(name)) return Promise.reject(new TypeError('Name is not allowed.'));
    const key = this.taken.anyCase ? name.toLowerCase() : name;
    const found = this.entries.get(this.#known.get(key) ?? name);
    if (found !== undefined) return Promise.resolve(found);
    if (!create) return Promise.reject(new DOMException(name, 'NotFoundError'));
    const made = make();
    this.entries.set(name, made);
    this.#known.set(key, name);
    return Promise.resolve(made);
  }
}

class Sink extends WritableStream<Uint8Array | string> {
  readonly write: (bytes: Uint8Array | string) => Promise<void>;
  override readonly close: () => Promise<void>;

  constructor(file: FakeFile) {
    const write = (bytes: Uint8Array | string): void =>
      void (file.text += typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('latin1'));
    super({ write });
    this.write = (bytes) => {
      write(bytes);
      return Promise.resolve();
    };
    this.close = () => Promise.resolve();
  }
}
