import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import type { DepotError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';
import type { Keychain } from '../../src/secrets/request.js';
import { describeSources, findSecret } from '../../src/secrets/lookup.js';
import {
  accountLabel,
  keychainAccount,
  type SecretKind,
  type SecretRequest,
  serverLabel,
} from '../../src/secrets/request.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot } from '../support/peers.js';

const account = { username: 'acme', host: '10.20.0.5', port: 22 };

function request(more: Partial<SecretRequest> = {}): SecretRequest {
  return {
    kind: 'password',
    refs: {},
    env: {},
    configDirectory: tempDir('secrets'),
    account,
    needed: { run: 1, server: 1 },
    keychains: [],
    ...more,
  };
}

function secretFile(path: string, contents: string | Uint8Array, mode = 0o600): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, contents);
  chmodSync(path, mode);
  return path;
}

async function found(r: SecretRequest): Promise<[string, string] | null> {
  const secret = await findSecret(r);
  return secret === null ? null : [secret.value.reveal(), secret.from];
}

async function failure(promise: Promise<unknown>): Promise<DepotError> {
  return promise.then(
    () => expect.fail('it was found'),
    (error: unknown) => error as DepotError,
  );
}

function keychainWith(items: Record<string, string>): Keychain {
  return {
    name: 'test',
    get: async (name) => (name in items ? new Secret(items[name] ?? '') : null),
    set: async (name, secret) => void (items[name] = secret.reveal()),
    delete: async (name) => Reflect.deleteProperty(items, name),
  };
}

test('the order: each source in turn is the first, and the next when it is gone', async () => {
  const directory = tempDir('secrets');
  const credentials = tempDir('credentials');
  const env: NodeJS.ProcessEnv = {
    DEPOT_PASSWORD: 'variable',
    DEPOT_PASSWORD_FILE: secretFile(join(directory, 'named'), 'variable file\n'),
    CREDENTIALS_DIRECTORY: credentials,
  };
  let refs: SecretRequest['refs'] = { file: secretFile(join(directory, 'configured'), 'configured') };
  let keychains = [keychainWith({ 'acme@10.20.0.5:22': 'keychain' })];
  const own = secretFile(join(directory, 'secrets/acme@10.20.0.5.password'), 'stored for the user\n');
  const shared = secretFile(join(directory, 'secrets/10.20.0.5.password'), 'stored\n');
  secretFile(join(credentials, 'depot.password.acme@10.20.0.5'), 'credential of the account', 0o400);
  secretFile(join(credentials, 'depot.password.10.20.0.5'), 'credential of the server', 0o400);
  secretFile(join(credentials, 'depot.password'), 'credential', 0o400);
  const { rmSync } = await import('node:fs');
  const steps: [string, string, () => void][] = [
    ['variable', 'environment DEPOT_PASSWORD', () => delete env['DEPOT_PASSWORD']],
    ['variable file', 'environment DEPOT_PASSWORD_FILE', () => delete env['DEPOT_PASSWORD_FILE']],
    ['configured', `file ${join(directory, 'configured')}`, () => (refs = { command: ['printf', 'from a command'] })],
    ['from a command', 'command printf', () => (refs = {})],
    ['stored for the user', `file ${own}`, () => rmSync(own)],
    ['stored', `file ${shared}`, () => rmSync(shared)],
    [
      'credential of the account',
      'systemd credential depot.password.acme@10.20.0.5',
      () => rmSync(join(credentials, 'depot.password.acme@10.20.0.5')),
    ],
    [
      'credential of the server',
      'systemd credential depot.password.10.20.0.5',
      () => rmSync(join(credentials, 'depot.password.10.20.0.5')),
    ],
    ['credential', 'systemd credential depot.password', () => rmSync(join(credentials, 'depot.password'))],
    ['keychain', 'keychain (test), account acme@10.20.0.5:22', () => (keychains = [])],
    ['typed', 'prompt', () => undefined],
  ];
  const questions: string[] = [];
  for (const [value, from, takeAway] of steps) {
    const prompt = async (question: string): Promise<string> => (questions.push(question), 'typed');
    expect(await found(request({ env, refs, keychains, configDirectory: directory, prompt }))).toEqual([value, from]);
    takeAway();
  }
  expect(questions).toEqual(['password of acme@10.20.0.5:22']);
  expect(await found(request({ env, refs, keychains, configDirectory: directory })), 'no terminal').toBeNull();
  expect(await found(request({ prompt: async () => '' })), 'nothing typed').toBeNull();
});

test.each<[SecretKind, string, string, string]>([
  ['password', 'DEPOT_PASSWORD', 'depot.password', '10.20.0.5.password'],
  [
    'privateKeyPassphrase',
    'DEPOT_PRIVATE_KEY_PASSPHRASE',
    'depot.private-key-passphrase',
    '10.20.0.5.private-key-passphrase',
  ],
  ['signingKeyPassphrase', 'DEPOT_SIGNING_KEY_PASSPHRASE', 'depot.signing-key-passphrase', 'signing-key-passphrase'],
])('%s has names of its own', async (kind, variable, credential, file) => {
  const key = '/etc/depot/keys/k.asc';
  expect((await found(request({ kind, key, env: { [variable]: 'x' } })))?.[0]).toBe('x');
  const credentials = tempDir('credentials');
  secretFile(join(credentials, credential), 'y');
  expect((await found(request({ kind, key, env: { CREDENTIALS_DIRECTORY: credentials } })))?.[0]).toBe('y');
  const configDirectory = tempDir('secrets');
  secretFile(join(configDirectory, 'secrets', file), 'z\n');
  expect((await found(request({ kind, key, configDirectory })))?.[0]).toBe('z');
  const name = keychainAccount({ kind, account, key }) ?? '';
  expect((await found(request({ kind, key, keychains: [keychainWith({ [name]: 'k' })] })))?.[0]).toBe('k');
});

test('accounts in the keychain differ for every secret', () => {
  const names = (['password', 'privateKeyPassphrase', 'signingKeyPassphrase'] as const).map((kind) =>
    keychainAccount({ kind, account, key: '/k' }),
  );
  expect(names).toEqual(['acme@10.20.0.5:22', 'acme@10.20.0.5:22 private key', 'signing key /k']);
});

test.each([
  ['10.20.0.5', 22, '10.20.0.5'],
  ['SFTP.Example.org', 22, 'sftp.example.org'],
  ['10.20.0.5', 2222, '10.20.0.5_2222'],
  ['fe80::1%eth0', 22, 'fe80=3A=3A1=25eth0'],
  ['../x', 22, '=2E.=2Fx'],
  ['.hidden', 22, '=2Ehidden'],
  ['my_host', 22, 'my_host'],
  ['x', 2222, 'x_2222'],
  ['x_2222', 22, 'x=5F2222'],
  ['x_1', 2222, 'x=5F1_2222'],
  ['ü', 22, '=C3=BC'],
])('the label of %s:%d', (host, port, label) => {
  expect(serverLabel(host, port)).toBe(label);
});

test('user names that differ have secrets that differ', () => {
  const names = ['a+b', 'a_b', 'a.b', 'a b', 'a=2Bb', '.a', '_a', 'a@h', 'a'].map((username) =>
    accountLabel({ username, host: 'h', port: 22 }),
  );
  expect(new Set(names).size).toBe(names.length);
  expect(names[1]).toBe('a_b@h');
});

describe('a run that logs in to several accounts', () => {
  test.each(['DEPOT_PASSWORD', 'DEPOT_PASSWORD_FILE', 'DEPOT_PRIVATE_KEY_PASSPHRASE'])(
    'refuses %s, and does not show its value',
    async (name) => {
      const kind = name.includes('KEY') ? 'privateKeyPassphrase' : 'password';
      const error = await failure(
        findSecret(request({ kind, env: { [name]: 'hunter2' }, needed: { run: 2, server: 1 } })),
      );
      expect(error).toMatchObject({
        code: 'usage',
        message: `${name} is one secret, but this run ${kind === 'password' ? 'logs in to 2 accounts' : 'uses 2 SSH keys'}`,
      });
      expect(JSON.stringify([error.message, error.hint])).not.toContain('hunter2');
    },
  );

  test('takes a credential that names the server, and refuses the one that names nothing', async () => {
    const directory = tempDir('credentials');
    secretFile(join(directory, 'depot.password'), 'any');
    const r = request({ env: { CREDENTIALS_DIRECTORY: directory }, needed: { run: 2, server: 1 } });
    expect((await failure(findSecret(r))).message).toContain('the credential depot.password');
    secretFile(join(directory, 'depot.password.10.20.0.5'), 'own');
    expect((await found(r))?.[0]).toBe('own');
  });
});

describe('several accounts at one server', () => {
  const there = { needed: { run: 1, server: 2 }, arrangement: 'acme-crm' };

  test.each<[string, SecretKind, (configDirectory: string, credentials: string) => string, string]>([
    [
      'a stored password',
      'password',
      (directory) => secretFile(join(directory, 'secrets/10.20.0.5.password'), 'whose?'),
      '2 accounts',
    ],
    [
      'a stored passphrase',
      'privateKeyPassphrase',
      (directory) => secretFile(join(directory, 'secrets/10.20.0.5.private-key-passphrase'), 'whose?'),
      '2 SSH keys',
    ],
    [
      'a credential',
      'password',
      (_, credentials) => secretFile(join(credentials, 'depot.password.10.20.0.5'), 'whose?'),
      '2 accounts',
    ],
  ])(
    '%s that names no user is tried for none of them, and the line that helps is said',
    async (_, kind, store, what) => {
      const [configDirectory, credentials] = [tempDir('secrets'), tempDir('credentials')];
      const file = store(configDirectory, credentials);
      const r = request({ ...there, kind, configDirectory, env: { CREDENTIALS_DIRECTORY: credentials } });
      const error = await failure(findSecret(r));
      expect(error).toMatchObject({
        code: 'secret-missing',
        exit: 17,
        hint: `store one for this account: «depot login acme-crm${kind === 'password' ? '' : ' --for private-key'} --to file»`,
        message: expect.stringMatching(
          new RegExp(
            `${file.split('/').at(-1)!} names no user, and depot.yaml has ${what} at 10\\.20\\.0\\.5:22: it is tried for none`,
          ),
        ) as string,
      });
      expect((await describeSources(r)).filter((s) => s.ambiguous === true)).toHaveLength(1);
      expect(await found({ ...r, needed: { run: 1, server: 1 } }), 'with one account it can be of no other').toEqual([
        'whose?',
        expect.anything(),
      ]);
      expect(await found({ ...r, prompt: async () => 'typed' }), 'whoever sits there is asked').toEqual([
        'typed',
        'prompt',
      ]);
    },
  );

  test('each one takes what names it', async () => {
    const configDirectory = tempDir('secrets');
    secretFile(join(configDirectory, 'secrets/10.20.0.5.password'), 'whose?');
    secretFile(join(configDirectory, 'secrets/hr@10.20.0.5.password'), 'of hr');
    const of = (username: string): SecretRequest =>
      request({ ...there, configDirectory, account: { ...account, username } });
    expect((await found(of('hr')))?.[0]).toBe('of hr');
    expect(
      (await found({ ...of('crm'), keychains: [keychainWith({ 'crm@10.20.0.5:22': 'of crm' })] }))?.[0],
      'later in the order',
    ).toBe('of crm');
    await failure(findSecret(of('crm')));
  });
});

describe('what is in a file', () => {
  test.each<[string, string | Uint8Array, string | null]>([
    ['one newline goes', 'pass\n', 'pass'],
    ['only one', 'pass\n\n', 'pass\n'],
    ['a Windows newline goes', 'pass\r\n', 'pass'],
    ['spaces stay', ' pass \n', ' pass '],
    ['a byte order mark goes', '\ufeffpass\r\n', 'pass'],
    ['newlines inside stay', 'a\nb\n', 'a\nb'],
    ['not ASCII', 'pässwörd', 'pässwörd'],
    ['nothing', '', null],
    ['only a newline', '\n', null],
    ['a NUL', 'a\0b', null],
    ['not UTF-8', Uint8Array.of(0xff, 0xfe, 0x41), null],
    ['far too long', 'x'.repeat(70_000), null],
  ])('%s', async (_, contents, expected) => {
    const file = secretFile(join(tempDir('secrets'), 'f'), contents);
    const r = request({ refs: { file } });
    if (expected === null)
      expect(await failure(findSecret(r))).toMatchObject({
        code: 'secret-missing',
        exit: 17,
        message: expect.stringContaining(file),
      });
    else expect((await found(r))?.[0]).toBe(expected);
  });

  test('a named file that is missing is an error, not a reason to look elsewhere', async () => {
    const file = join(tempDir('secrets'), 'gone');
    const error = await failure(findSecret(request({ refs: { file }, prompt: async () => 'typed' })));
    expect(error).toMatchObject({
      code: 'secret-missing',
      message: `${file} (named by the configuration) does not exist`,
    });
  });

  test('a directory is none', async () => {
    expect(await failure(findSecret(request({ refs: { file: tempDir('secrets') } })))).toMatchObject({
      code: 'secret-missing',
      message: expect.stringContaining('is a directory'),
    });
  });

  test.skipIf(process.platform === 'win32')('a pipe is one: <(vault read …)', async () => {
    const { execFileSync } = await import('node:child_process');
    const program = `import { findSecret } from ${JSON.stringify(new URL('../../src/secrets/lookup.ts', import.meta.url).href)}; findSecret({ kind: 'password', refs: {}, env: process.env, configDirectory: '/', needed: { run: 1, server: 1 }, keychains: [] }).then((f) => console.log(f.value.reveal()));`;
    const entry = secretFile(join(tempDir('secrets'), 'entry.mts'), program);
    const tsx = new URL('../../node_modules/tsx/dist/loader.mjs', import.meta.url).href;
    const out = execFileSync(
      'bash',
      ['-c', 'DEPOT_PASSWORD_FILE=<(echo piped) exec "$0" --import "$1" "$2"', process.execPath, tsx, entry],
      { encoding: 'utf8' },
    );
    expect(out).toBe('piped\n');
  });
});

describe.skipIf(process.platform === 'win32')('who can read the file', () => {
  const root = asRoot();

  test.each([
    [0o600, true],
    [0o400, true],
    [0o604, false],
    [0o644, false],
    [0o602, false],
    [0o620, false],
    [0o660, false],
    [0o666, false],
  ])('mode %o of my own file', async (mode, fine) => {
    const file = secretFile(join(tempDir('secrets'), 'f'), 'x', mode);
    for (const r of [request({ refs: { file } }), request({ env: { DEPOT_PASSWORD_FILE: file } })]) {
      if (fine) expect(await found(r)).not.toBeNull();
      else
        expect(await failure(findSecret(r))).toMatchObject({
          code: 'secret-insecure',
          exit: 17,
          hint: expect.stringContaining(`chmod 600 ${file}`),
        });
    }
  });

  test('the file that login stored is held to the same', async () => {
    const configDirectory = tempDir('secrets');
    secretFile(join(configDirectory, 'secrets/10.20.0.5.password'), 'x', 0o644);
    expect((await failure(findSecret(request({ configDirectory })))).code).toBe('secret-insecure');
  });

  test.skipIf(!root)('the file of another account', async () => {
    const file = secretFile(join(tempDir('secrets'), 'f'), 'x');
    chownSync(file, 4711, 4711);
    expect(await failure(findSecret(request({ refs: { file } })))).toMatchObject({
      code: 'secret-insecure',
      message: expect.stringContaining('uid 4711'),
      hint: expect.stringMatching(/^run it as the account that owns it: (?!.*chown)/),
    });
  });

  test.skipIf(!root)(
    'as a service account: what root gives its group is fine, what its own group may read is not',
    async () => {
      const directory = tempDir('secrets');
      chmodSync(directory, 0o755);
      const check = async (name: string, uid: number, gid: number, mode: number): Promise<string> => {
        const file = secretFile(join(directory, name), 'x');
        chownSync(file, uid, gid);
        chmodSync(file, mode);
        process.setegid?.(4711);
        process.seteuid?.(4711);
        try {
          return await found(request({ refs: { file }, configDirectory: directory })).then(
            (f) => f?.[0] ?? 'nothing',
            (e: unknown) => (e as DepotError).code,
          );
        } finally {
          process.seteuid?.(0);
          process.setegid?.(0);
        }
      };
      expect(await check('a', 0, 4711, 0o640)).toBe('x');
      expect(await check('b', 0, 4711, 0o660)).toBe('secret-insecure');
      expect(await check('c', 0, 4711, 0o644)).toBe('secret-insecure');
      expect(await check('d', 4711, 4711, 0o600)).toBe('x');
      expect(await check('e', 4711, 4711, 0o640)).toBe('secret-insecure');
      expect(await check('f', 0, 0, 0o600)).toBe('secret-missing');
    },
  );

  test.skipIf(!root)('a secrets directory of another account is passed by, and said', async () => {
    const configDirectory = tempDir('secrets');
    chmodSync(configDirectory, 0o755);
    secretFile(join(configDirectory, 'secrets/10.20.0.5.password'), 'x');
    const notes: string[] = [];
    process.seteuid?.(4711);
    try {
      expect(
        await found(request({ configDirectory, note: (n) => notes.push(n), prompt: async () => 'typed' })),
      ).toEqual(['typed', 'prompt']);
    } finally {
      process.seteuid?.(0);
    }
    expect(notes[0]).toContain('10.20.0.5.password may not be looked at by uid 4711');
  });

  test('systemd looks after its own, where an access list shows as a group', async () => {
    const directory = tempDir('credentials');
    secretFile(join(directory, 'depot.password'), 'x', 0o440);
    expect((await found(request({ env: { CREDENTIALS_DIRECTORY: directory } })))?.[0]).toBe('x');
  });
});

test('a keychain that fails is noted, and the next one asked', async () => {
  const broken: Keychain = {
    name: 'broken',
    get: async () => Promise.reject(new Error('locked\u001b[2J')),
    set: async () => undefined,
    delete: async () => false,
  };
  const notes: string[] = [];
  const r = request({ keychains: [broken, keychainWith({ 'acme@10.20.0.5:22': 'k' })], note: (n) => notes.push(n) });
  expect((await found(r))?.[0]).toBe('k');
  expect(notes).toEqual(['the keychain did not answer: locked\\x1b[2J']);
});

test('an empty variable is not set', async () => {
  expect(
    await found(request({ env: { DEPOT_PASSWORD: '', DEPOT_PASSWORD_FILE: '', CREDENTIALS_DIRECTORY: '' } })),
  ).toBeNull();
});

describe('for doctor', () => {
  test('every place in order, what is there, and who can read it, without reading', async () => {
    const configDirectory = tempDir('secrets');
    const touched = join(configDirectory, 'touched');
    const file = secretFile(join(configDirectory, 'open'), 'x', 0o644);
    const keychain: Keychain = { ...keychainWith({}), get: () => expect.fail('the keychain was asked') };
    const sources = await describeSources(
      request({
        configDirectory,
        env: { DEPOT_PASSWORD: 'hunter2', CREDENTIALS_DIRECTORY: configDirectory },
        refs: { file, command: ['touch', touched] },
        keychains: [keychain],
        needed: { run: 2, server: 1 },
      }),
    );
    expect(sources.map((s) => [s.source, s.present])).toEqual([
      ['environment', true],
      ['environment', false],
      ['config', true],
      ['config', 'unknown'],
      ['file', false],
      ['file', false],
      ['systemd', false],
      ['systemd', false],
      ['systemd', false],
      ['keychain', 'unknown'],
      ['prompt', false],
    ]);
    expect(sources[0]?.problem).toContain('2 accounts');
    expect(sources[2]?.problem).toContain('can be read or changed by other accounts (mode 0644)');
    for (const s of sources) expect(s.readableBy).not.toBe('');
    expect(JSON.stringify(sources)).not.toContain('hunter2');
    expect(existsSync(touched), 'the command has not run').toBe(false);
  });

  test('a configured file that is gone', async () => {
    const sources = await describeSources(request({ refs: { file: join(tempDir(), 'gone') } }));
    expect(sources.find((s) => s.source === 'config')).toMatchObject({ present: false, problem: 'does not exist' });
  });

  test('no session bus', async () => {
    const sources = await describeSources({ ...request(), keychains: undefined });
    if (process.platform === 'linux')
      expect(sources.find((s) => s.source === 'keychain')).toMatchObject({
        present: false,
        problem: 'there is no session bus',
      });
  });
});
