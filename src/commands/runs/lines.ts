/** Past runs as people read them: one line each, or failures in full. */
import { hostname } from 'node:os';
import { printable } from '../../printable.js';
import type { PastRun } from '../../state/history.js';
import { exitMeaning } from '../../texts/exits.js';
import { publication } from '../../ui/errors.js';
import { age, bytes, counted, localTime, table } from '../../ui/format.js';
import type { Line } from '../../ui/wrap.js';

/** Fewer columns than this say nothing of a reason: then the row is broken, as any that is too long. */
const leastReason = 24;
const columnGap = 2;

/** Newest first. A reason gets what is left of `columns`; `several`: of more than one arrangement. */
export function runLines(
  runs: readonly PastRun[],
  { several, columns }: { several: boolean; columns: number },
): Line[] {
  const rows = [
    [...(several ? ['ARRANGEMENT'] : []), 'STARTED', 'TOOK', 'RESULT'],
    ...runs.map((run) => [
      ...(several ? [run.arrangement] : []),
      minute(run.startedAt),
      run.seconds === null ? '–' : age(run.seconds * 1000),
      run.result === 'failed' ? `failed ${run.exit}` : run.result,
    ]),
  ];
  const before = rows[0]!.reduce((sum, _, i) => sum + Math.max(...rows.map((row) => row[i]!.length)) + columnGap, 0);
  const room = columns - before < leastReason ? Infinity : columns - before;
  return table(rows.map((row, i) => [...row, i === 0 ? 'DEPOSIT OR REASON' : remark(runs[i - 1]!, room)]));
}

function remark(run: PastRun, room: number): string {
  if (run.result === 'running') return printable(`on ${run.host}`);
  if (run.result === 'deposited') return deposited(run, room);
  const anyway =
    run.published === 'yes'
      ? 'deposited; '
      : run.published === 'unknown' && run.result !== 'killed'
        ? 'possibly deposited; '
        : '';
  const [first = '', ...more] = (run.message ?? '').split('\n');
  return cut(`${anyway}${printable(first)}${more.length > 0 ? ' …' : ''}`, room);
}

/** Of an id the beginning is enough for `receipts show`; a part of that would be of no use. */
function deposited({ depositId, bytes: size }: PastRun, room: number): string {
  const shown = size === null ? '' : bytes(size);
  const id = depositId ?? '';
  const forms = [id, id.replace(/_[^_]*$/, '')].map((one) => `${shown}  ${printable(one)}`.trim());
  return forms.find((one) => one.length <= room) ?? shown;
}

function cut(text: string, room: number): string {
  return text.length <= room ? text : `${text.slice(0, room - 1).trimEnd()}…`;
}

/** Newest first, each with all that is known of it. The same failure, night after night, is told once. */
export function failureLines(runs: readonly PastRun[]): Line[] {
  const lines: Line[] = [];
  for (let i = 0; i < runs.length; ) {
    const run = runs[i]!;
    let same = i + 1;
    while (same < runs.length && isSame(run, runs[same]!)) same++;
    lines.push(...(i === 0 ? [] : ['']), ...failure(run, runs.slice(i + 1, same)));
    i = same;
  }
  return lines;
}

function isSame(a: PastRun, b: PastRun): boolean {
  return a.arrangement === b.arrangement && a.code === b.code && a.message === b.message && a.published === b.published;
}

function failure(run: PastRun, before: readonly PastRun[]): Line[] {
  const { arrangement, result, exit, host, seconds, code } = run;
  const took = seconds === null ? '' : ` after ${age(seconds * 1000)}`;
  const what =
    result === 'killed' ? `killed${took}` : `failed${took} with exit code ${exit} (${printable(String(code))})`;
  const there = host === hostname() ? '' : ` on ${printable(host)}`;
  const [message = '', ...more] = (run.message ?? '').split('\n');
  const said = [
    `${printable(message)}${publication({ published: run.published ?? undefined, depositId: run.depositId ?? undefined })}`,
    ...more.map((line) => printable(line)),
  ];
  const oldest = before.at(-1);
  return [
    { text: `${arrangement}, ${localTime(new Date(run.startedAt))}: ${what}${there}`, hang: 2 },
    ...said.map((text) => ({ text: `  ${text}`, hang: 4 })),
    ...todo(run).map((text) => ({ text: `  what to do: ${text}`, hang: 4 })),
    ...(oldest === undefined
      ? []
      : [
          {
            text: `  ${counted(before.length, 'run')} before it failed in the same way, since ${localTime(new Date(oldest.startedAt))}`,
            hang: 4,
          },
        ]),
  ];
}

/** What was said then; else what the exit code says, as records of earlier versions have no hint. */
function todo({ exit, hint }: PastRun): string[] {
  if (hint !== null) return hint.split('\n').map((line) => printable(line));
  const text = exitMeaning(exit ?? 0)
    .do.replace(/^follow the hint(?:: )?/, '')
    .replaceAll('`', '');
  return text === '' ? [] : [text];
}

function minute(at: string): string {
  return localTime(new Date(at)).slice(0, 16);
}
