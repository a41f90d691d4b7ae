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
    throw new DepotError('verification-failed', 'this is not a detached signature');
  }
  return markReceiptBytes(new TextEncoder().encode(armored));
}

/** Canonical form as text. Keys that the schema does not know are left out. Written out: whoever audits a ledger asks for tens of thousands. */
export function canonicalText(r: Receipt): string {
  const { supplier, suitcase, encryption, keyProof, dataset, chain, rehearsed, cover, transfer, client, ledger } = r;
  const ordered = {
    schema: r.schema,
    depositId: r.depositId,
    arrangement: r.arrangement,
    supplier: { name: supplier.name, signerFingerprint: supplier.signerFingerprint },
    startedAt: r.startedAt,
    completedAt: r.completedAt,
    suitcase: { name: suitcase.name, bytes: suitcase.bytes, sha256: suitcase.sha256 },
    encryption: {
      packet: encryption.packet,
      cipher: encryption.cipher,
      aead: encryption.aead,
      compression: encryption.compression,
      recipients: encryption.recipients.map(({ fingerprint, subkeyFingerprint, algorithm, expiresAt }) => ({
        fingerprint,
        subkeyFingerprint,
        algorithm,
        expiresAt,
      })),
    },
    keyProof: {
      pkesk: keyProof.pkesk,
      head: keyProof.head,
      tail: keyProof.tail,
      plaintextOctets: keyProof.plaintextOctets,
      commitment: keyProof.commitment,
    },
    dataset: {
      entries: dataset.entries,
      bytes: dataset.bytes,
      skipped: Object.fromEntries(Object.entries(dataset.skipped).sort(([a], [b]) => (a < b ? -1 : 1))),
      complete: dataset.complete,
      manifestSha256: dataset.manifestSha256,
    },
    ...(chain === undefined
      ? {}
      : {
          chain: {
            fullDepositId: chain.fullDepositId,
            number: chain.number,
            previousDepositId: chain.previousDepositId,
            previousSuitcaseSha256: chain.previousSuitcaseSha256,
            datasetSha256: chain.datasetSha256,
            entries: chain.entries,
            bytes: chain.bytes,
            complete: chain.complete,
            lastReadInFull: chain.lastReadInFull,
          },
        }),
    ...(rehearsed === undefined ? {} : { rehearsed }),
    cover: { name: cover.name, bytes: cover.bytes, sha256: cover.sha256 },
    transfer: {
      remoteName: transfer.remoteName,
      status: transfer.status,
      remoteSize: transfer.remoteSize,
      durability: transfer.durability,
    },
    client: { version: client.version, runtime: client.runtime, platform: client.platform },
    ledger: { id: ledger.id, sequence: ledger.sequence, previousReceiptSha256: ledger.previousReceiptSha256 },
  } satisfies Receipt;
  return `${JSON.stringify(ordered, null, 2)}\n`;
}
