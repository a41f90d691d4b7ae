/** The files that a person gave, as far as they are small: receipts, their signatures, the supplier's public keys. */
import type { Exhibits } from '../reader/exhibits.js';
import { LARGEST_GIVEN_FILE } from '../text-file.js';
import { DepotError, isDepotError } from '../errors.js';
import type { Certificate } from '../pgp/certificate.js';
import { readCertificate } from '../pgp/keys.js';
import { printable } from '../printable.js';
import { chooseReceipt, verifyBy, withoutOwnKeys, type GivenReceipt, type SmallFile } from './choice.js';
import type { Aside, Given } from './protocol.js';
import { bytesOf, preambleOf } from './suitcase-blob.js';

export interface Read {
  /** Throws what is wrong with it: a receipt that is none is a finding. Null when none was given. */
  receipt: (() => GivenReceipt) | null;
  signature: Exhibits['signature'];
  aside: Aside;
}

/**
 * Reads them, and of several receipts takes the one that belongs to the suitcase. `ownKey`: fingerprint of the private key.
 *
 * @throws DepotError 'local-unreadable', 'key-unreadable'
 */
export async function readGiven(given: Given, ownKey: string | null): Promise<Read> {
  const signatures = await Promise.all(given.signatures.map(named));
  const signers: { name: string; certificate: Certificate }[] = [];
  for (const file of given.signers)
    signers.push({ name: printable(file.name), certificate: await readCertificate(await small(file)) });

  const chosen =
    given.receipts.length === 0 ? null : await choice(given, (read) => verifyBy(signatures, others(read), read));
  const receipt = chosen === null || 'refusal' in chosen ? null : chosen.given;
  const aside: Aside = {
    receipts: chosen === null || 'refusal' in chosen ? null : chosen.aside,
    ownKeys: withoutOwnKeys(signers, ownKey, receipt?.receipt ?? null).own.map(({ name }) => name),
  };
  const counted = others(receipt);
  return {
    receipt:
      chosen === null
        ? null
        : () => {
            if ('refusal' in chosen) throw chosen.refusal;
            return chosen.given;
          },
    signature: counted.length === 0 ? null : () => verifyBy(signatures, counted, receipt!),
    aside,
  };

  function others(read: GivenReceipt | null): Certificate[] {
    return withoutOwnKeys(signers, ownKey, read?.receipt ?? null).signers.map(({ certificate }) => certificate);
  }
}

async function choice(
  { receipts, suitcase, agentSha256 }: Given,
  signed: (given: GivenReceipt) => Promise<unknown>,
): Promise<Awaited<ReturnType<typeof chooseReceipt>> | { refusal: DepotError }> {
  const files = await Promise.all(receipts.map(named));
  // What is wrong with the suitcase is found when its turn comes.
  const pkesk =
    suitcase === null || files.length === 1
      ? null
      : await preambleOf(suitcase).then(
          ({ preamble }) => preamble.pkesk,
          () => null,
        );
  try {
    return await chooseReceipt(
      files,
      { pkesk, suitcaseName: suitcase?.name ?? null, agentSha256: agentSha256 === '' ? null : agentSha256 },
      signed,
    );
  } catch (error) {
    if (isDepotError(error, 'verification-failed')) return { refusal: error };
    throw error;
  }
}

async function named(file: File): Promise<SmallFile> {
  return { name: file.name, bytes: await small(file) };
}

/** Keys, receipts and signatures. @throws DepotError 'local-unreadable' */
export async function small(file: File): Promise<Uint8Array> {
  if (file.size > LARGEST_GIVEN_FILE)
    throw new DepotError(
      'local-unreadable',
      `${printable(file.name)} has ${file.size} bytes, which no key, signature or receipt has`,
      { hint: 'choose another file' },
    );
  return new Uint8Array(await bytesOf(file));
}
