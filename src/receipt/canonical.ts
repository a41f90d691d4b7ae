/**
 * The one sequence of bytes that a receipt has: UTF-8 JSON, two-space indent, the key order below, one newline at the
 * end. The signature is over these bytes, and their SHA-256 is the receipt's name in the ledger.
 */
import { DepotError } from '../errors.js';
import { markReceiptBytes, type ReceiptBytes } from '../outbound.js';
import type { Receipt } from './schema.js';

/** The receipt as it is signed, hashed, uploaded and kept. */
export function receiptBytes(receipt: Receipt): ReceiptBytes {
  return markReceiptBytes(new TextEncoder().encode(canonicalText(receipt)));
}

/** A detached armoured signature over a receipt, fit to be uploaded next to it. */
export function signatureBytes(armored: string): ReceiptBytes {
  if (
    !/^-----BEGIN PGP SIGNATURE-----\r?\n[\x20-\x7e\r\n]*\n-----END PGP SIGNATURE-----\s*$/.test(armored) ||
    armored.split('-----BEGIN').length !== 2
  ) {
    throw new DepotError('verification-failed', 'what should be a detached signature is none');
  }
  return markReceiptBytes(new TextEncoder().encode(armored));
}

/** Canonical form as text. Keys that the schema does not know are left out. */
export function canonicalText(r: Receipt): string {
  const ordered = {
    schema: r.schema,
    depositId: r.depositId,
    arrangement: r.arrangement,
    supplier: pick(r.supplier, ['name', 'signerFingerprint']),
    startedAt: r.startedAt,
    completedAt: r.completedAt,
    suitcase: pick(r.suitcase, ['name', 'bytes', 'sha256']),
    encryption: {
      ...pick(r.encryption, ['packet', 'cipher', 'aead', 'compression']),
      recipients: r.encryption.recipients.map((one) =>
        pick(one, ['fingerprint', 'subkeyFingerprint', 'algorithm', 'expiresAt']),
      ),
    },
    keyProof: pick(r.keyProof, ['pkesk', 'head', 'tail', 'plaintextOctets', 'commitment']),
    dataset: {
      ...pick(r.dataset, ['entries', 'bytes']),
      skipped: Object.fromEntries(Object.entries(r.dataset.skipped).sort(([a], [b]) => (a < b ? -1 : 1))),
      ...pick(r.dataset, ['complete', 'manifestSha256']),
    },
    ...(r.chain === undefined
      ? {}
      : {
          chain: pick(r.chain, [
            'fullDepositId',
            'number',
            'previousDepositId',
            'previousSuitcaseSha256',
            'datasetSha256',
            'entries',
            'bytes',
            'complete',
            'lastReadInFull',
          ]),
        }),
    ...(r.rehearsed === undefined ? {} : { rehearsed: r.rehearsed }),
    cover: pick(r.cover, ['name', 'bytes', 'sha256']),
    transfer: pick(r.transfer, ['remoteName', 'status', 'remoteSize', 'durability']),
    client: pick(r.client, ['version', 'runtime', 'platform']),
    ledger: pick(r.ledger, ['id', 'sequence', 'previousReceiptSha256']),
  } satisfies Receipt;
  return `${JSON.stringify(ordered, null, 2)}\n`;
}

function pick<T, K extends keyof T>(from: T, keys: K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, from[key]])) as Pick<T, K>;
}
