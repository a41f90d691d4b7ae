/**
 * `npm run bench -- --against PATH/bin/depot.js`: two builds of depot, case by case. A run of one and a run of the other take
 * turns, so that a machine that slows down slows both down.
 */
import type { Case, Contender } from './case.js';
import type { Bench } from './peers.js';

/** The medians of one contender in one case. */
export interface Medians {
  case: string;
  tool: string;
  seconds: number;
  cpuSeconds: number;
  peakMiB: number;
}

const mark = ' (before)';

/** All that depot does in this case: each by the build at `against`, then by this one. */
export function bothBuilds(one: Case, bench: Bench, against: string): Contender[] {
  const ours = (b: Bench): Contender[] => one.contenders(b).filter(({ name }) => name.startsWith('depot'));
  const before = ours({ ...bench, depot: against });
  return ours(bench).flatMap((after, i) => [{ ...before[i], name: after.name + mark }, after]);
}

const figures: [title: string, pick: (m: Medians) => number, digits: number][] = [
  ['s', (m) => m.seconds, 2],
  ['CPU s', (m) => m.cpuSeconds, 2],
  ['peak MiB', (m) => m.peakMiB, 0],
];

/** Medians before and after, and after over before: more than 1.00 is slower, or takes more. */
export function comparison(all: readonly Medians[]): string {
  const titles = figures.map(([title]) => `${title} before | after | ratio`);
  const lines = [`| case | command | ${titles.join(' | ')} |`, `|---|---${'|--:'.repeat(3 * figures.length)}|`];
  for (const after of all) {
    const before = all.find((row) => row.case === after.case && row.tool === after.tool + mark);
    if (before === undefined) continue;
    const cells = figures.map(([, pick, digits]) => {
      const ratio = pick(after) / pick(before);
      return `${pick(before).toFixed(digits)} | ${pick(after).toFixed(digits)} | **${ratio.toFixed(2)}**`;
    });
    lines.push(`| ${after.case} | ${after.tool} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}
