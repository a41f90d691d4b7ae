/** The commands of every day with a long history, by their own benchmark: times that a busy machine keeps too, and memory. */
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { mustRun } from '../support/process.js';

test('twenty thousand receipts and five hundred arrangements take no longer, and no more memory, than is promised', async () => {
  const tsx = ['node_modules/tsx/dist/cli.mjs', 'bench/receipts.ts'];
  const { stdout } = await mustRun(process.execPath, tsx, { cwd: checkout, timeoutMs: 900_000 });
  const rows = stdout
    .split('\n')
    .filter((line) => /\d \|$/.test(line))
    .map((line) => line.split('|').slice(1, -1));
  const cpu = Object.fromEntries(rows.map(([name = '', , seconds]) => [name.trim(), Number(seconds)]));
  const peak = Object.fromEntries(rows.map(([name = '', , , mebibytes]) => [name.trim(), Number(mebibytes)]));
  // Of processor time, since others may use the machine, and threads count together.
  for (const [name, most] of [
    ['receipts list, 20000 receipts', 5],
    ['receipts verify', 12],
    ['report', 14],
    ['push --all --dry-run, 500 arrangements', 20],
    ['the same with --jobs 16', 20],
  ] as const)
    expect(cpu[name], `${name}\n${stdout}`).toBeLessThan(most);
  expect(peak['report'], stdout).toBeLessThanOrEqual(200);
}, 1_000_000);
