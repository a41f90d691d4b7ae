import { DepotError } from '../errors.js';
import { Secret } from '../secret.js';
import { textOf } from '../text-file.js';

/** Longer than any password; a file of this size is not one. */
export const longestSecret = 64 * 1024;

/**
 * The secret in what a file or a command gave: text (text-file.ts), less one newline at its end. The bytes are wiped. Throws `secret-missing` when nothing is left.
 */
export function secretFrom(bytes: Buffer, where: string): Secret {
  try {
    if (bytes.length > longestSecret)
      throw new DepotError('secret-missing', `${where} is too long for a secret (over ${longestSecret / 1024} KiB)`);
    const text = textOf(bytes)?.replace(/\r?\n$/, '');
    if (text === undefined)
      throw new DepotError('secret-missing', `${where} is not UTF-8 text`, { hint: 'store it as UTF-8 text' });
    if (text === '')
      throw new DepotError('secret-missing', `${where} is empty`, { hint: 'put the secret there, on one line' });
    if (text.includes('\0'))
      throw new DepotError('secret-missing', `${where} is not text: it holds a NUL`, {
        hint: 'store it as UTF-8 text',
      });
    return new Secret(text);
  } finally {
    bytes.fill(0);
  }
}
