import { existsSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeSources, findSecret } from '../../src/secrets/lookup.js';
import {
  accountLabel,
  type Keychain,
  keychainAccount,
  type SecretKind,
  type SecretRequest,
  serverLabel,
} from '../../src/secrets/request.js';
import { tempDir } from '../support/cleanup.js';
import { account, failure, found, keychainWith, request, secretFile } from './support.js';
import { onWindows } from '../support/platform.js';

test('sources are asked in their order: when one is gone, the next is used', async () => {
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
  const steps: [string, string, () => void][] = [
    ['variable', 'environment DEPOT_PASSWORD', () => delete env['DEPOT_PASSWORD']],
    ['variable file', 'environment DEPOT_PASSWORD_FILE', () => delete env['DEPOT_PASSWORD_FILE']],
    [
      'configured',
      `file ${join(directory, 'configured')}`,
      () => (refs = { command: [process.execPath, '-p', '"from a command"'] }),
    ],
    ['from a command', `command ${process.execPath}`, () => (refs = {})],
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
])(
  '%s is found under its variable, credential, file and keychain account',
  async (kind, variable, credential, file) => {
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
  },
);

test('each kind of secret has a keychain account of its own', () => {
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
])('the label of %s:%d is %s', (host, port, label) => {
  expect(serverLabel(host, port)).toBe(label);
});

test('secrets of different user names have different names', () => {
  const names = ['a+b', 'a_b', 'a.b', 'a b', 'a=2Bb', '.a', '_a', 'a@h', 'a'].map((username) =>
    accountLabel({ username, host: 'h', port: 22 }),
  );
  expect(new Set(names).size).toBe(names.length);
  expect(names[1]).toBe('a_b@h');
});

describe('a run that logs in to several accounts', () => {
  test.each(['DEPOT_PASSWORD', 'DEPOT_PASSWORD_FILE', 'DEPOT_PRIVATE_KEY_PASSPHRASE'])(
    'refuses %s, without showing its value',
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

  test('uses a credential that names the server, and refuses one that names nothing', async () => {
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
    '%s that names no user is tried for none of them; the hint gives the command that stores one for this account',
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
            `${basename(file)} names no user, and depot.yaml has ${what} at 10\\.20\\.0\\.5:22, so depot does not use it for any`,
          ),
        ) as string,
      });
      expect((await describeSources(r)).filter((s) => s.ambiguous === true)).toHaveLength(1);
      expect(
        await found({ ...r, needed: { run: 1, server: 1 } }),
        'if there is only one account, it must be for that',
      ).toEqual(['whose?', expect.anything()]);
      expect(await found({ ...r, prompt: async () => 'typed' }), 'a prompt is still asked').toEqual([
        'typed',
        'prompt',
      ]);
    },
  );

  test('each account uses the secret that names it', async () => {
    const configDirectory = tempDir('secrets');
    secretFile(join(configDirectory, 'secrets/10.20.0.5.password'), 'whose?');
    secretFile(join(configDirectory, 'secrets/hr@10.20.0.5.password'), 'of hr');
    const of = (username: string): SecretRequest =>
      request({ ...there, configDirectory, account: { ...account, username } });
    expect((await found(of('hr')))?.[0]).toBe('of hr');
    expect(
      (await found({ ...of('crm'), keychains: [keychainWith({ 'crm@10.20.0.5:22': 'of crm' })] }))?.[0],
      'the keychain comes later',
    ).toBe('of crm');
    await failure(findSecret(of('crm')));
  });
});

test('if a keychain fails, depot notes why and asks the next one', async () => {
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

test('an empty variable counts as not set', async () => {
  expect(
    await found(request({ env: { DEPOT_PASSWORD: '', DEPOT_PASSWORD_FILE: '', CREDENTIALS_DIRECTORY: '' } })),
  ).toBeNull();
});

describe('the list of sources for doctor', () => {
  test('has every place in order, whether a secret is there and who can read it, without reading one', async () => {
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
    if (!onWindows) expect(sources[2]?.problem).toContain('can be read or changed by other accounts (mode 0644)');
    for (const s of sources) expect(s.readableBy).not.toBe('');
    expect(JSON.stringify(sources)).not.toContain('hunter2');
    expect(existsSync(touched), 'the command has not run').toBe(false);
  });

  test('says that a configured file does not exist', async () => {
    const sources = await describeSources(request({ refs: { file: join(tempDir(), 'gone') } }));
    expect(sources.find((s) => s.source === 'config')).toMatchObject({ present: false, problem: 'does not exist' });
  });

  test('says that the keychain has no session bus', async () => {
    const sources = await describeSources({ ...request(), keychains: undefined });
    if (process.platform === 'linux')
      expect(sources.find((s) => s.source === 'keychain')).toMatchObject({
        present: false,
        problem: 'there is no session bus',
      });
  });
});
