/** What a beneficiary has of a chain on the day itself. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, vi } from 'vitest';
import { makeAwkward, pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, freshPath, Supplier } from '../support/supplier.js';
import { differences } from '../support/tree.js';

export const ssh = peers('sshd', 'ssh-keygen');

export interface Opened {
  depositId?: string;
  number?: number;
  leftAside?: string[];
  origin?: string;
  entries?: number;
  salvaged?: { incomplete: number; withMissingBytes: number; maybeOutdated: number };
  error?: { code: string; message: string; hint?: string };
}

/** Three nights of a supplier, in files that a beneficiary was given; to be called in a `describe`. */
export function releasedChain() {
  let server: Sshd;
  let supplier: Supplier;
  /** The dataset of each night, as it was. */
  const nights: string[] = [];
  const deposits: Deposit[] = [];
  /** What the agent released. */
  let released: string;

  beforeAll(async () => {
    server = await startSshd();
    supplier = await Supplier.create(server, {
      dataset: [{ directory: 'data' }, { command: ['cat', 'dump.sql'], as: 'dump.sql' }],
      arrangement: { incremental: { agentKeeps: '90d' } },
    });
    makeAwkward(supplier.data);
    const dump = join(supplier.directory, 'dump.sql');
    writeFileSync(dump, pattern(3_000_000, 1));
    const keep = (): void => {
      const night = tempDir('night');
      copyAll(supplier.data, join(night, 'data'));
      copyFileSync(dump, join(night, 'dump.sql'));
      nights.push(night);
    };
    const push = async (): Promise<void> => {
      keep();
      // Without receipts only the second in their names says which of two is newer.
      const last = deposits.at(-1)?.receipt.startedAt;
      await vi.waitFor(() => expect(`${new Date().toISOString().slice(0, 19)}Z`).not.toBe(last), 5000);
      deposits.push(await supplier.deposit());
    };
    await push();
    writeFileSync(join(supplier.data, 'new'), 'of the second night');
    writeFileSync(
      dump,
      Buffer.concat([
        pattern(3_000_000, 1).subarray(0, 1_500_000),
        Buffer.from('new rows'),
        pattern(3_000_000, 1).subarray(1_500_000),
      ]),
    );
    await push();
    rmSync(join(supplier.data, 'new'));
    mkdirSync(join(supplier.data, 'folder'));
    writeFileSync(join(supplier.data, 'folder/file'), 'of the third night');
    await push();
    expect(deposits.map(({ receipt }) => (receipt as { chain?: { number: number } }).chain?.number)).toEqual([0, 1, 2]);
  }, 120_000);

  beforeEach(() => {
    released = tempDir('released');
    for (const { suitcase } of deposits) copyFileSync(join(server.incoming, suitcase), join(released, suitcase));
  });

  /** Changes a byte, so many before the end; 40 and less are in what authenticates it. */
  const damage = (suitcase: string, fromEnd: number): void => {
    const file = join(released, suitcase);
    const bytes = readFileSync(file);
    bytes[bytes.length - fromEnd] ^= 1;
    writeFileSync(file, bytes);
  };
  const receive = (from = 0): void => {
    for (const { receiptFile, depositId } of deposits.slice(from)) {
      copyFileSync(receiptFile, join(released, `${depositId}.receipt.json`));
      copyFileSync(`${receiptFile}.asc`, join(released, `${depositId}.receipt.json.asc`));
    }
  };
  const decrypt = async (given: string[], ...args: string[]) => {
    const out = freshPath();
    const finished = await depotHere([
      'decrypt',
      ...given,
      '--key',
      supplier.recipientKey,
      '--out',
      out,
      '--json',
      ...args,
    ]);
    return { out, code: finished.code, said: json(finished) as unknown as Opened, stderr: finished.stderr };
  };
  const isNight = async (out: string, night: number): Promise<void> => {
    expect(await differences(join(nights[night], 'data'), join(out, 'data/data'))).toEqual([]);
    expect(readFileSync(join(out, 'data/dump.sql')).equals(readFileSync(join(nights[night], 'dump.sql')))).toBe(true);
    expect(readdirSync(out).sort()).toEqual(['DEPOT', 'data']);
  };
  const verify = async (...args: string[]) => {
    const finished = await depotHere(['verify', ...args, '--key', supplier.recipientKey, '--json']);
    const { checks } = JSON.parse(finished.stdout) as { checks: { name: string; result: string }[] };
    const of = (name: string) => checks.filter((check) => check.name === name).map(({ result }) => result);
    return { ...finished, of };
  };
  return {
    nights,
    deposits,
    damage,
    receive,
    decrypt,
    isNight,
    verify,
    get supplier(): Supplier {
      return supplier;
    },
    get server(): Sshd {
      return server;
    },
    /** What the agent released: a folder of its own for each test. */
    get released(): string {
      return released;
    },
  };
}

export function copyAll(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}
