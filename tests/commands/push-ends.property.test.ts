/**
 * A push of any number of arrangements, disturbed at any moment: it ends with 0 if and only if each of them was deposited or had a
 * stated reason to be skipped. Whatever else became of one has its exit code, its line, its run record, and reaches `notify`.
 *
 * The command line, the configuration, locks, run records and notifications are the real ones; the server and the sealing are not there.
 */
import fc from 'fast-check';
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { main } from '../../src/cli.js';
import { DepotError, type ErrorCode } from '../../src/errors.js';
import type { RunRecord } from '../../src/state/runs.js';
import type { PushContext } from '../../src/push/push-context.js';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, type JsonDocument } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { Supplier } from '../support/supplier.js';

/** What becomes of one arrangement when nothing disturbs it; `deaf` finishes its deposit although it is told to stop. */
interface Fate {
  end: 'deposit' | 'deaf' | 'skip' | 'fail' | 'break' | 'hang' | 'no key';
  turns: number;
}
interface Disturbance {
  what: 'SIGHUP' | 'SIGINT' | 'SIGTERM' | 'rejection' | 'exception';
  /** Turns of the event loop after the start, the n-th arrangement that gets as far as its deposit, or as soon as somebody listens. */
  at: { turns: number } | { deposit: number } | { heard: 'first' };
}

const fates = new Map<string, Fate>();
const deposited = new Set<string>();
const begun: string[] = [];
let onDeposit = (): void => undefined;

vi.mock('../../src/push/agent.js', async (original) => ({
  ...(await original<object>()),
  connectToAgent: () =>
    Promise.resolve({
      stats: { attempts: 1, reconnects: 0, lanes: 1 },
      address: 'nowhere:22',
      close: () => Promise.resolve(),
    }),
}));
vi.mock('../../src/push/settle.js', () => ({
  settlePending: () => Promise.resolve({ resumed: null, undelivered: [] }),
}));
vi.mock('../../src/push/deposit.js', () => ({
  makeDeposit: async ({ o, run }: PushContext) => {
    const { name } = o.arrangement;
    const fate = fates.get(name)!;
    begun.push(name);
    onDeposit();
    for (let i = 0; i < fate.turns; i++) {
      await turn();
      if (fate.end !== 'deaf') o.signal.throwIfAborted();
    }
    if (fate.end === 'skip') return { skipped: 'there is one already' };
    if (fate.end === 'fail') throw new DepotError('unreachable', 'no way there');
    if (fate.end === 'break') throw new TypeError('boom');
    // As what Node aborts: an AbortError that has the reason only as its cause.
    if (fate.end === 'hang' || fate.end === 'deposit') o.signal.throwIfAborted();
    if (fate.end === 'hang')
      await new Promise((_, reject) => {
        o.signal.addEventListener(
          'abort',
          () => {
            reject(new DOMException('aborted', 'AbortError'));
          },
          { once: true },
        );
      });
    deposited.add(name);
    run.published = 'yes';
    run.depositId = `${name}_id`;
    return { depositId: `${name}_id`, suitcase: 's.pgp', receiptPath: '/r', receipt: shownReceipt };
  },
}));
const shownReceipt = {
  dataset: { entries: 1, bytes: 1, skipped: {}, complete: true },
  suitcase: { name: 's.pgp', bytes: 1, sha256: '0'.repeat(64) },
  encryption: { packet: 'SEIPDv1', compression: 'none', recipients: [] },
  transfer: { status: 'acknowledged', remoteSize: 'matched', durability: 'fsynced' },
};

let supplier: Supplier;
let document: { notify?: object; arrangements: Record<string, object> };
beforeAll(async () => {
  supplier = await Supplier.create({
    host: '127.0.0.1',
    port: 1,
    username: 'u',
    password: 'p',
    remoteDirectory: '/in',
    fingerprints: [`ssh-ed25519 SHA256:${'A'.repeat(43)}`],
  });
  document = parse(readFileSync(supplier.config, 'utf8')) as typeof document;
});

// What nobody catches is caught by depot here, and not by the test runner.
const events = ['unhandledRejection', 'uncaughtException'] as const;
let runners: [string, ((...args: unknown[]) => void)[]][];
beforeEach(() => {
  runners = events.map((event) => [event, process.listeners(event as 'exit') as never]);
  for (const event of events) process.removeAllListeners(event);
});
afterEach(() => {
  for (const [event, listeners] of runners) for (const listener of listeners) process.on(event, listener);
});

/** Whether anybody heard it: before depot listens, and after it, a signal is the system's. */
function disturb(what: Disturbance['what']): boolean {
  if (what === 'rejection') return process.emit('unhandledRejection', new Error('stray rejection'), Promise.resolve());
  if (what === 'exception') return process.emit('uncaughtException', new Error('stray exception'));
  return process.listenerCount(what) > 0 && process.emit(what);
}

interface Ended extends Finished {
  records: Map<string, RunRecord>;
  told: RunRecord[];
  /** Those that were heard, in order. */
  heard: Disturbance['what'][];
}

async function push(plan: Fate[], disturbances: Disturbance[], flags: string[], helped = false): Promise<Ended> {
  const names = plan.map((_, i) => `a${i}`);
  [fates, deposited].forEach((one) => {
    one.clear();
  });
  begun.length = 0;
  plan.forEach((fate, i) => fates.set(names[i], fate));
  const [state, file] = [tempDir(), join(tempDir(), 'told')];
  const one = document.arrangements['acme-crm'];
  writeFileSync(
    supplier.config,
    stringify({
      ...document,
      notify: { command: ['sh', '-c', `cat >> '${file}'`], on: ['success', 'failure'] },
      arrangements: Object.fromEntries(
        names.map((name) => [
          name,
          {
            ...one,
            ...(fates.get(name)!.end === 'no key'
              ? { beneficiaries: [{ name: 'B', key: 'none.asc', fingerprint: '0'.repeat(40) }] }
              : {}),
          },
        ]),
      ),
    }),
    { mode: 0o600 },
  );
  const heard: Disturbance['what'][] = [];
  const strike = (d: Disturbance): void => {
    if (disturb(d.what)) heard.push(d.what);
  };
  onDeposit = () => {
    for (const d of disturbances) if ('deposit' in d.at && d.at.deposit === begun.length) strike(d);
  };
  const ended = new AbortController();
  const running = depotHere(['push', '--all', '--config', supplier.config, '--state', state, ...flags], {
    cwd: supplier.directory,
    run: main,
  }).finally(() => {
    ended.abort();
  });
  const timed = disturbances.flatMap((d) => ('turns' in d.at ? [{ d, turns: d.at.turns }] : []));
  for (let turns = 0; !ended.signal.aborted && turns <= Math.max(0, ...timed.map((t) => t.turns)); turns++) {
    for (const t of timed) if (t.turns === turns) strike(t.d);
    await turn();
  }
  const first = disturbances.find(({ at }) => 'heard' in at);
  while (first !== undefined && !ended.signal.aborted && heard.length === 0) {
    strike(first);
    await turn();
  }
  // One that hangs waits for a signal.
  while (helped && !ended.signal.aborted && heard.length === 0) {
    if (begun.some((name) => fates.get(name)!.end === 'hang')) strike({ what: 'SIGTERM', at: { turns: 0 } });
    await turn();
  }
  const said = await running;
  const lines = (path: string): RunRecord[] =>
    existsSync(path)
      ? readFileSync(path, 'utf8')
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as RunRecord)
      : [];
  return {
    ...said,
    heard,
    told: lines(file),
    records: new Map(
      names.flatMap((name) =>
        lines(join(state, name, 'runs.ndjson'))
          .slice(-1)
          .map((record) => [name, record]),
      ),
    ),
  };
}

function judge(plan: Fate[], ended: Ended, asJson: boolean): void {
  const names = plan.map((_, i) => `a${i}`);
  const { code, stdout, stderr, records, told, heard } = ended;
  const skipped = new Set(begun.filter((name) => records.get(name)?.code === 'skipped'));
  const well = (name: string): boolean => records.get(name)?.exit === 0 && (deposited.has(name) || skipped.has(name));
  const strays = heard.filter((what) => !what.startsWith('SIG'));
  if (code === 0)
    expect(
      names.filter((name) => !well(name)),
      'deposited, or skipped for a stated reason',
    ).toEqual([]);
  else if (strays.length === 0) expect(names.every(well), `exit ${code} says that something failed`).toBe(false);
  expect(
    names.filter((name) => !records.has(name)),
    'a run record for each',
  ).toEqual([]);
  expect(told.map(({ arrangement }) => arrangement).sort(), 'each that was not skipped reaches notify, once').toEqual(
    names.filter((name) => records.get(name)!.code !== 'skipped').sort(),
  );
  for (const record of told) expect(record).toEqual(records.get(record.arrangement));
  const results = asJson ? (JSON.parse(stdout) as Required<JsonDocument>).results : null;
  if (results !== null) expect(results.map(({ arrangement }) => arrangement)).toEqual(names);
  for (const name of names.filter((one) => !well(one))) {
    const record = records.get(name)!;
    expect(record.exit, name).not.toBe(0);
    const result = results?.find(({ arrangement }) => arrangement === name);
    if (results !== null)
      expect(result).toMatchObject({
        ok: false,
        error: { exit: record.exit, code: record.code, published: record.published },
      });
    else
      expect(
        stderr
          .split('\n')
          .filter((line) => line.startsWith(`depot: error: ${name}: ${record.message!.split('\n')[0]}`)),
        stderr,
      ).toHaveLength(1);
    // A defect says which.
    if (record.code === 'internal') expect(record.message).toMatch(/boom|stray (rejection|exception)/);
    // Who got as far as a deposit was begun; of the others a signal or a defect says so.
    if (heard.length > 0 && !begun.includes(name) && fates.get(name)!.end !== 'no key')
      expect(record.message).toMatch(/^not begun: |^terminated|^hung up|^interrupted|stray/);
  }
  if (strays.length > 0) {
    expect(`${stdout}${stderr}`, 'it is told, also where a signal came first').toMatch(/stray (rejection|exception)/);
    expect(code).not.toBe(0);
  }
  const worst = new Set(names.map((name) => records.get(name)!.exit).filter((exit) => exit !== 0));
  const signalled: Record<string, ErrorCode> = { SIGHUP: 'hung-up', SIGINT: 'interrupted', SIGTERM: 'terminated' };
  if (names.length > 1 && worst.size > 0)
    expect([
      4,
      ...[...records.values()]
        .filter((r) => [...Object.values(signalled), 'internal'].includes(r.code as ErrorCode))
        .map(({ exit }) => exit),
    ]).toContain(code);
}

const fate = fc.record({
  end: fc.constantFrom<Fate['end']>('deposit', 'deposit', 'deposit', 'deaf', 'skip', 'fail', 'break', 'hang', 'no key'),
  turns: fc.nat(4),
});
const disturbance = fc.record({
  what: fc.constantFrom<Disturbance['what']>('SIGHUP', 'SIGINT', 'SIGTERM', 'SIGTERM', 'rejection', 'exception'),
  at: fc.oneof(fc.record({ turns: fc.nat(150) }), fc.record({ deposit: fc.integer({ min: 1, max: 5 }) })),
});

test('exit 0 if and only if each was deposited or skipped for a reason; all else has its code, its line, its record, and is told', async () => {
  // Not fast-check's own limit in time: it goes on to the next test while a push is still under way.
  const until = Date.now() + 15_000;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { minLength: 1, maxLength: 6 }),
      fc.array(disturbance, { maxLength: 2 }),
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (plan, disturbances, jobs, asJson) => {
        if (Date.now() > until) return;
        judge(
          plan,
          await push(plan, disturbances, ['--jobs', String(jobs), ...(asJson ? ['--json'] : [])], true),
          asJson,
        );
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
}, 120_000);

test('a signal before the first was begun: each is named as not begun, with the status of the signal', async () => {
  const plan: Fate[] = Array.from({ length: 40 }, () => ({ end: 'deposit', turns: 0 }));
  const ended = await push(plan, [{ what: 'SIGTERM', at: { heard: 'first' } }], ['--json']);
  expect([ended.heard, begun.length, ended.code]).toEqual([['SIGTERM'], 0, 143]);
  const { ok, results } = JSON.parse(ended.stdout) as Required<JsonDocument>;
  expect([ok, results.length]).toEqual([false, 40]);
  for (const result of results)
    expect(result).toMatchObject({
      ok: false,
      begun: false,
      error: { code: 'terminated', exit: 143, message: 'not begun: terminated', published: 'no' },
    });
  judge(plan, ended, true);
});

test('a signal in the middle: those under way say that they were stopped, each for itself, and the rest was not begun', async () => {
  const plan: Fate[] = [
    { end: 'deposit', turns: 0 },
    { end: 'hang', turns: 0 },
    { end: 'hang', turns: 0 },
    { end: 'deposit', turns: 0 },
    { end: 'skip', turns: 0 },
  ];
  const ended = await push(plan, [{ what: 'SIGINT', at: { deposit: 3 } }], ['--jobs', '2']);
  expect(ended.code).toBe(130);
  expect(
    ended.stderr
      .split('\n')
      .filter((line) => line.startsWith('depot: error:'))
      .sort(),
  ).toEqual([
    ...['a1', 'a2'].map((name) => `depot: error: ${name}: interrupted; nothing was published`),
    ...['a3', 'a4'].map((name) => `depot: error: ${name}: not begun: interrupted; nothing was published`),
  ]);
  expect(ended.stdout).toContain('together   5 arrangements: 1 deposited, 2 failed, 2 not begun');
  judge(plan, ended, false);
});

test('a stray rejection after the last deposit: the deposits stand, and the run is no success', async () => {
  const plan: Fate[] = [{ end: 'deaf', turns: 3 }];
  const ended = await push(plan, [{ what: 'rejection', at: { deposit: 1 } }], []);
  expect(ended.stderr).toContain('depot: error: a defect in depot: stray rejection');
  expect(ended.code).toBe(1);
});

test.each([[['--json']], [[]]])(
  'a stray rejection that stopped no deposit, where another one had failed (%j): it is told all the same',
  async (flags) => {
    const plan: Fate[] = [
      { end: 'fail', turns: 0 },
      { end: 'deaf', turns: 3 },
    ];
    const ended = await push(plan, [{ what: 'rejection', at: { deposit: 2 } }], flags);
    expect([ended.code, ended.stderr]).toEqual([
      4,
      expect.stringContaining('depot: error: a defect in depot: stray rejection'),
    ]);
    judge(plan, ended, flags.length > 0);
  },
);

test('a signal that comes too late to stop the deposit, and then a stray rejection: it is told, and the run is no success', async () => {
  const plan: Fate[] = [{ end: 'deaf', turns: 3 }];
  const ended = await push(
    plan,
    [
      { what: 'SIGTERM', at: { deposit: 1 } },
      { what: 'rejection', at: { deposit: 1 } },
    ],
    ['--json'],
  );
  expect(ended.heard).toEqual(['SIGTERM', 'rejection']);
  expect(ended.stderr).toContain('depot: error: a defect in depot: stray rejection');
  expect(ended.code).toBe(1);
});

test('a signal that stops a deposit, and then a stray rejection: it is told, and the status is that of the signal', async () => {
  const plan: Fate[] = [{ end: 'hang', turns: 0 }];
  const ended = await push(
    plan,
    [
      { what: 'SIGTERM', at: { deposit: 1 } },
      { what: 'rejection', at: { deposit: 1 } },
    ],
    [],
  );
  expect(ended.stderr).toContain('depot: error: a defect in depot: stray rejection');
  expect(ended.code).toBe(143);
  judge(plan, ended, false);
});

test.each([[['--json']], [[]]])(
  'a result that nobody could be given (%j): 5, and that the deposit was made is said',
  async (flags) => {
    fates.clear();
    fates.set('acme-crm', { end: 'deposit', turns: 0 });
    writeFileSync(supplier.config, stringify(document), { mode: 0o600 });
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => {
        done(Object.assign(new Error('full'), { code: 'ENOSPC' }));
      },
    });
    let stderr = '';
    const err = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        stderr += String(chunk);
        done();
      },
    });
    const code = await main({
      argv: ['push', '--config', supplier.config, '--state', tempDir(), ...flags],
      env: bareEnvironment(),
      cwd: supplier.directory,
      stdin: Readable.from([]) as never,
      stdout: stdout as never,
      stderr: err as never,
    });
    expect([code, stderr]).toEqual([
      5,
      expect.stringContaining(
        'depot: error: the result could not be written to standard output: no space left; published as acme-crm_id\ndepot: hint: look at the deposit, which was made, with: depot receipts show acme-crm_id',
      ),
    ]);
  },
);

test('a result that nobody reads, and a signal when the deposit is made: 5, soon, and that it was made is said', async () => {
  fates.clear();
  fates.set('acme-crm', { end: 'deposit', turns: 0 });
  writeFileSync(supplier.config, stringify(document), { mode: 0o600 });
  let stderr = '';
  // A pipe that is full: its first write is never answered.
  const stdout = new Writable({
    write: () => {
      setImmediate(() => {
        process.emit('SIGTERM');
      });
    },
  });
  const err = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      stderr += String(chunk);
      done();
    },
  });
  const code = await main({
    argv: ['push', '--json', '--config', supplier.config, '--state', tempDir()],
    env: bareEnvironment(),
    cwd: supplier.directory,
    stdin: Readable.from([]) as never,
    stdout: stdout as never,
    stderr: err as never,
  });
  expect([code, stderr]).toEqual([
    5,
    expect.stringContaining(
      'depot: error: the result could not be written to standard output: nobody reads it; published as acme-crm_id',
    ),
  ]);
});

test('a lock that cannot be given back hides nothing: the deposit stands, and it is said', async () => {
  fates.clear();
  fates.set('acme-crm', { end: 'deposit', turns: 0 });
  deposited.clear();
  writeFileSync(supplier.config, stringify(document), { mode: 0o600 });
  const state = tempDir();
  const lock = join(state, 'acme-crm', 'lock');
  onDeposit = () => {
    unlinkSync(lock);
    mkdirSync(lock);
  };
  const { code, stderr } = await depotHere(['push', '--config', supplier.config, '--state', state], {
    cwd: supplier.directory,
    run: main,
  });
  expect([code, stderr, [...deposited]]).toEqual([
    0,
    expect.stringContaining('depot: warning: acme-crm: the lock could not be given back: '),
    ['acme-crm'],
  ]);
});
