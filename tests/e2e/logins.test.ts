import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { json } from '../support/cli.js';
import { asRoot, peer, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type SshdOptions, startSshd } from '../support/sshd.js';
import { freshPath, Supplier, type SupplierOptions } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const ssh = peers('sshd', 'ssh-keygen');
const root = asRoot();
/** The agent's job: everything whose upload is complete is taken away at once. */
const complete = (name: string) => !name.startsWith('.');

async function depositAs(serverOptions: SshdOptions, options: SupplierOptions = {}) {
  const server = await startSshd(serverOptions);
  const supplier = await Supplier.create(server, options);
  writeFileSync(join(supplier.data, 'customers.csv'), 'id;name\n1;Gemeente Voorbeeld\n');
  writeFileSync(join(supplier.data, 'scan.bin'), pattern(300_000));
  const deposit = await supplier.deposit();
  return { server, supplier, deposit };
}

/** Verifies and opens what lies at the agent, with the receipt, as the beneficiary does. */
async function checkOpens(suitcase: string, supplier: Supplier, receiptFile: string) {
  const proof = ['--receipt', receiptFile, '--signer', supplier.signerPublic, '--key', supplier.recipientKey];
  const verified = await supplier.depot(['verify', suitcase, ...proof, '--deep', '--json']);
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
  expect(json(verified)).toMatchObject({ ok: true, result: 'passed' });
  const out = freshPath();
  const opened = await supplier.depot(['decrypt', suitcase, ...proof, '--out', out]);
  expect(opened.code, opened.stderr).toBe(0);
  expect(await differences(supplier.data, join(out, 'data/data'))).toEqual([]);
}

describe.skipIf(!ssh)('a deposit on a real OpenSSH server', () => {
  test('with a key: suitcase, cover, signature and receipt arrive, and the suitcase opens', async () => {
    const { server, supplier, deposit } = await depositAs({ login: 'key' });
    const id = deposit.depositId;
    expect(id).toMatch(/^acme-crm_\d{8}T\d{6}Z_[0-9a-f]{16}$/);
    expect(server.names()).toEqual(
      [`${id}.cover.md`, `${id}.receipt.json`, `${id}.receipt.json.asc`, deposit.suitcase].sort(),
    );
    expect(deposit.suitcase).toMatch(new RegExp(`^${id}\\.tar(\\.zst|\\.gz)?\\.pgp$`));
    expect(deposit.receipt.transfer).toMatchObject({
      status: 'acknowledged',
      remoteSize: 'matched',
      durability: 'fsynced',
    });
    expect(deposit.receipt.dataset).toMatchObject({ complete: true });
    await checkOpens(join(server.incoming, deposit.suitcase), supplier, deposit.receiptFile);
  });

  test.skipIf(!root)('with a password, in a chroot, where finished files are moved away at once', async () => {
    const { server, supplier, deposit } = await depositAs(
      { login: 'password', chroot: true, mover: complete },
      { login: 'password' },
    );
    expect(server.names()).toEqual([]);
    expect(server.collectedNames()).toContain(deposit.suitcase);
    expect(server.collectedNames()).toHaveLength(4);
    await checkOpens(join(server.collected, deposit.suitcase), supplier, deposit.receiptFile);
  });

  test.skipIf(!root)('with a password that the server asks for by keyboard-interactive', async () => {
    const { server, deposit } = await depositAs({ login: 'keyboard-interactive' }, { login: 'password' });
    expect(server.names()).toContain(deposit.suitcase);
  });

  test('with an encrypted key, whose passphrase comes from a file', async () => {
    const server = await startSshd({ login: 'key' });
    const supplier = await Supplier.create(server, { remote: { privateKeyPassphraseFile: 'secrets/key' } });
    writeFileSync(join(supplier.data, 'x'), 'x');
    const key = join(supplier.directory, 'keys/ssh');
    await mustRun('ssh-keygen', ['-p', '-q', '-f', key, '-P', '', '-N', 'the passphrase of the key']);
    writeFileSync(join(supplier.directory, 'secrets/key'), 'not this one\n', { mode: 0o600 });
    const refused = await supplier.push();
    expect(refused.code).toBe(17);
    expect(refused.result.error).toMatchObject({ code: 'passphrase-wrong', published: 'no' });
    expect(server.names()).toEqual([]);
    writeFileSync(join(supplier.directory, 'secrets/key'), 'the passphrase of the key\n', { mode: 0o600 });
    expect(server.names()).toEqual([]);
    await supplier.deposit();
  });

  // Only the built program shows whether what it loads for this is put together rightly.
  test.skipIf(!peer('puttygen'))('with an encrypted key of PuTTY', async () => {
    const server = await startSshd({ login: 'key' });
    const remote = { privateKey: 'keys/ssh.ppk', privateKeyPassphraseFile: 'secrets/key' };
    const supplier = await Supplier.create(server, { remote });
    writeFileSync(join(supplier.data, 'x'), 'x');
    const file = join(supplier.directory, 'secrets/key');
    const passphrase = (text: string): void => writeFileSync(file, `${text}\n`, { mode: 0o600 });
    passphrase('the passphrase of the key');
    const [key, ppk] = [join(supplier.directory, 'keys/ssh'), join(supplier.directory, 'keys/ssh.ppk')];
    await mustRun('puttygen', [key, '-q', '-O', 'private', '-o', ppk, '--new-passphrase', file]);
    expect(readFileSync(ppk, 'utf8')).toContain('Key-Derivation: Argon2id');
    await supplier.deposit();
    passphrase('not this one');
    const refused = await supplier.push();
    expect(refused.result.error).toMatchObject({ code: 'passphrase-wrong', published: 'no' });
  });
});
