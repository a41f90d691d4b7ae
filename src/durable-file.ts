/** Files that must survive a power loss: a reader sees the old one or the new one, never half. Every failure names the path. */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, readSync, statSync } from 'node:fs';
import { mkdir, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { nameOf, ownName, runAs } from './accounts.js';
import { DepotError } from './errors.js';
import { openAsPlain, openPlain, openPlainNow } from './plain-file.js';
import { lookLine, mkdirLine, mountLine, typedWord } from './shell.js';
import { accessLists, type AccessLists } from './windows/access-lists.js';
import { makeClosedDirectory, writePrivately } from './windows/closed.js';

const onWindows = process.platform === 'win32';

/** What a file is to hold: a large one in pieces, which are made as they are written. */
type FileContent = Uint8Array | string | Iterable<Uint8Array>;

/** Writes `file` (0600, unless it is for others to read) under a temporary name, fsyncs, renames, and fsyncs the directory. */
export async function writeFileAtomic(file: string, bytes: FileContent, mode = 0o600): Promise<void> {
  const temporary = temporaryName(file);
  try {
    await writeNew(temporary, bytes, mode);
    await rename(temporary, file);
    await syncDirectory(path.dirname(file));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw localError(error, 'write', file);
  }
}

/** A name next to `file` that no reader takes for a record. */
export function temporaryName(file: string): string {
  return path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
}

/** Creates `file` (0600, must not exist) and fsyncs its contents. Errors are the system's own. */
export async function writeNew(file: string, bytes: FileContent, mode = 0o600): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    // A service's umask hides what is meant for others.
    if (mode !== 0o600) await handle.chmod(mode);
    for (const piece of typeof bytes === 'string' || bytes instanceof Uint8Array ? [bytes] : bytes)
      await writeAll(handle, piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** As `writeNew`, for a secret: on Windows, where a new file is open to whoever its directory says, it is closed before anything is in it. */
export async function writeNewSecret(
  file: string,
  bytes: Uint8Array | string,
  lists: AccessLists | null = accessLists(),
): Promise<void> {
  if (lists === null) return writeNew(file, bytes);
  await writePrivately(file, bytes, 'new', lists);
}

const flags = {
  read: constants.O_RDONLY,
  change: constants.O_RDWR,
  append: constants.O_RDWR | constants.O_APPEND | constants.O_CREAT,
};

/**
 * Opens a file of the state directory, never where a symbolic link in its place leads; `append` makes it (0600). Throws
 * 'local-unreadable' for a fifo, which the account that pushes could leave there for root, and the system's own errors.
 */
export async function openOwn(file: string, how: keyof typeof flags): Promise<FileHandle> {
  return openAsPlain(file, flags[how] | ((constants.O_NOFOLLOW as number | undefined) ?? 0));
}

/** Writes all of `bytes` at the handle's position, in one call to the system wherever that takes them. */
export async function writeAll(handle: FileHandle, bytes: Uint8Array | string): Promise<void> {
  const buffer = Buffer.from(bytes);
  for (let done = 0; done < buffer.length; ) done += (await handle.write(buffer, done)).bytesWritten;
}

/** Makes a rename or a new name in `directory` durable. Windows cannot open directories, and needs no such call. */
export async function syncDirectory(directory: string): Promise<void> {
  if (onWindows) return;
  const handle = await open(directory, 'r');
  await handle.sync().finally(() => handle.close());
}

/**
 * As `makeDirectory`, for one whose contents are this account's alone: on Windows the first that is made is closed to others, and
 * what lies in it inherits that.
 */
export function makeOwnDirectory(directory: string, lists: AccessLists | null = accessLists()): Promise<void> {
  return makeDirectory(directory, (one) => makeClosedDirectory(one, { lists }));
}

/** Makes `directory` (0700) with its parents; one that exists is left as it is. `first`: for the one in a directory that was there. */
export async function makeDirectory(directory: string, first: typeof makeOne = makeOne): Promise<void> {
  try {
    await makeWithParents(path.resolve(directory), first);
  } catch (error) {
    throw localError(error, 'create', directory);
  }
}

async function makeOne(directory: string): Promise<void> {
  await mkdir(directory, 0o700);
}

/** Whether it was made. Not mkdir's own `recursive`, which reports ENOENT where the file system is read-only, and fsyncs nothing. */
async function makeWithParents(directory: string, make: typeof makeOne): Promise<boolean> {
  try {
    await make(directory);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' && path.dirname(directory) !== directory) {
      const isInOwn = await makeWithParents(path.dirname(directory), make);
      return makeWithParents(directory, isInOwn ? makeOne : make);
    }
    // Some systems say EROFS or EACCES of a directory that is there.
    if (error instanceof DepotError || (await stat(directory).catch(() => null))?.isDirectory() !== true) throw error;
    return false;
  }
  await syncDirectory(path.dirname(directory));
  return true;
}

/**
 * The contents of `file`, or null when there is none; `local-unreadable` when it is larger than `limit` bytes. `own`
 * refuses a symbolic link.
 */
export async function readBounded(file: string, limit: number, own = false): Promise<Buffer<ArrayBuffer> | null> {
  let handle: FileHandle | undefined;
  try {
    handle = own ? await openOwn(file, 'read') : await openPlain(file);
    const buffer = roomFor(file, (await handle.stat()).size, limit);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw localError(error, 'read', file);
  } finally {
    await handle?.close();
  }
}

/** As `readBounded`, at once: for thousands of small files that are read one after the other. */
export function readBoundedNow(file: string, limit: number): Buffer<ArrayBuffer> | null {
  let opened: ReturnType<typeof openPlainNow> | undefined;
  try {
    opened = openPlainNow(file);
    const buffer = roomFor(file, opened.size, limit);
    let length = 0;
    while (length < buffer.length) {
      const bytesRead = readSync(opened.descriptor, buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw localError(error, 'read', file);
  } finally {
    if (opened !== undefined) closeSync(opened.descriptor);
  }
}

/** A file that grows meanwhile is read to the limit and not beyond it. */
function roomFor(file: string, size: number, limit: number): Buffer<ArrayBuffer> {
  if (size <= limit) return Buffer.alloc(size);
  throw new DepotError(
    'local-unreadable',
    `${file} has ${String(size)} bytes; such a file may have at most ${String(limit)}`,
  );
}

type Action = 'read' | 'write' | 'create' | 'remove';

/** A failure of the local file system as a DepotError that says what could not be done to which path. */
export function localError(error: unknown, action: Action, file: string): unknown {
  if (error instanceof DepotError) return error;
  const failed = (why: string, hint?: string, code = action === 'read' ? local.unreadable : local.notWritable) =>
    new DepotError(code, `cannot ${action} ${file}: ${why}`, { hint, cause: error });
  const directory = path.dirname(file);
  const code = errorCode(error);
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new DepotError('local-disk-full', `no space left to ${action} ${file}`, {
        hint: spaceHint(directory),
        cause: error,
      });
    case 'EROFS':
      return failed(
        'the file system is read-only',
        `make it writable again, after a look at why it is not: dmesg, ${mountLine(directory)}; or choose another place`,
        local.notWritable,
      );
    case 'EACCES':
    case 'EPERM': {
      const other = otherOwner(file);
      if (other === null) return failed('permission denied', wayAround(action, file));
      return failed(`it belongs to ${nameOf(other.uid) ?? `uid ${other.uid}`}`, strangerHint(other, file));
    }
    case 'ELOOP':
      return failed('it is a symbolic link, which is not allowed here', `see who made it: «${lookLine(file)}»`);
    case 'ENOENT':
    case 'ENOTDIR':
      if (action === 'read' || action === 'remove')
        return failed('there is no such file', `see what is there: «${lookLine(directory)}»`, local.unreadable);
      return code === 'ENOENT'
        ? failed('there is no such directory', `make it first: «${mkdirLine(directory)}»`)
        : failed('part of its path is a file, not a directory', 'choose another path');
    case null:
      return error;
    default:
      return failed(code);
  }
}

/** The place that a full disk is noticed in is mostly that of the records: what fills it is elsewhere. */
export function spaceHint(directory: string): string {
  const full = onWindows ? `the disk of ${typedWord(directory)}` : `its file system: df -h ${typedWord(directory)}`;
  return `free space on ${full}; delete nothing that depot keeps there, such as receipts and the ledger`;
}

const local = { unreadable: 'local-unreadable', notWritable: 'local-not-writable' } as const;

interface OtherOwner {
  uid: number;
  caller: string | number;
  /** The directory is the caller's: a run as another account left the file there. */
  strayed: boolean;
}

/** Where a file is closed because it is somebody else's: whose, and who asks. */
function otherOwner(file: string): OtherOwner | null {
  const caller = process.geteuid?.();
  if (caller === undefined) return null;
  try {
    const { uid } = statSync(file);
    return uid === caller
      ? null
      : { uid, caller: ownName() ?? caller, strayed: statSync(path.dirname(path.resolve(file))).uid === caller };
  } catch {
    return null;
  }
}

/** Records are the account's that pushes: given to whoever only looks at them, they would stop the next push. */
function strangerHint({ uid, caller, strayed }: OtherOwner, file: string): string {
  if (strayed)
    return `have root give it back to the account that owns the directory: «chown ${caller} ${typedWord(file)}»`;
  return `run it as the account that owns it: ${runAs({ name: nameOf(uid) ?? String(uid) }, '«depot …»')}`;
}

/** What is to be done where a directory keeps this account out. */
function wayAround(action: Action, file: string): string {
  const caller = ownName() ?? 'this account';
  const { directory, uid, mode } = closedDirectory(path.dirname(path.resolve(file)));
  const root = onWindows ? 'an administrator' : 'root';
  const whose = onWindows
    ? directory
    : `${directory} belongs to ${nameOf(uid) ?? `uid ${uid}`}, mode ${(mode & 0o7777).toString(8)}`;
  if (action === 'read' || action === 'remove')
    return `run it as an account that may, or have ${root} give ${caller} access (${whose})`;
  return `choose a place that ${caller} may write to, or have ${root} give it access here (${whose})`;
}

/** The nearest directory above that can be looked at: what is below it is closed, or not there. */
function closedDirectory(directory: string): { directory: string; uid: number; mode: number } {
  try {
    const { uid, mode } = statSync(directory);
    return { directory, uid, mode };
  } catch {
    return directory === path.dirname(directory)
      ? { directory, uid: 0, mode: 0 }
      : closedDirectory(path.dirname(directory));
  }
}

/** The system's code of an error (`ENOENT`), or null for an error of another kind. */
export function errorCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}
