/** What of an arrangement needs a sentence below the table of `depot status`. */
import type { ChainStanding } from '../../standing/chain.js';
import type { Shrunk } from '../../standing/shrunk.js';
import { lateAndWhy, type Standing } from '../../standing/standing.js';
import { onOneLine, printable } from '../../printable.js';
import type { PingFailure } from '../../state/notified.js';
import type { UnderWay } from '../../state/underway.js';
import { age, bytes, counted, localTime } from '../../ui/format.js';

/** `few`: each has its sentences; of many only what the table does not say. Commands to type are marked. */
export function remarks(s: Standing, few: boolean): string[] {
  const { lastRun, underWay } = s;
  const failed =
    few &&
    !s.ended &&
    !s.stale &&
    lastRun !== null &&
    lastRun.exit !== 0 &&
    lastRun.code !== 'killed' &&
    underWay.running === null &&
    underWay.killed === null;
  return [
    ...(s.inFuture || (few && s.stale) ? [lateText(s)] : []),
    ...(s.shrunk === null || s.ended ? [] : [shrunkText(s.shrunk, s.lastDeposit)]),
    ...(s.chain === null || s.ended ? [] : chainLines(s.arrangement, s.chain)),
    ...lostLines(s),
    ...(s.notice === null || s.ended ? [] : [`the last push said: ${printable(s.notice)}`]),
    ...(failed ? [`the last run failed: ${onOneLine(lastRun.message ?? '')}${lateFrom(s)}`] : []),
    ...(s.pingFailure === null || s.ended ? [] : [pingText(s.pingFailure)]),
    ...s.problems.map(
      (problem) => `${printable(problem)}; to check everything: «depot receipts verify ${s.arrangement}»`,
    ),
    ...underWayLines(s.arrangement, underWay, lateFrom(s)),
  ];
}

/** Why it is late, and what to do about it. */
function lateText(s: Standing): string {
  const hint = s.late === null ? '' : `; ${s.late.hint}`;
  return `${s.stale ? 'stale: ' : ''}${onOneLine(lateAndWhy(s))}${hint}`;
}

/** Whether what failed can wait until morning. */
function lateFrom({ staleAt, stale }: Standing): string {
  return staleAt === null || stale ? '' : `; the last deposit becomes stale at ${minute(staleAt)}`;
}

function pingText({ at, failure }: PingFailure): string {
  return `the last ping failed, ${minute(at)}: ${printable(failure)}; check ping.url in depot.yaml`;
}

function chainLines(name: string, { late, fullDepositId, fullAgeMs, opensForMs }: ChainStanding): string[] {
  if (!late) return [];
  return [
    `all later deposits are built on the full deposit ${fullDepositId}, which is ${age(fullAgeMs!)} old, and ${opensForMs === 0 ? 'the agent no longer has to keep it' : `the agent keeps it for ${age(opensForMs!)} more`}; make another: «depot push ${name} --full»`,
  ];
}

/** With the last deposit among them, nothing opens that is as new: only a full deposit mends that. */
function lostLines({ arrangement, chain, ended, lost }: Standing): string[] {
  const [first] = lost;
  if (first === undefined) return [];
  const which =
    lost.length === 1
      ? `${first.depositId} no longer opens`
      : `${lost.length} deposits no longer open, from ${first.depositId} to ${lost.at(-1)!.depositId}`;
  const next = chain?.lost === true && !ended ? `; make a full deposit: «depot push ${arrangement} --full»` : '';
  return [
    `${which}: ${first.without}, on which ${lost.length === 1 ? 'it is' : 'they are'} built, was destroyed${next}`,
  ];
}

function shrunkText({ depositId, at, entries, bytes: size, from }: Shrunk, last: Standing['lastDeposit']): string {
  const isLast = last?.depositId === depositId;
  const had = `${isLast ? 'it has' : `${depositId} of ${minute(at)} had`} ${held({ entries, bytes: size })}; the one before it, ${from.depositId}, had ${held(from)}`;
  return isLast ? `the last deposit shrank: ${had}` : `the dataset shrank, and has not grown back since: ${had}`;
}

function held(d: { entries: number; bytes: number }): string {
  return `${counted(d.entries, 'entry', 'entries')}, ${bytes(d.bytes)}`;
}

const mayAppear = 'may still appear at the agent, cut off; it is not a deposit, and the next push looks for it';

/** While a push runs, what is pending is its own business. */
function underWayLines(
  name: string,
  { running, killed, pending, strays, unreadable }: UnderWay,
  lateFrom: string,
): string[] {
  const lines = unreadable.map((file) => `${printable(file)} cannot be read; it may be the record of a deposit`);
  if (running !== null) return lines;
  if (killed !== null)
    lines.push(
      `the push that started ${minute(killed.since)} (process ${killed.pid} on ${printable(killed.host)}) was killed, or the machine went down; run it again: «depot push ${name}»${lateFrom}`,
    );
  return [
    ...lines,
    ...pending.map(({ depositId, text }) => `${depositId} ${text}`),
    ...strays.map((file) => `${file} ${mayAppear}`),
  ];
}

export function minute(at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? printable(at) : localTime(date);
}
