/** The set-up with flags, on a machine where root sets up what another account runs. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { depot, json } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { asRoot, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { makeKey } from '../support/supplier.js';
import { terminal } from '../support/terminal.js';
import { asService, lookMyself, machine } from './machine.js';

const here = peers('sshd', 'ssh-keygen', 'python3', 'setpriv') !== undefined && asRoot();

describe.skipIf(!here)('depot init with flags', () => {
  let server: Sshd;
  let program: { node: string; script: string };
  beforeAll(async () => {
    server = await startSshd({ login: 'password', hostKeys: ['ed25519', 'ecdsa'] });
    program = installed();
  });

  test('continues after a failure with the keys that exist, and not with a wrong passphrase for them', async () => {
    const m = await machine();
    const flags = [
      'init',
      '--yes',
      '--config',
      m.config,
      '--state',
      m.state,
      '--user',
      'daemon',
      '--supplier',
      'Acme',
      '--arrangement',
      'acme-crm',
      '--beneficiary',
      'Voorbeeld',
      '--beneficiary-key',
      m.beneficiary.publicKey,
      '--fingerprint',
      m.beneficiary.fingerprint,
      '--signer-email',
      'ops@acme.example',
      '--source',
      join(m.root, 'export'),
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
      '--host-key',
      server.fingerprints[0],
      '--json',
    ];
    writeFileSync(join(m.root, 'password'), `${server.password}\n`, { mode: 0o600 });
    flags.push('--password-file', 'password');
    const env = { HOME: m.root, DEPOT_PASSPHRASE: 'correct horse' };
    mkdirSync(m.config, { recursive: true });
    // A directory is in the place of depot.yaml.
    expect((await depot(flags, { cwd: m.root, env })).code).toBe(5);
    await mustRun('rmdir', [m.config]);
    mkdirSync(join(m.root, 'etc/keys'), { recursive: true });
    const orphan = await makeKey(join(m.root, 'etc/keys/supplier'), 'Acme', 'compat', 'correct horse');

    const wrong = await depot(flags, { cwd: m.root, env: { ...env, DEPOT_PASSPHRASE: 'incorrect' } });
    expect(json(wrong).error).toMatchObject({ code: 'passphrase-wrong' });
    const made = await depot(flags, { cwd: m.root, env });
    expect(made.code, made.stdout).toBe(0);
    const document = JSON.parse(made.stdout) as {
      account: string;
      state: string;
      signer: { fingerprint: string };
      next: string[];
    };
    expect(document).toMatchObject({ account: 'daemon', state: m.state, signer: { fingerprint: orphan.fingerprint } });
    expect(document.next.join('\n')).toMatch(
      /chown root:daemon .*password && chmod 640[\s\S]*runuser -u daemon -- depot doctor/,
    );
    await mustRun('sh', ['-ec', document.next[0]]);
    // The passphrase from the environment was stored for runs without that environment.
    const doctor = await asService(program, 'doctor', '--config', m.config);
    expect(doctor.code, doctor.stdout).toBe(0);
    expect((await depot(flags, { cwd: m.root, env })).code).toBe(5);
  });

  test("remembers the account: gives it root's state directory, refuses one in use, and asks if the account is gone", async () => {
    const m = await machine();
    const flags = [
      'init',
      '--yes',
      '--later',
      '--config',
      m.config,
      '--state',
      m.state,
      '--user',
      'daemon',
      '--supplier',
      'Acme',
      '--arrangement',
      'acme-crm',
      '--beneficiary',
      'Voorbeeld',
      '--beneficiary-key',
      m.beneficiary.publicKey,
      '--fingerprint',
      m.beneficiary.fingerprint,
      '--signer-email',
      'ops@acme.example',
      '--no-passphrase',
      '--source',
      join(m.root, 'export'),
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
      '--host-key',
      server.fingerprints[0],
      '--json',
    ];
    mkdirSync(join(m.state, 'other'), { recursive: true });
    const refused = json(await depot(flags, { cwd: m.root, env: { HOME: m.root } }));
    expect(refused.error).toMatchObject({
      exit: 5,
      message: expect.stringContaining('belongs to root and is in use') as string,
      hint: expect.stringContaining(`chown -R daemon: ${m.state}`) as string,
    });
    expect(existsSync(m.config)).toBe(false);
    await mustRun('rmdir', [join(m.state, 'other')]);
    const made = await depot(flags, { cwd: m.root, env: { HOME: m.root } });
    expect(made.code, made.stdout).toBe(0);
    expect(statSync(m.state).uid).toBe(1);

    await mustRun('rmdir', [m.state]);
    const resumed = await terminal(['init', '--config', m.config, '--schedule', 'none'], {
      cwd: m.root,
      columns: 220,
      program,
      env: { HOME: m.root },
      dialogue: [
        ['does not exist yet', ''],
        ['Account that the scheduled pushes run as', 'daemon\r'],
        ['(the agent sent it by text message)', `${server.password}\r`],
        ['Do a trial run now?', '\r'],
        ['What time should the push run', '02:15\r'],
        ...lookMyself,
      ],
    });
    expect(resumed.code, resumed.text).toBe(0);
    expect(statSync(m.state).uid).toBe(1);
    expect(resumed.text).toContain('runuser -u daemon -- depot push');
  });

  test("copies root's SSH key for the account that pushes, which can read the copy and not change it", async () => {
    const m = await machine();
    const made = await depot(
      [
        'init',
        '--yes',
        '--config',
        m.config,
        '--state',
        m.state,
        '--user',
        'daemon',
        '--supplier',
        'Acme',
        '--arrangement',
        'acme-crm',
        '--beneficiary',
        'Voorbeeld',
        '--beneficiary-key',
        m.beneficiary.publicKey,
        '--fingerprint',
        m.beneficiary.fingerprint,
        '--signer-email',
        'ops@acme.example',
        '--no-passphrase',
        '--source',
        join(m.root, 'export'),
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
        '--host-key',
        server.fingerprints[0],
        '--private-key',
        server.privateKeyFile,
      ],
      { cwd: m.root, env: { HOME: m.root } },
    );
    expect(made.code, made.stderr).toBe(0);
    expect(made.stdout).not.toContain('depot login');
    const copy = statSync(join(m.root, 'etc/keys/ssh'));
    expect([copy.uid, copy.gid, copy.mode & 0o777]).toEqual([0, 1, 0o640]);
    const doctor = await asService(program, 'doctor', '--config', m.config);
    expect(doctor.code, doctor.stdout).toBe(0);
  });

  test('with --yes, accepts only a fingerprint and a host key that were given', async () => {
    const m = await machine();
    const flags = [
      'init',
      '--yes',
      '--config',
      m.config,
      '--supplier',
      'Acme',
      '--arrangement',
      'acme-crm',
      '--beneficiary',
      'Voorbeeld',
      '--beneficiary-key',
      m.beneficiary.publicKey,
      '--signer-email',
      'ops@acme.example',
      '--no-passphrase',
      '--source',
      join(m.root, 'export'),
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
    const without = await terminal(flags, { cwd: m.root });
    expect(without.code).toBe(2);
    expect(without.text).toContain('--fingerprint');
    const unpinned = await terminal([...flags, '--fingerprint', m.beneficiary.fingerprint], { cwd: m.root });
    expect(unpinned.code).toBe(2);
    expect(unpinned.text).toContain('--host-key');
    expect(existsSync(m.config)).toBe(false);
    const made = await terminal([...flags, '--fingerprint', m.beneficiary.fingerprint, '--later'], { cwd: m.root });
    expect(made.code, made.text).toBe(0);
    expect(made.text).toContain('depot trust acme-crm');
    expect(made.text.replace(/\s+/g, ' ')).toContain('root will push; --user ACCOUNT sets up a service account');
    expect(readFileSync(m.config, 'utf8')).not.toMatch(/^ +hostKey:/m);
    expect(existsSync(join(m.root, 'etc/known_hosts'))).toBe(false);
  });
});
