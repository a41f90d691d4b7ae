/** What needs somebody's attention, in one line for a terminal. */
import { printable } from '../printable.js';
import { age, localTime } from '../ui/format.js';
import type { ArrangementReport, Reason } from './data.js';
import { exitMeaning } from '../texts/exits.js';

/** Null where nothing is wrong. */
export function attentionOf(a: ArrangementReport): string | null {
  switch (a.state) {
    case 'broken':
      return `ledger broken: ${printable(a.audit.problems[0]?.message ?? '')}`;
    case 'late':
      if (a.last?.ageMs === null)
        return `late: the last deposit is dated ${localTime(a.last.at)}, which is in the future, so its age is not known`;
      return `late: the last deposit is ${a.last === null ? '' : age(a.last.ageMs)} old${a.everyMs === null ? '' : `; the agreement is one every ${age(a.everyMs)}`}`;
    case 'never':
      return 'no deposit yet';
    case 'keys':
    case 'attention':
      return a.reasons.map(reasonOf).join('; ');
    case 'ended':
    case 'ok':
    case 'unknown':
      return null;
  }
}

function reasonOf(reason: Reason): string {
  switch (reason.kind) {
    case 'run-failed':
      return `the last run failed, ${localTime(reason.at)}, ${reason.exit} ${exitMeaning(reason.exit).en}`;
    case 'run-killed':
      return `a run that began ${localTime(reason.at)} was killed, or the machine went down`;
    case 'pending':
      return `deposits begun but not finished: ${reason.count}`;
    case 'shrunk':
      return `the dataset shrank, and has not grown back since: ${reason.depositId}`;
    case 'unconfirmed':
      return `possibly deposited, the server's last answer was lost: ${reason.depositId}`;
    case 'not-complete':
      return `dataset not complete: ${reason.depositId}`;
    case 'no-receipt':
      return `no receipt on file: ${reason.depositId}`;
    case 'key-expires':
      return `the key of ${printable(reason.name)} expires in ${reason.days} days`;
    case 'key-unusable':
      return `the key of ${printable(reason.name)} is not usable: ${printable(reason.why)}`;
    case 'full-old':
      return `all deposits since are built on the full deposit ${reason.depositId}, which is ${age(reason.ageMs)} old, and ${reason.opensForMs === 0 ? 'the agent no longer has to keep it' : `the agent keeps it for ${age(reason.opensForMs)} more`}`;
    case 'lost':
      return `deposits that no longer open: ${reason.count}, since ${reason.without} was destroyed`;
    case 'unreadable':
      return `files that should be receipts but are not: ${reason.count}`;
  }
}
