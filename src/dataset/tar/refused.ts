import { DepotError } from '../../errors.js';
import { printable } from '../../printable.js';

/** The error for an archive that no honest tool makes: `archive-refused`. */
export function refused(message: string): DepotError {
  return notRead(message, 'open it with no other tool either until its maker has explained it');
}

/** The error for an archive that is no danger, but damaged, of another kind, or more than this file system can hold. The hint says what helps. */
export function notRead(message: string, hint: string): DepotError {
  return new DepotError('archive-refused', message, { hint });
}

/** A name from the archive as messages show it: no control characters, and not longer than a line or two. */
export function shown(name: Uint8Array): string {
  return name.length <= 160 ? printable(name) : `${printable(name.subarray(0, 160))}… (${name.length} bytes)`;
}
