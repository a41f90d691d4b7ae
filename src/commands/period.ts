import { date, text, usage, type Flags } from './flags.js';

export interface Period {
  from: Date | undefined;
  to: Date | undefined;
}

/** `--from` and `--to`. A day that is the end of a range belongs to it. */
export function periodOf(flags: Flags): Period {
  const [from, day] = [date(flags, 'from'), date(flags, 'to')];
  const to =
    day !== undefined && /^\d{4}-\d\d-\d\d$/.test(text(flags, 'to') ?? '')
      ? new Date(day.getFullYear(), day.getMonth(), day.getDate() + 1, 0, 0, 0, -1)
      : day;
  if (from !== undefined && to !== undefined && from > to)
    throw usage(`--from ${text(flags, 'from') ?? ''} is after --to ${text(flags, 'to') ?? ''}`, 'swap the two');
  return { from, to };
}

export function within({ from, to }: Period, time: string): boolean {
  const at = new Date(time);
  return (from === undefined || at >= from) && (to === undefined || at <= to);
}
