import type { DepotError, Published } from '../errors.js';
import { printable } from '../printable.js';

/** The `error` of JSON documents. Keys are always there; null where there is nothing to say. */
export interface ErrorFields {
  code: string;
  exit: number;
  message: string;
  hint: string | null;
  published: Published | null;
  depositId: string | null;
}

/** An error in a list of results. */
export function errorFields(error: DepotError): ErrorFields {
  return {
    code: error.code,
    exit: error.exit,
    message: error.message,
    hint: error.hint ?? null,
    published: error.published ?? null,
    depositId: error.depositId ?? null,
  };
}

/** The one document on standard output, with `--json`, of a command that failed. */
export function errorDocument(error: DepotError): { ok: false; error: ErrorFields } {
  return { ok: false, error: errorFields(error) };
}

/**
 * `depot: error: <arrangement>: <what>; <published?>`, then `depot: hint: …`. A message of several lines keeps them,
 * indented, and what was published stands on the first.
 */
export function errorLines(error: DepotError): string[] {
  const [what = '', ...more] = error.message.split('\n').map((line) => printable(line));
  const where = error.arrangement === undefined ? '' : `${printable(error.arrangement)}: `;
  const lines = [`depot: error: ${where}${what}${publication(error)}`];
  for (const line of more) if (line.trim() !== '') lines.push(`  ${line.trimStart()}`);
  for (const hint of hintLines(error.hint)) lines.push(`depot: hint: ${printable(hint)}`);
  return lines;
}

/** A command to type ends its line, so that it can be pasted whole. */
export function hintLines(hint = ''): string[] {
  return hint === '' ? [] : hint.replace(/(«[^«»]*»)(?:; |, (?=or |and ))/g, '$1\n').split('\n');
}

/** Whether anything was published, to follow a message. */
export function publication(error: Pick<DepotError, 'published' | 'depositId'>): string {
  const id = error.depositId === undefined ? '' : ` as ${printable(error.depositId)}`;
  switch (error.published) {
    case undefined:
      return '';
    case 'no':
      return '; nothing was published';
    case 'yes':
      return `; published${id}`;
    case 'unknown':
      return `; possibly published${id}`;
  }
}
