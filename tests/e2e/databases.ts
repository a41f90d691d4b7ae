/** What the tests of database sources share. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { run } from '../../src/child.js';
import type { Packed } from '../../src/databases/database.js';
import { checkout, json, mustDepot } from '../support/cli.js';
import { mustRun } from '../support/process.js';
import type { Sshd } from '../support/sshd.js';
import { type Deposit, freshPath, type Supplier } from '../support/supplier.js';

/** What the beneficiary has after `depot decrypt`. */
export async function decrypted(supplier: Supplier, server: Sshd, deposit: Deposit, from?: string): Promise<string> {
  const out = freshPath();
  await mustDepot([
    'decrypt',
    from ?? join(server.incoming, deposit.suitcase),
    ...['--key', supplier.recipientKey, '--signer', supplier.signerPublic, '--out', out],
    ...(from === undefined ? ['--receipt', deposit.receiptFile] : []),
  ]);
  return out;
}

/** Types what DEPOT/README.md says under "Restoring databases", as it stands there. */
export async function restoreAsPrinted(out: string, env: NodeJS.ProcessEnv): Promise<string> {
  const readme = readFileSync(join(out, 'DEPOT/README.md'), 'utf8');
  const [, english = ''] = /\n## Restoring databases\n([^]*?)\n(?:## |---|The format)/.exec(readme) ?? [];
  const [, dutch = ''] = /\n## Databases terugzetten\n([^]*?)\n(?:## |De vorm)/.exec(readme) ?? [];
  const lines = english.split('\n').filter((line) => line.startsWith('    '));
  expect(lines).not.toEqual([]);
  expect(dutch.split('\n').filter((line) => line.startsWith('    '))).toEqual(lines);
  const typed = lines.map((line) => line.slice(4)).join('\n');
  await mustRun('sh', ['-eu', '-c', typed], { cwd: out, env });
  return typed;
}

/** A program of that name in a directory of its own, written for sh. */
export function standIn(name: string, script: string, directory = tempDir('stand-in')): string {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** What doctor found at a source. */
export async function checkOf(supplier: Supplier, name: string): Promise<unknown> {
  const { arrangements } = json(await supplier.depot(['doctor', '--json'])) as unknown as {
    arrangements: { checks: { name: string }[] }[];
  };
  return arrangements[0].checks.find((check) => check.name === name);
}

/** The statements of docs/operations.md that make an account which may read everything, for another database and name. */
export function documentedAccount(database: 'PostgreSQL' | 'MariaDB', names: Record<string, string>): string {
  const page = readFileSync(join(checkout, 'docs/operations.md'), 'utf8');
  const blocks = [...page.matchAll(/^```sql\n([^]*?)^```/gm)].map(([, block]) => block);
  const block = blocks.find((one) => one.includes('unix_socket') === (database === 'MariaDB'))!;
  return Object.entries(names).reduce((text, [from, to]) => text.replaceAll(from, () => to), block);
}

/** What the command in place of a database prints. */
export async function dumped(packed: Packed): Promise<string> {
  if (packed.kind !== 'command') throw new Error('no command');
  const o = packed.secret === undefined ? {} : { secret: packed.secret };
  const env = { PATH: process.env['PATH'] };
  const input = packed.input === undefined ? {} : { input: packed.input };
  const { output } = await run(packed.command, {
    code: 'internal',
    env,
    stdout: 'keep',
    maxBytes: 1 << 26,
    ...o,
    ...input,
  });
  return output.toString('latin1');
}
