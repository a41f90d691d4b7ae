/** The text format of Prometheus, for node_exporter's textfile collector. */

export interface Measured {
  arrangement: string;
  lastDeposit: { finishedAt: string; bytes: number | null } | null;
  lastRun: { finishedAt: string; exit: number } | null;
  everyMs: number | null;
  ended: boolean;
  stale: boolean;
  keys: { role: string; fingerprint: string | null; expiresAt: string | null }[];
}

interface Sample {
  labels: Record<string, string>;
  value: number;
}

/** Octets of one metric: help, type, samples; nothing without samples. */
function metric(name: string, help: string, samples: readonly Sample[]): string[] {
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

/**
 * The metrics of these arrangements; null when they could not be gathered, which is a metric too. An arrangement that has ended has no
 * interval and is never stale; a key without an expiry has +Inf.
 */
export function prometheusText(arrangements: readonly Measured[] | null): string {
  const each = (value: (a: Measured) => number | null): Sample[] => (arrangements ?? []).flatMap((a) => {
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
    ...metric('depot_status_success', 'Whether the state of all arrangements could be read (1) or not (0).', [{ labels: {}, value: arrangements === null ? 0 : 1 }]),
    ...metric('depot_last_success_timestamp_seconds', 'When the last deposit was complete.', each((a) => (a.lastDeposit === null ? null : seconds(a.lastDeposit.finishedAt)))),
    ...metric('depot_last_success_bytes', 'Size of the last deposit, as uploaded.', each((a) => a.lastDeposit?.bytes ?? null)),
    ...metric('depot_last_run_timestamp_seconds', 'When the last run of depot push ended.', each((a) => (a.lastRun === null ? null : seconds(a.lastRun.finishedAt)))),
    ...metric('depot_last_run_exit_code', 'Exit code of the last run of depot push.', each((a) => a.lastRun?.exit ?? null)),
    ...metric('depot_deposit_interval_seconds', 'How often a deposit is agreed to be made.', each((a) => (a.everyMs === null || a.ended ? null : a.everyMs / 1000))),
    ...metric('depot_stale', 'Whether the last deposit is older than allowed (1) or not (0); never deposited is stale.', each((a) => (a.stale ? 1 : 0))),
    ...metric('depot_key_expiry_timestamp_seconds', 'When a key that deposits need expires; +Inf for never.', [...keys.values()]),
  ].join('\n')}\n`;
}
