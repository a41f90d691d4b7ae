import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DepotError, isDepotError } from '../errors.js';
import { parseReceiptName } from '../names/deposit.js';
import { isArmored } from '../pgp/packets.js';
import type { Certificate, SecretKey } from '../pgp/certificate.js';
import { readCertificate, readSecretKey } from '../pgp/keys.js';
import type { VerifiedSignature } from '../pgp/signature.js';
import { printable } from '../printable.js';
import { parseReceipt } from '../receipt/parse.js';
import type { Receipt } from '../receipt/schema.js';
import { LARGEST_GIVEN_FILE, looseTextOf } from '../text-file.js';
import { lookLine, typedWord } from '../shell.js';
import { readBoundedFile } from '../plain-file.js';
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
  if (!isArmored(bytes) || looseTextOf(bytes.subarray(0, 64)).startsWith('-----BEGIN PGP ')) {
    throw new DepotError(
      'verification-failed',
      `${printable(path)} is OpenPGP data, such as a suitcase or a signature, not a receipt`,
      { hint: 'name the file <id>.receipt.json' },
    );
  }
  return { path, bytes, receipt: parseReceipt(bytes, path) };
}

/** The receipts in the folder of this one; those that cannot be read are left out. */
export async function receiptsBeside({ path }: GivenReceipt): Promise<Receipt[]> {
  const receipts: Receipt[] = [];
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (parseReceiptName(name) === null) continue;
    try {
      receipts.push((await readReceipt(join(dirname(path), name))).receipt);
    } catch (error) {
      if (!isDepotError(error)) throw error;
    }
  }
  return receipts;
}

/** Verifies a receipt by the public keys in these files. 'verification-failed', 'local-unreadable', 'key-unreadable' */
export async function verifyReceipt(
  given: GivenReceipt,
  signaturePath: string | undefined,
  signerPaths: string[],
): Promise<VerifiedSignature> {
  const signature = await readGiven(signaturePath ?? `${given.path}.asc`, 'the signature').catch((error: unknown) => {
    if (signaturePath === undefined && isDepotError(error, 'local-unreadable'))
      error.hint =
        'put the signature beside the receipt (whoever sent you the receipt has it), or name it with --signature FILE';
    throw error;
  });
  const signers = await readSigners(signerPaths);
  const verified = await verifySigned(given, signature, signers);
  const secret = signerPaths.filter((_, i) => signers[i]!.isSecret);
  return {
    ...verified,
    warnings: [
      ...verified.warnings,
      ...secret.map(
        (path) =>
          `--signer ${printable(path)} is a private key: the public one is enough, and the private one should stay with the supplier`,
      ),
    ],
  };
}

/** @throws DepotError 'local-unreadable', 'key-unreadable' */
export async function readSigners(paths: readonly string[]): Promise<Certificate[]> {
  const signers: Certificate[] = [];
  for (const path of paths) {
    const bytes = await readGiven(path, "the signer's key");
    signers.push(
      await readCertificate(bytes).catch(
        keyIn(path, "name the supplier's public key, like signer.public.asc in the kit: --signer FILE"),
      ),
    );
  }
  return signers;
}

/** @throws DepotError 'local-unreadable', 'key-unreadable', 'secret-missing', 'passphrase-wrong' */
export async function readPrivateKey(path: string, passphrase: () => Promise<string | undefined>): Promise<SecretKey> {
  const bytes = await readGiven(path, 'the private key');
  return readSecretKey(bytes, passphrase)
    .catch(keyIn(path, 'name the file of your private key, like private.secret.asc: --key FILE'))
    .catch((error: unknown) => {
      if (isDepotError(error, 'secret-missing'))
        error.hint = 'add --passphrase-file FILE, or set DEPOT_PASSPHRASE_FILE';
      if (isDepotError(error, 'passphrase-wrong'))
        error.hint =
          'run it again with the passphrase of this key: --passphrase-file FILE, $DEPOT_PASSPHRASE, or at the prompt';
      throw error;
    });
}

/** Says in which file the key is that cannot be read, and which file was meant. */
function keyIn(path: string, hint: string): (error: unknown) => never {
  return (error) => {
    if (!isDepotError(error, 'key-unreadable')) throw error;
    throw new DepotError('key-unreadable', `${printable(path)}: ${error.message}`, {
      hint: error.hint ?? hint,
      cause: error,
    });
  };
}

/** @throws DepotError 'local-unreadable', also when there are more than `limit` bytes */
export async function readGiven(path: string, what: string, limit = LARGEST_GIVEN_FILE): Promise<Uint8Array> {
  try {
    return await readBoundedFile(path, undefined, limit);
  } catch (cause) {
    if (isDepotError(cause)) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const unreadable = (why: string, hint: string): DepotError =>
      new DepotError('local-unreadable', `cannot read ${what} ${printable(path)}: ${why}`, { hint, cause });
    if (code === 'EACCES')
      throw unreadable(
        'this account cannot read it',
        process.platform === 'win32'
          ? 'run it as an account that can, or have an administrator make a copy that this one can read'
          : `run it as an account that can, or make a copy that this one can read: «sudo install -o "$(id -un)" -m 600 ${typedWord(resolve(path))} ${typedWord(`copy-of-${basename(path)}`)}»`,
      );
    throw unreadable(
      code === 'ENOENT' ? 'there is no such file' : printable(message),
      `see what is there: «${lookLine(dirname(resolve(path)))}»`,
    );
  }
}
