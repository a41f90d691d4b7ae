/** `--database`: what its URLs mean, and what is refused. */
import { describe, expect, test } from 'vitest';
import { type DatabaseAnswer, freeName, type SourceAnswer } from '../../src/commands/init/source-answer.js';
import { parsed, refused } from './parsed.js';

const answersOf = async (line: string) => ((await parsed(`init ${line}`)) as { databases: DatabaseAnswer[] }).databases;

test.each<[line: string, answer: Partial<DatabaseAnswer>]>([
  ['postgresql:crm', { kind: 'postgresql', database: 'crm' }],
  ['postgresql:///crm', { kind: 'postgresql', database: 'crm' }],
  ['postgres://db/crm', { kind: 'postgresql', host: 'db', database: 'crm' }],
  [
    'postgresql://crm@db.internal:5432/crm',
    { kind: 'postgresql', username: 'crm', host: 'db.internal', port: 5432, database: 'crm' },
  ],
  ['postgresql://[fd00::5]:5433/crm', { kind: 'postgresql', host: 'fd00::5', port: 5433, database: 'crm' }],
  ['postgresql://%2Frun%2Fpg/crm', { kind: 'postgresql', host: '/run/pg', database: 'crm' }],
  ['postgresql://u@/crm?host=/run/pg', { kind: 'postgresql', username: 'u', host: '/run/pg', database: 'crm' }],
  ['mariadb:///a%2Fb%20%25?host=/run/s', { kind: 'mariadb', database: 'a/b %', host: '/run/s' }],
  ['mysql://a%40b@db:3307/crm', { kind: 'mysql', username: 'a@b', host: 'db', port: 3307, database: 'crm' }],
  ['sqlite:/srv/crm%3F.db', { kind: 'sqlite', database: '/srv/crm?.db' }],
  ['sqlite:///srv/crm.db', { kind: 'sqlite', database: '/srv/crm.db' }],
  ['sqlite:crm.db', { kind: 'sqlite', database: 'crm.db' }],
  [
    'sqlserver://sa@db%5CCRM/crm?backup=/srv/crm.bak',
    { kind: 'sqlserver', username: 'sa', host: 'db\\CRM', database: 'crm', backup: '/srv/crm.bak' },
  ],
])('%s is %j', async (url, answer) => {
  expect(await answersOf(`--database ${url}`)).toEqual([answer]);
});

test('a password file is for the database before it', async () => {
  const line = '--database postgresql:a --database-password-file x --database mysql:b --database mariadb:c';
  expect(await answersOf(`${line} --database-password-file z`)).toEqual([
    { kind: 'postgresql', database: 'a', password: { file: 'x' } },
    { kind: 'mysql', database: 'b' },
    { kind: 'mariadb', database: 'c', password: { file: 'z' } },
  ]);
});

describe('refused', () => {
  test.each<[line: string, message: RegExp]>([
    ['--database crm', /is not the URL of a database/],
    ['--database oracle://db/crm', /is not the URL of a database/],
    ['--database postgresql://db.internal', /it does not name a database/],
    ['--database postgresql:', /it does not name a database/],
    ['--database postgresql://db:x/crm', /a port is a number/],
    ['--database postgresql://db:70000/crm', /a port is a number/],
    ['--database postgresql://fd00::5/crm', /write an IPv6 address in brackets/],
    ['--database postgresql://a,b/crm', /not a host name/],
    ['--database postgresql://db/crm%zz', /two hexadecimal digits/],
    ['--database postgresql://db/crm%0a', /contains control characters/],
    ['--database postgresql://db/crm?sslmode=require', /"sslmode" cannot come after/],
    ['--database postgresql://db/crm?host=/run', /it names two hosts/],
    ['--database sqlite:', /it does not name a file/],
    ['--database sqlite://db/crm', /sqlite:\/path/],
    ['--database sqlserver://db/crm', /unencrypted backup.*\?backup=/],
    ['--database sqlserver://db/crm?backup=crm.bak', /absolute path/],
    ['--database-password-file x --database mysql:crm', /is for the --database before it/],
    ['--database sqlite:x --database-password-file y', /needs no password/],
    ['--database mysql:x --database-password-file y --database-password-file z', /two password files/],
  ])('%s', async (line, message) => {
    expect(await refused(`init ${line}`)).toMatch(message);
  });

  test.each([
    'postgresql://crm:s3cret@db/crm',
    'mysql://crm:a/s3cret@db/crm',
    'postgresql:///crm?password=s3cret',
    'oracle://crm:s3cret@db/crm',
  ])('%s, for its password, which the message does not repeat', async (url) => {
    const message = await refused(`init --database ${url}`);
    expect(message).toContain('has a password in it');
    expect(message).not.toContain('s3cret');
  });
});

test.each<[database: string, others: string[], name: string]>([
  ['crm', [], 'crm.pgdump'],
  ['crm', ['CRM'], 'crm-2.pgdump'],
  ['crm', ['crm', 'crm-2'], 'crm-3.pgdump'],
  ['a/b', [], 'a_b.pgdump'],
  ['é', ['e\u0301'], 'é-2.pgdump'],
  ['x'.repeat(300), [], `${'x'.repeat(93)}.pgdump`],
])('a database %s beside %j is called %s', (database, others, name) => {
  const named = (one: string): SourceAnswer => ({ kind: 'postgresql', database: one });
  expect(freeName(named(database), others.map(named))).toBe(name);
});
