/** A person at a terminal of 80 columns who makes each slip once, and corrects it where it shows; nothing has to be typed twice. */
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { accountNamed } from '../../src/accounts.js';
import { requireGivable } from '../../src/commands/init/state-place.js';
import { tempDir } from '../support/cleanup.js';
import { depot } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { asRoot, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { terminal, type Turn } from '../support/terminal.js';
import { asService, lookMyself, machine, type Machine } from './machine.js';

const here = peers('sshd', 'ssh-keygen', 'python3', 'setpriv') !== undefined && asRoot();
const down = '\x1b[B';
const asDaemon = { uid: 1, gid: 1 };

describe.skipIf(!here)('depot init, on a terminal of 80 columns', () => {
  let server: Sshd;
  let program: { node: string; script: string };
  beforeAll(async () => {
    server = await startSshd({ login: 'password' });
    program = installed();
  });

  const at = (m: Machine, dialogue: Turn[], flags: string[] = []): ReturnType<typeof terminal> =>
    terminal(['init', '--config', m.config, '--state', m.state, '--schedule', 'none', ...flags], {
      cwd: m.root,
      columns: 80,
      dialogue,
      program,
      env: { HOME: m.root },
    });

  const flags = (m: Machine, over: Record<string, string> = {}): string[] =>
    Object.entries({
      user: 'daemon',
      supplier: 'Acme',
      arrangement: 'acme-crm',
      beneficiary: 'Voorbeeld',
      'beneficiary-key': m.beneficiary.publicKey,
      fingerprint: m.beneficiary.fingerprint,
      'signer-email': 'ops@acme.example',
      source: join(m.root, 'export'),
      host: server.host,
      port: String(server.port),
      username: server.username,
      directory: server.remoteDirectory,
      'host-key': server.fingerprints[0],
      every: '24h',
      ...over,
    })
      .flatMap(([flag, value]) => [`--${flag}`, value])
      .concat('--no-passphrase');

  /** To the line of this number in a menu. */
  const line = (number: number): string => `${down.repeat(number - 1)}\r`;

  test('corrects at the end whatever is wrong: before depot.yaml is written, and in it afterwards', async () => {
    const m = await machine();
    // As a package or an earlier attempt leaves it.
    mkdirSync(m.state);
    mkdirSync(join(m.root, 'old'));
    const { code, text, raw } = await at(m, [
      ['Account that the scheduled', 'daemon\r'],
      ['Your name', 'Acme SaaS B.V.\r'],
      ['short name', 'acme\r'],
      ['public key', '~/voor\t'],
      ['voorbeeld.public.asc  voorbeeld.secret.asc', 'p\t\r'],
      ['match exactly', line(2)],
      ['Name of the beneficiary', '\r'],
      ['E-mail address', 'ops@acme.example\r'],
      ['What do you want to deposit?', '\r'],
      ['A directory or file', '~/old\r'],
      ['0 files', ''],
      ['Anything else?', line(2)],
      ['What else?', '\r'],
      ['Another directory or file', 'ex\t\r'],
      ['2 files', ''],
      ['Anything else?', '\r'],
      ["The agent's SFTP server", '20022\r'],
      ['that is a number, not a host', ''],
      ["The agent's SFTP server", `${server.host}:22\r`],
      ['enter the host only; the port is the next question', ''],
      ["The agent's SFTP server", `${server.host}\r`],
      ['Its port [22]', '1\r'],
      ['Directory there [/incoming]', '~/in\r'],
      ['SFTP does not expand ~', ''],
      ['Directory there [/incoming]', '\r'],
      ['Try again?', line(3)],
      [`address [${server.host}]`, '\r'],
      ['Its port [1]', `${server.port}\r`],
      // The directory is not asked for again.
      ['ssh-ed25519 SHA256:', ' \r'],
      ['User name there', 'deposito\r'],
      ['How does depot log in', '\r'],
      ['How often', '0h\r'],
      ['that would be never', ''],
      ['How often', '\r'],
      ['arrangement  acme', ''],
      ['Is this right?', line(2)],
      ['Which one?', line(4)],
      ['short name', 'acme-crm\r'],
      ['arrangement  acme-crm', ''],
      ['Is this right?', line(2)],
      ['Which one?', line(8)],
      ['Anything else?', line(3)],
      ['Remove which?', '\r'],
      ['Anything else?', '\r'],
      ['Is this right?', '\r'],
      ['Passphrase for the new', '\r'],
      [`Password of deposito at ${server.host}:${server.port}`, `${server.password}\r`],
      ['the server refused the password', ''],
      ['What would you like to do?', line(2)],
      ['User name there (the agent sent it by e-mail) [deposito]', `${server.username}\r`],
      // The password that was typed is tried once more, and kept.
      ['changed in', ''],
      ['kept in', ''],
      ['/incoming is not there', ''],
      ['What would you like to do?', line(3)],
      ['Directory there [/incoming]', `${server.remoteDirectory}\r`],
      ['A push should work', ''],
      ['Do a trial run now?', '\r'],
      ['What time should', '\r'],
      ...lookMyself,
    ]);
    expect(code, text).toBe(0);
    expect(raw).not.toContain(server.password);
    expect(text).toContain('account daemon now owns');
    expect(text).toContain('nothing is deposited yet. Next:');
    expect([statSync(m.state).uid, statSync(join(m.root, 'etc/secrets')).uid]).toEqual([1, 1]);
    const written = readFileSync(m.config, 'utf8');
    expect(written).toContain(`  username: ${server.username}       # the password is kept by: depot login`);
    expect(written).toContain('  # publish: rename');
    expect(written).not.toContain('old');
    // No question lost the guide in its second line.
    expect(text).toMatch(
      /◆ {2}E-mail address for the new signing key, which signs your receipts \(for ?\n│ {2}example/,
    );
    const pushed = await asService(program, 'push', '--config', m.config);
    expect(pushed.code, pushed.stderr).toBe(0);
  });

  test('host and port can be wrong too, and a server is not sent the password before its key is compared', async () => {
    const m = await machine();
    const other = await startSshd({ login: 'password' });
    const { code, text } = await at(
      m,
      [
        ['How does depot log in', '\r'],
        ['Is this right?', '\r'],
        ['Password of', `${server.password}\r`],
        // The server at the wrong port shows another key than the one in the letter.
        ['could not be tried', 'n'],
        ['What would you like to do?', line(4)],
        [`address [${other.host}]`, '\r'],
        [`Its port [${other.port}]`, `${server.port}\r`],
        ['changed in', ''],
        ['ssh-ed25519 SHA256:', ' \r'],
        ['kept in', ''],
        ['Do a trial run now?', 'n'],
        ['What time should', '\r'],
        ...lookMyself,
      ],
      flags(m, { port: String(other.port) }),
    );
    expect(code, text).toBe(0);
    expect(other.log()).not.toMatch(/password for/);
    expect(readFileSync(m.config, 'utf8')).toContain(`  port: ${server.port}\n  username`);
  });

  test('the login can be of another kind than the letter says, and a key that is refused is replaced by another', async () => {
    const m = await machine();
    const stranger = join(m.root, 'stranger');
    const right = join(m.root, 'right');
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', stranger]);
    copyFileSync(server.privateKeyFile, right);
    const { code, text } = await at(
      m,
      [
        ['How does depot log in', '\r'],
        ['Is this right?', '\r'],
        ['Password of', 'by telephone\r'],
        ['the server refused the password', ''],
        ['What would you like to do?', line(5)],
        ['How does depot log in', line(2)],
        ['File with the private SSH key', '~/stranger\r'],
        ['changed in', ''],
        ['would exit with 12', ''],
        ['What would you like to do?', line(5)],
        // The way of login so far is what Enter takes.
        ['How does depot log in', '\r'],
        ['File with the private SSH key', '\x15~/right\r'],
        ['changed in', ''],
        ['A push should work', ''],
        ['Do a trial run now?', 'n'],
        ['What time should', '\r'],
        ...lookMyself,
      ],
      flags(m),
    );
    expect(code, text).toBe(0);
    expect(readFileSync(m.config, 'utf8')).toContain(`privateKey: ${JSON.stringify(join(m.root, 'etc/keys/ssh-2'))}`);
    for (const [copy, of] of [
      ['ssh', stranger],
      ['ssh-2', right],
    ])
      expect(readFileSync(join(m.root, 'etc/keys', copy), 'utf8')).toBe(readFileSync(of, 'utf8'));
    const pushed = await asService(program, 'push', '--config', m.config);
    expect(pushed.code, pushed.stderr).toBe(0);
  });

  test('deletes no answer when the person says no to them: each is asked for again, and Enter keeps it', async () => {
    const m = await machine();
    const kept = `${m.config}.answers.json`;
    await at(m, [
      ['Account that', 'daemon\r'],
      ['Your name', 'Acme\r'],
      ['short name', 'acme-crm\r'],
      ['public key', '\x03'],
    ]);
    const before = readFileSync(kept, 'utf8');
    const refused = await at(m, [
      ['Continue with these answers?', line(2)],
      ['run as [daemon]', '\x03'],
    ]);
    expect([refused.code, readFileSync(kept, 'utf8')]).toEqual([130, before]);
    const again = await at(m, [
      ['Continue with these answers?', line(2)],
      ['run as [daemon]', '\r'],
      ['Directory for receipts', '\r'],
      ['[Acme]', 'Acme SaaS\r'],
      ['[acme-crm]', '\r'],
      ['public key', '\x03'],
    ]);
    expect(again.code).toBe(130);
    expect(JSON.parse(readFileSync(kept, 'utf8'))).toMatchObject({
      user: 'daemon',
      supplier: 'Acme SaaS',
      arrangement: 'acme-crm',
    });
  });

  // It went on as root, kept the password for root alone, and printed "Ready" with a line for root's crontab.
  test("remembers for whom it was set up when root owns the state, and gives the account what is root's", async () => {
    const m = await machine();
    const made = await depot(['init', '--yes', '--later', '--config', m.config, '--state', m.state, ...flags(m)], {
      cwd: m.root,
      env: { HOME: m.root },
    });
    expect(made.code, made.stderr).toBe(0);
    rmSync(m.state, { recursive: true });
    mkdirSync(m.state);
    const secrets = join(m.root, 'etc/secrets');
    mkdirSync(secrets, { mode: 0o700 });
    writeFileSync(join(secrets, `${server.username}@${server.host}_${server.port}.password`), `${server.password}\n`, {
      mode: 0o600,
    });
    const { code, text } = await at(m, [
      ['but this was set up for account', ''],
      ['Account that the scheduled pushes run as [daemon]', '\r'],
      ['now belongs to daemon', ''],
      ['secrets now belongs to account daemon', ''],
      ['runuser -u daemon -- depot doctor', ''],
      ['A push should work', ''],
      ['Do a trial run now?', '\r'],
      ['What time should', '\r'],
      ...lookMyself,
    ]);
    expect(code, text).toBe(0);
    expect(text).not.toContain('crontab -u root');
    expect(statSync(m.state).uid).toBe(1);
    const pushed = await asService(program, 'push', '--config', m.config);
    expect(pushed.code, pushed.stderr).toBe(0);
  });

  test('makes what is above the state directory passable for the account, and lets the account make it where that is its own', async () => {
    const m = await machine();
    const own = join(m.root, 'home');
    mkdirSync(own);
    chownSync(own, 1, 1);
    for (const state of [join(m.root, 'srv/depot/state'), join(own, 'depot/state')]) {
      const config = join(tempDir(), 'depot.yaml');
      const made = await depot(['init', '--yes', '--later', '--config', config, '--state', state, ...flags(m)], {
        cwd: m.root,
        env: { HOME: m.root },
      });
      expect(made.code, made.stderr).toBe(0);
      expect([statSync(state).uid, statSync(state).mode & 0o777]).toEqual([1, 0o700]);
      const seen = statSync(join(state, '..'));
      expect(seen.uid === 1 || (seen.mode & 0o005) === 0o005).toBe(true);
    }
  });
});

describe.skipIf(!asRoot())('a state directory that root names for another account', () => {
  const refused = async (state: string): Promise<string> => {
    const account = await accountNamed('daemon');
    return requireGivable(state, account!).then(
      () => 'given',
      (error: unknown) => `${(error as { code: string }).code}: ${(error as Error).message}`,
    );
  };

  test.each(['/', '/home', '/srv', '/var/lib', '/usr/local/share', '/etc'])(
    'is not given away when it is %s, empty or not',
    async (state) => {
      if (!existsSync(state)) return;
      expect(await refused(state)).toMatch(/^state-insecure: .* and has another purpose/);
    },
  );

  test('is not given away by way of a link, or where another account could exchange it', async () => {
    const root = tempDir();
    mkdirSync(join(root, 'real'));
    symlinkSync(join(root, 'real'), join(root, 'link'));
    expect(await refused(join(root, 'link'))).toMatch(/^state-insecure: .* is a symbolic link/);
    mkdirSync(join(root, 'theirs/state'), { recursive: true });
    chownSync(join(root, 'theirs'), 2, 2);
    expect(await refused(join(root, 'theirs/state'))).toMatch(/^state-insecure: .*theirs belongs to another account/);
    expect(await refused(join(root, 'theirs/new'))).toMatch(/^state-insecure: .*theirs belongs to another account/);
    // A directory of root's that lies in one of the account's: the account could have put it there.
    mkdirSync(join(root, 'its/state'), { recursive: true });
    chownSync(join(root, 'its'), asDaemon.uid, asDaemon.gid);
    expect(await refused(join(root, 'its/state'))).toMatch(/^state-insecure: /);
    expect(await refused(join(root, 'its/new'))).toBe('given');
    expect(await refused(join(root, 'real'))).toBe('given');
  });
});
