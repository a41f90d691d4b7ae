/** What depot reads in ssh's client configuration is what `ssh -G` says of it; what depot does not follow has its name. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { sshHost, SshConfigRefused } from '../../src/config/ssh-config.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';

const localUser = userInfo().username;

const read = (text: string, alias: string, included: Record<string, string> = {}) =>
  sshHost(alias, '/config', {
    localUser,
    read: (file) => Promise.resolve(file === '/config' ? text : included[file]),
    include: (pattern) => Promise.resolve([pattern]),
  });

const names = ['prod', 'PROD', 'prod.example', 'db1', 'db2', 'x'];
const pattern = fc.constantFrom(
  '*',
  'prod',
  'prod*',
  '*.example',
  'db?',
  '!db2',
  '!prod',
  'PROD',
  'bastion',
  '?',
  '*o*d*',
);
const listed = fc.array(pattern, { minLength: 1, maxLength: 3 });
const spaced = (keyword: string) =>
  fc.constantFrom(`${keyword} `, `${keyword.toLowerCase()} `, `  ${keyword}=`, `\t${keyword} = `);
const setting = fc
  .constantFrom(
    ['HostName', '10.0.0.1'],
    ['HostName', '%h.internal'],
    ['HostName', '"Sftp.Example.org" # the agent'],
    ['Port', '2222'],
    ['Port', '22'],
    ['User', 'acme'],
    ['User', '"acme corp"'],
    ['IdentityFile', '/keys/a'],
    ['IdentityFile', '"/keys/with space"'],
    ['IdentityFile', '/keys/b'],
    ['ProxyJump', 'u@bastion:2200'],
    ['ProxyJump', 'bastion'],
    ['ProxyJump', 'none'],
    ['ProxyCommand', 'none'],
    ['ForwardAgent', 'no'],
    ['ServerAliveInterval', '30'],
  )
  .chain(([keyword, value]) => spaced(keyword).map((written) => `${written}${value}`));
const line = fc.oneof(
  { weight: 6, arbitrary: setting },
  { weight: 2, arbitrary: listed.map((all) => `Host ${all.join(' ')}`) },
  { weight: 1, arbitrary: listed.map((all) => `Match host ${all.join(',')}`) },
  { weight: 1, arbitrary: listed.map((all) => `Match originalhost ${all.join(',')} user acme`) },
  { weight: 1, arbitrary: listed.map((all) => `Match !host ${all.join(',')}`) },
  { weight: 1, arbitrary: fc.constantFrom('Match all', `Match localuser ${localUser}`, '# nothing', '', '\r') },
);

test.skipIf(!peer('ssh'))(
  'as ssh -G reads them, over generated files',
  async () => {
    const directory = tempDir();
    let made = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 14 }),
        fc.array(line, { maxLength: 4 }),
        fc.nat(14),
        fc.constantFrom(...names),
        async (lines, more, at, alias) => {
          const included = join(directory, `included-${++made}`);
          writeFileSync(included, `${more.join('\n')}\n`, { mode: 0o600 });
          const text = [...lines.slice(0, at), `Include ${included}`, ...lines.slice(at)].join('\n');
          const file = join(directory, `config-${made}`);
          writeFileSync(file, `${text}\n`, { mode: 0o600 });
          const told = (await mustRun('ssh', ['-G', '-F', file, alias])).stdout.split('\n');
          const of = (keyword: string): string[] =>
            told.filter((one) => one.startsWith(`${keyword} `)).map((one) => one.slice(keyword.length + 1));
          const found = (await read(text, alias, { [included]: `${more.join('\n')}\n` }))!;
          expect({
            hostname: found.hostName,
            port: String(found.port ?? 22),
            user: found.username ?? localUser,
            keys: found.identityFiles,
            jump: found.proxyJump ?? 'none',
          }).toEqual({
            hostname: of('hostname')[0],
            port: of('port')[0],
            user: of('user')[0],
            keys: of('identityfile').filter((one) => one.startsWith('/keys/')),
            jump: of('proxyjump')[0] ?? 'none',
          });
        },
      ),
      { numRuns: 150 },
    );
  },
  120_000,
);

describe('what depot does not follow is refused by name, where it would count', () => {
  test.each([
    ['ProxyCommand nc %h %p', /:2: depot does not follow ProxyCommand/],
    ['CertificateFile ~/.ssh/id-cert.pub', /CertificateFile/],
    ['HostKeyAlias other', /HostKeyAlias/],
    ['KnownHostsCommand /bin/echo', /KnownHostsCommand/],
    ['RevokedHostKeys /etc/ssh/revoked', /RevokedHostKeys/],
    ['CanonicalizeHostname yes', /CanonicalizeHostname/],
    ['AddressFamily inet6', /AddressFamily/],
    ['BindAddress 10.0.0.9', /BindAddress/],
    ['HostName %k.example', /does not know %k/],
    ['HostName ${NAME}', /environment variables/],
    ['Port ssh', /Port ssh is not a port number/],
    ['Hostnam prod', /'Hostnam' is not an ssh setting/],
    ['HostName "open', /a quote is not closed/],
  ])('%s', async (one, says) => {
    await expect(read(`Host prod\n${one}\n`, 'prod')).rejects.toThrow(says);
    await expect(read(`Host prod\n${one}\n`, 'prod')).rejects.toThrow(SshConfigRefused);
    if (!one.includes('"'))
      await expect(read(`Host prod\n${one}\n`, 'other')).resolves.toMatchObject({ hostName: 'other' });
  });

  test('Match exec, unless the host is another anyway', async () => {
    await expect(read('Match host prod exec "true"\nPort 2\n', 'prod')).rejects.toThrow(/Match exec/);
    expect((await read('Match host prod exec "true"\nPort 2\n', 'other'))!.port).toBeUndefined();
  });

  test('settings that depot has its own for are named', async () => {
    const text = 'StrictHostKeyChecking no\nCiphers aes128-cbc\nUserKnownHostsFile /dev/null\nForwardAgent yes\n';
    expect((await read(text, 'prod'))!.notFollowed).toEqual(['StrictHostKeyChecking', 'Ciphers', 'UserKnownHostsFile']);
  });

  test('a file that includes itself', async () => {
    await expect(read('Include /config\n', 'prod')).rejects.toThrow(/endlessly/);
  });
});

describe('in depot.yaml', () => {
  async function remoteOf(remote: string, files: Record<string, string>) {
    const home = tempDir('home');
    mkdirSync(join(home, '.ssh'), { mode: 0o700 });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(home, '.ssh', name), text, { mode: 0o600 });
    const text = `version: 1
supplier: { name: Acme, signingKey: k.asc }
remote: ${remote}
arrangements:
  acme-crm:
    beneficiaries: [{ name: B, key: b.asc, fingerprint: "8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2" }]
    dataset: [{ directory: /srv }]
`;
    const at = { env: {}, cwd: home, platform: process.platform, home };
    const config = await parseConfig(text, join(home, 'depot.yaml'), at);
    return { home, remote: config.arrangements.get('acme-crm')!.remote, warnings: config.warnings };
  }
  const config = `Include more
Host agent
  HostName sftp.agent.example
  Port 2022
  User acme
  IdentityFile ~/.ssh/id_%n
  ProxyJump hop
Host hop
  HostName bastion.example
  User jump
  IdentityFile ~/.ssh/hop
`;

  test('a host is read from ~/.ssh/config only when depot.yaml says so', async () => {
    const none = await remoteOf('{ host: agent, directory: /in }', { config });
    expect(none.remote).toMatchObject({ host: 'agent', port: 22 });
    expect(none.remote.privateKey).toBeUndefined();
    const { remote, home } = await remoteOf('{ host: agent, sshConfig: true, directory: /in }', { config });
    expect(remote).toMatchObject({
      host: 'sftp.agent.example',
      port: 2022,
      username: 'acme',
      privateKey: join(home, '.ssh', 'id_agent'),
      proxyJump: { host: 'bastion.example', port: 22, username: 'jump', privateKey: join(home, '.ssh', 'hop') },
    });
  });

  test("depot.yaml's own words go first, and several keys are a warning", async () => {
    const more = 'Host agent\nIdentityFile /keys/other\nIdentityAgent none\nKexAlgorithms +x\n';
    const { remote, warnings } = await remoteOf(
      '{ host: agent, sshConfig: true, port: 22, username: other, directory: /in, proxyJump: "me@[2001:db8::1]:2200" }',
      { config, more },
    );
    expect(remote).toMatchObject({
      port: 22,
      username: 'other',
      sshAgent: false,
      proxyJump: { host: '2001:db8::1', port: 2200, username: 'me' },
    });
    expect(warnings.join('\n')).toMatch(/names several keys for agent; depot uses the first/);
    expect(warnings.join('\n')).toMatch(/depot ignores KexAlgorithms and uses its own settings/);
  });

  test.each([
    ['Host agent\nProxyJump a@one,b@two\n', /depot can go through only one jump host/],
    ['Host agent\nProxyJump hop\nHost hop\nUser u\nProxyJump other\n', /goes through other in turn/],
    ['Host agent\nProxyJump hop\n', /no User is set for hop/],
    ['Host agent\nProxyCommand nc %h %p\n', /config:2: depot does not follow ProxyCommand/],
    ['Host agent\nIdentityFile id\n', /write the full path/],
  ])('%j is a problem of the configuration', async (text, says) => {
    const read = remoteOf('{ host: agent, sshConfig: true, directory: /in }', { config: text });
    await expect(read).rejects.toThrow(says);
    await expect(read).rejects.toThrow(/; \S+docs\/ssh\.md says what depot follows/);
  });

  test('the password for all does not go to what another file of ssh calls by the same name', async () => {
    const home = tempDir('home');
    for (const name of ['one', 'two'])
      writeFileSync(join(home, name), `Host agent\nHostName ${name}.example\n`, { mode: 0o600 });
    const arrangement = (name: string, remote: string) => `  ${name}:
    remote: ${remote}
    beneficiaries: [{ name: B, key: b.asc, fingerprint: "8F3A 0000 0000 0000 0000  0000 0000 0000 0000 91C2" }]
    dataset: [{ directory: /srv }]
`;
    const text = `version: 1
supplier: { name: Acme, signingKey: k.asc }
remote: { host: agent, sshConfig: one, username: acme, passwordFile: secret, directory: /in }
arrangements:
${arrangement('first', '{ port: 22 }')}${arrangement('second', '{ sshConfig: two }')}`;
    const at = { env: {}, cwd: home, platform: process.platform, home };
    await expect(parseConfig(text, join(home, 'depot.yaml'), at)).rejects.toThrow(
      /'second' has its own sshConfig, but would send it the password/,
    );
  });

  test('a named file that is not there is one; without ~/.ssh/config there is a warning', async () => {
    await expect(remoteOf('{ host: agent, sshConfig: my.config, directory: /in }', {})).rejects.toThrow(
      /does not exist/,
    );
    const { remote, warnings } = await remoteOf('{ host: agent, sshConfig: true, directory: /in }', {});
    expect(remote.host).toBe('agent');
    expect(warnings.join('\n')).toMatch(/config does not exist, so agent is used as it is/);
  });
});
