/** What goes in comes out: by depot, by GNU tar and by bsdtar, from a real server, whatever the tree looks like. */
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAwkward, pattern } from '../support/awkward.js';
import { tempDir } from '../support/cleanup.js';
import { depot, mustDepot } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { freshPath, Supplier } from '../support/supplier.js';
import { differences } from '../support/tree.js';

const ssh = peers('sshd', 'ssh-keygen');
const tars = peers('tar', 'bsdtar');

let server: Sshd;
beforeAll(async () => {
  if (ssh !== undefined) server = await startSshd();
});

describe.skipIf(!ssh)('the awkward dataset', () => {
  test.each([
    ['compat', 'none'],
    ['compat', 'gzip'],
    ['modern', 'auto'],
  ] as const)('%s, compression %s: comes back the same', async (profile, compression) => {
    const supplier = await Supplier.create(server, { profile, arrangement: { compression } });
    makeAwkward(supplier.data);
    const deposit = await supplier.deposit();
    const out = freshPath();
    await mustDepot([
      'decrypt',
      join(server.incoming, deposit.suitcase),
      '--key',
      supplier.recipientKey,
      '--receipt',
      deposit.receiptFile,
      '--signer',
      supplier.signerPublic,
      '--out',
      out,
    ]);
    expect(await differences(supplier.data, join(out, 'data/data'))).toEqual([]);
    const verified = await depot([
      'verify',
      join(server.incoming, deposit.suitcase),
      '--key',
      supplier.recipientKey,
      '--receipt',
      deposit.receiptFile,
      '--signer',
      supplier.signerPublic,
      '--deep',
    ]);
    expect(verified.code, verified.stdout).toBe(0);
  });

  test.skipIf(!tars)('GNU tar and bsdtar read the same files from decrypt --stdout', async () => {
    const supplier = await Supplier.create(server, { arrangement: { compression: 'none' } });
    makeAwkward(supplier.data);
    const deposit = await supplier.deposit();
    const tar = freshPath('tar');
    const streamed = await mustDepot([
      'decrypt',
      join(server.incoming, deposit.suitcase),
      '--key',
      supplier.recipientKey,
      '--stdout',
    ]);
    writeFileSync(tar, streamed.bytes);
    for (const program of [tars!.tar, tars!.bsdtar]) {
      const out = tempDir();
      // bsdtar converts names to the locale's encoding: in the C locale bytes stay bytes.
      await mustRun(program, ['-xpf', tar, '-C', out], { env: { ...process.env, LC_ALL: 'C' } });
      expect(await differences(supplier.data, join(out, 'data/data')), program).toEqual([]);
      expect((await mustRun(program, ['-tf', tar])).stdout).toMatch(/DEPOT\/README\.md/);
    }
  });
});

describe.skipIf(!ssh)('sizes at and around block boundaries survive the round trip', () => {
  const KiB = 1024;
  // Chunks of the AEAD, parts of a packet, a block of the thread, a part of a command's output.
  test.each([
    1,
    511,
    512,
    64 * KiB - 1,
    64 * KiB,
    64 * KiB + 1,
    1024 * KiB - 1,
    1024 * KiB,
    16 * 1024 * KiB,
    16 * 1024 * KiB + 1,
  ])("a command's output of %i bytes", async (size) => {
    for (const profile of ['compat', 'modern'] as const) {
      const supplier = await Supplier.create(server, {
        profile,
        arrangement: { compression: 'none' },
        dataset: [{ command: ['cat', 'output'], as: 'output' }],
      });
      writeFileSync(join(supplier.directory, 'output'), pattern(size));
      const deposit = await supplier.deposit();
      const out = freshPath();
      await mustDepot([
        'decrypt',
        join(server.incoming, deposit.suitcase),
        '--key',
        supplier.recipientKey,
        '--out',
        out,
      ]);
      expect(readFileSync(join(out, 'data/output')).equals(readFileSync(join(supplier.directory, 'output')))).toBe(
        true,
      );
    }
  });

  test('ten thousand small files in a hundred folders survive the round trip', async () => {
    const supplier = await Supplier.create(server);
    for (let i = 0; i < 10_000; i++) {
      if (i % 100 === 0) mkdirSync(join(supplier.data, String(i / 100)));
      writeFileSync(join(supplier.data, String(Math.floor(i / 100)), `${i}.txt`), `${i}\n`);
    }
    const deposit = await supplier.deposit();
    expect(deposit.receipt.dataset.entries).toBeGreaterThanOrEqual(10_100);
    const out = freshPath();
    await mustDepot(['decrypt', join(server.incoming, deposit.suitcase), '--key', supplier.recipientKey, '--out', out]);
    expect(await differences(supplier.data, join(out, 'data/data'))).toEqual([]);
    expect(statSync(out).mode & 0o777).toBe(0o700);
  });
});
