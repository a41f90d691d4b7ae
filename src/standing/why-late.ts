/** Why there is no younger deposit: the schedule did not run, the last push failed, or one hangs; and what to do about it. */
import { stat } from 'node:fs/promises';
import { nameOf } from '../accounts.js';
import { stopWords } from '../state/lock.js';
import type { RunRecord } from '../state/runs.js';
import type { UnderWay } from '../state/underway.js';

export interface WhyLate {
  /** Null where the clock is to blame, which is said already. */
  why: string | null;
  /** With marks around lines to type. */
  hint: string;
}

export async function whyLate(
  { arrangement, underWay: { running, killed }, lastRun, inFuture }: WhyLateOf,
  stateDirectory: string,
): Promise<WhyLate> {
  const push = `«depot push ${arrangement}»`;
  if (running !== null)
    return {
      why: `a push has been running since ${minute(running.since)} (process ${running.pid} on ${running.host})`,
      hint: `wait for it to end${stopWords(running)}`,
    };
  if (inFuture) return { why: null, hint: `correct the clock, then: ${push}` };
  if (killed !== null)
    return {
      why: `the push that started ${minute(killed.since)} was killed, or the machine went down`,
      hint: `run it again: ${push}`,
    };
  if (lastRun !== null && lastRun.exit !== 0) {
    const [message = ''] = (lastRun.message ?? '').split('\n');
    return {
      why: `the last run, started ${minute(lastRun.startedAt)}, failed (${lastRun.exit}): ${message}`,
      hint: lastRun.hint ?? `see all that it said: «depot runs ${arrangement} --failed»`,
    };
  }
  if (lastRun?.code === 'skipped')
    return {
      why: `the last push, started ${minute(lastRun.startedAt)}, had nothing to do: ${lastRun.message ?? ''}`,
      hint: `make a deposit now: ${push}; its schedule skips for too long, or does not run: ${await schedules(stateDirectory)}`,
    };
  return {
    why: lastRun === null ? 'no push was ever started' : `no push was started since ${minute(lastRun.startedAt)}`,
    hint: `make a deposit now: ${push}; does its schedule run? ${await schedules(stateDirectory)}`,
  };
}

interface WhyLateOf {
  arrangement: string;
  underWay: UnderWay;
  lastRun: RunRecord | null;
  inFuture: boolean;
}

/** Where to look, on this system; the schedule belongs to the account that owns the state. */
async function schedules(stateDirectory: string): Promise<string> {
  if (process.platform === 'win32') return 'schtasks /query';
  if (process.platform === 'darwin') return 'launchctl list; crontab -l';
  const owner = (await stat(stateDirectory).catch(() => null))?.uid;
  const name = owner === undefined || owner === process.geteuid?.() ? undefined : (nameOf(owner) ?? String(owner));
  return `systemctl list-timers depot.timer; crontab -l${name === undefined ? '' : ` -u ${name}`}`;
}

/** `2026-11-30 05:34 UTC`: whoever reads a mail may be in another zone than the machine. */
export function minute(at: string): string {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/.test(at) ? `${at.slice(0, 16).replace('T', ' ')} UTC` : at;
}
