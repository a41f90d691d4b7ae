/** Whether an archive of pg_dump is whole, told while it streams by: cut at every byte, and with whatever pg_dump may leave out. */
import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, test } from 'vitest';
import { PgArchive } from '../../src/databases/pg-archive.js';
import { peers } from '../support/peers.js';
import { type Postgres, startPostgres } from '../support/postgres.js';

const pg = peers('initdb', 'pg_ctl', 'psql', 'pg_dump');

/** In pieces of this many bytes, each in memory that is used again. */
function problemOf(archive: Buffer, piece: number): string | null {
  const follower = new PgArchive();
  const memory = Buffer.alloc(piece);
  for (let at = 0; at < archive.length; at += piece) {
    const length = archive.copy(memory, 0, at, at + piece);
    follower.add(memory.subarray(0, length));
  }
  return follower.problem();
}

describe.skipIf(!pg)('an archive of pg_dump', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres(pg!);
    await postgres.psql(
      'postgres',
      `create table a (id int, t text); insert into a values (1, 'x'), (2, repeat('y', 3000)); create table none (id int);
       create view v as select 1; select lo_from_bytea(4711, decode(repeat('00', 5000), 'hex')); select lo_from_bytea(4712, '');`,
    );
  });
  const dumped = (...options: string[]): Buffer =>
    execFileSync(pg!.pg_dump, ['--format=custom', ...options, 'postgres'], { env: postgres.env });

  test('is whole in pieces of any size, and not when it is cut after any byte, or goes on', () => {
    const archive = dumped('--compress=0');
    for (const piece of [1, 7, 4096, 1 << 20]) expect(problemOf(archive, piece), String(piece)).toBeNull();
    for (let end = 0; end < archive.length; end++)
      if (problemOf(archive.subarray(0, end), 4096) === null) throw new Error(`whole after ${end} bytes`);
    expect(problemOf(Buffer.concat([archive, Buffer.from('done\n')]), 4096)).not.toBeNull();
    expect(problemOf(Buffer.concat([Buffer.from('notice\n'), archive]), 4096)).not.toBeNull();
  });

  test.each([
    ['--compress=9'],
    ['--schema-only'],
    ['--data-only'],
    ['--section=pre-data'],
    ['--section=data'],
    ['--exclude-table-data=*'],
    ['--no-blobs'],
    ['--table=none'],
    ['--inserts'],
    ['--exclude-table=*', '--no-blobs'],
  ])('is whole with %s', (...options) => {
    const archive = dumped(...options);
    expect(problemOf(archive, 1000)).toBeNull();
    expect(problemOf(archive.subarray(0, -1), 1000)).not.toBeNull();
  });

  test('of a later format has to end as all do', () => {
    const archive = dumped('--compress=0');
    archive[6] = 99;
    expect(problemOf(archive, 4096)).toBeNull();
    expect(problemOf(archive.subarray(0, archive.indexOf('yyy') + 100), 4096)).toMatch(/does not end/);
  });
});

const integer = (value: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes.writeInt32LE(Math.abs(value), 1);
  bytes[0] = value < 0 ? 1 : 0;
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([integer(value.length), Buffer.from(value)]);

// PostgreSQL 9.0, 11, 12, 16 and 17 to 19, as ReadHead and ReadToc of each have it.
test.each([12, 13, 14, 15, 16])('the table of contents of format 1.%d says what has data', (minor) => {
  const head = [
    ...[Buffer.from('PGDMP'), Buffer.from([1, minor, 0, 4, 8, 1]), minor >= 15 ? Buffer.alloc(1) : integer(0)],
    ...[1, 2, 3, 4, 5, 126, 0].map(integer),
    ...['crm', '15.4', '15.4'].map(text),
    integer(2),
  ];
  const entry = (id: number, hasData: boolean): Buffer[] => [
    ...[integer(id), integer(hasData ? 1 : 0), ...['0', '0', 'a', 'TABLE DATA'].map(text), integer(3)],
    ...[text(''), text(''), text('COPY a FROM stdin;'), text('public'), text('')],
    ...[...(minor >= 14 ? [text('heap')] : []), ...(minor >= 16 ? [integer(114)] : []), text('owner'), text('false')],
    ...[text('1'), integer(-1), Buffer.from([hasData ? 1 : 3]), Buffer.alloc(8)],
  ];
  const block = [Buffer.from([1]), integer(7), text('1\tx\n'), text('2\ty\n'), integer(0)];
  const contents = [...head, ...entry(6, false), ...entry(7, true)];
  expect(problemOf(Buffer.concat([...contents, ...block]), 9)).toBeNull();
  expect(problemOf(Buffer.concat(contents), 9)).toBe('lacks the data of 1 of the tables that it lists');
  expect(problemOf(Buffer.concat([...contents, ...block.slice(0, -1)]), 9)).toMatch(/within a block of data/);
});
