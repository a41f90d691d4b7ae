/** A supplier with a past, for tests of what is reported: no server is needed for that. */
import { readFileSync } from 'node:fs';
import { readSecretKey } from '../../src/pgp/keys.js';
import { signDetached } from '../../src/pgp/signature.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { nowhere, Supplier, type SupplierOptions } from '../support/supplier.js';
import { day, nightly, writeHistory, type PastDeposit, type PastRun } from './history.js';

/** Names that would do something in a page that did not escape them. */
export const names = {
  supplier: 'Acme <script>alert(1)</script> & "Co"',
  beneficiary: "<img src=x onerror='alert(1)'> & Gemeente",
};

export interface Past {
  deposits?: readonly PastDeposit[];
  failed?: readonly PastRun[];
}

/** A supplier with awkward names and one nightly arrangement, whose past deposits are signed as pushes sign them. */
export async function supplierWith(
  past: Past,
  options: SupplierOptions = {},
): Promise<{ supplier: Supplier; ids: string[] }> {
  const supplier = await Supplier.create(nowhere, options);
  supplier.writeConfig({
    top: { supplier: { name: names.supplier, signingKey: 'keys/supplier.secret.asc' }, ...options.top },
    arrangement: {
      every: '24h',
      beneficiaries: [
        { name: names.beneficiary, key: supplier.recipient.publicKey, fingerprint: supplier.recipient.fingerprint },
      ],
      ...options.arrangement,
    },
  });
  const signer = await readSecretKey(readFileSync(supplier.signer.secretKey), async () => undefined);
  const { fingerprint } = supplier.recipient;
  const changes: Partial<Receipt> = {
    supplier: { name: names.supplier, signerFingerprint: supplier.signer.fingerprint },
    encryption: {
      packet: 'SEIPDv2',
      cipher: 'AES-256',
      aead: 'OCB',
      compression: 'zstd',
      recipients: [{ fingerprint, subkeyFingerprint: fingerprint, algorithm: 'Curve25519', expiresAt: null }],
    },
  };
  const deposits = (past.deposits ?? []).map((deposit) => ({
    ...deposit,
    changes: { ...changes, ...deposit.changes },
  }));
  const ids = await writeHistory(supplier.state, {
    arrangement: supplier.arrangement,
    deposits,
    failed: past.failed ?? [],
    sign: (bytes) => signDetached(bytes, signer),
  });
  return { supplier, ids };
}

/** Four months of nights, with two gaps and failed runs in them, some of which were made good the next day. */
export function checkeredPast(now = new Date()): Required<Past> {
  const nights = nightly(120, now);
  const failedNights = [40, 41, 90, 118];
  return {
    deposits: nights
      .filter((_, i) => i !== 40 && i !== 41 && i !== 90)
      .map((deposit, i, all) => (i === all.length - 3 ? { ...deposit, changes: { dataset: incomplete } } : deposit)),
    failed: failedNights.map((i) => ({
      at: new Date(nights[i].at.getTime() - day / 24),
      exit: 14,
      code: 'unreachable' as const,
    })),
  };
}

const incomplete: Receipt['dataset'] = {
  entries: 4813,
  bytes: 19_756_849_561,
  skipped: {},
  complete: false,
  manifestSha256: 'cd'.repeat(32),
};
