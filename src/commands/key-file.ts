import path from 'node:path';
import { DepotError } from '../errors.js';
import { readPlain } from '../plain-file.js';
import { printable } from '../printable.js';
import { lookLine } from '../shell.js';

const largestKeyFile = 16 * 1024 * 1024;

/** The bytes of a key file that a user named; `key-unreadable` names the file. */
export async function readKeyFile(file: string): Promise<Buffer> {
  try {
    const bytes = await readPlain(file);
    if (bytes.length > largestKeyFile)
      throw new DepotError('key-unreadable', `${printable(file)} has ${bytes.length} bytes, too many for a key`);
    return bytes;
  } catch (cause) {
    if (cause instanceof DepotError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EACCES'
          ? 'permission denied'
          : (code ?? 'it cannot be read');
    throw new DepotError('key-unreadable', `key file ${printable(file)}: ${why}`, {
      hint:
        code === 'EACCES'
          ? 'run depot as an account that can read it, or name a copy that this account can read'
          : `see what is there: «${lookLine(path.dirname(path.resolve(file)))}»`,
      cause,
    });
  }
}
