import type { Config } from '../../config/types.js';
import { verifySigned } from '../../deposit/exhibits.js';
import { isDepotError } from '../../errors.js';
import type { Certificate } from '../../pgp/certificate.js';
import { readCertificate } from '../../pgp/keys.js';
import type { SignatureCheck } from '../../receipt/audit.js';
import { parseReceipt } from '../../receipt/parse.js';
import { readKeyFile } from '../key-file.js';

/** The keys that the supplier's own receipts may be by: the one that signs now, and those before it. */
export function ownSigners(config: Pick<Config, 'supplier'> | null): string[] {
  return config === null ? [] : [config.supplier.signingKey, ...config.supplier.formerSigningKeys];
}

/** The check of receipts against the keys in `files`; each must be by the one that it names. Undefined without any: then signatures are said to be unchecked. */
export async function signatureCheck(files: readonly string[]): Promise<SignatureCheck | undefined> {
  if (files.length === 0) return undefined;
  const signers: Certificate[] = [];
  for (const file of files) signers.push(await readCertificate(await readKeyFile(file)));
  return async (receipt, signature) => {
    try {
      await verifySigned({ bytes: receipt, receipt: parseReceipt(receipt) }, signature, signers);
      return null;
    } catch (error) {
      if (!isDepotError(error)) throw error;
      return error.message;
    }
  };
}
