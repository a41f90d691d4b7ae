/**
 * Follows what `pg_dump --format=custom` prints, to tell a whole archive from one that is cut off: its table of contents
 * comes first and says what has data, and what has data follows, each block with its own end. pg_dump documents the format
 * in its source alone: src/bin/pg_dump/pg_backup_archiver.c (ReadHead, ReadToc) and pg_backup_custom.c.
 */

/** Versions of the format whose table of contents is known: of PostgreSQL 9.0 to 18. */
const KNOWN = { oldest: 0x010c, newest: 0x0110 };
const COMPRESSION_NAMED = 0x010f;
const TABLE_METHODS = 0x010e;
const RELATION_KINDS = 0x0110;

const CUSTOM = 1;
const DATA_BLOCK = 1;
const LARGE_OBJECTS_BLOCK = 3;
/** Every archive ends with at least so many zeros: the end of a block, or an offset that a pipe leaves empty. */
const ENDING = Buffer.alloc(5);

export class PgArchive {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #last: Buffer = Buffer.alloc(0);
  /** Where it was being read: null between blocks, where the archive may end. */
  #within: string | null = 'its head';
  #missing = new Set<number>();
  #steps: Generator<undefined, void> | null = this.#archive();

  /** The bytes are done with when it returns. */
  add(bytes: Uint8Array): void {
    this.#last = Buffer.concat([this.#last, bytes.subarray(-ENDING.length)]).subarray(-ENDING.length);
    if (this.#steps === null) return;
    const left = this.#bytes.subarray(this.#at);
    this.#bytes =
      left.length === 0 ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : Buffer.concat([left, bytes]);
    this.#at = 0;
    if (this.#steps.next().done === true) this.#steps = null;
    this.#bytes = Buffer.from(this.#bytes.subarray(this.#at));
    this.#at = 0;
  }

  /** After the last bytes: why it is not whole, null where it is. */
  problem(): string | null {
    if (this.#within !== null) return `is no archive of pg_dump, or ends within ${this.#within}`;
    if (this.#missing.size > 0) return `lacks the data of ${this.#missing.size} of the tables that it lists`;
    return this.#last.equals(ENDING) ? null : 'does not end as an archive of pg_dump does';
  }

  *#archive(): Generator<undefined, void> {
    yield* this.#need(11);
    const head = this.#take(11);
    if (head.toString('latin1', 0, 5) !== 'PGDMP') return;
    const version = head.readUInt16BE(5);
    const [integer = 0, offset = 0, format] = head.subarray(8);
    if (integer !== 4 || offset !== 8 || format !== CUSTOM) return;
    if (version < KNOWN.oldest || version > KNOWN.newest) {
      this.#within = null;
      return;
    }
    this.#within = 'its table of contents';
    if (version >= COMPRESSION_NAMED) yield* this.#skip(1);
    else yield* this.#integer();
    for (let i = 0; i < 7; i++) yield* this.#integer(); // when
    for (let i = 0; i < 3; i++) yield* this.#text(); // of which database, by which versions
    for (let entries = yield* this.#integer(); entries > 0; entries--) yield* this.#entry(version);
    for (;;) {
      this.#within = null;
      yield* this.#need(1);
      this.#within = 'a block of data';
      const [kind] = this.#take(1);
      const id = yield* this.#integer();
      if (kind === DATA_BLOCK) yield* this.#chunks();
      else if (kind === LARGE_OBJECTS_BLOCK) while ((yield* this.#integer()) !== 0) yield* this.#chunks();
      else return;
      this.#missing.delete(id);
    }
  }

  *#entry(version: number): Generator<undefined, void> {
    const id = yield* this.#integer();
    if ((yield* this.#integer()) !== 0) this.#missing.add(id);
    for (let i = 0; i < 4; i++) yield* this.#text(); // table and object, name, kind
    yield* this.#integer(); // section
    for (let i = 0; i < 5; i++) yield* this.#text(); // statements, schema, tablespace
    if (version >= TABLE_METHODS) yield* this.#text();
    if (version >= RELATION_KINDS) yield* this.#integer();
    for (let i = 0; i < 2; i++) yield* this.#text(); // owner, "false"
    while (yield* this.#text()); // on what it depends
    yield* this.#skip(9); // where its data is, unknown in a pipe
  }

  /** Rows, as a rule: so many that each has to be cheap. */
  *#chunks(): Generator<undefined, void> {
    for (;;) {
      if (this.#bytes.length - this.#at < 5) yield* this.#need(5);
      const length = this.#number();
      if (length === 0) return;
      if (length <= this.#bytes.length - this.#at) this.#at += length;
      else yield* this.#skip(length);
    }
  }

  /** Whether there was one. */
  *#text(): Generator<undefined, boolean> {
    const length = yield* this.#integer();
    if (length > 0) yield* this.#skip(length);
    return length >= 0;
  }

  *#integer(): Generator<undefined, number> {
    yield* this.#need(5);
    return this.#number();
  }

  /** A sign, and four bytes. */
  #number(): number {
    const value = this.#bytes.readUInt32LE(this.#at + 1);
    const isNegative = this.#bytes[this.#at] !== 0;
    this.#at += 5;
    return isNegative ? -value : value;
  }

  *#need(count: number): Generator<undefined, void> {
    while (this.#bytes.length - this.#at < count) yield;
  }

  *#skip(count: number): Generator<undefined, void> {
    for (let left = Math.max(count, 0); ; ) {
      const now = Math.min(left, this.#bytes.length - this.#at);
      this.#at += now;
      left -= now;
      if (left === 0) return;
      yield;
    }
  }

  #take(count: number): Buffer {
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }
}
