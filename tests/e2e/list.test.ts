/** `push --dry-run --list`: what would be deposited, and what stays out, by which pattern. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { cleanup } from '../support/cleanup.js';
import { bareEnvironment, depotScript } from '../support/cli.js';
import { onWindows } from '../support/platform.js';
import { nowhere, Supplier, type SupplierOptions } from '../support/supplier.js';

const list = (supplier: Supplier, ...args: string[]): ReturnType<Supplier['depot']> =>
  supplier.depot(['push', '--dry-run', '--list', ...args]);

const sources = {
  dataset: [
    { directory: 'data', exclude: ['**/*.tmp', 'cache/', '*.log'] },
    { command: ['sh', '-c', 'printf 12345'], as: 'crm.sql' },
  ],
};

async function supplierWithTree(options: SupplierOptions = sources): Promise<Supplier> {
  const supplier = await Supplier.create(nowhere, options);
  mkdirSync(join(supplier.data, 'cache'));
  mkdirSync(join(supplier.data, 'x'));
  for (const name of ['a.csv', 'cache/b', 'x/c.tmp']) writeFileSync(join(supplier.data, name), 'x'.repeat(2048));
  symlinkSync('a.csv', join(supplier.data, 'link'));
  return supplier;
}

const lines = `file          2.0 KiB  data/data/a.csv
excluded               data/data/cache/  by "cache/"
symlink                data/data/link
directory              data/data/x
excluded               data/data/x/c.tmp  by "**/*.tmp"
file              5 B  data/crm.sql
`;

test('names every entry and what stays out, and then says what a dry run says; no server is needed', async () => {
  const { code, stdout } = await list(await supplierWithTree());
  expect(code).toBe(0);
  expect(stdout.slice(0, stdout.indexOf('dataset'))).toBe(`directory              data/data\n${lines}`);
  expect(stdout).toMatch(/^dataset {4}1 file and crm\.sql, /m);
});

test('with --json each is a line, and the last line is the document of a dry run', async () => {
  const { code, stdout } = await list(await supplierWithTree(), '--json');
  expect(code).toBe(0);
  const found = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(found.slice(0, 3)).toEqual([
    { arrangement: 'acme-crm', path: 'data/data', listed: 'entry', type: 'directory', size: 0 },
    { arrangement: 'acme-crm', path: 'data/data/a.csv', listed: 'entry', type: 'file', size: 2048 },
    { arrangement: 'acme-crm', path: 'data/data/cache', listed: 'excluded', type: 'directory', pattern: 'cache/' },
  ]);
  expect(found).toHaveLength(8);
  expect(found.at(-1)).toMatchObject({ ok: true, results: [{ dryRun: { entries: 5 } }] });
});

test('an increment lists the whole night, not only what changed', async () => {
  const supplier = await supplierWithTree({ ...sources, arrangement: { incremental: { agentKeeps: '90d' } } });
  expect((await list(supplier)).stdout).toContain(`directory              data/data\n${lines}`);
});

test.skipIf(onWindows)(
  'what cannot be deposited is named, and so are names that could move a cursor or are not UTF-8',
  async () => {
    const supplier = await Supplier.create(nowhere);
    execFileSync('mkfifo', [join(supplier.data, 'pipe')]);
    writeFileSync(join(supplier.data, 'a\u001b[2Jb'), '');
    writeFileSync(Buffer.concat([Buffer.from(`${supplier.data}/`), Buffer.from([0x63, 0xe9])]), '');
    const { stdout } = await list(supplier);
    expect(stdout).toContain(`file              0 B  data/data/a\\x1b[2Jb
file              0 B  data/data/c\\xe9
skipped                data/data/pipe  (fifo)
`);
    expect((await list(supplier, '--json')).stdout).toContain('"pathBase64":"ZGF0YS9kYXRhL2Pp"');
  },
);

test('ends when the program that reads it is gone', async () => {
  const supplier = await Supplier.create(nowhere, {
    dataset: [{ directory: 'data' }, { command: ['sleep', '600'], as: 'x' }],
  });
  for (let i = 0; i < 5_000; i++) writeFileSync(join(supplier.data, `a-long-name-of-a-file-that-is-empty-${i}`), '');
  const child = spawn(process.execPath, [depotScript, 'push', '--dry-run', '--list', '--config', supplier.config], {
    cwd: supplier.directory,
    env: bareEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  cleanup(() => void child.kill('SIGKILL'));
  // The command goes on, so that only the lost reader can end it.
  child.stdout.once('data', () => child.stdout.destroy());
  const said = text(child.stderr);
  const [code] = (await once(child, 'close')) as [number];
  expect(await said).toContain('the result could not be written to standard output: the program that reads it is gone');
  expect(code).toBe(5);
});
