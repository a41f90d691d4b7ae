import { DepotError } from '../errors.js';
import { OpenFlag, type SftpChannel } from './channel.js';
import { lookAt } from './look.js';
import { isStatus, refusal, SftpStatus, Status } from './status.js';
import type { Transfer } from './types.js';

/** Size by handle, else by name; null when the server tells neither. */
export async function sizeOf(channel: SftpChannel, handle: Buffer, path: string): Promise<number | null> {
  try {
    const size = await channel.fstat(handle);
    if (size !== null) return size;
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
  }
  const found = await lookAt(channel, path);
  return found === null || found === 'unreadable' ? null : found.size;
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
    throw Object.assign(
      new DepotError(
        'remote-refused',
        `${path} has ${size} bytes on the server instead of ${bytes}, although it acknowledged every write`,
        { published: 'no', hint: 'set remote.window: 1 and remote.lanes: 1, and tell the agent' },
      ),
      { wrongSize: true as const },
    );
  }
  if (flushed === 'flushed') return 'fsynced';
  if (flushed !== null && isStatus(flushed, Status.FAILURE)) throw notStored(flushed, path);
  return size === null ? 'acknowledged-only' : 'size-checked';
}

/** Whether `confirm` found a file that is longer or shorter than what was written. */
export function isWrongSize(error: unknown): error is DepotError {
  return error instanceof DepotError && 'wrongSize' in error;
}

/** The server could not put on its disk what it had acknowledged. */
export function notStored(error: SftpStatus, path: string): DepotError {
  return refusal(error, `store ${path} (fsync)`);
}

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
