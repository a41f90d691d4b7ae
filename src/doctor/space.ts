/** Whether there is room: for the state and the spool here, and at the agent. */
import { stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { succeeds } from '../abort.js';
import type { Arrangement } from '../config/types.js';
import { lastDeposit } from '../state/list.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { bytes } from '../ui/format.js';
import type { Patient, Report } from './findings.js';

/** The directory itself, or the first above it that is there: what it would be made in. */
export async function nearestExisting(directory: string): Promise<string> {
  const parent = path.dirname(directory);
  return directory === parent || (await succeeds(stat(directory))) ? directory : nearestExisting(parent);
}

/** How many bytes are free; null where the file system does not say. */
async function freeIn(directory: string): Promise<number | null> {
  const space = await statfs(directory).catch(() => null);
  return space && space.bavail * space.bsize;
}

export async function localSpace(
  directory: string,
  { spool, name }: Arrangement,
  lastBytes: number,
  report: Report,
): Promise<void> {
  const free = await freeIn(directory);
  const needed = Math.max(spool ? lastBytes : 0, leastSpace);
  if (free === null)
    report.notPossible('local space', `the file system of ${directory} does not report its free space`);
  else if (free >= needed) report.passed('local space', `${bytes(free)} free for the state`);
  else
    report.failed(
      'local space',
      'local-disk-full',
      `${bytes(free)} free for the state, but ${bytes(needed)} may be needed`,
      spool ? `free space there, or set spool: false for ${name}` : 'free space there',
    );
}

/** A push compresses what it spools: too little room for all of it is a failure only where nothing is compressed. */
export async function spoolSpace({ config, arrangement }: Patient, size: number | null, report: Report): Promise<void> {
  if (!arrangement.spool) return;
  const own = new ArrangementState(config.state.path, arrangement.name);
  const free = await freeIn(await nearestExisting(own.directory));
  if (free === null) return;
  if (size === null) {
    report.notPossible('spool', `${bytes(free)} free; the size of the sources is not known until they are read`);
    return;
  }
  const what = `the sources take ${bytes(size)}, and there is room for ${bytes(free)}`;
  const hint = `free space there, or set spool: false for ${arrangement.name}`;
  if (size <= free) report.passed('spool', what);
  else if (arrangement.compression === 'none' && (await lastDeposit(own)) === null)
    report.failed('spool', 'local-disk-full', what, hint);
  else report.warning('spool', `${what}: a push works only if they compress to that`, hint);
}

/** Whether the agent's disk holds what comes: as much as the last time, or for a first deposit, what the sources have. */
export async function spaceThere(
  { config, arrangement }: Patient,
  size: number | null,
  free: number | null,
  report: Report,
): Promise<void> {
  const last = await lastDeposit(new ArrangementState(config.state.path, arrangement.name));
  const most = last?.bytes ?? size;
  if (free === null || most === null || (most <= free && free > 0)) return;
  const hint = 'ask the agent for more space';
  const what = `${last === null ? `the sources take ${bytes(most)}` : `the last deposit took ${bytes(most)}`}, but only ${bytes(free)} are free at the server`;
  if (free === 0 || (last === null && arrangement.compression === 'none'))
    report.failed('space', 'remote-no-space', what, hint);
  else {
    report.warning('space', `${what}: a push works only if it takes less`, hint);
    // An increment takes less than the full deposit before it.
    if (arrangement.incremental === undefined) report.doubt('A push will probably fail: there is too little space.');
  }
}

/** What receipts and records take, at least. */
const leastSpace = 2 ** 20;
