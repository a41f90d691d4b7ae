/**
 * The strict reader of receipts and attestations. They are evidence years later, read by programs that their writer
 * never saw. So each has exactly one sequence of bytes: unknown and doubled keys, another order and other white space
 * are refused, and nobody can hide a statement in it that one reader sees and another does not.
 */
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { conversionOf, unconverted } from '../text-file.js';
import { canonicalText } from './canonical.js';
import { receiptProblem, type Receipt } from './schema.js';

/** Larger than any receipt that depot writes: 256 recipients with 4096-bit RSA keys fit. */
export const maxReceiptBytes = 1024 * 1024;
const maxDepth = 4;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A kind of document that is signed as JSON. */
export interface SignedForm<T> {
  a: string;
  the: string;
  maxBytes: number;
  /** What to do about a file that is none. */
  hint?: string;
  /** What keeps the JSON from being one; null when it is one. */
  problem(json: unknown): string | null;
  canonicalText(document: T): string;
}

const receiptForm: SignedForm<Receipt> = {
  a: 'a receipt',
  the: 'the receipt',
  maxBytes: maxReceiptBytes,
  problem: (json) => otherVersion(json) ?? receiptProblem(json),
  canonicalText,
};

/** Reads a receipt from the bytes that were signed; `name` says which one that was. As `parseSigned`. */
export function parseReceipt(bytes: Uint8Array, name = 'receipt'): Receipt {
  return parseSigned(bytes, name, receiptForm);
}

/** Throws `verification-failed` with the place of the first thing that is wrong. */
export function parseSigned<T>(bytes: Uint8Array, name: string, form: SignedForm<T>): T {
  const wrong = (why: string, cause?: unknown): DepotError => {
    const conversion = bytes.length > form.maxBytes ? null : conversionOf(bytes);
    return conversion === null
      ? new DepotError('verification-failed', `${printable(name)} is not ${form.a}: ${why}`, { hint: form.hint, cause })
      : new DepotError('verification-failed', `${printable(name)} is not ${form.the} as it was signed: ${conversion}`, {
          hint: unconverted,
          cause,
        });
  };
  if (bytes.length > form.maxBytes) throw wrong(`${bytes.length} bytes, more than ${form.maxBytes}`);
  let source: string;
  let json: unknown;
  try {
    source = utf8.decode(bytes);
  } catch (cause) {
    throw wrong('not UTF-8', cause);
  }
  if (!isShallow(source)) throw wrong(`nested more than ${maxDepth} deep`);
  try {
    json = JSON.parse(source);
  } catch (cause) {
    throw wrong('not JSON', cause);
  }
  const why = form.problem(json);
  if (why !== null) throw wrong(why);
  if (form.canonicalText(json as T) !== source)
    throw wrong('not in canonical form (key order, white space or duplicate keys)');
  return json as T;
}

/** Why a schema other than ours is none of a receipt; null for ours. */
function otherVersion(json: unknown): string | null {
  const schema = typeof json === 'object' && json !== null && 'schema' in json ? json.schema : null;
  if (schema === 'depot.receipt/1' || schema === 'depot.receipt/2') return null;
  return typeof schema === 'string' && schema.startsWith('depot.receipt/')
    ? `schema ${printable(schema.slice(0, 100))} is unknown to this version of depot`
    : 'its schema is not depot.receipt/1';
}

/** Counts brackets outside of strings: a receipt has three levels, and a parser should not see thousands. */
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
