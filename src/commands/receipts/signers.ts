import type { Config } from '../../config/types.js';
import { verifySigned } from '../../reader/exhibits.js';
import { isDepotError } from '../../errors.js';
import type { Certificate } from '../../pgp/certificate.js';
import { readCertificate } from '../../pgp/keys.js';
import type { SignatureCheck } from '../../state/audit.js';
import { readKeyFile } from '../key-file.js';

/** The keys that the supplier's own receipts may be by: the one that signs now, and those before it. */
export function ownSigners(config: Pick<Config, 'supplier'> | null): string[] {
  return config === null ? [] : [config.supplier.signingKey, ...config.supplier.formerSigningKeys];
}

/** The public key says as much of a signature: it does where the secret one beside it is closed to this account, as it is to one that only looks. */
async function publicOrSecret(file: string): Promise<Buffer> {
  return readKeyFile(file).catch(async (error: unknown) => {
    const denied = isDepotError(error) && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EACCES';
    if (!denied || !file.endsWith('.secret.asc')) throw error;
    return readKeyFile(file.replace(/\.secret\.asc$/, '.public.asc')).catch(() => {
      throw error;
    });
  });
}

/** The check of receipts against the keys in `files`; each must be by the one that it names. Undefined without any: then signatures are said to be unchecked. */
export async function signatureCheck(files: readonly string[]): Promise<SignatureCheck | undefined> {
  if (files.length === 0) return undefined;
  const signers: Certificate[] = [];
  for (const file of files) signers.push(await readCertificate(await publicOrSecret(file)));
  return async (bytes, signature, receipt) => {
    try {
      await verifySigned({ bytes, receipt }, signature, signers);
      return null;
    } catch (error) {
      if (!isDepotError(error)) throw error;
      return error.message;
    }
  };
}
