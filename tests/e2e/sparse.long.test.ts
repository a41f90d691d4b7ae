/** Sizes and offsets beyond 32 bits, from end to end. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeAwkward } from '../support/awkward.js';
import { depot } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';

describe.skipIf(!peers('sshd', 'ssh-keygen'))('a dataset', () => {
  test('with a sparse file of 9 GiB is deposited in bounded memory', async () => {
    const server = await startSshd();
    const supplier = await Supplier.create(server, { profile: 'modern', arrangement: { compression: 'gzip' } });
    makeAwkward(supplier.data, { sparse: true });
    const deposit = await supplier.deposit([], { timeoutMs: 600_000 });
    expect(deposit.receipt.dataset.bytes).toBeGreaterThan(9 * 2 ** 30);
    expect(deposit.receipt.suitcase.bytes).toBeLessThan(200 * 2 ** 20);
    const verified = await depot(
      [
        'verify',
        join(server.incoming, deposit.suitcase),
        '--key',
        supplier.recipientKey,
        '--receipt',
        deposit.receiptFile,
        '--signer',
        supplier.signerPublic,
        '--deep',
      ],
      { timeoutMs: 600_000 },
    );
    expect(verified.code, verified.stdout + verified.stderr).toBe(0);
  }, 1_200_000);
});
