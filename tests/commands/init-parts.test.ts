import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { initOptions } from '../../src/commands/init/options.js';
import { absolutePath, pathCompletion } from '../../src/commands/init/paths.js';
import { wrongHost } from '../../src/commands/init/server.js';
import { preview } from '../../src/commands/init/path-source.js';
import { tempDir } from '../support/cleanup.js';

const onWindows = process.platform === 'win32';

test.skipIf(onWindows)('~ is the home directory, and other paths are relative to the working directory', () => {
  const here = { env: { HOME: '/srv/ops', USERPROFILE: '/srv/ops' }, cwd: '/srv' };
  expect(['~', '~/keys/', 'a/../b', '/x', '~ops/x'].map((given) => absolutePath(given, here))).toEqual([
    '/srv/ops',
    '/srv/ops/keys',
    '/srv/b',
    '/x',
    '/srv/~ops/x',
  ]);
});

describe.skipIf(onWindows)('Tab', () => {
  const home = tempDir();
  mkdirSync(join(home, 'exports'));
  for (const name of ['export.csv', '.hidden', 'with blank', 'evil\x1b[2J']) writeFileSync(join(home, name), '');
  const complete = pathCompletion({ env: { HOME: home }, cwd: home });

  test.each([
    ['ex', 'export', ['export.csv', 'exports']],
    ['export.', 'export.csv', []],
    ['~/exports', '~/exports/', []],
    ['~', '~/', []],
    ['w', 'with blank', []],
    ['.h', '.hidden', []],
    ['', '', ['export.csv', 'exports', 'with blank']],
    ['nothing/', 'nothing/', []],
    ['e', 'export', ['export.csv', 'exports']],
  ])('makes of %j %j, and shows %j', (typed, text, candidates) => {
    expect(complete(typed)).toEqual({ text, candidates });
  });
});

test.each([
  ['20022', 'that is a number, not a host; the port is the next question'],
  ['10.20.0.5:22', 'enter the host only; the port is the next question'],
  ['acme@10.20.0.5', 'enter the host only; the question about the user name comes later'],
  ['sftp.agent.example', undefined],
  ['10.20.0.5', undefined],
  ['fd00::5', undefined],
])('the host %s is answered with %j', (host, wrong) => {
  expect(wrongHost(host)).toBe(wrong);
});

// The count of a directory ended at the first such name, and said "more than".
test.skipIf(process.platform !== 'linux')('files with names that are not UTF-8 are counted', async () => {
  const path = tempDir();
  for (const name of ['a', 'caf\xe9', 'z'])
    writeFileSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from(name, 'latin1')]), 'four');
  expect(await preview({ path, kind: 'directory' }, new AbortController().signal)).toEqual({
    files: 3,
    size: 12,
    more: false,
  });
});

test.each<[flags: object, message: string]>([
  [{ host: '20022' }, '--host "20022": this is a number, not a host'],
  [{ proxyJump: 'a,b' }, '--proxy-jump "a,b": depot can go through only one jump host'],
  [{ proxyJumpHostKey: [`SHA256:${'A'.repeat(43)}`] }, '--proxy-jump-host-key is for the server of --proxy-jump'],
  [{ sshAgent: true, passwordFile: 'p' }, '--ssh-agent and --password-file are two ways to log in'],
])('%j is refused', (flags, message) => {
  expect(() => initOptions({ ...flags })).toThrow(message);
});
