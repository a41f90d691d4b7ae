import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Whether depot was started to live on when its terminal is gone. Node resets ignored signals when it starts, so only its
 * surroundings still show it: a shell puts `nohup` into `_`, and on Linux a parent that ignores the signal can be seen to.
 * For SIGHUP alone: interactive shells ignore SIGTERM, and system(3) ignores SIGINT, for themselves only.
 */
export function ignoresHangUp(env: NodeJS.ProcessEnv, parent = process.ppid): boolean {
  if (path.basename(env._ ?? '') === 'nohup') return true;
  if (process.platform !== 'linux') return false;
  try {
    const ignored = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${parent}/status`, 'latin1'));
    // The first bit is signal 1, SIGHUP.
    return ignored !== null && (BigInt(`0x${ignored[1]!}`) & 1n) === 1n;
  } catch {
    return false;
  }
}
