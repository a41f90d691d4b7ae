/**
 * The ledger of an arrangement: one line of JSON for each receipt, each with the SHA-256 of the line before it, and
 * every receipt with the SHA-256 of the receipt before it. Who changes or removes something must change everything
 * after it, in this directory and in every other hand. Appended to only under the arrangement's lock.
 */
import { ledgerIdPattern, sha256Pattern } from '../names/digest.js';
import { randomBytes } from 'node:crypto';
import { link, rm } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import { DepotError, isDepotError } from '../errors.js';
import { sha256Hex } from '../primitives.js';
import { moveLine } from '../shell.js';
import {
  errorCode,
  localError,
  openOwn,
  readBounded,
  syncDirectory,
  temporaryName,
  writeAll,
  writeNew,
} from '../durable-file.js';
import { parseAttestationName, parseDepositId, parseReceiptName, parseTimestamp } from '../names/deposit.js';
import type { Receipt } from '../receipt/schema.js';
import type { ArrangementState } from './arrangement-state.js';
import { lastRun, splitLines } from './runs.js';

const digest = v.pipe(v.string(), v.regex(sha256Pattern));
const valid = (check: (text: string) => boolean) => v.pipe(v.string(), v.check(check));

/** A line has one form, like a receipt: this key order, no white space. */
const lineSchema = v.pipe(
  v.strictObject({
    /** From 1, without gaps. */
    sequence: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    /** `superseded`: a newer receipt of a deposit that has one; `destroyed`: the agent confirmed that. */
    kind: v.picklist(['deposit', 'superseded', 'destroyed']),
    depositId: valid((text) => parseDepositId(text) !== null),
    /** Of the receipt that the line files; with `destroyed`, of the deposit's newest. */
    receiptSha256: digest,
    /** Of the bytes of the line before, without its newline; null in the first. */
    previousSha256: v.nullable(digest),
    /** The receipt's `completedAt`; with `destroyed`, when it was noted. */
    time: valid((text) => parseTimestamp(text) !== null),
    ledgerId: v.pipe(v.string(), v.regex(ledgerIdPattern)),
    /** With `superseded`: the SHA-256 of the receipt that no longer counts. */
    supersedes: v.exactOptional(digest),
    /** With `destroyed`: the date that the agent named, `YYYY-MM-DD`. */
    destroyed: v.exactOptional(valid((text) => parseTimestamp(`${text}T00:00:00Z`) !== null)),
  }),
  v.check((line) => line.previousSha256 !== null || line.sequence === 1),
  v.check((line) => (line.supersedes !== undefined) === (line.kind === 'superseded')),
  v.check((line) => (line.destroyed !== undefined) === (line.kind === 'destroyed')),
);
export type LedgerLine = v.InferOutput<typeof lineSchema>;

/** What the caller says of a new line; the ledger adds the rest. */
export type NewLine = Pick<LedgerLine, 'kind' | 'depositId' | 'receiptSha256' | 'time' | 'supersedes' | 'destroyed'>;

/** A line of the file: `line` is null when its bytes are no ledger line. */
export interface RawLine {
  number: number;
  bytes: Buffer;
  line: LedgerLine | null;
}

/** Half a million deposits. */
const maxLedgerBytes = 256 * 1024 * 1024;

/** A ledger as it was read; `append` keeps it in step with its file. */
export class Ledger {
  readonly id: string;
  /** True when this arrangement had no ledger here: the next line is the first, which a push must say. */
  readonly created: boolean;
  /** What was repaired, for the user. */
  readonly warnings: string[];
  readonly lines: readonly LedgerLine[];
  private readonly file: string;
  private size: number;
  private lastSha256: string | null;

  private constructor(o: { id: string; file: string; raw: RawLine[]; size: number; warnings: string[] }) {
    this.id = o.id;
    this.file = o.file;
    this.size = o.size;
    this.warnings = o.warnings;
    this.created = o.raw.length === 0;
    this.lines = linesOf(o);
    const last = o.raw.at(-1);
    this.lastSha256 = last === undefined ? null : sha256Hex(last.bytes);
  }

  /**
   * For a push, which holds the lock: makes `ledger.id` where there is none, and cuts off a last line that a power loss
   * left without its end (its deposit is still pending). `ledger-broken` when the last line is none, and when other
   * files here tell of deposits that it lacks: a ledger that was emptied is not begun anew.
   */
  static async open(state: ArrangementState): Promise<Ledger> {
    const file = state.file('ledger.ndjson');
    const { raw, size, torn } = await readLedger(state);
    const warnings: string[] = [];
    if (torn > 0) {
      await truncate(file, size);
      warnings.push(
        `the last line of ${file} was incomplete, as after a power failure; depot removed it, and will record again what it said`,
      );
    }
    const last = raw.at(-1);
    if (last?.line === null) throw ledgerBroken(`line ${String(last.number)} of ${file} is not a ledger line`);
    const gap = await ledgerGap(state, raw);
    if (gap !== null) throw gap;
    const { id, created } = await ledgerId(state.stateDirectory, last?.line?.ledgerId);
    if (created && last !== undefined)
      warnings.push(`${path.join(state.stateDirectory, 'ledger.id')} was missing; depot made it again from ${file}`);
    if (last?.line != null && last.line.ledgerId !== id) {
      throw ledgerBroken(`${file} belongs to ledger ${last.line.ledgerId}, but this state directory to ${id}`);
    }
    return new Ledger({ id, file, raw, size, warnings });
  }

  /** What a receipt that is written now says of its place; the line itself comes after the receipt. */
  nextLink(): Receipt['ledger'] {
    const filed = this.lines.findLast((line) => line.kind !== 'destroyed');
    return { id: this.id, sequence: this.nextSequence(), previousReceiptSha256: filed?.receiptSha256 ?? null };
  }

  /** The newest line of a deposit that files a receipt, or null. */
  receiptLine(depositId: string): LedgerLine | null {
    return this.lines.findLast((line) => line.depositId === depositId && line.kind !== 'destroyed') ?? null;
  }

  /** Writes and fsyncs a line. When that fails the file is as it was. `local-disk-full`, `local-not-writable`. */
  async append(line: NewLine): Promise<LedgerLine> {
    // Parsed, since the schema says in which order the keys stand.
    const full = v.parse(lineSchema, {
      ...line,
      sequence: this.nextSequence(),
      previousSha256: this.lastSha256,
      ledgerId: this.id,
    });
    const bytes = Buffer.from(JSON.stringify(full));
    const first = this.size === 0;
    try {
      const handle = await openOwn(this.file, 'append');
      try {
        const { size } = await handle.stat();
        if (size !== this.size)
          throw ledgerBroken(`${this.file} was changed by another program while depot held the lock`);
        try {
          await writeAll(handle, Buffer.concat([bytes, Buffer.from('\n')]));
          await handle.sync();
        } catch (error) {
          await handle.truncate(this.size).catch(() => undefined);
          throw error;
        }
      } finally {
        await handle.close();
      }
      if (first) await syncDirectory(path.dirname(this.file));
    } catch (error) {
      throw localError(error, 'write', this.file);
    }
    this.size += bytes.length + 1;
    this.lastSha256 = sha256Hex(bytes);
    (this.lines as LedgerLine[]).push(full);
    return full;
  }

  private nextSequence(): number {
    return (this.lines.at(-1)?.sequence ?? 0) + 1;
  }
}

/** Why the ledger of this state directory cannot be the whole one, or null. For readers, too: changes nothing. */
export async function ledgerGap(state: ArrangementState, raw?: readonly RawLine[]): Promise<DepotError | null> {
  const lines = linesOf({ raw: raw ?? (await readLedger(state)).raw });
  const missing = await unlistedDeposits(state, linesPerDeposit(lines));
  if (missing.length === 0) return null;
  const file = state.file('ledger.ndjson');
  const which = `${missing.slice(-3).join(', ')}${missing.length > 3 ? ` and ${missing.length - 3} more` : ''}`;
  const last = lines.at(-1);
  const how = last === undefined ? 'is empty or missing' : `ends with line ${last.sequence}`;
  const today = new Date().toISOString().slice(0, 10);
  return new DepotError(
    'ledger-broken',
    `${file} ${how}, and has no line for ${missing.length === 1 ? 'a deposit' : `${missing.length} deposits`} that other files here mention: ${which}`,
    {
      hint: `restore ledger.ndjson from a backup, then run: «depot receipts verify ${state.arrangement}»; or, to start a new ledger on purpose and keep all of this as evidence: «${moveLine(state.directory, `${state.directory}.kept-${today}`)}»`,
    },
  );
}

/**
 * Deposits of which something here tells, and the ledger does not, oldest first; `lines` says how many receipts of each deposit the ledger files. Every receipt here has its
 * line, and so have the deposits of all attestations and of the newest run; only what is pending may have none yet.
 */
export async function unlistedDeposits(state: ArrangementState, lines: ReadonlyMap<string, number>): Promise<string[]> {
  const receipts = new Map<string, number>();
  /** Told of by something else: one line, then. */
  const told: string[] = [];
  for (const name of await state.names()) {
    const receipt = parseReceiptName(name);
    if (receipt !== null) receipts.set(receipt.depositId, 1 + (receipts.get(receipt.depositId) ?? 0));
    const attested = parseAttestationName(name);
    if (attested !== null) told.push(attested.depositId);
  }
  // Records of runs that cannot be read keep no deposit from being made; whoever writes the next one says so.
  const run = await lastRun(state, ({ published, depositId }) => published === 'yes' && depositId !== null).catch(
    (error: unknown) => {
      if (isDepotError(error, 'local-unreadable')) return null;
      throw error;
    },
  );
  if (run !== null) told.push(run.depositId!);
  for (const depositId of told) if (!receipts.has(depositId)) receipts.set(depositId, 1);
  const pending = new Set(await state.names('pending'));
  return [...receipts]
    .filter(([depositId, count]) => count > (lines.get(depositId) ?? 0) && !pending.has(`${depositId}.json`))
    .map(([depositId]) => depositId)
    .sort();
}

/** How many receipts of each deposit the ledger files. */
export function linesPerDeposit(lines: readonly LedgerLine[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, depositId } of lines)
    if (kind !== 'destroyed') counts.set(depositId, 1 + (counts.get(depositId) ?? 0));
  return counts;
}

/** The ledger's lines as they are, unjudged; `size` ends before a torn last line of `torn` bytes. */
export interface LedgerFile {
  raw: RawLine[];
  size: number;
  torn: number;
}

/** Reads the file; an empty one where there is none. */
export async function readLedger(state: ArrangementState): Promise<LedgerFile> {
  const bytes = (await readBounded(state.file('ledger.ndjson'), maxLedgerBytes, true)) ?? Buffer.alloc(0);
  const lines = splitLines(bytes);
  const torn = lines.pop()!.length;
  const raw = lines.map((line, i) => ({ number: i + 1, bytes: line, line: parseLine(line) }));
  return { raw, size: bytes.length - torn, torn };
}

/** Those that are lines, in the order of the file. */
export function linesOf({ raw }: { raw: readonly RawLine[] }): LedgerLine[] {
  return raw.flatMap(({ line }) => (line === null ? [] : [line]));
}

/** Deposits that the agent confirmed to have destroyed: id → the date that it named. */
export async function destroyedDeposits(state: ArrangementState): Promise<Map<string, string>> {
  return destroyedIn(linesOf(await readLedger(state)));
}

/** As `destroyedDeposits`, of a ledger that was read already. */
export function destroyedIn(lines: readonly LedgerLine[]): Map<string, string> {
  return new Map(
    lines.flatMap(({ depositId, destroyed }) => (destroyed === undefined ? [] : [[depositId, destroyed] as const])),
  );
}

/** The id of the ledgers of this state directory, or null when none was made yet. */
export async function readLedgerId(stateDirectory: string): Promise<string | null> {
  const file = path.join(stateDirectory, 'ledger.id');
  const text = (await readBounded(file, 1024, true))?.toString('latin1').trim();
  if (text === undefined) return null;
  if (!ledgerIdPattern.test(text)) throw ledgerBroken(`${file} does not contain a ledger id`);
  return text;
}

/** The id, made when there is none: written whole, then linked, so that of two processes only one makes it. */
async function ledgerId(stateDirectory: string, known: string | undefined): Promise<{ id: string; created: boolean }> {
  const existing = await readLedgerId(stateDirectory);
  if (existing !== null) return { id: existing, created: false };
  const file = path.join(stateDirectory, 'ledger.id');
  const temporary = temporaryName(file);
  let created = true;
  try {
    await writeNew(temporary, `${known ?? randomBytes(16).toString('hex')}\n`);
    await link(temporary, file).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
      created = false;
    });
    await syncDirectory(stateDirectory);
  } catch (error) {
    throw localError(error, 'write', file);
  } finally {
    await rm(temporary, { force: true });
  }
  const id = await readLedgerId(stateDirectory);
  if (id === null) throw ledgerBroken(`${file} vanished while depot was making it`);
  return { id, created };
}

async function truncate(file: string, size: number): Promise<void> {
  try {
    const handle = await openOwn(file, 'change');
    try {
      await handle.truncate(size);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw localError(error, 'write', file);
  }
}

function parseLine(bytes: Buffer): LedgerLine | null {
  const text = bytes.toString('utf8');
  try {
    const line = v.parse(lineSchema, JSON.parse(text));
    return JSON.stringify(line) === text ? line : null;
  } catch {
    return null;
  }
}

function ledgerBroken(message: string): DepotError {
  return new DepotError('ledger-broken', message, { hint: 'run: «depot receipts verify»' });
}
