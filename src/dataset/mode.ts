import type { BigIntStats } from 'node:fs';

/** What the owner needs to get into a directory, and to see what is in it. */
const ENTERED = 0o500;

/**
 * The mode that an entry gets in the archive. Windows has none: what Node makes up there lacks the bits to enter a
 * directory, and lets everybody write.
 */
export function recordedMode(
  stat: Pick<BigIntStats, 'mode' | 'isDirectory' | 'isSymbolicLink'>,
  platform: NodeJS.Platform = process.platform,
): number {
  const mode = Number(stat.mode) & 0o7777;
  if (platform !== 'win32') return mode;
  if (stat.isSymbolicLink()) return 0o777;
  if (stat.isDirectory()) return 0o755;
  // A file that is marked as read-only.
  return (mode & 0o200) === 0 ? 0o444 : 0o644;
}

/** A directory that its owner cannot enter would hide what was deposited. Archives have such ones: depot made them on Windows. */
export function enterable(mode: number): number {
  return mode | ENTERED;
}
