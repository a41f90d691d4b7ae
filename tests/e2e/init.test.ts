/**
 * The set-up as its first user has it: root at a terminal, a letter, an e-mail and a text message, slips of the keyboard, and
 * in the end a scheduled deposit by a service account on a real server, which verifies.
 */
import { chmodSync, copyFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { depot, json } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { asRoot, peer, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { makeKey } from '../support/supplier.js';
import { terminal, type Turn } from '../support/terminal.js';
import { asService, lookMyself, machine, type Machine } from './machine.js';

const here = peers('sshd', 'ssh-keygen', 'python3', 'setpriv') !== undefined && asRoot();
const down = '\x1b[B';

describe.skipIf(!here)('depot init', () => {
  let server: Sshd;
  let program: { node: string; script: string };
  beforeAll(async () => {
    server = await startSshd({ login: 'password', hostKeys: ['ed25519', 'ecdsa'] });
    program = installed();
  });

  const at = (m: Machine, dialogue: Turn[], flags: string[] = []): ReturnType<typeof terminal> =>
    terminal(['init', '--config', m.config, '--state', m.state, '--schedule', 'none', ...flags], {
      cwd: m.root,
      columns: 220,
      dialogue,
      program,
      env: { HOME: m.root },
    });

  const questions = (m: Machine): Turn[] => [
    ['Account that the scheduled pushes run as', 'nobody-here\r'],
    ['there is no account nobody-here', ''],
    ['Account that the scheduled pushes run as', 'daemon\r'],
    ['Your name', 'Acme SaaS B.V.\r'],
    ['short name', 'acme-crm\r'],
    ['public key', 'nowhere.asc\r'],
    ['there is no such file', ''],
    // A supplier with this key could open the deposits unnoticed.
    ['public key', `${m.beneficiary.secretKey}\r`],
    ['holds a secret key', ''],
    [`the .public.asc, such as ${m.beneficiary.publicKey}`, ''],
    // The next answer replaces the refused one.
    ['public key', `${m.beneficiary.publicKey}\r`],
    ['match exactly', '\r'],
    ['Phone now, then answer', ''],
    ['match exactly', `${down}\r`],
    ['Name of the beneficiary [Gemeente Voorbeeld]', '\r'],
    ['E-mail address for the new signing key', 'ops@acme.example\r'],
    ['What do you want to deposit?', '\r'],
    ['A directory or file to deposit', 'exprot\r'],
    ['exprot does not exist', ''],
    ['A directory or file to deposit', 'export\r'],
    ['2 files, ', ''],
    ['Anything else?', '\r'],
  ];

  test('leads from the letter to a scheduled deposit by another account, despite typing mistakes and an interruption', async () => {
    const m = await machine();
    const first = await at(m, [...questions(m), ["The agent's SFTP server", '\x03']]);
    expect(first.code, first.text).toBe(130);
    expect(first.text).toContain(
      `depot: hint: continue where you left off: depot init --config ${m.config} --state ${m.state}`,
    );
    expect(existsSync(m.config)).toBe(false);

    const pinned = server.fingerprints[0];
    const second = await at(m, [
      ['Found an unfinished set-up of acme-crm, with these answers:', ''],
      [`public key   ${m.beneficiary.publicKey}`, ''],
      [`to deposit   ${join(m.root, 'export')}`, ''],
      ['Continue with these answers?', '\r'],
      // A wrong port shows only when nothing answers; the user need not start over.
      ["The agent's SFTP server", `${server.host}\r`],
      ['Its port [22]', '1\r'],
      ['Directory there [/incoming]', `${server.remoteDirectory}\r`],
      ['Try again?', `${down}${down}\r`],
      [`The agent's SFTP server: host name or address [${server.host}]`, '\r'],
      ['Its port [1]', `${server.port}\r`],
      [`ssh-ed25519 ${pinned}`, ' \r'],
      ['User name there', `${server.username}\r`],
      ['How does depot log in there?', '\r'],
      ['How often', 'daily\r'],
      ['a duration is a number and a unit', ''],
      ['How often', '24h\r'],
      ['Is this right?', '\r'],
      ['Passphrase for the new signing key', 'correct horse\r'],
      ['Repeat the passphrase', 'correct hose\r'],
      ['do not match', ''],
      ['Passphrase for the new signing key', 'correct horse\r'],
      ['Repeat the passphrase', 'correct horse\r'],
      [`Password of ${server.username} at ${server.host}:${server.port}`, 'wrong password\r'],
      ['the server refused the password', ''],
      ['What would you like to do?', '\r'],
      [`Password of ${server.username}`, `${server.password}\r`],
      ['Do a trial run now?', '\r'],
      ['What time should the push run', '02:15\r'],
      ...lookMyself,
    ]);
    expect(second.code, second.text).toBe(0);
    for (const secret of ['correct horse', 'wrong password', server.password]) expect(second.raw).not.toContain(secret);
    expect(second.text).toMatch(/a push should work[\s\S]*dry run[\s\S]*nothing is deposited yet\. Next:/i);
    expect(second.text.match(/kept in/g)).toHaveLength(1);
    expect(second.text).toContain('runuser -u daemon -- depot push');
    expect(second.text).toContain('schedule print cron --at 02:15');
    expect(readFileSync(m.config, 'utf8')).toContain(`hostKey: ["ssh-ed25519 ${pinned}"]`);
    expect(readdirSync(join(m.root, 'etc')).sort()).toEqual(['depot.yaml', 'keys', 'secrets']);
    expect(modes(m)).toEqual({
      'depot.yaml': 'root 644',
      keys: 'root 755',
      'keys/supplier.secret.asc': 'root 640',
      'keys/supplier.public.asc': 'root 644',
      'keys/voorbeeld.asc': 'root 644',
      secrets: 'daemon 700',
      '../state': 'daemon 700',
    });

    // The next step that init names, run as systemd would, without root's environment.
    const printed = await depot(['schedule', 'print', 'systemd', '--at', '02:15', '--config', m.config, '--json'], {
      env: { HOME: '/root' },
      script: program.script,
    });
    const { account, files, paste, warnings } = JSON.parse(printed.stdout) as {
      account: string;
      files: { path: string; contents: string }[];
      paste: string[];
      warnings: string[];
    };
    expect({ account, lines: paste.filter((line) => /^(?:ch|install|useradd)/.test(line)) }).toEqual({
      account: 'daemon',
      lines: [],
    });
    expect(warnings.filter((line) => !line.includes('/tmp') && !line.includes('cannot run'))).toEqual([]);
    const start = /^ExecStart=(.*)$/m.exec(files[0].contents)![1].split(' ').slice(2);
    const pushed = await asService(program, ...start.filter((word) => word !== '--quiet'), '--json');
    expect(pushed.code, pushed.stdout + pushed.stderr).toBe(0);
    const { deposit } = json(pushed).results![0];
    expect(server.names()).toContain(deposit!.suitcase);
    // A proof that belongs to root: the account is told how to get a copy.
    const proof = join(m.root, 'proof.json');
    writeFileSync(proof, '{}', { mode: 0o600 });
    const closed = await asService(program, 'receipts', 'import-attestation', proof, '--config', m.config);
    expect([closed.code, closed.stderr]).toEqual([
      5,
      expect.stringMatching(
        /this account cannot read it\ndepot: hint: .*sudo install -o "\$\(id -un\)" -m 600 .*proof\.json copy-of-proof\.json/,
      ),
    ]);
    const verified = await depot([
      'verify',
      join(server.incoming, deposit!.suitcase),
      '--receipt',
      deposit!.receiptPath,
      '--signer',
      join(m.root, 'etc/keys/supplier.public.asc'),
      '--key',
      m.beneficiary.secretKey,
      '--deep',
      '--json',
    ]);
    expect(json(verified)).toMatchObject({ ok: true, result: 'passed' });
    expect(statSync(deposit!.receiptPath).uid).toBe(1);
  });

  test('with an SSH key and an unreachable server, asks later what needs the server, once it answers', async () => {
    const m = await machine();
    const locked = join(m.root, 'id_depot');
    copyFileSync(server.privateKeyFile, locked);
    chmodSync(locked, 0o600);
    await mustRun('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'correct horse', '-f', locked]);
    const known = [
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
    await server.kill();
    const first = await at(
      m,
      [
        ['refused the connection', ''],
        ['Try again?', '\r'],
        ['refused the connection', ''],
        ['Try again?', `${down}\r`],
        ['How does depot log in there?', `${down}\r`],
        ['File with the private SSH key', 'id_deopt\r'],
        ['there is no such file', ''],
        ['File with the private SSH key', `${locked}\r`],
        ['Is this right?', '\r'],
        ['No host key is pinned for acme-crm yet', ''],
        ['Try again?', `${down}\r`],
        ['Passphrase of the SSH key', 'incorrect\r'],
        ['the passphrase does not open the SSH private key', ''],
        ['Passphrase of the SSH key', '\r'],
        ['would exit with 13', ''],
        ['What would you like to do?', `${down.repeat(7)}\r`],
      ],
      known,
    );
    expect(first.code, first.text).toBe(13);
    expect(first.text).toContain('continues here, once you have fixed that');
    expect(readFileSync(m.config, 'utf8')).toMatch(/^ +privateKey: .*keys\/ssh/m);
    expect(existsSync(join(m.root, 'etc/known_hosts'))).toBe(false);

    await server.start();
    const second = await at(m, [
      ['No host key is pinned', ''],
      [`ssh-ed25519 ${server.fingerprints[0]}`, ' \r'],
      ['Passphrase of the SSH key', 'correct horse\r'],
      ['Do a trial run now?', '\r'],
      ['What time should the push run', '02:15\r'],
      ...lookMyself,
    ]);
    expect(second.code, second.text).toBe(0);
    for (const secret of ['incorrect', 'correct horse']) expect(first.raw + second.raw).not.toContain(secret);
    expect(second.text).toMatch(/a push should work[\s\S]*dry run[\s\S]*nothing is deposited yet\. Next:/i);
    // known_hosts stays root's: the account that pushes is told who pins, not how to get it.
    const closed = await asService(
      program,
      'trust',
      'acme-crm',
      '--fingerprint',
      server.fingerprints[0],
      '--config',
      m.config,
    );
    expect(closed.code, closed.stderr).toBe(5);
    expect(closed.stderr).toContain(
      'depot: hint: run it as root, who owns the configuration: sudo -u root depot trust acme-crm',
    );
  });

  function modes(m: Machine): Record<string, string> {
    const names = [
      'depot.yaml',
      'keys',
      'keys/supplier.secret.asc',
      'keys/supplier.public.asc',
      'keys/voorbeeld.asc',
      'secrets',
      '../state',
    ];
    return Object.fromEntries(
      names.map((name) => {
        const { uid, mode } = statSync(join(m.root, 'etc', name));
        return [name, `${uid === 0 ? 'root' : uid === 1 ? 'daemon' : uid} ${(mode & 0o777).toString(8)}`];
      }),
    );
  }
});

test.skipIf(peer('python3') === undefined)(
  "init ends if the beneficiary's key was not compared, and keeps the answers",
  async () => {
    const home = tempDir();
    const key = await makeKey(join(home, 'k'), 'Gemeente Voorbeeld', 'compat');
    const { code, text } = await terminal(
      ['init', '--config', 'depot.yaml', '--supplier', 'Acme', '--arrangement', 'acme-crm'],
      {
        cwd: home,
        columns: 200,
        dialogue: [
          ...(asRoot() ? [['Account that', 'root\r'] as Turn] : []),
          ['public key', `${key.publicKey}\r`],
          ['match exactly', `${down.repeat(3)}\r`],
        ],
      },
    );
    expect(code, text).toBe(20);
    expect(text).toContain('phone the beneficiary, then continue where you left off: depot init');
    expect(readdirSync(home)).toContain('depot.yaml.answers.json');
  },
);
