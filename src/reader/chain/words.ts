const MOST = 8;

/** Some deposits by their ids, and how many there are besides. */
export function namedDeposits(deposits: readonly { depositId: string }[]): string {
  return listed(deposits.map(({ depositId }) => depositId));
}

/** The first of a list, for a message. */
export function listed(items: readonly string[]): string {
  const more = items.length - MOST;
  return `${items.slice(0, MOST).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}
