import { DepotError } from '../errors.js';
import { OpenFlag, type SftpChannel } from './channel.js';
import { isStatus, refusal, SftpStatus, Status } from './status.js';
import type { FileStat, Transfer } from './types.js';

/** `stat`, else `lstat`: some servers deny one of them. */
export async function statFile(channel: SftpChannel, path: string): Promise<FileStat> {
  for (const ask of [() => channel.stat(path), () => channel.lstat(path)]) {
    try {
      const size = await ask();
      if (size !== null) return { size };
    } catch (error) {
      if (!(error instanceof SftpStatus)) throw error;
      if (error.status === Status.NO_SUCH_FILE) return null;
    }
  }
  return 'unreadable';
}

/** The server shows a file, and how large it is. */
export function isSeen(found: FileStat | undefined): found is { size: number } {
  return found !== undefined && found !== null && found !== 'unreadable';
}

/** Whether there is a directory. `unreadable` where the server does not show it; what it shows without its kind counts as one. */
export async function kindOf(channel: SftpChannel, path: string): Promise<'directory' | 'file' | null | 'unreadable'> {
  try {
    return (await channel.isDirectory(path)) === false ? 'file' : 'directory';
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
    return error.status === Status.NO_SUCH_FILE ? null : 'unreadable';
  }
}

/** Size by handle, else by name; null when the server tells neither. */
export async function sizeOf(channel: SftpChannel, handle: Buffer, path: string): Promise<number | null> {
  try {
    const size = await channel.fstat(handle);
    if (size !== null) return size;
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
  }
  const found = await statFile(channel, path);
  return isSeen(found) ? found.size : null;
}

/** Size and flush, as far as the server offers them, in one round trip. An fsync that fails is told once only: it is never repeated. */
export async function confirm(
  channel: SftpChannel,
  handle: Buffer,
  { path, bytes, flushes }: { path: string; bytes: number; flushes: boolean },
): Promise<Transfer['durability']> {
  const [size, flushed] = await Promise.all([
    sizeOf(channel, handle, path),
    flushes && channel.has('fsync@openssh.com') ? flush(channel, handle) : null,
  ]);
  if (size !== null && size !== bytes) {
    throw new WrongSize(
      'remote-refused',
      `${path} has ${size} bytes on the server instead of ${bytes}, although it acknowledged every write`,
      { published: 'no', hint: 'set remote.window: 1 and remote.lanes: 1, and tell the agent' },
    );
  }
  if (flushed === 'flushed') return 'fsynced';
  if (flushed !== null && isStatus(flushed, Status.FAILURE)) throw refusal(flushed, `store ${path} (fsync)`);
  return size === null ? 'acknowledged-only' : 'size-checked';
}

/** A file that is longer or shorter than what was written, and acknowledged. */
export class WrongSize extends DepotError {}

async function flush(channel: SftpChannel, handle: Buffer): Promise<'flushed' | SftpStatus> {
  try {
    await channel.fsync(handle);
    return 'flushed';
  } catch (error) {
    if (error instanceof SftpStatus) return error;
    throw error;
  }
}

/**
 * Another handle of a file of which so many bytes are acknowledged. A server that only calls itself OpenSSH may have opened another file: then the
 * handle shows less, and what comes of two of them would have a hole that no size shows.
 *
 * @throws DepotError 'remote-refused' when it does; SftpStatus when the server opens no second one
 */
export async function openBeside(channel: SftpChannel, path: string, acknowledged: number): Promise<Buffer> {
  const handle = await channel.open(path, OpenFlag.WRITE);
  const size = await channel.fstat(handle).catch((error: unknown) => {
    if (error instanceof SftpStatus) return null;
    throw error;
  });
  if (size === null || size >= acknowledged) return handle;
  throw new DepotError(
    'remote-refused',
    `the server opened another file when ${path} was opened a second time: it shows ${size} of ${acknowledged} acknowledged bytes`,
    {
      published: 'no',
      hint: 'run: «depot doctor --write-test»; pushes take one lane then',
    },
  );
}
