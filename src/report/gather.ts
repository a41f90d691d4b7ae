/** From configuration and state directory to what the page shows. Reads only; takes no lock, asks nobody, connects to nothing. */
import path from 'node:path';
import { arrangement as declared } from '../config/arrangement.js';
import type { Arrangement, Config, Shrink } from '../config/types.js';
import { ageOf } from '../clock.js';
import { type DatasetSize, hasShrunk } from '../dataset/sources.js';
import { wholeNight } from '../receipt/chain.js';
import { chainStanding, newestChain } from '../standing/chain.js';
import { shrunkSince } from '../standing/shrunk.js';
import { filedAttestations } from '../state/attested.js';
import type { LedgerAudit, SignatureCheck } from '../state/audit.js';
import { parseReceiptName, receiptName } from '../names/deposit.js';
import { destroyedIn, linesOf, readLedger } from '../state/ledger.js';
import { lastDeposit } from '../state/list.js';
import { lostAmong } from '../state/lost.js';
import { receiptFiles } from '../state/receipt-files.js';
import { type RunDataset, runsBackwards, type RunRecord } from '../state/runs.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { underWay, type UnderWay } from '../state/underway.js';
import { version } from '../version.js';
import type { ArrangementReport, FailedRun, ListedDeposit, Point, Proof, ReportData, ReportedChain } from './data.js';
import { auditAndReceipts, type Filed } from './audited.js';
import { configuredKeys, keysOfReceipts, signerKey } from './key-rows.js';
import { gapsOf, sharesOf } from './rhythm.js';
import { standingOf } from './report-state.js';

export interface ReportRequest {
  /** Null where only a state directory is at hand. */
  config: Config | null;
  stateDirectory: string;
  /** Arrangements, in the order of the page. */
  names: readonly string[];
  from: Date | null;
  to: Date | null;
  /** Undefined without signers: then the page says that signatures were not checked. */
  checkSignature: SignatureCheck | undefined;
  now: Date;
  /** Called between arrangements; throws to stop. */
  pause: () => void;
}

/** Where no configuration says otherwise. */
const usualShrink: Shrink = declared.keys.shrink.preset.value;

/** So that a page can be sent by mail: deposits with a row of their own, and those with the whole text of their receipt. */
const mostRows = 5000;
const mostReceipts = 2000;
const mostFailedRuns = 200;

/** Everything that the page shows, read from the state directory; changes nothing. Large histories are cut to what a page can hold. */
export async function gatherReport(o: ReportRequest): Promise<ReportData> {
  const states = o.names.map((name) => new ArrangementState(o.stateDirectory, name));
  const counts: number[] = [];
  for (const state of states)
    counts.push((await state.names()).filter((name) => parseReceiptName(name)?.superseded === null).length);
  const rows = sharesOf(counts, mostRows);
  const texts = sharesOf(counts, mostReceipts);
  const signer = o.config === null ? null : await signerKey(o.config, o.now);
  const arrangements: ArrangementReport[] = [];
  let supplier = o.config?.supplier.name ?? null;
  for (const [i, state] of states.entries()) {
    o.pause();
    const arrangement = o.config?.arrangements.get(state.arrangement) ?? null;
    const history = await readHistory(state, arrangement, o);
    supplier ??= history.receipts.at(-1)?.receipt.supplier.name ?? null;
    const keys =
      o.config === null || arrangement === null || signer === null
        ? []
        : await configuredKeys(o.config, arrangement, signer, o.now);
    const report = reportOf(state.arrangement, arrangement, history, rows[i]!, keys, o);
    await addTexts(state, report.deposits.slice(0, texts[i]));
    arrangements.push(report);
  }
  return {
    madeAt: o.now,
    version,
    supplier,
    configured: o.config !== null,
    period: { from: o.from, to: o.to },
    arrangements,
  };
}

/** Receipt and signature as they are on file: of those alone for which the page has room. */
async function addTexts(state: ArrangementState, deposits: readonly ListedDeposit[]): Promise<void> {
  const filed = new Map(deposits.flatMap(({ depositId, filed: one }) => (one === null ? [] : [[depositId, one]])));
  for await (const file of receiptFiles(state.directory, [...filed.keys()].map(receiptName), true)) {
    const one = filed.get(file.depositId)!;
    // What changed since it was read is another receipt than the one in the row.
    if (!('error' in file) && file.sha256 === one.sha256)
      one.text = { receipt: new TextDecoder().decode(file.bytes), signature: file.signature };
  }
}

type History = Awaited<ReturnType<typeof readHistory>>;

/** Maps are by deposit id. */
async function readHistory(state: ArrangementState, arrangement: Arrangement | null, o: ReportRequest) {
  const ledger = await readLedger(state);
  const { audit, receipts, unreadable } = await auditAndReceipts(state, o.checkSignature, ledger);
  const destroyed = destroyedIn(linesOf(ledger));
  const known = new Set(receipts.map(({ depositId }) => depositId));
  /** Of the period, newest first. */
  const failed: FailedRun[] = [];
  /** Deposits that a run made and no receipt tells of, oldest first. */
  const withoutReceipt: RunRecord[] = [];
  /** What the runs measured; a receipt has whole seconds only. */
  const seconds = new Map<string, number>();
  /** What the runs read from the sources. */
  const datasets = new Map<string, RunDataset>();
  const left = await underWay(state, null);
  let locked = 0;
  let lastRun: RunRecord | null = null;
  let next: RunRecord | null = null;
  for await (const run of runsBackwards(state)) {
    const at = new Date(run.finishedAt);
    if (run.code === 'locked') {
      if (isWithin(at, o)) locked++;
      continue;
    }
    lastRun ??= run;
    if (run.depositId !== null && run.dataset !== undefined && !datasets.has(run.depositId))
      datasets.set(run.depositId, run.dataset);
    if (run.published === 'yes' && run.depositId !== null && !seconds.has(run.depositId))
      seconds.set(run.depositId, run.seconds);
    if (run.published === 'yes' && run.depositId !== null && !known.has(run.depositId)) {
      known.add(run.depositId);
      withoutReceipt.unshift(run);
    }
    if (run.exit !== 0 && isWithin(at, o)) {
      const published = publishedNow(run, next, receipts, left);
      failed.push({ at, exit: run.exit, published, settled: published !== run.published });
    }
    next = run;
  }
  return {
    receipts,
    unreadable,
    destroyed,
    last: (await lastDeposit(state, ledger))?.depositId ?? null,
    proofs: await proofsOf(state, receipts),
    lastRun,
    underWay: left,
    seconds,
    datasets,
    shrunk: await shrunkSince(state, arrangement ?? { shrink: usualShrink }, o.now),
    chain: receipts.some(({ receipt }) => receipt.chain !== undefined)
      ? await chainOf(state, arrangement, o.now)
      : null,
    lost: lostAmong(receipts, destroyed),
    failed,
    locked,
    withoutReceipt,
    audit: withoutPaths(audit, state.directory),
  };
}

/** Without a configuration nobody knows how long the agent keeps what. */
async function chainOf(
  state: ArrangementState,
  arrangement: Arrangement | null,
  now: Date,
): Promise<ReportedChain | null> {
  const standing = arrangement === null ? null : await chainStanding(state, arrangement, now);
  if (standing !== null) return standing;
  const chain = await newestChain(state, now);
  return chain === null ? null : { ...chain, opensForMs: null, late: false };
}

/**
 * Whether a run that could not know published anything, by what is on file now. Its deposit is the one that it names. A run
 * that was killed names none: then it is what was begun after it and before the next run, which files it or gives it up.
 */
function publishedNow(
  run: RunRecord,
  next: RunRecord | null,
  receipts: readonly Filed[],
  { pending, unreadable }: UnderWay,
): RunRecord['published'] {
  if (run.published !== 'unknown') return run.published;
  const isIts = (depositId: string, begunAt: string): boolean =>
    run.depositId === null
      ? begunAt >= run.startedAt && (next === null || begunAt < next.startedAt)
      : depositId === run.depositId;
  const filed = receipts.find(({ depositId, receipt }) => isIts(depositId, receipt.startedAt));
  if (filed !== undefined) return filed.receipt.transfer.status === 'acknowledged' ? 'yes' : 'unknown';
  return next === null ||
    unreadable.length > 0 ||
    pending.some(({ depositId, createdAt }) => isIts(depositId, createdAt))
    ? 'unknown'
    : 'no';
}

/** What beneficiaries attested, and was checked when it was filed, of the suitcase that the receipt names. */
async function proofsOf(state: ArrangementState, receipts: readonly Filed[]): Promise<Map<string, Proof[]>> {
  const suitcases = new Map(receipts.map(({ depositId, receipt }) => [depositId, receipt.suitcase.sha256]));
  const proofs = new Map<string, Proof[]>();
  for (const { depositId, attestation: a, filing } of await filedAttestations(state)) {
    if (suitcases.get(depositId) !== a.suitcaseSha256) continue;
    const proof = {
      by: filing.beneficiary,
      keyFingerprint: a.keyFingerprint,
      at: new Date(a.attestedAt),
      selfAttested: filing.selfAttested,
      agentAsked: a.agentSha256 !== undefined,
    };
    proofs.set(depositId, [...(proofs.get(depositId) ?? []), proof]);
  }
  return proofs;
}

function reportOf(
  name: string,
  arrangement: Arrangement | null,
  h: History,
  rows: number,
  keys: ArrangementReport['keys'],
  o: ReportRequest,
): ArrangementReport {
  const all = depositsOf(h, arrangement?.shrink ?? usualShrink);
  const inPeriod = all.filter(({ at }) => isWithin(at, o));
  // At least one, so that a share of nothing does not hide that there are any.
  const listed = inPeriod.slice(-Math.max(1, rows)).reverse();
  const points = inPeriod.map(pointOf);
  const everyMs = arrangement?.every ?? null;
  const ended = arrangement?.ended ?? null;
  const until = Math.min(o.now.getTime(), ended?.getTime() ?? Infinity);
  const counted = all.filter((d) => pointOf(d).counts);
  const gaps =
    everyMs === null
      ? []
      : gapsOf(
          counted.filter(({ at }) => ageOf(at, o.now) !== null).map(({ at }) => at.getTime()),
          everyMs,
          until,
        ).filter(
          (gap) => (o.to === null || gap.from <= o.to.getTime()) && (o.from === null || gap.to >= o.from.getTime()),
        );
  const standing = counted.filter(({ destroyed }) => destroyed === null);
  // What the ledger has last, whatever its date: one from the future would hide those after it.
  const last = standing.find(({ depositId }) => depositId === h.last) ?? standing.at(-1) ?? null;
  const newestProven = all.findLast(({ proofs }) => proofs.length > 0);
  const facts = {
    last: last === null ? null : { depositId: last.depositId, at: last.at, ageMs: ageOf(last.at, o.now) },
    everyMs,
    ended,
    keys: [...keys],
    audit: h.audit,
  };
  return {
    name,
    configured: arrangement !== null,
    ...facts,
    ...standingOf({
      ...facts,
      newest: all.at(-1) ?? null,
      lastRun: h.lastRun,
      underWay: h.underWay,
      shrunk: h.shrunk,
      chain: h.chain,
      lost: h.lost,
      unreadable: h.unreadable,
      now: o.now,
    }),
    keys: [...keys, ...keysOfReceipts(receiptsOf(all.slice().reverse()), keys, o.now)],
    chain: h.chain,
    points,
    deposits: listed,
    summed: summed(inPeriod.slice(0, inPeriod.length - listed.length)),
    gaps,
    destructions: h.destroyed.size,
    failedRuns: {
      total: h.failed.length,
      listed: h.failed.slice(0, mostFailedRuns),
      times: h.failed.map(({ at }) => at.getTime()).reverse(),
    },
    lockedRuns: h.locked,
    newestProof:
      newestProven === undefined ? null : { depositId: newestProven.depositId, proof: newestProven.proofs.at(-1)! },
  };
}

/** By the run that made it; where none says so, by the receipts of the two, which is today's rule on what was made under another. */
function shrunkFrom(
  { depositId, receipt }: Filed,
  before: Filed | undefined,
  h: History,
  shrink: Shrink,
): DatasetSize | null {
  const said = h.datasets.get(depositId);
  if (said !== undefined) return said.shrunk ? said.previous : null;
  if (before === undefined || shrink.then === 'off') return null;
  const previous = wholeNight(before.receipt);
  return hasShrunk(wholeNight(receipt), { previous: { depositId: before.depositId, ...previous }, below: shrink.below })
    ? previous
    : null;
}

function depositsOf(h: History, shrink: Shrink): ListedDeposit[] {
  const lostWithout = new Map(h.lost.map(({ depositId, without }) => [depositId, without]));
  const more = (depositId: string) => ({
    destroyed: h.destroyed.get(depositId) ?? null,
    lostWithout: lostWithout.get(depositId) ?? null,
    proofs: h.proofs.get(depositId) ?? [],
  });
  const filed = h.receipts
    .map((one, i) => ({ one, before: h.receipts[i - 1] }))
    .map(
      ({ one, before, one: { receipt, sha256, depositId } }): ListedDeposit => ({
        depositId,
        at: new Date(receipt.completedAt),
        bytes: receipt.suitcase.bytes,
        seconds: h.seconds.get(depositId) ?? (Date.parse(receipt.completedAt) - Date.parse(receipt.startedAt)) / 1000,
        shrunkFrom: shrunkFrom(one, before, h, shrink),
        filed: { receipt, sha256, text: null },
        ...more(depositId),
      }),
    );
  const unfiled = h.withoutReceipt.map(
    (run): ListedDeposit => ({
      depositId: run.depositId!,
      at: new Date(run.finishedAt),
      bytes: run.bytes,
      seconds: run.seconds,
      shrunkFrom: null,
      filed: null,
      ...more(run.depositId!),
    }),
  );
  return [...filed, ...unfiled].sort((a, b) => a.at.getTime() - b.at.getTime());
}

function pointOf(d: ListedDeposit): Point {
  return {
    at: d.at.getTime(),
    bytes: d.bytes,
    seconds: d.seconds,
    counts: d.filed === null || d.filed.receipt.transfer.status === 'acknowledged',
  };
}

function* receiptsOf(deposits: readonly ListedDeposit[]) {
  for (const { filed } of deposits) if (filed !== null) yield filed.receipt;
}

function summed(deposits: readonly ListedDeposit[]): ArrangementReport['summed'] {
  const months = new Map<string, { count: number; bytes: number }>();
  for (const { at, bytes } of deposits) {
    const month = monthOf(at);
    const sum = months.get(month) ?? { count: 0, bytes: 0 };
    months.set(month, { count: sum.count + 1, bytes: sum.bytes + (bytes ?? 0) });
  }
  return [...months].map(([month, sum]) => ({ month, ...sum })).reverse();
}

/** `2026-11`, in local time. */
function monthOf(at: Date): string {
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, '0')}`;
}

function isWithin(at: Date, { from, to }: Pick<ReportRequest, 'from' | 'to'>): boolean {
  return (from === null || at >= from) && (to === null || at <= to);
}

/** Names of files are enough: where they lie at the supplier is not for the page. */
function withoutPaths(audit: LedgerAudit, directory: string): LedgerAudit {
  const clean = (text: string): string => text.replaceAll(directory + path.sep, '').replaceAll(directory, '');
  return {
    ...audit,
    problems: audit.problems.map((p) => ({ ...p, message: clean(p.message) })),
    warnings: audit.warnings.map(clean),
    unchecked: [...new Set(audit.unchecked.map(clean))],
  };
}
