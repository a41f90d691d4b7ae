/** Which options a dump may be given: none that writes to a disk, and none that depot sets itself. */
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { databases } from '../../src/databases/databases.js';
import type { DatabaseKind, DatabaseSource } from '../../src/source.js';

test.each<[DatabaseKind, string[]]>([
  [
    'postgresql',
    [
      '--file=/tmp/x',
      '--file',
      '--fil=/tmp/x',
      '--f=/tmp/x',
      '-f',
      '-f/tmp/x',
      '-vf/tmp/x',
      '-Fd',
      '--format=directory',
      '--form=d',
      '--jobs=4',
      '--',
      'other',
      '',
      '--dbname=host=x',
      '--help',
      '--version',
      '-',
      '---file=x',
      '--file=a\nb',
    ],
  ],
  [
    'mariadb',
    [
      '--result-file=/tmp/x',
      '--result_file=/tmp/x',
      '--res=/tmp/x',
      '-r/tmp/x',
      '--tab=/tmp',
      '--ta=/tmp',
      '-T/tmp',
      '--loose-tab=/tmp',
      '--loose_result_file=x',
      '--enable-loose-tab=x',
      '--dir=/tmp',
      '--log-error=/tmp/x',
      '--debug=d:t:o,/tmp/x',
      '--defaults-file=/tmp/x',
      '--password=x',
      '-px',
      '--all-databases',
      'other',
      '--xml',
      '--no-data',
      '--compact',
      '--skip-comments',
      '--loose-skip-comments',
      '--comments=0',
    ],
  ],
  ['mysql', ['--result-file=/tmp/x', '--tab=/tmp', '--login-path=x', '--delete-source-logs']],
  ['sqlserver', ['-o/tmp/x', '-o', '-Px', '-i', '-Co/tmp/x', '-C -o', '-v', '-Q', '/tmp/x', '--output-file=x']],
])('%s refuses options that write elsewhere, log in otherwise or take another database: %j', (kind, options) => {
  for (const option of options) expect(databases[kind].optionProblem(option), option).not.toBeNull();
});

test.each<[DatabaseKind, string[]]>([
  [
    'postgresql',
    [
      '--exclude-table=audit',
      '--exclude-table-data=a.*',
      '--schema=crm',
      '--lock-wait-timeout=60000',
      '--no-comments',
      '--role=reader',
      '--compress=9',
    ],
  ],
  [
    'mariadb',
    [
      '--ignore-table=crm.audit',
      '--skip-triggers',
      '--order-by-primary',
      '--ssl-ca=/etc/ca.pem',
      '--tables',
      '--net_buffer_length=16K',
      '--where=id > 1\nand id < 5',
    ],
  ],
  ['mysql', ['--set-gtid-purged=AUTO', '--ssl-mode=VERIFY_CA']],
  ['sqlserver', ['-C', '-N', '-Nm', '-l30', '-t 600', '-G', '-KReadOnly']],
])('%s takes the others: %j', (kind, options) => {
  for (const option of options) expect(databases[kind].optionProblem(option), option).toBeNull();
});

const read = async (source: string): Promise<DatabaseSource> => {
  const text = `
version: 1
supplier: { name: Acme, signingKey: k.asc }
remote: { host: h, username: acme, directory: /in }
arrangements: { acme-crm: { beneficiaries: [{ name: V, key: v.asc, fingerprint: "${'A'.repeat(40)}" }], dataset: [${source}] } }`;
  const config = await parseConfig(text, '/etc/depot/depot.yaml', {
    env: {},
    cwd: '/',
    platform: 'linux',
    home: '/srv/acme',
  });
  return config.arrangements.get('acme-crm')!.dataset[0] as DatabaseSource;
};

test.each([
  ['{ postgresql: crm }', 'crm.pgdump', 'crm'],
  ['{ mariadb: crm }', 'crm.sql', 'crm'],
  ['{ mysql: { database: crm } }', 'crm.sql', 'crm'],
  ['{ sqlite: data/crm.db }', 'crm.sql', '/etc/depot/data/crm.db'],
  ['{ sqlite: { database: ~/x/crm.sqlite3 } }', 'crm.sql', '/srv/acme/x/crm.sqlite3'],
  ['{ sqlserver: { database: crm, backup: /srv/stage/b.bak } }', 'crm.bak', 'crm'],
  ['{ postgresql: "host=x --help", as: crm }', 'crm', 'host=x --help'],
])('%s is called %s', async (source, name, database) => {
  expect(await read(source)).toMatchObject({ name, database, options: [], password: {} });
});

test.each([
  ['{ postgresql: crm, file: x }', 'a source is one of'],
  ['{ postgresql: { host: x } }', "missing key 'database'"],
  ['{ postgresql: { database: crm, password: x } }', 'passwords do not belong in this file'],
  ['{ mariadb: { database: crm, passwordFile: a, passwordCommand: [b] } }', 'cannot be used together'],
  ['{ postgresql: a/b }', 'choose another name with as:'],
  ['{ postgresql: "a\\nb" }', 'choose another name with as:'],
  ['{ postgresql: crm, exclude: [a] }', 'exclude does not go with postgresql'],
  ['{ sqlserver: { database: crm, backup: /x }, prepare: [a] }', 'prepare does not go with sqlserver'],
  ['{ sqlite: x, prepare: [a] }', 'prepare does not go with sqlite'],
  ['{ sqlite: { database: x, options: [--a] } }', "unknown key 'options'"],
  ['{ sqlite: { database: x, host: y } }', "unknown key 'host'"],
])('%s is refused: %s', async (source, message) => {
  await expect(read(source)).rejects.toMatchObject({ message: expect.stringContaining(message) });
});
