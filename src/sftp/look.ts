import type { SftpChannel } from './channel.js';
import { SftpStatus, Status } from './status.js';
import type { Look } from './types.js';

/** `stat`, else `lstat`: some servers deny one of them. */
export async function lookAt(channel: SftpChannel, path: string): Promise<Look> {
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

/** Whether there is a directory. `unreadable` where the server does not show it; what it shows without its kind counts as one. */
export async function kindOf(channel: SftpChannel, path: string): Promise<'directory' | 'file' | null | 'unreadable'> {
  try {
    return (await channel.isDirectory(path)) === false ? 'file' : 'directory';
  } catch (error) {
    if (!(error instanceof SftpStatus)) throw error;
    return error.status === Status.NO_SUCH_FILE ? null : 'unreadable';
  }
}
