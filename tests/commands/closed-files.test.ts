/** What commands say of files that belong to another account. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { isHomeOfAnother } from '../../src/accounts.js';
import { json } from '../support/cli.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot, peers } from '../support/peers.js';
import { installed } from '../support/installed.js';
import { type Finished, run } from '../support/process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { makeKey, type Server, type Supplier } from '../support/supplier.js';
import { type Check, examined, supplierWith } from './examined.js';

const daemon = { uid: 1, gid: 1 };

describe.skipIf(!peers('sshd', 'ssh-keygen') || !asRoot())('files of another account', () => {
  let server: Sshd;
  let program: { node: string; script: string };
  beforeAll(async () => {
    server = await startSshd();
    program = installed();
  });

  async function open(at: Server = server): Promise<Supplier> {
    const supplier = await supplierWith(at);
    for (const directory of ['', 'data', 'keys', 'secrets']) chmodSync(join(supplier.directory, directory), 0o755);
    chmodSync(supplier.config, 0o644);
    return supplier;
  }

  function asDaemon(supplier: Supplier): ReturnType<typeof examined> {
    return examined(
      run(program.node, [program.script, 'doctor', '--json', '--config', supplier.config], {
        ...daemon,
        cwd: '/',
        env: { PATH: '/usr/bin:/bin' },
      }),
    );
  }

  // It was once reported twice, at the secret and at the login, with a hint to store another password.
  test('doctor names each secret that the account cannot read once, with the line that makes it readable', async () => {
    const scripted = await startScriptedServer({});
    const supplier = await open({ ...scripted, remoteDirectory: '/in' });
    const state = join(supplier.directory, 'state');
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, daemon.uid, daemon.gid);
    const locked = await makeKey(join(supplier.directory, 'keys/locked'), 'Acme', 'compat', 'correct horse');
    const [password, passphrase, stored] = [
      join(supplier.directory, 'password'),
      join(supplier.directory, 'passphrase'),
      join(supplier.directory, `secrets/127.0.0.1_${scripted.port}.password`),
    ];
    writeFileSync(password, `${scripted.password}\n`, { mode: 0o600 });
    writeFileSync(passphrase, 'correct horse\n', { mode: 0o600 });
    const set = (remote: Record<string, unknown>): void => {
      supplier.writeConfig({
        top: { supplier: { name: 'Acme', signingKey: locked.secretKey, signingKeyPassphraseFile: passphrase } },
        remote: { privateKey: undefined, ...remote },
      });
      chmodSync(supplier.config, 0o644);
    };
    const typed = (check: Check): void => {
      execFileSync('sh', ['-ec', check.hint!.replace('type as root: ', '')]);
    };
    set({ passwordFile: password });

    const first = await asDaemon(supplier);
    expect(first.checks.signer).toMatchObject({
      result: 'failed',
      hint: `type as root: chown root:daemon ${locked.secretKey} && chmod 640 ${locked.secretKey}`,
    });
    typed(first.checks.signer);
    const second = await asDaemon(supplier);
    const told = Object.values(second.checks).filter(({ detail, hint = '' }) =>
      `${detail} ${hint}`.includes(passphrase),
    );
    expect(told).toEqual([
      {
        name: 'secret signing key',
        result: 'failed',
        detail: `${passphrase} may not be read by account daemon (uid 1)`,
        hint: `type as root: chown root:daemon ${passphrase} && chmod 640 ${passphrase}`,
      },
    ]);
    expect(second.checks.signer).toMatchObject({ result: 'not possible' });
    expect(second.exit).toBe(17);
    typed(told[0]);
    const third = await asDaemon(supplier);
    expect(third.checks['secret signing key'].result).toBe('passed');
    expect(
      Object.values(third.checks).filter(({ detail, hint = '' }) => `${detail} ${hint}`.includes(password)),
    ).toHaveLength(1);
    expect(third.checks.login).toEqual({
      name: 'login',
      result: 'not possible',
      detail: 'skipped: the secret password is not available',
    });
    typed(third.checks['secret password']);
    expect(await asDaemon(supplier)).toMatchObject({
      exit: 0,
      checks: { 'secret password': { result: 'passed' }, signer: { result: 'passed' }, login: { result: 'passed' } },
    });

    // The same for the place beside depot.yaml where depot login keeps it, whether the file is closed or its directory.
    set({ passwordFile: undefined });
    writeFileSync(stored, `${scripted.password}\n`, { mode: 0o600 });
    const closed = await asDaemon(supplier);
    expect(closed.checks['secret password']).toMatchObject({
      result: 'failed',
      detail: `${stored} may not be read by account daemon (uid 1)`,
      hint: `type as root: chown -R daemon: ${join(supplier.directory, 'secrets')}`,
    });
    chmodSync(join(supplier.directory, 'secrets'), 0o700);
    const hidden = (await asDaemon(supplier)).checks['secret password'];
    expect(hidden.detail).toContain('is not accessible to account daemon (uid 1)');
    expect(hidden.hint).toBe(closed.checks['secret password'].hint);
    typed(hidden);
    // The account owns it now, so it can correct the mode itself.
    chmodSync(stored, 0o644);
    const loose = (await asDaemon(supplier)).checks['secret password'];
    expect(loose.hint).toBe(`chmod 600 ${stored}`);
    typed(loose);
    expect((await asDaemon(supplier)).checks['secret password']).toMatchObject({ result: 'passed' });

    set({ passwordFile: join(supplier.directory, 'forgotten') });
    expect((await asDaemon(supplier)).checks['secret password']).toMatchObject({
      result: 'failed',
      detail: expect.stringContaining('does not exist'),
      hint: expect.stringContaining('depot login acme-crm --to file'),
    });
  });

  test("the hint for a closed configuration is the line that opens it, and for a directory of root's to choose another", async () => {
    const supplier = await open();
    const as = { ...daemon, cwd: '/', env: { PATH: '/usr/bin:/bin' } };
    const { config, directory } = supplier;
    const receipts = (): Promise<Finished> =>
      run(program.node, [program.script, 'receipts', 'list', '--config', config], as);
    chmodSync(config, 0o600);
    const line = (await receipts()).stderr.split('have its owner or root run: ')[1].trim();
    expect(line).toBe(`chmod a+r ${config}`);
    execFileSync('sh', ['-ec', line]);
    expect((await receipts()).stderr).not.toContain(config);
    const opener = await run(program.node, [program.script, 'opener', '--out', join(directory, 'opener.html')], as);
    expect([opener.code, opener.stderr]).toEqual([
      5,
      expect.stringContaining(
        `depot: hint: choose a place that daemon may write to, or have root give it access here (${directory} belongs to root, mode 755)\n`,
      ),
    ]);
  });

  test('the search for depot.yaml goes on past a closed directory; hints open such a directory, but never a home', async () => {
    const supplier = await open();
    const closed = tempDir();
    chmodSync(closed, 0o700);
    const status = (...args: string[]): Promise<Finished> =>
      run(
        'sh',
        [
          '-c',
          `cd "$0" && exec setpriv --reuid ${daemon.uid} --regid ${daemon.gid} --clear-groups env -i PATH=/usr/bin:/bin HOME="$0" "$@"`,
          closed,
          program.node,
          program.script,
          'status',
          ...args,
        ],
        { cwd: '/', env: { PATH: '/usr/bin:/bin' } },
      );
    expect((await status()).stderr).toContain(
      `depot: error: no depot.yaml: looked for ${closed}/depot.yaml (which this account cannot access), `,
    );
    expect((await status('--config', supplier.config)).stderr).not.toContain(closed);
    expect((await status('--config', join(closed, 'depot.yaml'))).stderr).toContain(
      `hint: have its owner or root run: chgrp daemon ${closed} && chmod g+rx ${closed}\n`,
    );
    const { homedir, uid } = userInfo();
    expect([
      isHomeOfAnother(homedir, daemon.uid),
      isHomeOfAnother(homedir, uid),
      isHomeOfAnother(closed, daemon.uid),
    ]).toEqual([true, false, false]);
    if ((statSync(homedir).mode & 0o001) === 0)
      expect((await status('--config', join(homedir, 'depot.yaml'))).stderr).toContain(
        `hint: move the configuration out of ${homedir}, which is a home directory; it belongs in /etc/depot`,
      );
  });

  test('without a state directory, the hint does not assume which account pushes', async () => {
    const supplier = await open();
    supplier.writeConfig({ login: 'password' });
    chmodSync(supplier.config, 0o644);
    const { checks } = await asDaemon(supplier);
    expect(checks['secret password'].hint).toMatch(
      /^run depot doctor --config \S+ as the account that pushes; if that is daemon, type as root: chown -R daemon: /,
    );
  });

  test('doctor says that a source may not be read, not that its path is wrong', async () => {
    const supplier = await open();
    chmodSync(supplier.data, 0o700);
    const state = join(supplier.directory, 'state');
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, daemon.uid, daemon.gid);
    const { exit, checks } = await asDaemon(supplier);
    expect(checks['source data']).toMatchObject({
      result: 'failed',
      detail: `${supplier.data} may not be read by this account`,
      hint: expect.stringContaining('the account that pushes'),
    });
    expect(checks.signer).toMatchObject({
      result: 'failed',
      hint: `type as root: chown root:daemon ${supplier.signer.secretKey} && chmod 640 ${supplier.signer.secretKey}`,
    });
    expect(exit).toBe(20);
  });

  test('root does not push into the state of a service account; receipts that root left there are unreadable, not missing', async () => {
    const supplier = await open();
    const { depositId } = await supplier.deposit();
    const state = join(supplier.directory, 'state');
    for (const name of ['', ...readdirSync(state, { recursive: true, encoding: 'utf8' })])
      chownSync(join(state, name), daemon.uid, daemon.gid);
    const receipt = join(state, 'acme-crm', `${depositId}.receipt.json`);
    const before = readdirSync(state, { recursive: true });
    for (const args of [
      ['push', 'acme-crm'],
      ['push', 'acme-crm', '--dry-run'],
    ]) {
      const { error } = json(await supplier.depot([...args, '--json'])).results![0];
      expect(error, args.join(' ')).toMatchObject({
        code: 'state-insecure',
        exit: 5,
        published: 'no',
        hint: `run it as the account that owns it: runuser -u daemon -- depot ${args.join(' ')} --config ${supplier.config}`,
      });
    }
    expect(readdirSync(state, { recursive: true })).toEqual(before);

    const runAsDaemon = (...args: string[]): Promise<Finished> =>
      run(program.node, [program.script, ...args, '--config', supplier.config], {
        ...daemon,
        cwd: '/',
        env: { PATH: '/usr/bin:/bin' },
      });
    const signer = ['--signer', supplier.signer.publicKey];
    expect((await runAsDaemon('receipts', 'verify', ...signer)).code).toBe(0);
    chownSync(receipt, 0, 0);
    const verified = await runAsDaemon('receipts', 'verify', ...signer);
    expect(verified.code, verified.stdout).toBe(24);
    expect(verified.stdout).toContain(`unreadable: cannot read ${receipt}: it belongs to root`);
    expect(verified.stdout).toContain(`chown daemon ${receipt}`);
    expect(verified.stdout).not.toMatch(/missing|whole/);
    // Another reader is told whose they are. A hint to change the owner would take them from the account that pushes.
    const colleague = await run(program.node, [program.script, 'receipts', 'list', '--config', supplier.config], {
      uid: 65_534,
      gid: 65_534,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
    });
    expect(colleague.code, colleague.stdout).toBe(5);
    expect(colleague.stderr).toContain(
      `hint: run it as the account that owns it: sudo -u daemon depot receipts list --config ${supplier.config}`,
    );
    // An account that may read the receipts needs no secret: the public key is enough to check them.
    chownSync(receipt, daemon.uid, daemon.gid);
    for (const name of ['', ...readdirSync(state, { recursive: true, encoding: 'utf8' })])
      chmodSync(join(state, name), statSync(join(state, name)).isDirectory() ? 0o755 : 0o644);
    const page = tempDir();
    chmodSync(page, 0o777);
    for (const args of [
      ['receipts', 'verify'],
      ['receipts', 'list'],
      ['report', '--out', join(page, 'r.html')],
    ]) {
      const looked = await run(program.node, [program.script, ...args, '--config', supplier.config], {
        uid: 65_534,
        gid: 65_534,
        cwd: '/',
        env: { PATH: '/usr/bin:/bin' },
      });
      expect(looked.code, looked.stdout + looked.stderr).toBe(0);
    }
    chownSync(receipt, 0, 0);
    chmodSync(receipt, 0o600);
    for (const name of ['', 'acme-crm']) chmodSync(join(state, name), 0o700);
    expect((await asDaemon(supplier)).checks.records).toMatchObject({
      result: 'warning',
      detail: expect.stringContaining('belongs to root, and account daemon'),
      hint: `chown -R daemon: ${join(state, 'acme-crm')}`,
    });
    rmSync(state, { recursive: true });
  });

  test('doctor run by root says whose the state is, and what that account cannot read', async () => {
    const supplier = await open();
    const state = join(supplier.directory, 'state');
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, daemon.uid, daemon.gid);
    supplier.writeConfig({ login: 'password' });
    const { checks } = await examined(supplier.depot(['doctor', '--json']));
    expect(checks.account).toMatchObject({
      result: 'warning',
      detail: expect.stringContaining('belongs to account daemon, which pushes'),
      hint: `run: runuser -u daemon -- depot doctor acme-crm --config ${supplier.config}`,
    });
    expect(checks['secret password']).toMatchObject({
      result: 'warning',
      detail: expect.stringContaining('not by account daemon'),
      hint: expect.stringMatching(/^chown -R daemon: /),
    });
    expect(statSync(state).uid).toBe(1);
    rmSync(state, { recursive: true });
  });
});
