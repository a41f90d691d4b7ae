/** The passphrase of a private key that was named on the command line: file, environment, or a question. */
import { isDepotError } from '../errors.js';
import { secretMode } from '../permissions.js';
import { readSecretFile } from '../secrets/file.js';
import type { Context } from './context.js';
import { hiddenPrompt } from './deposits.js';

/** For reading a key: asked only when the key is locked, at most once. Undefined when nothing and nobody has it. */
export function passphraseFor(file: string | undefined, context: Context): () => Promise<string | undefined> {
  let found: Promise<string | undefined> | undefined;
  return () => (found ??= find(file, context));
}

async function find(file: string | undefined, context: Context): Promise<string | undefined> {
  const given = await givenPassphrase(file, context);
  if (given !== undefined) return given;
  return hiddenPrompt(context)?.('Passphrase of the private key');
}

/** From `--passphrase-file`, `$DEPOT_PASSPHRASE_FILE` or `$DEPOT_PASSPHRASE`; never asks. */
export async function givenPassphrase(file: string | undefined, context: Context): Promise<string | undefined> {
  const path = file ?? (context.env.DEPOT_PASSPHRASE_FILE === '' ? undefined : context.env.DEPOT_PASSPHRASE_FILE);
  if (path !== undefined && (file !== undefined || !context.env.DEPOT_PASSPHRASE))
    return readPassphrase(path, file === undefined ? 'DEPOT_PASSPHRASE_FILE' : '--passphrase-file');
  const value = context.env.DEPOT_PASSPHRASE;
  return value === '' ? undefined : value;
}

/** @throws DepotError 'secret-missing', also for an empty file; 'secret-insecure' where others could read it too */
async function readPassphrase(path: string, namedBy: string): Promise<string> {
  try {
    return (await readSecretFile(path, namedBy)).reveal();
  } catch (error) {
    if (isDepotError(error, 'secret-missing')) error.hint = `put the passphrase there (${secretMode})`;
    throw error;
  }
}
