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
import { basename, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { readSecretKey } from '../../src/pgp/keys.js';
import { signDetached } from '../../src/pgp/signature.js';
import { type Attestation, attestationBytes } from '../../src/receipt/attestation.js';
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
    damage(deposits[night].suitcase, 100);
    const { code, said } = await decrypt([released]);
    expect(code).toBe(21);
    expect(said.error?.message).toContain(deposits[night].suitcase);
  });

  test.each([0, 1, 2])('--salvage takes what can be read when the suitcase of night %i is missing', async (night) => {
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
    damage(deposits[2].suitcase, 1);
    const { out, code, said } = await decrypt([released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({ salvaged: { of: deposits[1].depositId, missing: [deposits[2].depositId] } });
    await isNight(`${out}.incomplete`, 1);
  });

  test.each(['with', 'without'])(
    '%s receipts, --salvage of a damaged increment after a lone full deposit gives the night of that, and says so',
    async (how) => {
      if (how === 'with') receive();
      for (const { suitcase, depositId } of deposits.slice(2))
        for (const name of [suitcase, `${depositId}.receipt.json`]) rmSync(join(released, name), { force: true });
      damage(deposits[1].suitcase, 40);
      const { out, code, said } = await decrypt([released], '--salvage', '--signer', supplier.signerPublic);
      expect(code, JSON.stringify(said)).toBe(21);
      expect(said).toMatchObject({
        ok: false,
        depositId: deposits[0].depositId,
        number: 0,
        origin: how === 'with' ? 'proven' : 'not proven',
        salvaged: {
          of: deposits[0].depositId,
          wanted: deposits[1].depositId,
          incomplete: 0,
          missing: [deposits[1].depositId],
          whole: [deposits[0].depositId],
        },
      });
      await isNight(`${out}.incomplete`, 0);
      const { stdout } = await depotHere([
        ...['decrypt', released, '--key', supplier.recipientKey, '--out', freshPath(), '--salvage'],
      ]);
      expect(stdout).toMatch(new RegExp(`^wanted +${deposits[1].depositId}, which cannot be opened`, 'm'));
      expect(stdout).toMatch(new RegExp(`^night +${deposits[0].depositId}: a full deposit`, 'm'));
      expect(stdout).not.toMatch(/^not used/m);
    },
  );

  test('--salvage without a sound full deposit gives what the increments hold, and a list of the rest', async () => {
    damage(deposits[0].suitcase, 1);
    const { out, code, said } = await decrypt([released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said).toMatchObject({
      salvaged: { of: deposits[2].depositId, missing: [deposits[0].depositId], whole: [] },
    });
    const data = `${out}.incomplete/data`;
    expect(readFileSync(join(data, 'data/folder/file'), 'utf8')).toBe('of the third night');
    expect(existsSync(join(data, 'dump.sql'))).toBe(false);
    const [dump, was] = [join(data, 'dump.sql.incomplete'), join(nights[2], 'dump.sql')].map((file) =>
      readFileSync(file),
    );
    const gaps = readFileSync(`${out}.incomplete/DEPOT/gaps.txt`, 'utf8').matchAll(
      /^data\/dump\.sql (\d+) (\d+) (.*)$/gm,
    );
    let zeros = 0;
    for (const [, offset, length, depositId] of gaps) {
      expect(depositId).toBe(deposits[0].depositId);
      was.fill(0, Number(offset), Number(offset) + Number(length));
      zeros += Number(length);
    }
    expect(zeros).toBeGreaterThan(2_900_000);
    expect(zeros).toBeLessThan(3_000_000);
    expect(dump.equals(was)).toBe(true);
  });

  test('--salvage when no suitcase is sound says so, and leaves nothing', async () => {
    for (const { suitcase } of deposits) damage(suitcase, 1);
    const { out, code, said } = await decrypt([released], '--salvage');
    expect(code, JSON.stringify(said)).toBe(21);
    expect(said.error?.message).toContain(`nothing of ${deposits[2].depositId} can be saved`);
    expect(readdirSync(join(out, '..')).filter((name) => name.startsWith(basename(out)))).toEqual([]);
  });

  test.each([{ flags: [] }, { flags: ['--salvage'] }])(
    'with --signer, a night needs a receipt: $flags',
    async ({ flags }) => {
      receive();
      rmSync(join(released, `${deposits[2].depositId}.receipt.json`));
      const signer = ['--signer', supplier.signerPublic];
      const { out, code, said } = await decrypt([released], ...signer, ...flags);
      expect(code, JSON.stringify(said)).toBe(24);
      expect(said.error?.message).toContain(`no receipt of ${deposits[2].depositId} is signed by the given signer`);
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
    return { ...finished, of };
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
    expect(without.stdout).toContain(`not of this chain: ${deposits[0].depositId} (`);
    rmSync(join(released, `${deposits[1].depositId}.receipt.json`));
    const neither = await verify('--receipt', receipt, '--signer', supplier.signerPublic);
    expect(neither.stdout).toContain(`not of this chain: ${deposits[1].depositId}, ${deposits[0].depositId} (`);
  });

  test.each(['its receipt', 'the suitcases'])(
    'an attestation of an increment, by %s, names every deposit of its chain, and is refused without a proof of each',
    async (how) => {
      receive();
      const out = freshPath('proof.json');
      const newest = join(released, `${deposits[2].depositId}.receipt.json`);
      const attested = await verify(
        ...[...(how === 'the suitcases' ? [released] : []), '--receipt', newest],
        ...['--signer', supplier.signerPublic, '--attest', out],
      );
      expect(attested.code, attested.stdout).toBe(0);
      const attestation = JSON.parse(readFileSync(out, 'utf8')) as Attestation;
      expect(attestation.schema).toBe('depot.attestation/2');
      expect(attestation.chain?.map(({ depositId, suitcaseSha256 }) => [depositId, suitcaseSha256])).toEqual(
        deposits.slice(0, 2).map(({ depositId, receipt }) => [depositId, receipt.suitcase.sha256]),
      );
      const [full, first] = attestation.chain!;
      const key = await readSecretKey(readFileSync(supplier.recipientKey));
      for (const [i, chain] of [
        [first],
        [full],
        [full, { ...first, opening: full.opening }],
        [first, full],
      ].entries()) {
        const forged = freshPath(`forged-${i}.json`);
        const bytes = attestationBytes({ ...attestation, chain });
        writeFileSync(forged, bytes);
        writeFileSync(`${forged}.asc`, await signDetached(bytes, key));
        const refused = await supplier.depot(['receipts', 'import-attestation', forged]);
        expect(refused.code, refused.stderr).toBe(21);
      }
      // Two of one second would be one that comes again.
      if (how === 'its receipt') return;
      const imported = await supplier.depot(['receipts', 'import-attestation', out]);
      expect(imported.code, imported.stderr).toBe(0);
    },
  );

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

  test('an increment alone says what is missing, before there is any output', async () => {
    receive();
    const { suitcase, depositId, receiptFile } = deposits[1];
    const { bytes, sha256 } = deposits[0].receipt.suitcase;
    const words = `${depositId} needs 2 suitcases; given: 1, missing: ${deposits[0].depositId} (${bytes} bytes, SHA-256 ${sha256})`;
    for (const proof of [[], ['--receipt', receiptFile, '--signer', supplier.signerPublic]]) {
      const out = freshPath();
      // Whoever begins to unpack stumbles over it.
      mkdirSync(`${out}.partial`);
      const finished = await depotHere([
        ...['decrypt', join(released, suitcase), '--key', supplier.recipientKey, '--out', out, '--json', ...proof],
      ]);
      expect(finished.code).toBe(24);
      expect(json(finished).error?.message).toBe(words);
    }
    const alone = await verify(join(released, suitcase), '--no-signature');
    expect(alone.code, alone.stdout).toBe(24);
    expect(alone.stdout).toContain(words);
    const deeper = await decrypt([join(released, suitcase)], '--at', depositId);
    expect(deeper.code).toBe(24);
    expect(deeper.said.error?.message).toBe(words);
  });

  test('verify of an increment alone passes with all receipts, and says that others are needed', async () => {
    receive();
    const receipt = join(released, `${deposits[2].depositId}.receipt.json`);
    const { code, of, stdout } = await verify(
      ...[join(released, deposits[2].suitcase), '--receipt', receipt, '--signer', supplier.signerPublic],
    );
    expect(code, stdout).toBe(0);
    expect(of('chain-suitcases')).toEqual(['not possible']);
    for (const { depositId } of deposits.slice(0, 2)) expect(stdout).toContain(`${depositId} (`);
    const full = await verify(join(released, deposits[0].suitcase), '--no-signature');
    expect(full.code, full.stdout).toBe(0);
    expect(full.of('chain-suitcases')).toEqual([]);
  });

  test('verify of an incomplete newest night names the newest that is whole', async () => {
    rmSync(join(released, deposits[1].suitcase));
    const { code, stderr } = await depotHere(['verify', released, '--no-signature', '--key', supplier.recipientKey]);
    expect(code).toBe(24);
    expect(stderr).toContain(`--at ${deposits[0].depositId}`);
  });

  test('other files in the directory are no deposits: restore.sh is silent, what else is not OpenPGP is named', async () => {
    receive();
    writeFileSync(join(released, 'restore.sh'), '#!/bin/sh\n');
    writeFileSync(join(released, 'setup.exe'), 'MZ');
    const { out, code, said, stderr } = await decrypt([released]);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(stderr + JSON.stringify(said)).toContain('skipped: setup.exe');
    expect(stderr + JSON.stringify(said)).not.toContain('restore.sh');
    await isNight(out, 2);
    for (const name of ['restore.sh', 'setup.exe']) rmSync(join(released, name));
  });

  test('another chain in the directory is not used, and named', async () => {
    const other = await supplier.deposit(['--full']);
    copyFileSync(join(server.incoming, other.suitcase), join(released, other.suitcase));
    const { out, code, said } = await decrypt([released]);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(said).toMatchObject({ depositId: other.depositId, number: 0 });
    expect(said.leftAside?.join()).toContain(deposits[2].depositId);
    await isNight(out, 2);
    const verified = await verify(released, '--no-signature');
    expect(json(verified)).toMatchObject({ depositId: other.depositId, number: 0, leftAside: said.leftAside });
    const { stdout } = await depotHere(['verify', released, '--no-signature', '--key', supplier.recipientKey]);
    expect(stdout).toMatch(new RegExp(`^night +${other.depositId}: a full deposit`, 'm'));
    expect(stdout).toMatch(new RegExp(`^not used +${deposits[2].depositId}`, 'm'));
  });
});

function copyAll(from: string, to: string): void {
  execFileSync('cp', ['-a', from, to]);
}
