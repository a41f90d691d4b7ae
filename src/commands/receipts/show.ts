import { printable } from '../../printable.js';
import { destroyedDeposits } from '../../state/ledger.js';
import { bytes, counted, groupedFingerprint, labelled, localTime } from '../../ui/format.js';
import type { Context, GlobalOptions } from '../context.js';
import { filedAttestations } from '../../state/attested.js';
import { provenDocument, provenText } from './import.js';
import { receiptOf } from './states.js';

export async function showReceipt(o: GlobalOptions & { id: string }, context: Context): Promise<number> {
  const { state, found } = await receiptOf(o, o.id, context);
  const r = found.receipt;
  const superseded = (await state.receiptsOf(r.depositId)).filter((one) => one.superseded !== null);
  const destroyed = (await destroyedDeposits(state)).get(r.depositId) ?? null;
  const proven = await filedAttestations(state, r.depositId);
  const { packet, cipher, aead, compression } = r.encryption;
  context.screen.result(
    {
      ok: true,
      receiptPath: found.path,
      receiptSha256: found.sha256,
      superseded: superseded.map((one) => one.path),
      destroyed,
      proven: proven.map(provenDocument),
      receipt: r,
    },
    [
      labelled('deposit', r.depositId),
      ...(destroyed === null ? [] : [labelled('destroyed', `${destroyed}, as the agent confirmed`)]),
      labelled('supplier', printable(r.supplier.name)),
      labelled('signer', groupedFingerprint(r.supplier.signerFingerprint)),
      labelled('completed', localTime(new Date(r.completedAt))),
      labelled('suitcase', `${r.suitcase.name}, ${bytes(r.suitcase.bytes)} (${r.suitcase.bytes} bytes)`),
      labelled('sha256', r.suitcase.sha256),
      labelled(
        'encrypted',
        `${packet === 'SEIPDv2' ? 'modern' : 'compat'}: ${packet}, ${cipher}${aead === null ? '' : ` ${aead}`}; ${compression === 'none' ? 'not compressed' : compression}`,
      ),
      ...r.encryption.recipients.map((one) =>
        labelled('to', `${groupedFingerprint(one.fingerprint)}, ${one.algorithm}`),
      ),
      labelled(
        'dataset',
        `${counted(r.dataset.entries, 'entry', 'entries')}, ${bytes(r.dataset.bytes)}${r.dataset.complete ? '' : '; not complete'}${r.rehearsed === undefined ? '' : `; ${r.rehearsed === true ? '' : 'this part of the chain was '}opened again and compared while it was made`}`,
      ),
      labelled('transfer', `${r.transfer.status}, size ${r.transfer.remoteSize}, ${r.transfer.durability}`),
      labelled('ledger', `line ${r.ledger.sequence} of ${r.ledger.id}`),
      ...proven.map((one) => labelled('proven', provenText(one))),
      labelled('receipt', printable(found.path)),
      ...superseded.map((one) => labelled('superseded', printable(one.path))),
    ],
  );
  return 0;
}
