/** A machine on which depot is set up for the first time. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '../support/cleanup.js';
import type { installed } from '../support/installed.js';
import { type Finished, run } from '../support/process.js';
import { type KeyFiles, makeKey } from '../support/supplier.js';
import type { Turn } from '../support/terminal.js';

/** A machine on which nothing is set up: a key from the beneficiary, data, and an account for services. */
export interface Machine {
  root: string;
  config: string;
  state: string;
  beneficiary: KeyFiles;
}

export async function machine(): Promise<Machine> {
  const root = tempDir('depot-machine');
  chmodSync(root, 0o755);
  mkdirSync(join(root, 'export'));
  writeFileSync(join(root, 'export/customers.csv'), 'id;name\n1;Gemeente Voorbeeld\n');
  writeFileSync(join(root, 'export/orders.csv'), 'id;customer\n7;1\n');
  const beneficiary = await makeKey(join(root, 'voorbeeld'), 'Gemeente Voorbeeld', 'compat');
  return { root, config: join(root, 'etc/depot.yaml'), state: join(root, 'state'), beneficiary };
}

/** Runs depot as the account `daemon`, with nothing of root's environment. */
export const asService = (program: ReturnType<typeof installed>, ...args: string[]): Promise<Finished> =>
  run(program.node, [program.script, ...args], { uid: 1, gid: 1, cwd: '/', env: { PATH: '/usr/bin:/bin' } });

/** After the time of day, with `--schedule none`: tells nobody, and makes no deposit. */
export const lookMyself: Turn[] = [
  ['Until when', '\r'],
  ['Who should depot notify', '\x1b[B\x1b[B\r'],
  ['File for Prometheus metrics', '\r'],
  ['Make the first deposit now?', 'n'],
];
