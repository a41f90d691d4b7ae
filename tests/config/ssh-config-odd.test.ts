/** Odd and malformed lines of ssh's configuration: read as `ssh -G` reads them, or refused. Never another server than ssh's. */
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type SshHost, sshHost, SshConfigRefused } from '../../src/config/ssh-config.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';

const localUser = userInfo().username;

const read = (text: string): Promise<SshHost | null> =>
  sshHost('prod', '/config', {
    localUser,
    read: (file) => Promise.resolve(file === '/config' ? text : undefined),
    include: () => Promise.resolve([]),
  });

const after = (...conditions: string[]): string[] => conditions.map((one) => `${one}\nPort 5`);

describe.skipIf(!peer('ssh'))('as ssh -G reads it', () => {
  test.each([
    ...['"x y"', 'x"y"', '"x"y', 'x#y', 'x #y', '"=x"', "'x y'", 'x\\ y', 'x\\"y', 'a\\b', '\\\\a', '%h%h', '%%h'].map(
      (value) => `HostName ${value}`,
    ),
    ...[
      'HostName = x',
      'HostName =x',
      'HostName==x',
      'HostName\t=\tx',
      '"HostName" x',
      'hostNAME X.y',
      'HostName x \r',
    ],
    ...['HostName x\f', 'HostName %h.a.b #c d', '  HostName x', 'HostName x\nHostname y', 'HostName x,'],
    ...['Port "22"', 'Port 022', 'Port 22 #x', 'Port 65535', 'Port 1\nPort 2', 'User "a b"', 'User a#b', 'User a@b'],
    ...['IdentityFile "/a b"', 'IdentityFile /a#b', 'IdentityFile /a\\ b', 'IdentityFile /a\nIdentityFile /b'],
    ...[
      'IdentityAgent none',
      'ProxyJump a # c',
      'ProxyJump none',
      'ProxyJump NONE',
      'ProxyJump =a',
      'ProxyJump none,a',
    ],
    ...['ProxyCommand=none', 'ProxyCommand NONE\nProxyJump a', 'ProxyJump a\nProxyCommand nc'],
    ...after('Host a prod', 'Host "prod"', 'Host "a prod"', 'Host a,prod', 'Host !prod *', 'Host * !prod', 'Host !a'),
    ...after('Host PROD', 'Host prod#x', 'Host a #prod', 'Host=prod', 'Host = prod', 'Host pr?d', 'Host [p]rod'),
    ...after("Host 'prod'", 'Host !!prod', 'Host ! prod', 'Host pro\\d', 'Host !"prod" *', 'Host !'),
    ...after('Match all', 'Match all # x', 'Match host=prod', 'Match = host prod', 'Match host "a,prod"'),
    ...after('Match host !prod', 'Match host !prod,*', 'Match !host a', 'Match !host prod', 'Match HOST PROD'),
    ...after('Match originalhost PROD', 'Match user X', `Match localuser ${localUser}`, 'Match host a exec true'),
    ...after('Match host prod user nobodyelse', 'Match host prod #x', `Match user ${localUser}`),
    ...after('HostName z\nMatch host z', 'HostName z\nMatch host prod', 'HostName z\nMatch originalhost prod'),
    ...after('User q\nMatch user q', 'HostName %h.x\nMatch host prod.x', 'Match host prod\nHostName z\nMatch host z'),
    ...['Include /nonexistent', '#', '  # x', '', 'Host a\nProxyCommand nc', 'AddressFamily any', 'HostName %h'],
  ])('%j', async (text) => {
    const file = join(tempDir(), 'config');
    writeFileSync(file, `${text}\n`, { mode: 0o600 });
    const told = (await mustRun('ssh', ['-G', '-F', file, 'prod'])).stdout.split('\n');
    const of = (keyword: string): string[] =>
      told.filter((one) => one.startsWith(`${keyword} `)).map((one) => one.slice(keyword.length + 1));
    const found = (await read(`${text}\n`))!;
    expect({
      hostname: found.hostName,
      port: String(found.port ?? 22),
      user: found.username ?? localUser,
      keys: found.identityFiles,
      agent: found.identityAgent,
      jump: found.proxyJump ?? 'none',
    }).toEqual({
      hostname: of('hostname')[0],
      port: of('port')[0],
      user: of('user')[0],
      keys: of('identityfile').filter((one) => !one.startsWith('~/.ssh/id_')),
      agent: of('identityagent')[0],
      jump: of('proxyjump')[0] ?? 'none',
    });
  });
});

/** ssh refuses most of these too; in the others its versions differ, or nobody means what it does. */
test.each([
  ...[
    'HostName x y',
    'HostName x\ty',
    'HostName',
    'HostName=',
    'HostName ""',
    "HostName ''",
    'HostName %p',
    'HostName %',
  ],
  ...['HostName "x', '"HostName x', '"HostName"=x', '\fHostName x', 'HostName\fx', 'HostName\vx', '=x', '"'],
  ...['Port 0', 'Port 65536', 'Port -1', 'Port 22 23', 'Port 0x16', 'Port 22a', 'Port 22#', 'Port ssh', 'Port ""'],
  ...['User a b', 'User', 'User ""', 'User a%u', 'User ${NAME}', 'IdentityFile /a /b', 'IdentityFile ""'],
  ...['IdentityAgent /a /b', 'IdentityAgent ""', 'ProxyJump', 'ProxyJump # a', 'ProxyJump a b', 'ProxyJump "a"'],
  ...['ProxyJump a#b', 'ProxyCommand', 'ProxyCommand none x', 'ProxyCommand "none"', 'ProxyCommand none #x'],
  ...['AddressFamily any inet', 'BindAddress ""', 'HostKeyAlias ""', 'CanonicalizeHostname always'],
  ...['Host', 'Host ""', 'Include', 'Include ""', 'Match', 'Match host', 'Match host=', 'Match host ""'],
  ...['Match all host x', 'Match all all', 'Match host a, prod', 'Match bogus x', 'Match host a bogus x'],
  ...["Match host 'prod'", "Match host 'a prod'", 'Match host pro\\d', 'Match final', 'Match host prod exec true'],
])('%j is refused', async (text) => {
  await expect(read(`${text}\nPort 5\n`)).rejects.toThrow(SshConfigRefused);
});
