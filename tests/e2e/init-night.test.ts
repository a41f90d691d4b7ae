/** The end of the set-up when something is in the way of it: nothing half done without a word, nothing of somebody else's lost. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type SecureStorage, startSecureStorage } from '../../src/demo/storage.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { depot } from '../support/cli.js';
import { behaviours, startMonitor } from '../support/monitor.js';
import { installed } from '../support/installed.js';
import { asRoot, peer, peers } from '../support/peers.js';
import { type Finished, mustRun, run } from '../support/process.js';
import { type Schedulers, schedulers } from '../support/schedulers.js';
import { Supplier } from '../support/supplier.js';
import { terminal, type Turn } from '../support/terminal.js';

const here = peers('python3', 'setpriv') !== undefined && asRoot();
const crontab = peer('crontab');
const down = '\x1b[B';

describe.skipIf(!here)('the night that depot init sets up', () => {
  let storage: SecureStorage;
  let program: { node: string; script: string };
  beforeAll(async () => {
    storage = await startSecureStorage(tempDir('storage'), { username: 'acme', password: 'correct horse' });
    cleanup(() => storage.stop());
    program = installed();
  });

  /** A depot.yaml that is written, and pushes that are to run as `daemon`, another account, or root itself. */
  async function setUp(owner: [uid: number, gid: number] | 'root' = [1, 1]): Promise<Supplier> {
    const supplier = await Supplier.create({
      ...storage,
      remoteDirectory: storage.directory,
      fingerprints: [storage.fingerprint],
    });
    writeFileSync(join(supplier.data, 'x'), 'data');
    mkdirSync(supplier.state, { recursive: true });
    if (owner === 'root') return supplier;
    // As a set-up leaves it.
    for (const name of ['', 'keys', 'data', 'depot.yaml']) chmodSync(join(supplier.directory, name), 0o755);
    for (const name of ['state', 'secrets', 'secrets/password']) chownSync(join(supplier.directory, name), ...owner);
    chownSync(supplier.signer.secretKey, 0, owner[1]);
    chmodSync(supplier.signer.secretKey, 0o640);
    return supplier;
  }

  const flags = (s: Supplier, its: Schedulers, ...more: string[]): Promise<Finished> =>
    depot(['init', '--yes', '--json', '--config', s.config, ...more], { env: { ...its.env }, script: program.script });

  const asked = (s: Supplier, its: Schedulers, dialogue: Turn[], ...more: string[]) =>
    terminal(['init', '--config', s.config, ...more], {
      cwd: s.directory,
      columns: 80,
      dialogue,
      program,
      env: { HOME: s.directory, ...its.env },
    });

  interface Answer {
    ok: boolean;
    schedule?: { on: boolean; problem?: string; did?: string[] };
    next: string[];
  }
  const answer = (made: Finished): Answer => JSON.parse(made.stdout) as Answer;

  test('lines go into the crontab once, in the place of those before, and all others stay', async () => {
    const supplier = await setUp();
    const its = schedulers();
    const others = 'MAILTO=ops@acme.example\n\n# mine\n0 3 * * * tar --config /elsewhere push\n';
    its.writeCrontab('daemon', others);
    expect((await flags(supplier, its, '--schedule', 'cron')).code).toBe(0);
    const first = its.crontab('daemon');
    expect(first.startsWith(others)).toBe(true);
    its.writeCrontab('daemon', `${first}5 5 * * * after\n`);
    expect((await flags(supplier, its, '--schedule', 'cron')).code).toBe(0);
    expect(its.crontab('daemon')).toBe(`${first}5 5 * * * after\n`);
    const later = answer(await flags(supplier, its, '--schedule', 'cron', '--at', '02:10', '--until', '02:10'));
    expect(later).toMatchObject({ ok: true, schedule: { on: true, at: '02:10', until: '02:10' } });
    const changed = its.crontab('daemon');
    expect(changed.match(/ push --all/g)).toHaveLength(1);
    expect(changed).toMatch(/^10 2 \* \* \* /m);
    expect(changed.endsWith('5 5 * * * after\n') && changed.startsWith(others)).toBe(true);
  });

  test('what cannot push is not switched on, and its exit code says why', async () => {
    const supplier = await setUp();
    const its = schedulers();
    const before = `5 5 * * * depot push --all --config ${supplier.config}\n`;
    its.writeCrontab('root', before);
    writeFileSync(join(supplier.directory, 'secrets/password'), 'wrong\n');
    const made = await flags(supplier, its, '--schedule', 'cron', '--at', '02:10');
    expect(made.code, made.stderr).toBe(12);
    const { ok, schedule, next } = answer(made);
    expect([ok, schedule?.on, its.crontab('daemon')]).toEqual([false, false, '']);
    expect(next).toEqual([`depot init --yes --schedule cron --at 02:10 --config ${supplier.config}`]);
    expect(made.stderr).toContain('the schedule is not switched on: a push would fail with 12');
    expect(made.stderr).toMatch(/failed: .*\n/);
    expect(made.stderr).not.toContain('recipient');
    writeFileSync(join(supplier.directory, 'secrets/password'), 'correct horse\n');
    const right = await flags(supplier, its, '--schedule', 'cron', '--at', '02:10');
    expect(right.code, right.stderr).toBe(0);
    expect(its.crontab('daemon')).toContain(' push --all ');
    // Two accounts would push by the same configuration.
    expect(right.stderr).toMatch(/root's own crontab pushes with .* too.*crontab -e/);
    expect(its.crontab('root')).toBe(before);
  });

  test.each<[why: string, before: string, problem: RegExp]>([
    [
      'the account may not have a crontab',
      'echo "You ($2) are not allowed to use this program (crontab)" >&2; exit 1',
      /cannot be read: You \(daemon\) are not allowed/,
    ],
    [
      'the new table is refused',
      'if [ "$3" = - ]; then echo "-:3: bad minute" >&2; exit 1; fi',
      /refused the lines: -:3: bad minute/,
    ],
    [
      'somebody else writes at the same time',
      'if [ "$3" = - ]; then echo "0 0 * * * theirs" > "$here/crontab.daemon"; exit 0; fi',
      /something else changed it at the same time/,
    ],
  ])('cron: %s', async (_, before, problem) => {
    const supplier = await setUp();
    const its = schedulers();
    its.before('crontab', before);
    const made = await flags(
      supplier,
      its,
      '--schedule',
      'cron',
      '--ping',
      'https://hc.example/ping/KEY/{arrangement}',
    );
    expect(made.code).toBe(5);
    const { ok, schedule, next } = answer(made);
    expect([ok, schedule?.on]).toEqual([false, false]);
    expect(schedule?.problem).toMatch(problem);
    expect(made.stderr).toContain('the schedule is not switched on');
    expect(next.join('\n')).toMatch(
      /crontab -u daemon -l .*depot schedule print cron --at 01:30 .*\| crontab -u daemon -/,
    );
    // What went well is said, and stays.
    expect(readFileSync(supplier.config, 'utf8')).toContain('https://hc.example/ping/KEY/{arrangement}');
    expect(made.stdout + made.stderr).not.toContain('/ping/KEY');
  });

  test('systemd: when it fails, what was done before is said, and the rest can be typed', async () => {
    const supplier = await setUp();
    const its = schedulers('systemd');
    its.before('systemctl', 'if [ "$1" = enable ]; then echo "Failed to enable unit: Refusing" >&2; exit 1; fi');
    const made = await flags(supplier, its, '--schedule', 'systemd');
    expect(made.code).toBe(5);
    expect(answer(made).schedule?.problem).toMatch(
      /systemctl enable .* failed: Failed to enable unit: Refusing \(already done: written: \/etc\/systemd\/system\/depot\.service/,
    );
    expect(answer(made).next).toContain(
      'systemctl daemon-reload && systemctl enable --now depot.timer depot-status.timer',
    );
    its.before('systemctl', '');
    const then = await flags(supplier, its, '--schedule', 'systemd');
    expect(answer(then).schedule, then.stderr).toMatchObject({ on: true });
    const calls = its.calls().length;
    // It is on already: nothing is changed any more.
    const again = answer(await flags(supplier, its, '--schedule', 'systemd'));
    expect(again.schedule?.did).toEqual(['the schedule is already switched on']);
    expect(
      its
        .calls()
        .slice(calls)
        .every((line) => line.startsWith('systemctl is-enabled')),
    ).toBe(true);
  });

  test('systemd: a unit with other contents and a link are left alone, and nothing is written through the link', async () => {
    const supplier = await setUp();
    const its = schedulers('systemd');
    writeFileSync(its.unitFile('depot.service'), '[Service]\nExecStart=/usr/bin/theirs\n');
    const elsewhere = join(supplier.directory, 'victim');
    writeFileSync(elsewhere, 'untouched');
    symlinkSync(elsewhere, its.unitFile('depot.timer'));
    const made = await flags(supplier, its, '--schedule', 'systemd');
    expect([made.code, answer(made).schedule?.problem]).toEqual([
      5,
      expect.stringMatching(/different contents.*depot\.service, .*depot\.timer$/) as string,
    ]);
    expect(its.unit('depot.service')).toBe('[Service]\nExecStart=/usr/bin/theirs\n');
    expect([readFileSync(elsewhere, 'utf8'), lstatSync(its.unitFile('depot.timer')).isSymbolicLink()]).toEqual([
      'untouched',
      true,
    ]);
    expect(existsSync(its.unitFile('depot-status.timer'))).toBe(false);
  });

  test('root runs no crontab that another account could have put on the way', async () => {
    const supplier = await setUp();
    const its = schedulers();
    chownSync(join(its.directory, 'bin/crontab'), 1, 1);
    const made = await flags(supplier, its, '--schedule', 'cron');
    expect(made.code).toBe(5);
    expect(made.stdout).toContain('belongs to another account (uid 1)');
    expect(existsSync(join(its.directory, 'calls'))).toBe(false);
  });

  test('a directory of units that another account could change is not written to', async () => {
    const supplier = await setUp();
    const its = schedulers('systemd');
    chownSync(dirname(its.unitFile('x')), 1, 1);
    const made = await flags(supplier, its, '--schedule', 'systemd');
    expect(made.code).toBe(5);
    expect(answer(made).schedule?.problem).toMatch(/belongs to another account \(uid 1\).*nothing was changed/);
  });

  test('on a terminal: a command that is missing, metrics, units of somebody else, the first deposit; and then nothing is asked twice', async () => {
    const supplier = await setUp('root');
    const its = schedulers('systemd');
    writeFileSync(its.unitFile('depot.service'), 'theirs');
    const metrics = join(supplier.directory, 'textfile');
    mkdirSync(metrics);
    const first = await asked(supplier, its, [
      ['Do a trial run now?', 'n'],
      ['What time should the push run', '1:3\r'],
      ['a time of day like 01:30', ''],
      ['What time should the push run', '02:15\r'],
      ['Until when', '04:15\r'],
      ['Who should depot notify', `${down}\r`],
      ['Command to run', 'alert | mail\r'],
      ['no shell runs it, so |', ''],
      ['Command to run', '/nowhere/alert --to "the ops"\r'],
      ['there is no program /nowhere/alert', ''],
      ['Use it anyway?', 'y'],
      ['File for Prometheus metrics', `${metrics}\r`],
      ['names end in .prom', ''],
      ['File for Prometheus metrics', `${metrics}/depot.prom\r`],
      ['Some of these already exist, with different contents', ''],
      ['Put the new ones in their place', 'y'],
      ['enabled: depot.timer', ''],
      ['Make the first deposit now?', '\r'],
    ]);
    expect(first.code, first.text).toBe(0);
    expect(first.text).toMatch(
      /Ready\.\n[\s\S]*\/nowhere\/alert runs at failure, stale, killed, shrink\n[\s\S]*depot\.prom/,
    );
    expect(first.text).not.toContain('Next:');
    expect(readFileSync(supplier.config, 'utf8')).toContain(
      'notify: { command: ["/nowhere/alert", "--to", "the ops"], on: [failure, stale, killed, shrink] }\n',
    );
    expect(its.unit('depot.service')).toContain('User=root\n');
    expect(its.unit('depot-status.service')).toContain(`--prometheus --out ${metrics}/depot.prom`);
    expect(supplier.runs()).toMatchObject([{ exit: 0 }]);

    const second = await asked(supplier, its, []);
    expect(second.code, second.text).toBe(0);
    expect(second.text).toContain('already switched on: every night at 02:15, until 04:15');
    expect(supplier.runs()).toHaveLength(1);
    expect(its.calls().filter((line) => line.includes(' enable '))).toHaveLength(1);
  });

  test('an address that cannot be pinged is found at once, and one that the monitor does not know after the first deposit', async () => {
    const supplier = await setUp('root');
    const its = schedulers();
    const monitor = await startMonitor();
    monitor.behave(behaviours['does not know the check']);
    const times = ['--schedule', 'none', '--at', '01:30', '--until', '02:30'];
    const { code, text } = await asked(
      supplier,
      its,
      [
        ['Do a trial run now?', 'n'],
        ['Who should depot notify', '\r'],
        ['Address to ping', 'http://127.0.0.1:1/ping/KEY\r'],
        ['127.0.0.1:1 cannot be reached: it refused the connection', ''],
        ['What now?', '\r'],
        ['Address to ping', `${monitor.url}\r`],
        ['File for Prometheus metrics', '\r'],
        ['Make the first deposit now?', '\r'],
      ],
      ...times,
    );
    expect(code, text).toBe(0);
    const failure = `${new URL(monitor.url).host} was not pinged: it answered 404`;
    const flat = text.replace(/\s+/g, ' ');
    expect(flat).toContain(`notified nobody yet: ${failure}; correct ping.url in depot.yaml`);
    expect(flat).not.toMatch(/gets a ping at|once there is/);
    // Connecting was no ping.
    expect(monitor.pinged.map(({ path }) => path)).toEqual(['/acme-crm/start', '/acme-crm']);
    expect((await supplier.depot(['status', '--quiet'])).stdout).toContain(failure);
    expect((await supplier.depot(['doctor'])).stdout).toContain(failure);
    monitor.behave(behaviours.takes);
    await supplier.deposit();
    expect((await supplier.depot(['status', '--quiet'])).stdout).toBe('');
    const unreached = await flags(supplier, its, '--ping', 'http://127.0.0.1:1/ping/KEY');
    expect(unreached.stderr).toContain('ping: 127.0.0.1:1 cannot be reached: it refused the connection');
  });

  test.skipIf(crontab === undefined)('by the real crontab of an account', async () => {
    const account = 'games';
    const [uid, gid] = [
      Number((await mustRun('id', ['-u', account])).stdout),
      Number((await mustRun('id', ['-g', account])).stdout),
    ];
    const had = await run(crontab!, ['-u', account, '-l']);
    cleanup(() =>
      had.code === 0
        ? run(crontab!, ['-u', account, '-'], { input: had.stdout })
        : run(crontab!, ['-u', account, '-r']),
    );
    const supplier = await setUp([uid, gid]);
    const before = '# mine\n0 3 * * * /bin/true\n';
    await mustRun(crontab!, ['-u', account, '-'], { input: before });
    const made = await flags(supplier, { ...schedulers(), env: {} }, '--schedule', 'cron');
    expect(made.code, made.stdout + made.stderr).toBe(0);
    const table = (await mustRun(crontab!, ['-u', account, '-l'])).stdout;
    expect(table.startsWith(before)).toBe(true);
    expect(table).toMatch(/^30 1,2,3,4,5,6 \* \* \* .* push --all /m);
  });
});
