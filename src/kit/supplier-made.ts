import { stat } from 'node:fs/promises';
import type { Beneficiary } from '../config/types.js';

/**
 * The private part of the public key in the file `key` where the supplier has it: `depot key generate` writes it beside the public one. Null when it
 * is not there, which does not say that the supplier never had it (`keyMadeBy: supplier`).
 */
export async function suppliersSecretKey({ key }: Pick<Beneficiary, 'key'>): Promise<string | null> {
  if (!key.endsWith('.public.asc')) return null;
  const file = key.replace(/\.public\.asc$/, '.secret.asc');
  return stat(file).then(
    (found) => (found.isFile() ? file : null),
    () => null,
  );
}
