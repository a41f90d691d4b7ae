import { keepHeapSmall } from '../../heap.js';
import type { ReceiptsListFlags } from './options.js';
import { destroyedDeposits } from '../../state/ledger.js';
import { parseReceiptName } from '../../names/deposit.js';
import { lostAmong } from '../../state/lost.js';
import { byCompletion, listReceipts, type ListedReceipt } from '../../state/list.js';
import { placeFor } from '../../push/agent.js';
import { pendingWords, readPending, type PendingStage } from '../../state/pending.js';
import { printable } from '../../printable.js';
import { bytes, localTime, shortFingerprint, table, widthOf } from '../../ui/format.js';
import type { Line } from '../../ui/wrap.js';
import type { Context } from '../context.js';
import { within } from '../period.js';
import { filedAttestations, type FiledAttestation } from '../../state/attested.js';
import { provenDocument } from './import.js';
import { statesFor, type States } from './states.js';

interface Row {
  listed: ListedReceipt;
  destroyed: string | null;
  /** The deposit that was destroyed, and without which this one no longer opens. */
  lostWithout: string | null;
  proven: FiledAttestation[];
  /** Names of the beneficiaries, as far as the configuration still knows them. */
  names: ReadonlyMap<string, string>;
}

/** A deposit that was begun and has no receipt: a file may be at the agent all the same. */
interface Possible {
  arrangement: string;
  depositId: string;
  stage: PendingStage;
  createdAt: string;
  /** What is known of it, and what settles it. */
  text: string;
}

const incomplete = 24;

export async function listDeposits(o: ReceiptsListFlags, context: Context): Promise<number> {
  keepHeapSmall();
  const states = await statesFor(o, o.names, context);
  const rows: Row[] = [];
  const possible: Possible[] = [];
  const hidden: { path: string; reason: string }[] = [];
  for (const name of states.names) {
    const state = states.of(name);
    const arrangement = states.config?.arrangements.get(name);
    const beneficiaries = new Map(arrangement?.beneficiaries.map((one) => [one.fingerprint, one.name]));
    const { receipts, unreadable } = await listReceipts(state);
    const goesTo =
      states.config === null || arrangement === undefined
        ? null
        : await placeFor(states.config, arrangement).catch(() => null);
    const begun = await readPending(state);
    const filed = new Set((await state.names()).flatMap((file) => parseReceiptName(file)?.depositId ?? []));
    hidden.push(
      ...unreadable,
      ...begun.unreadable.map(({ path }) => ({ path, reason: 'this is not the record of a deposit' })),
    );
    possible.push(
      ...begun.records
        .filter(({ depositId, createdAt }) => within(o, createdAt) && !filed.has(depositId))
        .map((record) => ({
          arrangement: name,
          depositId: record.depositId,
          stage: record.stage,
          createdAt: record.createdAt,
          text: pendingWords(record, goesTo),
        })),
    );
    const destroyed = await destroyedDeposits(state);
    const lost = new Map(lostAmong(receipts, destroyed).map(({ depositId, without }) => [depositId, without]));
    const proven = new Map<string, FiledAttestation[]>();
    for (const one of await filedAttestations(state))
      proven.set(one.depositId, [...(proven.get(one.depositId) ?? []), one]);
    for (const listed of receipts) {
      const { depositId, receipt } = listed;
      if (!within(o, receipt.completedAt)) continue;
      rows.push({
        listed,
        destroyed: destroyed.get(depositId) ?? null,
        lostWithout: lost.get(depositId) ?? null,
        proven: proven.get(depositId) ?? [],
        names: beneficiaries,
      });
    }
  }
  rows.sort((a, b) => byCompletion(a.listed, b.listed));
  for (const { path, reason } of hidden) context.screen.warn(`${printable(path)}: ${reason}`);
  const shown = {
    ok: hidden.length === 0 && states.exists,
    state: states.directory,
    // Twenty thousand of them are made for those alone who asked.
    deposits: context.screen.json ? rows.map(document) : [],
    possible,
    unreadable: hidden,
  };
  const listed = lines(rows, widthOf(context.stdout));
  const text = [
    ...(rows.length === 0 ? [noDeposits(states, o)] : listed.lines),
    ...possible.map((one) => ({
      text: `without a receipt: ${one.depositId}, started ${localTime(new Date(one.createdAt))}, ${one.text}`,
      hang: 2,
    })),
  ];
  const ok = hidden.length === 0 && states.exists;
  if (ok) context.screen.result(shown, text);
  else context.screen.failure(shown, text);
  if (listed.left.length > 0)
    context.screen.note(
      `left out for lack of room: ${listed.left.join(', ')}; for one deposit: «depot receipts show ID»`,
    );
  return ok ? 0 : incomplete;
}

/** Where it looked belongs to it: an incident report from the wrong directory would be an empty one. */
function noDeposits({ directory, exists }: States, { from, to }: ReceiptsListFlags): string {
  if (!exists)
    return `no deposits: there is no directory ${printable(directory)}. Either no push has run here yet, or the state is elsewhere: --state DIRECTORY`;
  return `no deposits in ${printable(directory)}${from === undefined && to === undefined ? '' : ' in this period'}`;
}

function document({ listed, destroyed, lostWithout, proven, names }: Row): object {
  const { receipt: r, path, sha256 } = listed;
  return {
    arrangement: r.arrangement,
    depositId: r.depositId,
    startedAt: r.startedAt,
    completedAt: r.completedAt,
    suitcase: r.suitcase,
    encryption: r.encryption,
    to: r.encryption.recipients.map(({ fingerprint }) => ({ fingerprint, name: names.get(fingerprint) ?? null })),
    dataset: r.dataset,
    chain: r.chain ?? null,
    transfer: r.transfer,
    destroyed,
    lostWithout,
    proven: proven.map(provenDocument),
    receiptPath: path,
    receiptSha256: sha256,
  };
}

const columns = {
  COMPLETED: ({ listed: { receipt } }: Row) => localTime(new Date(receipt.completedAt)),
  DEPOSIT: ({ listed: { receipt } }: Row) => receipt.depositId,
  SUITCASE: ({ listed: { receipt } }: Row) => bytes(receipt.suitcase.bytes),
  ENCRYPTED: ({ listed: { receipt } }: Row) =>
    receipt.encryption.packet === 'SEIPDv2' ? `modern ${receipt.encryption.aead ?? ''}` : 'compat',
  TO: ({ listed: { receipt } }: Row) =>
    receipt.encryption.recipients.map((one) => shortFingerprint(one.fingerprint)).join(' '),
  REMARKS: remarks,
};
type Column = keyof typeof columns;

/** The table, and what a terminal of this width has no room for: first the ends of the ids, since `receipts show` takes their beginnings. */
function lines(rows: readonly Row[], width: number): { lines: Line[]; left: Column[] } {
  const names = (Object.keys(columns) as Column[]).filter((name) => rows.some((row) => columns[name](row) !== ''));
  const forms: Column[][] = [[], [], ['ENCRYPTED'], ['ENCRYPTED', 'TO']];
  const made = forms.map((left, i) => {
    const shown = names.filter((name) => !left.includes(name));
    const cell = (row: Row, name: Column): string =>
      i > 0 && name === 'DEPOSIT' ? columns[name](row).replace(/_[^_]*$/, '') : columns[name](row);
    return { lines: table([shown, ...rows.map((row) => shown.map((name) => cell(row, name)))]), left };
  });
  return made.find((form) => form.lines.every(({ text }) => text.length <= width)) ?? made.at(-1)!;
}

function remarks({ listed: { receipt: r }, destroyed, lostWithout, proven }: Row): string {
  return [
    ...(r.chain === undefined ? [] : [r.chain.number === 0 ? 'full' : `increment ${r.chain.number}`]),
    ...(destroyed === null ? [] : [`destroyed ${destroyed}`]),
    ...(lostWithout === null ? [] : ['no longer opens']),
    ...(proven.length === 0 ? [] : [proven.every(({ filing }) => filing.selfAttested) ? 'self-attested' : 'proven']),
    ...(r.transfer.status === 'unconfirmed' ? ['unconfirmed'] : []),
    ...(r.dataset.complete ? [] : ['not complete']),
  ].join(', ');
}
