/**
 * The state directory: what a supplier knows of its deposits. Nothing here can be made again from elsewhere.
 *
 *     <state>/ledger.id
 *     <state>/<arrangement>/ledger.ndjson  runs.ndjson  lock  pending/<id>.json
 *                           <id>.receipt.json  <id>.receipt.json.asc  <id>.cover.md
 *                           server.json (what doctor --write-test found)
 *                           spool/<id>.pgp (with `spool: true`, while it is uploaded)
 */
import { succeeds } from '../abort.js';
import { arrangementPattern } from '../names/arrangement.js';
import { access, constants, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isHomeOfAnother, nameOf, ownName } from '../accounts.js';
import { DepotError } from '../errors.js';
import type { CoverBytes, ReceiptBytes } from '../outbound.js';
import { sha256Hex } from '../primitives.js';
import { isMounted, mountLine, typedWord } from '../shell.js';
import { isReadOnlyMount, requireOwnRecords, requireOwnSite } from '../permissions.js';
import {
  errorCode,
  localError,
  makeDirectory,
  makeOwnDirectory,
  readBounded,
  writeFileAtomic,
} from '../durable-file.js';
import { coverName, parseReceiptName, receiptName, signatureName, supersededReceiptName } from '../names/deposit.js';
import { maxReceiptBytes } from '../receipt/parse.js';

/** A receipt as the state directory has it: `bytes` are not judged, `sha256` is of them. */
export interface StoredReceipt {
  depositId: string;
  /** Absolute path of the `.json`. */
  path: string;
  /** The number of a superseded receipt, null for the one that counts. */
  superseded: number | null;
  bytes: Uint8Array<ArrayBuffer>;
  sha256: string;
  /** Armoured, null when there is none. */
  signature: string | null;
}

/** The part of the state directory that belongs to one arrangement. */
export class ArrangementState {
  readonly stateDirectory: string;
  readonly arrangement: string;
  readonly directory: string;

  /** Touches nothing: for readers, who find an empty state when there is no such directory. */
  constructor(stateDirectory: string, arrangement: string) {
    if (!arrangementPattern.test(arrangement))
      throw new DepotError('usage', `${JSON.stringify(arrangement)} is not the name of an arrangement`);
    this.stateDirectory = path.resolve(stateDirectory);
    this.arrangement = arrangement;
    this.directory = path.join(this.stateDirectory, arrangement);
  }

  /** For writers: makes missing directories (0700). 'local-not-writable', 'local-disk-full', 'state-insecure' */
  static async open(stateDirectory: string, arrangement: string, command?: string): Promise<ArrangementState> {
    const state = new ArrangementState(stateDirectory, arrangement);
    // Before anything is made in it, too: what another account owns is not to be written to.
    await state.requireOwn(command);
    await requireOwnSite(state.stateDirectory, command);
    const closed = await leftBehind(state.stateDirectory, state.directory);
    if (closed !== null) throw closed;
    const readOnly = await readOnlyState(state);
    if (readOnly !== null) throw readOnly;
    await makeOwnDirectory(state.stateDirectory);
    await makeDirectory(path.join(state.directory, 'pending'));
    await state.requireOwn(command);
    return state;
  }

  /** For who only looks, and notes what it told: makes the arrangement's directory. Null without a state directory. */
  static async forNotes(stateDirectory: string, arrangement: string): Promise<ArrangementState | null> {
    const state = new ArrangementState(stateDirectory, arrangement);
    await state.requireOwn();
    if ((await stat(state.stateDirectory).catch(() => null)) === null) return null;
    await makeDirectory(state.directory);
    return state;
  }

  /** 'state-insecure' when another account could write the records; `command` is what its hint repeats. */
  async requireOwn(command?: string): Promise<void> {
    for (const directory of [this.stateDirectory, this.directory]) await requireOwnRecords(directory, command);
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  /** Names in this arrangement's directory, sorted, which is by time; empty when there is none. */
  async names(folder = ''): Promise<string[]> {
    const directory = path.join(this.directory, folder);
    try {
      return (await readdir(directory)).sort();
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw localError(error, 'read', directory);
    }
  }

  /**
   * Writes cover, signature and receipt, in this order, so that no receipt is there without its signature. Another
   * receipt of the same deposit is first kept as `<id>.receipt.N.json`: it is in the ledger, and may be in other hands.
   */
  async fileReceipt(o: {
    depositId: string;
    receipt: ReceiptBytes;
    signature: ReceiptBytes;
    cover: CoverBytes;
  }): Promise<void> {
    const before = await readStoredReceipt(this.directory, receiptName(o.depositId));
    if (before !== null && Buffer.compare(before.bytes, o.receipt) !== 0) await this.keepSuperseded(before);
    await writeFileAtomic(this.file(coverName(o.depositId)), o.cover);
    await writeFileAtomic(this.file(signatureName(o.depositId)), o.signature);
    await writeFileAtomic(this.file(receiptName(o.depositId)), o.receipt);
  }

  /** The receipts of a deposit: the one that counts, then superseded ones from the newest. `names`: files that may be some, where they are known. */
  async receiptsOf(depositId: string, names?: readonly string[]): Promise<StoredReceipt[]> {
    const found: StoredReceipt[] = [];
    for (const name of names ?? (await this.names())) {
      if (parseReceiptName(name)?.depositId !== depositId) continue;
      const stored = await readStoredReceipt(this.directory, name);
      if (stored !== null) found.push(stored);
    }
    return found.sort((a, b) => (b.superseded ?? Infinity) - (a.superseded ?? Infinity) || 0);
  }

  /** A small file of this arrangement, or null when it is not there. */
  async readFile(name: string): Promise<Buffer<ArrayBuffer> | null> {
    return readBounded(this.file(name), maxReceiptBytes);
  }

  /** Removes what interrupted writes left under temporary names. Under the lock: a name in use would be somebody's. */
  async clearTemporary(): Promise<void> {
    for (const folder of ['', 'pending', 'spool']) {
      for (const name of await this.names(folder)) {
        if (!/^\..+\.[0-9a-f]{12}\.tmp$/.test(name) || name.startsWith('.lock.')) continue;
        const file = this.file(path.join(folder, name));
        await rm(file, { force: true }).catch((error: unknown) => {
          throw localError(error, 'remove', file);
        });
      }
    }
  }

  private async keepSuperseded(before: StoredReceipt): Promise<void> {
    const older = await this.receiptsOf(before.depositId);
    // A crash between this copy and the new receipt must not leave two copies the next time.
    if (older.some((one) => one.superseded !== null && one.sha256 === before.sha256)) return;
    const name = supersededReceiptName(before.depositId, 1 + Math.max(0, ...older.map((one) => one.superseded ?? 0)));
    if (before.signature !== null) await writeFileAtomic(this.file(`${name}.asc`), before.signature);
    await writeFileAtomic(this.file(name), before.bytes);
  }
}

/** Reads a receipt and its `.asc`, bounded; null when it is not there, or `name` is no receipt's. */
export async function readStoredReceipt(directory: string, name: string): Promise<StoredReceipt | null> {
  const parts = parseReceiptName(name);
  if (parts === null) return null;
  const file = path.join(directory, name);
  const bytes = await readBounded(file, maxReceiptBytes);
  if (bytes === null) return null;
  const signature = await readBounded(`${file}.asc`, maxReceiptBytes);
  return {
    ...parts,
    path: file,
    bytes,
    sha256: sha256Hex(bytes),
    signature: signature?.toString('latin1') ?? null,
  };
}

/** What keeps everybody from writing to the records: never a reason to begin others elsewhere. Null when nothing does. */
export async function readOnlyState({
  stateDirectory,
  directory,
}: Pick<ArrangementState, 'stateDirectory' | 'directory'>): Promise<DepotError | null> {
  for (const one of [stateDirectory, directory]) {
    if (!(await isReadOnlyMount(one))) continue;
    return new DepotError('local-not-writable', `${one} is on a read-only file system, so runs cannot be recorded`, {
      hint: `make it writable again, after a look at why it is not: dmesg, ${mountLine(one)}; do not push with another --state: the ledger is here`,
    });
  }
  return null;
}

/** What keeps this account from its records, with the line that gives them back; null when nothing does. */
export async function leftBehind(stateDirectory: string, directory: string): Promise<DepotError | null> {
  const caller = process.geteuid?.();
  if (caller === undefined || caller === 0) return null;
  for (const one of [stateDirectory, directory, path.join(directory, 'pending')]) {
    const found = await stat(one).catch(() => null);
    if (found === null) return null;
    if (found.uid === caller || (await succeeds(access(one, constants.W_OK | constants.X_OK)))) continue;
    // The hint gives away all that is in it, so it must look like a state directory.
    if (one === stateDirectory && !(await looksLikeState(one, found.mode, caller))) return null;
    const name = ownName() ?? String(caller);
    const owner = nameOf(found.uid) ?? `uid ${found.uid}`;
    const remedy = `if ${name} is the account that pushes, have root run: «chown -R ${ownName() === undefined ? caller : `${name}:`} ${typedWord(one)}»; if not, run it as the account that pushes`;
    // A bare mount point looks like this: given to the account, the next push would begin a new ledger in it.
    if (one === stateDirectory && found.uid === 0 && (await isEmpty(one)))
      return new DepotError('local-not-writable', `${one} is empty and belongs to ${owner}: ${isMounted(one)}`, {
        hint: `mount it; only if it is new, and no file system belongs there: ${remedy}`,
      });
    return new DepotError(
      'local-not-writable',
      `${one} belongs to ${owner}, and account ${name} cannot write there: a run as another account created it`,
      { hint: remedy },
    );
  }
  return null;
}

async function isEmpty(directory: string): Promise<boolean> {
  return (await readdir(directory).catch(() => null))?.length === 0;
}

/** As depot makes it (0700), or with depot's files, or empty; and no place that the system or a person needs. */
async function looksLikeState(directory: string, mode: number, uid: number): Promise<boolean> {
  if (path.dirname(path.dirname(directory)) === path.dirname(directory) || isHomeOfAnother(directory, uid))
    return false;
  const names = await readdir(directory).catch(() => null);
  return names === null ? (mode & 0o777) === 0o700 : names.length === 0 || names.includes('ledger.id');
}
