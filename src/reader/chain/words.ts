import { printable } from '../../printable.js';

const MOST = 8;

/** The first of a list, for a message. */
export function listed(items: readonly string[], most = MOST): string {
  const more = items.length - most;
  return `${items.slice(0, most).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

/** A file that was passed over. */
export function skippedWords({ path, error }: { path: string; error: Error }): string {
  return `${printable(path.slice(path.search(/[^/\\]*$/)))}: ${error.message}`;
}
