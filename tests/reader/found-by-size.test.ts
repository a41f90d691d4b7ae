/** What is opened without having been digested before: a file that is not the one may have its size, or come in its place. */
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, ftruncateSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { statSync, writeFileSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import type { DecryptHooks } from '../../src/reader/decrypt.js';
import { readGiven, wipe } from '../../src/reader/chain/given.js';
import { decryptChain } from '../../src/reader/chain/restore.js';
import { openingKeyOf } from '../../src/reader/opening-key.js';
import { ChainFolder } from '../support/chain-folder.js';
import { plain, type Tree } from '../support/chain-tree.js';
import { tempDir } from '../support/cleanup.js';
import { compat, Receiver } from '../support/hostile-suitcase.js';
import { depotHere } from '../support/in-process.js';

const nobody = () => Promise.resolve(undefined);
let receiver: Receiver;
let folder: string;
/** The full deposit's file, and the increment's. */
let full: string;
let increment: string;

beforeEach(async () => {
  receiver = await Receiver.create();
  folder = tempDir('suitcases');
  const chain = new ChainFolder(receiver, ['crm']);
  const night = (content: string): Tree => new Map([['data/crm', plain(content)]]);
  full = moved((await chain.add(night('one'))).file);
  increment = moved((await chain.add(night('two'))).file);
});

function moved(file: string): string {
  const place = join(folder, basename(file));
  copyFileSync(file, place);
  return place;
}

/** `between`: what happens once the beginnings were read, and before anything is opened. */
async function failure(between: () => void = () => undefined): Promise<{ code: string; message: string }> {
  // A name that is no receipt's inside: what says so is the last before the opening.
  writeFileSync(join(folder, 'acme-crm_20200101T000000Z_0123456789abcdef.receipt.json'), '{}');
  const out = receiver.out();
  const hooks = { warn: between, progress: () => undefined, ended: () => undefined, phase: () => undefined };
  const o = {
    suitcases: [folder],
    out,
    salvage: false,
    key: receiver.key.secretKey,
    signers: [],
    passphrase: nobody,
  };
  const error: unknown = await decryptChain(
    { ...o, signal: new AbortController().signal },
    hooks as unknown as DecryptHooks,
  ).then(
    () => new Error('it was opened'),
    (thrown: unknown) => thrown,
  );
  if ((error as Error).message !== 'it was opened') expect(readdirSync(dirname(out))).toEqual([]);
  return error as { code: string; message: string };
}

test('control: both are there', async () => {
  expect((await failure()).message).toBe('it was opened');
});

test.each([
  [
    'of somebody else',
    async (size: number) => cutTo((await (await Receiver.create()).seal(Buffer.alloc(9))).bytes, size),
  ],
  ['that holds no archive', async (size: number) => cutTo((await receiver.seal(Buffer.alloc(5000, 7))).bytes, size)],
])('a file %s that has the size of a missing suitcase does not count as it', async (_, made) => {
  const bytes = await made(statSync(full).size);
  rmSync(full);
  writeFileSync(join(folder, 'other.pgp'), bytes);
  expect(await failure()).toMatchObject({ code: 'incomplete' });
});

function cutTo(bytes: Uint8Array, size: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(size)]).subarray(0, size);
}

test('a suitcase that is damaged near its end is told as one with a different digest', async () => {
  const bytes = readFileSync(full);
  bytes[bytes.length - 30] ^= 1;
  writeFileSync(full, bytes);
  expect(await failure()).toMatchObject({
    code: 'verification-failed',
    message: expect.stringContaining('a different SHA-256') as string,
  });
});

test('an increment that comes in the place of the full deposit meanwhile is told likewise', async () => {
  expect(await failure(() => copyFileSync(increment, full))).toMatchObject({ code: 'verification-failed' });
});

test('a suitcase that goes away meanwhile is told as a file that is not there', async () => {
  expect(await failure(() => rmSync(full, { force: true }))).toMatchObject({
    code: 'local-unreadable',
    message: expect.stringContaining('there is no such file') as string,
  });
});

test('a file of which nothing comes out is looked at for some MiB, and no further', async () => {
  const { bytes, receipt } = await receiver.seal(Buffer.alloc(4096), { encryption: compat });
  const file = join(folder, 'endless.pgp');
  const fd = openSync(file, 'w');
  let at = writeSync(fd, bytes.subarray(0, Buffer.from(receipt.keyProof.pkesk, 'base64').length));
  // SEIPD version 1 in parts of 1 GiB each, which are holes (RFC 9580, section 4.2.1.4).
  for (const start of [[0xd2, 0xfe, 1], [0xfe], [0xfe], [0xfe]]) {
    writeSync(fd, Buffer.from(start), 0, start.length, at);
    at += start.length + 2 ** 30;
  }
  ftruncateSync(fd, at);
  closeSync(fd);
  const { signal } = new AbortController();
  const key = await openingKeyOf({ key: receiver.key.secretKey, passphrase: nobody, signal });
  const { suitcases } = await readGiven({ suitcases: [file], signers: [], signal }, key!);
  wipe(suitcases);
  expect(suitcases[0]?.problem?.message).toBe('there are no contents in its first 8 MiB');
});

test('a pipe among several is refused, since it would be read twice', async () => {
  const out = receiver.out();
  const line = `cat "${full}" | "${process.execPath}" bin/depot.js decrypt /dev/stdin "${increment}" --key "${receiver.key.secretKey}" --out "${out}" 2>&1; echo "exit $?"`;
  expect(execFileSync('sh', ['-c', line], { encoding: 'utf8' })).toMatch(/has to read it twice[^]*exit 5/);
});

test('a suitcase under the name of another deposit is opened with its own receipt, and that is said', async () => {
  const chain = new ChainFolder(receiver, ['crm']);
  const { file, receiptFile, link } = await chain.add(new Map([['data/crm', plain('one')]]));
  const id = link.depositId.replace(/\d{8}T/, '20991231T');
  const renamed = join(folder, basename(file).replace(link.depositId, id));
  copyFileSync(file, renamed);
  const args = ['--receipt', receiptFile, '--key', receiver.key.secretKey, '--out', receiver.out()];
  const { code, stderr } = await depotHere(['decrypt', renamed, ...args]);
  expect(code).toBe(0);
  expect(stderr).toContain(`named after ${id}, but the receipt is that of ${link.depositId}`);
});
