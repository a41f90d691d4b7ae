/** As cron and systemd start depot: no terminal, no session bus, no HOME, another account. It still finds its secrets. */
import { chmodSync, chownSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { json } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { asRoot, peers } from '../support/peers.js';
import { type Finished, run, type RunOptions } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { onlyFirstDeposit, Supplier } from '../support/supplier.js';

const ssh = peers('sshd', 'ssh-keygen');
const root = asRoot();
const uid = 54_322;
/** The program and Node where an account without rights of its own can read them. */
let program: { node: string; script: string };

describe.skipIf(!ssh || !root)('a scheduled run', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ login: 'password' });
    program = installed();
  }, 120_000);

  /** A supplier whose files belong to the service account. */
  async function owned(): Promise<Supplier> {
    const supplier = await Supplier.create(server, { login: 'password', remote: { passwordFile: undefined } });
    writeFileSync(join(supplier.data, 'x'), 'data');
    own(supplier.directory);
    return supplier;
  }

  function own(path: string): void {
    chownSync(path, uid, uid);
    if (statSync(path).isDirectory()) for (const name of readdirSync(path)) own(join(path, name));
  }

  /** `env -i`, as another account: nothing but what is given. */
  function asService(args: string[], env: NodeJS.ProcessEnv = {}, options: RunOptions = {}): Promise<Finished> {
    return run(program.node, [program.script, ...args], { uid, gid: uid, cwd: '/', env, ...options });
  }

  test('finds the password of login --to file with an empty environment (no HOME, no session bus)', async () => {
    const supplier = await owned();
    const config = ['--config', supplier.config];
    const without = await asService(['push', '--json', ...config]);
    expect(without.code, without.stdout + without.stderr).toBe(17);
    const kept = await asService(
      ['login', 'acme-crm', '--to', 'file', '--password-stdin', ...config],
      {},
      { input: `${server.password}\n` },
    );
    expect(kept.code, kept.stderr).toBe(0);
    const found = join(
      supplier.directory,
      'secrets',
      readdirSync(join(supplier.directory, 'secrets')).find((n) => n.startsWith(`${server.username}@${server.host}`))!,
    );
    expect(statSync(found).mode & 0o777).toBe(0o600);
    const pushed = await asService(['push', '--json', ...config]);
    expect(pushed.code, pushed.stdout + pushed.stderr).toBe(0);
    expect(pushed.stdout).not.toContain(server.password);
    const quiet = await asService(['push', '--quiet', ...config]);
    expect([quiet.code, quiet.stdout, quiet.stderr]).toEqual([0, '', '']);
  });

  test('works from systemd, with STATE_DIRECTORY and a credential', async () => {
    const supplier = await owned();
    const [state, credentials] = [join(supplier.directory, 'var'), join(supplier.directory, 'credentials')];
    for (const directory of [state, credentials]) mkdirSync(directory, { mode: 0o700 });
    supplier.writeConfig({ top: { state: undefined } });
    writeFileSync(join(credentials, 'depot.password'), `${server.password}\n`, { mode: 0o400 });
    own(supplier.directory);
    const pushed = await asService(['push', '--json', '--config', supplier.config], {
      STATE_DIRECTORY: state,
      CREDENTIALS_DIRECTORY: credentials,
      PATH: '/usr/bin:/bin',
      LANG: 'C',
    });
    expect(pushed.code, pushed.stdout + pushed.stderr).toBe(0);
    const { receiptPath } = json(pushed).results![0].deposit!;
    expect(receiptPath.startsWith(join(state, 'acme-crm'))).toBe(true);
    expect(statSync(receiptPath).mode & 0o777).toBe(0o600);
    expect(statSync(join(state, 'acme-crm')).mode & 0o777).toBe(0o700);
    expect(statSync(receiptPath).uid).toBe(uid);
  });

  test('deposits in silence with the printed line, run as cron runs it', async () => {
    const supplier = await owned();
    await asService(
      ['login', 'acme-crm', '--to', 'file', '--password-stdin', '--config', supplier.config],
      {},
      { input: `${server.password}\n` },
    );
    const printed = await asService(['schedule', 'print', 'cron', '--at', '01:30', '--config', supplier.config], {
      PATH: '/usr/bin:/bin',
    });
    expect(printed.code, printed.stderr).toBe(0);
    const [line] = printed.stdout.split('\n').filter((one) => one !== '' && !one.startsWith('#'));
    const [, command] = /^30 1,2,3,4,5,6 \* \* \* (.*)$/.exec(line)!;
    const before = server.names().length;
    // crontab(5): `\%` stands for a percent sign.
    const ran = await run('/bin/sh', ['-c', command.replaceAll('\\%', '%')], {
      uid,
      gid: uid,
      cwd: supplier.directory,
      env: { HOME: supplier.directory, LOGNAME: 'depot', SHELL: '/bin/sh', PATH: '/usr/bin:/bin' },
    });
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([0, '', expect.stringMatching(onlyFirstDeposit)]);
    expect(server.names().length).toBeGreaterThan(before);
  });

  test('refuses a configuration that another account owns', async () => {
    const supplier = await owned();
    chownSync(supplier.config, uid + 1, uid + 1);
    chmodSync(supplier.config, 0o644);
    const refused = await asService(['push', '--json', '--config', supplier.config]);
    expect(refused.code).toBe(10);
    expect(json(refused).error!.code).toBe('config-insecure');
  });

  test('asks no questions', async () => {
    const supplier = await owned();
    const began = Date.now();
    const { code, stderr } = await asService(['push', '--config', supplier.config]);
    expect(code).toBe(17);
    expect(stderr).toMatch(/^depot: error: acme-crm: .*\n(.*\n)*depot: hint: /);
    expect(Date.now() - began).toBeLessThan(30_000);
  });
});
