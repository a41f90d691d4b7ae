/** Who holds a lock, and whether that process still lives. */
import { randomBytes } from 'node:crypto';
import { readFile, readlink } from 'node:fs/promises';
import os from 'node:os';
import * as v from 'valibot';
import { sha256Hex } from '../primitives.js';
import { isNotedHere } from './here.js';
import { startOf } from './process-start.js';

const text = v.fallback(v.nullable(v.string()), null);
const schema = v.object({
  /** Names this one taking of the lock; never used again. */
  nonce: v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/)),
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** When the process began, in clock ticks since boot (field 22 of /proc/PID/stat); null without /proc. */
  started: text,
  /** When depot began in it, in ms since 1970 by the clock of then: later than the process itself did, by less than a second or two. */
  startedMs: v.fallback(v.nullable(v.number()), null),
  /** The kernel's boot id; null without /proc. It names a machine and its boot. */
  boot: text,
  /** In another PID namespace (a container) the same number is another process. */
  namespace: text,
  host: v.fallback(v.string(), ''),
  since: v.fallback(v.string(), 'an unknown time'),
});
export type Holder = v.InferOutput<typeof schema>;

/** The record of this process, with a fresh nonce. */
export async function describeSelf(since: string): Promise<Holder> {
  const stat = await readStat('self');
  return {
    nonce: randomBytes(16).toString('hex'),
    pid: process.pid,
    started: stat?.started ?? null,
    startedMs: Math.round(performance.timeOrigin),
    boot: await readFile('/proc/sys/kernel/random/boot_id', 'latin1').then(
      (id) => id.trim(),
      () => null,
    ),
    namespace: await readlink('/proc/self/ns/pid').catch(() => null),
    host: os.hostname(),
    since,
  };
}

/** A holder as a lock file has it. A file that is no record gets a nonce of its contents: its age alone judges it. */
export function parseHolder(bytes: Uint8Array): Holder {
  try {
    return v.parse(schema, JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch {
    const nonce = sha256Hex(bytes).slice(0, 32);
    return {
      nonce,
      pid: 0,
      started: null,
      startedMs: null,
      boot: null,
      namespace: null,
      host: '',
      since: 'an unknown time',
    };
  }
}

export type Liveness = 'alive' | 'gone' | 'unknown';

/** Nonces of the locks that this process has, or is about to have. */
export const held = new Set<string>();

/** To the second is what macOS says. */
const startedWithinMs = 2_000;

/** Whether the holder's number is one of the processes that are seen here. */
export async function isSameMachine(holder: Holder, self: Holder): Promise<boolean> {
  return self.boot === null
    ? holder.boot === null && holder.host === self.host && (await isNotedHere(holder.nonce))
    : holder.boot === self.boot && holder.namespace === self.namespace;
}

/** What this machine can tell about the holder; `unknown` leaves only the heartbeat. */
export async function livenessOf(holder: Holder, self: Holder, began = startOf): Promise<Liveness> {
  if (holder.pid === 0 || !(await isSameMachine(holder, self))) return 'unknown';
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it lives, as another user.
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'gone';
  }
  const stat = await readStat(holder.pid);
  // No /proc here, or one that hides other users' processes: the number may have been given out again.
  if (stat === null || holder.started === null) {
    if (self.boot !== null) return 'unknown';
    // This process has it, or a process had it that had this number before.
    if (holder.pid === self.pid) return held.has(holder.nonce) ? 'alive' : 'gone';
    if (holder.startedMs === null) return 'unknown';
    const at = await began(holder.pid);
    // Whoever has the number of a dead holder began after it. What else the time says is no proof of life.
    return at !== null && at > holder.startedMs + startedWithinMs ? 'gone' : 'unknown';
  }
  // A process killed with -9 whose parent does not wait for it stays as a zombie, which pushes nothing.
  return stat.started !== holder.started || stat.state === 'Z' || stat.state === 'X' ? 'gone' : 'alive';
}

async function readStat(pid: number | 'self'): Promise<{ state: string; started: string } | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => null);
  if (text === null) return null;
  // The second field is the program's name in brackets, and may hold blanks and brackets itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields.at(0), fields.at(19)];
  return state === undefined || started === undefined ? null : { state, started };
}
