/** An examination as people read it. */
import { printable } from '../printable.js';
import { labelled } from '../ui/format.js';
import type { Line } from '../ui/wrap.js';
import { type Examination } from './findings.js';

const marks = {
  passed: ['✓', 'green'],
  warning: ['!', 'yellow'],
  failed: ['✗', 'red'],
  'not possible': ['·', 'dim'],
} as const;

/** As people read it; scripts have the word of the finding. */
const words = { warning: 'warning: ', failed: 'failed: ', 'not possible': 'not tested: ' } as const;

export function examinationLines(
  e: Examination,
  paint: (style: 'green' | 'yellow' | 'red' | 'dim' | 'bold', text: string) => string,
): Line[] {
  const width = Math.max(...e.checks.map((c) => c.name.length));
  return [
    paint('bold', e.arrangement),
    ...e.checks.flatMap(({ name, result, detail, hint }) => {
      const [mark, style] = marks[result];
      const word = result === 'passed' ? '' : paint(style, words[result]);
      const hang = width + 4;
      return [
        { text: `${paint(style, mark)} ${name.padEnd(width)}  ${word}${detail}`, hang },
        ...(hint === undefined ? [] : [{ text: `${' '.repeat(hang)}${hint}`, hang }]),
      ];
    }),
    ...(e.propose === undefined || Object.keys(e.propose).length === 0
      ? []
      : [
          'propose in depot.yaml, for this arrangement or for all:',
          '  remote:',
          ...Object.entries(e.propose).map(([key, value]) => `    ${key}: ${value}`),
        ]),
    ...(e.left === undefined
      ? []
      : [labelled('left there', e.left.length === 0 ? 'nothing' : e.left.map((name) => printable(name)).join(', '))]),
    labelled('push', outlook(e)),
  ];
}

/** In one sentence or two: would it work, and what does that leave open? */
function outlook(e: Examination): string {
  if (e.exit !== 0) return `would exit with ${e.exit}`;
  const written = e.propose !== undefined || e.checks.some((c) => c.name === 'writing' && c.result === 'passed');
  const open = [
    ...(written ? [] : ['writing to the server']),
    ...e.checks.filter((c) => c.result === 'not possible' && /^(?:source |spool$)/.test(c.name)).map((c) => c.name),
  ];
  if (open.length === 0) return 'A push should work.';
  const list = open.length === 1 ? open[0]! : `${open.slice(0, -1).join(', ')} and ${open.at(-1)!}`;
  return `A push should work. ${list[0]!.toUpperCase()}${list.slice(1)} ${open.length === 1 ? 'was' : 'were'} not tested.`;
}
