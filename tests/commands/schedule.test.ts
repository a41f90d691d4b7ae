import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cronLine } from '../../src/commands/schedule/cron.js';
import type { Job } from '../../src/commands/schedule/job.js';
import { systemdUnits } from '../../src/commands/schedule/systemd.js';
import { windowsTask } from '../../src/commands/schedule/windows.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';

const job: Job = {
  command: ['/usr/bin/node', '/usr/lib/node_modules/depot/bin/depot.js', 'push', '--all', '--quiet', '--config', '/etc/depot/depot.yaml'],
  at: { hour: 1, minute: 30 }, user: undefined, configDirectory: '/etc/depot', stateDirectory: '/var/lib/depot', what: 'all arrangements',
};
const awkward: Job = { ...job, command: ['/opt/no de/bin', '100%', "it's", 'a"b', '$HOME', 'back\\'] };

describe('systemd', () => {
  test('a hardened oneshot service whose directories depot finds, and a timer that makes up for a missed night', () => {
    const [service, timer] = systemdUnits({ ...job, requires: 'vpn@softcrow.service', onFailure: 'alarm.service' }).files;
    for (const line of ['Type=oneshot', 'User=depot', 'StateDirectory=depot', 'ProtectSystem=strict', 'NoNewPrivileges=yes', 'TimeoutStartSec=infinity', 'Requires=vpn@softcrow.service', 'After=network-online.target vpn@softcrow.service', 'OnFailure=alarm.service']) {
      expect(service.contents.split('\n')).toContain(line);
    }
    expect(timer.contents).toContain('OnCalendar=*-*-* 01:30:00\n');
    expect(timer.contents).toContain('Persistent=true');
  });

  test('a state directory of one\'s own stays writable', () => {
    expect(systemdUnits({ ...job, stateDirectory: '/srv/state' }).files[0].contents).toContain('ReadWritePaths=/srv/state\n');
  });

  test('words are quoted as systemd takes them apart', () => {
    expect(systemdUnits(awkward).files[0].contents).toContain('ExecStart="/opt/no de/bin" 100%% "it\'s" "a\\"b" $$HOME "back\\\\"\n');
  });

  test.skipIf(peer('systemd-analyze') === undefined)('systemd-analyze verify has nothing to say', () => {
    const directory = tempDir();
    const node = { ...job, command: [process.execPath, ...job.command.slice(1)], user: 'root' };
    const files = systemdUnits(node).files.map(({ path, contents }) => {
      const file = join(directory, path.split('/').at(-1)!);
      writeFileSync(file, contents);
      return file;
    });
    expect(execFileSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })).toBe('');
  });
});

describe('cron', () => {
  test('one line, silent on success', () => {
    expect(cronLine(job).files[0].contents.split('\n')[1]).toBe('30 1 * * * /usr/bin/node /usr/lib/node_modules/depot/bin/depot.js push --all --quiet --config /etc/depot/depot.yaml');
  });

  test('quoted for sh, and percent signs escaped, which cron would take for newlines', () => {
    const line = cronLine(awkward).files[0].contents.split('\n')[1];
    const command = line.replace('30 1 * * * ', '').replaceAll('\\%', '%');
    expect(line).toContain('100\\%');
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' }).trimEnd().split('\n');
    expect(words).toEqual(awkward.command);
  });
});

describe('windows', () => {
  test('a task that makes up for a missed run, in well-formed XML', () => {
    const { contents } = windowsTask({ ...job, command: ['C:\\Program Files\\nodejs\\node.exe', 'C:\\depot\\bin\\depot.js', 'push', '--config', 'C:\\R&D\\depot.yaml'], user: 'ACME\\svc' }).files[0];
    expect(contents).toContain('<StartBoundary>2026-01-01T01:30:00</StartBoundary>');
    expect(contents).toContain('<Command>C:\\Program Files\\nodejs\\node.exe</Command>');
    expect(contents).toContain('<Arguments>C:\\depot\\bin\\depot.js push --config C:\\R&amp;D\\depot.yaml</Arguments>');
    expect(contents).toContain('<StartWhenAvailable>true</StartWhenAvailable>');
    const open = [...contents.matchAll(/<([A-Za-z]+)[ >]/g)].map((m) => m[1]);
    const closed = [...contents.matchAll(/<\/([A-Za-z]+)>/g)].map((m) => m[1]);
    expect(open.sort()).toEqual(closed.sort());
  });

  test('arguments are quoted as CommandLineToArgvW takes them apart', () => {
    expect(windowsTask({ ...job, command: ['node', 'a b\\', 'c"d', 'plain'] }).files[0].contents).toContain('<Arguments>&quot;a b\\\\&quot; &quot;c\\&quot;d&quot; plain</Arguments>');
  });
});
