/** Incremental deposits, on the beneficiary's side: a directory of suitcases, some missing or damaged, and one command. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeAwkward, pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, freshPath, Supplier } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const ssh = peers('sshd', 'ssh-keygen');

interface Opened {
  depositId?: string;
  number?: number;
  leftAside?: string[];
  origin?: string;
  error?: { code: string; message: string; hint?: string };
}

describe.skipIf(!ssh)('a chain of deposits', () => {
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

  test('the newest night of a directory is restored exactly', async () => {
    const { out, code, said } = await decrypt([released]);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(said).toMatchObject({ depositId: deposits[2].depositId, number: 2, leftAside: [], origin: 'not proven' });
    await isNight(out, 2);
  });

  test('every night can be asked for', async () => {
    for (const [night, { depositId }] of deposits.entries()) {
      const { out, code, said } = await decrypt([released], '--at', depositId);
      expect(code, JSON.stringify(said)).toBe(0);
      expect(said).toMatchObject({ depositId, number: night });
      await isNight(out, night);
    }
  });

  test('suitcases may be named one by one, in any order and under any names', async () => {
    renameSync(join(released, deposits[0].suitcase), join(released, 'first'));
    renameSync(join(released, deposits[2].suitcase), join(released, 'last.pgp'));
    const { out, code, said } = await decrypt(
      ['last.pgp', 'first', deposits[1].suitcase].map((name) => join(released, name)),
    );
    expect(code, JSON.stringify(said)).toBe(0);
    await isNight(out, 2);
  });

  test('its origin is proven by the receipt of the newest night', async () => {
    receive(2);
    const { out, code, said } = await decrypt([released], '--signer', supplier.signerPublic);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(said).toMatchObject({ origin: 'proven', depositId: deposits[2].depositId });
    await isNight(out, 2);
  });

  test.each(['with', 'without'])('%s receipts, a missing suitcase is named before anything is opened', async (how) => {
    if (how === 'with') receive();
    rmSync(join(released, deposits[1].suitcase));
    const { code, said } = await decrypt([released]);
    expect(code).toBe(24);
    expect(said.error?.message).toContain('needs 3 suitcases; given: 2, missing: ');
    expect(said.error?.message).toContain(deposits[1].depositId);
    expect(said.error?.hint).toContain(`--at ${deposits[0].depositId}`);
  });

  test('a newest night of which only the receipt is there is missed, too', async () => {
    receive();
    rmSync(join(released, deposits[2].suitcase));
    const { code, said } = await decrypt([released]);
    expect(code).toBe(24);
    expect(said.error?.message).toContain(deposits[2].depositId);
    expect(said.error?.hint).toContain(`--at ${deposits[1].depositId}`);
  });

  test.each([0, 1, 2])('a damaged suitcase of night %i counts as missing', async (night) => {
    receive();
    const file = join(released, deposits[night].suitcase);
    const bytes = readFileSync(file);
    bytes[bytes.length - 100] ^= 1;
    writeFileSync(file, bytes);
    const { code, said } = await decrypt([released]);
    expect(code).toBe(21);
    expect(said.error?.message).toContain(deposits[night].suitcase);
  });

  test.each([0, 1, 2])('--salvage takes what can be had when the suitcase of night %i is missing', async (night) => {
    rmSync(join(released, deposits[night].suitcase));
    receive();
    const { out, code, said } = await decrypt([released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({
      ok: false,
      out: `${out}.incomplete`,
      salvaged: {
        missing: [deposits[night].depositId],
        of: deposits[night === 2 ? 1 : 2].depositId,
        wanted: deposits[2].depositId,
        whole: deposits.slice(0, night).map(({ depositId }) => depositId),
      },
    });
    expect(existsSync(out)).toBe(false);
    if (night === 2) await isNight(`${out}.incomplete`, 1);
    else {
      expect(readFileSync(`${out}.incomplete/data/data/folder/file`, 'utf8')).toBe('of the third night');
      const { size } = statSync(join(nights[2], 'dump.sql'));
      expect(statSync(`${out}.incomplete/data/dump.sql.incomplete`).size).toBe(size);
      expect(readFileSync(`${out}.incomplete/DEPOT/gaps.txt`, 'utf8')).toContain(deposits[night].depositId);
    }
  });

  test('--salvage uses nothing of a damaged suitcase, also where only its end shows it', async () => {
    const file = join(released, deposits[2].suitcase);
    const bytes = readFileSync(file);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(file, bytes);
    const { out, code, said } = await decrypt([released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({ salvaged: { of: deposits[1].depositId, missing: [deposits[2].depositId] } });
    await isNight(`${out}.incomplete`, 1);
  });

  test.each([{ flags: [] }, { flags: ['--salvage'] }])(
    'with --signer, a night needs a receipt: $flags',
    async ({ flags }) => {
      receive();
      rmSync(join(released, `${deposits[2].depositId}.receipt.json`));
      const signer = ['--signer', supplier.signerPublic];
      const { out, code, said } = await decrypt([released], ...signer, ...flags);
      expect(code, JSON.stringify(said)).toBe(24);
      expect(said.error?.message).toContain(`no receipt of ${deposits[2].depositId} by a given signer`);
      expect(said.error?.hint).toContain(`--at ${deposits[1].depositId}`);
      expect(existsSync(out)).toBe(false);
      const proven = await decrypt([released], ...signer, '--at', deposits[1].depositId);
      expect(proven.said).toMatchObject({ origin: 'proven' });
    },
  );

  test('--salvage of what is whole is an ordinary opening', async () => {
    const { out, code } = await decrypt([released], '--salvage');
    expect(code).toBe(0);
    await isNight(out, 2);
  });

  const verify = async (...args: string[]) => {
    const finished = await depotHere(['verify', ...args, '--key', supplier.recipientKey, '--json']);
    const { checks } = JSON.parse(finished.stdout) as { checks: { name: string; result: string }[] };
    const of = (name: string) => checks.filter((check) => check.name === name).map(({ result }) => result);
    return { code: finished.code, of, stdout: finished.stdout };
  };

  test('verify of a receipt passes only with the key proof of every deposit of its chain', async () => {
    receive();
    const receipt = join(released, `${deposits[2].depositId}.receipt.json`);
    const whole = await verify('--receipt', receipt, '--signer', supplier.signerPublic);
    expect(whole.code, whole.stdout).toBe(0);
    expect(whole.of('chain-key-proof')).toEqual(['passed']);
    rmSync(join(released, `${deposits[0].depositId}.receipt.json`));
    const without = await verify('--receipt', receipt, '--signer', supplier.signerPublic);
    expect(without.code, without.stdout).toBe(24);
    expect(without.of('chain-key-proof')).toEqual(['not possible']);
  });

  test('verify of a directory checks every suitcase, and says what it did not put together', async () => {
    receive();
    const shallow = await verify(released, '--signer', supplier.signerPublic);
    expect(shallow.code, shallow.stdout).toBe(0);
    const deep = await verify(released, '--signer', supplier.signerPublic, '--deep');
    expect(deep.code, deep.stdout).toBe(24);
    expect([deep.of('chain'), deep.of('chain-contents'), deep.of('dataset')]).toEqual([
      ['passed'],
      ['passed'],
      ['not possible'],
    ]);
    rmSync(join(released, deposits[1].suitcase));
    const missing = await verify(released, '--signer', supplier.signerPublic);
    expect(missing.code, missing.stdout).toBe(24);
    expect(missing.of('chain')).toEqual(['not possible']);
  });

  test('an increment alone says what it needs', async () => {
    const { code, said } = await decrypt([join(released, deposits[1].suitcase)]);
    expect(code).toBe(24);
    expect(said.error?.message).toContain(deposits[0].depositId);
  });

  test('another chain in the directory is left aside, and named', async () => {
    const other = await supplier.deposit(['--full']);
    copyFileSync(join(server.incoming, other.suitcase), join(released, other.suitcase));
    const { out, code, said } = await decrypt([released]);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(said).toMatchObject({ depositId: other.depositId, number: 0 });
    expect(said.leftAside?.join()).toContain(deposits[2].depositId);
    await isNight(out, 2);
  });
});

function copyAll(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}
