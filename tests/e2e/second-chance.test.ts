/** A push that is tried every hour of a night: it finds nothing to do, or another push, and alarms nobody. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { depot } from '../support/cli.js';
import { eventually } from '../support/process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';
import { terminal } from '../support/terminal.js';

const clockOf = (at: Date): string =>
  `${String(at.getHours()).padStart(2, '0')}:${String(at.getMinutes()).padStart(2, '0')}`;
const minutesAgo = (n: number): string => clockOf(new Date(Date.now() - n * 60_000));

test('--if-none-since skips what was deposited since that time of day, and nothing else', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
  writeFileSync(join(supplier.data, 'x'), 'data');
  const first = await supplier.deposit(['--if-none-since', minutesAgo(60)]);
  const { code, result, stderr } = await supplier.push(['--if-none-since', minutesAgo(60)]);
  expect([code, stderr, result.because]).toEqual([0, '', 'recent']);
  expect(result.skipped).toContain(first.depositId);
  expect(supplier.runs().at(-1)).toMatchObject({ code: 'skipped', exit: 0 });
  // In half an hour it is that time, so it last was a day ago.
  expect((await supplier.push(['--if-none-since', minutesAgo(-30)])).result.because).toBe('recent');
  const quiet = await supplier.depot(['push', '--quiet', '--if-none-since', minutesAgo(60)]);
  expect([quiet.code, quiet.stdout, quiet.stderr]).toEqual([0, '', '']);
});

test('--if-not-running skips while another push runs, in silence and without a notification', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
  const file = (name: string): string => join(supplier.directory, name);
  const on = ['success', 'failure', 'killed', 'stale', 'shrink'];
  supplier.writeConfig({
    top: { notify: { command: ['sh', '-c', 'cat >> told'], on } },
    dataset: [{ command: ['sh', '-c', 'touch reading; until [ -e go ]; do sleep 0.05; done; echo x'], as: 'x' }],
  });
  const running = depot(['push', '--config', supplier.config], { cwd: supplier.directory });
  await eventually(() => existsSync(file('reading')), 60_000, 'the first push');
  const refused = await supplier.push();
  expect([refused.code, refused.result.error?.code]).toEqual([11, 'locked']);
  await eventually(() => existsSync(file('told')), 10_000, 'the notification');
  rmSync(file('told'));
  // Whoever pushes by hand sees it, and nothing has failed.
  const byHand = await terminal(['push', '--config', supplier.config], { cwd: supplier.directory });
  expect([byHand.code, existsSync(file('told'))]).toEqual([11, false]);
  const skipped = await supplier.push(['--if-not-running']);
  expect([skipped.code, skipped.stderr, skipped.result.because]).toEqual([0, '', 'running']);
  expect(skipped.result.skipped).toMatch(/^another run for acme-crm is running: process \d+ on /);
  const quiet = await supplier.depot(['push', '--quiet', '--if-not-running']);
  expect([quiet.code, quiet.stdout, quiet.stderr]).toEqual([0, '', '']);
  expect(existsSync(file('told'))).toBe(false);
  writeFileSync(file('go'), '');
  expect((await running).code).toBe(0);
});

test('after SIGTERM, an arrangement that has its deposit already is skipped, and nobody is paged for it; one hint is said once', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
  const file = (name: string): string => join(supplier.directory, name);
  writeFileSync(join(supplier.data, 'x'), 'data');
  await supplier.deposit();
  supplier.writeConfig({ top: { notify: { command: ['sh', '-c', 'cat >> told'], on: ['failure'] } } });
  const document = parse(readFileSync(supplier.config, 'utf8')) as { arrangements: Record<string, object> };
  const one = document.arrangements['acme-crm'];
  const arrangements = (slow: object): void =>
    writeFileSync(supplier.config, stringify({ ...document, arrangements: { a: slow, 'acme-crm': one } }));
  arrangements({ ...one, dataset: [{ command: ['sh', '-c', 'touch reading; exec sleep 600'], as: 'x' }] });
  const ended = await depot(['push', '--all', '--if-older-than', '1h', '--config', supplier.config], {
    cwd: supplier.directory,
    started: ({ kill }) => {
      void eventually(() => existsSync(file('reading')), 60_000, 'the push').then(() => kill('SIGTERM'));
    },
  });
  expect(ended.code).toBe(143);
  expect(ended.stdout).toContain('skipped    acme-crm: the last deposit, ');
  const told = readFileSync(file('told'), 'utf8').trim().split('\n');
  expect(told.map((line) => (JSON.parse(line) as { arrangement: string }).arrangement)).toEqual(['a']);

  // One cause fails both of them.
  rmSync(file('keys/supplier.secret.asc'));
  arrangements(one);
  const both = await depot(['push', '--all', '--quiet', '--config', supplier.config], { cwd: supplier.directory });
  expect(both.code).toBe(4);
  expect(both.stderr.match(/depot: error: /g)).toHaveLength(2);
  expect(both.stderr.match(/depot: hint: /g)).toHaveLength(1);
  expect(both.stdout).toBe('summary    2 arrangements: 0 deposited, 2 failed\n');
});
