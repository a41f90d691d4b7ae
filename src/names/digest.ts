/** A SHA-256 as our files have it. */
export const sha256Pattern = /^[0-9a-f]{64}$/;

/** The id of a ledger: 16 random bytes. */
export const ledgerIdPattern = /^[0-9a-f]{32}$/;

/**
 * A SHA-256 as people copy it from another program or are told it: in either case, in pairs or groups (certutil of older
 * Windows has spaces, others colons or hyphens), over several lines, with the invisible marks that a dialog puts in front.
 *
 * @returns 64 lower-case digits; null when it is none
 */
export function toldSha256(text: string): string | null {
  const digits = text.replace(/[\s:\u200b-\u200f-]/g, '').toLowerCase();
  return sha256Pattern.test(digits) ? digits : null;
}
