import { readFileSync } from 'node:fs';
import { appendFile, readFile, symlink, truncate, stat, writeFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lastDeposit } from '../../src/state/list.js';
import { appendRun, lastRun, runsBackwards, type RunRecord } from '../../src/state/runs.js';
import { ArrangementState } from '../../src/state/arrangement-state.js';
import { tempDir } from '../support/cleanup.js';
import { Child } from './children.js';
import { onWindows, privateFile } from '../support/platform.js';

const schema = JSON.parse(readFileSync(new URL('../../schemas/run-1.schema.json', import.meta.url), 'utf8')) as object;
const validate = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictTypes: false }).compile(
  schema,
);

const run = (n: number, changes: Partial<RunRecord> = {}): RunRecord => ({
  schema: 'depot.run/1',
  arrangement: 'acme-crm',
  startedAt: '2026-11-22T00:30:00Z',
  finishedAt: `2026-11-22T00:36:${String(n % 60).padStart(2, '0')}Z`,
  exit: 0,
  code: null,
  message: null,
  published: 'yes',
  depositId: `acme-crm_20261122T003000Z_${n.toString(16).padStart(16, '0')}`,
  bytes: 5_476_083_302,
  seconds: 373.2,
  lanes: 4,
  attempts: 1,
  reconnects: 0,
  host: 'db1',
  ...changes,
});
const failed = (n: number) =>
  run(n, {
    exit: 14,
    code: 'unreachable',
    message: '10.20.0.5:22 not reachable for 30 min',
    published: 'no',
    depositId: null,
    bytes: null,
    lanes: null,
  });
const skipped = (n: number) =>
  run(n, {
    code: 'skipped',
    message: 'the last deposit is 3 h old',
    published: 'no',
    depositId: null,
    bytes: null,
    lanes: null,
  });

const all = async (state: ArrangementState) => {
  const found: RunRecord[] = [];
  for await (const one of runsBackwards(state)) found.push(one);
  return found;
};
const open = async () => ArrangementState.open(tempDir(), 'acme-crm');

describe('run records', () => {
  test.skipIf(onWindows)('are neither read nor written if a symbolic link stands in their place', async () => {
    const state = await open();
    await writeFile(state.file('elsewhere'), `${JSON.stringify(run(1))}\n`);
    await symlink('elsewhere', state.file('runs.ndjson'));
    await expect(appendRun(state, run(2))).rejects.toMatchObject({
      code: 'local-not-writable',
      message: expect.stringContaining('symbolic link') as string,
    });
    await expect(all(state)).rejects.toMatchObject({ code: 'local-unreadable' });
    expect(await readFile(state.file('elsewhere'), 'utf8')).toBe(`${JSON.stringify(run(1))}\n`);
  });

  test('are read newest first, and the last deposit is found behind failures and skips', async () => {
    const state = await open();
    expect(await lastRun(state)).toBeNull();
    const runs = [
      run(1),
      run(2, { exit: 30, code: 'sidecars-pending', message: 'x' }),
      failed(3),
      skipped(4),
      run(5, { published: 'unknown', exit: 18, code: 'unconfirmed', message: 'x' }),
    ];
    for (const one of runs) await appendRun(state, one);
    expect(await all(state)).toEqual(runs.toReversed());
    expect(await lastRun(state)).toEqual(runs[4]);
    expect(await lastDeposit(state)).toMatchObject({ depositId: runs[1].depositId, finishedAt: runs[1].finishedAt });
    expect(await lastRun(state, (r) => r.code === null)).toEqual(runs[0]);
    for (const one of runs) expect(validate(one), JSON.stringify(validate.errors)).toBe(true);
    expect((await stat(state.file('runs.ndjson'))).mode & 0o777).toBe(privateFile);
  });

  test('that would be too long to be read are kept without what makes them so', async () => {
    const state = await open();
    const dataset = {
      entries: 1,
      bytes: 1,
      excluded: { files: 0, directories: 0, bytes: 0, patterns: [] },
      sources: Array.from({ length: 2000 }, (_, i) => ({ name: `source-${i}`, entries: 1, bytes: 1 })),
      previous: null,
      shrunk: false,
    };
    expect(validate(run(1, { dataset })), JSON.stringify(validate.errors)).toBe(true);
    await appendRun(state, run(1, { dataset: { ...dataset, sources: dataset.sources.slice(0, 100) } }));
    await appendRun(state, run(2, { dataset }));
    const [second, first] = await all(state);
    expect(first.dataset?.sources).toHaveLength(100);
    expect(second).toMatchObject({ depositId: run(2).depositId, dataset: { entries: 1 } });
    expect(second.dataset).not.toHaveProperty('sources');
  });

  test('survive a line that a power loss cut in half, zeros and garbage', async () => {
    const state = await open();
    const file = state.file('runs.ndjson');
    await appendRun(state, run(1));
    await appendRun(state, run(2));
    await truncate(file, (await stat(file)).size - 30);
    expect(await lastRun(state)).toEqual(run(1));
    await appendRun(state, run(3));
    await appendFile(file, Buffer.alloc(100));
    await appendRun(state, run(4));
    await appendFile(file, 'null\n[]\n{"schema":"depot.run/1"}\n\n{"schema":"depot.run/2","exit":0}\n');
    expect(await all(state)).toEqual([run(4), run(3), run(1)]);
  });

  test('are found at the end and at the beginning of a large file', async () => {
    const state = await open();
    const line = `${JSON.stringify(failed(1))}\n`;
    await writeFile(
      state.file('runs.ndjson'),
      `${JSON.stringify(run(7))}\n${line.repeat(20_000)}${JSON.stringify(run(9))}\n`,
    );
    expect(await lastRun(state)).toEqual(run(9));
    expect(await lastRun(state, (r) => r.published === 'yes' && r.depositId === run(7).depositId)).toEqual(run(7));
    expect(await all(state)).toHaveLength(20_002);
  });

  test('are found however lines and block boundaries fall together', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 8 }),
        async (lengths) => {
          const state = await open();
          const runs = lengths.map((length, n) => run(n, { message: 'é'.repeat(length % 2) + 'm'.repeat(length) }));
          await writeFile(state.file('runs.ndjson'), runs.map((one) => `${JSON.stringify(one)}\n`).join(''));
          expect(await all(state)).toEqual(runs.toReversed());
        },
      ),
      { numRuns: 30 },
    );
  });

  test('can be added to and read behind 8 MiB without a newline', async () => {
    const state = await open();
    await writeFile(state.file('runs.ndjson'), Buffer.alloc(8 << 20, 'x'));
    expect(await lastRun(state)).toBeNull();
    await appendRun(state, run(1));
    expect(await lastRun(state)).toEqual(run(1));
  });

  test('can be read back whatever the length of their message', async () => {
    const state = await open();
    await appendRun(state, failed(1));
    await appendRun(state, { ...failed(2), message: '\u0001'.repeat(100_000) });
    expect((await lastRun(state))?.message).toHaveLength(4000);
  });

  // Wine lets two processes that append at the same time write over each other.
  test.skipIf(onWindows)('are all complete when several processes append at the same time', async () => {
    const state = await open();
    const script = `
      const { appendRun } = module('runs.js');
      const { ArrangementState } = module('arrangement-state.js');
      const state = new ArrangementState(${JSON.stringify(state.stateDirectory)}, 'acme-crm');
      console.log('ready');
      process.stdin.once('data', async () => {
        for (let i = 0; i < 50; i++) await appendRun(state, { ...${JSON.stringify(run(1))}, attempts: i, host: String(process.pid) });
        console.log('done'); process.exit();
      });
    `;
    const children = await Child.several(2, script);
    for (const child of children) child.say('go');
    for (const child of children) expect(await child.line()).toBe('done');
    const found = await all(state);
    for (const child of children)
      expect(found.filter((r) => r.host === String(child.process.pid)).map((r) => r.attempts)).toEqual(
        Array.from({ length: 50 }, (_, i) => 49 - i),
      );
    // Whoever looks while another line is half written ends that with a newline, which comes to stand behind the whole line.
    const lines = (await readFile(state.file('runs.ndjson'), 'utf8')).split('\n').filter((line) => line !== '');
    expect(lines).toHaveLength(100);
  });
});
