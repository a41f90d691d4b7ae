/**
 * Deposit ids and the names of the files that belong to one deposit.
 *
 * A name is never trusted because it looks like one of ours: `parse…` accepts exactly what the
 * functions here produce and returns null for everything else.
 */
import { DepotError } from '../errors.js';
import { arrangementPattern } from './arrangement.js';

export type Compression = 'none' | 'gzip' | 'zstd';

const extensions: Record<Compression, string> = { none: '.tar.pgp', gzip: '.tar.gz.pgp', zstd: '.tar.zst.pgp' };

/** What a deposit id says: whose it is and when it was begun. */
export interface DepositIdParts {
  arrangement: string;
  /** When the deposit was begun, to the second. */
  at: Date;
  /** 16 hex digits that make two deposits of one second differ, on any machine. */
  random: string;
}

/** `<arrangement>_<YYYYMMDDTHHMMSSZ>_<16 hex>`; throws `usage` for a name that is no arrangement's. */
export function newDepositId(arrangement: string, at: Date): string {
  if (!arrangementPattern.test(arrangement)) {
    throw new DepotError('usage', `${JSON.stringify(arrangement)} is not the name of an arrangement`, {
      hint: 'use a-z, 0-9 and hyphens, at most 41 characters',
    });
  }
  const random = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
  return `${arrangement}_${timestamp(at).replace(/[-:]/g, '')}_${random}`;
}

/** The parts of a deposit id, or null when `text` is not one (an impossible date is not one). */
export function parseDepositId(text: string): DepositIdParts | null {
  const found = /^([^_]+)_(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z_([0-9a-f]{16})$/.exec(text);
  if (found === null) return null;
  const [, arrangement, year, month, day, hour, minute, second, random] = found as unknown as string[];
  const at = parseTimestamp(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return at === null || !arrangementPattern.test(arrangement!)
    ? null
    : { arrangement: arrangement!, at, random: random! };
}

/** `YYYY-MM-DDTHH:MM:SSZ`; fractions of a second are cut off, not rounded. */
export function timestamp(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`;
}

/** The reverse of `timestamp`; null for any other form and for a date that no calendar has. */
export function parseTimestamp(text: string): Date | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return null;
  const at = new Date(text);
  // `Date` takes 30 February for 2 March, and 24:00 for the next day.
  return at.getUTCDate() === Number(text.slice(8, 10)) ? at : null;
}

/** `<id>.tar.pgp`, `<id>.tar.gz.pgp` or `<id>.tar.zst.pgp`. */
export function suitcaseName(depositId: string, compression: Compression): string {
  return depositId + extensions[compression];
}

/** The id and compression in a suitcase's name, or null when it is not one. */
export function parseSuitcaseName(name: string): { depositId: string; compression: Compression } | null {
  const dot = name.indexOf('.');
  const depositId = name.slice(0, dot);
  const compression = (Object.keys(extensions) as Compression[]).find((key) => extensions[key] === name.slice(dot));
  return compression === undefined || parseDepositId(depositId) === null ? null : { depositId, compression };
}

/** The suitcase's remote name while it is being uploaded. */
export function partialName(depositId: string): string {
  return `.${depositId}.partial`;
}

/**
 * The name that a partial will have, less `.partial`: of a suitcase the deposit id, of a sidecar its whole name. Null when
 * it is no partial. One that could not be removed is left, and the next has eight hex digits more.
 */
export function parsePartialName(name: string): { depositId: string; of: string } | null {
  const of = /^\.(.+?)(?:\.[0-9a-f]{8})?\.partial$/.exec(name)?.[1];
  if (of === undefined) return null;
  const depositId = of.split('.', 1)[0]!;
  return parseDepositId(depositId) !== null && [depositId, ...sidecarNames(depositId)].includes(of)
    ? { depositId, of }
    : null;
}

/** The readable page beside the suitcase. */
export function coverName(depositId: string): string {
  return `${depositId}.cover.md`;
}

/** The receipt, which is uploaded last and marks the deposit as complete. */
export function receiptName(depositId: string): string {
  return `${depositId}.receipt.json`;
}

/** The detached signature of the receipt. */
export function signatureName(depositId: string): string {
  return `${depositId}.receipt.json.asc`;
}

/** Sidecars in the order of their upload: the receipt comes last, it is the completion mark. */
export function sidecarNames(depositId: string): string[] {
  return [coverName(depositId), signatureName(depositId), receiptName(depositId)];
}

/** Where the state directory keeps the `number`th receipt that a later one of the same deposit superseded. */
export function supersededReceiptName(depositId: string, number: number): string {
  return `${depositId}.receipt.${String(number)}.json`;
}

/** The id in the name of a receipt, with the number when it is a superseded one; null when it is neither. */
export function parseReceiptName(name: string): { depositId: string; superseded: number | null } | null {
  const found = numbered(name, 'receipt');
  return found && { depositId: found.depositId, superseded: found.number };
}

/** Where the state directory keeps the `number`th attestation of a deposit: several keys may open it, and be proven again. */
export function attestationName(depositId: string, number: number): string {
  return `${depositId}.attestation${number === 1 ? '' : `.${number}`}.json`;
}

/** The id and number in the name of an attestation; null when it is none. */
export function parseAttestationName(name: string): { depositId: string; number: number } | null {
  const found = numbered(name, 'attestation');
  return found === null || found.number === 1 ? null : { depositId: found.depositId, number: found.number ?? 1 };
}

/** `<id>.<what>.json` or `<id>.<what>.<number>.json`. */
function numbered(name: string, what: string): { depositId: string; number: number | null } | null {
  // Most names in a state directory are others, and are told by this alone.
  if (!name.includes(`.${what}.`)) return null;
  const [, depositId = '', kind, number] = /^([^.]+)\.([a-z]+)(?:\.([1-9]\d{0,3}))?\.json$/.exec(name) ?? [];
  if (kind !== what || parseDepositId(depositId) === null) return null;
  return { depositId, number: number === undefined ? null : Number(number) };
}
