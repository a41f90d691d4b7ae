/** What a schedule will miss where it runs is said when it is printed. */
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { surroundings } from '../../src/commands/schedule/surroundings.js';
import { nowhere, Supplier } from '../support/supplier.js';

describe('a warning', () => {
  const another = /which runs another system: print the schedule on the machine that will run it/;
  const agent = /sshAgent: true finds no ssh-agent when \w+ runs the push/;
  const config = /sshConfig: true means the ~\/\.ssh\/config of daemon/;
  const foreign = process.platform === 'win32' ? 'systemd' : 'windows';

  test.each([
    ['a schedule for another system', foreign, {}, 'daemon', [another]],
    ["another account's ssh configuration", 'cron', { sshConfig: true }, 'daemon', [config]],
    ['an agent that cron does not know', 'cron', { sshAgent: true }, undefined, [agent]],
    ['one that systemd does not know', 'systemd', { sshAgent: true, sshConfig: true }, 'daemon', [agent, config]],
    ['one for the jump host', 'cron', { proxyJump: { host: 'bastion', sshAgent: true } }, undefined, [agent]],
    ['neither, where both are named by their path', 'cron', { sshAgent: '/run/a', sshConfig: 'ssh' }, 'daemon', []],
    ["neither, for this account's own configuration", 'cron', { sshConfig: true }, userInfo().username, []],
  ])('is given for %s', async (_, kind, remote, user, expected) => {
    const supplier = await Supplier.create(nowhere, { remote });
    writeFileSync(join(supplier.directory, 'ssh'), '');
    const to = user === undefined ? [] : ['--user', user];
    const { stdout } = await supplier.depot(['schedule', 'print', kind, '--at', '01:30', '--json', ...to], {
      env: { HOME: supplier.directory },
    });
    const { warnings } = JSON.parse(stdout) as { warnings: string[] };
    const about = warnings.filter((line) => /another system|sshAgent|sshConfig/.test(line));
    expect(about).toEqual(expected.map((one) => expect.stringMatching(one) as string));
  });

  test('is given for deposits that are due more than once a day, and for the file that is not printed', async () => {
    const warned = async (kind: string, every: string): Promise<string> => {
      const supplier = await Supplier.create(nowhere, { arrangement: { every } });
      const to = kind === 'launchd' ? ['--user', 'daemon'] : [];
      return (await supplier.depot(['schedule', 'print', kind, '--at', '01:30', ...to])).stderr;
    };
    const often = 'acme-crm has every: 6h, but this schedule makes one deposit a day';
    expect(await warned('cron', '6h')).toContain(often);
    expect(await warned('cron', '20h')).not.toContain('makes one deposit a day');
    expect(await warned('cron', '24h')).not.toContain('file of its own');
    for (const kind of ['windows', 'launchd'])
      expect(await warned(kind, '24h')).toContain('the hourly depot status is a second file: add --out DIRECTORY');
  });

  test('is for the system, and cron runs on two', () => {
    const warned = (platform: NodeJS.Platform): string[] =>
      (['systemd', 'cron', 'launchd', 'windows'] as const).filter(
        (kind) => surroundings(kind, undefined, [], platform).length > 0,
      );
    expect(warned('linux')).toEqual(['launchd', 'windows']);
    expect(warned('darwin')).toEqual(['systemd', 'windows']);
    expect(warned('win32')).toEqual(['systemd', 'cron', 'launchd']);
  });
});
