/** What docs/configuration.md and the JSON Schema say about each key of depot.yaml; those of `remote:` are in remote-words.ts. A key without its words does not compile. */
import type { arrangement, beneficiary, incremental, shrinkage } from '../../src/config/arrangement.js';
import type { databaseServer } from '../../src/config/databases.js';
import type { Keys } from '../../src/config/mapping.js';
import type { ping } from '../../src/config/ping.js';
import type { notify, supplier, top } from '../../src/config/schema.js';
import type { source } from '../../src/config/sources.js';
import type { ErrorCode } from '../../src/texts/exits.js';

export interface Words {
  about: string;
  /** As it would stand in the file. */
  example: string;
  /** Values that are wrong, as they would stand in the file; the page shows what depot says to each. */
  wrong: readonly string[];
  /** What fails later because of this key, and when. */
  later?: Partial<Record<ErrorCode, string>>;
  /** The first version that has it; 0.1.0 when left out. */
  since?: string;
}

export type WordsFor<M extends { keys: Keys }> = Readonly<Record<keyof M['keys'], Words>>;

const failed = { 'source-failed': 'it does not exist, cannot be read, or a command fails' };

export const topWords: WordsFor<typeof top> = {
  version: { about: 'The version of this form of depot.yaml.', example: '1', wrong: ['2', '"1"'] },
  supplier: {
    about: 'Who deposits.',
    example: '{ name: Acme SaaS B.V., signingKey: keys/supplier.secret.asc }',
    wrong: ['Acme'],
  },
  state: {
    about:
      'Where receipts, ledgers and run records are kept. Left out: `/var/lib/depot` for a configuration in `/etc/depot`, else a directory of the account.',
    example: '/var/lib/depot',
    wrong: ['1'],
    later: { 'local-not-writable': 'depot cannot write there', 'state-insecure': 'other accounts can write there' },
  },
  notify: {
    about: 'Whom to tell how a push went.',
    example: '{ command: [/usr/local/bin/alert], on: [failure, stale] }',
    wrong: ['{ on: [failure] }'],
  },
  ping: {
    about:
      'A monitor that is told over HTTP when a push begins and ends, in the manner of Healthchecks: if the news stay away, it raises the alarm.',
    example: '{ url: "https://hc.example/ping/KEY/{arrangement}" }',
    wrong: ['https://hc.example/ping/KEY', '{ on: [failure] }'],
  },
  include: {
    about:
      'Files with more arrangements: names or globs, relative to this file. They have `arrangements:` and no other key.',
    example: '["arrangements/*.yaml"]',
    wrong: ['arrangements.yaml', '["!"]'],
    later: { 'config-insecure': 'other accounts can write one of the files' },
  },
  remote: {
    about: "The agent's server, for all arrangements; their own keys win.",
    example: '{ host: sftp.agent.example, username: acme, directory: /incoming }',
    wrong: ['sftp.agent.example'],
  },
  arrangements: {
    about:
      'What is deposited for whom: a mapping of names to arrangements. A name is `a-z`, `0-9` and hyphens, at most 41.',
    example:
      '{ acme-crm: { beneficiaries: [{ name: Gemeente Voorbeeld, key: keys/voorbeeld.asc, fingerprint: "8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2" }], dataset: [{ directory: /srv/crm/export }] } }',
    wrong: ['[acme-crm]', '{ Acme: { beneficiaries: [], dataset: [] } }'],
  },
};

export const supplierWords: WordsFor<typeof supplier> = {
  name: { about: 'Your name, as it is to stand in receipts.', example: 'Acme SaaS B.V.', wrong: ['" "', '42'] },
  signingKey: {
    about: 'The secret key that signs receipts.',
    example: 'keys/supplier.secret.asc',
    wrong: ['~root/supplier.secret.asc'],
    later: {
      'key-unreadable': 'the file is no secret key',
      'secret-insecure': 'other accounts can read the file',
      'signer-unusable': 'the key is expired, revoked, too weak, or cannot sign',
    },
  },
  signingKeyPassphraseFile: {
    about: 'A file that holds the passphrase of the signing key, which only the account that runs depot can read.',
    example: 'secrets/passphrase',
    wrong: ['""'],
    later: {
      'secret-missing': 'there is no such file, or it is empty',
      'secret-insecure': 'other accounts can read the file',
      'passphrase-wrong': 'it does not unlock the key',
    },
  },
  signingKeyPassphraseCommand: {
    about: 'A command that prints the passphrase of the signing key.',
    example: '[pass, show, depot/signing-key]',
    wrong: ['pass show depot/signing-key'],
    later: { 'secret-missing': 'it fails or prints nothing', 'passphrase-wrong': 'it does not unlock the key' },
  },
  formerSigningKeys: {
    about: 'Public keys that signed earlier receipts, which go on to count.',
    example: '[keys/2024.public.asc]',
    wrong: ['keys/2024.public.asc'],
  },
};

export const notifyWords: WordsFor<typeof notify> = {
  command: {
    about:
      'A command that gets the run record as one line of JSON on standard input. It never holds up or fails a deposit.',
    example: '[/usr/local/bin/alert]',
    wrong: ['mail -s depot ops'],
  },
  on: {
    about: 'When it runs. `failure` is about a push that was killed too.',
    example: '[failure, stale, shrink]',
    wrong: ['[failed]', '[]'],
  },
};

export const pingWords: WordsFor<typeof ping> = {
  url: {
    about:
      'Where to: this address after a success, with `/start` behind it at the beginning and with `/<exit code>` after a failure. Whoever knows it can report in your name.',
    example: '"https://hc.example/ping/KEY/{arrangement}"',
    wrong: ['hc.example/ping', '"https://acme:secret@hc.example/ping"', '"https://{arrangement}.hc.example"'],
  },
  on: {
    about:
      'What it is told. A deposit that is there already (`--if-older-than`, `--if-none-since`) is a success; `failure` is also what `depot status` finds, `31` for stale and `137` for killed.',
    example: '[success, failure]',
    wrong: ['[stale]', '[]'],
  },
};

export const arrangementWords: WordsFor<typeof arrangement> = {
  beneficiaries: {
    about: 'For whom the dataset is encrypted. Nobody else can read it.',
    example:
      '[{ name: Gemeente Voorbeeld, key: keys/voorbeeld.asc, fingerprint: "8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2" }]',
    wrong: ['Gemeente Voorbeeld', '[]'],
  },
  retiredKeys: {
    about: 'Keys that must never be encrypted for again.',
    example: '["8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C3"]',
    wrong: ['["91C3"]'],
    later: { 'recipient-unusable': "one of them is a beneficiary's key" },
  },
  dataset: {
    about: 'What is deposited.',
    example: '[{ directory: /srv/crm/export }, { postgresql: crm }]',
    wrong: ['/srv/crm/export', '[{ file: a/x }, { file: b/x }]'],
  },
  remote: {
    about: 'Keys of [`remote`](#remote) that differ for this arrangement.',
    example: '{ directory: /incoming/crm }',
    wrong: ['/incoming/crm'],
  },
  specification: {
    about: 'Your own document about the dataset. It goes inside the deposit, where only beneficiaries can read it.',
    example: 'SPECIFICATION.md',
    wrong: ['""'],
    later: { 'source-failed': 'there is no such file' },
  },
  minSize: {
    about: 'The least size of the dataset, before compression.',
    example: '500MiB',
    wrong: ['5M', '-5'],
    later: { 'source-too-small': 'the dataset is smaller' },
  },
  shrink: {
    about:
      'What it means that a dataset has fewer than half the entries or bytes of the last deposit: `warn` says so, `fail` publishes nothing, `off` does not compare.',
    example: '{ below: 80%, then: fail }',
    wrong: ['fial', '{ then: fail }'],
    later: { 'source-shrunk': 'with `fail`, the dataset shrank' },
  },
  compression: {
    about: "How the dataset is compressed; `auto` takes what this machine and the beneficiaries' programs can do.",
    example: 'gzip',
    wrong: ['zst'],
  },
  encryption: {
    about:
      'The form of the encrypted message: `modern` is SEIPD version 2 of RFC 9580, `compat` is version 1, which older programs read too. `auto` goes by the keys.',
    example: 'compat',
    wrong: ['strong'],
    later: { 'recipient-unusable': 'with `modern`, a key does not state that it can read it' },
  },
  incremental: {
    about:
      'Deposit only what changed since the last deposit. The agent must then keep the whole chain of deposits, and its people must know that.',
    example: '{ agentKeeps: 90d }',
    wrong: ['true', '{ fullEvery: 30d }', '{ fullEvery: 60d, agentKeeps: 90d }'],
  },
  spool: {
    about: 'Whether to encrypt to a local file first, whose upload is resumed after a crash.',
    example: 'true',
    wrong: ['"no"'],
    later: { 'local-disk-full': 'there is no room for the file' },
  },
  every: {
    about: 'The agreed rhythm. The arrangement is stale after 1.25 times this.',
    example: '24h',
    wrong: ['0h', 'daily'],
    later: { stale: '`depot status` finds the last deposit older' },
  },
  ended: {
    about: 'From this day on pushes are refused, and the arrangement is no longer stale.',
    example: '2027-01-31',
    wrong: ['2027-02-30', '31-01-2027'],
    later: { 'arrangement-ended': 'a push is tried on that day or later' },
  },
};

export const beneficiaryWords: WordsFor<typeof beneficiary> = {
  name: { about: 'As it is to stand in receipts and letters.', example: 'Gemeente Voorbeeld', wrong: ['" "'] },
  key: {
    about: "The beneficiary's public key.",
    example: 'keys/voorbeeld.asc',
    wrong: ['~root/voorbeeld.asc'],
    later: {
      'key-unreadable': 'the file is no public key',
      'recipient-unusable': 'the key is expired, revoked, too weak, or cannot encrypt',
    },
  },
  fingerprint: {
    about: 'In full, as the beneficiary read it to you.',
    example: '"8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2"',
    wrong: ['"0123456789ABCDEF"', '"8F3A 91C2 00"'],
    later: { 'recipient-unusable': 'the key in the file has another fingerprint' },
  },
  keyMadeBy: {
    about:
      '`supplier`: you made this key for the beneficiary, so what it proves is your own word; attestations are shown as self-attested.',
    example: 'supplier',
    wrong: ['agent'],
  },
};

const atDatabase = {
  'source-failed': 'it cannot be reached, refuses the login, or the dump fails',
  'source-client-too-old': 'pg_dump is older than the server',
  'source-empty': 'it has no tables that the account sees',
  'secret-missing': 'the password is not where it should be',
};

export const sourceWords: WordsFor<typeof source> = {
  directory: {
    about:
      'A directory, with everything below it. One of this, `file`, `command`, `stdin` and the databases makes a source.',
    example: '/srv/crm/export',
    wrong: ['~root/export', '/'],
    later: failed,
  },
  file: { about: 'A single file.', example: '/srv/crm/schema.sql', wrong: ['dump.part-1'], later: failed },
  command: {
    about: 'A command whose output is deposited. It needs a name with `as`.',
    example: '[mongodump, --archive, --db=crm]',
    wrong: ['pg_dump crm'],
    later: { 'source-failed': 'it fails', 'source-empty': 'it prints nothing' },
  },
  stdin: {
    about: 'What is piped into `depot push`. It needs a name with `as`, and only one source can be it.',
    example: 'true',
    wrong: ['false'],
    later: { 'source-empty': 'nothing is piped into it' },
  },
  postgresql: {
    about: 'A PostgreSQL database, dumped by pg_dump: its name, or its keys.',
    example: '{ database: crm, host: db.internal, username: depot, passwordFile: secrets/crm-db }',
    wrong: ['{ host: db.internal }', '{ database: crm, options: [--file=/tmp/x] }'],
    later: atDatabase,
  },
  mariadb: {
    about: 'A MariaDB database, dumped by mariadb-dump or mysqldump: its name, or its keys.',
    example: '{ database: shop, host: /run/mysqld/mysqld.sock, username: depot }',
    wrong: ['[crm]', '{ database: crm, options: [--tab=/tmp] }'],
    later: atDatabase,
  },
  mysql: {
    about: 'A MySQL database, dumped by mysqldump or mariadb-dump: its name, or its keys.',
    example: '{ database: billing, host: db.internal, username: depot, passwordFile: secrets/billing-db }',
    wrong: ['{ database: crm, password: secret }'],
    later: atDatabase,
  },
  sqlite: {
    about: 'A SQLite database, dumped as SQL by sqlite3, also while others write to it: the path of its file.',
    example: '/srv/crm/crm.db',
    wrong: ['{ path: crm.db }'],
    later: {
      'source-failed':
        'there is no such file, it is damaged or no database, or it has text with a NUL, which a dump cuts off',
      'source-empty': 'it has no tables',
    },
  },
  sqlserver: {
    about:
      'A SQL Server database. The server writes an unencrypted backup to a disk, which is deposited and then removed by `rm -f` (Windows: `del`), or by your `cleanup`.',
    example: '{ database: staff, username: depot, passwordFile: secrets/staff-db, backup: /srv/stage/staff.bak }',
    wrong: ['crm', '{ database: crm }'],
    later: atDatabase,
  },
  as: {
    about:
      'The name under `data/` in the deposit. Left out: the last part of the path, or the name of the database with `.pgdump`, `.sql` or `.bak`.',
    example: 'crm.archive',
    wrong: ['a/b', '..', 'dump.part-000001'],
  },
  exclude: {
    about:
      'Globs, relative to the directory, of what is left out: `*.tmp` at the top, `**/*.tmp` at every depth. They are not those of .gitignore: [examples](operations.md#exclude-patterns). Only with `directory`. `/` stands between names, on Windows `\\` too; capitals count where they do for the file system. One that matches nothing is a warning.',
    example: '["**/*.tmp"]',
    wrong: ['"**/*.tmp"'],
  },
  oneFileSystem: {
    about:
      'Whether to leave out what other file systems hold that are mounted below the directory. Where one is mounted, an empty directory is deposited. Only with `directory`.',
    example: 'true',
    wrong: ['"yes"'],
  },
  onChange: {
    about:
      'What it means that a file changes while it is read: `warn` deposits it as incomplete. Only with `directory` and `file`.',
    example: 'warn',
    wrong: ['ignore'],
    later: { 'source-changed': 'with `fail`, a file changed while it was read' },
  },
  allowEmpty: {
    about: 'Whether a file or an output without content, or a directory without files, may be deposited.',
    example: 'true',
    wrong: ['"no"'],
    later: { 'source-empty': 'with `false`, there is nothing in it' },
  },
  prepare: {
    about:
      'A command that runs before the source is read. Not with `stdin`, `sqlite` and `sqlserver`. A database is not looked at before it ran.',
    example: '[sqlcmd, -b, -i, backup.sql]',
    wrong: ['sqlcmd -b'],
    later: { 'source-failed': 'it fails' },
  },
  cleanup: {
    about:
      'A command that runs after the source was read, whatever happened; its failure is a warning. Not with `stdin`.',
    example: '[rm, -f, /srv/stage/crm.bak]',
    wrong: ['[""]'],
  },
  timeout: {
    about: 'How long each of `prepare`, `command`, `stdin` and `cleanup` may take.',
    example: '4h',
    wrong: ['0s', '2y'],
    later: { 'source-timed-out': 'it takes longer' },
  },
  env: {
    about: 'Added to the environment of the commands. Not with `stdin`.',
    example: '{ PGUSER: depot }',
    wrong: ['{ DEPOT_PASSWORD: x }', '{ A: [x] }', '[A=b]'],
  },
};

export const databaseWords: WordsFor<typeof databaseServer> = {
  database: { about: 'Its name; for SQLite the path of its file.', example: 'crm', wrong: ['[crm]'] },
  host: {
    about:
      "Where the server is. A path is that of a socket, for PostgreSQL that of the socket's directory. Left out: what the database's own programs take.",
    example: 'db.internal',
    wrong: ['""'],
  },
  port: { about: 'Its port.', example: '5432', wrong: ['0', '"5432"'] },
  username: {
    about:
      "The account there. Left out: what the database's own programs take; with SQL Server, the account that runs depot.",
    example: 'depot',
    wrong: ['[depot]'],
  },
  passwordFile: {
    about:
      'A file that holds the password, which only the account that runs depot can read. Only the program that dumps gets the password. Left out: `~/.pgpass`, `~/.my.cnf`, or a login without one.',
    example: 'secrets/crm-db',
    wrong: ['~root/crm-db'],
    later: { 'secret-missing': 'there is no such file', 'secret-insecure': 'other accounts can read the file' },
  },
  passwordCommand: {
    about: 'A command that prints the password.',
    example: '[pass, show, databases/crm]',
    wrong: ['pass show databases/crm'],
    later: { 'secret-missing': 'it fails or prints nothing' },
  },
  options: {
    about: 'More options for the program that dumps it, in long form. Those that write to a disk are refused.',
    example: '[--exclude-table=audit]',
    wrong: ['[-T, audit]', '[--file=/tmp/x]', '[--format=directory]'],
  },
  program: {
    about:
      'The program that dumps it, where it is not on the PATH or there are several. Its client is looked for beside it.',
    example: '/usr/lib/postgresql/16/bin/pg_dump',
    wrong: ['[pg_dump]'],
  },
  backup: {
    about:
      'The file that SQL Server writes, unencrypted. The server writes it and the account that runs depot reads and removes it.',
    example: '/srv/stage/crm.bak',
    wrong: ['""'],
  },
};

export const incrementalWords: WordsFor<typeof incremental> = {
  fullEvery: {
    about: 'How old the last full deposit may be before the next one is full again.',
    example: '14d',
    wrong: ['12h', '30'],
  },
  maxIncrements: { about: 'How many increments may follow a full deposit.', example: '30', wrong: ['0', '1000'] },
  agentKeeps: {
    about:
      'How long the agent keeps each deposit, as agreed with it. An increment opens only with those before it, back to the full deposit: so this is at least twice `fullEvery`.',
    example: '90d',
    wrong: ['1d', '90'],
  },
  rereadEvery: {
    about: 'How long a file whose size and times stay the same is taken as unchanged before it is read again.',
    example: '7d',
    wrong: ['1h'],
  },
};

export const shrinkageWords: WordsFor<typeof shrinkage> = {
  below: {
    about: "The part of the last deposit's entries or bytes below which a dataset counts as shrunk.",
    example: '80%',
    wrong: ['0%', '0.5'],
  },
  then: { about: 'What happens then, as with the short form.', example: 'fail', wrong: ['stop'] },
};
