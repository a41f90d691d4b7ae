/** Sidecars on their way out, perhaps days after the push that made them. */
import { DepotError } from '../errors.js';
import { markCoverBytes, markReceiptBytes, type CoverBytes, type ReceiptBytes } from '../outbound.js';
import { sha256Hex } from '../primitives.js';
import { signatureBytes } from '../receipt/canonical.js';
import { coverBytes } from '../receipt/cover.js';
import { coverName, receiptName, signatureName } from '../names/deposit.js';
import { parseReceipt } from '../receipt/parse.js';
import { readStoredReceipt, type ArrangementState } from './arrangement-state.js';

/**
 * The bytes of a sidecar, or null when it is no longer in the state directory. A file there could be anything by now,
 * and what leaves must be what it is called: a receipt in canonical form, an armoured signature, or the very cover that
 * the receipt names. `verification-failed` and `local-unreadable` name the file.
 */
export async function readSidecarBytes(
  state: ArrangementState,
  name: string,
): Promise<ReceiptBytes | CoverBytes | null> {
  const depositId = name.replace(/\.(cover\.md|receipt\.json(\.asc)?)$/, '');
  const stored = await readStoredReceipt(state.directory, receiptName(depositId));
  if (stored === null) return null;
  const receipt = parseReceipt(stored.bytes, stored.path);
  switch (name) {
    case receiptName(depositId):
      return markReceiptBytes(stored.bytes);
    case signatureName(depositId):
      return stored.signature === null ? null : signatureBytes(stored.signature);
    case coverName(depositId): {
      const file = await state.readFile(name);
      // Lost or damaged here, it can still be made again, unless this version of depot words it differently.
      const bytes = [file, coverBytes(receipt)].find((one) => one !== null && sha256Hex(one) === receipt.cover.sha256);
      if (bytes != null) return markCoverBytes(bytes);
      if (file === null) return null;
      throw new DepotError('local-unreadable', `${state.file(name)} is not the cover that its receipt names`, {
        hint: `restore it from a backup of ${state.directory}`,
      });
    }
    default:
      throw new TypeError(`${name} is not the name of a sidecar`);
  }
}
