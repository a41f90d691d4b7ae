import { open, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DepotError } from '../errors.js';
import { packageFile, packageUrl } from '../installation.js';
import { requireOwnPlace } from '../permissions.js';
import { sha256Hex } from '../primitives.js';
import { printable } from '../printable.js';
import { localError, writeAll } from '../durable-file.js';

/** The offline opener, made by the build. @throws what `missing` makes of it where there is none */
export function readOpener(missing: (cause: unknown) => DepotError): Buffer {
  try {
    return packageFile('dist/opener.html');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT')
      throw localError(cause, 'read', fileURLToPath(packageUrl('dist/opener.html')));
    throw missing(cause);
  }
}

/** Writes the page to a new file; people compare the digest. Throws 'output-exists', 'local-not-writable' */
export async function writeOpener(out: string): Promise<{ path: string; bytes: number; sha256: string }> {
  const path = resolve(out);
  await requireOwnPlace(path, undefined, 'file').catch((error: unknown) => {
    throw localError(error, 'write', path);
  });
  const page = readOpener(
    (cause) =>
      new DepotError('internal', 'the opener is not part of this copy of depot', {
        hint: 'build it with: npm run build',
        cause,
      }),
  );
  // Readable by others, since it is handed on; but who could change it would have the private key of whoever opens it.
  const file = await open(path, 'wx', 0o644).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw new DepotError('output-exists', `${printable(path)} already exists`, {
        hint: 'give --out a file that does not exist yet',
        cause,
      });
    throw localError(cause, 'write', path);
  });
  try {
    await writeAll(file, page);
  } catch (cause) {
    // Half a page has another digest, and would be in the way of the next try.
    await rm(path, { force: true });
    throw localError(cause, 'write', path);
  } finally {
    await file.close();
  }
  return { path, bytes: page.length, sha256: sha256Hex(page) };
}
