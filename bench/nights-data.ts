import { createCipheriv } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { contentOf, nameOfSmall, small } from './data.js';

/** A directory that is made once and changes from night to night. The same steps give the same names and bytes, on any machine. */
export interface Tree {
  directory: string;
  /** Writes the first night into an empty directory. */
  make(): void;
  /** Changes the directory in place into the next night; what did not change is not touched. */
  next(): void;
}

/** Of the first night. */
export interface Size {
  rows: number;
  attachments: number;
  /** Files of 3 MiB. */
  media: number;
}

/** A SQL dump in text of 440 MB, 50,000 attachments of 4 KiB, 300 MiB of media. */
export const supplier: Size = { rows: 1_000_000, attachments: 50_000, media: 100 };

/** What changes in a night, for a first night of this size. */
export function editsOf({ rows, attachments }: Size) {
  return {
    changedRows: Math.round(rows / 200),
    appendedRows: Math.round(rows / 500),
    changedAttachments: Math.round(attachments / 100),
    renamedAttachments: Math.round(attachments / 2500),
    removedAttachments: Math.round(attachments / 2500),
  };
}

/** `plain`: the dump has the same name every night, as pg_dump writes it; `dated`: another name every night; `moved`: from the second night on, a tenth of its rows stands at the front instead of in the middle. */
export type DumpForm = 'plain' | 'dated' | 'moved';

/** A supplier's dataset. Night k is the night before with the edits of seed k. */
export class SupplierTree implements Tree {
  #night = 0;
  /** The night in which each row was last written. */
  #rows: Uint8Array;
  /** The night in which each attachment was last written; 0: it is gone. */
  readonly #attachments: Uint8Array;
  /** The night in which each attachment got its name. */
  readonly #names: Uint8Array;

  constructor(
    readonly directory: string,
    readonly size: Size,
    readonly form: DumpForm = 'plain',
  ) {
    this.#rows = new Uint8Array(size.rows).fill(1);
    this.#attachments = new Uint8Array(size.attachments).fill(1);
    this.#names = new Uint8Array(size.attachments).fill(1);
  }

  make(): void {
    this.#night = 1;
    for (const name of ['dump', 'media']) mkdirSync(join(this.directory, name), { recursive: true });
    for (let folder = 0; folder < folders; folder++)
      mkdirSync(join(this.directory, 'attachments', folderOf(folder)), { recursive: true });
    this.#writeDump();
    for (let id = 0; id < this.size.attachments; id++) this.#writeAttachment(id);
    for (let i = 0; i < this.size.media; i++)
      writeFileSync(join(this.directory, 'media', `film-${i}.mp4`), noiseOf('media', i, 1, 3 << 20));
  }

  next(): void {
    this.#night++;
    const random = numbers(this.#night);
    const edits = editsOf(this.size);
    for (const row of picked(random, edits.changedRows, this.#rows.length)) this.#rows[row] = this.#night;
    const rows = new Uint8Array(this.#rows.length + edits.appendedRows).fill(this.#night);
    rows.set(this.#rows);
    this.#rows = rows;
    const before = this.#dump(this.#night - 1);
    this.#writeDump();
    if (before !== this.#dump()) rmSync(before);

    const ids = picked(
      random,
      edits.changedAttachments + edits.renamedAttachments + edits.removedAttachments,
      this.size.attachments,
      (id) => this.#attachments[id] !== 0,
    );
    for (const id of ids.splice(0, edits.changedAttachments)) {
      this.#attachments[id] = this.#night;
      this.#writeAttachment(id);
    }
    for (const id of ids.splice(0, edits.renamedAttachments)) {
      const from = this.#attachment(id);
      this.#names[id] = this.#night;
      renameSync(from, this.#attachment(id));
    }
    for (const id of ids) {
      rmSync(this.#attachment(id));
      this.#attachments[id] = 0;
    }
  }

  #dump(night = this.#night): string {
    return join(this.directory, 'dump', this.form === 'dated' ? `crm-night-${night}.sql` : 'crm.sql');
  }

  #attachment(id: number): string {
    const renamed = this.#names[id] > 1 ? `-${this.#names[id]}` : '';
    return join(this.directory, 'attachments', folderOf(id), `${String(id).padStart(6, '0')}${renamed}.bin`);
  }

  #writeAttachment(id: number): void {
    writeFileSync(this.#attachment(id), noiseOf('attachment', id, this.#attachments[id], 4096));
  }

  /** Beside the last night's, which it then replaces: a new file, as a careful script leaves one. */
  #writeDump(): void {
    const partial = join(this.directory, 'dump', '.partial');
    const fd = openSync(partial, 'w');
    let block =
      "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\nCOPY public.customers (id, email, updated, balance, note) FROM stdin;\n";
    for (const [from, to] of this.#order()) {
      for (let row = from; row < to; row++) {
        block += rowOf(row, this.#rows[row]);
        if (block.length < 1 << 20) continue;
        writeSync(fd, block, null, 'latin1');
        block = '';
      }
    }
    writeSync(fd, `${block}\\.\n\n--\n-- PostgreSQL database dump complete\n--\n`, null, 'latin1');
    closeSync(fd);
    renameSync(partial, this.#dump());
  }

  /** Rows `[from, to)` in the order in which the dump has them. */
  #order(): [from: number, to: number][] {
    const end = this.#rows.length;
    if (this.form !== 'moved' || this.#night === 1) return [[0, end]];
    const [from, to] = [0.45, 0.55].map((part) => Math.round(part * this.size.rows));
    return [
      [from, to],
      [0, from],
      [to, end],
    ];
  }
}

/** The same dataset, and in the next night every attachment is written anew with the same bytes, and one folder has another name. */
export class RewrittenTree implements Tree {
  constructor(
    readonly directory: string,
    readonly size: Size,
  ) {}

  make(): void {
    new SupplierTree(this.directory, this.size).make();
  }

  next(): void {
    const attachments = join(this.directory, 'attachments');
    for (const folder of readdirSync(attachments)) {
      for (const name of readdirSync(join(attachments, folder))) {
        const path = join(attachments, folder, name);
        const bytes = readFileSync(path);
        rmSync(path);
        writeFileSync(path, bytes);
      }
    }
    renameSync(join(attachments, folderOf(0)), join(attachments, 'renamed'));
  }
}

/** Files of about 1 KiB, of which one in a thousand has other bytes the next night. */
export class SmallFilesTree implements Tree {
  #night = 1;

  constructor(
    readonly directory: string,
    readonly count: number,
  ) {}

  make(): void {
    small(this.count)(this.directory);
  }

  next(): void {
    this.#night++;
    const random = numbers(this.#night);
    for (const i of picked(random, Math.round(this.count / 1000), this.count))
      writeFileSync(nameOfSmall(this.directory, i), contentOf(i + this.#night * this.count));
  }
}

/** One file that does not compress, of which one MiB in 64 is overwritten each night. */
export class LargeFileTree implements Tree {
  #night = 1;

  constructor(
    readonly directory: string,
    readonly mebibytes: number,
  ) {}

  make(): void {
    const fd = openSync(this.#path(), 'w');
    for (let i = 0; i < this.mebibytes; i++) writeSync(fd, noiseOf('large', i, 1, 1 << 20));
    closeSync(fd);
  }

  next(): void {
    this.#night++;
    const fd = openSync(this.#path(), 'r+');
    for (const i of picked(numbers(this.#night), Math.ceil(this.mebibytes / 64), this.mebibytes))
      writeSync(fd, noiseOf('large', i, this.#night, 1 << 20), 0, 1 << 20, i * 2 ** 20);
    closeSync(fd);
  }

  #path(): string {
    return join(this.directory, 'noise.bin');
  }
}

const folders = 256;
const folderOf = (id: number): string => (id % folders).toString(16).padStart(2, '0');

/** Mulberry32: numbers from 0 up to `below`, the same for the same seed. */
function numbers(seed: number): (below: number) => number {
  let state = Math.imul(seed, 0x9e3779b1) | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** `count` different numbers below `below` that `fits`. */
function picked(
  random: (below: number) => number,
  count: number,
  below: number,
  fits: (n: number) => boolean = () => true,
): number[] {
  const found = new Set<number>();
  while (found.size < count) {
    const n = random(below);
    if (fits(n)) found.add(n);
  }
  return [...found];
}

const letters = 'abcdefghijklmnopqrstuvwxyz';
const words = ((): string[] => {
  const random = numbers(1);
  const word = (): string => Array.from({ length: 2 + random(10) }, () => letters[random(26)]).join('');
  return Array.from({ length: 5000 }, word);
})();

/** A COPY line of about 440 bytes. A later night has another amount and time, and one other word. */
function rowOf(row: number, night: number): string {
  const random = numbers(row + 1);
  const first = words[random(5000)];
  let text = `${row}\t${first}.${words[random(5000)]}${random(1000)}@${words[random(5000)]}.example\t`;
  const later = night === 1 ? random : numbers(row * 32 + night + 0x4000_0000);
  text += `2026-${two(1 + later(12))}-${two(1 + later(28))} ${two(later(24))}:${two(later(60))}:${two(later(60))}\t${later(1e9)}\t`;
  const edited = night === 1 ? -1 : later(wordsInRow);
  for (let i = 0; i < wordsInRow; i++) {
    const word = words[random(5000)];
    text += i === edited ? `${words[later(5000)]}_${night} ` : `${word} `;
  }
  return `${text}\\N\n`;
}

const wordsInRow = 50;
const two = (n: number): string => (n < 10 ? `0${n}` : String(n));

/** Bytes that do not compress: a cipher's key stream. */
function noiseOf(kind: 'attachment' | 'media' | 'large', id: number, night: number, length: number): Buffer {
  const key = Buffer.alloc(16);
  key.write(kind);
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(id, 0);
  iv.writeUInt32BE(night, 4);
  return createCipheriv('aes-128-ctr', key, iv).update(Buffer.alloc(length));
}
