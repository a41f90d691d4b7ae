import { DepotError } from '../errors.js';
import { printable } from '../printable.js';

/** One thing wrong with the configuration; line and column count from 1. */
export interface Problem {
  file: string;
  line: number;
  column: number;
  message: string;
}

/** `config-invalid` with everything that is wrong, for the message and as data. */
export class ConfigInvalid extends DepotError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const shown = problems.slice(0, mostShown).map((p) => `${printable(p.file)}:${p.line}:${p.column}: ${p.message}`);
    const head = problems.length === 1 ? [] : [`${problems.length} problems in the configuration`];
    const rest = problems.length > mostShown ? [`and ${problems.length - mostShown} more`] : [];
    super('config-invalid', [...head, ...shown, ...rest].join('\n'), {
      hint: 'correct the configuration; docs/configuration.md describes every key',
    });
    this.problems = problems;
  }
}

const mostShown = 50;

/** Sorted as someone with an editor would go through them: by file in order of reading, then by place. */
export function inOrder(problems: readonly Problem[], files: readonly string[]): Problem[] {
  return [...problems].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column,
  );
}
