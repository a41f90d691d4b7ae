/** Keys are replaced and expire; what was deposited for them, and signed by them, goes on to count. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { depot, mustDepot } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { freshPath, makeKey, Supplier } from '../support/supplier.js';

const have = peers('sshd', 'ssh-keygen');

let server: Sshd;
beforeAll(async () => {
  if (have !== undefined) server = await startSshd();
});

describe.skipIf(!have)('keys over the years', () => {
  test('if a beneficiary replaces its key, no push uses the retired one, and its deposits still open', async () => {
    const supplier = await Supplier.create(server);
    writeFileSync(join(supplier.data, 'a'), 'of the first year');
    const old = await supplier.deposit();
    const next = await makeKey(join(tempDir(), 'next'), 'Gemeente Voorbeeld', 'compat');
    const retired = { retiredKeys: [supplier.recipient.fingerprint] };
    supplier.writeConfig({ arrangement: retired });
    const before = server.names();
    const refused = await supplier.push();
    expect(refused.code).toBe(20);
    expect(refused.result.error).toMatchObject({
      code: 'recipient-unusable',
      published: 'no',
      message: expect.stringContaining('is retired') as string,
      hint: expect.stringContaining('depot key add') as string,
    });
    expect(server.names()).toEqual(before);

    supplier.writeConfig({
      arrangement: retired,
      beneficiaries: [{ key: readFileSync(next.publicKey), fingerprint: next.fingerprint }],
    });
    const renewed = await supplier.deposit();
    for (const [deposit, key] of [
      [old, supplier.recipientKey],
      [renewed, next.secretKey],
    ] as const) {
      await mustDepot([
        'verify',
        join(server.incoming, deposit.suitcase),
        '--receipt',
        deposit.receiptFile,
        '--signer',
        supplier.signerPublic,
        '--key',
        key,
        '--deep',
      ]);
    }
    expect(
      (
        await depot([
          'decrypt',
          join(server.incoming, renewed.suitcase),
          '--key',
          supplier.recipientKey,
          '--out',
          freshPath(),
        ])
      ).code,
    ).toBe(22);
  });

  // The record was called broken, and the kit could not be made, until somebody remembered to name the old key each time.
  test('if a supplier replaces its signing key, the old receipts stay valid', async () => {
    const supplier = await Supplier.create(server);
    writeFileSync(join(supplier.data, 'a'), 'of the first year');
    await supplier.deposit();
    const next = await makeKey(join(supplier.directory, 'keys/next'), 'Acme SaaS B.V.', 'compat');
    supplier.writeConfig({ top: { supplier: { name: 'Acme SaaS B.V.', signingKey: next.secretKey } } });
    const forgotten = await supplier.depot(['receipts', 'verify']);
    expect([forgotten.code, forgotten.stderr]).toEqual([
      32,
      expect.stringContaining(
        'hint: if the signing key was replaced, add the earlier public key to supplier.formerSigningKeys in depot.yaml',
      ),
    ]);
    expect((await supplier.depot(['kit', 'acme-crm', '--out', freshPath()])).stderr).toContain(
      'under supplier.formerSigningKeys',
    );
    supplier.writeConfig({
      top: {
        supplier: { name: 'Acme SaaS B.V.', signingKey: next.secretKey, formerSigningKeys: [supplier.signerPublic] },
      },
    });
    const kit = await mustDepot(['kit', 'acme-crm', '--out', freshPath(), '--config', supplier.config]);
    expect(kit.stdout.match(/^signer /gm)).toHaveLength(2);
    await supplier.deposit();
    expect((await mustDepot(['receipts', 'verify', '--config', supplier.config])).stdout).toContain('2 receipts');
  });

  test('verify warns a beneficiary whose key expires within three months', async () => {
    const keys = tempDir();
    for (const [name, expires, warns] of [
      ['soon', '60d', true],
      ['later', '2y', false],
    ] as const) {
      await mustDepot([
        'key',
        'generate',
        'arrangement',
        '--name',
        'Gemeente',
        '--email',
        'ict@voorbeeld.example',
        '--out',
        join(keys, name),
        '--no-passphrase',
        '--expires',
        expires,
      ]);
      const { fingerprint } = JSON.parse(
        (await mustDepot(['key', 'show', join(keys, `${name}.public.asc`), '--json'])).stdout,
      ) as { fingerprint: string };
      const supplier = await Supplier.create(server, {
        beneficiaries: [{ key: readFileSync(join(keys, `${name}.public.asc`)), fingerprint }],
      });
      writeFileSync(join(supplier.data, 'a'), 'x');
      const deposit = await supplier.deposit();
      const verified = await mustDepot([
        'verify',
        '--receipt',
        deposit.receiptFile,
        '--signer',
        supplier.signerPublic,
        '--key',
        join(keys, `${name}.secret.asc`),
      ]);
      expect(verified.stderr.includes(`your key ${fingerprint} expires on`)).toBe(warns);
    }
  });
});
