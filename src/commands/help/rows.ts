import { wrapped } from '../../ui/wrap.js';

export const columns = 80;

export type Row = readonly [term: string, text: string];

/** Prose in lines that fit the width; its own line breaks stay. */
export function folded(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => wrapped({ text: line, hang: 0 }, width))
    .join('\n');
}

/** `  term  text`, the text folded beside the term; under it, where the term is longer than `width`. */
export function described([term, text]: Row, width: number): string {
  const beside = folded(text, columns - width - 4).split('\n');
  const indent = ' '.repeat(width + 4);
  return term.length <= width
    ? `  ${term.padEnd(width)}  ${beside.join(`\n${indent}`)}`
    : `  ${term}\n${indent}${beside.join(`\n${indent}`)}`;
}
