/** How names and lines to type stand in the README of a suitcase. */
import { printable } from '../printable.js';

/** In a table's cell: a name may hold a backtick or a bar. */
export function code(name: string): string {
  return `\`${printable(name).replaceAll('`', "'").replaceAll('|', String.raw`\|`)}\``;
}

export function block(lines: readonly string[]): string {
  return `${lines.map((line) => `    ${line}`).join('\n')}\n`;
}
