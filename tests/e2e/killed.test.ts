/** Of a push that was killed: what whoever is called at night hears, and what the next push makes of it. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { depot } from '../support/cli.js';
import { type Monitor, startMonitor } from '../support/monitor.js';
import { eventually } from '../support/process.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

interface Told {
  code: string | null;
  message: string;
  hint?: string;
  published: string;
  depositId: string | null;
}

const slow = {
  command: ['sh', '-c', 'touch killable; depot=$PPID; while kill -0 $depot; do sleep 0.1; done'],
  as: 'x',
};

/** A supplier whose push was killed while it read its dataset, and who is told of everything. */
async function killed(): Promise<{ supplier: Supplier; monitor: Monitor; told: () => Told[] }> {
  const server = await startScriptedServer({ directories: ['/in'] });
  const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
  const monitor = await startMonitor();
  const file = join(supplier.directory, 'told');
  const top = {
    notify: { command: ['sh', '-c', 'cat >> told'], on: ['success', 'failure', 'stale'] },
    ping: { url: monitor.url, on: ['success', 'failure'] },
  };
  writeFileSync(join(supplier.data, 'x'), 'data');
  supplier.writeConfig({ top, dataset: [slow] });
  const { signal } = await depot(['push', '--config', supplier.config], {
    cwd: supplier.directory,
    started: ({ kill }) => {
      void eventually(() => existsSync(join(supplier.directory, 'killable')), 60_000, 'the push').then(() =>
        kill('SIGKILL'),
      );
    },
  });
  expect(signal).toBe('SIGKILL');
  supplier.writeConfig({ top });
  const told = (): Told[] =>
    existsSync(file)
      ? readFileSync(file, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Told)
      : [];
  return { supplier, monitor, told };
}

const wasKilled = (what: string): unknown =>
  expect.stringMatching(
    new RegExp(
      `^the push \\(process \\d+\\) was killed, or the machine went down; acme-crm_\\w+ was not deposited; ${what}`,
    ),
  );

test('status, runs and the notification say the same: it was not deposited, and what is to be done', async () => {
  const { supplier, told } = await killed();
  const hint = `nothing to do where pushes are scheduled: the next one makes the deposit; to do it now: depot push acme-crm --config ${supplier.config}`;
  const status = await supplier.depot(['status']);
  expect(status.stdout).toContain(' was not deposited; ');
  expect(told()).toMatchObject([
    { code: 'killed', published: 'no', depositId: expect.stringMatching(/^acme-crm_/) as string, hint },
  ]);
  expect(told()[0].message).toEqual(wasKilled('the next push removes what is left of it'));
  const { stdout } = await supplier.depot(['runs', '--failed']);
  expect(stdout).toMatch(/UTC: killed(?:, soon after it began|; it ran at least \d+s)\n/);
  expect(stdout).toContain(' was not deposited; ');
  expect(stdout).not.toContain('possibly');
  expect(stdout).toContain(`what to do: ${hint.replace('nothing to do', 'nothing')}\n`);

  const { depositId } = await supplier.deposit();
  expect((await supplier.depot(['runs', '--failed'])).stdout).toContain(
    `what to do: nothing: a later push deposited ${depositId}\n`,
  );
});

test('a next push that comes first tells of it with its own outcome, and a monitor hears only of that', async () => {
  const { supplier, monitor, told } = await killed();
  expect(told()).toEqual([]);
  const { depositId } = await supplier.deposit();
  expect(told().map(({ code }) => code)).toEqual(expect.arrayContaining(['killed', null]));
  expect(told().find(({ code }) => code === 'killed')).toMatchObject({
    published: 'no',
    message: wasKilled(`.*; the push after it deposited ${depositId}$`),
    hint: 'nothing to do',
  });
  // A monitor once heard of the killed push half a second before the deposit.
  expect(monitor.pinged.map(({ path }) => path)).toEqual(['/acme-crm']);
});

test('a next push that fails says so when it tells of the one that was killed', async () => {
  const { supplier, told } = await killed();
  rmSync(supplier.data, { recursive: true });
  expect((await supplier.push()).code).toBe(3);
  expect(told().find(({ code }) => code === 'killed')).toMatchObject({
    message: wasKilled('.*; the push after it failed \\(3\\): '),
  });
});
