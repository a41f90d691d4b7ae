/** A night by the printed lines, with a first try that fails: who is told what, by the mail of cron, by notify, by a ping and by Prometheus. */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startMonitor } from '../support/monitor.js';
import { eventually, type Finished, run } from '../support/process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { onlyFirstDeposit, Supplier } from '../support/supplier.js';

test('the first try fails, the second deposits, the third has nothing to do; then status tells of what is stale', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const monitor = await startMonitor();
  const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
  writeFileSync(join(supplier.data, 'x'), 'data');
  const at = (name: string): string => join(supplier.directory, name);
  const top = {
    notify: { command: ['sh', '-c', 'cat >> told'], on: ['failure', 'stale'] },
    ping: { url: monitor.url },
  };
  const told = (): (string | null)[] => {
    const lines = existsSync(at('told')) ? readFileSync(at('told'), 'utf8').trim().split('\n') : [];
    rmSync(at('told'), { force: true });
    return lines.map((line) => (JSON.parse(line) as { code: string | null }).code);
  };
  const pinged = (): string[] => monitor.pinged.splice(0).map(({ path }) => path);
  mkdirSync(at('textfile'));
  // Half a day from now, so that no new night begins meanwhile.
  const hour = (new Date().getHours() + 12) % 24;
  const hours = [0, 1, 2, 3, 4, 5].map((n) => (hour + n) % 24);
  const print = async (kind: string): Promise<string> => {
    const printed = await supplier.depot([
      ...['schedule', 'print', kind, '--at', `${hour}:30`, '--prometheus-file', at('textfile/depot.prom')],
    ]);
    expect(printed.code, printed.stderr).toBe(0);
    return printed.stdout;
  };
  supplier.writeConfig({ top });
  const [, push, status] = new RegExp(
    `^30 ${hours.join(',')} \\* \\* \\* (.*)\\n#.*\\n0 \\* \\* \\* \\* (.*)$`,
    'm',
  ).exec(await print('cron'))!;
  // As cron and systemd run them: next to no environment, and a umask that keeps new files private.
  const runs = (line: string): Promise<Finished> =>
    run('/bin/sh', ['-c', `umask 077; ${line.replaceAll('\\%', '%')}`], { cwd: '/', env: { PATH: '/usr/bin:/bin' } });

  supplier.writeConfig({ top, remote: { port: 1, retryFor: '1s' } });
  const failed = await runs(push);
  expect([failed.code, failed.stdout]).toEqual([14, '']);
  expect(failed.stderr).toMatch(/^depot: error: acme-crm: .*nothing was published$/m);
  expect([told(), pinged()]).toEqual([['unreachable'], ['/acme-crm/start', '/acme-crm/14']]);

  supplier.writeConfig({ top });
  const deposited = await runs(push);
  expect([deposited.code, deposited.stdout, deposited.stderr]).toEqual([
    0,
    '',
    expect.stringMatching(onlyFirstDeposit),
  ]);
  expect([told(), pinged()]).toEqual([[null], ['/acme-crm/start', '/acme-crm']]);

  const nothing = await runs(push);
  expect([nothing.code, nothing.stdout, nothing.stderr]).toEqual([0, '', '']);
  expect([told(), pinged()]).toEqual([[], ['/acme-crm']]);
  expect(supplier.runs().map(({ code }) => code)).toEqual(['unreachable', null, 'skipped']);

  const fine = await runs(status);
  expect([fine.code, fine.stdout, fine.stderr]).toEqual([0, '', '']);
  expect([told(), pinged()]).toEqual([[], []]);
  expect(statSync(at('textfile/depot.prom')).mode & 0o777).toBe(0o644);
  expect(readFileSync(at('textfile/depot.prom'), 'utf8')).toContain('depot_stale{arrangement="acme-crm"} 0');

  // What a unit of systemd starts, when the deposit is older than agreed.
  supplier.writeConfig({ top, arrangement: { every: '1s' } });
  const [, look] = /^ExecStart=(.* status .*)$/m.exec(await print('systemd'))!;
  await eventually(
    () => Date.now() / 1000 > Date.parse(supplier.runs()[1].finishedAt as string) / 1000 + 3,
    10_000,
    'age',
  );
  const stale = await runs(look);
  expect([stale.code, stale.stdout, stale.stderr]).toEqual([0, '', '']);
  expect(monitor.down()).toEqual(['acme-crm']);
  expect([told(), pinged()]).toEqual([['stale'], ['/acme-crm/31']]);
  expect(readFileSync(at('textfile/depot.prom'), 'utf8')).toContain('depot_stale{arrangement="acme-crm"} 1');
});
