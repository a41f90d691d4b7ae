/**
 * A SHA-256 as people copy it from another program or are told it: in either case, in pairs or groups (certutil of older
 * Windows has spaces, others colons or hyphens), over several lines, with the invisible marks that a dialog puts in front.
 *
 * @returns 64 lower-case digits; null when it is none
 */
export function toldSha256(text: string): string | null {
  const digits = text.replace(/[\s:\u200b-\u200f-]/g, '').toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? digits : null;
}
