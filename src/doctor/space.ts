/** Whether there is room: for the state and the spool here, and at the agent. */
import { statfs } from 'node:fs/promises';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Arrangement } from '../config/types.js';
import { lastDeposit } from '../state/list.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { bytes } from '../ui/format.js';
import type { Report } from './findings.js';
import { type Patient } from './findings.js';

/** The directory itself, or the first above it that is there: what it would be made in. */
export async function nearestExisting(directory: string): Promise<string> {
  for (let d = directory; ; d = path.dirname(d)) {
    if (
      await stat(d).then(
        () => true,
        () => false,
      )
    )
      return d;
    if (d === path.dirname(d)) return d;
  }
}

export async function localSpace(
  directory: string,
  { spool, name }: Arrangement,
  lastBytes: number,
  report: Report,
): Promise<void> {
  const space = await statfs(directory).catch(() => null);
  if (space === null) {
    report.notPossible('local space', `${directory} does not say`);
    return;
  }
  const free = space.bavail * space.bsize;
  const needed = Math.max(spool ? lastBytes : 0, leastSpace);
  if (free >= needed) report.passed('local space', `${bytes(free)} free for the state`);
  else
    report.failed(
      'local space',
      'local-disk-full',
      `${bytes(free)} free for the state, and ${bytes(needed)} may be needed`,
      spool ? `free space there, or set spool: false for ${name}` : 'free space there',
    );
}

/** A first deposit, or one that grew: as a push, which compresses what it spools, it fails where nothing is compressed and else is in doubt. */
export async function spoolSpace({ config, arrangement }: Patient, size: number | null, report: Report): Promise<void> {
  if (!arrangement.spool) return;
  const own = new ArrangementState(config.state.path, arrangement.name);
  const space = await statfs(await nearestExisting(own.directory)).catch(() => null);
  if (space === null) return;
  const free = space.bavail * space.bsize;
  if (size === null) {
    report.notPossible(
      'spool',
      `${bytes(free)} free; how much the sources will have is not known before they are read`,
    );
    return;
  }
  const what = `the sources have ${bytes(size)}, and there is room for ${bytes(free)}`;
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
  if (free === null || most === null || most <= free) return;
  const hint = 'ask the agent for more space';
  const what = `${last === null ? `the sources have ${bytes(most)}` : `the last deposit took ${bytes(most)}`}, and ${bytes(free)} are free at the server`;
  if (last === null && arrangement.compression === 'none') report.failed('space', 'remote-no-space', what, hint);
  else report.warning('space', `${what}: a push works only if it takes less`, hint);
}

/** What receipts and records take, at least. */
const leastSpace = 2 ** 20;
