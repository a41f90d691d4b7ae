import { randomFillSync } from 'node:crypto';
import type { Config } from '../config/types.js';
import type { SecretKey } from '../pgp/certificate.js';
import { wrapSessionKey } from '../pgp/sessionkey.js';
import { sha256Hex } from '../primitives.js';
import { coverBytes } from '../receipt/cover.js';
import { coverName, suitcaseName, timestamp } from '../names/deposit.js';
import { commitmentOf, openingOf } from '../receipt/proof.js';
import type { ReceiptDraft } from '../receipt/schema.js';
import type { CompressionFormat } from '../seal/compress.js';
import type { SealResult } from '../seal/sealing.js';
import type { ChainedDeposit } from '../dataset/chain/chain-file.js';
import { version } from '../version.js';
import type { DepositKeys } from './deposit-keys.js';

/** The session key and what is derived from it while it is at hand. */
export interface WrappedKey {
  /** 32 bytes; to be wiped as soon as the sealing has it. */
  sessionKey: Uint8Array;
  pkesk: Uint8Array;
  /** Hex; see docs/format.md, key proof. */
  commitment: string;
}

/** A fresh session key, wrapped for every recipient. */
export async function wrapKey(depositId: string, { encryption, recipients }: DepositKeys): Promise<WrappedKey> {
  // In place: a copy would be wiped by nobody.
  const sessionKey = randomFillSync(new Uint8Array(32));
  const pkesk = await wrapSessionKey(sessionKey, encryption, recipients);
  const opening = openingOf(sessionKey, pkesk, depositId);
  const commitment = commitmentOf(opening);
  opening.fill(0);
  return { sessionKey, pkesk, commitment };
}

/** A draft that an earlier run wrote, with today's signer and with the cover as this version of depot words it. */
export function presentable(draft: ReceiptDraft, signer: SecretKey): ReceiptDraft {
  const signed = { ...draft, supplier: { ...draft.supplier, signerFingerprint: signer.fingerprint } };
  return { ...signed, cover: coverOf(signed) };
}

/** Everything that a receipt says but the server's last answers and its place in the ledger. */
export function draftReceipt(o: {
  config: Config;
  keys: DepositKeys;
  wrapped: WrappedKey;
  depositId: string;
  startedAt: Date;
  compression: CompressionFormat;
  sealed: SealResult;
  rehearsed: boolean;
  /** The deposits of the chain that this one was to continue; empty for a full one. */
  earlier: readonly ChainedDeposit[];
}): ReceiptDraft {
  const { keys, sealed, depositId } = o;
  const { packet, cipher, aead } = keys.encryption;
  const { entries, bytes, skipped, complete, manifestSha256 } = sealed.dataset;
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const chain = chainOf(o);
  const facts = {
    depositId,
    startedAt: timestamp(o.startedAt),
    supplier: { name: o.config.supplier.name, signerFingerprint: keys.signer.fingerprint },
    suitcase: { name: suitcaseName(depositId, o.compression), bytes: sealed.bytes, sha256: sealed.sha256 },
    encryption: {
      packet,
      cipher,
      aead,
      compression: o.compression,
      recipients: keys.recipients.map(({ fingerprint, subkeyFingerprint, algorithm, expiresAt }) => ({
        fingerprint,
        subkeyFingerprint,
        algorithm,
        expiresAt,
      })),
    },
  };
  return {
    schema: sealed.dataset.chain === null ? 'depot.receipt/1' : 'depot.receipt/2',
    arrangement: depositId.slice(0, depositId.indexOf('_')),
    ...facts,
    keyProof: {
      pkesk: base64(o.wrapped.pkesk),
      head: base64(sealed.head),
      tail: sealed.tail && base64(sealed.tail),
      plaintextOctets: sealed.plaintextOctets,
      commitment: o.wrapped.commitment,
    },
    dataset: { entries, bytes, skipped, complete, manifestSha256 },
    ...chain,
    ...(o.rehearsed ? { rehearsed: (sealed.dataset.chain?.number ?? 0) > 0 ? 'increment' : true } : {}),
    cover: coverOf({ ...facts, ...chain }),
    client: { version, runtime: `node ${process.versions.node}`, platform: `${process.platform} ${process.arch}` },
  };
}

function chainOf({ sealed, depositId, earlier }: Parameters<typeof draftReceipt>[0]): Pick<ReceiptDraft, 'chain'> {
  const { chain } = sealed.dataset;
  if (chain === null) return {};
  const { number, datasetSha256, entries, bytes, complete, lastReadInFull } = chain;
  const [full, previous] = number === 0 ? [] : [earlier[0], earlier.at(-1)];
  return {
    chain: {
      fullDepositId: full?.depositId ?? depositId,
      number,
      previousDepositId: previous?.depositId ?? null,
      previousSuitcaseSha256: previous?.sha256 ?? null,
      datasetSha256,
      entries,
      bytes,
      complete,
      lastReadInFull,
    },
  };
}

function coverOf(facts: Parameters<typeof coverBytes>[0]): ReceiptDraft['cover'] {
  const cover = coverBytes(facts);
  return { name: coverName(facts.depositId), bytes: cover.length, sha256: sha256Hex(cover) };
}
