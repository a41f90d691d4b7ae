/** The kit of an arrangement whose deposits are built on each other, and what the beneficiary does with it. */
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { json } from '../support/cli.js';
import { Desk } from '../support/desk.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, Supplier } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const have = peers('sshd', 'ssh-keygen', 'gpg', 'gpgconf', 'bash', 'zstd', 'tar');

describe.skipIf(!have)('a kit of increments', () => {
  let server: Sshd;
  let supplier: Supplier;
  let desk: Desk;
  const deposits: Deposit[] = [];

  beforeAll(async () => {
    server = await startSshd();
    desk = await Desk.create('compat');
    supplier = await Supplier.create(server, {
      beneficiaries: [{ key: readFileSync(desk.key.publicKey), fingerprint: desk.key.fingerprint }],
      arrangement: { incremental: { agentKeeps: '90d' } },
    });
    const dump = join(supplier.data, 'dump.sql');
    writeFileSync(dump, pattern(2_000_000));
    writeFileSync(join(supplier.data, 'gone'), 'soon');
    for (const row of ['', 'second night', 'third night']) {
      appendFileSync(dump, row);
      deposits.push(await supplier.deposit());
      rmSync(join(supplier.data, 'gone'), { force: true });
    }
    const kit = await supplier.depot(['kit', '--out', 'kit']);
    expect(kit.code, kit.stderr).toBe(0);
    expect(kit.stdout).toContain('suitcases  3 to ask the agent for: see suitcases.txt');
    desk.receive(join(supplier.directory, 'kit'));
  }, 120_000);

  test('holds receipt, signature and cover of every deposit that the newest needs, and the script', () => {
    const names = readdirSync(join(supplier.directory, 'kit'));
    const wanted = deposits.flatMap(({ depositId }) =>
      ['receipt.json', 'receipt.json.asc', 'cover.md'].map((end) => `${depositId}.${end}`),
    );
    expect(names.sort()).toEqual(
      [...wanted, 'letter.html', 'opener.html', 'restore.sh', 'signer.public.asc', 'suitcases.txt'].sort(),
    );
  });

  test('has a list for the agent that names exactly the files of «receipts list --chain»', async () => {
    const newest = deposits.at(-1)!.depositId;
    const listed = json(await supplier.depot(['receipts', 'list', '--chain', newest, '--json'])) as unknown as {
      files: { name: string; bytes: number; sha256: string }[];
    };
    const text = readFileSync(join(supplier.directory, 'kit/suitcases.txt'), 'utf8');
    const named = [...text.matchAll(/^(\S+\.pgp)\n {2}(\d+) bytes\n {2}SHA-256 ([0-9a-f]{64})$/gm)].map(
      ([, name, bytes, sha256]) => ({ name, bytes: Number(bytes), sha256 }),
    );
    expect(named).toEqual(listed.files.map(({ name, bytes, sha256 }) => ({ name, bytes, sha256 })));
    const letter = readFileSync(join(supplier.directory, 'kit/letter.html'), 'utf8');
    for (const { name, sha256 } of named) {
      expect(letter.split(name)).toHaveLength(sha256 === deposits.at(-1)!.receipt.suitcase.sha256 ? 5 : 3);
      expect(letter.split(sha256)).toHaveLength(3);
    }
  });

  test('has lines in letter and cover that open the whole night from what the agent releases', async () => {
    for (const { suitcase } of deposits) desk.receive(server.incoming, suitcase);
    await desk.gpg.must(['--import', join(desk.directory, 'signer.public.asc'), desk.key.secretKey]);
    const letter = readFileSync(join(desk.directory, 'letter.html'), 'utf8');
    const cover = readFileSync(join(desk.directory, `${deposits.at(-1)!.depositId}.cover.md`), 'utf8');
    for (const kind of ['monthly', 'depot', 'stock']) {
      const blocks = [...letter.matchAll(new RegExp(`<pre class="${kind}">([^<]*)</pre>`, 'g'))].map((m) => m[1]);
      expect(blocks).toHaveLength(2);
      expect(blocks[0]).toBe(blocks[1]);
      if (kind !== 'monthly')
        expect(cover).toContain(`\`\`\`sh\n${blocks[0].replace(supplier.signer.fingerprint, 'FINGERPRINT')}\n\`\`\``);
      await desk.clean();
      const done = await desk.type(blocks[0]);
      expect(done.code, `${blocks[0]}\n${done.stdout}\n${done.stderr}`).toBe(0);
      if (kind !== 'monthly')
        expect(await differences(supplier.data, join(desk.directory, 'new/data/data'))).toEqual([]);
    }
  });

  test('says which receipt it does not have', async () => {
    const { receiptFile, depositId } = deposits[1];
    const bytes = readFileSync(receiptFile);
    rmSync(receiptFile);
    const kit = await supplier.depot(['kit', '--out', 'part', '--json']);
    writeFileSync(receiptFile, bytes, { mode: 0o600 });
    expect(json(kit)).toMatchObject({ ok: true, missing: { depositId } });
    expect(kit.stderr).toContain(`the receipt of ${depositId}, which the newest deposit is built on, is missing`);
    expect(readFileSync(join(supplier.directory, 'part/suitcases.txt'), 'utf8')).toContain(
      deposits[1].receipt.suitcase.sha256,
    );
  });
});
