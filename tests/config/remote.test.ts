/** What an arrangement takes from the `remote:` for all, and when it may have the password there. */
import { expect, test } from 'vitest';
import { changed, load, problems } from './sample.js';

test('an arrangement takes what it does not set from the remote for all', async () => {
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
  expect(remote?.password, 'its own password takes the place of the one for all').toEqual({ command: ['own'] });
  expect(remote?.privateKeyPassphrase, 'the passphrase for all belongs to the key for all').toEqual({});
  expect(config.warnings).toEqual([expect.stringContaining('takes hostKey from the top-level remote:')]);
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
        `'acme-crm' has its own ${key}, but would send it the password from the ${inherited} of the top-level remote: (/etc/depot/depot.yaml:`,
      ) as string,
    },
  ]);
  expect(found[0].line).toBeGreaterThan(1);
  const withKey = await load(changed({ remote: common, arrangement: { remote: { ...own, privateKey: 'own.key' } } }));
  expect(withKey.arrangements.get('acme-crm')?.remote.password, 'it logs in with its key').toEqual({});
});

test('an arrangement gets the password for all if it names the same server, or a user where the remote for all has none', async () => {
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
        `'${key}' has its own username, but would send it the password from the passwordFile of the top-level remote:`,
      ) as string,
    });
  expect(await problems(two({ username: 'crm' }, { username: 'hr' }))).toEqual([said('acme-crm'), said('acme-hr')]);
  expect(await problems(two({ username: 'crm' }, {})), 'the name that is stored for the other one may differ').toEqual([
    said('acme-crm'),
  ]);
  const passwords = async (own: Record<string, unknown>, other: Record<string, unknown>): Promise<unknown[]> =>
    [...(await load(two(own, other))).arrangements.values()].map(({ remote }) => remote.password.file);
  expect(await passwords({ username: 'crm' }, { username: 'crm' })).toEqual(['/etc/depot/all', '/etc/depot/all']);
  expect(
    await passwords({ username: 'crm' }, { username: 'hr', privateKey: 'hr.key' }).catch(
      (e: unknown) => (e as Error).message,
    ),
  ).toContain("'acme-crm' has its own username");
  expect(await passwords({ username: 'crm', passwordFile: 'crm' }, { username: 'hr' })).toEqual([
    '/etc/depot/crm',
    '/etc/depot/all',
  ]);
  expect(await passwords({}, { username: 'hr', privateKey: 'hr.key' }), 'it logs in with its key').toEqual([
    '/etc/depot/all',
    undefined,
  ]);
});

test('publish: direct in an arrangement contradicts sidecars: false in the remote for all', async () => {
  const found = await problems(
    changed({ remote: { sidecars: false }, arrangement: { remote: { publish: 'direct' } } }),
  );
  expect(found).toEqual([
    expect.objectContaining({ message: expect.stringContaining('publish: direct needs sidecars') }),
  ]);
});
