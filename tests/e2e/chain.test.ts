/** Incremental deposits, on the beneficiary's side: a directory of suitcases, some missing or damaged, and one command. */
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import { freshPath } from '../support/supplier.js';
import { releasedChain, ssh } from './released.js';

describe.skipIf(!ssh)('a chain of deposits', () => {
  const chain = releasedChain();
  const { deposits, damage, receive, decrypt, isNight, verify } = chain;

  test('the newest night of a directory is restored exactly', async () => {
    const { out, code, said } = await decrypt([chain.released]);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(said).toMatchObject({ depositId: deposits[2].depositId, number: 2, leftAside: [], origin: 'not proven' });
    await isNight(out, 2);
  });

  test('every night can be asked for', async () => {
    for (const [night, { depositId }] of deposits.entries()) {
      const { out, code, said } = await decrypt([chain.released], '--at', depositId);
      expect(code, JSON.stringify(said)).toBe(0);
      expect(said).toMatchObject({ depositId, number: night });
      await isNight(out, night);
    }
  });

  test('suitcases may be named one by one, in any order and under any names', async () => {
    renameSync(join(chain.released, deposits[0].suitcase), join(chain.released, 'first'));
    renameSync(join(chain.released, deposits[2].suitcase), join(chain.released, 'last.pgp'));
    const { out, code, said } = await decrypt(
      ['last.pgp', 'first', deposits[1].suitcase].map((name) => join(chain.released, name)),
    );
    expect(code, JSON.stringify(said)).toBe(0);
    await isNight(out, 2);
  });

  test('its origin is proven by the receipt of the newest night', async () => {
    receive(2);
    const { out, code, said } = await decrypt([chain.released], '--signer', chain.supplier.signerPublic);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(said).toMatchObject({ origin: 'proven', depositId: deposits[2].depositId });
    await isNight(out, 2);
  });

  test.each(['with', 'without'])('%s receipts, a missing suitcase is named before anything is opened', async (how) => {
    if (how === 'with') receive();
    rmSync(join(chain.released, deposits[1].suitcase));
    const { code, said } = await decrypt([chain.released]);
    expect(code).toBe(24);
    expect(said.error?.message).toContain('needs 3 suitcases; given: 2, missing: ');
    expect(said.error?.message).toContain(deposits[1].depositId);
    expect(said.error?.hint).toContain(`--at ${deposits[0].depositId}`);
  });

  test('a newest night of which only the receipt is there is missed, too', async () => {
    receive();
    rmSync(join(chain.released, deposits[2].suitcase));
    const { code, said } = await decrypt([chain.released]);
    expect(code).toBe(24);
    expect(said.error?.message).toContain(deposits[2].depositId);
    expect(said.error?.hint).toContain(`--at ${deposits[1].depositId}`);
  });

  test.each([0, 1, 2])('a damaged suitcase of night %i counts as missing', async (night) => {
    receive();
    damage(deposits[night].suitcase, 100);
    const { code, said } = await decrypt([chain.released]);
    expect(code).toBe(21);
    expect(said.error?.message).toContain(deposits[night].suitcase);
  });

  test('an increment alone says what is missing, before there is any output', async () => {
    receive();
    const { suitcase, depositId, receiptFile } = deposits[1];
    const { bytes, sha256 } = deposits[0].receipt.suitcase;
    const words = `${depositId} needs 2 suitcases; given: 1, missing: ${deposits[0].depositId} (${bytes} bytes, SHA-256 ${sha256})`;
    for (const proof of [[], ['--receipt', receiptFile, '--signer', chain.supplier.signerPublic]]) {
      const out = freshPath();
      // Whoever begins to unpack stumbles over it.
      mkdirSync(`${out}.partial`);
      const finished = await depotHere([
        ...[
          'decrypt',
          join(chain.released, suitcase),
          '--key',
          chain.supplier.recipientKey,
          '--out',
          out,
          '--json',
          ...proof,
        ],
      ]);
      expect(finished.code).toBe(24);
      expect(json(finished).error?.message).toBe(words);
    }
    const alone = await verify(join(chain.released, suitcase), '--no-signature');
    expect(alone.code, alone.stdout).toBe(24);
    expect(alone.stdout).toContain(words);
    const deeper = await decrypt([join(chain.released, suitcase)], '--at', depositId);
    expect(deeper.code).toBe(24);
    expect(deeper.said.error?.message).toBe(words);
  });

  test('other files in the directory are no deposits: restore.sh is silent, what else is not OpenPGP is named', async () => {
    receive();
    writeFileSync(join(chain.released, 'restore.sh'), '#!/bin/sh\n');
    writeFileSync(join(chain.released, 'setup.exe'), 'MZ');
    const { out, code, said, stderr } = await decrypt([chain.released]);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(stderr + JSON.stringify(said)).toContain('skipped: setup.exe');
    expect(stderr + JSON.stringify(said)).not.toContain('restore.sh');
    await isNight(out, 2);
    for (const name of ['restore.sh', 'setup.exe']) rmSync(join(chain.released, name));
  });

  test('another chain in the directory is not used, and named', async () => {
    const other = await chain.supplier.deposit(['--full']);
    copyFileSync(join(chain.server.incoming, other.suitcase), join(chain.released, other.suitcase));
    const { out, code, said } = await decrypt([chain.released]);
    expect(code, JSON.stringify(said)).toBe(0);
    expect(said).toMatchObject({ depositId: other.depositId, number: 0 });
    expect(said.leftAside?.join()).toContain(deposits[2].depositId);
    await isNight(out, 2);
    const verified = await verify(chain.released, '--no-signature');
    expect(json(verified)).toMatchObject({ depositId: other.depositId, number: 0, leftAside: said.leftAside });
    const { stdout } = await depotHere([
      'verify',
      chain.released,
      '--no-signature',
      '--key',
      chain.supplier.recipientKey,
    ]);
    expect(stdout).toMatch(new RegExp(`^night +${other.depositId}: a full deposit`, 'm'));
    expect(stdout).toMatch(new RegExp(`^not used +${deposits[2].depositId}`, 'm'));
  });
});
