import { readFileSync } from 'node:fs';

import { Ajv } from 'ajv';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

import { changed, type Changes, fingerprint, problems } from './sample.js';

const schema = JSON.parse(readFileSync(new URL('../../schemas/depot.schema.json', import.meta.url), 'utf8')) as Record<
  string,
  unknown
>;
const included = JSON.parse(
  readFileSync(new URL('../../schemas/depot.include.schema.json', import.meta.url), 'utf8'),
) as Record<string, unknown>;
const ajv = new Ajv({
  allErrors: true,
  strict: true,
  strictTypes: false,
  strictTuples: false,
  strictRequired: false,
  schemas: { 'depot.schema.json': schema },
});
const accepts = ajv.getSchema('depot.schema.json');

const hostKey = 'SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU';
const beneficiary = { name: 'b', key: 'k', fingerprint };

const accepted: [string, Changes][] = [
  ['the sample', {}],
  [
    'every key at the top',
    {
      top: {
        state: '/var/lib/depot',
        notify: { command: ['/usr/local/bin/alert'], on: ['failure', 'stale', 'success'] },
        supplier: {
          name: 'A',
          signingKey: '~/k',
          signingKeyPassphraseFile: 'f',
          formerSigningKeys: ['keys/2024.public.asc'],
        },
      },
    },
  ],
  [
    'every key of the remote',
    {
      remote: {
        host: 'fe80::1',
        port: 2222,
        username: 4711,
        privateKey: '~/.ssh/id',
        privateKeyPassphraseFile: 'p',
        passwordCommand: ['pass', 'x'],
        directory: '.',
        hostKey: [hostKey, `ssh-ed25519 ${hostKey}=`],
        publish: 'direct',
        sidecars: true,
        lanes: 8,
        window: 1,
        retryFor: '0s',
        connectTimeout: '1m',
      },
    },
  ],
  ['lanes: auto', { remote: { lanes: 'auto', hostKey } }],
  [
    'every key of an arrangement',
    {
      arrangement: {
        retiredKeys: ['B'.repeat(64)],
        specification: 'S.md',
        minSize: '1.5GiB',
        compression: 'none',
        encryption: 'modern',
        spool: true,
        every: '24h',
        ended: '2027-01-31',
      },
    },
  ],
  ['a size in bytes', { arrangement: { minSize: 5 } }],
  [
    'a fingerprint with spaces',
    {
      arrangement: {
        beneficiaries: [{ ...beneficiary, fingerprint: '8f3a 0000 0000 0000 0000  0000 0000 0000 0000 91c2' }],
      },
    },
  ],
  ['no arrangements', { top: { arrangements: null } }],
  [
    'every key of a directory source',
    {
      source: {
        directory: 'd',
        exclude: ['*.tmp'],
        as: 'x',
        onChange: 'warn',
        allowEmpty: true,
        prepare: ['p'],
        cleanup: ['c', 1],
        timeout: '1h',
        env: { A: 1 },
      },
    },
  ],
  [
    'every key of a file source',
    { source: { file: 'f', as: 'x', onChange: 'fail', allowEmpty: false, prepare: ['p'], timeout: '1h' } },
  ],
  [
    'every key of a command source',
    {
      source: {
        command: ['pg_dump', '-p', 5432, ''],
        as: 'x',
        allowEmpty: false,
        prepare: ['p'],
        cleanup: ['p'],
        timeout: '1h',
        env: { PGUSER: 'depot' },
      },
    },
  ],
  ['every key of a stdin source', { source: { stdin: true, as: 'x', timeout: '90s', allowEmpty: true } }],
];

test.each(accepted)('depot and the schema accept %s', async (_, changes) => {
  const text = changed(changes);
  expect(await problems(text)).toEqual([]);
  void accepts?.(parse(text));
  expect(accepts?.errors ?? null).toBeNull();
});

/** Each row has one mistake, of a kind that both can see. */
const refused: [string, Changes][] = [
  ['no version', { top: { version: undefined } }],
  ['another version', { top: { version: 2 } }],
  ['no supplier', { top: { supplier: undefined } }],
  ['an unknown key', { top: { extra: 1 } }],
  ['a supplier without a key', { supplier: { signingKey: undefined } }],
  ['a supplier name of nothing but spaces', { supplier: { name: '  ' } }],
  ['a supplier name of two lines', { supplier: { name: 'a\nb' } }],
  ['two sources of a passphrase', { supplier: { signingKeyPassphraseFile: 'a', signingKeyPassphraseCommand: ['b'] } }],
  ['a passphrase', { supplier: { passphrase: 'x' } }],
  ['an empty list in notify.on', { top: { notify: { command: ['x'], on: [] } } }],
  ['an unknown event in notify.on', { top: { notify: { command: ['x'], on: ['maybe'] } } }],
  ['a command as text', { top: { notify: { command: 'x y' } } }],
  ['an empty command', { top: { notify: { command: [] } } }],
  ['a command whose program is empty', { top: { notify: { command: [''] } } }],
  ['include as text', { top: { include: 'a.yaml' } }],
  ['a password', { remote: { password: 'x' } }],
  ['a host with a user', { remote: { host: 'a@b' } }],
  ['a host with a path', { remote: { host: 'a/b' } }],
  ['a host that looks like an option', { remote: { host: '-oX' } }],
  ['port 65536', { remote: { port: 65536 } }],
  ['port as text', { remote: { port: '22' } }],
  ['an empty user name', { remote: { username: '' } }],
  ['a path in the home of another user', { remote: { privateKey: '~bob/id' } }],
  ['~ in the remote directory', { remote: { directory: '~/x' } }],
  ['a backslash in the remote directory', { remote: { directory: 'a\\b' } }],
  ['a short hostKey', { remote: { hostKey: 'SHA256:abc' } }],
  ['an unknown type of hostKey', { remote: { hostKey: `ssh-dss ${hostKey}` } }],
  ['an empty list of hostKey', { remote: { hostKey: [] } }],
  ['an unknown value of publish', { remote: { publish: 'copy' } }],
  ['publish: direct without sidecars', { remote: { publish: 'direct', sidecars: false } }],
  ['lanes 9', { remote: { lanes: 9 } }],
  ['lanes: many', { remote: { lanes: 'many' } }],
  ['window 257', { remote: { window: 257 } }],
  ['two sources of a password', { remote: { passwordFile: 'a', passwordCommand: ['b'] } }],
  ['retryFor without a unit', { remote: { retryFor: 30 } }],
  [
    'a name with a capital',
    { top: { arrangements: { A: { beneficiaries: [beneficiary], dataset: [{ file: 'f' }] } } } },
  ],
  ['no beneficiaries', { arrangement: { beneficiaries: [] } }],
  ['a beneficiary without a key', { arrangement: { beneficiaries: [{ name: 'b', fingerprint }] } }],
  ['a key id', { arrangement: { beneficiaries: [{ ...beneficiary, fingerprint: '0123456789ABCDEF' }] } }],
  ['no dataset', { arrangement: { dataset: undefined } }],
  ['minSize with an unknown unit', { arrangement: { minSize: '5M' } }],
  ['a negative minSize', { arrangement: { minSize: -5 } }],
  ['an unknown compression', { arrangement: { compression: 'xz' } }],
  ['an unknown encryption', { arrangement: { encryption: 'aes' } }],
  ['spool as text', { arrangement: { spool: 'no' } }],
  ['every: 0h', { arrangement: { every: '0h' } }],
  ['ended in another form', { arrangement: { ended: '31-01-2027' } }],
  ['a source of no kind', { source: { as: 'x' } }],
  ['a source of two kinds', { source: { file: 'a', directory: 'b' } }],
  ['a command without a name', { source: { command: ['x'] } }],
  ['stdin: false', { source: { stdin: false, as: 'x' } }],
  ['a name with a slash', { source: { file: 'a', as: 'a/b' } }],
  ['the name ..', { source: { file: 'a', as: '..' } }],
  ['a name like that of a part of a long file', { source: { file: 'a', as: 'x.part-000001' } }],
  ['exclude for a file', { source: { file: 'a', exclude: ['x'] } }],
  ['onChange for a command', { source: { command: ['x'], as: 'x', onChange: 'fail' } }],
  ['prepare for stdin', { source: { stdin: true, as: 'x', prepare: ['p'] } }],
  ['a timeout for a source that runs nothing', { source: { file: 'a', timeout: '1h' } }],
  ['env for a source that runs nothing', { source: { directory: 'a', env: { A: 'b' } } }],
  ['a timeout of zero', { source: { command: ['x'], as: 'x', timeout: '0s' } }],
  ['a secret in env', { source: { command: ['x'], as: 'x', env: { DEPOT_PASSWORD: 'x' } } }],
  ['null in env', { source: { command: ['x'], as: 'x', env: { A: null } } }],
];

test.each(refused)('depot and the schema refuse %s', async (_, changes) => {
  const text = changed(changes);
  expect(await problems(text)).toHaveLength(1);
  expect(accepts?.(parse(text))).toBe(false);
});

test('the schema of included files has arrangements and nothing else', () => {
  const validate = ajv.compile(included);
  const arrangements = (JSON.parse(changed({})) as { arrangements: unknown }).arrangements;
  expect(validate({ arrangements })).toBe(true);
  expect(validate({ arrangements, version: 1 })).toBe(false);
  expect(validate({})).toBe(false);
});
