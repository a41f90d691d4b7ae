/** One row of the table at one server: the push, what happens meanwhile, and what then lies at the agent. */
import { createHash, randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { cleanup, tempDir } from '../support/cleanup.js';
import { checkout, json } from '../support/cli.js';
import { peer } from '../support/peers.js';
import { eventually } from '../support/process.js';
import { Supplier } from '../support/supplier.js';
import { Line } from './line.js';
import type { Running } from './programs.js';
import { cutAfter, type Row } from './rows.js';

export interface Doctor {
  exit: number;
  seconds: number;
  /** Lines of depot.yaml. */
  advice: { set: string; because: string }[];
  checks: { name: string; result: string; detail: string; hint?: string }[];
}

export interface Outcome {
  exit: number;
  code: string | null;
  story: string;
  /** A new id, after the first one was given up. */
  again: boolean;
  lanes: unknown;
  doctor: Doctor | null;
}

/** `mayStay`: what a server leaves that no client can remove. */
export async function hold(running: Running, row: Row, mayStay?: RegExp): Promise<Outcome> {
  const incoming = running.local(row.id);
  const vault = await mover(incoming, row);
  const line = row.line === undefined ? null : await Line.to(running.port, row.line);
  const supplier = await Supplier.create(
    { ...running, port: line?.port ?? running.port, remoteDirectory: running.remote(row.id) },
    {
      ...(row.login === undefined ? {} : { login: row.login }),
      remote: { retryFor: '30s', ...row.remote },
      arrangement: { ...row.arrangement },
    },
  );
  writeFileSync(join(supplier.data, 'dump.bin'), randomBytes(row.bytes));
  const doctor = row.tested === true || row.only !== undefined ? await examine(supplier) : null;
  if (row.only !== undefined && doctor !== null)
    return { exit: doctor.exit, code: null, again: false, lanes: null, story: JSON.stringify(doctor, null, 1), doctor };
  const cut = row.fault === undefined ? null : line!.cutAfter(cutAfter);
  const pushing = supplier.push();
  if (cut !== null) {
    await Promise.race([cut, pushing]);
    if (row.fault === 'link dropped') line!.dropClients();
    else {
      await running.kill();
      await running.start();
    }
  }
  const { code, result, stderr } = await pushing;
  const story = `exit ${code ?? '?'}\n${JSON.stringify(result.error ?? result.deposit?.run)}\n${stderr}\n${running.log?.().slice(-2000) ?? ''}`;
  const outcome: Outcome = {
    exit: code ?? -1,
    code: result.error?.code ?? null,
    again: /under a new id/.test(stderr),
    lanes: result.deposit?.run['lanes'] ?? null,
    story,
    doctor,
  };
  const deposits = [result];
  if (row.fault !== undefined) {
    // The server notices at last that the first connection is gone, and does what it does then.
    line!.dropServers();
    await eventually(() => !isOpen(incoming), 20_000, `the server letting go of what it had open\n${story}`);
    const next = await supplier.push();
    expect(next.code, `${story}\nthe next push:\n${next.stdout}${next.stderr}`).toBe(0);
    deposits.push(next.result);
  }
  const expected: string[] = [];
  for (const { deposit } of deposits) {
    if (deposit === undefined) continue;
    const { name, sha256 } = deposit.receipt.suitcase;
    const landed = await eventually(
      () => found(name, sha256, [incoming, vault]),
      20_000,
      `${name} as its receipt says\n${story}\n${readdirSync(incoming).join('\n')}`,
    );
    expect(landed, story).toBe(true);
    expected.push(
      ...[name, ...['.cover.md', '.receipt.json', '.receipt.json.asc'].map((end) => `${deposit.depositId}${end}`)],
    );
  }
  if (row.collected === undefined) {
    const there = (): string[] =>
      readdirSync(incoming)
        .filter((name) => mayStay?.test(name) !== true)
        .sort();
    await eventually(
      () => there().join() === expected.sort().join(),
      10_000,
      `nothing else at the agent than ${expected.join(', ')}`,
    ).catch(() => undefined);
    expect(there(), story).toEqual(expected.sort());
  }
  return outcome;
}

function found(name: string, sha256: string, directories: string[]): boolean {
  return directories.some((directory) => {
    const file = join(directory, name);
    return existsSync(file) && createHash('sha256').update(readFileSync(file)).digest('hex') === sha256;
  });
}

export async function examine(supplier: Supplier): Promise<Doctor> {
  const began = performance.now();
  const finished = await supplier.depot(['doctor', supplier.arrangement, '--write-test', '--json']);
  const seconds = (performance.now() - began) / 1000;
  const { arrangements } = json(finished) as unknown as { arrangements: [Pick<Doctor, 'advice' | 'checks'>] };
  const { advice, checks } = arrangements[0];
  return { exit: finished.code ?? -1, seconds, advice, checks };
}

/** Whether any process has a file open below `directory`. */
function isOpen(directory: string): boolean {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`))
        if (readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${directory}/`)) return true;
    } catch {
      continue;
    }
  }
  return false;
}

/** The directory into which the agent moves what it collects. */
async function mover(incoming: string, { collected }: Row): Promise<string> {
  // Beside it, since a rename does not leave the file system.
  const vault = tempDir('vault', join(incoming, '..'));
  if (collected === undefined) return vault;
  const child = spawn(
    peer('python3')!,
    [join(checkout, 'tests/servers/peers/mover.py'), incoming, vault, collected.when, String(collected.afterMs)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  cleanup(() => child.kill('SIGKILL'));
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  await eventually(() => said.includes('listening'), 20_000, 'the mover watching');
  return vault;
}
