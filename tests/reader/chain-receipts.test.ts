/** Receipts in a directory of suitcases that do not count, and what is said of them. */
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { ChainFolder, type SealedNight } from '../support/chain-folder.js';
import { tempDir } from '../support/cleanup.js';
import type { FileNode, Tree } from '../support/chain-tree.js';
import { json } from '../support/cli.js';
import { Receiver, signAnyway } from '../support/hostile-suitcase.js';
import { depotHere } from '../support/in-process.js';
import { freshPath } from '../support/supplier.js';

const mtimeNs = 1_700_000_000_000_000_000n;
const night = (content: string): Tree =>
  new Map<string, FileNode>([
    ['data/crm', { type: 'directory', mode: 0o755, mtimeNs }],
    ['data/crm/a', { type: 'file', mode: 0o644, mtimeNs, content: Buffer.from(content) }],
  ]);

let receiver: Receiver;
let full: SealedNight;
let second: SealedNight;
let third: SealedNight;
let folder: string;

beforeEach(async () => {
  receiver = await Receiver.create();
  const chain = new ChainFolder(receiver, ['crm']);
  full = await chain.add(night('one'));
  second = await chain.add(night('two'));
  third = await chain.add(night('three'));
  folder = dirname(third.file);
});

const tamper = ({ receiptFile }: SealedNight): void =>
  writeFileSync(receiptFile, readFileSync(receiptFile, 'utf8').replace('Acme SaaS', 'Acme Saas'));

async function decrypt(args: string[] = [], signer = receiver.signer.publicKey, given = [folder]) {
  const proof = ['--key', receiver.key.secretKey, '--signer', signer];
  const finished = await depotHere(['decrypt', ...given, ...proof, '--out', freshPath(), '--json', ...args]);
  return { ...finished, said: json(finished) };
}

async function verify(args: string[] = [], signer = receiver.signer.publicKey) {
  const proof = ['--key', receiver.key.secretKey, '--signer', signer];
  const finished = await depotHere(['verify', folder, ...proof, '--json', ...args]);
  const { checks } = JSON.parse(finished.stdout) as { checks: { name: string; result: string; detail: string }[] };
  return { ...finished, check: (name: string) => checks.find((check) => check.name === name) };
}

describe('a receipt of the wanted night that does not count', () => {
  const changes: [string, () => Promise<void> | void][] = [
    ['was changed', () => tamper(third)],
    [
      'is signed by another',
      async () => {
        const other = await receiver.withAnotherSigner();
        writeFileSync(
          `${third.receiptFile}.asc`,
          await signAnyway(readFileSync(third.receiptFile), other.signer.secretKey),
        );
      },
    ],
    ['is no receipt any more', () => writeFileSync(third.receiptFile, '{}')],
  ];

  test.each(changes)('where it %s, decrypt and verify refuse it as where it is named', async (_, change) => {
    await change();
    const named = await decrypt(['--receipt', third.receiptFile], undefined, [third.file]);
    const { code, said } = await decrypt();
    expect(said.error?.code).toBe(named.said.error?.code);
    expect(code).toBe(21);
    const words = 'is here, but it is not signed by the given signer, or was changed';
    expect(said.error?.message).toContain(`the receipt of ${third.link.depositId} ${words}`);
    expect(said.error?.hint).toContain('ask the supplier');
    expect(said.error?.hint).toContain(`signed: --at ${second.link.depositId}`);
    expect(said.error?.hint).not.toMatch(/leave out|--salvage/);
    const verified = await verify();
    expect(verified.code, verified.stdout).toBe(21);
    expect(verified.stdout).toContain(words);
    expect(verified.stdout + verified.stderr).not.toMatch(/leave out|--at|--salvage/);
  });

  test('fails the check of its signature, also where a suitcase is missing', async () => {
    tamper(third);
    expect((await verify()).check('receipt-signature')).toMatchObject({ result: 'failed' });
    rmSync(second.file);
    const { code, said } = await decrypt();
    expect([code, said.error?.code]).toEqual([21, 'verification-failed']);
    const verified = await verify();
    expect(verified.code).toBe(21);
    expect(verified.check('receipt-signature')).toMatchObject({ result: 'failed' });
    expect(verified.stderr).not.toContain('--at');
  });

  test('is not saved past by --salvage where all suitcases are there', async () => {
    tamper(third);
    expect((await decrypt(['--salvage'])).code).toBe(21);
  });

  test('is passed over where a good one is there too', async () => {
    const other = tempDir('other');
    const name = third.receiptFile.slice(folder.length + 1);
    for (const end of ['', '.asc']) copyFileSync(third.receiptFile + end, join(other, name + end));
    tamper(third);
    for (const given of [
      [folder, other],
      [other, folder],
    ]) {
      const { code, said, stdout, stderr } = await decrypt([], undefined, given);
      expect(code, stdout).toBe(0);
      expect(said).toMatchObject({ origin: 'proven', depositId: third.link.depositId });
      expect(stderr + stdout).toContain(`skipped: ${name}`);
    }
  });

  test('keeps no night from being opened where nobody asks who made it', async () => {
    writeFileSync(third.receiptFile, '{}');
    const out = freshPath();
    const { code, stdout, stderr } = await depotHere([
      ...['decrypt', folder, '--key', receiver.key.secretKey, '--out', out],
    ]);
    expect(code, stdout + stderr).toBe(0);
    expect(stdout).toContain('not proven');
  });

  test('is not taken for a forged one where only its signature is missing', async () => {
    rmSync(`${third.receiptFile}.asc`);
    const { code, said } = await decrypt();
    expect(code).toBe(24);
    expect(said.error?.message).toContain('cannot read the signature');
  });
});

test('receipts of other nights that do not count are said in one line, and nothing fails', async () => {
  tamper(full);
  tamper(second);
  const { code, said, stdout, stderr } = await decrypt();
  expect(code, stdout).toBe(0);
  expect(said).toMatchObject({ origin: 'proven', depositId: third.link.depositId });
  const lines = (stderr + stdout).split('\n').filter((line) => line.includes('skipped:'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('2 receipts of other deposits');
  for (const { link } of [full, second]) expect(lines[0]).toContain(link.depositId);
});

test("a signer's key that is not there is said as such, and not as a receipt that is not signed", async () => {
  const missing = join(folder, 'nobody.asc');
  const { code, said } = await decrypt([], missing);
  expect(code).toBe(5);
  expect(said.error?.message).toContain(missing);
});

describe('what to type next', () => {
  const proof = (): string[] => ['--key', receiver.key.secretKey, '--signer', receiver.signer.publicKey];

  test('a suitcase, or a directory, that is not there is said before the receipt that is wanted', async () => {
    for (const name of ['mistyped', 'nothere.pgp']) {
      const { code, said } = await decrypt([], undefined, [join(folder, name)]);
      expect(code).toBe(5);
      expect(said.error?.message).toContain('there is no such file');
    }
    const { code, said } = await decrypt([], undefined, [full.file]);
    expect([code, said.error?.hint]).toEqual([2, 'add --receipt FILE']);
  });

  test('an increment alone is not led to a directory without its signer', async () => {
    const { code, said } = await decrypt(['--receipt', third.receiptFile], undefined, [third.file]);
    expect(code).toBe(24);
    expect(said.error?.hint).toContain('depot decrypt DIRECTORY --key FILE --signer FILE --out OUT');
    const unsigned = await depotHere([
      ...['decrypt', third.file, '--key', receiver.key.secretKey, '--out', freshPath(), '--json'],
    ]);
    expect(json(unsigned).error?.hint).toContain('depot decrypt DIRECTORY --key FILE --out OUT');
  });

  test('verify with a signer and no receipt asks for the receipt alone, by its name where it lies beside', async () => {
    const beside = await depotHere(['verify', full.file, ...proof()]);
    expect(beside.code).toBe(24);
    expect(beside.stderr).toContain(`add --receipt ${full.receiptFile}`);
    expect(beside.stderr).not.toContain('--signer FILE');
    rmSync(full.receiptFile);
    const without = await depotHere(['verify', full.file, ...proof()]);
    expect(without.stderr).toContain('add --receipt FILE');
    for (const { receiptFile } of [second, third]) rmSync(receiptFile);
    const directory = await depotHere(['verify', folder, ...proof()]);
    expect(directory.stderr).toContain('put the receipt of that night');
    expect(directory.stderr).not.toContain('--signer FILE');
  });
});

test('a receipt without any suitcase names those that it knows of, and nothing is to be salvaged', async () => {
  for (const { file } of [full, second, third]) rmSync(file);
  for (const { receiptFile } of [full, second]) rmSync(receiptFile);
  const { code, said } = await decrypt();
  expect(code).toBe(24);
  expect(said.error?.message).toContain(`${third.link.depositId} needs 3 suitcases`);
  for (const { depositId } of [full.link, second.link]) expect(said.error?.message).toContain(depositId);
  expect(said.error?.message).toContain(second.link.sha256);
  expect(said.error?.hint).toContain('ask the agent');
  expect(said.error?.hint).not.toContain('--salvage');
});

test('the suitcases whose contents were compared are counted the same with and without --scratch', async () => {
  const [shallow, deep] = [await verify(['--deep']), await verify(['--deep', '--scratch', tempDir('scratch')])];
  expect([shallow.code, deep.code]).toEqual([24, 0]);
  for (const one of [shallow, deep])
    expect(one.check('chain-contents')).toMatchObject({
      result: 'passed',
      detail: '2 suitcases before it, every entry as its manifest says',
    });
});
