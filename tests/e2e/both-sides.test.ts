/**
 * Supplier and beneficiary, each with a home of its own: nothing goes from one to the other but what would really change hands (public
 * key, kit, receipt, suitcase, attestation). Every line for a shell in letter and documents is run as it stands there.
 */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAwkward } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, checkout, depotScript, json, mustDepot } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { peers } from '../support/peers.js';
import { type Finished, mustRun, run } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Deposit, freshPath, type KeyFiles, makeKey, Supplier } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const have = peers('sshd', 'ssh-keygen', 'gpg', 'gpgconf', 'tar', 'gzip', 'sha256sum');

let server: Sshd;
let supplier: Supplier;
let deposit: Deposit;
/** The beneficiary's desk: its key lies here, and what it is sent is put here. */
let desk: string;
let gpg: Gnupg;
let path: string;
/** What `kit` printed. */
let said: string;

beforeAll(async () => {
  if (have === undefined) return;
  server = await startSshd();
  desk = tempDir('depot-desk');
  gpg = Gnupg.create();
  const key = await makeKey(join(desk, 'private'), 'Gemeente Voorbeeld', 'compat');
  supplier = await Supplier.create(server, { beneficiaries: [{ key: readFileSync(key.publicKey), fingerprint: key.fingerprint }], arrangement: { compression: 'gzip' } });
  makeAwkward(supplier.data);
  deposit = await supplier.deposit(['--rehearse']);
  await supplier.depot(['kit', '--out', 'kit']).then((made) => {
    expect(made.code, made.stderr).toBe(0);
    said = made.stdout;
  });
  for (const name of readdirSync(join(supplier.directory, 'kit'))) copyFileSync(join(supplier.directory, 'kit', name), join(desk, name));
  copyFileSync(join(server.incoming, deposit.suitcase), join(desk, deposit.suitcase));
  // An installed depot is a name on the path.
  path = join(tempDir(), 'bin');
  mkdirSync(path);
  writeFileSync(join(path, 'depot'), `#!/bin/sh\nexec '${process.execPath}' '${depotScript}' "$@"\n`);
  chmodSync(join(path, 'depot'), 0o755);
});

/** Lines for a shell, at the beneficiary's desk. GnuPG is told to trust what its user has compared, which a person does at a prompt. */
function atDesk(lines: string): Promise<Finished> {
  writeFileSync(join(gpg.home, 'gpg.conf'), 'batch\ntrust-model always\n');
  return run('bash', ['-c', lines], { cwd: desk, env: bareEnvironment({ GNUPGHOME: gpg.home, HOME: tempDir(), PATH: `${path}:${process.env['PATH'] ?? ''}` }) });
}

async function clean(): Promise<void> {
  await mustRun('rm', ['-rf', 'new', 'opened', 'proof.json', 'proof.json.asc'], { cwd: desk });
}

function blocks(letter: string, kind: string): string[] {
  const unescape = (html: string): string => html.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
  return [...letter.matchAll(new RegExp(`<pre class="${kind}">([^<]*)</pre>`, 'g'))].map((m) => unescape(m[1]));
}

describe.skipIf(!have)('the kit', () => {
  test('holds letter, receipt, signature, cover and the signer\'s public key, and no private key', () => {
    const names = readdirSync(join(supplier.directory, 'kit'));
    expect(names).toEqual(expect.arrayContaining(['letter.html', 'signer.public.asc', `${deposit.depositId}.receipt.json`, `${deposit.depositId}.receipt.json.asc`, `${deposit.depositId}.cover.md`]));
    for (const name of names.filter((n) => n !== 'opener.html')) expect(readFileSync(join(supplier.directory, 'kit', name), 'utf8'), name).not.toContain('PRIVATE KEY');
    expect(readFileSync(join(supplier.directory, 'kit/signer.public.asc'), 'utf8')).toContain('PUBLIC KEY');
  });

  test('prints the three things to compare by telephone', () => {
    const grouped = (hex: string): string => hex.replace(/(.{4})(?!$)/g, '$1 ');
    expect(said).toContain(`signer     ${grouped(supplier.signer.fingerprint)}`);
    expect(said).toContain(`recipient  ${grouped(deposit.receipt.encryption.recipients[0].fingerprint)}`);
    const opener = createHash('sha256').update(readFileSync(join(supplier.directory, 'kit/opener.html'))).digest('hex');
    expect(said).toContain(`SHA-256 ${opener}`);
  });

  test('its letter has both languages, the fingerprints to compare, and names as text', async () => {
    const letter = readFileSync(join(desk, 'letter.html'), 'utf8');
    for (const language of ['nl', 'en']) expect(letter).toContain(`<section id="${language}" lang="${language}">`);
    for (const fingerprint of [supplier.signer.fingerprint, deposit.receipt.encryption.recipients[0].fingerprint]) expect(letter).toContain(fingerprint.replace(/(.{4})(?!$)/g, '$1 '));
    const config = readFileSync(supplier.config, 'utf8');
    writeFileSync(supplier.config, config.replace('name: Acme SaaS B.V.', 'name: "Acme <img src=x onerror=alert(1)> & Co"'));
    await supplier.depot(['kit', '--out', 'other']);
    writeFileSync(supplier.config, config);
    expect(readFileSync(join(supplier.directory, 'other/letter.html'), 'utf8')).not.toContain('<img');
  });

  test('every line of the letter works at the beneficiary\'s desk', async () => {
    await gpg.must(['--import', join(desk, 'signer.public.asc'), join(desk, 'private.secret.asc')]);
    const letter = readFileSync(join(desk, 'letter.html'), 'utf8');
    for (const kind of ['monthly', 'depot', 'stock']) {
      const found = blocks(letter, kind);
      expect(found).toHaveLength(2);
      // Dutch and English say the same lines.
      expect(found[0]).toBe(found[1]);
      await clean();
      const done = await atDesk(found[0]);
      expect(done.code, `${found[0]}\n${done.stdout}\n${done.stderr}`).toBe(0);
      if (kind !== 'monthly') expect(await differences(supplier.data, join(desk, 'new/data/data'))).toEqual([]);
    }
  });

  test('never over anything, and not before there is a deposit', async () => {
    expect((await supplier.depot(['kit', '--out', 'kit'])).code).toBe(5);
    const fresh = await Supplier.create(server);
    const none = await fresh.depot(['kit', '--out', 'kit', '--json']);
    expect(json(none).error).toMatchObject({ exit: 2, hint: expect.stringContaining('depot push') as string });
    expect(existsSync(join(fresh.directory, 'kit'))).toBe(false);
  });

  test('a private key goes along only where the supplier made it, and only locked with the named passphrase', async () => {
    const pass = join(tempDir(), 'pass');
    writeFileSync(pass, 'correct horse\n', { mode: 0o600 });
    const refused = await supplier.depot(['kit', '--out', 'with-key', '--include-secret-key', pass, '--json']);
    expect(json(refused).error).toMatchObject({ exit: 2, message: expect.stringMatching(/not here/) as string });

    const own = await Supplier.create(server);
    writeFileSync(join(own.data, 'a'), 'x');
    const made = await own.deposit();
    const kit = await own.depot(['kit', '--out', 'kit', '--include-secret-key', pass]);
    expect(kit.code, kit.stderr).toBe(0);
    expect(kit.stderr).toContain('holds a private key');
    const key = join(own.directory, 'kit/private.secret.asc');
    const args = ['decrypt', join(server.incoming, made.suitcase), '--key', key, '--out'];
    expect((await own.depot([...args, freshPath(), '--json'])).code).toBe(17);
    await mustDepot([...args, freshPath(), '--passphrase-file', pass]);
  });

  test('a receipt of an earlier signer: its public key goes along, or the kit is refused', async () => {
    const next: KeyFiles = await makeKey(join(supplier.directory, 'keys/next'), 'Acme SaaS B.V.', 'compat');
    const config = readFileSync(supplier.config, 'utf8');
    writeFileSync(supplier.config, config.replace('keys/supplier.secret.asc', 'keys/next.secret.asc'));
    const refused = await supplier.depot(['kit', '--out', 'later', '--json']);
    expect(json(refused).error).toMatchObject({ exit: 21, hint: expect.stringContaining(supplier.signer.fingerprint) as string });
    const kit = await supplier.depot(['kit', '--out', 'later', '--signer', supplier.signerPublic, '--json']);
    writeFileSync(supplier.config, config);
    expect(JSON.parse(kit.stdout)).toMatchObject({ ok: true, signers: [supplier.signer.fingerprint, next.fingerprint] });
    // Several signers at once: the one that fits counts.
    const later = join(supplier.directory, 'later');
    const both = await atDesk(`depot verify --receipt ${deposit.depositId}.receipt.json --signer ${later}/signer-2.public.asc --signer ${later}/signer.public.asc`);
    expect(both.code, both.stdout).toBe(0);
  });
});

describe.skipIf(!have).each(['beneficiary.md', 'beneficiary.nl.md'])('docs/%s', (page) => {
  test('its lines work in their order on what the beneficiary has, and the supplier takes the attestation', async () => {
    await clean();
    const text = readFileSync(join(checkout, 'docs', page), 'utf8');
    const lines = [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map((m) => m[1].replaceAll('ID.tar.gz.pgp', deposit.suitcase).replace(/\bID\./g, `${deposit.depositId}.`));
    expect(lines.length).toBeGreaterThanOrEqual(5);
    for (const block of lines) {
      const done = await atDesk(block);
      expect(done.code, `${block}\n${done.stdout}\n${done.stderr}`).toBe(0);
    }
    for (const out of ['opened', 'new']) expect(await differences(supplier.data, join(desk, out, 'data/data'))).toEqual([]);
    // By mail: two files.
    const mail = tempDir();
    for (const name of ['proof.json', 'proof.json.asc']) copyFileSync(join(desk, name), join(mail, name));
    const imported = await supplier.depot(['receipts', 'import-attestation', join(mail, 'proof.json')]);
    // The second page proves the same deposit within the same second, perhaps: then it is a repetition, and said to be one.
    if (imported.code !== 0) expect(imported.stderr).toContain('is a repetition');
    expect((await supplier.depot(['receipts', 'show', deposit.depositId])).stdout).toMatch(/proven +by Beneficiary 1/);
  });
});
