import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { changed, type Changes, fingerprint, linux, load } from './sample.js';

const other = 'B'.repeat(40);

describe('in a valid configuration', () => {
  test.each<[string, Changes, (of: Awaited<ReturnType<typeof load>>) => unknown, unknown]>([
    [
      '~/ is the home directory',
      { supplier: { signingKey: '~/key.asc' } },
      (c) => c.supplier.signingKey,
      '/accounts/op/key.asc',
    ],
    ['paths are relative to the file', {}, (c) => c.supplier.signingKey, '/etc/depot/keys/supplier.secret.asc'],
    ['state: is relative to the file, too', { top: { state: 'state' } }, (c) => c.state.path, '/etc/depot/state'],
    [
      'notify.on is failure, stale and shrink by default',
      { top: { notify: { command: ['x'] } } },
      (c) => c.notify?.on,
      ['failure', 'stale', 'shrink'],
    ],
    [
      'numbers and booleans in a command stay as they were typed',
      { source: { command: ['x', 5432, true, ''], as: 1 } },
      (c) => c.arrangements.get('acme-crm')?.dataset[0],
      { kind: 'command', command: ['x', '5432', 'true', ''], name: '1', allowEmpty: false, onChange: 'fail' },
    ],
    [
      'slashes at the end of the remote directory are dropped',
      { remote: { directory: '/incoming//' } },
      (c) => c.arrangements.get('acme-crm')?.remote.directory,
      '/incoming',
    ],
    [
      'the remote directory can be /',
      { remote: { directory: '/' } },
      (c) => c.arrangements.get('acme-crm')?.remote.directory,
      '/',
    ],
    [
      'a username of digits is text',
      { remote: { username: 4711 } },
      (c) => c.arrangements.get('acme-crm')?.remote.username,
      '4711',
    ],
    ['retryFor can be zero', { remote: { retryFor: '0s' } }, (c) => c.arrangements.get('acme-crm')?.remote.retryFor, 0],
    [
      'connectTimeout is kept in milliseconds',
      { remote: { connectTimeout: '45s' } },
      (c) => c.arrangements.get('acme-crm')?.remote.connectTimeout,
      45_000,
    ],
    ['connectTimeout is 30 s by default', {}, (c) => c.arrangements.get('acme-crm')?.remote.connectTimeout, 30_000],
    ['retryFor stays open where it is not set', {}, (c) => c.arrangements.get('acme-crm')?.remote.retryFor, undefined],
    [
      'hostKey can be one fingerprint instead of a list',
      { remote: { hostKey: 'SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU' } },
      (c) => c.arrangements.get('acme-crm')?.remote.hostKey,
      ['SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU'],
    ],
    [
      'a size without a unit is in bytes',
      { arrangement: { minSize: 12 } },
      (c) => c.arrangements.get('acme-crm')?.minSize,
      12,
    ],
    [
      'retired keys are kept in capitals',
      { arrangement: { retiredKeys: [other.toLowerCase()] } },
      (c) => c.arrangements.get('acme-crm')?.retiredKeys,
      [other],
    ],
    [
      'env can have a variable named __proto__',
      { source: { command: ['x'], as: 'x', env: { ['__proto__']: 'x' } } },
      (c) => Object.keys(c.arrangements.get('acme-crm')?.dataset[0]?.env ?? {}),
      ['__proto__'],
    ],
    [
      'a configuration without arrangements loads, with a warning',
      { top: { arrangements: undefined } },
      (c) => [c.arrangements.size, c.warnings],
      [0, ['the configuration has no arrangements yet']],
    ],
    ['arrangements: can be empty', { top: { arrangements: null } }, (c) => c.arrangements.size, 0],
  ])('%s', async (_, changes, get, expected) => {
    const text = changed(changes).replace('"env":{}', '"env":{"__proto__":"x"}');
    expect(get(await load(text))).toEqual(expected);
  });

  test('a beneficiary with a retired key is only a warning, since a push has its own exit code for that', async () => {
    const config = await load(changed({ arrangement: { retiredKeys: [fingerprint] } }));
    expect(config.warnings).toEqual([
      expect.stringContaining("'acme-crm' seals for Gemeente Voorbeeld with a key that is in its retiredKeys"),
    ]);
  });

  test('paths on Windows are Windows paths', async () => {
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
