import { printable } from './printable.js';

/** A word as sh takes it apart again. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:@=+,%-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;
}

/**
 * The same for a line to type that stands in a message, in safe letters. Never without the quotes: a file of somebody
 * else's may be called `x; rm -rf ~`, and such lines are pasted.
 */
export function typedWord(word: string): string {
  return printable(shellWord(word));
}
