/**
 * The strict reader of receipts. A receipt is evidence years later, read by programs that its writer
 * never saw. So one receipt has exactly one sequence of bytes: unknown and doubled keys, another order
 * and other white space are refused, and nobody can hide a statement in it that one reader sees and
 * another does not.
 */
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { conversionOf, unconverted } from '../text-file.js';
import { canonicalText } from './canonical.js';
import { receiptProblem, type Receipt } from './schema.js';

/** Larger than any receipt that depot writes: 256 recipients with 4096-bit RSA keys fit. */
export const maxReceiptBytes = 1024 * 1024;
const maxDepth = 4;

/**
 * Reads a receipt from the bytes that were signed. Throws `verification-failed` with the place of the
 * first thing that is wrong; `name` says which receipt that was.
 */
export function parseReceipt(bytes: Uint8Array, name = 'receipt'): Receipt {
  const fail = (why: string, cause?: unknown): never => {
    const conversion = bytes.length > maxReceiptBytes ? null : conversionOf(bytes);
    throw conversion === null
      ? new DepotError('verification-failed', `${printable(name)} is not a receipt: ${why}`, { cause })
      : new DepotError('verification-failed', `${printable(name)} is not the receipt as it was signed: ${conversion}`, {
          hint: unconverted,
          cause,
        });
  };
  if (bytes.length > maxReceiptBytes) fail(`${String(bytes.length)} bytes, more than ${String(maxReceiptBytes)}`);
  let source = '';
  let json: unknown;
  try {
    source = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    fail('not UTF-8', cause);
  }
  if (!isShallow(source)) fail(`nested more than ${String(maxDepth)} deep`);
  try {
    json = JSON.parse(source);
  } catch (cause) {
    fail('not JSON', cause);
  }
  const version = schemaOf(json);
  if (version !== 'depot.receipt/1') {
    fail(
      version?.startsWith('depot.receipt/') === true
        ? `schema ${printable(version)} is not known to this version of depot`
        : 'no schema depot.receipt/1',
    );
  }
  const why = receiptProblem(json);
  if (why !== null) fail(why);
  const receipt = json as Receipt;
  if (canonicalText(receipt) !== source) fail('not in canonical form (key order, white space or doubled keys)');
  return receipt;
}

function schemaOf(json: unknown): string | null {
  if (typeof json !== 'object' || json === null || !('schema' in json)) return null;
  return typeof json.schema === 'string' ? json.schema.slice(0, 100) : null;
}

/** Brackets outside of strings; a receipt has three levels, and a parser should not see thousands. */
function isShallow(source: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < source.length; i++) {
    const c = source[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') quoted = true;
    else if (c === '{' || c === '[') {
      if (++depth > maxDepth) return false;
    } else if (c === '}' || c === ']') depth--;
  }
  return true;
}
