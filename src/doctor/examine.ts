/** The preflight of one arrangement: what a push would meet, in the order in which it would meet it. */
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import { succeeds } from '../abort.js';
import type { Config } from '../config/types.js';
import { placeFor, withUsername } from '../push/agent.js';
import { readRecipients, readSigner } from '../push/deposit-keys.js';
import { secretsFor } from '../push/secret-finder.js';
import { chainStanding } from '../standing/chain.js';
import { judgeAge, lateAndWhy } from '../standing/standing.js';
import { whyLate } from '../standing/why-late.js';
import { lastRun } from '../state/runs.js';
import { underWay } from '../state/underway.js';
import { DepotError, isDepotError } from '../errors.js';
import { ledgerGap } from '../state/ledger.js';
import { lockState, stopWords } from '../state/lock.js';
import { pingFailure } from '../state/notified.js';
import { readPending, pendingWords } from '../state/pending.js';
import { lastDeposit } from '../state/list.js';
import { ArrangementState, leftBehind, readOnlyState } from '../state/arrangement-state.js';
import { readStrays } from '../state/stray-names.js';
import { shellWord, typedWord } from '../shell.js';
import { age, ago, counted, localTime, shortFingerprint } from '../ui/format.js';
import { comparedWithLast } from './compared.js';
import { lookAtSources } from './source-checks.js';
import { accountFinding, secretFindings, Secrets, withWayIn } from './secret-checks.js';
import { type Examination, type Patient, Report } from './findings.js';
import { localSpace, nearestExisting, spaceThere, spoolSpace } from './space.js';
import { server } from './server.js';
import { stateOwner } from './access.js';
import { nameOf, obstacle } from '../accounts.js';

const day = 24 * 3600 * 1000;

export async function examine(given: Patient): Promise<Examination> {
  const o = { ...given, arrangement: await withUsername(given.config, given.arrangement) };
  const report = new Report();
  const elsewhere = await accountFinding(
    o.config,
    `«depot doctor ${o.arrangement.name} --config ${shellWord(o.config.path)}»`,
  );
  if (elsewhere !== null) report.add(elsewhere);
  await report.attempt('state', () => state(o, report));
  if (o.arrangement.ended !== undefined && new Date() >= o.arrangement.ended) {
    report.failed(
      'arrangement',
      'arrangement-ended',
      `ended on ${o.arrangement.ended.toISOString().slice(0, 10)}`,
      'remove it from the schedule',
    );
  }
  await report.attempt('recipients', () => recipients(o, report));
  const secrets = new Secrets(secretsFor(o), await secretFindings(o));
  await report.attempt('signer', () => signer(o, secrets, report));
  for (const finding of secrets.findings.values()) report.add(finding);
  let freeThere: number | null = null;
  await report.attempt('server', async () => {
    freeThere = await server(o, secrets, report);
  });
  // Last, as in a push: no source is started before the login.
  const { all, each } = await lookAtSources(o, report);
  const size = all?.bytes ?? null;
  await report.attempt('dataset', () => comparedWithLast(o, { all, each }, report));
  await report.attempt('space', () => spaceThere(o, size, freeThere, report));
  await report.attempt('spool', () => spoolSpace(o, size, report));
  return report.end(o.arrangement.name);
}

async function state({ config, arrangement }: Patient, report: Report): Promise<void> {
  const own = new ArrangementState(config.state.path, arrangement.name);
  await own.requireOwn();
  const left = await leftBehind(own.stateDirectory, own.directory);
  if (left !== null) throw left;
  const readOnly = await readOnlyState(own);
  if (readOnly !== null) throw readOnly;
  const there = await nearestExisting(own.directory);
  if (!(await succeeds(access(there, constants.W_OK))))
    throw new DepotError('local-not-writable', `${there} is not writable for this account`, {
      hint: 'run it as the account that pushes, or choose another place: --state DIRECTORY',
    });
  const lock = await lockState(own.directory);
  if (lock?.alive === true)
    report.failed(
      'lock',
      'locked',
      `a push is running: process ${lock.holder.pid} on ${lock.holder.host || 'an unknown machine'}, since ${lock.holder.since}`,
      `wait for it to end${stopWords(lock.holder)}`,
    );
  const closed = await closedRecord(own, config);
  if (closed !== null) report.warning('records', closed.detail, closed.hint);
  const { records, unreadable } = await readPending(own);
  for (const { path: file, reason } of unreadable)
    report.warning('pending', `${file}: ${reason}`, 'look at it; it may belong to a deposit');
  const gap = await ledgerGap(own);
  if (gap !== null) report.failed('ledger', gap.code, gap.message, gap.hint);
  const goesTo = await placeFor(config, arrangement).catch(() => null);
  // What belongs to the push that runs, nobody but it finishes or removes.
  const idle = lock?.alive !== true;
  for (const record of idle ? records : [])
    report.warning('pending', `${record.depositId} ${pendingWords(record, goesTo)}`);
  for (const { name } of idle ? (await readStrays(own)).strays : [])
    report.warning(
      'may appear',
      `${name} may still appear at the agent, truncated; it is not a deposit`,
      'the next push looks for it',
    );
  report.passed('state', own.directory);
  const unpinged = config.ping === undefined ? null : await pingFailure(own);
  if (unpinged !== null)
    report.warning(
      'ping',
      `the last one failed, ${localTime(new Date(unpinged.at))}: ${unpinged.failure}`,
      'check ping.url in depot.yaml; the next push tries it again',
    );
  const last = await lastDeposit(own);
  await localSpace(there, arrangement, last?.bytes ?? 0, report);
  const judged = judgeAge(arrangement, last, undefined, new Date());
  if (last === null) report.passed('last deposit', 'none yet');
  else if (judged.stale || judged.inFuture) {
    const late = await whyLate(
      {
        arrangement: arrangement.name,
        underWay: await underWay(own, goesTo),
        lastRun: await lastRun(own),
        inFuture: judged.inFuture,
      },
      own.stateDirectory,
    );
    report.warning('last deposit', lateAndWhy({ lastDeposit: last, ...judged, late }), late.hint);
  } else report.passed('last deposit', `${localTime(new Date(last.finishedAt))}, ${ago(judged.ageMs ?? 0)}`);
  await chain({ arrangement }, own, report);
}

/** What opens, and for how long, where deposits are built on each other. */
async function chain(
  { arrangement }: Pick<Patient, 'arrangement'>,
  own: ArrangementState,
  report: Report,
): Promise<void> {
  const { incremental } = arrangement;
  if (incremental === undefined) return;
  const found = await chainStanding(own, arrangement, new Date());
  if (found === null) {
    const { fullEvery, maxIncrements, agentKeeps } = incremental;
    report.passed(
      'chain',
      `none yet, so the next push makes a full deposit, and later ones upload what changed, until the next full one: after ${age(fullEvery)} or ${counted(maxIncrements, 'increment')} at most. The agent must keep every deposit for ${age(agentKeeps)}; if pushes stop, the newest then opens for at least ${age(agentKeeps - fullEvery)} more`,
    );
    return;
  }
  const { depositId, number, fullDepositId, fullAgeMs, opensForMs, late, lost } = found;
  const full = `${fullDepositId}, the full deposit, is ${fullAgeMs === null ? 'dated in the future' : `${age(fullAgeMs)} old`}`;
  const hasIndex = (await own.names('index')).includes(`${depositId}.index`);
  const another = `make a full deposit: «depot push ${arrangement.name} --full»`;
  if (lost)
    report.warning(
      'chain',
      `${depositId}, the last deposit, no longer opens: one on which it is built was destroyed`,
      another,
    );
  else if (late || opensForMs === null)
    report.warning('chain', `${full}, and all deposits since are built on it`, another);
  else
    report.passed(
      'chain',
      `${counted(number, 'increment')}; ${full}; without another deposit, the last one opens for ${age(opensForMs)} more${hasIndex ? '' : '. There is no index of it, so the next push makes a full deposit'}`,
    );
}

/** The first record that is closed to the account, or null. */
async function closedRecord(state: ArrangementState, config: Config): Promise<{ detail: string; hint: string } | null> {
  const pusher = await stateOwner(config);
  if (pusher === undefined || pusher.uid === 0) return null;
  for (const folder of ['', 'pending']) {
    for (const name of await state.names(folder)) {
      const file = state.file(path.join(folder, name));
      if ((await obstacle(pusher, file, 'read')) === null) continue;
      const owner = await stat(file).then(
        ({ uid }) => nameOf(uid) ?? `uid ${uid}`,
        () => 'another account',
      );
      return {
        detail: `${file} belongs to ${owner}, and account ${pusher.name}, which pushes, cannot read it`,
        hint: `«chown -R ${pusher.name}: ${typedWord(state.directory)}»`,
      };
    }
  }
  return null;
}

export async function recipients({ arrangement }: Pick<Patient, 'arrangement'>, report: Report): Promise<void> {
  for (const recipient of await readRecipients(arrangement, new Date())) {
    const name = arrangement.beneficiaries.find((b) => b.fingerprint === recipient.fingerprint)?.name ?? '';
    report.passed(
      'recipient',
      `${name} (${shortFingerprint(recipient.fingerprint)}), ${recipient.algorithm}, ${expiry(recipient.expiresAt)}`,
    );
    for (const warning of recipient.warnings)
      report.warning(
        'recipient',
        warning,
        `ask ${name === '' ? 'the beneficiary' : name} for a new key in time, then: «depot key add ${arrangement.name} FILE --fingerprint F»`,
      );
  }
}

async function signer(o: Patient, secrets: Secrets, report: Report): Promise<void> {
  const { config, arrangement } = o;
  const file = config.supplier.signingKey;
  const read = await readSigner(config, secrets, new Date()).catch(async (error: unknown) => {
    if (!isDepotError(error)) throw error;
    const culprit = secrets.culprit(error);
    if (culprit === undefined) throw await withWayIn(error, file, config, arrangement);
    report.forWantOf(culprit, 'signer', error.code);
    return null;
  });
  if (read === null) return;
  const { signer: key, warnings } = read;
  report.passed(
    'signer',
    `${shortFingerprint(key.fingerprint)}, ${key.algorithm}, ${expiry(key.expiresAt?.toISOString() ?? null)}; unlocked`,
  );
  for (const warning of warnings)
    report.warning(
      'signer',
      warning,
      'make a new one in time, with: «depot key generate signer --help»; and keep the old public key, which checks the receipts so far',
    );
}

export function expiry(expiresAt: string | null): string {
  if (expiresAt === null) return 'does not expire';
  return `expires in ${Math.floor((Date.parse(expiresAt) - Date.now()) / day)} days`;
}
