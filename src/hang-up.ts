import { readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Whether depot was started so that it lives on when its terminal is gone. Node gives a signal that was ignored its default back when
 * it starts, and what was wanted can be seen around it only: a shell puts `nohup` into `_`, and a parent that ignores the
 * signal has handed that on (Linux shows it). So for SIGHUP alone: for themselves, and not for what they start, interactive shells
 * ignore SIGTERM, and system(3) ignores SIGINT.
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
