import { lstat, rm } from 'node:fs/promises';
import path from 'node:path';
import { DepotError } from '../../errors.js';
import { generateKey, type KeyRequest } from '../../pgp/keys.js';
import { printable } from '../../printable.js';
import { localError, makeOwnDirectory, writeNew, writeNewSecret } from '../../durable-file.js';

export interface KeyPair {
  fingerprint: string;
  /** Paths. */
  publicKey: string;
  secretKey: string;
}

/** Makes a key and writes `<prefix>.public.asc` and `<prefix>.secret.asc` (0600). Never over a file that is there: `output-exists`. */
export async function writeKeyPair(o: KeyRequest & { prefix: string }): Promise<KeyPair> {
  const { prefix, ...request } = o;
  const files = { publicKey: `${prefix}.public.asc`, secretKey: `${prefix}.secret.asc` };
  for (const file of Object.values(files)) if (await isThere(file)) throw exists(file);
  const made = await generateKey(request);
  await makeOwnDirectory(path.dirname(path.resolve(prefix)));
  await create(files.secretKey, made.secretKey, writeNewSecret);
  try {
    await create(files.publicKey, made.publicKey, (file, contents) => writeNew(file, contents, 0o644));
  } catch (error) {
    // Where it cannot be removed, why the work failed is still what counts; the next try says what lies there.
    await rm(files.secretKey, { force: true }).catch(() => undefined);
    throw error;
  }
  return { fingerprint: made.fingerprint, ...files };
}

async function create(
  file: string,
  contents: string,
  write: (file: string, contents: string) => Promise<void> = writeNew,
): Promise<void> {
  await write(file, contents).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists(file) : localError(error, 'write', file);
  });
}

async function isThere(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

export function exists(file: string): DepotError {
  return new DepotError('output-exists', `${printable(file)} already exists; depot never overwrites it`, {
    hint: 'choose another name, or move that file away',
  });
}
