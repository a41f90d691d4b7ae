const MOST = 8;

/** The first of a list, for a message. */
export function listed(items: readonly string[], most = MOST): string {
  const more = items.length - most;
  return `${items.slice(0, most).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}
