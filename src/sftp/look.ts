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
