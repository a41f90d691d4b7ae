import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import { depot, type DepotOptions } from '../support/cli.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { eventually } from '../support/process.js';
import { terminal } from '../support/terminal.js';

/** The demo with a TMPDIR and a HOME of its own: what it leaves would lie there. */
async function demo(options: DepotOptions = {}) {
  const place = tempDir('depot-demo-test');
  const result = await depot(['demo'], { cwd: place, ...options, env: { TMPDIR: place, HOME: place } });
  return { ...result, left: readdirSync(place) };
}

test('goes from the dataset to the comparison, says a line and a command at each step, and leaves nothing behind', async () => {
  const { code, stdout, stderr, left } = await demo();
  expect(code, stdout + stderr).toBe(0);
  const [, files, mebibytes] = /dataset +([\d,]+) files, ([\d.]+) MiB/.exec(stdout)!;
  expect(Number(files.replace(',', ''))).toBeGreaterThanOrEqual(2000);
  expect(Number(mebibytes)).toBeGreaterThanOrEqual(50);
  for (const step of [
    'storage',
    'key made',
    'trusted',
    'logged in',
    'deposited',
    'collected',
    'key proved',
    'verified',
    'opened',
    'compared',
    'cleaned',
  ])
    expect(stdout).toMatch(new RegExp(`^${step} `, 'm'));
  for (const command of ['key generate', 'trust', 'login', 'push', 'verify --receipt', 'decrypt'])
    expect(stdout).toContain(`$ depot ${command}`);
  expect(left).toEqual([]);
}, 300_000);

test.skipIf(peer('python3') === undefined)(
  'breaks its lines between words on a terminal',
  async () => {
    const place = tempDir('depot-demo-test');
    const { code, text } = await terminal(['demo'], {
      cwd: place,
      columns: 80,
      env: { TMPDIR: place },
      dialogue: [['$ depot init', '\x03']],
    });
    expect(code, text).toBe(130);
    expect(text).toMatch(/^ {11}\$ depot key generate arrangement .* --email\n {13}ict@voorbeeld\.example /m);
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(readdirSync(place)).toEqual([]);
  },
  300_000,
);

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s: stops, says so by its exit status, and leaves nothing behind',
  async (signal) => {
    const place = tempDir('depot-demo-test');
    let kill: (signal: NodeJS.Signals) => void = () => undefined;
    const running = depot(['demo'], {
      cwd: place,
      env: { TMPDIR: place, HOME: place },
      started: (child) => {
        kill = child.kill;
      },
    });
    let ended = false;
    void running.finally(() => {
      ended = true;
    });
    await eventually(
      () => ended || readdirSync(place).some((home) => existsSync(join(place, home, 'depot.yaml'))),
      120_000,
      "the demo's configuration",
    );
    kill(signal);
    const { code, stdout, stderr } = await running;
    expect(code, stdout + stderr).toBe(signal === 'SIGINT' ? 130 : 143);
    expect(readdirSync(place)).toEqual([]);
  },
  300_000,
);

test('control: when what comes out differs from what went in, it fails, and leaves nothing behind', async () => {
  const script = await alteredDepot({
    'demo/tour.ts': (source) =>
      source.replace(
        'const compared = compareTrees(data',
        "writeFileSync(join(opened, 'data/crm/export/customers.csv'), 'other');\n  const compared = compareTrees(data",
      ),
  });
  const { code, stderr, left } = await demo({ script });
  expect(code).toBe(1);
  expect(stderr).toContain('customers.csv');
  expect(left).toEqual([]);
}, 300_000);

test('the README begins with the two commands of a fresh clone', () => {
  const top = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8').slice(0, 3000);
  expect(top).toContain('npm ci && npm run demo');
  expect(top).toContain('npm ci && npm test');
});
