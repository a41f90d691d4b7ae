/** A dataset that shrank: said in push, dry run, run record, status and metrics; with `fail` nothing is published. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { startScriptedServer, type ScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

let server: ScriptedServer;
let supplier: Supplier;
beforeAll(async () => {
  server = await startScriptedServer({ directories: ['/in'] });
  supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
});

/** Sealing has threads, which are those of the built program; the rest is faster here. */
const depot = (...args: string[]): Promise<Finished> =>
  args[0] === 'push'
    ? supplier.depot(args)
    : depotHere([...args, '--config', supplier.config], { cwd: supplier.directory });
const result = ({ stdout }: Finished) =>
  (
    JSON.parse(stdout) as {
      results: {
        deposit?: { depositId: string; run: { dataset: unknown } };
        dryRun?: unknown;
        error?: { code: string };
      }[];
    }
  ).results[0];

test('push warns when a dataset shrinks from 600,000 bytes to 5, or from many files to few by an exclude', async () => {
  writeFileSync(join(supplier.data, 'large.bin'), Buffer.alloc(600_000));
  for (let i = 0; i < 20; i++) writeFileSync(join(supplier.data, `${i}.csv`), 'x');
  const first = result(await depot('push', '--json')).deposit!;
  expect(first.run.dataset).toEqual({
    entries: 22,
    bytes: 600_020,
    excluded: { files: 0, directories: 0, bytes: 0 },
    sources: [{ name: 'data', entries: 22, bytes: 600_020 }],
    previous: null,
    shrunk: false,
  });

  supplier.writeConfig({
    dataset: [{ directory: 'data', exclude: ['1*.csv', 'nothing'] }],
    arrangement: { shrink: 'fail' },
  });
  writeFileSync(join(supplier.data, 'large.bin'), 'tiny\n');
  const words = `the dataset shrank (source data): it has 11 entries and 14 bytes, and the last deposit, ${first.depositId}, had 22 entries and 600,020 bytes`;
  for (const args of [['push', '--dry-run'], ['push']]) {
    const failed = await depot(...args);
    expect([failed.code, failed.stderr]).toEqual([3, expect.stringContaining(`depot: error: acme-crm: ${words}`)]);
  }
  expect(supplier.runs().at(-1)).toMatchObject({ exit: 3, code: 'source-shrunk', message: words, published: 'no' });
  expect([...server.files.keys()].filter((name) => name.endsWith('.pgp'))).toHaveLength(1);

  supplier.writeConfig({
    dataset: [{ directory: 'data', exclude: ['1*.csv', 'nothing'] }],
    arrangement: { shrink: 'off' },
  });
  expect((await depot('push', '--dry-run')).stderr).not.toContain('shrank');
  supplier.writeConfig({ dataset: [{ directory: 'data', exclude: ['1*.csv', 'nothing'] }] });
  const tried = await depot('push', '--dry-run');
  expect(tried.code).toBe(0);
  expect(tried.stderr).toContain(`depot: warning: acme-crm: ${words}`);
  expect(tried.stderr).toContain('source data: the exclude pattern "nothing" matched nothing');
  expect(tried.stdout).toMatch(/dataset +10 files, 14 B; excluded: 11 files, 11 B\n/);
  expect(result(await depot('push', '--dry-run', '--json')).dryRun).toMatchObject({
    excluded: {
      files: 11,
      directories: 0,
      bytes: 11,
      patterns: [
        { source: 'data', pattern: '1*.csv', files: 11, directories: 0, bytes: 11 },
        { source: 'data', pattern: 'nothing', files: 0, directories: 0, bytes: 0 },
      ],
    },
    shrunk: true,
    previous: { depositId: first.depositId, entries: 22, bytes: 600_020 },
  });

  const pushed = await depot('push');
  expect(pushed.stderr).toContain(`depot: warning: acme-crm: ${words}`);
  expect(pushed.stdout).toMatch(/excluded: 11 files, 11 B/);
  expect(supplier.runs().at(-1)).toMatchObject({
    code: null,
    message: `${words}; it was deposited all the same, and the earlier deposit is untouched`,
    hint: expect.stringMatching(/^find out what is missing; .*depot push acme-crm/) as string,
    dataset: {
      entries: 11,
      bytes: 14,
      excluded: { files: 11 },
      previous: { depositId: first.depositId },
      shrunk: true,
    },
  });
  expect((await depot('status')).stdout).toMatch(
    new RegExp(
      `acme-crm: the last deposit shrank: it has 11 entries, 14 B; the one before it, ${first.depositId}, had 22 entries, 586\\.0 KiB`,
    ),
  );
  const metrics = (await depot('status', '--prometheus')).stdout;
  for (const line of [
    'shrunk{arrangement="acme-crm"} 1',
    'dataset_entries{arrangement="acme-crm"} 11',
    'dataset_bytes{arrangement="acme-crm"} 14',
  ])
    expect(metrics).toContain(`depot_last_success_${line}\n`);

  // The next one is compared with this one.
  rmSync(join(supplier.data, 'large.bin'));
  const next = await depot('push');
  expect([next.code, next.stderr]).toEqual([0, expect.not.stringContaining('shrank')]);
  expect((await depot('status', '--prometheus')).stdout).toContain(
    'depot_last_success_shrunk{arrangement="acme-crm"} 0\n',
  );
});

test('push and dry run say how much each of several sources holds', async () => {
  const own = await Supplier.create(supplier.server, {
    dataset: [{ directory: 'data' }, { command: ['sh', '-c', 'printf 12345'], as: 'crm.sql' }],
  });
  for (const name of ['a', 'b']) writeFileSync(join(own.data, name), 'x');
  const sources = [
    { name: 'data', entries: 3, bytes: 2 },
    { name: 'crm.sql', entries: 1, bytes: 5 },
  ];
  const words = /^sources {4}crm\.sql 5 B; data 3 entries, 2 B$/m;
  expect((await own.depot(['push', '--dry-run'])).stdout).toMatch(words);
  expect((await own.push(['--dry-run'])).result).toMatchObject({ dryRun: { sources } });
  expect((await own.depot(['push'])).stdout).toMatch(words);
  expect(own.runs().at(-1)).toMatchObject({ dataset: { sources } });
  expect(JSON.parse((await own.depot(['status', '--json'])).stdout)).toMatchObject({
    arrangements: [{ lastRun: { dataset: { sources } } }],
  });
});
