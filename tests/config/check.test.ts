import { describe, expect, test } from 'vitest';
import { changed, type Changes, fingerprint, problems } from './sample.js';

type Row = [what: string, changes: Changes, says: string | RegExp];

describe('a configuration with one mistake gets one complaint, which says what is wrong', () => {
  test.each<Row>([
    ['no version', { top: { version: undefined } }, "missing key 'version'"],
    ['version as text', { top: { version: '1' } }, 'expected 1, found "1"'],
    [
      'a later version, with keys of its own',
      { top: { version: 2, novelty: true } },
      "version '2' is unknown to this version of depot",
    ],
    ['no supplier', { top: { supplier: undefined } }, "missing key 'supplier'"],
    ['no signing key', { supplier: { signingKey: undefined } }, "missing key 'signingKey'"],
    ['an empty supplier name', { supplier: { name: ' ' } }, 'only spaces'],
    ['a supplier name over two lines', { supplier: { name: 'Acme\nB.V.' } }, 'no control characters'],
    ['a passphrase in the file', { supplier: { passphrase: 'x' } }, 'passphrases do not belong in this file'],
    [
      'two sources of a passphrase',
      { supplier: { signingKeyPassphraseFile: 'a', signingKeyPassphraseCommand: ['b'] } },
      'cannot be used together',
    ],
    ['unknown key at the top', { top: { arangements: {} } }, "unknown key 'arangements', did you mean 'arrangements'?"],
    ['a key that every object has', { top: { constructor: 1 } }, "unknown key 'constructor'"],
    ['a merge key', { top: { '<<': {} } }, 'merge keys are not supported'],
    ['an include that is no pattern', { top: { include: ['!'] } }, 'is not a pattern of file names'],
    ['notify without a command', { top: { notify: { on: ['failure'] } } }, "missing key 'command'"],
    [
      'an unknown event in notify.on',
      { top: { notify: { command: ['x'], on: ['failed'] } } },
      'expected success, failure, killed, stale, shrink, found "failed"',
    ],
    [
      'notify command as a string',
      { top: { notify: { command: 'mail -s hi' } } },
      'write the command as a list, since no shell splits it',
    ],
    ['an empty command', { top: { notify: { command: [] } } }, 'at least one item'],
    [
      'a command whose program is empty',
      { top: { notify: { command: ['', 'x'] } } },
      'the first item of a command must be a program',
    ],

    [
      'a password in the file',
      { remote: { password: 'hunter2' } },
      /passwords do not belong in this file; (?!.*hunter2)/,
    ],
    ['two sources of a password', { remote: { passwordFile: 'a', passwordCommand: ['b'] } }, 'cannot be used together'],
    ...Object.entries({
      bandwidthLimit: ['bwlimit', 'bwLimit', 'limitUpload', 'limit-rate', 'maxBandwidth', 'rate'],
      privateKey: ['identityFile', 'IdentityFile', 'keyFile'],
      hostKey: ['hostKeys', 'knownHosts'],
      proxyJump: ['jump', 'proxyCommand'],
      connectTimeout: ['timeout'],
      username: ['user'],
    }).flatMap(([ours, theirs]) =>
      theirs.map(
        (name): Row => [
          `${name}, as others call it`,
          { remote: { [name]: 'x' } },
          `unknown key '${name}': write ${ours}:`,
        ],
      ),
    ),
    ['the key of another program, with a value', { remote: { bwlimit: '5M' } }, 'write bandwidthLimit: 5MiB/s'],
    [
      'no more than what a mapping has',
      { remote: { proxyJump: { host: 'h', bwlimit: '5M' } } },
      /unknown key 'bwlimit'$/,
    ],
    ['a rate of rclone', { remote: { bandwidthLimit: '5M' } }, 'write 5MiB/s'],
    ['a rate of curl', { remote: { bandwidthLimit: '500k' } }, 'write 500KiB/s'],
    ['a rate without its second', { remote: { bandwidthLimit: '5MB' } }, 'write 5MB/s'],
    ['a rate in bits', { remote: { bandwidthLimit: '5Mbit' } }, 'in bytes and not bits'],
    ['no rate, as rclone writes it', { remote: { bandwidthLimit: 'off' } }, 'write none'],
    ['no rate, as YAML 1.1 wrote it', { remote: { bandwidthLimit: false } }, 'write none'],
    [
      "rclone's timetable",
      { remote: { bandwidthLimit: '08:00,5M 18:00,off' } },
      'as bandwidthLimit: { "08:00-18:00": 5MiB/s, default: none }',
    ],
    ['no host', { remote: { host: undefined } }, "'acme-crm' has no remote host"],
    ['no directory', { remote: { directory: undefined } }, "'acme-crm' has no remote directory"],
    ['a host with its port', { remote: { host: '10.0.0.1:22' } }, 'put the port in port:'],
    ['port 0', { remote: { port: 0 } }, 'a whole number from 1 to 65535'],
    ['a limit below 1KiB/s', { remote: { bandwidthLimit: '500B/s' } }, 'at least 1KiB/s'],
    ['a limit by no clock', { remote: { bandwidthLimit: {} } }, 'expected a span like "08:00-18:00"'],
    [
      'a span that ends where it begins',
      { remote: { bandwidthLimit: { '08:00-08:00': '5MiB/s' } } },
      'ends when it begins',
    ],
    [
      'spans that overlap over midnight',
      { remote: { bandwidthLimit: { '22:00-06:00': '5MiB/s', '05:59-08:00': '1MiB/s' } } },
      'overlaps another span',
    ],
    ['port as text', { remote: { port: '22' } }, 'a whole number from 1 to 65535'],
    ['~ in the remote directory', { remote: { directory: '~/incoming' } }, 'SFTP does not expand ~'],
    ['backslashes in the remote directory', { remote: { directory: 'a\\b' } }, 'forward slashes'],
    ['an empty hostKey', { remote: { hostKey: [] } }, 'at least one item'],
    ['a bad hostKey in a list', { remote: { hostKey: ['SHA256:x'] } }, 'SHA256:…'],
    ['a misspelt value of publish', { remote: { publish: 'renam' } }, "did you mean 'rename'?"],
    [
      'publish: direct without sidecars',
      { remote: { publish: 'direct', sidecars: false } },
      'publish: direct needs sidecars',
    ],
    ['sidecars as text', { remote: { sidecars: 'yes' } }, 'expected true or false'],
    ['lanes 9', { remote: { lanes: 9 } }, 'from 1 to 8'],
    ['lanes 1.5', { remote: { lanes: 1.5 } }, 'from 1 to 8'],
    ['window 0', { remote: { window: 0 } }, 'from 1 to 256'],
    ['window 257', { remote: { window: 257 } }, 'from 1 to 256'],
    ['retryFor without a unit', { remote: { retryFor: 30 } }, 'a duration is a number and a unit'],
    ['a connectTimeout of zero', { remote: { connectTimeout: '0s' } }, 'from 1s to 10m'],
    ['a connectTimeout of an hour', { remote: { connectTimeout: '1h' } }, 'from 1s to 10m'],
    ['a retryFor longer than a timer can wait', { remote: { retryFor: '25d' } }, 'at most 24d'],
    [
      'a path in the home of another user',
      { remote: { privateKey: '~root/.ssh/id' } },
      'not the home directories of other accounts',
    ],
    ['an empty path', { remote: { privateKey: '' } }, 'found an empty string'],

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
    [
      'include in a source, which resembles exclude',
      { arrangement: { dataset: [{ directory: 'd', include: ['*.csv'] }] } },
      /unknown key 'include': a source has no such list; make each directory or file a source of its own$/,
    ],
    ['an empty dataset', { arrangement: { dataset: [] } }, 'at least one item'],
    ['sources: instead of dataset:', { arrangement: { sources: [] } }, 'write dataset:'],
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
    ['a retired key that is not a fingerprint', { arrangement: { retiredKeys: ['x'] } }, '40 or 64 hexadecimal digits'],
    ['a misspelt compression', { arrangement: { compression: 'zst' } }, "did you mean 'zstd'?"],
    ['an unknown encryption', { arrangement: { encryption: 'strong' } }, 'expected auto, modern, compat'],
    ['a minSize with a misspelt unit', { arrangement: { minSize: '500Mib' } }, 'has a unit: 500MiB'],
    ['a misspelt shrink', { arrangement: { shrink: 'fial' } }, "did you mean 'fail'?"],
    ['shrink without a threshold', { arrangement: { shrink: { then: 'fail' } } }, "missing key 'below'"],
    ['shrink below 0%', { arrangement: { shrink: { below: '0%' } } }, 'a whole percentage from 1% to 100%'],
    [
      'shrink below a number, not a percentage',
      { arrangement: { shrink: { below: 0.5, then: 'fail' } } },
      'a whole percentage',
    ],
    [
      'an unknown value of shrink.then',
      { arrangement: { shrink: { below: '50%', then: 'stop' } } },
      'expected warn, fail, off',
    ],
    ['every: 0h', { arrangement: { every: '0h' } }, 'longer than 0s'],
    ['a day that does not exist', { arrangement: { ended: '2027-02-30' } }, 'there is no such date'],

    ['a source of no kind', { source: { as: 'x' } }, 'a source is one of directory, file, command, stdin'],
    ['a source of two kinds', { source: { file: 'a', directory: 'b' } }, 'this one is directory and file'],
    ['a command without a name', { source: { command: ['x'] } }, "missing key 'as'"],
    ['stdin without a name', { source: { stdin: true } }, "missing key 'as'"],
    ['stdin: false', { source: { stdin: false, as: 'x' } }, 'stdin can only be true'],
    ['the root directory without a name', { source: { directory: '/' } }, 'choose another name with as:'],
    ['a name with a slash', { source: { file: 'a', as: 'a/b' } }, 'no slashes'],
    ['a name with a backslash', { source: { file: 'a', as: 'a\\b' } }, 'no slashes'],
    ['the name ..', { source: { file: 'a', as: '..' } }, 'this is not a file name'],
    [
      'a name with an invisible control character',
      { source: { file: 'a', as: 'a\u202eb' } },
      'no control characters in a name',
    ],
    [
      'a name like that of a part of a long file',
      { source: { file: 'a', as: 'dump.part-000001' } },
      'the pieces of long files',
    ],
    [
      'a file whose own name is like that of a part',
      { source: { file: 'dump.part-1' } },
      'choose another name with as:',
    ],
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
    ['a timeout for a source that runs nothing', { source: { file: 'a', timeout: '1h' } }, 'timeout is for commands'],
    ['env for a source that runs nothing', { source: { directory: 'a', env: { A: 'b' } } }, 'env is for commands'],
    ['a timeout of zero', { source: { command: ['x'], as: 'x', timeout: '0s' } }, 'leave the key out'],
    ['a timeout longer than a timer can wait', { source: { command: ['x'], as: 'x', timeout: '2y' } }, 'at most 24d'],
    ['a secret in env', { source: { command: ['x'], as: 'x', env: { DEPOT_PASSWORD: 'x' } } }, 'kept from commands'],
    [
      'a variable name with an equals sign',
      { source: { command: ['x'], as: 'x', env: { 'A=B': 'x' } } },
      'is not a name for an environment variable',
    ],
    ['a list in env', { source: { command: ['x'], as: 'x', env: { A: ['x'] } } }, 'expected text, found a list'],
    ['an argument with a NUL', { source: { command: ['x', 'a\0b'], as: 'x' } }, 'cannot contain a NUL'],
    [
      'two sources with the same name',
      { arrangement: { dataset: [{ file: 'a/x' }, { file: 'b/x' }] } },
      "another source is called 'x' too",
    ],
    [
      'two sources whose names are the same on Windows and macOS',
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
});
