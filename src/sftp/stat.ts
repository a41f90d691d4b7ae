import { DepotError } from '../errors.js';
import type { SftpChannel } from './channel.js';
import { OpenFlag } from './open-flags.js';
import { isStatus, orRefusal, refusal, SftpStatus, Status } from './status.js';
import type { FileStat, Transfer } from './types.js';

/** `stat`, else `lstat`: some servers deny one of them. */
export async function statFile(channel: SftpChannel, path: string): Promise<FileStat> {
  for (const ask of [() => channel.stat(path), () => channel.lstat(path)]) {
    const size = await orRefusal(ask());
    if (typeof size === 'number') return { size };
    if (isStatus(size, Status.NO_SUCH_FILE)) return null;
  }
  return 'unreadable';
}

/** The server shows a file, and how large it is. */
export function isSeen(found: FileStat | undefined): found is { size: number } {
  return found !== undefined && found !== null && found !== 'unreadable';
}

/** Whether there is a directory. `unreadable` where the server does not show it; what it shows without its kind counts as one. */
export async function kindOf(channel: SftpChannel, path: string): Promise<'directory' | 'file' | null | 'unreadable'> {
  const answer = await orRefusal(channel.isDirectory(path));
  if (answer instanceof SftpStatus) return answer.status === Status.NO_SUCH_FILE ? null : 'unreadable';
  return answer === false ? 'file' : 'directory';
}

/** Size by handle, else by name; null when the server tells neither. */
export async function sizeOf(channel: SftpChannel, handle: Buffer, path: string): Promise<number | null> {
  const size = await orRefusal(channel.fstat(handle));
  if (typeof size === 'number') return size;
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
    flushes && channel.has('fsync@openssh.com')
      ? orRefusal(channel.fsync(handle).then(() => 'flushed' as const))
      : null,
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

/**
 * Another handle of a file. A server that only calls itself OpenSSH may open another file, which shows less: together they would have a
 * hole that no size shows. @throws DepotError 'remote-refused' then; SftpStatus when the server opens no second one
 */
export async function openBeside(channel: SftpChannel, path: string, acknowledged: number): Promise<Buffer> {
  const handle = await channel.open(path, OpenFlag.WRITE);
  const size = await orRefusal(channel.fstat(handle));
  if (typeof size !== 'number' || size >= acknowledged) return handle;
  throw new DepotError(
    'remote-refused',
    `the server opened another file when ${path} was opened a second time: it shows ${size} of ${acknowledged} acknowledged bytes`,
    {
      published: 'no',
      hint: 'run: «depot doctor --write-test»; pushes then use one lane',
    },
  );
}
