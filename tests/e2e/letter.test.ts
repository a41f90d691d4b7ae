/**
 * From the agent's letter to a nightly deposit that somebody hears of when it fails: typed at a terminal of 80×24 in less than ten
 * minutes, and once more with flags alone. Both end on a real server, with the beneficiary's key.
 */
import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { depot, json } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { type Monitor, startMonitor } from '../support/monitor.js';
import { asRoot, peers } from '../support/peers.js';
import { type Postgres, startPostgres } from '../support/postgres.js';
import { mustRun, run } from '../support/process.js';
import { type Schedulers, schedulers } from '../support/schedulers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { onlyFirstDeposit } from '../support/supplier.js';
import { terminal, type Turn } from '../support/terminal.js';
import { asService, machine, type Machine } from './machine.js';

const here = peers('sshd', 'ssh-keygen', 'python3', 'setpriv') !== undefined && asRoot();
const pg = peers('initdb', 'pg_ctl', 'psql', 'pg_dump', 'pg_restore');
const down = '\x1b[B';

/** A slow typist, who reads every question and looks things up in the letter. */
const keyMs = 200;
const questionMs = 5000;
const limitMs = 10 * 60_000;

describe.skipIf(!here || !pg)('from the letter to a monitored nightly deposit', () => {
  let server: Sshd;
  let postgres: Postgres;
  let socket: string;
  let program: { node: string; script: string };
  beforeAll(async () => {
    [server, postgres] = await Promise.all([
      startSshd({ login: 'password', hostKeys: ['ed25519', 'ecdsa'] }),
      startPostgres(pg!),
    ]);
    socket = postgres.env['PGHOST']!;
    chmodSync(socket, 0o711);
    await postgres.psql('postgres', "create role escrow login password 'elephant'");
    await postgres.psql('postgres', 'create database crm');
    await postgres.psql('crm', 'create table customer (name text); grant select on customer to escrow');
    program = installed();
  });

  /** Runs the line of the schedule as the account that it is for, as cron and systemd do; then looks at what is there. */
  async function expectDeposits(line: string, m: Machine, monitor: Monitor): Promise<void> {
    const before = server.names();
    const pushed = await run('/bin/sh', ['-c', line], { uid: 1, gid: 1, cwd: '/', env: { PATH: '/usr/bin:/bin' } });
    expect([pushed.code, pushed.stdout, pushed.stderr]).toEqual([0, '', expect.stringMatching(onlyFirstDeposit)]);
    const suitcase = server.names().find((name) => name.endsWith('.pgp') && !before.includes(name))!;
    expect(monitor.pinged.map(({ path }) => path)).toEqual(['/acme-crm/start', '/acme-crm']);
    expect(monitor.down()).toEqual([]);
    const status = await asService(program, 'status', '--config', m.config, '--json');
    expect([status.code, json(status).ok]).toEqual([0, true]);

    const file = join(server.incoming, suitcase);
    const receipt = file.replace('.tar.gz.pgp', '.receipt.json');
    const signer = join(m.root, 'etc/keys/supplier.public.asc');
    const key = m.beneficiary.secretKey;
    const verified = await depot(['verify', file, '--receipt', receipt, '--signer', signer, '--key', key, '--json']);
    expect(json(verified)).toMatchObject({ ok: true, result: 'passed' });
    const out = join(m.root, 'opened');
    const opened = await depot([
      ...['decrypt', file, '--receipt', receipt, '--signer', signer, '--key', key, '--out', out],
    ]);
    expect(opened.code, opened.stderr).toBe(0);
    expect(readFileSync(join(out, 'data/export/customers.csv'), 'utf8')).toContain('Gemeente Voorbeeld');
    const { stdout: restored } = await mustRun(pg!.pg_restore, ['--file=-', join(out, 'data/crm.pgdump')]);
    expect(restored).toContain('CREATE TABLE public.customer');
  }

  /** What cron runs, of a crontab with one push. */
  const cronPush = (table: string): string =>
    /^30 1,2,3,4,5,6 \* \* \* (.* push .*)$/m.exec(table)![1].replaceAll('\\%', '%');

  test('typed at 80×24, in less than ten minutes', async () => {
    const m = await machine();
    const monitor = await startMonitor();
    const its: Schedulers = schedulers();
    its.writeCrontab('daemon', 'MAILTO=ops@acme.example\n15 4 * * * /usr/local/bin/other\n');
    const dialogue: Turn[] = [
      ['Account that the scheduled pushes run as', 'daemon\r'],
      ['Your name', 'Acme SaaS B.V.\r'],
      ['short name', 'acme-crm\r'],
      ['public key', '~/voor\t'],
      ['voorbeeld.public.asc  voorbeeld.secret.asc', 'p\t\r'],
      ['match exactly', `${down}\r`],
      ['Name of the beneficiary', '\r'],
      ['E-mail address', 'ops@acme.example\r'],
      ['What do you want to deposit?', '\r'],
      ['A directory or file', '~/export\r'],
      ['Anything else?', `${down}\r`],
      ['What else?', `${down}\r`],
      ['Name of the PostgreSQL database', 'crm\r'],
      ['Host, or directory of its socket', `${socket}\r`],
      ['Its port (Enter: 5432)', '\r'],
      ['that of the account, daemon', 'escrow\r'],
      ['How does depot get', `${down}\r`],
      ['Password of escrow', 'elephant\r'],
      ['Anything else?', '\r'],
      ["The agent's SFTP server", `${server.host}\r`],
      ['Its port [22]', `${server.port}\r`],
      ['Directory there [/incoming]', `${server.remoteDirectory}\r`],
      ['ssh-ed25519 SHA256:', ' \r'],
      ['User name there', `${server.username}\r`],
      ['How does depot log in there?', '\r'],
      ['How often', '\r'],
      ['Is this right?', '\r'],
      ['Passphrase for the new signing key', 'correct horse\r'],
      ['Repeat the passphrase', 'correct horse\r'],
      [`Password of ${server.username}`, `${server.password}\r`],
      ['Do a trial run now?', '\r'],
      ['What time should the push run', '\r'],
      ['Until when', '\r'],
      ['Who should depot notify', '\r'],
      ['Address to ping', `${monitor.url}\r`],
      ['File for Prometheus metrics', '\r'],
      ['the crontab of daemon', ''],
      ['Switch it on now?', '\r'],
      ['Make the first deposit now?', 'n'],
    ];
    const begun = performance.now();
    const { code, text } = await terminal(['init', '--config', m.config, '--state', m.state], {
      cwd: m.root,
      columns: 80,
      dialogue,
      program,
      env: { HOME: m.root, ...its.env },
    });
    const answers = dialogue.map(([, typed]) => typed).filter((typed) => typed !== '');
    const keys = answers.join('').replaceAll(down, '↓').length;
    const tookMs = performance.now() - begun + keys * keyMs + answers.length * questionMs;
    expect(code, text).toBe(0);
    expect(tookMs).toBeLessThan(limitMs);

    const end = text.slice(text.indexOf('\nReady.') + 1, text.lastIndexOf('\n'));
    expect(end.split('\n').length).toBeLessThanOrEqual(24);
    expect(end).toMatch(/at 01:30, account daemon deposits acme-crm with 127\.0\.0\.1/);
    expect(end).toMatch(/notified +127\.0\.0\.1:\d+ gets a ping at start, success, failure/);
    expect(end).toMatch(/depot status --config [\s\S]*depot runs --config [\s\S]*crontab -u daemon -e/);
    expect(end).toContain(join(m.root, 'etc/keys/supplier.public.asc'));

    expect(readFileSync(m.config, 'utf8')).toContain(
      `ping: { url: "${monitor.url}", on: [start, success, failure] }\n`,
    );
    const table = its.crontab('daemon');
    expect(table).toMatch(/^MAILTO=ops@acme\.example\n15 4 \* \* \* \/usr\/local\/bin\/other\n# depot: /);
    expect(table.match(/ push /g)).toHaveLength(1);
    await expectDeposits(cronPush(table), m, monitor);

    // Nothing of that is done or asked again.
    const again = await terminal(['init', '--config', m.config], {
      cwd: m.root,
      columns: 80,
      dialogue: [],
      program,
      env: { HOME: m.root, ...its.env },
    });
    expect(again.code, again.text).toBe(0);
    expect(again.text).toContain('already switched on: every night at 01:30, until 07:30');
    expect(its.crontab('daemon')).toBe(table);
  });

  test('with flags alone', async () => {
    const m = await machine();
    const monitor = await startMonitor();
    const its = schedulers('systemd');
    const secret = (name: string, text: string): string => {
      const file = join(m.root, name);
      writeFileSync(file, `${text}\n`);
      chmodSync(file, 0o640);
      chownSync(file, 0, 1);
      return file;
    };
    const made = await depot(
      [
        ...['init', '--yes', '--json', '--config', m.config, '--state', m.state, '--user', 'daemon'],
        ...['--supplier', 'Acme SaaS B.V.', '--arrangement', 'acme-crm', '--beneficiary', 'Gemeente Voorbeeld'],
        ...['--beneficiary-key', m.beneficiary.publicKey, '--fingerprint', m.beneficiary.fingerprint],
        ...['--signer-email', 'ops@acme.example', '--no-passphrase', '--source', join(m.root, 'export')],
        ...['--host', server.host, '--port', String(server.port), '--directory', server.remoteDirectory],
        ...['--database', `postgresql://escrow@/crm?host=${socket}`],
        ...['--database-password-file', secret('crm-password', 'elephant')],
        ...['--host-key', server.fingerprints[0], '--username', server.username],
        ...['--password-file', secret('password', server.password)],
        ...['--every', '24h', '--at', '01:30', '--until', '04:30', '--ping', monitor.url, '--schedule', 'systemd'],
      ],
      { cwd: m.root, env: { HOME: m.root, ...its.env }, script: program.script },
    );
    expect(made.code, made.stdout + made.stderr).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({
      ok: true,
      ping: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string,
      schedule: { kind: 'systemd', account: 'daemon', at: '01:30', until: '04:30', on: true },
    });
    expect(its.calls()).toContain('systemctl enable --now depot.timer depot-status.timer');
    expect(its.calls().indexOf('systemctl daemon-reload')).toBeGreaterThan(-1);
    expect(its.unit('depot.timer')).toContain('OnCalendar=*-*-* 02,03:30:00');
    expect(existsSync(its.unitFile('depot-status.timer'))).toBe(true);
    const service = its.unit('depot.service');
    expect(service).toMatch(/^User=daemon$/m);
    await expectDeposits(/^ExecStart=(.*)$/m.exec(service)![1], m, monitor);
  });
});
