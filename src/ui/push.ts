import path from 'node:path';
import type { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { isStreamed } from '../source.js';
import { errorFields } from './errors.js';
import { bytes, counted, duration, labelled, rate, shortDigest, shortFingerprint } from './format.js';
import type { Line } from './wrap.js';

/** The parts of a receipt that a person is shown after a push. */
export interface ShownReceipt {
  depositId: string;
  suitcase: { name: string; bytes: number; sha256: string };
  encryption: {
    packet: 'SEIPDv2' | 'SEIPDv1';
    aead: string | null;
    compression: string;
    recipients: { fingerprint: string }[];
  };
  dataset: { entries: number; bytes: number; skipped: Record<string, number>; complete: boolean };
  /** Of a deposit with `incremental:`: the whole night. */
  chain?: { number: number; fullDepositId: string; entries: number; bytes: number; complete: boolean };
  rehearsed?: true | 'increment';
  transfer: { status: 'acknowledged' | 'unconfirmed'; remoteSize: 'matched' | 'unreadable'; durability: string };
}

interface Excluded {
  files: number;
  directories: number;
  bytes: number;
  mounts?: number;
}

interface SourceSize {
  name: string;
  entries: number;
  bytes: number;
}

export interface ShownDeposit {
  depositId: string;
  suitcase: string;
  receiptPath: string;
  receipt: ShownReceipt;
  run: { seconds: number; bytes: number | null; dataset?: { excluded: Excluded; sources?: SourceSize[] } };
}

/** What a push was for: names from the configuration, which receipts do not hold. */
export interface ShownArrangement {
  beneficiaries: { name: string; fingerprint: string }[];
  dataset: { name: string; kind: string }[];
}

/** Entries that are not as they were at the last deposit. */
interface Changes {
  changed: number;
  removed: number;
}

export interface DryRun {
  /** With `incremental:`, what the whole night holds. */
  chain: { number: number; entries: number; bytes: number; complete: boolean; changes: Changes | null } | null;
  entries: number;
  files: number;
  bytes: number;
  skipped: Record<string, number>;
  excluded: Excluded;
  sources: SourceSize[];
  complete: boolean;
  sealedBytes: number;
  seconds: number;
  packet: 'SEIPDv2' | 'SEIPDv1';
  compression: string;
  rehearsed: boolean;
  /** With `incremental:`, why it would be a full deposit. */
  full: string | null;
}

export type PushReport =
  | { skipped: string; because: 'recent' | 'running' | 'ended' }
  | { deposit: ShownDeposit; newLedger: boolean; files?: number | null; changes?: Changes | null }
  | { dryRun: DryRun };
export type PushResult =
  | { arrangement: string; outcome: PushReport }
  | { arrangement: string; error: DepotError; begun?: false };

/** `{"ok", "results": […]}`, for one arrangement too. */
export function pushDocument(results: readonly PushResult[]): object {
  return {
    ok: results.every((r) => !('error' in r)),
    results: results.map((r) => {
      const { arrangement } = r;
      if ('error' in r) {
        const begun = r.begun === undefined ? {} : { begun: r.begun };
        return { arrangement, ok: false, ...begun, error: errorFields(r.error) };
      }
      const { outcome } = r;
      if ('skipped' in outcome) return { arrangement, ok: true, skipped: outcome.skipped, because: outcome.because };
      if ('dryRun' in outcome) return { arrangement, ok: true, dryRun: outcome.dryRun };
      const { depositId, suitcase, receiptPath, receipt, run } = outcome.deposit;
      const deposit = { depositId, suitcase, receiptPath, receipt, run };
      return { arrangement, ok: true, deposit, newLedger: outcome.newLedger };
    }),
  };
}

/** What a push says of one arrangement at its end: skipped, tried or deposited. */
export function pushLines(outcome: PushReport, arrangement: ShownArrangement & { name: string }): Line[] {
  if ('skipped' in outcome) return [labelled('skipped', `${arrangement.name}: ${outcome.skipped}`)];
  if ('dryRun' in outcome) return dryRunLines(outcome.dryRun, arrangement);
  const { receipt, run, suitcase, receiptPath } = outcome.deposit;
  const ms = run.seconds * 1000;
  const { encryption, transfer } = receipt;
  return [
    labelled(
      'dataset',
      dataset({ ...receipt.dataset, ...receipt.chain }, outcome.files ?? null, arrangement, run.dataset?.excluded),
    ),
    ...sourceLines(run.dataset?.sources ?? []),
    ...chainLines(receipt, outcome.changes ?? null),
    labelled(
      'sealed',
      `${bytes(receipt.suitcase.bytes)} for ${addressees(arrangement, encryption.recipients)}, ${kind(encryption)}`,
    ),
    ...(receipt.rehearsed === undefined
      ? []
      : [rehearsedLine(receipt.dataset.entries, receipt.rehearsed === 'increment')]),
    labelled(
      'uploaded',
      `${bytes(receipt.suitcase.bytes)} in ${duration(ms)}, ${rate(receipt.suitcase.bytes, ms)}; ${transferred(transfer)}`,
    ),
    labelled('deposited', suitcase),
    labelled('sha256', shortDigest(receipt.suitcase.sha256)),
    labelled('receipt', printable(receiptPath)),
    ...(outcome.newLedger
      ? [labelled('ledger', `new: this is the first deposit in ${printable(path.dirname(receiptPath))}`)]
      : []),
  ];
}

/** After several arrangements: `deposited 10, skipped 1, failed 1 of 12`; and which part of how many that was. */
export function pushSummary(results: readonly PushResult[], part: { shard: string; all: number } | null = null): Line {
  const notBegun = results.filter((r) => 'error' in r && r.begun === false).length;
  const failed = results.filter((r) => 'error' in r).length - notBegun;
  const skipped = results.filter((r) => 'outcome' in r && 'skipped' in r.outcome).length;
  const done = results.length - failed - skipped - notBegun;
  const dry = results.some((r) => 'outcome' in r && 'dryRun' in r.outcome);
  const parts = [`${done} ${dry ? 'sealed but not uploaded' : 'deposited'}`];
  if (skipped > 0) parts.push(`${skipped} skipped`);
  if (failed > 0) parts.push(`${failed} failed`);
  if (notBegun > 0) parts.push(`${notBegun} not begun`);
  const of = part === null ? '' : ` of ${part.all}, shard ${part.shard}`;
  return labelled('summary', `${counted(results.length, 'arrangement')}${of}: ${parts.join(', ')}`);
}

/** What of the night this deposit holds. */
function chainLines({ chain, dataset }: ShownReceipt, changes: Changes | null): Line[] {
  if (chain === undefined) return [];
  if (chain.number === 0) return [labelled('full', 'the next increments are built on this deposit')];
  return [
    labelled('changed', changedWords(dataset.bytes, changes)),
    labelled('increment', `${chain.number}; it opens only together with all deposits since ${chain.fullDepositId}`),
  ];
}

/** Names, modes, times and what is gone cost no contents; `changes` is null where another run read them. */
function changedWords(contents: number, changes: Changes | null): string {
  const entries =
    changes === null
      ? ''
      : `; ${counted(changes.changed, 'entry', 'entries')} new or changed, ${changes.removed} removed`;
  return `${bytes(contents)} of new contents since the last deposit${entries}`;
}

function rehearsedLine(entries: number, isIncrement: boolean): Line {
  const what = isIncrement ? 'this part of the chain was opened again' : 'opened again';
  return labelled('rehearsed', `${what} while it was sealed; ${counted(entries, 'entry', 'entries')} compared`);
}

function dryRunLines(d: DryRun, arrangement: ShownArrangement): Line[] {
  return [
    labelled('dataset', dataset({ ...d, ...d.chain }, d.files, arrangement, d.excluded)),
    ...sourceLines(d.sources),
    ...(d.full === null ? [] : [labelled('full', `it would be a full deposit: ${d.full}`)]),
    ...(d.chain !== null && d.chain.number > 0
      ? [labelled('changed', `${changedWords(d.bytes, d.chain.changes)}; it would be increment ${d.chain.number}`)]
      : []),
    labelled(
      'sealed',
      `${bytes(d.sealedBytes)} for ${addressees(arrangement, arrangement.beneficiaries)}, ${kind(d)}, in ${duration(d.seconds * 1000)}`,
    ),
    ...(d.rehearsed ? [rehearsedLine(d.entries, (d.chain?.number ?? 0) > 0)] : []),
    labelled('dry run', 'did not connect; kept and published nothing'),
  ];
}

/** `4,812 files and crm.pgdump, 18.4 GiB`; what was left out and why stands behind. */
function dataset(
  d: { entries: number; bytes: number; skipped: Record<string, number>; complete: boolean },
  files: number | null,
  arrangement: ShownArrangement,
  excluded: Excluded | undefined,
): string {
  const skipped = Object.entries(d.skipped)
    .filter(([, n]) => n > 0)
    .map(([what, n]) => `${n} ${what}`);
  const mounts = excluded?.mounts ?? 0;
  if (mounts > 0) skipped.push(counted(mounts, 'mounted file system'));
  const left = skipped.length === 0 ? '' : `; left out: ${skipped.join(', ')}`;
  return `${files === null ? counted(d.entries, 'entry', 'entries') : contents(files, arrangement)}, ${bytes(d.bytes)}${left}${excludedText(excluded)}${d.complete ? '' : '; not complete: a source changed while it was read'}`;
}

/** Of hundreds the largest ones are enough for a person; the run record has them all. */
const mostSources = 8;

/** How much each source holds, where there are several: which one shrank? */
function sourceLines(sources: readonly SourceSize[]): Line[] {
  if (sources.length < 2) return [];
  const shown = [...sources].sort((a, b) => b.bytes - a.bytes).slice(0, mostSources);
  const others = sources.length - shown.length;
  const words = shown.map(
    ({ name, entries, bytes: size }) =>
      `${printable(name)} ${entries === 1 ? '' : `${counted(entries, 'entry', 'entries')}, `}${bytes(size)}`,
  );
  return [labelled('sources', `${words.join('; ')}${others > 0 ? `; and ${counted(others, 'smaller one')}` : ''}`)];
}

/** What `exclude` took; of a directory only that it is one is known. */
function excludedText(excluded: Excluded | undefined): string {
  if (excluded === undefined || excluded.files + excluded.directories === 0) return '';
  const { files, directories } = excluded;
  const parts = [
    ...(files > 0 ? [`${counted(files, 'file')}, ${bytes(excluded.bytes)}`] : []),
    ...(directories > 0 ? [`${counted(directories, 'directory', 'directories')} with everything below`] : []),
  ];
  return `; excluded: ${parts.join(', and ')}`;
}

/** The files of directories and files, and by name what commands printed. */
function contents(files: number, { dataset: sources }: ShownArrangement): string {
  const streams = sources.filter(isStreamed).map((s) => printable(s.name));
  const others = Math.max(0, files - streams.length);
  const named = streams.length > 3 ? [`the output of ${streams.length} commands`] : streams;
  const parts = [...(others > 0 || streams.length === 0 ? [counted(others, 'file')] : []), ...named];
  return parts.length < 2 ? parts.join('') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)!}`;
}

function addressees(arrangement: ShownArrangement, keys: readonly { fingerprint: string }[]): string {
  return keys
    .map(({ fingerprint }) => {
      const known = arrangement.beneficiaries.find((b) => b.fingerprint === fingerprint);
      const short = shortFingerprint(fingerprint);
      return known === undefined ? short : `${printable(known.name)} (${short})`;
    })
    .join(' and ');
}

function kind({ packet, compression }: { packet: 'SEIPDv2' | 'SEIPDv1'; compression: string }): string {
  return `${packet === 'SEIPDv2' ? 'modern' : 'compat'}, ${compression === 'none' ? 'not compressed' : compression}`;
}

function transferred(t: ShownReceipt['transfer']): string {
  if (t.status === 'unconfirmed') return "the server's last answer was lost";
  if (t.remoteSize === 'unreadable') return 'acknowledged; this server does not show files (normal)';
  return t.durability === 'fsynced' ? 'acknowledged, size matched, on disk' : 'acknowledged, size matched';
}
