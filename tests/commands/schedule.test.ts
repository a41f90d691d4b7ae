import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cronLine } from '../../src/commands/schedule/cron.js';
import { launchdJob } from '../../src/commands/schedule/launchd.js';
import { type Job, requireOneLine } from '../../src/commands/schedule/job.js';
import { systemdUnits } from '../../src/commands/schedule/systemd.js';
import { windowsTask } from '../../src/commands/schedule/windows.js';
import { accessLines } from '../../src/commands/schedule/windows-access.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot, peer } from '../support/peers.js';
import { depot } from '../support/cli.js';
import { nowhere, Supplier } from '../support/supplier.js';

const job: Job = {
  command: [
    '/usr/bin/node',
    '/usr/lib/node_modules/depot/bin/depot.js',
    'push',
    '--all',
    '--quiet',
    '--config',
    '/etc/depot/depot.yaml',
  ],
  places: ['--config', '/etc/depot/depot.yaml'],
  at: { hour: 1, minute: 30 },
  user: undefined,
  configDirectory: '/etc/depot',
  stateDirectory: '/var/lib/depot',
  what: 'all arrangements',
  prepare: [],
  credentials: [],
};
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
  test('the crontab gets one line, which is silent on success', () => {
    expect(cronLine(job).files[0].contents.split('\n')[1]).toBe(
      '30 1 * * * /usr/bin/node /usr/lib/node_modules/depot/bin/depot.js push --all --quiet --config /etc/depot/depot.yaml',
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
      .replace('30 1 * * * ', '')
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
      StartCalendarInterval: { Hour: awkward.at.hour, Minute: awkward.at.minute },
      WorkingDirectory: awkward.configDirectory,
      Umask: 0o077,
    });
    expect(paste).toContain("install -m 644 '/tmp/My Jobs/depot.push.plist' /Library/LaunchDaemons/");
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

describe('windows', () => {
  test('the task makes up for a missed run, and its XML is well-formed', () => {
    const { contents } = windowsTask({
      ...job,
      command: [
        'C:\\Program Files\\nodejs\\node.exe',
        'C:\\depot\\bin\\depot.js',
        'push',
        '--config',
        'C:\\R&D\\depot.yaml',
      ],
      user: 'ACME\\svc',
    }).files[0];
    expect(contents).toContain('<StartBoundary>2026-01-01T01:30:00</StartBoundary>');
    expect(contents).toContain('<Command>C:\\Program Files\\nodejs\\node.exe</Command>');
    expect(contents).toContain('<Arguments>C:\\depot\\bin\\depot.js push --config C:\\R&amp;D\\depot.yaml</Arguments>');
    expect(contents).toContain('<StartWhenAvailable>true</StartWhenAvailable>');
    const open = [...contents.matchAll(/<([A-Za-z]+)[ >]/g)].map((m) => m[1]);
    const closed = [...contents.matchAll(/<\/([A-Za-z]+)>/g)].map((m) => m[1]);
    expect(open.sort()).toEqual(closed.sort());
  });

  test('the XML is read alike as ASCII, as UTF-8 and as UTF-16, which is what redirections make of it', () => {
    const { contents } = windowsTask({ ...job, what: 'akte-\u{1F5C4}', configDirectory: 'C:\\Gemeente Zürich' })
      .files[0];
    expect(contents).toMatch(/^<\?xml version="1.0"\?>\n[\t\n -~]*$/);
    const parse = [
      'import sys, xml.etree.ElementTree as e',
      'root = e.fromstring(sys.stdin.buffer.read())',
      "print(root.find('.//{*}WorkingDirectory').text, root.find('.//{*}Description').text.encode('unicode_escape').decode())",
    ].join('\n');
    const utf16 = Buffer.from(`\ufeff${contents.replace(/\n/g, '\r\n')}`, 'utf16le');
    for (const bytes of [Buffer.from(contents, 'latin1'), Buffer.from(`\ufeff${contents}`), utf16]) {
      const { stdout, stderr } = spawnSync('python3', ['-c', parse], {
        input: bytes,
        env: { PYTHONIOENCODING: 'utf-8' },
      });
      expect(stderr.toString()).toBe('');
      expect(stdout.toString()).toContain('C:\\Gemeente Zürich depot: deposit');
      expect(stdout.toString()).toContain('\\U0001f5c4');
    }
  });

  test('this account logs on without a password, services too, and others with theirs', () => {
    const logon = (user: string, ownAccount = false): (string | undefined)[] => {
      const { files, paste } = windowsTask({ ...job, user, ownAccount });
      const found = /<UserId>(.*)<\/UserId>\s*<LogonType>(.*)<\/LogonType>/.exec(files[0].contents);
      return [found?.[1], found?.[2], paste[1]];
    };
    const plain = 'schtasks /Create /TN depot /XML depot.xml';
    expect(logon('S-1-5-21-1-2-3-1001', true)).toEqual(['S-1-5-21-1-2-3-1001', 'S4U', plain]);
    expect(logon('ACME\\svc depot')).toEqual(['ACME\\svc depot', 'Password', `${plain} /RU "ACME\\svc depot" /RP *`]);
    for (const [name, sid] of [
      ['SYSTEM', 'S-1-5-18'],
      ['NT AUTHORITY\\LOCAL SERVICE', 'S-1-5-19'],
      ['nt authority\\localservice', 'S-1-5-19'],
      ['Network Service', 'S-1-5-20'],
      ['S-1-5-18', 'S-1-5-18'],
    ] as const)
      expect(logon(name)).toEqual([sid, 'ServiceAccount', plain]);
    // Even if it is what prints the schedule.
    expect(logon('S-1-5-18', true)[1]).toBe('ServiceAccount');
    const [managed, type, register] = logon('ACME\\svc$');
    expect([managed, type]).toEqual(['ACME\\svc$', 'Password']);
    expect(register).toContain('Register-ScheduledTask');
    expect(register).not.toContain('/RP');
  });

  test.each(['C:\\a\u2019; calc; \u2019', 'C:\\a$(calc)', 'C:\\a`n'])(
    '%s would be more than a directory to PowerShell',
    (out) => {
      expect(() => windowsTask({ ...job, user: 'ACME\\svc$', out })).toThrow(
        'that PowerShell takes for something else',
      );
    },
  );

  test('what is typed names the file where it was written', () => {
    const { paste } = windowsTask({ ...job, ownAccount: true, user: 'anna', out: '/srv/my tasks' });
    expect(paste[1]).toBe('schtasks /Create /TN depot /XML "/srv/my tasks/depot.xml"');
  });

  test('arguments are quoted the way CommandLineToArgvW splits them', () => {
    expect(windowsTask({ ...job, command: ['node', 'a b\\', 'c"d', 'plain'] }).files[0].contents).toContain(
      '<Arguments>&quot;a b\\\\&quot; &quot;c\\&quot;d&quot; plain</Arguments>',
    );
  });

  test('names that the Task Scheduler would take for a variable or the end of a word are refused', () => {
    expect(() => windowsTask({ ...job, configDirectory: 'C:\\%TEMP%\\depot' })).toThrow('has %TEMP% in it');
    expect(() => windowsTask({ ...job, user: 'a" /TR "calc' })).toThrow('is not the name of an account');
    expect(windowsTask({ ...job, configDirectory: 'C:\\100%' }).files[0].contents).toContain(
      '<WorkingDirectory>C:\\100%</WorkingDirectory>',
    );
  });
});

describe('the access of another account on Windows', () => {
  const anna = 'S-1-5-21-1-2-3-1001';
  const given = {
    account: 'ACME\\svc',
    self: anna,
    home: 'C:\\Users\\anna',
    configDirectory: 'C:\\ProgramData\\depot',
    state: 'C:\\ProgramData\\depot\\state',
    stateIsThere: true,
    program: ['C:\\Program Files\\nodejs\\node.exe'],
    files: ['C:\\ProgramData\\depot\\keys\\supplier.secret.asc'],
  };

  test('is given by lines that leave no right to who set it up, configuration first, then state', () => {
    const { lines, warnings } = accessLines(given);
    expect(warnings).toEqual([]);
    expect(lines).toEqual([
      'icacls C:\\ProgramData\\depot /setowner "*S-1-5-32-544" /T /Q',
      `icacls C:\\ProgramData\\depot /inheritance:r /remove:g "*${anna}" /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "ACME\\svc:(OI)(CI)RX"`,
      'icacls "C:\\ProgramData\\depot\\*" /reset /T /Q',
      'icacls C:\\ProgramData\\depot\\state /setowner "*S-1-5-32-544" /T /Q',
      `icacls C:\\ProgramData\\depot\\state /inheritance:r /remove:g "*${anna}" /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "ACME\\svc:(OI)(CI)F"`,
      'icacls "C:\\ProgramData\\depot\\state\\*" /reset /T /Q',
    ]);
  });

  test('covers files elsewhere, a state that is not there yet, and services by number', () => {
    const { lines } = accessLines({
      ...given,
      account: 'S-1-5-19',
      state: 'D:\\depot state',
      stateIsThere: false,
      files: ['D:\\keys\\ssh key', ...given.files],
    });
    expect(lines).toContain('mkdir "D:\\depot state"');
    expect(lines).toContain('icacls "D:\\keys\\ssh key" /setowner "*S-1-5-32-544" /Q');
    expect(lines.filter((line) => line.includes('"*S-1-5-19:R"'))).toHaveLength(1);
    expect(lines.join()).not.toContain('supplier.secret.asc');
  });

  test.each([
    ['a configuration in a profile', { configDirectory: 'C:\\Users\\Anna\\AppData\\Roaming\\depot' }],
    ['a state in a profile', { state: 'C:\\Users\\anna\\AppData\\Local\\depot\\state' }],
    ['a profile itself', { configDirectory: 'C:\\Users\\anna' }],
    ['a whole drive', { configDirectory: 'D:\\' }],
    ['a key in a profile', { files: ['C:\\Users\\anna\\.ssh\\id_ed25519'] }],
    ['a program in a profile', { program: ['C:\\Users\\anna\\AppData\\Roaming\\npm\\depot.js'] }],
  ])('is not given to %s, and it is said why', (_, odd) => {
    const { lines, warnings } = accessLines({ ...given, ...odd });
    expect(lines).toEqual([]);
    expect(warnings).toHaveLength(1);
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
    }).toThrow('which no schedule can carry');
    requireOneLine(job);
  });
});
