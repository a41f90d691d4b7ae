import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { windowsTask } from '../../src/commands/schedule/windows.js';
import { accessLines } from '../../src/commands/schedule/windows-access.js';
import { job } from './schedule-job.js';

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
    expect(contents).toMatch(/<Repetition>\s*<Interval>PT1H<\/Interval>\s*<Duration>PT5H30M<\/Duration>/);
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
      expect(() => windowsTask({ ...job, user: 'ACME\\svc$', out })).toThrow('that means something else in PowerShell');
    },
  );

  test('a second task looks every hour how things stand, without an end', () => {
    const { files, paste } = windowsTask({ ...job, ownAccount: true, user: 'anna', out: '/srv/tasks' });
    expect(files.map(({ path }) => path)).toEqual(['depot.xml', 'depot-status.xml']);
    expect(files[1].contents).toMatch(
      /<TimeTrigger>\s*<StartBoundary>2026-01-01T00:00:00<\/StartBoundary>\s*<Repetition>\s*<Interval>PT1H<\/Interval>\s*<StopAtDurationEnd>/,
    );
    expect(files[1].contents).toContain('depot.js status --quiet --config');
    expect(paste).toContain('schtasks /Create /TN depot-status /XML /srv/tasks/depot-status.xml');
    const once = windowsTask({ ...job, tries: job.tries.slice(0, 1), user: 'anna', ownAccount: true });
    expect(once.files[0].contents).not.toContain('Repetition');
  });

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
    expect(() => windowsTask({ ...job, configDirectory: 'C:\\%TEMP%\\depot' })).toThrow('contains %TEMP%');
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
