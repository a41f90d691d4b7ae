/** A word as sh takes it apart again. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:@=+,%-]+$/.test(word) ? word : `'${word.replace(/'/g, '\'\\\'\'')}'`;
}
