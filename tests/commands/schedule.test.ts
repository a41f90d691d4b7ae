import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cronLine } from '../../src/commands/schedule/cron.js';
import { launchdJob } from '../../src/commands/schedule/launchd.js';
import { type Job, requireOneLine } from '../../src/commands/schedule/job.js';
import { systemdUnits } from '../../src/commands/schedule/systemd.js';
import { triesFrom } from '../../src/commands/schedule/tries.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot, peer } from '../support/peers.js';
import { depot } from '../support/cli.js';
import { nowhere, Supplier } from '../support/supplier.js';
import { job } from './schedule-job.js';

const awkward: Job = { ...job, command: ['/opt/no de/bin', '100%', "it's", 'a"b', '$HOME', 'back\\'] };

describe('systemd', () => {
  test('the service is hardened and runs once, and the timer makes up for a missed night', () => {
    const [service, timer] = systemdUnits({
      ...job,
      requires: 'vpn@softcrow.service',
      onFailure: 'alarm.service',
    }).files;
    for (const line of [
      'Type=oneshot',
      'User=depot',
      'StateDirectory=depot',
      'ProtectSystem=strict',
      'NoNewPrivileges=yes',
      'TimeoutStartSec=infinity',
      'Requires=vpn@softcrow.service',
      'After=network-online.target vpn@softcrow.service',
      'OnFailure=alarm.service',
    ]) {
      expect(service.contents.split('\n')).toContain(line);
    }
    expect(timer.contents).toContain('OnCalendar=*-*-* 01:30:00\n');
    expect(timer.contents).toContain('Persistent=true');
  });

  test('the timer gives a push a second chance every hour, and another one looks how things stand', () => {
    const [, timer, service, look] = systemdUnits({
      ...job,
      onFailure: 'alarm.service',
      metrics: '/srv/prom/depot.prom',
    }).files;
    expect(timer.contents).toContain('OnCalendar=*-*-* 02,03,04,05,06:30:00\n');
    expect([service.path, look.path].map((path) => basename(path))).toEqual([
      'depot-status.service',
      'depot-status.timer',
    ]);
    for (const line of [
      'User=depot',
      'StateDirectory=depot',
      'ReadWritePaths=/srv/prom',
      'ProtectSystem=strict',
      'OnFailure=alarm.service',
    ])
      expect(service.contents.split('\n')).toContain(line);
    expect(look.contents).toContain('OnCalendar=*-*-* *:00:00\n');
    const once = systemdUnits({ ...job, tries: job.tries.slice(0, 1), told: true, onFailure: 'alarm.service' });
    expect(once.files[1].contents.match(/^OnCalendar/gm)).toHaveLength(1);
    // Who is told by notify or ping is not told every hour besides.
    expect(once.files[2].contents).not.toContain('OnFailure');
    expect(once.paste).toContain('systemctl enable --now depot.timer depot-status.timer');
  });

  test('the service may write to the state directory, wherever it is', () => {
    const { contents } = systemdUnits({ ...job, stateDirectory: '/srv/state' }).files[0];
    expect(contents).toContain('ReadWritePaths=/srv/state\n');
    expect(contents).not.toContain('StateDirectory=');
    expect(systemdUnits({ ...job, stateDirectory: '/var/lib/acme/depot' }).files[0].contents).toContain(
      'StateDirectory=acme/depot\n',
    );
  });

  test('the service loads the credentials that this machine has', () => {
    const { contents } = systemdUnits({
      ...job,
      credentials: [{ name: 'depot.password', file: '/etc/credstore.encrypted/depot.password', encrypted: true }],
    }).files[0];
    expect(contents).toContain('\nLoadCredentialEncrypted=depot.password:/etc/credstore.encrypted/depot.password\n');
  });

  test('words are quoted the way systemd splits them', () => {
    expect(systemdUnits(awkward).files[0].contents).toContain(
      'ExecStart="/opt/no de/bin" 100%% "it\'s" "a\\"b" $$HOME "back\\\\"\n',
    );
  });

  test('a dollar sign is doubled in the command only', () => {
    expect(systemdUnits({ ...job, stateDirectory: '/srv/$a %b' }).files[0].contents).toContain(
      'ReadWritePaths="/srv/$a %%b"\n',
    );
  });

  test.skipIf(peer('systemd-analyze') === undefined)('systemd-analyze verify finds nothing wrong', () => {
    const directory = tempDir();
    const node = {
      ...job,
      command: [process.execPath, ...job.command.slice(1)],
      status: [process.execPath, ...job.status.slice(1)],
      metrics: '/var/lib/prom dir/depot.prom',
      user: 'root',
      requires: 'vpn@softcrow.service',
      onFailure: 'alarm.service',
      credentials: [{ name: 'depot.password', file: '/etc/credstore/depot.password', encrypted: false }],
    };
    const others = ['vpn@softcrow.service', 'alarm.service'].map((name) => ({
      path: name,
      contents: '[Service]\nType=oneshot\nExecStart=/bin/true\n',
    }));
    const files = [...others, ...systemdUnits(node).files].map(({ path, contents }) => {
      const file = join(directory, path.split('/').at(-1)!);
      writeFileSync(file, contents);
      return file;
    });
    expect(
      execFileSync('systemd-analyze', ['verify', '--man=no', ...files], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    ).toBe('');
  });
});

describe('cron', () => {
  test('the crontab gets a line that is silent on success, and one that mails once a day what needs attention', () => {
    const [, push, , status] = cronLine(job).files[0].contents.split('\n');
    expect(push).toBe(
      '30 1,2,3,4,5,6 * * * /usr/bin/node /usr/lib/node_modules/depot/bin/depot.js push --all --quiet --config /etc/depot/depot.yaml',
    );
    expect(status).toBe(
      '30 7 * * * /usr/bin/node /usr/lib/node_modules/depot/bin/depot.js status --quiet --config /etc/depot/depot.yaml',
    );
  });

  test('looks every hour where notify, ping or Prometheus are told, and mails only warnings then', () => {
    for (const more of [{ told: true }, { metrics: '/srv/depot.prom' }])
      expect(cronLine({ ...job, ...more }).files[0].contents.split('\n')[3]).toMatch(/^0 \* \* \* \* .* >\/dev\/null$/);
    expect(cronLine({ ...job, tries: triesFrom({ hour: 22, minute: 50 }) }).files[0].contents).toMatch(
      /^50 22,23,0,1,2,3 \* \* \* [\s\S]*^50 4 \* \* \* /m,
    );
  });

  test('a monitor finds the configuration from any directory', async () => {
    const supplier = await Supplier.create(nowhere);
    const { stdout } = await depot(
      ['schedule', 'print', 'cron', '--at', '01:30', '--config', basename(supplier.config)],
      { cwd: supplier.directory },
    );
    expect(stdout).toContain(`monitor with: depot status --max-age 26h --config ${supplier.config}\n`);
  });

  test('words are quoted for sh, and percent signs are escaped, since cron takes them for newlines', () => {
    const words = [...awkward.command, 'a\\%b\\\\%c', "it\\%'s"];
    const line = cronLine({ ...job, command: words }).files[0].contents.split('\n')[1];
    // cron takes the backslash from before %, and ends the line at any other %; a backslash escapes a backslash.
    const command = line
      .replace('30 1,2,3,4,5,6 * * * ', '')
      .replace(/\\(.)|%.*/gs, (pair, next) => (next === '%' ? '%' : next === undefined ? '' : pair));
    expect(line).toContain('100\\%');
    const read = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
      .trimEnd()
      .split('\n');
    expect(read).toEqual(words);
  });
});

describe('launchd', () => {
  test('the daemon is what a reader of property lists takes for the job', () => {
    const { files, paste } = launchdJob({ ...awkward, user: 'depot', what: 'a -- b <c>', out: '/tmp/My Jobs/' });
    expect(files[0].path).toBe('/Library/LaunchDaemons/depot.push.plist');
    const read = 'import sys, json, plistlib; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))';
    const { stdout, stderr } = spawnSync('python3', ['-c', read], { input: files[0].contents, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      Label: 'depot.push',
      ProgramArguments: awkward.command,
      UserName: 'depot',
      StartCalendarInterval: [1, 2, 3, 4, 5, 6].map((hour) => ({ Hour: hour, Minute: 30 })),
      WorkingDirectory: awkward.configDirectory,
      Umask: 0o077,
    });
    expect(paste).toContain("install -m 644 '/tmp/My Jobs/depot.push.plist' /Library/LaunchDaemons/");
    expect(paste).toContain('launchctl bootstrap system /Library/LaunchDaemons/depot.status.plist');
    const look = spawnSync('python3', ['-c', read], { input: files[1].contents, encoding: 'utf8' });
    expect(JSON.parse(look.stdout)).toMatchObject({
      Label: 'depot.status',
      ProgramArguments: awkward.status,
      StartCalendarInterval: [{ Minute: 0 }],
    });
  });

  test('without a directory for the file, it says itself what to type, and words with two hyphens stay as they are', async () => {
    const supplier = await Supplier.create(nowhere);
    const print = (...more: string[]) =>
      supplier.depot(['schedule', 'print', 'launchd', '--at', '01:30', '--user', 'daemon', ...more]);
    const { code, stdout } = await print();
    expect(code).toBe(0);
    expect(stdout).toContain('    <string>--all</string>\n');
    expect(stdout).toMatch(
      /<!--\nsave this file as depot\.push\.plist; then, as root \(sudo -s\):\n[^>]*\nlaunchctl bootstrap /,
    );
    expect(stdout.trimEnd()).toMatch(/-->$/);
    const read = 'import sys, plistlib; print(plistlib.loads(sys.stdin.buffer.read())["Label"])';
    const parsed = spawnSync('python3', ['-c', read], { input: stdout, encoding: 'utf8' });
    expect([parsed.stderr, parsed.stdout]).toEqual(['', 'depot.push\n']);
    const out = tempDir();
    expect((await print('--out', out)).stdout).toContain('launchctl bootstrap');
    expect(readFileSync(join(out, 'depot.push.plist'), 'utf8')).toContain('<string>--all</string>');
  });

  test.skipIf(!asRoot())('is for the account depot when root names no other, as with systemd', async () => {
    const supplier = await Supplier.create(nowhere, { top: { state: '/var/lib/depot-nobody-has-this' } });
    const { code, stdout } = await supplier.depot(['schedule', 'print', 'launchd', '--at', '01:30']);
    expect(code).toBe(0);
    expect(stdout).toContain('<key>UserName</key>\n  <string>depot</string>');
  });

  test('without an account nothing is printed: it would be root that pushes', () => {
    expect(() => launchdJob({ ...job, user: undefined })).toThrow(/no account given/);
  });
});

describe('a line break', () => {
  const evil = '/srv/a\n* * * * * touch /tmp/x';

  // It would end the comment, or start a second line of the crontab.
  test.each(['cron', 'systemd', 'launchd', 'windows'])('in a path is refused by schedule print %s', async (kind) => {
    const supplier = await Supplier.create(nowhere);
    const print = (...more: string[]): ReturnType<typeof supplier.depot> =>
      supplier.depot(['schedule', 'print', kind, '--at', '01:30', ...more]);
    const refused = await print('--state', evil);
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toContain('/srv/a\\x0a* * * * * touch /tmp/x');
    if (kind === 'windows' || !asRoot()) return;
    const key = join(supplier.directory, 'keys/a\n* * * * * touch x.asc');
    writeFileSync(key, 'x', { mode: 0o600 });
    supplier.writeConfig({ top: { supplier: { name: 'Acme', signingKey: key } } });
    const pasted = await print('--user', 'daemon');
    expect([pasted.code, pasted.stdout]).toEqual([2, '']);
  });

  test.each([
    ['command', { command: ['node', evil] }],
    ['configDirectory', { configDirectory: evil }],
    ['user', { user: evil }],
    ['out', { out: evil }],
    ['prepare', { prepare: [`chmod 600 '${evil}'`] }],
  ])('in the %s of a job is refused', (_, odd) => {
    expect(() => {
      requireOneLine({ ...job, ...odd });
    }).toThrow('which a schedule cannot contain');
    requireOneLine(job);
  });
});
