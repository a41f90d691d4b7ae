import { destroyedDeposits } from '../../receipt/ledger.js';
import { listReceipts, type ListedReceipt } from '../../receipt/list.js';
import { printable } from '../../printable.js';
import { bytes, localTime, shortFingerprint, table } from '../../ui/format.js';
import type { Context } from '../context.js';
import type { ReceiptsListFlags } from '../receipts.js';
import { filedAttestations, type FiledAttestation } from '../../receipt/attested.js';
import { provenDocument } from './import.js';
import { statesFor } from './states.js';

interface Row {
  listed: ListedReceipt;
  destroyed: string | null;
  proven: FiledAttestation[];
}

export async function listDeposits(o: ReceiptsListFlags, context: Context): Promise<number> {
  const states = await statesFor(o, o.names, context);
  const rows: Row[] = [];
  for (const name of states.names) {
    const state = states.of(name);
    const { receipts, unreadable } = await listReceipts(state, { ...(o.from === undefined ? {} : { from: o.from }), ...(o.to === undefined ? {} : { to: o.to }) });
    for (const { path, reason } of unreadable) context.screen.warn(`${printable(path)}: ${reason}`);
    const destroyed = await destroyedDeposits(state);
    const proven = await filedAttestations(state);
    rows.push(...receipts.map((listed) => ({ listed, destroyed: destroyed.get(listed.depositId) ?? null, proven: proven.filter((one) => one.depositId === listed.depositId) })));
  }
  rows.sort((a, b) => (a.listed.receipt.completedAt < b.listed.receipt.completedAt ? -1 : 1));
  context.screen.result({ ok: true, state: states.directory, deposits: rows.map(document) }, lines(rows));
  return 0;
}

function document({ listed, destroyed, proven }: Row): object {
  const { receipt: r, path, sha256 } = listed;
  return {
    arrangement: r.arrangement, depositId: r.depositId, startedAt: r.startedAt, completedAt: r.completedAt, suitcase: r.suitcase, encryption: r.encryption,
    dataset: r.dataset, transfer: r.transfer, destroyed, proven: proven.map(provenDocument), receiptPath: path, receiptSha256: sha256,
  };
}

function lines(rows: readonly Row[]): string[] {
  if (rows.length === 0) return ['no deposits'];
  return table([
    ['COMPLETED', 'DEPOSIT', 'SUITCASE', 'ENCRYPTED', 'TO', 'REMARKS'],
    ...rows.map(({ listed: { receipt: r }, destroyed, proven }) => [
      localTime(new Date(r.completedAt)),
      r.depositId,
      bytes(r.suitcase.bytes),
      r.encryption.packet === 'SEIPDv2' ? `modern ${r.encryption.aead ?? ''}` : 'compat',
      r.encryption.recipients.map((one) => shortFingerprint(one.fingerprint)).join(' '),
      [
        ...(destroyed === null ? [] : [`destroyed ${destroyed}`]),
        ...(proven.length === 0 ? [] : [proven.every(({ filing }) => filing.selfAttested) ? 'self-attested' : 'proven']),
        ...(r.transfer.status === 'unconfirmed' ? ['unconfirmed'] : []),
        ...(r.dataset.complete ? [] : ['not complete']),
      ].join(', '),
    ]),
  ]);
}
