/** The passphrase of a private key that was named on the command line: file, environment, or a question. */
import { readBounded } from '../receipt/files.js';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import type { Context } from './context.js';
import { hiddenPrompt } from './deposits.js';

const largest = 64 * 1024;

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
  if (path !== undefined && (file !== undefined || !context.env.DEPOT_PASSPHRASE)) {
    const bytes = await readBounded(path, largest);
    if (bytes === null) throw new DepotError('secret-missing', `${printable(path)} does not exist`, { hint: 'name the file that holds the passphrase' });
    return withoutNewline(bytes.toString('utf8'));
  }
  const value = context.env.DEPOT_PASSPHRASE;
  return value === '' ? undefined : value;
}

/** Editors and `echo` end a file with a newline, which is no part of the passphrase. */
function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}
