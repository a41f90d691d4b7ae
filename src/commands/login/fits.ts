import type { Arrangement, Config } from '../../config/types.js';
import { loginOf } from '../../push/agent.js';
import { readPrivateKey } from '../../reader/named-files.js';
import { isDepotError } from '../../errors.js';
import { prepareLogin } from '../../sftp/credentials.js';
import { usage } from '../flags.js';

/**
 * Tries a passphrase on the key that it is for, before it is stored: a wrong one would show in the first scheduled run.
 *
 * @throws DepotError 'passphrase-wrong', 'usage' without such a key; what reading the key throws
 */
export async function requireFit(
  purpose: 'private-key' | 'signing-key',
  passphrase: string,
  arrangement: Arrangement,
  config: Config,
): Promise<void> {
  const given = (): Promise<string> => Promise.resolve(passphrase);
  if (purpose === 'signing-key') {
    await readPrivateKey(config.supplier.signingKey, given).catch((error: unknown) => {
      if (isDepotError(error, 'passphrase-wrong'))
        error.hint = `run it again with the passphrase of ${config.supplier.signingKey}`;
      throw error;
    });
    return;
  }
  if (arrangement.remote.privateKey === undefined)
    throw usage(`${arrangement.name} logs in without an SSH key`, 'set remote.privateKey in depot.yaml first');
  await prepareLogin(
    { ...(await loginOf(arrangement, { find: () => Promise.resolve(null) })), passphrase: given },
    arrangement.name,
  );
}
