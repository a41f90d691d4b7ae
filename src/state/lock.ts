/**
 * One push of an arrangement at a time, on this machine and on others that share the state directory.
 *
 * `lock` names its holder. Who finds a dead holder H removes nothing: it links its own record to `lock.after-<nonce of
 * H>`, which only one of any number of processes can, and then renames it over `lock`. Should that one die in between,
 * it is itself the holder to be succeeded. Nonces never come again, so a slow process that still believes in H finds
 * either the successor's link or another nonce in `lock`. docs/decisions/0001-lock.md has the why.
 */
import { readFileSync, unlinkSync } from 'node:fs';
import { link, open, readdir, rename, rm, stat, unlink, type FileHandle } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { clockSkewMs } from '../clock.js';
import { errorCode, localError, readBounded, temporaryName, writeNew } from '../durable-file.js';
import { forgetHere, forgetHereNow, noteHere } from './here.js';
import { describeSelf, held, isSameMachine, livenessOf, parseHolder, type Holder } from './holder.js';
import { timestamp } from '../names/deposit.js';

export interface Lock {
  /** Who had the lock before and died without giving it back: a push that was killed. Null when it was free. */
  readonly predecessor: LastHolder | null;
  /** Aborted with 'locked' when another process has the lock: this one was silent for longer than `staleMs`. */
  readonly lost: AbortSignal;
  /** Resolves when the lock is free, or another's. */
  release(): Promise<void>;
}

/** Who took the lock, and when it was last heard of: a heartbeat, by the clock of the file system. */
export interface LastHolder {
  holder: Holder;
  lastSeen: Date;
}

export interface LockOptions {
  heartbeatMs?: number;
  /** A process that ends without having released it leaves it behind: so others see that this one came to no end. */
  telling?: boolean;
}

const defaults = { heartbeatMs: 30_000, telling: false };
/** How old the last sign of life of a holder that cannot be looked up here may be. */
const staleMs = 600_000;
const maxLockBytes = 4096;
/** More rounds than this only a flood of dying processes could cause. */
const maxRounds = 100;

/** Takes the lock of the arrangement whose directory this is, at once or not at all: `locked` names the holder. */
export async function lockArrangement(directory: string, options: LockOptions = {}): Promise<Lock> {
  const o = { ...defaults, ...options };
  const file = path.join(directory, 'lock');
  const self = await describeSelf(timestamp(new Date()));
  const own = temporaryName(file);
  const bytes = Buffer.from(`${JSON.stringify(self)}\n`);
  // Before anybody can find it in the lock.
  held.add(self.nonce);
  if (self.boot === null) await noteHere(self.nonce);
  try {
    await writeNew(own, bytes);
    for (let round = 0; round < maxRounds; round++) {
      if (await linked(own, file)) return await holdLock(file, self, bytes, o, null);
      const seen = await follow(file);
      if (seen === null) continue;
      const { head, last, mtimeMs } = seen;
      // The file system's own clock: another machine's, or this one's, may be wrong.
      const now = (await stat(own)).mtimeMs;
      const silentMs = await silence(file, last, mtimeMs, now, true);
      if (!(await isGone(last, self, silentMs, mtimeMs, o.heartbeatMs)))
        throw lockedBy(last, await isSameMachine(last, self), directory, mtimeMs > now + clockSkewMs);
      const claim = claimOf(file, last.nonce);
      if (!(await linked(own, claim))) continue;
      if ((await readHolder(file))?.nonce === head.nonce) {
        await rename(own, file);
        await forgetHere(last.nonce);
        return await holdLock(file, self, bytes, o, { holder: last, lastSeen: new Date(mtimeMs) });
      }
      // Our view was stale: another process took over from `head` and has cleared its claims.
      await rm(claim, { force: true });
    }
    throw new DepotError('locked', `could not get the lock ${file} in ${String(maxRounds)} attempts`);
  } catch (error) {
    held.delete(self.nonce);
    await forgetHere(self.nonce);
    throw localError(error, 'create', file);
  } finally {
    await rm(own, { force: true });
  }
}

/** Who took the lock last without giving it back, and whether it lives; null when free. Changes nothing. */
export async function lockState(directory: string): Promise<(LastHolder & { alive: boolean }) | null> {
  const file = path.join(directory, 'lock');
  const seen = await follow(file);
  if (seen === null) return null;
  const self = await describeSelf('');
  const silentMs = await silence(file, seen.last, seen.mtimeMs, Date.now(), false);
  const gone = await isGone(seen.last, self, silentMs, seen.mtimeMs, defaults.heartbeatMs);
  return { holder: seen.last, alive: !gone, lastSeen: new Date(seen.mtimeMs) };
}

/** The holder in `file` and the one that succeeded it last without having been able to say so there. */
async function follow(file: string): Promise<{ head: Holder; last: Holder; mtimeMs: number } | null> {
  const head = await readHolder(file);
  if (head === null) return null;
  let last = head;
  let where = file;
  for (;;) {
    const next = claimOf(file, last.nonce);
    const successor = await readHolder(next);
    if (successor === null) break;
    [last, where] = [successor, next];
  }
  const mtimeMs = await writtenMs(where);
  return mtimeMs === null ? null : { head, last, mtimeMs };
}

/**
 * For how long nothing was heard of the holder. A heartbeat that is dated in the future (the clock was ahead) has no
 * age: then it counts from when a run first found it so, which `lock.ahead-<nonce>` remembers.
 */
async function silence(
  file: string,
  { nonce }: Holder,
  beatMs: number,
  nowMs: number,
  remember: boolean,
): Promise<number> {
  if (beatMs <= nowMs + clockSkewMs) return Math.max(0, nowMs - beatMs);
  const note = `${file}.ahead-${nonce}`;
  const seenBefore = (await readBounded(note, maxLockBytes))?.toString() === String(beatMs);
  const sinceMs = seenBefore ? ((await writtenMs(note).catch(() => null)) ?? nowMs) : nowMs;
  if (seenBefore && sinceMs <= nowMs + clockSkewMs) return Math.max(0, nowMs - sinceMs);
  if (remember) {
    await rm(note, { force: true });
    await writeNew(note, String(beatMs)).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  }
  return 0;
}

async function isGone(
  holder: Holder,
  self: Holder,
  ageMs: number,
  beatMs: number,
  heartbeatMs: number,
): Promise<boolean> {
  const liveness = await livenessOf(holder, self);
  if (liveness !== 'unknown') return liveness === 'gone';
  if (ageMs > staleMs) return true;
  // This machine was started again since. (Two heartbeats, for another machine of that name.)
  const rebooted = holder.host === self.host && holder.boot !== null && self.boot !== null && holder.boot !== self.boot;
  const beforeBoot = beatMs < Date.now() - os.uptime() * 1000 || beatMs > Date.now();
  return rebooted && beforeBoot && ageMs > 2 * heartbeatMs;
}

async function holdLock(
  file: string,
  self: Holder,
  bytes: Buffer,
  { heartbeatMs, telling }: Required<LockOptions>,
  predecessor: LastHolder | null,
): Promise<Lock> {
  if (!telling) onExit.set(file, self.nonce);
  await clearLeftovers(file, self.nonce);
  // The inode that was linked, so that a heartbeat can never touch a successor's record.
  const handle = await open(file, 'r+');
  const lost = new AbortController();
  let beating = Promise.resolve();
  const timer = setInterval(() => {
    beating = beating.then(() => beat(file, handle, bytes, self.nonce, lost));
  }, heartbeatMs);
  timer.unref();

  let released: Promise<void> | undefined;
  const release = async () => {
    clearInterval(timer);
    onExit.set(file, self.nonce);
    await beating;
    await handle.close();
    // Not rm(): where the file may not be removed, that says something about a directory.
    if ((await readHolder(file))?.nonce === self.nonce) await unlink(file);
    onExit.delete(file);
    held.delete(self.nonce);
    await forgetHere(self.nonce);
  };
  return { predecessor, lost: lost.signal, release: () => (released ??= release()) };
}

async function beat(
  file: string,
  handle: FileHandle,
  bytes: Buffer,
  nonce: string,
  lost: AbortController,
): Promise<void> {
  try {
    // Written and not utimes(): then the time is that of the file system's own clock.
    await handle.write(bytes, 0, bytes.length, 0);
    const holder = await readHolder(file);
    if (holder?.nonce === nonce) return;
    const who = holder === null ? 'somebody removed it' : `${processOf(holder)} took it over`;
    lost.abort(
      new DepotError('locked', `the lock ${file} was lost: ${who}`, {
        hint: 'check whether the state directory was unreachable, or this machine was asleep',
      }),
    );
  } catch {
    // A file system that fails now may answer the next heartbeat; until then the lock ages.
  }
}

/** Claims on holders before this one, and records of processes that were killed while they waited. */
async function clearLeftovers(file: string, nonce: string): Promise<void> {
  const directory = path.dirname(file);
  for (const name of await readdir(directory)) {
    const leftover = path.join(directory, name);
    if ((name.startsWith('lock.after-') && leftover !== claimOf(file, nonce)) || name.startsWith('lock.ahead-'))
      await rm(leftover, { force: true });
    if (/^\.lock\.[0-9a-f]{12}\.tmp$/.test(name)) {
      const writtenAt = await writtenMs(leftover).catch(() => null);
      if (writtenAt !== null && Date.now() - writtenAt > staleMs) await rm(leftover, { force: true });
    }
  }
}

/** When a file was last written; null when it is gone. */
async function writtenMs(file: string): Promise<number | null> {
  try {
    return (await stat(file)).mtimeMs;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function claimOf(file: string, nonce: string): string {
  return `${file}.after-${nonce}`;
}

/** Whether `to` is now a name of `from`; false when `to` exists. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(file: string): Promise<Holder | null> {
  const bytes = await readBounded(file, maxLockBytes);
  return bytes === null ? null : parseHolder(bytes);
}

function processOf({ pid, host }: Holder): string {
  return `process ${pid} on ${printable(host)}`;
}

/** How to end a push that hangs: SIGTERM lets it end in order. */
export function stopWords({ pid, host }: Pick<Holder, 'pid' | 'host'>): string {
  if (process.platform === 'win32' || pid === 0) return '';
  return `; to stop it safely${host === os.hostname() ? '' : `, on ${printable(host)}`}: kill ${pid}`;
}

/** ` (it has run for 12 min)`. */
function ranFor(since: string): string {
  const ms = Date.now() - Date.parse(since);
  if (!(ms >= 60_000)) return '';
  const min = Math.floor(ms / 60_000);
  return ` (it has run for ${min < 120 ? `${min} min` : `${Math.floor(min / 60)} h`})`;
}

function lockedBy(holder: Holder, here: boolean, directory: string, ahead: boolean): DepotError {
  const who = holder.pid === 0 ? 'an unknown process' : processOf(holder);
  const staleMin = Math.round(staleMs / 60_000);
  const hint = here
    ? `wait for it to end${ranFor(holder.since)}${stopWords(holder)}`
    : ahead
      ? `wait for it to end; its last sign of life is dated in the future, so a clock was wrong: if it is dead, a run ${staleMin} min from now takes the lock over`
      : `wait for it to end; if it is dead, the lock is free ${staleMin} min after its last sign of life`;
  return new DepotError(
    'locked',
    `another run for ${path.basename(directory)} is running: ${who}, since ${printable(holder.since)}`,
    { hint },
  );
}

/** Locks of this process, given back when it ends before they are. */
const onExit = new Map<string, string>();
process.on('exit', () => {
  for (const [file, nonce] of onExit) {
    try {
      if (parseHolder(readFileSync(file)).nonce === nonce) unlinkSync(file);
      forgetHereNow(nonce);
    } catch {
      // Nobody is left to tell; the next run sees that this process is gone.
    }
  }
});
