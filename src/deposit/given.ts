import { DepotError, isDepotError } from '../errors.js';
import { readCertificate, readSecretKey, type Certificate, type SecretKey } from '../pgp/keys.js';
import type { VerifiedSignature } from '../pgp/signature.js';
import { printable } from '../printable.js';
import { parseReceipt, type Receipt } from '../receipt/schema.js';
import { readBoundedFile } from './bounded-file.js';
import { verifySigned } from './exhibits.js';

/** Files that were named on the command line: receipts, signatures, signers, private keys. */

/** A receipt as it was given: the bytes, which are what is signed, and what they say. */
export interface GivenReceipt {
  path: string;
  bytes: Uint8Array;
  receipt: Receipt;
}

/** @throws DepotError 'local-unreadable'; 'verification-failed' when it is no receipt */
export async function readReceipt(path: string): Promise<GivenReceipt> {
  const bytes = await readGiven(path, 'the receipt');
  return { path, bytes, receipt: parseReceipt(bytes, path) };
}

/**
 * Verifies a receipt against the public keys in these files.
 *
 * @throws DepotError 'verification-failed', 'local-unreadable', 'key-unreadable'
 */
export async function verifyReceipt(given: GivenReceipt, signaturePath: string | undefined, signerPaths: string[]): Promise<VerifiedSignature> {
  const signature = await readGiven(signaturePath ?? `${given.path}.asc`, 'the signature');
  const signers: Certificate[] = [];
  for (const path of signerPaths) signers.push(await readCertificate(await readGiven(path, 'the signer\'s key')));
  return verifySigned(given, signature, signers);
}

/** @throws DepotError 'local-unreadable', 'key-unreadable', 'secret-missing', 'passphrase-wrong' */
export async function readPrivateKey(path: string, passphrase: () => Promise<string | undefined>): Promise<SecretKey> {
  return readSecretKey(await readGiven(path, 'the private key'), passphrase);
}

async function readGiven(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readBoundedFile(path);
  } catch (cause) {
    if (isDepotError(cause)) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DepotError('local-unreadable', `cannot read ${what} ${printable(path)}: ${missing ? 'there is no such file' : printable((cause as Error).message)}`, { hint: 'check its name', cause });
  }
}
