/** Checking a ledger against receipts in other hands. */
import type { ArrangementState } from './arrangement-state.js';
import {
  beginAudit,
  noteNewest,
  readReceipts,
  readStored,
  signatureFault,
  type LedgerAudit,
  type SignatureCheck,
} from './audit.js';
import { linesOf, readLedger, readLedgerId } from './ledger.js';

/**
 * Compares the ledger with the receipts in `directory`, which others hold: a receipt that should have a line and has
 * none shows that the end was cut off, another one in its place a fork. Only receipts of this arrangement and ledger
 * count; a signature that cannot be checked is said, for anyone can write a receipt that accuses a ledger.
 */
export async function compareWithHeld(
  state: ArrangementState,
  directory: string,
  checkSignature?: SignatureCheck,
): Promise<LedgerAudit> {
  const { raw } = await readLedger(state);
  const ledgerId = await readLedgerId(state.stateDirectory);
  const audit = beginAudit(raw, ledgerId, checkSignature);
  const lines = linesOf({ raw });
  const last = lines.reduce((most, line) => Math.max(most, line.sequence), 0);
  const filed = new Set(lines.flatMap(({ kind, receiptSha256 }) => (kind === 'destroyed' ? [] : [receiptSha256])));
  for await (const held of readReceipts(directory, audit)) {
    const { receipt, wrong } = readStored(held);
    if (wrong !== null) {
      audit.unchecked.push(wrong);
      continue;
    }
    if (receipt.arrangement !== state.arrangement) continue;
    audit.receipts++;
    const { sequence } = receipt.ledger;
    if (filed.has(held.sha256)) {
      noteNewest(audit, { depositId: receipt.depositId, sequence, receiptSha256: held.sha256 });
      continue;
    }
    if (receipt.ledger.id !== ledgerId) {
      audit.unchecked.push(
        `${held.path} belongs to ledger ${receipt.ledger.id}, but this state directory to ${ledgerId ?? 'none'}`,
      );
      continue;
    }
    const unsigned = await signatureFault(held, receipt, checkSignature);
    if (unsigned !== null) {
      audit.unchecked.push(`${unsigned}: it proves nothing against the ledger`);
      continue;
    }
    const fork = sequence <= last;
    const but = fork ? 'but the ledger has something else there' : `but the ledger ends with line ${last}`;
    audit.problems.push({
      kind: fork ? 'forked' : 'missing',
      sequence,
      depositId: receipt.depositId,
      message: `${held.path} says that it is line ${sequence}, ${but}`,
    });
  }
  if (audit.receipts === 0) audit.unchecked.push(`no receipt of ${state.arrangement} in ${directory}`);
  return audit;
}
