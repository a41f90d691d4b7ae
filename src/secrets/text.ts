import { DepotError } from '../errors.js';
import { Secret } from '../secret.js';

/** Longer than any password; a file of this size is not one. */
export const longestSecret = 64 * 1024;

/**
 * The secret in what a file or a command gave: UTF-8, less one newline at its end, and less the mark that
 * Windows editors put in front. The bytes are wiped. Throws `secret-missing` when nothing is left.
 */
export function secretFrom(bytes: Buffer, where: string): Secret {
  try {
    if (bytes.length > longestSecret) throw new DepotError('secret-missing', `${where} is too long for a secret (over ${longestSecret / 1024} KiB)`);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
    if (text === '') throw new DepotError('secret-missing', `${where} is empty`, { hint: 'put the secret there, on one line' });
    if (text.includes('\0')) throw new DepotError('secret-missing', `${where} is not text: it holds a NUL`, { hint: 'store it as UTF-8 text' });
    return new Secret(text);
  } catch (error) {
    if (error instanceof DepotError) throw error;
    throw new DepotError('secret-missing', `${where} is not UTF-8 text`, { hint: 'store it as UTF-8 text' });
  } finally {
    bytes.fill(0);
  }
}
