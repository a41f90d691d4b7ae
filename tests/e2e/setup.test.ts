import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';
import { asRoot, peers } from '../support/peers.js';
import { type Finished, mustRun } from '../support/process.js';
import { startSshd, type Sshd } from '../support/sshd.js';
import { makeKey, Supplier } from '../support/supplier.js';

const ssh = peers('sshd', 'ssh-keygen', 'ssh-keyscan');
const root = asRoot();

/** An account with a key from the beneficiary, data, and nothing else yet. */
async function newcomer(server: Sshd) {
  const home = tempDir('depot-home');
  mkdirSync(join(home, 'export'));
  writeFileSync(join(home, 'export/customers.csv'), 'id;name\n1;Gemeente Voorbeeld\n');
  const beneficiary = await makeKey(join(home, 'voorbeeld'), 'Gemeente Voorbeeld', 'compat');
  const run = (...args: string[]): Promise<Finished> => depot(args, { cwd: home, env: { HOME: home } });
  const answers = [
    '--yes',
    '--later',
    '--supplier',
    'Acme: SaaS "B.V."',
    '--arrangement',
    'acme-crm',
    '--beneficiary',
    'Gemeente Voorbeeld',
    '--beneficiary-key',
    beneficiary.publicKey,
    '--fingerprint',
    beneficiary.fingerprint,
    '--signer-email',
    'ops@acme.example',
    '--no-passphrase',
    '--source',
    'export',
    '--host',
    server.host,
    '--port',
    String(server.port),
    '--username',
    server.username,
    '--directory',
    server.remoteDirectory,
    '--every',
    '24h',
  ];
  return { home, run, answers, beneficiary };
}

describe.skipIf(!ssh || !root)('the first deposit, set up with flags alone', () => {
  test('takes init, trust, login, doctor, a dry run, push, status and receipts', async () => {
    const server = await startSshd({ login: 'password' });
    const { home, run, answers } = await newcomer(server);

    const made = await run('init', ...answers, '--json');
    expect(made.code, made.stdout).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({
      ok: true,
      config: join(home, 'depot.yaml'),
      hostKeys: [],
      missing: ['host key', 'password'],
    });
    expect(statSync(join(home, 'keys/supplier.secret.asc')).mode & 0o777).toBe(0o600);
    expect((await run('init', ...answers)).code).toBe(5);

    expect(json(await run('push', '--json')).results).toMatchObject([
      { ok: false, error: { exit: 13, published: 'no' } },
    ]);
    expect((await run('doctor')).code).toBe(13);

    const before = readFileSync(join(home, 'depot.yaml'), 'utf8');
    const unattended = await run('trust');
    expect(unattended.code).toBe(13);
    expect(unattended.stderr).toContain(fingerprintOf(server));
    expect((await run('trust', '--fingerprint', `SHA256:${'A'.repeat(43)}`)).code).toBe(13);
    expect(existsSync(join(home, 'known_hosts'))).toBe(false);
    expect((await run('trust', '--fingerprint', fingerprintOf(server))).code).toBe(0);
    expect(statSync(join(home, 'known_hosts')).mode & 0o777).toBe(0o644);
    expect(readFileSync(join(home, 'depot.yaml'), 'utf8')).toBe(before);

    expect(json(await run('doctor', '--json')).ok).toBe(false);
    expect((await run('doctor')).code).toBe(17);
    const login = await depot(['login', '--to', 'file', '--password-stdin'], {
      cwd: home,
      env: { HOME: home },
      input: `${server.password}\n`,
    });
    expect(login.code, login.stderr).toBe(0);
    expect(login.stdout).not.toContain(server.password);
    expect(login.stdout).toMatch(/readable by +account root/);

    const doctor = await run('doctor');
    expect(doctor.code, doctor.stdout).toBe(0);
    expect(doctor.stdout).toContain('A push should work.');
    expect(server.names()).toEqual([]);

    const dry = json(await run('push', '--dry-run', '--json'));
    expect(dry.results).toMatchObject([{ ok: true, dryRun: { complete: true } }]);
    expect((await run('status')).code).toBe(31);
    const pushed = await run('push');
    expect(pushed.code, pushed.stderr).toBe(0);
    expect(pushed.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual([
      'dataset',
      'sealed',
      'uploaded',
      'deposited',
      'sha256',
      'receipt',
      'ledger',
      '',
    ]);
    expect(pushed.stdout).toMatch(/^ledger +new: /m);
    expect((await run('push', '--if-older-than', '20h')).stdout).toMatch(/^skipped /);
    const status = await run('status');
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/acme-crm +20\d\d-.* +\d+s +24h +skipped/);

    const logout = await run('logout');
    expect(logout.stdout).toContain('removed');
    expect(json(await run('push', '--json')).results).toMatchObject([{ error: { exit: 17, published: 'no' } }]);
  });
});

describe.skipIf(!ssh)('trust', () => {
  test('with hostKey: in depot.yaml changes nothing, says where the key is, and fails unless it matches', async () => {
    const server = await startSshd();
    const supplier = await Supplier.create(server, { remote: { hostKey: [`SHA256:${'A'.repeat(43)}`] } });
    const line =
      readFileSync(supplier.config, 'utf8')
        .split('\n')
        .findIndex((l) => l.includes('hostKey:')) + 1;
    const { result } = await supplier.push();
    expect(result.error).toMatchObject({
      exit: 13,
      hint: expect.stringMatching(new RegExp(`correct hostKey in ${supplier.config}:${line}$`, 'm')),
    });
    const changed = await supplier.depot(['trust', '--fingerprint', fingerprintOf(server)]);
    expect(changed.code).toBe(13);
    expect(changed.stderr).toContain(`${supplier.config}:${line} has another host key, and that one counts`);
    expect(changed.stderr).toContain(`hostKey: ["ssh-ed25519 ${fingerprintOf(server)}"]`);
    const known = join(supplier.directory, 'known_hosts');
    expect(existsSync(known)).toBe(false);
    supplier.writeConfig({ remote: {} });
    expect((await supplier.depot(['trust', '--fingerprint', fingerprintOf(server)])).code).toBe(0);
    // What known_hosts revokes counts although it pins nothing with hostKey.
    supplier.writeConfig({ remote: { hostKey: undefined } });
    await supplier.depot(['trust', '--fingerprint', fingerprintOf(server)]);
    const [, , key] = readFileSync(known, 'utf8').split(' ');
    writeFileSync(known, `@revoked ${server.host} ssh-ed25519 ${key}`);
    for (const hostKey of [[fingerprintOf(server)], undefined]) {
      supplier.writeConfig({ remote: { hostKey } });
      const revoked = await supplier.depot(['trust', '--fingerprint', fingerprintOf(server)]);
      expect([revoked.code, revoked.stderr]).toEqual([13, expect.stringContaining(`was revoked, by ${known}:1`)]);
    }
    expect((await supplier.push()).result.error).toMatchObject({ code: 'host-key-unknown' });
  });

  test('login asks for no password if the server takes SSH keys only', async () => {
    const server = await startSshd({ login: 'key' });
    const supplier = await Supplier.create(server, { login: 'password' });
    const { result } = await supplier.push();
    expect(result.error).toMatchObject({ exit: 12, hint: expect.stringContaining('remote.privateKey') });
  });
});

describe.skipIf(!ssh)('init', () => {
  test('reports all that is missing at once if nobody can be asked', async () => {
    const { code, stderr } = await depot(['init', '--supplier', 'Acme'], { cwd: tempDir() });
    expect(code).toBe(2);
    expect(stderr).toMatch(/; and for a push: --host-key, --password-file \(or --private-key\) \(unless --later\)/);
    for (const flag of [
      '--arrangement',
      '--fingerprint',
      '--host',
      '--source',
      '--passphrase-file',
      '--host-key',
      '--password-file',
    ])
      expect(stderr).toContain(flag);
    expect(stderr).not.toContain('--every');
    expect(stderr).not.toContain('--supplier,');
  });

  // It wrote depot.yaml and ended with 0: a playbook went on, and no push was possible.
  test('without questions, writes no configuration that could not push, unless --later is given; existing files count', async () => {
    const server = await startSshd();
    const { home, run, answers } = await newcomer(server);
    const now = answers.filter((word) => word !== '--later');
    const without = await run('init', ...now, '--json');
    expect(without.code).toBe(2);
    expect(json(without).error).toMatchObject({
      code: 'usage',
      message:
        'there is no terminal to ask on, and a push is not possible without: --host-key, --password-file (or --private-key)',
      hint: expect.stringContaining('--later') as string,
    });
    expect(
      (await run('init', ...now, '--host-key', server.fingerprints[0], '--password-file', 'nowhere')).stderr,
    ).toContain('the file nowhere of --password-file');
    const locked = join(home, 'locked');
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'correct horse', '-f', locked]);
    expect((await run('init', ...now, '--host-key', server.fingerprints[0], '--private-key', locked)).stderr).toContain(
      '--private-key-passphrase-file',
    );
    expect(readdirSync(home).sort()).toEqual([
      'export',
      'locked',
      'locked.pub',
      'voorbeeld.public.asc',
      'voorbeeld.secret.asc',
    ]);

    // As a playbook puts them there first.
    writeFileSync(
      join(home, 'known_hosts'),
      (await mustRun('ssh-keyscan', ['-t', 'ed25519', '-p', String(server.port), server.host])).stdout,
    );
    mkdirSync(join(home, 'secrets'), { mode: 0o700 });
    writeFileSync(join(home, `secrets/127.0.0.1_${server.port}.password`), `${server.password}\n`, { mode: 0o600 });
    const made = await run('init', ...now, '--json');
    expect(made.code, made.stdout).toBe(0);
    const document = JSON.parse(made.stdout) as { missing: string[]; next: string[] };
    expect(document.missing).toEqual([]);
    expect(document.next.join('\n')).not.toMatch(/depot (?:trust|login)/);
  });

  test('refuses a key with another fingerprint than the one given, and writes nothing', async () => {
    const server = await startSshd();
    const { home, run, answers } = await newcomer(server);
    const other = answers.map((a) => (/^[0-9A-F]{40}$/.test(a) ? 'F'.repeat(40) : a));
    expect((await run('init', ...other)).code).toBe(20);
    expect(existsSync(join(home, 'depot.yaml'))).toBe(false);
    expect(existsSync(join(home, 'keys/supplier.secret.asc'))).toBe(false);
  });

  test("adopts existing records of an arrangement by the same signer, and refuses another signer's", async () => {
    const server = await startSshd();
    const supplier = await Supplier.create(server);
    writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n');
    const { receipt } = await supplier.deposit();
    const { home, run, answers } = await newcomer(server);
    const refused = await run('init', ...answers, '--state', supplier.state);
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain(receipt.supplier.signerFingerprint);
    expect(refused.stderr).toContain('choose another --state');
    expect(existsSync(join(home, 'keys'))).toBe(false);
    const withKey = answers.filter(
      (a, i) => !['--no-passphrase', '--signer-email'].includes(a) && answers[i - 1] !== '--signer-email',
    );
    const made = await run('init', ...withKey, '--state', supplier.state, '--signer', supplier.signer.secretKey);
    expect(made.code, made.stderr).toBe(0);
  });
});

describe.skipIf(!ssh)('receipts', () => {
  test('are listed, shown and verified, and a destruction is noted, also with the state directory alone', async () => {
    const server = await startSshd();
    const supplier = await Supplier.create(server);
    writeFileSync(join(supplier.data, 'x'), 'x');
    const first = await supplier.deposit();
    const second = await supplier.deposit();

    const listed = JSON.parse((await supplier.depot(['receipts', 'list', '--json'])).stdout) as {
      deposits: { depositId: string; encryption: object }[];
    };
    expect(listed.deposits.map((d) => d.depositId)).toEqual([first.depositId, second.depositId]);
    expect((await supplier.depot(['receipts', 'list', '--to', '2020-01-01'])).stdout).toMatch(
      /^no deposits in \S+ in this period\n$/,
    );
    expect((await supplier.depot(['receipts', 'list', 'acme-crn'])).stderr).toContain('did you mean acme-crm?');

    expect((await supplier.depot(['receipts', 'show', 'acme-crm_'])).code).toBe(2);
    const shown = await supplier.depot(['receipts', 'show', first.depositId]);
    expect(shown.stdout).toContain(first.receipt.suitcase.sha256);

    expect((await supplier.depot(['receipts', 'note', first.depositId, '--destroyed', '2020-01-01'])).code).toBe(2);
    const today = new Date().toISOString().slice(0, 10);
    expect((await supplier.depot(['receipts', 'note', first.depositId, '--destroyed', today])).code).toBe(0);
    expect((await supplier.depot(['receipts', 'note', first.depositId, '--destroyed', today])).code).toBe(2);

    const whole = await supplier.depot(['receipts', 'verify', '--json']);
    expect(JSON.parse(whole.stdout)).toMatchObject({
      ok: true,
      arrangements: [{ lines: 3, receipts: 2, problems: [] }],
    });
    const auditor = await depot(['receipts', 'list', '--state', supplier.state], {
      cwd: tempDir(),
      env: { HOME: tempDir() },
    });
    expect(auditor.code, auditor.stderr).toBe(0);
    expect(auditor.stdout).toContain(`destroyed ${today}`);

    const held = tempDir('depot-held');
    cpSync(second.receiptFile, join(held, `${second.depositId}.receipt.json`));
    expect((await supplier.depot(['receipts', 'verify', '--against', held])).code).toBe(0);
    rmSync(first.receiptFile);
    const broken = await supplier.depot(['receipts', 'verify']);
    expect(broken.code).toBe(32);
    expect(broken.stdout).toMatch(/✗ acme-crm: broken[\s\S]*missing/);
  });
});

describe.skipIf(!ssh)('key add', () => {
  test('copies the public key beside the configuration, prints lines that work, and leaves depot.yaml alone', async () => {
    const server = await startSshd();
    const supplier = await Supplier.create(server);
    const before = readFileSync(supplier.config, 'utf8');
    const next = await makeKey(join(tempDir(), 'nieuw'), 'Waterschap Voorbeeld', 'compat');
    const refused = await supplier.depot(['key', 'add', 'acme-crm', next.publicKey, '--fingerprint', 'A'.repeat(40)]);
    expect(refused.code).toBe(20);
    const added = JSON.parse(
      (await supplier.depot(['key', 'add', 'acme-crm', next.publicKey, '--fingerprint', next.fingerprint, '--json']))
        .stdout,
    ) as { key: string; lines: string[] };
    expect(readFileSync(added.key, 'utf8')).toContain('BEGIN PGP PUBLIC KEY BLOCK');
    expect(readFileSync(supplier.config, 'utf8')).toBe(before);
    expect(added.lines.join('\n')).toContain(next.fingerprint);
    expect(
      (await supplier.depot(['key', 'add', 'acme-crm', next.publicKey, '--fingerprint', next.fingerprint])).code,
    ).toBe(0);
  });
});

function fingerprintOf(server: Sshd): string {
  return server.fingerprints[0].split(' ').at(-1)!;
}
