import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { type ConfigAnswers, configText } from '../../src/commands/init/text.js';
import { loadConfig } from '../../src/config/load.js';
import { tempDir } from '../support/cleanup.js';

const answers: ConfigAnswers = {
  supplier: 'Acme',
  arrangement: 'acme-crm',
  beneficiary: { name: 'Gemeente Voorbeeld', key: 'keys/voorbeeld.asc', fingerprint: 'A'.repeat(40) },
  signingKey: 'keys/supplier.secret.asc',
  state: 'state',
  passphraseFile: undefined,
  sources: [{ path: '/srv/export', kind: 'directory' }],
  remote: {
    host: 'sftp.example',
    port: 22,
    username: 'acme',
    directory: '/in',
    hostKeys: [],
    privateKey: '/etc/depot/id',
    passwordFile: undefined,
    privateKeyPassphraseFile: undefined,
  },
  every: '24h',
};
const text = configText(answers);

test('init leaves the port to its default, which ssh_config may change, unless it is another', () => {
  expect(text).toContain('\n  # port: 22\n');
  const other = configText({ ...answers, remote: { ...answers.remote, port: 2222 } });
  expect(other).toContain('\n  port: 2222\n');
});

test('the depot.yaml that init writes shows incremental:, which works once its sign is removed', async () => {
  const file = join(tempDir('config'), 'depot.yaml');
  const load = async () => {
    const { arrangements } = await loadConfig({ flag: file, env: {}, cwd: '/' });
    return arrangements.get('acme-crm')!;
  };
  writeFileSync(file, text, { mode: 0o644 });
  expect((await load()).incremental).toBe(undefined);
  writeFileSync(file, text.replace('# incremental:', 'incremental:'));
  expect((await load()).incremental).toMatchObject({ agentKeeps: 90 * 24 * 3_600_000 });
});

test('what else a login can need is written as depot.yaml has it', async () => {
  const file = join(tempDir('config'), 'depot.yaml');
  const key = `SHA256:${'A'.repeat(43)}`;
  const other = configText({
    ...answers,
    remote: {
      ...answers.remote,
      privateKey: null,
      hostKeys: [key],
      sshAgent: '/run/agent.sock',
      proxyJump: 'gate@gate.example:2222',
      proxyJumpHostKeys: [key],
    },
  });
  writeFileSync(file, other, { mode: 0o644 });
  const { remote } = (await loadConfig({ flag: file, env: {}, cwd: '/' })).arrangements.get('acme-crm')!;
  expect(remote).toMatchObject({
    sshAgent: resolve(file, '/run/agent.sock'),
    proxyJump: { host: 'gate.example', port: 2222, username: 'gate', hostKey: [key] },
  });
  const alias = configText({ ...answers, remote: { ...answers.remote, username: '', sshConfig: '/etc/depot/ssh' } });
  expect(alias).toMatch(
    /^ {2}host: sftp\.example\n {2}sshConfig: "\/etc\/depot\/ssh" .*\n {2}# port: 22\n {2}# username: /m,
  );
});

test('databases are written so that they come back as they were answered, whatever they are called', async () => {
  const file = join(tempDir('config'), 'depot.yaml');
  const hostile = `a: b # "c" '{}, [*x`;
  const sources: ConfigAnswers['sources'] = [
    { kind: 'postgresql', database: 'crm' },
    {
      kind: 'postgresql',
      database: hostile,
      host: '/var/run/po: stgresql',
      port: 5433,
      username: '- true',
      password: { file: 'secrets/null' },
    },
    { kind: 'mariadb', database: 'null', host: 'fd00::5' },
    { kind: 'mysql', database: '007', username: 'yes' },
    { kind: 'sqlite', database: '/srv/a "b" #c.db', as: 'x: y.sql' },
    { kind: 'sqlserver', database: 'crm', host: 'db\\CRM', backup: 'D:\\crm.bak' },
  ];
  const text = configText({ ...answers, sources });
  writeFileSync(file, text, { mode: 0o644 });
  expect(text).toContain('      - postgresql: crm\n');
  const { dataset } = (await loadConfig({ flag: file, env: {}, cwd: '/' })).arrangements.get('acme-crm')!;
  const password = {};
  expect(dataset).toMatchObject([
    { kind: 'postgresql', name: 'crm.pgdump', database: 'crm', password },
    {
      database: hostile,
      host: '/var/run/po: stgresql',
      port: 5433,
      username: '- true',
      password: { file: join(file, '../secrets/null') },
    },
    { kind: 'mariadb', database: 'null', host: 'fd00::5' },
    { kind: 'mysql', database: '007', username: 'yes' },
    { kind: 'sqlite', name: 'x: y.sql', database: resolve('/srv/a "b" #c.db') },
    { kind: 'sqlserver', host: 'db\\CRM', backup: resolve(file, '..', 'D:\\crm.bak') },
  ]);
});
