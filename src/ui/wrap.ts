import { stripVTControlCharacters } from 'node:util';

/** A line that may be broken on a terminal: what follows the break begins `hang` columns in. */
export interface Hanging {
  text: string;
  hang: number;
}

/** A line of a result; one that is text alone is never broken. */
export type Line = string | Hanging;

/** A line as it is where nothing is broken. */
export function unbroken(line: Line): string {
  return typeof line === 'string' ? line : line.text;
}

/** The indentation of what is too long for the usual one. */
const narrowIndent = 2;

/** What follows it was typed. */
const shellPrompt = '$';

/** Fewer columns than this are no place for prose. */
const narrowest = 20;

/**
 * `text` in lines of at most `columns`, broken between words. What stands between « and » is to be pasted, and stays on one
 * line, however long. Several spaces, as in a table, stay where no break falls. Colours take no room.
 */
export function wrapped({ text, hang }: Hanging, columns: number): string {
  if (columns < narrowest || shown(text).length <= columns) return text;
  const indent = ' '.repeat(hang > columns / 2 ? 4 : hang);
  const lines: string[] = [];
  let line = '';
  for (const [whole, spaces, word] of text.matchAll(/( *)((?:«[^»]*»|[^ «]|«)+)/g)) {
    const fits = shown(line + whole).length <= columns;
    if (fits || line.trim() === '' || line === shellPrompt) {
      line += whole;
      continue;
    }
    lines.push(line);
    const next = word ?? spaces ?? '';
    // A line to type that is too long beside the others begins further left.
    line = `${shown(indent + next).length > columns ? indent.slice(0, narrowIndent) : indent}${next}`;
  }
  return [...lines, line].join('\n');
}

/** As wide as it appears. */
function shown(text: string): string {
  return stripVTControlCharacters(text).replace(/[«»]/g, '');
}
