import { printable } from '../printable.js';
import { counted } from './format.js';
import { type Night, nightLines } from './night.js';
import type { Line } from './wrap.js';

export type CheckResult = 'passed' | 'failed' | 'not possible';

export interface ShownCheck {
  name: string;
  result: CheckResult;
  detail: string;
}

export interface Verification {
  ok: boolean;
  result: 'passed' | 'failed' | 'incomplete';
  checks: readonly ShownCheck[];
  /** Of several suitcases that were given. */
  night?: Night;
}

type Paint = (style: 'green' | 'red' | 'yellow', text: string) => string;

const marks = { passed: ['✓', 'green'], failed: ['✗', 'red'], 'not possible': ['–', 'yellow'] } as const;

/** In plain words; scripts get the word of the check. */
const words = { failed: 'failed', 'not possible': 'not checked' } as const;

/** What `verify --json` prints. */
export function verifyDocument(v: Verification): object {
  return {
    ok: v.ok,
    result: v.result,
    ...v.night,
    checks: v.checks.map(({ name, result, detail }) => ({ name, result, detail })),
  };
}

/** One line a check: sign, name, the result in words unless it passed, and what was found. */
export function verifyLines(v: Verification, paint: Paint = (_, text) => text): Line[] {
  const width = Math.max(0, ...v.checks.map((c) => c.name.length));
  const lines = v.checks.map((c) => {
    const [mark, style] = marks[c.result];
    const word = c.result === 'passed' ? '' : paint(style, `${words[c.result]}: `);
    return {
      text: `${paint(style, mark)} ${c.name.padEnd(width)}  ${word}${printable(c.detail)}`.trimEnd(),
      hang: width + 4,
    };
  });
  return [...(v.night === undefined ? [] : [...nightLines(v.night), '']), ...lines, '', verdict(v, paint)];
}

function verdict(v: Verification, paint: Paint): string {
  const number = (result: CheckResult): number => v.checks.filter((c) => c.result === result).length;
  const open = number('not possible');
  const all = counted(v.checks.length, 'check');
  const unchecked = open === 0 ? '' : `, ${open} not checked`;
  switch (v.result) {
    case 'passed':
      return `${paint('green', 'passed')}: ${number('passed')} of ${all}${unchecked}`;
    case 'failed':
      return `${paint('red', 'failed')}: ${number('failed')} of ${all}${unchecked}`;
    case 'incomplete':
      return `${paint('yellow', 'incomplete')}: nothing failed, ${number('passed')} of ${all} passed${unchecked}`;
  }
}
