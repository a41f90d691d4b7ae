/** What doctor finds wrong with sources without running them. No server is needed for that. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lookAtSources } from '../../src/doctor/source-checks.js';
import type { Finding } from '../../src/doctor/findings.js';
import { reachOf } from '../../src/dataset/reachable.js';
import type { Arrangement, Config } from '../../src/config/types.js';
import { isDepotError } from '../../src/errors.js';
import type { SourceSpec } from '../../src/source.js';
import { tempDir } from '../support/cleanup.js';
import { asRoot } from '../support/peers.js';
import { onWindows } from '../support/platform.js';

async function seen(
  sources: SourceSpec[],
  { notify, incremental }: { notify?: string[]; incremental?: object } = {},
): Promise<{ size: number | null; checks: Finding[] }> {
  const checks: Finding[] = [];
  const add =
    (result: Finding['result']) =>
    (name: string, detail: string): void => {
      checks.push({ name, result, detail });
    };
  const report = {
    passed: add('passed'),
    warning: add('warning'),
    notPossible: add('not possible'),
    attempt: async (name: string, work: () => Promise<void>): Promise<void> => {
      await work().catch((error: unknown) => {
        if (!isDepotError(error)) throw error;
        checks.push({ name, result: 'failed', detail: `${error.code}: ${error.message}` });
      });
    },
  };
  const config = {
    directory: tempDir(),
    ...(notify === undefined ? {} : { notify: { command: notify, on: [] } }),
  } as unknown as Config;
  const { all } = await lookAtSources(
    {
      config,
      arrangement: {
        dataset: sources,
        ...(incremental === undefined ? {} : { incremental }),
      } as unknown as Arrangement,
      env: process.env,
      signal: new AbortController().signal,
    },
    report,
  );
  return { size: all?.bytes ?? null, checks };
}

const common = { name: 'x', allowEmpty: false, onChange: 'fail' as const };
const missing = ['no-such-program-here'];

// Windows has its own rules for what a name without an extension is.
test.skipIf(onWindows)(
  'a missing command or prepare fails the check; a missing cleanup or notify is a warning',
  async () => {
    expect((await seen([{ ...common, kind: 'command', command: missing }])).checks).toEqual([
      {
        name: 'source x',
        result: 'failed',
        detail: expect.stringMatching(/^source-failed: there is no command no-such-program-here on the PATH/) as string,
      },
    ]);
    expect((await seen([{ ...common, kind: 'command', command: ['./not-here'] }])).checks).toMatchObject([
      { result: 'failed', detail: expect.stringContaining('does not exist') as string },
    ]);
    expect((await seen([{ ...common, kind: 'file', path: '/x', prepare: missing }])).checks).toMatchObject([
      { result: 'failed' },
    ]);
    const { checks } = await seen([{ ...common, kind: 'command', command: ['sh'], cleanup: missing }], {
      notify: missing,
    });
    expect(checks.map(({ name, result }) => [name, result])).toEqual([
      ['source x', 'warning'],
      ['source x', 'not possible'],
      ['notify', 'warning'],
    ]);
  },
);

test.skipIf(onWindows)("a command is looked up on the source's own PATH", async () => {
  expect(
    (await seen([{ ...common, kind: 'command', command: ['sh'], env: { PATH: '/nowhere-at-all' } }])).checks,
  ).toMatchObject([{ result: 'failed' }]);
});

test.skipIf(onWindows || (asRoot() && process.platform !== 'linux'))(
  'unreadable files are found at any depth unless they are excluded, and sizes are added up',
  async () => {
    const root = tempDir();
    mkdirSync(join(root, 'a/b'), { recursive: true });
    writeFileSync(join(root, 'a/one'), '12345');
    writeFileSync(join(root, 'a/b/two'), '123');
    expect(await seen([{ ...common, kind: 'directory', path: root, exclude: [] }])).toMatchObject({
      size: 8,
      checks: [{ result: 'passed' }],
    });
    const euid = process.geteuid!();
    chmodSync(join(root, 'a/b'), 0o000);
    chmodSync(join(root, 'a/one'), 0o000);
    chmodSync(root, 0o755);
    if (euid === 0) process.seteuid!(65_534);
    try {
      // access(2) checks the real user, who is still root here, so only the directory counts as closed.
      expect(await reachOf(root, { exclude: [] }, Date.now() + 60_000)).toMatchObject({
        closed: euid === 0 ? 1 : 2,
        complete: true,
      });
      expect(await reachOf(root, { exclude: ['a/**'] }, Date.now() + 60_000)).toMatchObject({ closed: 0 });
    } finally {
      if (euid === 0) process.seteuid!(0);
    }
  },
);

test('a look through a directory that runs out of time says that it is incomplete', async () => {
  const root = tempDir();
  for (let i = 0; i < 600; i++) writeFileSync(join(root, String(i)), '');
  expect(await reachOf(root, { exclude: [] }, 0)).toMatchObject({ complete: false, entries: 500 });
});

test('an exclude pattern that matches nothing is a warning: what it should leave out may be in the deposit', async () => {
  const root = tempDir();
  writeFileSync(join(root, 'a.csv'), '1');
  writeFileSync(join(root, 'b.tmp'), '2');
  const { checks } = await seen([{ ...common, kind: 'directory', path: root, exclude: ['*.tmp', 'cache/'] }]);
  expect(checks).toEqual([
    { name: 'source x', result: 'passed', detail: expect.stringContaining('1 entry') as string },
    {
      name: 'source x',
      result: 'warning',
      detail: 'the exclude pattern "cache/" matched nothing',
    },
  ]);
  expect((await reachOf(root, { exclude: ['cache/'] }, 0)).unused).toEqual([{ pattern: 'cache/', deeper: false }]);
});

describe('with incremental:, what is compressed already is a warning', () => {
  const warnings = async (...sources: SourceSpec[]): Promise<string[]> =>
    (await seen(sources, { incremental: {} })).checks
      .filter(({ result }) => result === 'warning')
      .map(({ detail }) => detail);
  const large = (start: string): Buffer => Buffer.concat([Buffer.from(start, 'hex'), Buffer.alloc(1 << 20)]);

  test.each([
    [['sh', '-c', 'cat /etc/hostname | gzip -6'], /gzip compresses/],
    [['sh', '-c', 'tar -czf - .'], /tar -czf compresses/],
    [['sh', '-c', 'cat x; true mongodump --gzip --archive'], /--gzip compresses/],
    [['env', 'pg_dump', '-Fc', 'crm'], /pg_dump in this format/],
    [['env', 'pg_dump', '--format=custom', '-Z', '5', 'crm'], /pg_dump in this format/],
    [['env', 'pg_dump', '--format', 'custom', '--compress=0', 'crm'], null],
    [['env', 'pg_dump', '-Fc', '-Z0', 'crm'], null],
    [['env', 'pg_dump', 'crm'], null],
    [['sh', '-c', 'tar -cf - files'], null],
  ])('the command %j', async (command, says) => {
    const found = await warnings({ ...common, kind: 'command', command });
    expect(found).toEqual(says === null ? [] : [expect.stringMatching(says)]);
  });

  test.each([
    ['gzip', '1f8b08', /is compressed \(gzip\)/],
    ['zstd', '28b52ffd', /is compressed \(zstd\)/],
    ['pg_dump 17 with gzip', `${Buffer.from('PGDMP').toString('hex')}0110000408010100000000`, /\(pg_dump\)/],
    ['pg_dump 17 without', `${Buffer.from('PGDMP').toString('hex')}0110000408010000000000`, null],
    ['pg_dump 14 with gzip', `${Buffer.from('PGDMP').toString('hex')}010e0004080101ffffffff`, /\(pg_dump\)/],
    ['pg_dump 14 without', `${Buffer.from('PGDMP').toString('hex')}010e000408010000000000`, null],
    ['text', Buffer.from('-- PostgreSQL database dump').toString('hex'), null],
  ])('a file: %s', async (_, start, says) => {
    const directory = tempDir();
    const file = join(directory, 'crm.dump');
    writeFileSync(file, large(start));
    const of = says === null ? [] : [expect.stringMatching(says)];
    expect(await warnings({ ...common, kind: 'file', path: file })).toEqual(of);
    expect(await warnings({ ...common, kind: 'directory', path: directory, exclude: [] })).toEqual(of);
  });

  test('other compressed files are not: they are not written anew every night', async () => {
    const directory = tempDir();
    writeFileSync(join(directory, 'photos.zip'), large('504b0304'));
    writeFileSync(join(directory, 'dump.sql.gz'), Buffer.from('1f8b08', 'hex'));
    expect(await warnings({ ...common, kind: 'directory', path: directory, exclude: [] })).toEqual([]);
    writeFileSync(join(directory, 'dump.sql.gz'), large('1f8b08'));
    expect((await seen([{ ...common, kind: 'file', path: join(directory, 'dump.sql.gz') }])).checks).toMatchObject([
      { result: 'passed' },
    ]);
  });
});
