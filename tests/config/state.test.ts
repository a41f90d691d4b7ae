import { expect, test } from 'vitest';

import { configCandidates } from '../../src/config/locate.js';
import { stateDirectory, type Surroundings } from '../../src/config/state.js';

const linux: Surroundings = { env: {}, cwd: '/work', platform: 'linux', home: '/accounts/op' };
const mac: Surroundings = { env: {}, cwd: '/work', platform: 'darwin', home: '/Users/op' };
const windows: Surroundings = { env: {}, cwd: 'D:\\work', platform: 'win32', home: 'C:\\Users\\op' };

interface Row {
  what: string;
  on: Surroundings;
  env?: NodeJS.ProcessEnv;
  flag?: string;
  configured?: string;
  configPath?: string;
  expected: string;
}

const everything = { DEPOT_STATE_DIR: '/from/env', STATE_DIRECTORY: '/var/lib/depot-unit', XDG_STATE_HOME: '/xdg' };

test.each<Row>([
  {
    what: 'a flag wins over everything',
    on: linux,
    env: everything,
    flag: '/flag',
    configured: '/configured',
    configPath: '/etc/depot/depot.yaml',
    expected: '/flag',
  },
  { what: 'a flag is relative to the working directory', on: linux, flag: 'state', expected: '/work/state' },
  {
    what: 'then the environment',
    on: linux,
    env: everything,
    configured: '/configured',
    configPath: '/etc/depot/depot.yaml',
    expected: '/from/env',
  },
  {
    what: 'then the config',
    on: linux,
    env: { ...everything, DEPOT_STATE_DIR: '' },
    configured: '/configured',
    configPath: '/etc/depot/depot.yaml',
    expected: '/configured',
  },
  {
    what: 'then systemd',
    on: linux,
    env: { STATE_DIRECTORY: '/var/lib/depot-unit', XDG_STATE_HOME: '/xdg' },
    configPath: '/etc/depot/depot.yaml',
    expected: '/var/lib/depot-unit',
  },
  {
    what: 'the first of several directories of systemd',
    on: linux,
    env: { STATE_DIRECTORY: '/var/lib/one:/var/lib/two' },
    expected: '/var/lib/one',
  },
  {
    what: 'then the system directory for a system config',
    on: linux,
    env: { XDG_STATE_HOME: '/xdg' },
    configPath: '/etc/depot/depot.yaml',
    expected: '/var/lib/depot',
  },
  {
    what: 'a config in a folder of /etc/depot is a system config',
    on: linux,
    configPath: '/etc/depot/acme/depot.yaml',
    expected: '/var/lib/depot',
  },
  {
    what: 'a config in /etc/depot-test is not',
    on: linux,
    configPath: '/etc/depot-test/depot.yaml',
    expected: '/accounts/op/.local/state/depot',
  },
  {
    what: 'a config in /etc/depot/..data is',
    on: linux,
    configPath: '/etc/depot/..data/depot.yaml',
    expected: '/var/lib/depot',
  },
  {
    what: 'then XDG',
    on: linux,
    env: { XDG_STATE_HOME: '/xdg' },
    configPath: '/accounts/op/depot.yaml',
    expected: '/xdg/depot',
  },
  {
    what: 'a relative XDG directory is ignored',
    on: linux,
    env: { XDG_STATE_HOME: 'xdg' },
    expected: '/accounts/op/.local/state/depot',
  },
  {
    what: 'then the home directory',
    on: linux,
    configPath: '/accounts/op/depot.yaml',
    expected: '/accounts/op/.local/state/depot',
  },
  { what: 'the home directory without any config', on: linux, expected: '/accounts/op/.local/state/depot' },
  { what: "macOS, the user's own", on: mac, expected: '/Users/op/Library/Application Support/depot/state' },
  { what: 'macOS, with a system config', on: mac, configPath: '/etc/depot/depot.yaml', expected: '/var/lib/depot' },
  {
    what: "Windows, the user's own",
    on: windows,
    env: { LOCALAPPDATA: 'C:\\Users\\op\\AppData\\Local' },
    expected: 'C:\\Users\\op\\AppData\\Local\\depot\\state',
  },
  {
    what: "Windows, the user's own without LOCALAPPDATA",
    on: windows,
    expected: 'C:\\Users\\op\\AppData\\Local\\depot\\state',
  },
  {
    what: 'Windows, with a system config',
    on: windows,
    env: { ProgramData: 'C:\\ProgramData' },
    configPath: 'C:\\ProgramData\\depot\\depot.yaml',
    expected: 'C:\\ProgramData\\depot\\state',
  },
  {
    what: 'Windows, a config on another drive is not a system config',
    on: windows,
    configPath: 'D:\\depot\\depot.yaml',
    expected: 'C:\\Users\\op\\AppData\\Local\\depot\\state',
  },
  { what: 'Windows, a flag', on: windows, flag: 'state', expected: 'D:\\work\\state' },
])('state directory: $what', ({ on, env = {}, flag, configured, configPath, expected }) => {
  expect(stateDirectory({ ...on, env }, { flag, configured, configPath }).path).toBe(expected);
});

test('an account without a home directory is told which variable to set', () => {
  expect(() => stateDirectory({ ...linux, home: undefined }, {})).toThrow(
    expect.objectContaining({ code: 'local-not-writable', hint: expect.stringContaining('DEPOT_STATE_DIR') }),
  );
});

test.each([
  { what: 'flag', on: linux, env: { DEPOT_CONFIG: '/env.yaml' }, flag: 'my.yaml', expected: ['/work/my.yaml'] },
  { what: 'environment', on: linux, env: { DEPOT_CONFIG: 'env.yaml' }, expected: ['/work/env.yaml'] },
  {
    what: 'search',
    on: linux,
    env: { DEPOT_CONFIG: '' },
    expected: ['/work/depot.yaml', '/accounts/op/.config/depot/depot.yaml', '/etc/depot/depot.yaml'],
  },
  {
    what: 'XDG',
    on: linux,
    env: { XDG_CONFIG_HOME: '/xdg' },
    expected: ['/work/depot.yaml', '/xdg/depot/depot.yaml', '/etc/depot/depot.yaml'],
  },
  {
    what: 'no home',
    on: { ...linux, home: undefined },
    env: {},
    expected: ['/work/depot.yaml', '/etc/depot/depot.yaml'],
  },
  {
    what: 'macOS',
    on: mac,
    env: {},
    expected: ['/work/depot.yaml', '/Users/op/Library/Application Support/depot/depot.yaml', '/etc/depot/depot.yaml'],
  },
  {
    what: 'Windows',
    on: windows,
    env: { APPDATA: 'C:\\Users\\op\\AppData\\Roaming', ProgramData: 'C:\\ProgramData' },
    expected: [
      'D:\\work\\depot.yaml',
      'C:\\Users\\op\\AppData\\Roaming\\depot\\depot.yaml',
      'C:\\ProgramData\\depot\\depot.yaml',
    ],
  },
])(
  'where a config is looked for: $what',
  ({ on, env, flag, expected }: { on: Surroundings; env: NodeJS.ProcessEnv; flag?: string; expected: string[] }) => {
    expect(configCandidates({ ...on, env }, flag).map((c) => c.path)).toEqual(expected);
  },
);
