/** A directory that changes from night to night, the same for the same seed: what archivers get wrong, in small. */
import {
  chmodSync,
  closeSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

const NAMES = [
  'a',
  'a-b',
  'b c',
  '-rf',
  '--',
  'line\nbreak',
  'ends\n',
  'quo"te\'s',
  'back\\slash',
  '\\0141',
  'caf\xe9',
  '\xff\xfe',
  '*',
  '$(id)',
  '`id`',
  '.hidden',
  '..b',
  'tab\there',
  ' space ',
  '{x}',
  '!',
  'a.part-000001',
  'n'.repeat(120),
].map((name) => Buffer.from(name, 'latin1'));

export class RandomTree {
  #state: number;
  /** Blocks that come again in several files and nights. */
  readonly #blocks: Buffer[];

  /** `directory` exists, and is empty. */
  constructor(
    readonly directory: string,
    seed: number,
  ) {
    this.#state = seed;
    this.#blocks = Array.from({ length: 40 }, () => this.#bytes(512));
    for (const source of ['crm', 'files']) mkdirSync(`${directory}/${source}`);
    writeFileSync(`${directory}/dump.sql`, this.#large());
    for (let i = 0; i < 40; i++) this.#edit();
  }

  /** What happens in a day. */
  change(): void {
    for (let i = 0; i < 12; i++) this.#edit();
    const dump = `${this.directory}/dump.sql`;
    const content = readFileSync(dump);
    if (content.length > 0) content[this.#below(content.length)] ^= 1;
    writeFileSync(dump, this.#below(3) === 0 ? this.#moved(content) : Buffer.concat([content, this.#bytes(300)]));
  }

  #edit(): void {
    const all = this.#paths();
    const files = all.filter((path) => lstatSync(path).isFile());
    const folders = all.filter((path) => lstatSync(path).isDirectory());
    const folder = this.#one(folders);
    const fresh = Buffer.concat([folder, Buffer.from('/'), this.#one(NAMES)]);
    const isTaken = all.some((path) => path.equals(fresh));
    // The sources themselves stay.
    const movable = all.filter((path) => path.length > this.directory.length + 7);
    const any = movable.length === 0 ? null : this.#one(movable);
    const file = files.length === 0 ? null : this.#one(files);
    const act = this.#below(13);
    if (act < 5 && isTaken && any !== null) this.#remove(fresh);
    if (act === 0) writeFileSync(fresh, this.#bytes(this.#below(700)));
    else if (act === 1) writeFileSync(fresh, this.#large());
    else if (act === 2) mkdirSync(fresh);
    else if (act === 3) symlinkSync(this.#one([...NAMES, Buffer.from('/etc'), Buffer.from('../..')]), fresh);
    else if (act === 4 && file !== null && !file.equals(fresh)) this.#try(() => linkSync(file, fresh));
    else if (act === 5 && any !== null) this.#remove(any);
    else if (act === 6 && any !== null && !isTaken) this.#try(() => renameSync(any, fresh));
    else if (act === 7 && any !== null && !lstatSync(any).isSymbolicLink())
      // A directory that its owner cannot enter does not come out as it was.
      chmodSync(any, this.#one([0o600, 0o644, 0o755, 0o700, 0o1777]) | (lstatSync(any).isDirectory() ? 0o500 : 0));
    else if (act === 8 && any !== null) {
      const time = this.#below(2_000_000_000) - 100_000_000 + this.#below(1000) / 1000;
      (lstatSync(any).isSymbolicLink() ? lutimesSync : utimesSync)(any, time, time);
    } else if (file !== null && lstatSync(file, { throwIfNoEntry: false })?.isFile() === true) this.#rewrite(file, act);
  }

  #rewrite(file: Buffer, act: number): void {
    const content = readFileSync(file);
    if (act === 9) writeFileSync(file, content);
    else if (act === 10) truncateSync(file, this.#below(content.length + 1));
    else if (act === 11) {
      // As most programs save: a new file takes the name, and other hard links keep the old one.
      const beside = Buffer.concat([file, Buffer.from('~')]);
      writeFileSync(beside, this.#moved(content));
      renameSync(beside, file);
    } else if (content.length > 0) {
      const handle = openSync(file, 'r+');
      writeSync(handle, this.#bytes(7), 0, 7, this.#below(content.length));
      closeSync(handle);
    }
  }

  #large(): Buffer {
    const count = 8 + this.#below(40);
    const blocks = Array.from({ length: count }, () =>
      this.#below(4) === 0 ? this.#bytes(512) : this.#one(this.#blocks),
    );
    return Buffer.concat([...blocks, this.#bytes(this.#below(512))]);
  }

  /** Two neighbouring runs of blocks exchanged. */
  #moved(content: Buffer): Buffer {
    const at = 512 * this.#below(1 + content.length / 512);
    return Buffer.concat([content.subarray(at), content.subarray(0, at)]);
  }

  #remove(path: Buffer): void {
    rmSync(path, { recursive: true, force: true });
  }

  /** What cannot be, such as a directory that moves into itself, does not happen. */
  #try(act: () => void): void {
    try {
      act();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }

  /** Without links followed; the sources first. */
  #paths(): Buffer[] {
    const below = (path: Buffer): Buffer[] =>
      readdirSync(path, { encoding: 'buffer' })
        .sort((a, b) => Buffer.compare(a, b))
        .map((name) => Buffer.concat([path, Buffer.from('/'), name]))
        .flatMap((file) => [file, ...(lstatSync(file).isDirectory() ? below(file) : [])]);
    return ['crm', 'files'].flatMap((source) => {
      const path = Buffer.from(`${this.directory}/${source}`);
      return [path, ...below(path)];
    });
  }

  #one<T>(of: readonly T[]): T {
    return of[this.#below(of.length)];
  }

  #bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.#below(256)));
  }

  /** Mulberry32. */
  #below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  }
}
