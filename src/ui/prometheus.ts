/** The text format of Prometheus, for node_exporter's textfile collector. */
import { ageOf } from '../clock.js';

export interface Measured {
  arrangement: string;
  shrunk: unknown;
  lastDeposit: {
    finishedAt: string;
    bytes: number | null;
    seconds: number;
    rehearsed: boolean | null;
    dataset: { entries: number; bytes: number } | null;
    shrunkFrom: unknown;
  } | null;
  lastRun: { startedAt: string; finishedAt: string; exit: number; code: string | null } | null;
  lastWorkSeconds: number | null;
  proven: { attestedAt: string; selfAttested: boolean } | null;
  everyMs: number | null;
  ended: boolean;
  stale: boolean;
  inFuture: boolean;
  underWay: { running: Begun | null; killed: Begun | null; pending: readonly unknown[] };
  chain: { number: number; fullAt: string; opensForMs: number | null } | null;
  lost: readonly unknown[];
  problems: readonly string[];
  keys: { role: string; fingerprint: string | null; expiresAt: string | null }[];
}

/** A push that left no record: one that runs, or was killed. */
interface Begun {
  since: string;
  lastSeen: string;
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** The lines of one metric: help, type, samples; nothing without samples. A value that is no number would be lines of its own. */
function metric(name: string, help: string, given: readonly Sample[]): string[] {
  const samples = given.filter(({ value }) => Number.isFinite(value) || value === Infinity);
  if (samples.length === 0) return [];
  const lines = samples.map(({ labels, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value === Infinity ? '+Inf' : value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines];
}

function escaped(text: string): string {
  return text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`));
}

function seconds(time: string): number {
  return Date.parse(time) / 1000;
}

/** What stands for the last run: a push that was killed left no record. */
function lastRunOf({ lastRun, underWay: { killed } }: Measured): { at: string; exit: number; killed: boolean } | null {
  if (killed !== null) return { at: killed.lastSeen, exit: 137, killed: true };
  return lastRun === null ? null : { at: lastRun.finishedAt, exit: lastRun.exit, killed: lastRun.code === 'killed' };
}

/**
 * The metrics of these arrangements; null when they could not be gathered. That, and a state that could not be read, is a
 * metric too. An arrangement that has ended has no interval and is never stale; a key without an expiry has +Inf.
 */
export function prometheusText(
  arrangements: readonly Measured[] | null,
  { readable, now = new Date() }: { readable: boolean; now?: Date },
): string {
  // 1970, and not a time that is yet to come, which would keep every alarm on an age silent until then.
  const past = (time = ''): number | null => {
    const at = seconds(time);
    return Number.isNaN(at) ? null : ageOf(time, now) === null ? 0 : at;
  };
  const flag = (is: boolean | null | undefined): number | null => (typeof is === 'boolean' ? Number(is) : null);
  const each = (value: (a: Measured) => number | null): Sample[] =>
    (arrangements ?? []).flatMap((a) => {
      const found = value(a);
      return found === null ? [] : [{ labels: { arrangement: a.arrangement }, value: found }];
    });
  const keys = new Map<string, Sample>();
  for (const { arrangement, keys: held } of arrangements ?? []) {
    for (const { role, fingerprint, expiresAt } of held) {
      if (fingerprint === null) continue;
      const labels = { arrangement, role, fingerprint };
      // One beneficiary may stand twice in a configuration; a series may not.
      keys.set(JSON.stringify(labels), { labels, value: expiresAt === null ? Infinity : seconds(expiresAt) });
    }
  }
  return `${[
    ...metric('depot_status_success', 'Whether the state of all arrangements could be read (1) or not (0).', [
      { labels: {}, value: Number(readable) },
    ]),
    ...metric(
      'depot_last_success_timestamp_seconds',
      'When the last deposit was complete; 0 when it is dated in the future.',
      each((a) => past(a.lastDeposit?.finishedAt)),
    ),
    ...metric(
      'depot_last_success_bytes',
      'Size of the last deposit, as uploaded.',
      each((a) => a.lastDeposit?.bytes ?? null),
    ),
    ...metric(
      'depot_last_success_duration_seconds',
      'How long the last deposit took.',
      each((a) => a.lastDeposit?.seconds ?? null),
    ),
    ...metric(
      'depot_last_success_rehearsed',
      'Whether the last deposit was opened again while it was made (1) or not (0).',
      each((a) => flag(a.lastDeposit?.rehearsed)),
    ),
    ...metric(
      'depot_last_success_dataset_bytes',
      'Size of what the last deposit holds, before compression.',
      each((a) => a.lastDeposit?.dataset?.bytes ?? null),
    ),
    ...metric(
      'depot_last_success_dataset_entries',
      'Files, directories and links that the last deposit holds.',
      each((a) => a.lastDeposit?.dataset?.entries ?? null),
    ),
    ...metric(
      'depot_last_success_shrunk',
      'Whether the last deposit is much smaller than the one before it (1) or not (0).',
      each((a) => flag(a.lastDeposit && a.lastDeposit.shrunkFrom !== null)),
    ),
    ...metric(
      'depot_dataset_shrunk',
      'Whether a deposit was much smaller than the one before it, and the dataset has not grown back since (1) or not (0).',
      each((a) => flag(a.lastDeposit && a.shrunk !== null)),
    ),
    ...metric(
      'depot_last_run_timestamp_seconds',
      'When the last run of depot push ended, or its last sign of life; 0 when that is dated in the future.',
      each((a) => past(lastRunOf(a)?.at)),
    ),
    ...metric(
      'depot_last_run_duration_seconds',
      'How long the last run of depot push took that had something to do; for a killed one, until its last sign of life.',
      each(({ underWay: { killed }, lastWorkSeconds }) =>
        killed === null ? lastWorkSeconds : Math.max(0, seconds(killed.lastSeen) - seconds(killed.since)),
      ),
    ),
    ...metric(
      'depot_last_run_exit_code',
      'Exit code of the last run of depot push; 137 when it was killed.',
      each((a) => lastRunOf(a)?.exit ?? null),
    ),
    ...metric(
      'depot_last_run_killed',
      'Whether the last run of depot push was killed, or the machine went down (1), or not (0).',
      each((a) => flag(lastRunOf(a)?.killed)),
    ),
    ...metric(
      'depot_run_started_timestamp_seconds',
      'When the current or last run of depot push began; 0 when that is dated in the future.',
      each((a) => past(a.underWay.running?.since ?? a.underWay.killed?.since ?? a.lastRun?.startedAt)),
    ),
    ...metric(
      'depot_run_in_progress',
      'Whether depot push is running (1) or not (0).',
      each((a) => flag(a.underWay.running !== null)),
    ),
    ...metric(
      'depot_pending',
      'Deposits that were begun and not finished.',
      each((a) => a.underWay.pending.length),
    ),
    ...metric(
      'depot_record_problems',
      'What is wrong with the record: a ledger that lacks deposits, attestations that differ from what was filed.',
      each((a) => a.problems.length),
    ),
    ...metric(
      'depot_last_attestation_timestamp_seconds',
      'When a beneficiary last stated that its key opens a deposit; 0 when that is dated in the future.',
      each((a) => (a.proven === null || a.proven.selfAttested ? null : past(a.proven.attestedAt))),
    ),
    ...metric(
      'depot_chain_increments',
      'Number of increments from the full deposit to the last deposit.',
      each((a) => a.chain?.number ?? null),
    ),
    ...metric(
      'depot_chain_full_timestamp_seconds',
      'When the full deposit began that the last one is built on; 0 when it is dated in the future.',
      each((a) => past(a.chain?.fullAt)),
    ),
    ...metric(
      'depot_chain_opens_for_seconds',
      'How long the last deposit can be opened if no other follows.',
      each((a) => (a.chain?.opensForMs == null ? null : a.chain.opensForMs / 1000)),
    ),
    ...metric(
      'depot_lost_deposits',
      'Deposits that no longer open, because one that they are built on was destroyed.',
      each((a) => a.lost.length),
    ),
    ...metric(
      'depot_deposit_interval_seconds',
      'How often a deposit is due.',
      each((a) => (a.everyMs === null || a.ended ? null : a.everyMs / 1000)),
    ),
    ...metric(
      'depot_stale',
      'Whether the last deposit is older than allowed (1) or not (0); never deposited is stale.',
      each((a) => flag(a.stale)),
    ),
    ...metric('depot_key_expiry_timestamp_seconds', 'When a key that deposits need expires; +Inf for never.', [
      ...keys.values(),
    ]),
  ].join('\n')}\n`;
}
