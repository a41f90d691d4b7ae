import { printable } from './printable.js';

/** A word as sh takes it apart again. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:@=+,%-]+$/.test(word) ? word : `'${word.replace(/'/g, "'\\''")}'`;
}

/** The same in safe letters, for a line to paste from a message: somebody else's file may be called `x; rm -rf ~`. */
export function typedWord(word: string): string {
  return printable(shellWord(word));
}
