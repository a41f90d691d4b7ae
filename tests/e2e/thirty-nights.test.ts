/** Thirty nights of a supplier, and the day on which a beneficiary, elsewhere, gets what the agent still has of them. */
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Receipt } from '../../src/receipt/schema.js';
import { numbers } from '../fuzz/mutate.js';
import { tempDir } from '../support/cleanup.js';
import { json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { Nightly } from '../support/nightly.js';
import { freshPath } from '../support/supplier.js';
import { readTree } from '../support/tree.js';

const NIGHTS = 30;
/** Nights 0 to 18 are one chain, 19 to 29 the next. */
const MOST_INCREMENTS = 18;
const [DAMAGED, MISSING] = [7, 24];

let nightly: Nightly;
const deposits: Receipt[] = [];

beforeAll(async () => {
  const incremental = { fullEvery: '30d', maxIncrements: MOST_INCREMENTS, agentKeeps: '90d' };
  nightly = await Nightly.create(30, numbers(30), { today: true, arrangement: { incremental } });
  for (let night = 0; night < NIGHTS; night++) {
    if (night > 0) nightly.change();
    const { code, receipt, warnings } = await nightly.push();
    expect(code, warnings).toBe(0);
    deposits.push(receipt!);
  }
  expect(deposits.map(({ chain }) => chain!.number)).toEqual(deposits.map((_, night) => night % (MOST_INCREMENTS + 1)));
}, 180_000);

const id = (night: number): string => deposits[night].depositId;
const suitcase = (night: number): string => deposits[night].suitcase.name;

describe('the beneficiary gets all but one suitcase, of which one is damaged', () => {
  /** What is on the beneficiary's machine: its key, the supplier's public key, and what came from the agent. */
  let home: string;
  let received: string;
  beforeEach(() => {
    home = tempDir('beneficiary');
    received = nightly.release(deposits.filter((_, night) => night !== MISSING).map(({ suitcase: { name } }) => name));
    const bytes = readFileSync(join(received, suitcase(DAMAGED)));
    bytes[bytes.length >> 1] ^= 1;
    writeFileSync(join(received, suitcase(DAMAGED)), bytes);
    for (const name of nightly.supplier.stateFiles().filter((file) => file.includes('.receipt.json')))
      copyFileSync(join(nightly.supplier.state, 'acme-crm', name), join(received, name));
    copyFileSync(nightly.supplier.recipientKey, join(home, 'key.asc'));
    copyFileSync(nightly.supplier.signerPublic, join(home, 'signer.asc'));
  });

  const decrypt = async (...args: string[]) => {
    const out = freshPath();
    const key = ['--key', join(home, 'key.asc'), '--signer', join(home, 'signer.asc')];
    const done = await depotHere(['decrypt', received, ...key, '--out', out, '--json', ...args], { cwd: home });
    return { out, code: done.code, said: json(done) as unknown as Said, told: done.stdout + done.stderr };
  };
  interface Said {
    origin?: string;
    salvaged?: { missing: string[]; of: string; wanted: string; whole: string[] };
    error?: { message: string; hint: string };
  }

  test('the newest night cannot be had, and it says why, and which is the newest that can', async () => {
    const { out, code, said } = await decrypt();
    expect(code).toBe(24);
    expect(said.error?.message).toContain('needs 11 suitcases; given: 10, missing: ');
    expect(said.error?.message).toContain(id(MISSING));
    expect(said.error?.message).not.toContain(id(DAMAGED));
    expect(said.error?.hint).toContain(`--at ${id(MISSING - 1)}`);
    expect(existsSync(out)).toBe(false);
  });

  test.each([0, DAMAGED - 1, MOST_INCREMENTS + 1, MISSING - 1])('night %i can be had, exactly', async (night) => {
    const { out, code, said, told } = await decrypt('--at', id(night));
    expect(code, told).toBe(0);
    expect(said.origin).toBe('proven');
    await nightly.expectNight(id(night), out);
  });

  test.each([
    [DAMAGED, 21, DAMAGED],
    [MOST_INCREMENTS, 21, DAMAGED],
    [MISSING, 24, MISSING],
    [NIGHTS - 1, 24, MISSING],
  ])('night %i cannot be had: %i', async (night, exit, lacking) => {
    const { out, code, said } = await decrypt('--at', id(night));
    expect(code, JSON.stringify(said)).toBe(exit);
    expect(said.error?.message).toContain(id(lacking));
    expect(existsSync(out)).toBe(false);
  });

  test.each([
    [NIGHTS - 1, MISSING, [...Array(MISSING - MOST_INCREMENTS - 1).keys()].map((n) => n + MOST_INCREMENTS + 1)],
    [DAMAGED + 3, DAMAGED, [...Array(DAMAGED).keys()]],
  ])(
    'of night %i, --salvage takes what does not lie in night %i, and says truly what is what',
    async (night, lacking, whole) => {
      const { out, code, said } = await decrypt('--at', id(night), '--salvage');
      expect(code, JSON.stringify(said)).toBe(21);
      expect(said.salvaged).toMatchObject({ missing: [id(lacking)], of: id(night), whole: whole.map(id) });
      expect(existsSync(out)).toBe(false);
      const rescued = await readTree(join(`${out}.incomplete`, 'data'));
      const wanted = await readTree(nightly.copyOf(id(night)));
      const gaps = readFileSync(join(`${out}.incomplete`, 'DEPOT/gaps.txt'), 'latin1');
      // Nobody can know what the missing night said of a path; but what has its own name is what it was.
      let exact = 0;
      for (const [path, { type, sha256 }] of rescued) {
        if (type !== 'file' || path.endsWith('.incomplete')) continue;
        expect({ path, sha256 }).toEqual({ path, sha256: wanted.get(path)?.sha256 });
        exact++;
      }
      expect(exact).toBeGreaterThan(3);
      const incomplete = [...rescued.keys()].filter((path) => path.endsWith('.incomplete'));
      expect(incomplete.length).toBeGreaterThan(0);
      for (const path of incomplete.filter((one) => /^[\w./-]*$/.test(one)))
        expect(gaps).toContain(path.slice(0, -'.incomplete'.length));
    },
  );
});

describe('the agent is asked for exactly the files that receipts list --chain names', () => {
  test.each([4, MOST_INCREMENTS + 1, MISSING + 1])(
    'night %i opens with them, and not without any of them',
    async (night) => {
      const needed = await nightly.needed(id(night));
      const first = night <= MOST_INCREMENTS ? 0 : MOST_INCREMENTS + 1;
      expect(needed).toEqual(deposits.slice(first, night + 1).map(({ suitcase: { name } }) => name));
      await nightly.expectRestores(deposits[night]);
      const released = nightly.release(needed);
      for (const name of needed) {
        rmSync(join(released, name));
        const out = freshPath();
        const { code, stdout } = await nightly.decrypt(released, out, ['--at', id(night)]);
        expect(code, stdout).not.toBe(0);
        expect(existsSync(out)).toBe(false);
        nightly.release([name], released);
      }
      expect(readdirSync(released).sort()).toEqual([...needed].sort());
    },
  );
});
