/** The supplier hears from the beneficiary that its key opens a deposit, and believes nothing that it cannot check. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readSecretKey } from '../../src/pgp/keys.js';
import { signDetached } from '../../src/pgp/signature.js';
import { attestationBytes, type Attestation } from '../../src/receipt/attestation.js';
import { tempDir } from '../support/cleanup.js';
import { depot, json, mustDepot } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, freshPath, type KeyFiles, makeKey, Supplier } from '../support/supplier.js';

const have = peers('sshd', 'ssh-keygen');
const gnupg = peers('gpg', 'gpgconf');

let server: Sshd;
let supplier: Supplier;
let key: KeyFiles;
let first: Deposit;
let second: Deposit;

/** What `--json` says about a refusal. */
async function refusal(args: readonly string[], by = supplier): Promise<{ exit: number; message: string }> {
  const result = await by.depot(['receipts', 'import-attestation', ...args, '--json']);
  expect(result.code, result.stdout).not.toBe(0);
  return json(result).error!;
}

async function attest(deposit: Deposit, more: string[] = [], out = freshPath('proof.json')): Promise<string> {
  await mustDepot([
    ...['verify', '--receipt', deposit.receiptFile, '--signer', supplier.signerPublic],
    ...['--key', key.secretKey, '--attest', out, ...more],
  ]);
  return out;
}

/** An attestation that was changed and then properly signed by `signer`. */
async function forged(from: string, changes: Partial<Attestation>, signer: KeyFiles): Promise<string> {
  const bytes = attestationBytes({ ...(JSON.parse(readFileSync(from, 'utf8')) as Attestation), ...changes });
  const out = freshPath('forged.json');
  writeFileSync(out, bytes);
  writeFileSync(`${out}.asc`, await signDetached(bytes, await readSecretKey(readFileSync(signer.secretKey))));
  return out;
}

describe.skipIf(!have)('attestation', () => {
  beforeAll(async () => {
    server = await startSshd();
    key = await makeKey(join(tempDir(), 'voorbeeld'), 'Gemeente Voorbeeld', 'compat');
    supplier = await Supplier.create(server, {
      beneficiaries: [{ key: readFileSync(key.publicKey), fingerprint: key.fingerprint }],
    });
    writeFileSync(join(supplier.data, 'a'), 'contents');
    first = await supplier.deposit();
    second = await supplier.deposit();
  });

  test('needs only receipt and key; once imported, receipts show, list and status say by whom and when', async () => {
    const proof = await attest(first, ['--agent-sha256', first.receipt.suitcase.sha256]);
    const imported = await supplier.depot(['receipts', 'import-attestation', proof]);
    expect(imported.code, imported.stderr).toBe(0);
    expect(imported.stdout).toMatch(/proven .*by Beneficiary 1 \(\w{4}…\w{4}\) on \d{4}-\d\d-\d\d/);
    expect(imported.stdout).toContain(
      'gave the SHA-256 in the receipt; that shows that it has the file only if it computed the digits from the file',
    );
    expect(supplier.stateFiles()).toEqual(
      expect.arrayContaining([`${first.depositId}.attestation.json`, `${first.depositId}.attestation.json.asc`]),
    );
    expect(readFileSync(join(supplier.state, 'acme-crm', `${first.depositId}.attestation.json`))).toEqual(
      readFileSync(proof),
    );

    const shown = await supplier.depot(['receipts', 'show', first.depositId]);
    expect(shown.stdout).toMatch(/proven +by Beneficiary 1/);
    const listed = JSON.parse((await supplier.depot(['receipts', 'list', '--json'])).stdout) as {
      deposits: { depositId: string; proven: { keyFingerprint: string; selfAttested: boolean }[] }[];
    };
    expect(listed.deposits.map((d) => d.proven.length)).toEqual([1, 0]);
    expect(listed.deposits[0].proven[0]).toMatchObject({ keyFingerprint: key.fingerprint, selfAttested: false });
    const status = JSON.parse((await supplier.depot(['status', '--json'])).stdout) as {
      arrangements: { proven: object }[];
    };
    expect(status.arrangements[0].proven).toMatchObject({
      depositId: first.depositId,
      beneficiary: 'Beneficiary 1',
      selfAttested: false,
    });
    expect((await supplier.depot(['status'])).stdout).toMatch(/PROVEN[^]*\d{4}-\d\d-\d\d by Beneficiary 1/);
    expect((await supplier.depot(['receipts', 'verify'])).code).toBe(0);
  });

  test('can use the suitcase too, and a newer one of the same key is kept beside the first', async () => {
    const proof = freshPath('proof.json');
    await mustDepot([
      'verify',
      join(server.incoming, second.suitcase),
      '--receipt',
      second.receiptFile,
      '--signer',
      supplier.signerPublic,
      '--key',
      key.secretKey,
      '--attest',
      proof,
      '--deep',
    ]);
    expect((JSON.parse(readFileSync(proof, 'utf8')) as Attestation).checks).toContainEqual({
      name: 'contents',
      result: 'passed',
    });
    await supplier.depot(['receipts', 'import-attestation', proof]).then(({ code, stderr }) => {
      expect(code, stderr).toBe(0);
    });
    const later = await forged(
      proof,
      { attestedAt: `${new Date(Date.now() + 60_000).toISOString().slice(0, 19)}Z` },
      key,
    );
    expect((await supplier.depot(['receipts', 'import-attestation', later])).code).toBe(0);
    expect(supplier.stateFiles()).toContain(`${second.depositId}.attestation.2.json`);
  });

  test('overwrites nothing, and is not written if a check fails or is missing', async () => {
    const out = freshPath('proof.json');
    const other = await makeKey(join(tempDir(), 'other'), 'Another', 'compat');
    const wrong = await depot([
      'verify',
      '--receipt',
      first.receiptFile,
      '--signer',
      supplier.signerPublic,
      '--key',
      other.secretKey,
      '--attest',
      out,
    ]);
    expect(wrong.code).toBe(22);
    expect(wrong.stdout).toContain('no proof was written');
    const unsigned = await depot(['verify', '--receipt', first.receiptFile, '--key', key.secretKey, '--attest', out]);
    expect(unsigned.code).toBe(2);
    expect(existsSync(out) || existsSync(`${out}.asc`)).toBe(false);
    writeFileSync(`${out}.asc`, 'mine');
    expect(
      (
        await depot([
          'verify',
          '--receipt',
          first.receiptFile,
          '--signer',
          supplier.signerPublic,
          '--key',
          key.secretKey,
          '--attest',
          out,
        ])
      ).code,
    ).toBe(5);
    expect(readFileSync(`${out}.asc`, 'utf8')).toBe('mine');
  });

  test('is refused, with the reason, if it was edited, signed by the wrong key, for another deposit, or replayed', async () => {
    const third = await supplier.deposit();
    const proof = await attest(third);
    const other = await makeKey(join(tempDir(), 'other'), 'Another', 'compat');

    const edited = freshPath('edited.json');
    writeFileSync(edited, readFileSync(proof, 'utf8').replace(/"attestedAt": "\d{4}/, '"attestedAt": "2029'));
    copyFileSync(`${proof}.asc`, `${edited}.asc`);
    expect(await refusal([edited])).toMatchObject({ exit: 21, message: expect.stringMatching(/changed/) as string });

    expect(await refusal([await forged(proof, {}, other)])).toMatchObject({
      exit: 21,
      message: expect.stringMatching(/none of the given signers/) as string,
    });
    expect(
      await refusal([
        await forged(proof, { keyFingerprint: other.fingerprint, subkeyFingerprint: other.fingerprint }, other),
      ]),
    ).toMatchObject({ exit: 21, message: expect.stringMatching(/not sealed for key/) as string });

    // The proof of one deposit, said to be of another; then with everything but the opening taken from that other one.
    expect(await refusal([await forged(proof, { depositId: first.depositId }, key)])).toMatchObject({
      exit: 21,
      message: expect.stringMatching(/different receipt/) as string,
    });
    const ofFirst = JSON.parse(readFileSync(await attest(first), 'utf8')) as Attestation;
    const { opening } = JSON.parse(readFileSync(proof, 'utf8')) as Attestation;
    expect(await refusal([await forged(proof, { ...ofFirst, opening }, key)])).toMatchObject({
      exit: 21,
      message: expect.stringMatching(/proof in it does not fit the deposit/) as string,
    });
    expect(await refusal([await forged(proof, { suitcaseSha256: first.receipt.suitcase.sha256 }, key)])).toMatchObject({
      exit: 21,
      message: expect.stringMatching(/suitcase/) as string,
    });
    expect(await refusal([await forged(proof, { agentSha256: '00'.repeat(32) }, key)])).toMatchObject({
      exit: 21,
      message: expect.stringMatching(/agent/) as string,
    });
    expect(await refusal([await forged(proof, { attestedAt: '2039-01-01T00:00:00Z' }, key)])).toMatchObject({
      exit: 21,
      message: expect.stringMatching(/future/) as string,
    });
    expect(await refusal([await forged(proof, { attestedAt: '2019-01-01T00:00:00Z' }, key)])).toMatchObject({
      exit: 21,
      message: expect.stringMatching(/before the deposit/) as string,
    });
    expect(
      await refusal([await forged(proof, { depositId: 'acme-crm_20200101T000000Z_0000000000000000' }, key)]),
    ).toMatchObject({ exit: 2 });

    expect(
      supplier.stateFiles().filter((name) => name.includes(third.depositId) && name.includes('attestation')),
    ).toEqual([]);
    expect((await supplier.depot(['receipts', 'import-attestation', proof])).code).toBe(0);
    const filed = supplier.stateFiles();
    const again = await supplier.depot(['receipts', 'import-attestation', proof]);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('already')]);
    expect(supplier.stateFiles()).toEqual(filed);
    // A later one must not make an older one count as news.
    const older = await forged(
      proof,
      { attestedAt: `${new Date(Date.now() - 120_000).toISOString().slice(0, 19)}Z` },
      key,
    );
    expect(await refusal([older])).toMatchObject({ exit: 21, message: expect.stringMatching(/is a repeat/) as string });
  });

  test('is signed by another key of the beneficiary, pinned by the supplier, if the first cannot sign', async () => {
    const deposit = await supplier.deposit();
    const lawyer = await makeKey(join(tempDir(), 'lawyer'), 'Lawyer', 'compat');
    // What the supplier has of it.
    const published = join(tempDir(), 'lawyer.public.asc');
    copyFileSync(lawyer.publicKey, published);
    const proof = await attest(deposit, ['--sign-with', lawyer.secretKey]);
    expect((await refusal([proof])).message).toMatch(/none of the given signers/);
    expect((await refusal([proof, '--signer', published])).message).toMatch(/none of the given signers/);
    expect((await refusal([proof, '--signer', published, '--fingerprint', 'A'.repeat(40)])).exit).toBe(21);
    const before = readFileSync(supplier.config, 'utf8');
    const moved = before.replace(/^( *signingKey: ).*$/m, '$1gone.secret.asc');
    expect(moved).not.toBe(before);
    writeFileSync(supplier.config, moved);
    const imported = await supplier.depot([
      'receipts',
      'import-attestation',
      proof,
      '--signer',
      published,
      '--fingerprint',
      lawyer.fingerprint,
      '--json',
    ]);
    writeFileSync(supplier.config, before);
    expect(imported.code, imported.stdout).toBe(0);
    expect(JSON.parse(imported.stdout)).toMatchObject({ signedBy: lawyer.fingerprint, selfAttested: false });
    // That the supplier's own key did not sign it cannot be known without that key.
    expect(imported.stdout + imported.stderr).toContain(
      'whether your own signing key made this attestation was not checked',
    );
  });

  test('is called self-attested if the supplier made the key: its private part is here, or depot.yaml says so', async () => {
    const own = await Supplier.create(server);
    writeFileSync(join(own.data, 'a'), 'x');
    const deposit = await own.deposit();
    const proof = freshPath('proof.json');
    await mustDepot([
      'verify',
      '--receipt',
      deposit.receiptFile,
      '--signer',
      own.signerPublic,
      '--key',
      own.recipientKey,
      '--attest',
      proof,
    ]);
    const imported = await own.depot(['receipts', 'import-attestation', proof]);
    expect(imported.stdout).toMatch(/self-attested on .*the supplier made the key/);
    expect((await own.depot(['status'])).stdout).toMatch(/self-attested/);

    // Also when that key was exchanged for the beneficiary's own since, and by whatever file it is given.
    for (const signer of [own.recipientKey.replace('.secret.', '.public.'), own.recipientKey]) {
      const earlier = await own.deposit();
      const late = freshPath('late.json');
      await mustDepot([
        'verify',
        '--receipt',
        earlier.receiptFile,
        '--signer',
        own.signerPublic,
        '--key',
        own.recipientKey,
        '--attest',
        late,
      ]);
      const before = readFileSync(own.config, 'utf8');
      const document = parse(before) as {
        arrangements: Record<string, { beneficiaries: { key: string; fingerprint: string }[] }>;
      };
      Object.assign(document.arrangements['acme-crm'].beneficiaries[0], {
        key: key.publicKey,
        fingerprint: key.fingerprint,
      });
      writeFileSync(own.config, stringify(document));
      const exchanged = await own.depot(['receipts', 'import-attestation', late, '--signer', signer, '--json']);
      writeFileSync(own.config, before);
      expect(JSON.parse(exchanged.stdout)).toMatchObject({ ok: true, beneficiary: null, selfAttested: true });
    }

    const said = readFileSync(supplier.config, 'utf8');
    writeFileSync(supplier.config, said.replace(/(fingerprint: "?[0-9A-F]{40}"?)/, '$1\n        keyMadeBy: supplier'));
    const again = await supplier.deposit();
    const second = await supplier.depot(['receipts', 'import-attestation', await attest(again), '--json']);
    writeFileSync(supplier.config, said);
    expect(JSON.parse(second.stdout)).toMatchObject({ ok: true, selfAttested: true });
  });

  test.skipIf(!gnupg)(
    'works with --gpg for a key in GnuPG (prove, attest, verify, open), and the session key is shown nowhere',
    async () => {
      const gpg = Gnupg.create();
      const fingerprint = await gpg.generate({ kind: 'rsa2048' });
      const theirs = await Supplier.create(server, {
        beneficiaries: [{ key: await gpg.exportPublic(fingerprint), fingerprint }],
      });
      writeFileSync(join(theirs.data, 'a'), 'for a smart card');
      const deposit = await theirs.deposit();
      const env = { GNUPGHOME: gpg.home };
      const proof = freshPath('proof.json');
      const verified = await depot(
        ['verify', '--receipt', deposit.receiptFile, '--signer', theirs.signerPublic, '--gpg', '--attest', proof],
        { env },
      );
      expect(verified.code, verified.stdout + verified.stderr).toBe(0);
      expect(verified.stdout).toMatch(/key-proof +key [0-9A-F]{40} opens deposit \S+ with its subkey [0-9A-F]{40}/);
      expect(verified.stdout + verified.stderr).not.toMatch(/session key: '|[0-9A-F]{64}/);
      const imported = await theirs.depot(['receipts', 'import-attestation', proof, '--json']);
      expect(JSON.parse(imported.stdout)).toMatchObject({
        ok: true,
        signedBy: fingerprint,
        keyFingerprint: fingerprint,
      });

      const suitcase = join(server.incoming, deposit.suitcase);
      const deep = await depot(
        ['verify', suitcase, '--receipt', deposit.receiptFile, '--signer', theirs.signerPublic, '--gpg', '--deep'],
        { env },
      );
      expect(deep.code, deep.stdout + deep.stderr).toBe(0);
      const out = freshPath();
      expect((await depot(['decrypt', suitcase, '--gpg', '--out', out], { env })).code).toBe(0);
      expect(readFileSync(join(out, 'data/data/a'), 'utf8')).toBe('for a smart card');

      const stranger = { GNUPGHOME: Gnupg.create().home };
      const none = await depot(
        ['verify', '--receipt', deposit.receiptFile, '--signer', theirs.signerPublic, '--gpg', '--json'],
        { env: stranger },
      );
      expect(none.code).toBe(22);
      const empty = tempDir();
      mkdirSync(join(empty, 'bin'));
      expect(
        json(
          await depot(['decrypt', suitcase, '--gpg', '--out', freshPath(), '--json'], {
            env: { ...env, PATH: join(empty, 'bin') },
          }),
        ).error,
      ).toMatchObject({ exit: 5, message: expect.stringMatching(/gpg could not be started/) as string });
    },
  );

  test('for a modern deposit with --gpg, verify calls the key proof not checked, not failed', async () => {
    const modern = await Supplier.create(server, { profile: 'modern' });
    writeFileSync(join(modern.data, 'a'), 'x');
    const deposit = await modern.deposit();
    const verified = await depot([
      'verify',
      '--receipt',
      deposit.receiptFile,
      '--signer',
      modern.signerPublic,
      '--gpg',
    ]);
    expect(verified.code).toBe(24);
    expect(verified.stdout).toMatch(/key-proof +not checked: this deposit is modern/);
    expect(
      (await depot(['decrypt', join(server.incoming, deposit.suitcase), '--gpg', '--out', freshPath()])).code,
    ).toBe(2);
  });
});
