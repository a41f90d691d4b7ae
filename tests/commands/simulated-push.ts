/**
 * Pushes of any number of arrangements, disturbed at any moment. The command line, the configuration, locks, run records and notifications are
 * the real ones; the server and the sealing are replaced. A file that imports this also gets its hooks.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { main } from '../../src/cli.js';
import { DepotError, type ErrorCode } from '../../src/errors.js';
import type { RunRecord } from '../../src/state/runs.js';
import type { ListedSource } from '../../src/source.js';
import type { PushContext } from '../../src/push/push-context.js';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, type JsonDocument } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { nowhere, Supplier } from '../support/supplier.js';

/** How one arrangement ends if nothing disturbs it; `deaf` finishes its deposit even when it is told to stop. */
export interface Fate {
  end: 'deposit' | 'deaf' | 'skip' | 'fail' | 'break' | 'hang' | 'no key';
  turns: number;
}
export interface Disturbance {
  what: 'SIGHUP' | 'SIGINT' | 'SIGTERM' | 'rejection' | 'exception';
  /** So many turns of the event loop after the start, when the n-th arrangement begins its deposit, or as soon as depot listens. */
  at: { turns: number } | { deposit: number } | { heard: 'first' };
}

const fates = new Map<string, Fate>();
export const deposited = new Set<string>();
/** What each deposit was to hold. */
export const datasets = new Map<string, readonly ListedSource[]>();
/** The arrangements that got as far as their deposit, in order. */
export const begun: string[] = [];
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
    datasets.set(name, o.arrangement.dataset);
    onDeposit();
    for (let i = 0; i < fate.turns; i++) {
      await turn();
      if (fate.end !== 'deaf') o.signal.throwIfAborted();
    }
    if (fate.end === 'skip') return { skipped: 'there is one already' };
    if (fate.end === 'fail') throw new DepotError('unreachable', 'no way there');
    if (fate.end === 'break') throw new TypeError('boom');
    if (fate.end === 'hang' || fate.end === 'deposit') o.signal.throwIfAborted();
    // Node's own functions reject with an AbortError, too, which has the reason only as its cause.
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
  supplier = await Supplier.create(nowhere);
  document = parse(readFileSync(supplier.config, 'utf8')) as typeof document;
});

// Depot handles stray errors here, not the test runner.
const events = ['unhandledRejection', 'uncaughtException'] as const;
let runners: [string, ((...args: unknown[]) => void)[]][];
beforeEach(() => {
  runners = events.map((event) => [event, process.listeners(event as 'exit') as never]);
  for (const event of events) process.removeAllListeners(event);
});
afterEach(() => {
  for (const [event, listeners] of runners) for (const listener of listeners) process.on(event, listener);
});

/** False if nobody listens: a signal before or after depot's run would end the process, so it is not sent. */
function disturb(what: Disturbance['what']): boolean {
  if (what === 'rejection') return process.emit('unhandledRejection', new Error('stray rejection'), Promise.resolve());
  if (what === 'exception') return process.emit('uncaughtException', new Error('stray exception'));
  return process.listenerCount(what) > 0 && process.emit(what);
}

export interface Ended extends Finished {
  records: Map<string, RunRecord>;
  told: RunRecord[];
  /** The disturbances that depot listened to, in order. */
  heard: Disturbance['what'][];
}

/** Pushes the arrangements of `plan`. If `helped`, arrangements that hang get a SIGTERM when nothing else disturbs them. */
export async function push(plan: Fate[], disturbances: Disturbance[], flags: string[], helped = false): Promise<Ended> {
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

/**
 * Exit 0 if and only if each arrangement was deposited or had a reason to be skipped. Every other one has an exit code, a line, a run record,
 * and a notification.
 */
export function judge(plan: Fate[], ended: Ended, asJson: boolean): void {
  const names = plan.map((_, i) => `a${i}`);
  const { code, stdout, stderr, records, told, heard } = ended;
  const skipped = new Set(begun.filter((name) => records.get(name)?.code === 'skipped'));
  const well = (name: string): boolean => records.get(name)?.exit === 0 && (deposited.has(name) || skipped.has(name));
  const strays = heard.filter((what) => !what.startsWith('SIG'));
  if (code === 0)
    expect(
      names.filter((name) => !well(name)),
      'neither deposited nor skipped, although the exit code is 0',
    ).toEqual([]);
  else if (strays.length === 0)
    expect(names.every(well), `exit ${code}, although every arrangement ended well`).toBe(false);
  expect(
    names.filter((name) => !records.has(name)),
    'arrangements without a run record',
  ).toEqual([]);
  expect(told.map(({ arrangement }) => arrangement).sort(), 'notify is told once of each that was not skipped').toEqual(
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
    if (record.code === 'internal') expect(record.message).toMatch(/boom|stray (rejection|exception)/);
    // An arrangement that never got as far as its deposit says why.
    if (heard.length > 0 && !begun.includes(name) && fates.get(name)!.end !== 'no key')
      expect(record.message).toMatch(/^not begun: |^terminated|^hung up|^interrupted|stray/);
  }
  if (strays.length > 0) {
    expect(`${stdout}${stderr}`, 'a stray error is reported, even after a signal').toMatch(
      /stray (rejection|exception)/,
    );
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

/** Pushes one arrangement that deposits; the result goes to `stdout`. */
export async function pushTo(stdout: Writable, flags: string[]): Promise<{ code: number; stderr: string }> {
  prepareOne();
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
  return { code, stderr };
}

/** The same with this dataset and these flags; returns what the deposit was to hold. */
export async function datasetOf(dataset: object[], flags: string[]): Promise<readonly ListedSource[]> {
  prepareOne();
  const arrangements = { 'acme-crm': { ...document.arrangements['acme-crm'], dataset } };
  writeFileSync(supplier.config, stringify({ ...document, arrangements }), { mode: 0o600 });
  const { code, stderr } = await depotHere(['push', '--config', supplier.config, '--state', tempDir(), ...flags], {
    cwd: supplier.directory,
    run: main,
  });
  expect(code, stderr).toBe(0);
  return datasets.get('acme-crm')!;
}

/** Pushes one arrangement that deposits, with its state in `state`; calls `during` when the deposit begins. */
export async function pushWith(state: string, during: () => void): Promise<Finished> {
  prepareOne();
  onDeposit = during;
  return depotHere(['push', '--config', supplier.config, '--state', state], { cwd: supplier.directory, run: main });
}

function prepareOne(): void {
  fates.clear();
  deposited.clear();
  fates.set('acme-crm', { end: 'deposit', turns: 0 });
  onDeposit = () => undefined;
  writeFileSync(supplier.config, stringify(document), { mode: 0o600 });
}
