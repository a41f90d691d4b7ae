/** notify.command is told what happened, and cannot affect it. */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { eventually } from '../support/process.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

const validate = new Ajv2020().compile(
  JSON.parse(readFileSync(join(checkout, 'schemas/run-1.schema.json'), 'utf8')) as object,
);
let server: ScriptedServer;
let supplier: Supplier;

beforeAll(async () => {
  server = await startScriptedServer({ directories: ['/in'] });
  supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
  writeFileSync(join(supplier.data, 'x'), 'data');
});
beforeEach(() => {
  rmSync(told(), { force: true });
});

const told = (): string => join(supplier.directory, 'told');

/** A script as notify.command; its standard input is what it was told. */
function notify(script: string, on: string[], arrangement: Record<string, unknown> = {}): void {
  const file = join(supplier.directory, 'alert');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  supplier.writeConfig({ top: { notify: { command: [file], on } }, arrangement });
}

function records(): Record<string, unknown>[] {
  if (!existsSync(told())) return [];
  const all = readFileSync(told(), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const record of all) expect(validate(record), JSON.stringify(validate.errors)).toBe(true);
  return all;
}

const keep = 'cat >> told';

describe('push', () => {
  test('reports success and failure as in the run record, if configured', async () => {
    notify(keep, ['success', 'failure']);
    const { depositId } = await supplier.deposit();
    supplier.writeConfig({
      top: { notify: { command: [join(supplier.directory, 'alert')], on: ['success', 'failure'] } },
      dataset: [{ directory: 'nowhere' }],
    });
    expect((await supplier.push()).code).toBe(3);
    const [made, failed] = supplier.runs().slice(-2) as [object, { hint: string }];
    // Nothing is said of `every`, so nobody knows how long the failure can wait.
    expect(records()).toEqual([made, failed]);
    expect(records().map(({ exit, depositId: id }) => [exit, id])).toEqual([
      [0, depositId],
      [3, expect.any(String)],
    ]);
  });

  test('reports by default that a dataset shrank to almost nothing, with the sizes and the source', async () => {
    const own = await Supplier.create({ ...server, remoteDirectory: '/in' });
    const directory = own.directory;
    writeFileSync(join(directory, 'alert'), `#!/bin/sh\ncat >> ${told()}\n`, { mode: 0o755 });
    own.writeConfig({
      top: { notify: { command: [join(directory, 'alert')] } },
      dataset: [{ directory: 'data', as: 'files' }, { file: 'other' }],
    });
    writeFileSync(join(directory, 'other'), 'the same');
    for (let i = 0; i < 11; i++) writeFileSync(join(own.data, `${i}`), 'x'.repeat(2000));
    const { depositId } = await own.deposit();
    // Of every first deposit somebody hears, whatever `on:` names: so looks a state directory that is not mounted.
    expect(records()).toMatchObject([
      { exit: 0, message: expect.stringMatching(/^this is the first deposit/) as string },
    ]);
    for (let i = 1; i < 11; i++) rmSync(join(own.data, `${i}`));
    writeFileSync(join(own.data, '0'), 'x');
    await own.deposit();
    expect(records().slice(1)).toMatchObject([
      {
        exit: 0,
        code: null,
        message: `the dataset shrank (source files): it has 3 entries and 9 bytes, and the last deposit, ${depositId}, had 13 entries and 22,008 bytes; it was deposited all the same, and the earlier deposit is untouched`,
        hint: expect.stringMatching(/^find out what is missing/) as string,
      },
    ]);
  });

  test('says of a failure how long it can wait', async () => {
    notify(keep, ['failure'], { every: '24h' });
    await supplier.deposit();
    const at = Date.parse(supplier.runs().at(-1)!['finishedAt'] as string) + 30 * 3_600_000;
    supplier.writeConfig({
      top: { notify: { command: [join(supplier.directory, 'alert')], on: ['failure'] } },
      arrangement: { every: '24h' },
      dataset: [{ directory: 'nowhere' }],
    });
    expect((await supplier.push()).code).toBe(3);
    const staleAt = new Date(at).toISOString().replace('.000Z', 'Z');
    expect(records()).toMatchObject([{ exit: 3, staleAt }]);
    const words = `the last deposit becomes stale at ${staleAt.slice(0, 16).replace('T', ' ')} UTC`;
    expect(records()[0]?.['hint']).toMatch(new RegExp(`\n${words}$`));
    expect((await supplier.depot(['status'])).stdout).toContain(`; ${words}\n`);
    rmSync(told(), { force: true });
    expect((await supplier.depot(['status', '--max-age', '0s'])).stdout).toMatch(
      /stale: the last deposit, .*; the last run, started .* UTC, failed \(3\): .*nowhere/,
    );
  });

  test('does not report outcomes that are not configured, nor a run that had nothing to do', async () => {
    notify(keep, ['failure']);
    await supplier.deposit();
    notify(keep, ['success', 'failure', 'stale']);
    expect((await supplier.push(['--if-older-than', '1h'])).code).toBe(0);
    expect(records()).toEqual([]);
  });

  test('runs the command without secrets in its environment, and shows none of its output', async () => {
    notify('cat > /dev/null; env > told; echo noise; echo noise >&2', ['success']);
    const finished = await supplier.depot(['push', '--quiet'], {
      env: { DEPOT_SIGNING_KEY_PASSPHRASE: 'hush', CREDENTIALS_DIRECTORY: '/nowhere', PLAIN: 'yes' },
    });
    expect([finished.code, finished.stdout, finished.stderr]).toEqual([0, '', '']);
    const environment = readFileSync(told(), 'utf8');
    expect(environment).toContain('PLAIN=yes');
    expect(environment).not.toMatch(/DEPOT_|CREDENTIALS|hush/);
  });

  test.each<[string, string, RegExp]>([
    [
      'fails',
      'echo "no mail today" >&2; exit 7',
      /notify.command failed: notify\.command .*exited with status 7\n {2}no mail today/,
    ],
    ['reads nothing', 'exec <&-; exit 0', /^(?!.*notif)/],
    ['is ended by a signal', 'kill -9 $$', /notify.command failed: .*SIGKILL/],
  ])('deposits all the same if the command %s', async (_what, script, said) => {
    notify(script, ['success']);
    const { code, result, stderr } = await supplier.push();
    expect([code, result.ok], stderr).toEqual([0, true]);
    expect(stderr).toMatch(said);
  });

  test('warns if the command does not exist', async () => {
    supplier.writeConfig({ top: { notify: { command: ['/nowhere/alert'], on: ['success'] } } });
    const { code, stderr } = await supplier.push();
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: acme-crm: notify.command failed: .*no such command/);
  });

  test('ends a command that hangs, with all its children, after the deposit is complete and unlocked', async () => {
    notify('sleep 600 & echo $! > told; cat > /dev/null; wait', ['success']);
    const pushing = supplier.push();
    const child = await eventually(
      () => existsSync(told()) && Number(readFileSync(told(), 'utf8')),
      60_000,
      'the command',
    );
    expect(supplier.runs().at(-1)).toMatchObject({ exit: 0 });
    expect(supplier.stateFiles()).not.toContain('lock');
    const { code, stderr } = await pushing;
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: .*(took longer than 10 s|took too long)/);
    await eventually(
      () => !existsSync(`/proc/${child}`) || readFileSync(`/proc/${child}/stat`, 'utf8').includes(') Z '),
      10_000,
      'its child gone',
    );
  });
});

test('status reports a stale deposit once, and again when a new one is stale, and retries a failed notification', async () => {
  notify('exit 1', ['stale'], { every: '1h' });
  await supplier.deposit();
  const stale = async (): Promise<string> => {
    const finished = await supplier.depot(['status', '--max-age', '0s']);
    expect(finished.code).toBe(31);
    return finished.stderr;
  };
  expect((await supplier.depot(['status'])).stderr).toBe('');
  expect(await stale()).toMatch(/warning: acme-crm: notify\.command .*exited with status 1/);
  notify(keep, ['stale'], { every: '1h' });
  expect(await stale()).toBe('');
  expect(await stale()).toBe('');
  expect(records()).toMatchObject([
    {
      code: 'stale',
      exit: 31,
      arrangement: 'acme-crm',
      published: 'no',
      message: expect.stringMatching(
        /^the last deposit, acme-crm_\w+, is (?:\d+|just over 0) s old; the limit is 0 s; no push was started since \d{4}-\d\d-\d\d \d\d:\d\d UTC$/,
      ),
      hint: expect.stringMatching(
        /^make a deposit now: depot push acme-crm --config \S+\ndoes its schedule run\? systemctl list-timers depot\.timer; crontab -l/,
      ),
    },
  ]);
  await supplier.deposit();
  const metrics = await supplier.depot(['status', '--max-age', '0s', '--prometheus']);
  expect([metrics.code, metrics.stderr, records().length]).toEqual([0, '', 2]);
});
