/**
 * Supplier and beneficiary, each with a home of its own: nothing goes from one to the other but what would really change hands (public
 * key, kit, receipt, suitcase, attestation). Every line for a shell in letter and documents is run as it stands there.
 */
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { anyDeposit, depotLines, stockLines, stockTools } from '../../src/receipt/shell-lines.js';
import { beneficiaryPage, scriptOn } from '../docs/restore-script.js';
import { makeAwkward } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { checkout, type DepotOptions, json, mustDepot, type Receipt } from '../support/cli.js';
import { Desk } from '../support/desk.js';
import { packed } from '../support/packed.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, freshPath, type KeyFiles, makeKey, Supplier } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const have = peers('sshd', 'ssh-keygen', 'gpg', 'gpgconf', 'tar', 'gzip', 'sha256sum');
const haveModern = peers('rsop');

let server: Sshd;
/** Both sides have the program as it is packed and installed. */
let installed: Pick<DepotOptions, 'script'>;
let supplier: Supplier;
let deposit: Deposit;
let desk: Desk;
/** What `kit` printed. */
let said: string;

/** A supplier of awkward data for the key on that desk, with a deposit and a kit; what a beneficiary is sent, and what the agent releases, goes to the desk. */
async function depositFor(to: Desk): Promise<{ supplier: Supplier; deposit: Deposit; said: string }> {
  const by = await Supplier.create(server, {
    beneficiaries: [{ key: readFileSync(to.key.publicKey), fingerprint: to.key.fingerprint }],
    arrangement: { compression: 'gzip' },
  });
  makeAwkward(by.data);
  const made = await by.deposit(['--rehearse'], installed);
  const kit = await by.depot(['kit', '--out', 'kit'], installed);
  expect(kit.code, kit.stderr).toBe(0);
  to.receive(join(by.directory, 'kit'));
  to.receive(server.incoming, made.suitcase);
  return { supplier: by, deposit: made, said: kit.stdout };
}

beforeAll(async () => {
  if (have === undefined) return;
  const [{ program }, started] = await Promise.all([packed(), startSshd()]);
  installed = { script: program };
  server = started;
  desk = await Desk.create('compat', program);
  ({ supplier, deposit, said } = await depositFor(desk));
  await desk.gpg.must([
    '--import',
    join(desk.directory, 'signer.public.asc'),
    join(desk.directory, 'private.secret.asc'),
  ]);
}, 300_000);

function blocks(letter: string, kind: string): string[] {
  const unescape = (html: string): string =>
    html.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
  return [...letter.matchAll(new RegExp(`<pre class="${kind}">([^<]*)</pre>`, 'g'))].map((m) => unescape(m[1]));
}

describe.skipIf(!have)('the kit', () => {
  test("holds letter, receipt, signature, cover and the signer's public key, and no private key", () => {
    const names = readdirSync(join(supplier.directory, 'kit'));
    expect(names).toEqual(
      expect.arrayContaining([
        'letter.html',
        'signer.public.asc',
        `${deposit.depositId}.receipt.json`,
        `${deposit.depositId}.receipt.json.asc`,
        `${deposit.depositId}.cover.md`,
      ]),
    );
    for (const name of names.filter((n) => n !== 'opener.html'))
      expect(readFileSync(join(supplier.directory, 'kit', name), 'utf8'), name).not.toContain('PRIVATE KEY');
    expect(readFileSync(join(supplier.directory, 'kit/signer.public.asc'), 'utf8')).toContain('PUBLIC KEY');
  });

  test('prints the three things to compare by telephone', () => {
    const grouped = (hex: string): string => hex.replace(/(.{4})(?!$)/g, '$1 ');
    expect(said).toContain(`signer     ${grouped(supplier.signer.fingerprint)}`);
    expect(said).toContain(`recipient  ${grouped(deposit.receipt.encryption.recipients[0].fingerprint)}`);
    const opener = createHash('sha256')
      .update(readFileSync(join(supplier.directory, 'kit/opener.html')))
      .digest('hex');
    expect(said).toContain(`SHA-256 ${opener}`);
  });

  test('has a letter in both languages, with the fingerprints to compare, and names as plain text', async () => {
    const letter = readFileSync(join(desk.directory, 'letter.html'), 'utf8');
    for (const language of ['nl', 'en']) expect(letter).toContain(`<section id="${language}" lang="${language}">`);
    for (const fingerprint of [supplier.signer.fingerprint, deposit.receipt.encryption.recipients[0].fingerprint])
      expect(letter).toContain(fingerprint.replace(/(.{4})(?!$)/g, '$1 '));
    const config = readFileSync(supplier.config, 'utf8');
    writeFileSync(
      supplier.config,
      config.replace('name: Acme SaaS B.V.', 'name: "Acme <img src=x onerror=alert(1)> & Co"'),
    );
    await supplier.depot(['kit', '--out', 'other']);
    writeFileSync(supplier.config, config);
    expect(readFileSync(join(supplier.directory, 'other/letter.html'), 'utf8')).not.toContain('<img');
  });

  test('has a letter and a cover whose every shell line works for the beneficiary', async () => {
    await everyLineWorks(desk, supplier, deposit);
  });

  test('overwrites nothing, and is refused before there is a deposit', async () => {
    expect((await supplier.depot(['kit', '--out', 'kit'])).code).toBe(5);
    const fresh = await Supplier.create(server);
    const none = await fresh.depot(['kit', '--out', 'kit', '--json']);
    expect(json(none).error).toMatchObject({ exit: 2, hint: expect.stringContaining('depot push') as string });
    expect(existsSync(join(fresh.directory, 'kit'))).toBe(false);
  });

  test('includes a private key only if the supplier made it, and only locked with the named passphrase', async () => {
    const pass = join(tempDir(), 'pass');
    writeFileSync(pass, 'correct horse\n', { mode: 0o600 });
    const refused = await supplier.depot(['kit', '--out', 'with-key', '--include-secret-key', pass, '--json']);
    expect(json(refused).error).toMatchObject({ exit: 2, message: expect.stringMatching(/not here/) as string });

    const own = await Supplier.create(server);
    writeFileSync(join(own.data, 'a'), 'x');
    const made = await own.deposit();
    const kit = await own.depot(['kit', '--out', 'kit', '--include-secret-key', pass]);
    expect(kit.code, kit.stderr).toBe(0);
    expect(kit.stderr).toContain('contains a private key');
    const key = join(own.directory, 'kit/private.secret.asc');
    const args = ['decrypt', join(server.incoming, made.suitcase), '--key', key, '--out'];
    expect((await own.depot([...args, freshPath(), '--json'])).code).toBe(17);
    await mustDepot([...args, freshPath(), '--passphrase-file', pass]);
  });

  test("includes an earlier signer's public key for that signer's receipt, or is refused", async () => {
    const next: KeyFiles = await makeKey(join(supplier.directory, 'keys/next'), 'Acme SaaS B.V.', 'compat');
    const config = readFileSync(supplier.config, 'utf8');
    writeFileSync(supplier.config, config.replace('keys/supplier.secret.asc', 'keys/next.secret.asc'));
    const refused = await supplier.depot(['kit', '--out', 'later', '--json']);
    expect(json(refused).error).toMatchObject({
      exit: 21,
      hint: expect.stringContaining(supplier.signer.fingerprint) as string,
    });
    const kit = await supplier.depot(['kit', '--out', 'later', '--signer', supplier.signerPublic, '--json']);
    writeFileSync(supplier.config, config);
    expect(JSON.parse(kit.stdout)).toMatchObject({
      ok: true,
      signers: [supplier.signer.fingerprint, next.fingerprint],
    });
    // Several signers at once: the one that fits counts.
    const later = join(supplier.directory, 'later');
    const both = await desk.type(
      `depot verify --receipt ${deposit.depositId}.receipt.json --signer ${later}/signer-2.public.asc --signer ${later}/signer.public.asc`,
    );
    expect(both.code, both.stdout).toBe(0);
  });
});

test.skipIf(!have || !peers('shasum'))('the lines also work with shasum -a 256, as on a Mac', async () => {
  await desk.clean();
  const done = await desk.type(filledIn(deposit.receipt).replaceAll('sha256sum', 'shasum -a 256'));
  expect(done.code, done.stderr).toBe(0);
  expect((await desk.type('shasum -a 256 opener.html')).stdout).toContain(openerDigest(desk));
});

describe.skipIf(!have || !haveModern)('a deposit that GnuPG cannot read', () => {
  test('has a letter and a cover whose every shell line works, also for a key with a passphrase', async () => {
    const modern = await Desk.create('modern', installed.script);
    const sent = await depositFor(modern);
    expect(sent.deposit.receipt.encryption.packet).toBe('SEIPDv2');
    await everyLineWorks(modern, sent.supplier, sent.deposit);

    const locked = await Desk.create('modern', installed.script, 'correct horse');
    const own = await depositFor(locked);
    const file = join(tempDir(), 'passphrase');
    writeFileSync(file, 'correct horse');
    const cover = readFileSync(join(locked.directory, own.deposit.receipt.cover.name), 'utf8');
    const inCover = [...cover.matchAll(/`(rsop decrypt --with-key-password)=[A-Z]+ (private\.secret\.asc)`/g)].map(
      (m) => `${m[1]}=${file} ${m[2]}`,
    );
    expect(inCover).toHaveLength(2);
    const done = await locked.type(
      stockLines(own.deposit.receipt).replace('rsop decrypt private.secret.asc', inCover[0]),
    );
    expect(done.code, done.stderr).toBe(0);
    expect(await differences(own.supplier.data, join(locked.directory, 'new/data/data'))).toEqual([]);
  });
});

/** The lines of the letter, which is compared by telephone: those of the cover, and the signer's fingerprint in its place. */
function filledIn(receipt: Receipt): string {
  return stockLines(receipt, stockTools(receipt).at(-1), receipt.supplier.signerFingerprint);
}

/** The lines of a deposit's own letter and cover, which are the same in both languages. */
async function everyLineWorks(at: Desk, by: Supplier, { receipt }: Deposit): Promise<void> {
  const letter = readFileSync(join(at.directory, 'letter.html'), 'utf8');
  const cover = [
    ...readFileSync(join(at.directory, receipt.cover.name), 'utf8').matchAll(/^```sh\n([^]*?)\n```$/gm),
  ].map((m) => m[1]);
  expect(cover).toEqual([depotLines(receipt), stockLines(receipt), depotLines(receipt), stockLines(receipt)]);
  for (const [kind, lines] of [
    ['digits', null],
    ['monthly', null],
    ['depot', depotLines(receipt)],
    ['stock', filledIn(receipt)],
  ] as const) {
    const found = blocks(letter, kind);
    expect(found).toHaveLength(2);
    // Dutch and English say the same lines.
    expect(found[0]).toBe(found[1]);
    if (lines !== null) expect(found[0]).toBe(lines);
    await at.clean();
    const done = await at.type(found[0]);
    expect(done.code, `${found[0]}\n${done.stdout}\n${done.stderr}`).toBe(0);
    if (lines !== null) expect(await differences(by.data, join(at.directory, 'new/data/data'))).toEqual([]);
    // What is to be compared by telephone, as the beneficiary's own computer shows it.
    if (kind === 'digits')
      for (const digits of [by.signer.fingerprint, openerDigest(at)]) expect(done.stdout).toContain(digits);
  }
}

function openerDigest(at: Desk): string {
  return createHash('sha256')
    .update(readFileSync(join(at.directory, 'opener.html')))
    .digest('hex');
}

/** The blocks for a shell in a document, with this deposit's name in them. */
function linesOf(page: string): string[] {
  return [...readFileSync(join(checkout, page), 'utf8').matchAll(/^```sh\n([^]*?)\n```$/gm)].map((m) => m[1]);
}

const spelled = (['gzip', 'zstd'] as const).map((compression) => stockLines(anyDeposit(compression)));

describe.each(['docs/format.md', 'docs/beneficiary.md', 'docs/beneficiary.nl.md'])('%s', (page) => {
  test('has the same lines for opening a deposit without depot as the cover', () => {
    const text = readFileSync(join(checkout, page), 'utf8');
    expect(
      linesOf(page)
        .filter((lines) => lines.includes('gpg -d'))
        .map((lines) => (spelled.includes(lines) ? 'as the cover' : lines)),
    ).toEqual(['as the cover']);
    expect(text.match(/gpg (?:-d|--decrypt) /g)).toHaveLength(1);
  });

  test.skipIf(!have)('has lines that work, in order, on the files that the beneficiary has', async () => {
    await desk.clean();
    writeFileSync(join(desk.directory, 'restore.sh'), scriptOn(readFileSync(beneficiaryPage, 'utf8')));
    for (const lines of linesOf(page)) {
      const block = lines
        .replaceAll('FINGERPRINT', supplier.signer.fingerprint)
        .replaceAll(/ID\.tar\.\w+\.pgp/g, deposit.suitcase)
        .replaceAll('zstd', 'gzip')
        .replaceAll('.tar.zst', '.tar.gz')
        .replaceAll(/\bID\./g, `${deposit.depositId}.`);
      const done = await desk.type(block);
      expect(done.code, `${block}\n${done.stdout}\n${done.stderr}`).toBe(0);
    }
    for (const out of ['opened', 'new', 'dataset', 'whole'])
      if (out === 'new' || page.includes('beneficiary'))
        expect(await differences(supplier.data, join(desk.directory, out, 'data/data'))).toEqual([]);
    if (!page.includes('beneficiary')) return;
    expect(linesOf(page).length).toBeGreaterThanOrEqual(6);
    // By mail: two files.
    const mail = tempDir();
    for (const name of ['proof.json', 'proof.json.asc']) copyFileSync(join(desk.directory, name), join(mail, name));
    const imported = await supplier.depot(['receipts', 'import-attestation', join(mail, 'proof.json')], installed);
    // The second page proves the same deposit within the same second, perhaps: then it is a repeat, and said to be one.
    if (imported.code !== 0) expect(imported.stderr).toContain('is a repeat');
    expect((await supplier.depot(['receipts', 'show', deposit.depositId])).stdout).toMatch(/proven +by Beneficiary 1/);
  });
});
