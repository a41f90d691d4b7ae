import { describe, expect, test } from 'vitest';

import type { DepotError } from '../../src/errors.js';
import { changed, type Changes, fingerprint, linux, load, problems } from './sample.js';

const other = 'B'.repeat(40);

/** One thing wrong: what the (only) complaint says. */
test.each<[string, Changes, string | RegExp]>([
  ['no version', { top: { version: undefined } }, "missing key 'version'"],
  ['version as text', { top: { version: '1' } }, 'expected 1, found "1"'],
  [
    'a later version, with keys of its own',
    { top: { version: 2, novelty: true } },
    "version '2' is not known to this depot",
  ],
  ['no supplier', { top: { supplier: undefined } }, "missing key 'supplier'"],
  ['no signing key', { supplier: { signingKey: undefined } }, "missing key 'signingKey'"],
  ['an empty supplier name', { supplier: { name: ' ' } }, 'only spaces'],
  ['a supplier name over two lines', { supplier: { name: 'Acme\nB.V.' } }, 'no control characters'],
  ['a passphrase in the file', { supplier: { passphrase: 'x' } }, 'passphrases do not belong in this file'],
  [
    'two sources of a passphrase',
    { supplier: { signingKeyPassphraseFile: 'a', signingKeyPassphraseCommand: ['b'] } },
    'exclude each other',
  ],
  ['unknown key at the top', { top: { arangements: {} } }, "unknown key 'arangements', did you mean 'arrangements'?"],
  ['a key of Object', { top: { constructor: 1 } }, "unknown key 'constructor'"],
  ['a merge key', { top: { '<<': {} } }, 'merge keys are not supported'],
  ['an include that is no pattern', { top: { include: ['!'] } }, 'is no pattern of file names'],
  ['notify without a command', { top: { notify: { on: ['failure'] } } }, "missing key 'command'"],
  [
    'notify on something else',
    { top: { notify: { command: ['x'], on: ['failed'] } } },
    'expected success, failure, killed, stale, shrink, found "failed"',
  ],
  [
    'notify command as a string',
    { top: { notify: { command: 'mail -s hi' } } },
    'a command is a list, since no shell takes it apart',
  ],
  ['an empty command', { top: { notify: { command: [] } } }, 'at least one member'],
  [
    'a program without a name',
    { top: { notify: { command: ['', 'x'] } } },
    'the first member of a command is a program',
  ],

  [
    'a password in the file',
    { remote: { password: 'hunter2' } },
    /passwords do not belong in this file; (?!.*hunter2)/,
  ],
  ['two sources of a password', { remote: { passwordFile: 'a', passwordCommand: ['b'] } }, 'exclude each other'],
  ['no host', { remote: { host: undefined } }, "'acme-crm' has no remote host"],
  ['no directory', { remote: { directory: undefined } }, "'acme-crm' has no remote directory"],
  ['a host with its port', { remote: { host: '10.0.0.1:22' } }, 'put the port into port:'],
  ['port 0', { remote: { port: 0 } }, 'a whole number from 1 to 65535'],
  ['port as text', { remote: { port: '22' } }, 'a whole number from 1 to 65535'],
  ['a home on the server', { remote: { directory: '~/incoming' } }, 'SFTP does not expand ~'],
  ['backslashes on the server', { remote: { directory: 'a\\b' } }, 'forward slashes'],
  ['an empty hostKey', { remote: { hostKey: [] } }, 'at least one member'],
  ['a bad hostKey in a list', { remote: { hostKey: ['SHA256:x'] } }, 'SHA256:…'],
  ['publish', { remote: { publish: 'renam' } }, "did you mean 'rename'?"],
  ['direct without sidecars', { remote: { publish: 'direct', sidecars: false } }, 'publish: direct needs sidecars'],
  ['sidecars as text', { remote: { sidecars: 'yes' } }, 'expected true or false'],
  ['lanes 9', { remote: { lanes: 9 } }, 'from 1 to 8'],
  ['lanes 1.5', { remote: { lanes: 1.5 } }, 'from 1 to 8'],
  ['window 0', { remote: { window: 0 } }, 'from 1 to 256'],
  ['window 257', { remote: { window: 257 } }, 'from 1 to 256'],
  ['retryFor without a unit', { remote: { retryFor: 30 } }, 'a duration is a number and a unit'],
  ['connectTimeout of no time', { remote: { connectTimeout: '0s' } }, 'from 1s to 10m'],
  ['connectTimeout that is too long', { remote: { connectTimeout: '1h' } }, 'from 1s to 10m'],
  ['retryFor longer than a timer', { remote: { retryFor: '25d' } }, 'at most 24d'],
  ['the home of another', { remote: { privateKey: '~root/.ssh/id' } }, 'not the homes of others'],
  ['an empty path', { remote: { privateKey: '' } }, 'found an empty one'],

  [
    'an arrangement with capitals',
    {
      top: {
        arrangements: { Acme: { beneficiaries: [{ name: 'b', key: 'k', fingerprint }], dataset: [{ file: 'f' }] } },
      },
    },
    "'Acme' cannot be the name of an arrangement",
  ],
  ['an arrangement that is a list', { top: { arrangements: { acme: [] } } }, 'expected a mapping with'],
  ['no beneficiaries', { arrangement: { beneficiaries: undefined } }, "missing key 'beneficiaries'"],
  ['an empty dataset', { arrangement: { dataset: [] } }, 'at least one member'],
  ['dataset under another name', { arrangement: { sources: [] } }, 'write dataset:'],
  [
    'a shortened fingerprint',
    { arrangement: { beneficiaries: [{ name: 'b', key: 'k', fingerprint: '0123456789ABCDEF' }] } },
    'this is a key id',
  ],
  [
    'the same key twice',
    {
      arrangement: {
        beneficiaries: [
          { name: 'b', key: 'k', fingerprint },
          { name: 'c', key: 'l', fingerprint: fingerprint.toLowerCase() },
        ],
      },
    },
    'the same key as at',
  ],
  ['a retired key that is none', { arrangement: { retiredKeys: ['x'] } }, '40 or 64 hexadecimal digits'],
  ['compression', { arrangement: { compression: 'zst' } }, "did you mean 'zstd'?"],
  ['encryption', { arrangement: { encryption: 'strong' } }, 'expected auto, modern, compat'],
  ['minSize', { arrangement: { minSize: '500Mib' } }, 'has a unit: 500MiB'],
  ['shrink', { arrangement: { shrink: 'fial' } }, "did you mean 'fail'?"],
  ['shrink without a threshold', { arrangement: { shrink: { then: 'fail' } } }, "missing key 'below'"],
  ['shrink below nothing', { arrangement: { shrink: { below: '0%' } } }, 'a whole percentage from 1% to 100%'],
  ['shrink below a number', { arrangement: { shrink: { below: 0.5, then: 'fail' } } }, 'a whole percentage'],
  ['shrink then', { arrangement: { shrink: { below: '50%', then: 'stop' } } }, 'expected warn, fail, off'],
  ['a rhythm of nothing', { arrangement: { every: '0h' } }, 'longer than nothing'],
  ['a day that does not exist', { arrangement: { ended: '2027-02-30' } }, 'there is no such day'],

  ['a source of no kind', { source: { as: 'x' } }, 'a source is one of directory, file, command, stdin'],
  ['a source of two kinds', { source: { file: 'a', directory: 'b' } }, 'this one is directory and file'],
  ['a command without a name', { source: { command: ['x'] } }, "missing key 'as'"],
  ['stdin without a name', { source: { stdin: true } }, "missing key 'as'"],
  ['stdin: false', { source: { stdin: false, as: 'x' } }, 'stdin can only be true'],
  ['the root directory without a name', { source: { directory: '/' } }, 'choose another name with as:'],
  ['a name with a slash', { source: { file: 'a', as: 'a/b' } }, 'no slashes'],
  ['a name with a backslash', { source: { file: 'a', as: 'a\\b' } }, 'no slashes'],
  ['the name ..', { source: { file: 'a', as: '..' } }, 'this is no file name'],
  ['a name that hides', { source: { file: 'a', as: 'a\u202eb' } }, 'no control characters in a name'],
  ['a name like a part', { source: { file: 'a', as: 'dump.part-000001' } }, 'the pieces of long files'],
  ['a base name like a part', { source: { file: 'dump.part-1' } }, 'choose another name with as:'],
  ['a name too long', { source: { file: 'a', as: 'é'.repeat(121) } }, 'at most 240 bytes'],
  [
    'exclude for a file',
    { source: { file: 'a', exclude: ['*.tmp'] } },
    'exclude does not go with file (only with directory)',
  ],
  [
    'onChange for a command',
    { source: { command: ['x'], as: 'x', onChange: 'warn' } },
    'onChange does not go with command',
  ],
  ['prepare for stdin', { source: { stdin: true, as: 'x', prepare: ['p'] } }, 'prepare does not go with stdin'],
  ['a timeout for nothing that runs', { source: { file: 'a', timeout: '1h' } }, 'timeout is for commands'],
  ['env for nothing that runs', { source: { directory: 'a', env: { A: 'b' } } }, 'env is for commands'],
  ['a timeout of nothing', { source: { command: ['x'], as: 'x', timeout: '0s' } }, 'leave the key out'],
  ['a timeout longer than a timer', { source: { command: ['x'], as: 'x', timeout: '2y' } }, 'at most 24d'],
  ['a secret in env', { source: { command: ['x'], as: 'x', env: { DEPOT_PASSWORD: 'x' } } }, 'kept from commands'],
  [
    'a name that env cannot have',
    { source: { command: ['x'], as: 'x', env: { 'A=B': 'x' } } },
    'no name of an environment variable',
  ],
  ['a list in env', { source: { command: ['x'], as: 'x', env: { A: ['x'] } } }, 'expected text, found a list'],
  ['an argument with a NUL', { source: { command: ['x', 'a\0b'], as: 'x' } }, 'cannot hold a NUL'],
  [
    'two names alike',
    { arrangement: { dataset: [{ file: 'a/x' }, { file: 'b/x' }] } },
    "another source is called 'x' too",
  ],
  [
    'two names alike on Windows and macOS',
    { arrangement: { dataset: [{ file: 'Caf\u00e9' }, { file: 'cafe\u0301' }] } },
    'another source is called',
  ],
  [
    'stdin twice',
    {
      arrangement: {
        dataset: [
          { stdin: true, as: 'a' },
          { stdin: true, as: 'b' },
        ],
      },
    },
    'only one source can read stdin',
  ],
])('%s', async (_, changes, expected) => {
  const found = await problems(changed(changes));
  expect(found.map((p) => p.message)).toEqual([
    expected instanceof RegExp ? expect.stringMatching(expected) : expect.stringContaining(expected),
  ]);
});

describe('what is understood', () => {
  test.each<[string, Changes, (of: Awaited<ReturnType<typeof load>>) => unknown, unknown]>([
    ['~/ is the home', { supplier: { signingKey: '~/key.asc' } }, (c) => c.supplier.signingKey, '/accounts/op/key.asc'],
    ['paths are relative to the file', {}, (c) => c.supplier.signingKey, '/etc/depot/keys/supplier.secret.asc'],
    ['state in the file', { top: { state: 'state' } }, (c) => c.state.path, '/etc/depot/state'],
    ['notify on by default', { top: { notify: { command: ['x'] } } }, (c) => c.notify?.on, ['failure', 'stale']],
    [
      'numbers in commands as they were typed',
      { source: { command: ['x', 5432, true, ''], as: 1 } },
      (c) => c.arrangements.get('acme-crm')?.dataset[0],
      { kind: 'command', command: ['x', '5432', 'true', ''], name: '1', allowEmpty: false, onChange: 'fail' },
    ],
    [
      'a slash at the end of the remote directory',
      { remote: { directory: '/incoming//' } },
      (c) => c.arrangements.get('acme-crm')?.remote.directory,
      '/incoming',
    ],
    [
      'the root of the server',
      { remote: { directory: '/' } },
      (c) => c.arrangements.get('acme-crm')?.remote.directory,
      '/',
    ],
    [
      'a user name of digits',
      { remote: { username: 4711 } },
      (c) => c.arrangements.get('acme-crm')?.remote.username,
      '4711',
    ],
    ['no tries again', { remote: { retryFor: '0s' } }, (c) => c.arrangements.get('acme-crm')?.remote.retryFor, 0],
    [
      'connectTimeout',
      { remote: { connectTimeout: '45s' } },
      (c) => c.arrangements.get('acme-crm')?.remote.connectTimeout,
      45_000,
    ],
    ['connectTimeout not said', {}, (c) => c.arrangements.get('acme-crm')?.remote.connectTimeout, 30_000],
    ['retryFor not said', {}, (c) => c.arrangements.get('acme-crm')?.remote.retryFor, undefined],
    [
      'one hostKey',
      { remote: { hostKey: 'SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU' } },
      (c) => c.arrangements.get('acme-crm')?.remote.hostKey,
      ['SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU'],
    ],
    ['a size without a unit', { arrangement: { minSize: 12 } }, (c) => c.arrangements.get('acme-crm')?.minSize, 12],
    [
      'retired keys',
      { arrangement: { retiredKeys: [other.toLowerCase()] } },
      (c) => c.arrangements.get('acme-crm')?.retiredKeys,
      [other],
    ],
    [
      'an env name of Object',
      { source: { command: ['x'], as: 'x', env: { ['__proto__']: 'x' } } },
      (c) => Object.keys(c.arrangements.get('acme-crm')?.dataset[0]?.env ?? {}),
      ['__proto__'],
    ],
    [
      'no arrangements yet',
      { top: { arrangements: undefined } },
      (c) => [c.arrangements.size, c.warnings],
      [0, ['the configuration has no arrangements yet']],
    ],
    ['arrangements with nothing after it', { top: { arrangements: null } }, (c) => c.arrangements.size, 0],
  ])('%s', async (_, changes, get, expected) => {
    const text = changed(changes).replace('"env":{}', '"env":{"__proto__":"x"}');
    expect(get(await load(text))).toEqual(expected);
  });

  test('an arrangement takes what it does not say from the remote for all', async () => {
    const config = await load(
      changed({
        remote: {
          passwordFile: 'all',
          privateKey: 'all.key',
          privateKeyPassphraseFile: 'all.pass',
          window: 1,
          hostKey: 'SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU',
        },
        arrangement: {
          remote: { host: 'other.example.org', port: 2222, passwordCommand: ['own'], privateKey: 'own.key' },
        },
      }),
    );
    const remote = config.arrangements.get('acme-crm')?.remote;
    expect(remote).toMatchObject({
      host: 'other.example.org',
      port: 2222,
      username: 'acme',
      directory: '/incoming',
      window: 1,
      privateKey: '/etc/depot/own.key',
    });
    expect(remote?.password, 'one source of a password, not two').toEqual({ command: ['own'] });
    expect(remote?.privateKeyPassphrase, 'it is of the other key').toEqual({});
    expect(config.warnings).toEqual([expect.stringContaining('takes hostKey from the remote for all')]);
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>, string]>([
    ['host', { passwordFile: 'all' }, { host: 'other.example.org' }, 'passwordFile'],
    ['port', { passwordCommand: ['pass', 'all'] }, { port: 2222 }, 'passwordCommand'],
    ['username', { passwordFile: 'all' }, { username: 'other' }, 'passwordFile'],
    ['host', { host: undefined, passwordFile: 'all' }, { host: '10.20.0.5' }, 'passwordFile'],
  ])('an arrangement with another %s is not sent the password for all', async (key, common, own, inherited) => {
    const found = await problems(changed({ remote: common, arrangement: { remote: own } }).replaceAll(',"', ',\n"'));
    expect(found).toMatchObject([
      {
        file: '/etc/depot/depot.yaml',
        message: expect.stringContaining(
          `'acme-crm' has a ${key} of its own, and would send it the password from the ${inherited} of the remote for all (/etc/depot/depot.yaml:`,
        ) as string,
      },
    ]);
    expect(found[0].line).toBeGreaterThan(1);
    const withKey = await load(changed({ remote: common, arrangement: { remote: { ...own, privateKey: 'own.key' } } }));
    expect(withKey.arrangements.get('acme-crm')?.remote.password, 'its login is its key').toEqual({});
  });

  test('an arrangement that says the same server, or a user name where none is for all, takes the password for all', async () => {
    const same = { host: '10.20.0.5', port: 22, username: 'acme' };
    for (const [common, own] of [
      [{}, same],
      [{ username: undefined }, { username: 'other' }],
      [{ host: 'Sftp.example.org' }, { host: 'sftp.example.org' }],
    ] as const) {
      const config = await load(changed({ remote: { ...common, passwordFile: 'all' }, arrangement: { remote: own } }));
      expect(config.arrangements.get('acme-crm')?.remote.password).toEqual({ file: '/etc/depot/all' });
    }
  });

  test('the password of a remote for all that names no user goes to one user name only', async () => {
    const two = (own: Record<string, unknown>, other: Record<string, unknown>): string => {
      const config = JSON.parse(
        changed({ remote: { username: undefined, passwordFile: 'all' }, arrangement: { remote: own } }),
      ) as { arrangements: Record<string, Record<string, unknown>> };
      config.arrangements['acme-hr'] = { ...config.arrangements['acme-crm'], remote: other };
      return JSON.stringify(config).replaceAll(',"', ',\n"');
    };
    const said = (key: string): unknown =>
      expect.objectContaining({
        message: expect.stringContaining(
          `'${key}' has a username of its own, and would send it the password from the passwordFile of the remote for all`,
        ) as string,
      });
    expect(await problems(two({ username: 'crm' }, { username: 'hr' }))).toEqual([said('acme-crm'), said('acme-hr')]);
    expect(await problems(two({ username: 'crm' }, {})), 'the other one has a stored name').toEqual([said('acme-crm')]);
    const passwords = async (own: Record<string, unknown>, other: Record<string, unknown>): Promise<unknown[]> =>
      [...(await load(two(own, other))).arrangements.values()].map(({ remote }) => remote.password.file);
    expect(await passwords({ username: 'crm' }, { username: 'crm' })).toEqual(['/etc/depot/all', '/etc/depot/all']);
    expect(
      await passwords({ username: 'crm' }, { username: 'hr', privateKey: 'hr.key' }).catch(
        (e: unknown) => (e as Error).message,
      ),
    ).toContain("'acme-crm' has a username");
    expect(await passwords({ username: 'crm', passwordFile: 'crm' }, { username: 'hr' })).toEqual([
      '/etc/depot/crm',
      '/etc/depot/all',
    ]);
    expect(await passwords({}, { username: 'hr', privateKey: 'hr.key' }), 'its login is its key').toEqual([
      '/etc/depot/all',
      undefined,
    ]);
  });

  test('a beneficiary whose key is retired loads, since a push has an exit code of its own for it, with a warning', async () => {
    const config = await load(changed({ arrangement: { retiredKeys: [fingerprint] } }));
    expect(config.warnings).toEqual([
      expect.stringContaining("'acme-crm' seals for Gemeente Voorbeeld with a key that is in its retiredKeys"),
    ]);
  });

  test('direct here, no sidecars there: said where it stands', async () => {
    const found = await problems(
      changed({ remote: { sidecars: false }, arrangement: { remote: { publish: 'direct' } } }),
    );
    expect(found).toEqual([
      expect.objectContaining({ message: expect.stringContaining('publish: direct needs sidecars') }),
    ]);
  });

  test('a Windows configuration', async () => {
    const { parseConfig } = await import('../../src/config/load.js');
    const text = changed({ source: { prepare: ['sqlcmd', '-b'], file: 'D:\\stage\\crm.bak' } });
    const config = await parseConfig(text, 'C:\\ProgramData\\depot\\depot.yaml', {
      ...linux,
      platform: 'win32',
      home: 'C:\\Users\\op',
      cwd: 'C:\\',
    });
    expect(config.arrangements.get('acme-crm')?.dataset[0]).toMatchObject({
      path: 'D:\\stage\\crm.bak',
      name: 'crm.bak',
    });
    expect(config.supplier.signingKey).toBe('C:\\ProgramData\\depot\\keys\\supplier.secret.asc');
    expect(config.state.path).toBe('C:\\ProgramData\\depot\\state');
  });
});

describe('everything at once, with its place', () => {
  const head = 'version: 1\nsupplier: { name: A, signingKey: k }\n';

  test('several problems come sorted by place', async () => {
    const text = `${head}remote:\n  hots: x\n  port: none\n  port: 22\narrangements:\n  acme:\n    beneficiaries: nobody\n    dataset:\n      - { file: a, as: .. }\n`;
    const error = await load(text).then(
      () => undefined,
      (e: unknown) => e as DepotError,
    );
    expect(error?.code).toBe('config-invalid');
    expect(error?.exit).toBe(10);
    expect(error?.message.split('\n')).toEqual([
      '7 problems in the configuration',
      "/etc/depot/depot.yaml:4:3: unknown key 'hots', did you mean 'host'?",
      "/etc/depot/depot.yaml:5:9: expected a whole number from 1 to 65535, found 'none'",
      "/etc/depot/depot.yaml:6:3: duplicate key 'port' (first at line 5)",
      "/etc/depot/depot.yaml:8:3: 'acme' has no remote host: set it here or in the remote: for all",
      "/etc/depot/depot.yaml:8:3: 'acme' has no remote directory: set it here or in the remote: for all",
      "/etc/depot/depot.yaml:9:20: expected a list, found 'nobody'",
      "/etc/depot/depot.yaml:11:24: '..': this is no file name",
    ]);
  });

  test.each<[string, string | Uint8Array, string]>([
    ['an empty file', '', 'the file is empty'],
    ['only a comment', '# nothing\n', 'the file is empty'],
    ['a list', '- a\n', 'expected a mapping'],
    ['a quote left open', 'version: "1\n', '2:1: missing closing "quote'],
    ['a tab as indent', 'supplier:\n\tname: x\n', 'tab'],
    ['two documents', `${head}---\n${head}`, 'multiple documents'],
    ['an unknown tag', `${head}state: !secret x\n`, 'unresolved tag'],
    ['an alias to nothing', `${head}state: *gone\n`, '*gone, which stands for nothing'],
    ['a mapping as a key', `${head}? { a: b }\n: c\n`, 'key'],
    ['not UTF-8', Uint8Array.of(0x61, 0x3a, 0xff), 'this is not UTF-8 text'],
    ['Windows-1252', Buffer.from('supplier: { name: Caf\u00e9 }', 'latin1'), 'this is not UTF-8 text'],
    ['deep nesting', '['.repeat(20_000), '1:'],
    ['an escape sequence', `${head}"\\e[2Jx": 1\n`, "unknown key '\\x1b[2Jx'"],
  ])('%s', async (_, text, expected) => {
    const { parseConfig } = await import('../../src/config/load.js');
    const error = await parseConfig(text, '/etc/depot/depot.yaml', linux).then(
      () => undefined,
      (e: unknown) => e as DepotError,
    );
    expect(error?.code).toBe('config-invalid');
    expect(error?.message.toLowerCase()).toContain(expected.toLowerCase());
  });

  test('a byte order mark and Windows line ends change nothing', async () => {
    const text = `\ufeff${head}remote: { port: x }\n`.replaceAll('\n', '\r\n');
    expect(await problems(text)).toEqual([expect.objectContaining({ line: 3, column: 17 })]);
  });

  test('aliases work', async () => {
    const config = await load(
      `${head}remote: &r { host: h, directory: d }\narrangements:\n  a: { beneficiaries: [{ name: b, key: k, fingerprint: ${fingerprint} }], remote: *r, dataset: &d [{ file: f }] }\n  b: { beneficiaries: [{ name: b, key: k, fingerprint: ${fingerprint} }], dataset: *d }\n`,
    );
    expect([...config.arrangements.values()].map((a) => a.dataset[0]?.name)).toEqual(['f', 'f']);
  });

  test('a few lines of aliases that would be billions of values are refused', async () => {
    const row = (name: string, of: string): string =>
      `${name}: &${name} [${Array.from({ length: 400 }, () => of).join(', ')}]`;
    // Unknown keys are not followed: the aliases must be where values are read.
    const text =
      `version: 1\nsupplier: { name: A, signingKey: k }\n${row('x', 'w')}\narrangements:\n  a: &a\n    dataset:\n${'      - { command: *x, as: a }\n'.repeat(300)}` +
      Array.from({ length: 50 }, (_, i) => `  b${i}: *a\n`).join('');
    const found = await problems(text);
    expect(found).toEqual([
      expect.objectContaining({ message: expect.stringContaining('more values than any configuration needs') }),
    ]);
  });

  test('a flood of problems is cut', async () => {
    const error = await load(`${head}remote:\n${Array.from({ length: 1000 }, (_, i) => `  x${i}: 1\n`).join('')}`).then(
      () => undefined,
      (e: unknown) => e as DepotError,
    );
    expect(error?.message.split('\n')).toHaveLength(52);
    expect(error?.message).toContain('and 950 more');
  });
});
