/** What the account of a schedule needs: who the pushes run as, and the lines that give it its files. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Job } from '../../src/commands/schedule/job.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot } from '../support/peers.js';
import { nowhere, Supplier } from '../support/supplier.js';

describe.skipIf(!asRoot())('the account of the schedule', () => {
  /** What root set up by hand; it belongs to root. */
  async function rootsOwn(): Promise<Supplier> {
    const supplier = await Supplier.create(nowhere, { top: { state: undefined } });
    // Every account may enter it, as it may /etc/depot.
    chmodSync(supplier.directory, 0o755);
    for (const directory of [supplier.data, join(supplier.directory, 'keys')]) chmodSync(directory, 0o755);
    return supplier;
  }

  // They once differed: a push by hand had its ledger in root's home, the unit said StateDirectory=, and the service found a third place.
  test('has the same state directory as a push by hand, wherever that is set', async () => {
    const supplier = await rootsOwn();
    const home = tempDir();
    const print = async (
      kind: string,
      env: NodeJS.ProcessEnv,
      ...more: string[]
    ): Promise<Job & { files: { contents: string }[] }> =>
      JSON.parse(
        (await supplier.depot(['schedule', 'print', kind, '--at', '01:30', '--json', ...more], { env })).stdout,
      ) as never;
    const own = join(home, '.local/state/depot');
    for (const kind of ['systemd', 'cron']) {
      expect((await print(kind, { HOME: home })).files[0].contents).toMatch(
        new RegExp(`--quiet --config ${supplier.config} --state ${own}\n`),
      );
      expect((await print(kind, { HOME: home, DEPOT_STATE_DIR: '/srv/ledger' })).files[0].contents).toContain(
        '--state /srv/ledger\n',
      );
      expect((await print(kind, { HOME: home }, '--state', '/srv/other')).files[0].contents).toContain(
        '--state /srv/other\n',
      );
    }
    expect((await print('systemd', { HOME: home })).files[0].contents).toContain(`ReadWritePaths=${own}\n`);
    supplier.writeConfig({ top: { state: '/var/lib/acme' } });
    const { contents } = (await print('systemd', { HOME: home })).files[0];
    expect(contents).not.toContain('--state');
    expect(contents).toContain('StateDirectory=acme\n');
  });

  test('can reach all it needs once the printed lines were typed', async () => {
    const supplier = await rootsOwn();
    chmodSync(supplier.config, 0o600);
    const state = join(supplier.directory, 'state');
    const [jumpKey, sshConfig, socket] = ['jump.key', 'ssh_config', 'agent'].map((name) => {
      writeFileSync(join(supplier.directory, name), '', { mode: 0o600 });
      return join(supplier.directory, name);
    });
    supplier.writeConfig({
      top: { state },
      remote: {
        passwordFile: undefined,
        sshConfig,
        sshAgent: socket,
        proxyJump: { host: 'bastion', privateKey: jumpKey },
      },
    });
    const first = await supplier.depot(['schedule', 'print', 'cron', '--at', '01:30', '--user', 'daemon', '--json']);
    const { paste, warnings } = JSON.parse(first.stdout) as { paste: string[]; warnings: string[] };
    const lines = paste.filter((line) => /^(?:ch|install)/.test(line));
    expect(lines.join('\n')).toMatch(
      /chmod a\+r .*depot\.yaml[\s\S]*chown -R daemon: .*secrets[\s\S]*chown root:daemon .*supplier\.secret\.asc && chmod 640[\s\S]*install -d -o daemon -g daemon -m 700 .*state/,
    );
    expect(lines).toContain(`chmod a+r ${sshConfig}`);
    expect(lines).toContain(`chown root:daemon ${jumpKey} && chmod 640 ${jumpKey}`);
    expect(warnings.filter((line) => line.includes(supplier.directory))).toEqual([
      `account daemon gets no answer from the ssh-agent at ${socket}, which runs as root: run one as daemon, and write its socket into depot.yaml`,
    ]);
    expect(paste.join('\n')).toMatch(/^to install, as daemon: .*\nor, as root: .*crontab -u daemon -$/m);
    for (const line of lines) execFileSync('sh', ['-ec', line]);
    const again = JSON.parse(
      (await supplier.depot(['schedule', 'print', 'cron', '--at', '01:30', '--json'])).stdout,
    ) as { account: string; paste: string[] };
    // The owner of the state is the account that pushes.
    expect(again.account).toBe('daemon');
    expect(again.paste.filter((line) => /^(?:ch|install)/.test(line))).toEqual([]);
  });

  test('may write metrics into the directory of node_exporter once the printed lines were typed', async () => {
    const supplier = await rootsOwn();
    const lines = async (directory: string): Promise<string[]> => {
      const file = join(directory, 'depot.prom');
      const args = ['schedule', 'print', 'cron', '--at', '01:30', '--user', 'daemon', '--prometheus-file', file];
      const { paste } = JSON.parse((await supplier.depot([...args, '--json'])).stdout) as { paste: string[] };
      return paste.filter((line) => line.includes(directory) && /^(?:ch|install|setfacl)/.test(line));
    };
    const [open, shared] = ['open', 'shared'].map((name) => join(supplier.directory, name));
    mkdirSync(open);
    chmodSync(open, 0o755);
    mkdirSync(shared);
    chmodSync(shared, 0o775);
    const missing = join(supplier.directory, 'missing');
    for (const directory of [open, missing]) {
      const [line, ...more] = await lines(directory);
      expect(more).toEqual([]);
      execFileSync('sh', ['-ec', line]);
      expect(await lines(directory)).toEqual([]);
      expect(statSync(directory).mode & 0o005).toBe(0o005);
    }
    // Its group writes there already, and is to go on.
    expect(await lines(shared)).toEqual([`setfacl -m u:daemon:rwx ${shared}`]);
  });

  test('is created first if it does not exist; what no line can change is a warning', async () => {
    const supplier = await rootsOwn();
    chmodSync(supplier.data, 0o700);
    const { stdout, stderr } = await supplier.depot(
      ['schedule', 'print', 'systemd', '--at', '01:30', '--user', 'depot-nobody-has-this'],
      { env: { HOME: '/root' } },
    );
    expect(stdout).toMatch(/# useradd --system [^\n]*depot-nobody-has-this\n# ch/);
    expect(stderr).toContain(`cannot read the source ${supplier.data}`);
    if ((statSync('/root').mode & 0o001) === 0) expect(stderr).toContain('cannot enter /root');
  });

  test('may be left out; --out writes the units', async () => {
    const supplier = await rootsOwn();
    const out = tempDir();
    const { code, stdout } = await supplier.depot(['schedule', 'print', 'systemd', '--at', '01:30', '--out', out]);
    expect(code).toBe(0);
    expect(stdout).toContain('systemctl enable --now depot.timer');
    expect(readFileSync(join(out, 'depot.timer'), 'utf8')).toContain('OnCalendar=*-*-* 01:30:00');
    expect(statSync(join(out, 'depot.service')).mode & 0o777).toBe(0o644);
  });

  test('gets the password that login stores, and login says who can read it', async () => {
    const supplier = await rootsOwn();
    const state = join(supplier.directory, 'state');
    supplier.writeConfig({ top: { state }, remote: { passwordFile: undefined } });
    rmSync(join(supplier.directory, 'secrets'), { recursive: true });
    const login = (): ReturnType<typeof supplier.depot> =>
      supplier.depot(['login', '--to', 'file', '--no-try', '--password-stdin'], { input: 'secret\n' });
    const before = await login();
    expect(before.stdout).toMatch(/readable by account root \(uid 0\) only.*\n.*for a schedule under another account/);

    mkdirSync(state, { mode: 0o700 });
    chownSync(state, 1, 1);
    expect((await login()).stderr).toContain(
      `cannot read ${join(supplier.directory, 'secrets/acme@127.0.0.1_1.password')}: chown -R daemon: ${join(supplier.directory, 'secrets')}`,
    );
    rmSync(join(supplier.directory, 'secrets'), { recursive: true });
    const after = await login();
    expect(after.stdout).toContain('account daemon (uid 1) and root');
    expect(after.stderr).toBe('');
    expect(statSync(join(supplier.directory, 'secrets')).uid).toBe(1);
  });
});
