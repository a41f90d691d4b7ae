/** A secret for one program: in a file that has no name, and where that cannot be, in the environment of that program alone. */
import { randomBytes } from 'node:crypto';
import { closeSync, constants, existsSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Plain data, since it goes to the thread that starts the program. */
export interface HandedSecret {
  /** What the file holds; for a program that reads none, nothing. */
  content?: string;
  /** How the program is told where the file is: by a variable, or by its first argument, which ends with the path. */
  variable?: string;
  argument?: string;
  /** Variables that it gets in any case. */
  env?: Record<string, string>;
  /** Variables that it gets where there is no file. */
  otherwise: Record<string, string>;
}

/** The number under which the program has the file: the first after the three that every program has. */
const NUMBER = 3;
/** Only Linux opens such a path anew, from its beginning, each time; a program may open it twice. */
const HANDED = `/proc/self/fd/${NUMBER}`;

export interface Handing {
  /** Arguments that come before all others. */
  arguments: string[];
  env: Record<string, string>;
  /** For the program's fourth descriptor; null without a file. Close it when the program has started. */
  fd: number | null;
}

export function handOver(secret: HandedSecret, platform: NodeJS.Platform = process.platform): Handing {
  const { content, variable, argument, env = {}, otherwise } = secret;
  const fd = content === undefined || platform !== 'linux' ? null : namelessFile(content);
  if (fd === null) return { arguments: [], env: { ...env, ...otherwise }, fd };
  return {
    arguments: argument === undefined ? [] : [argument + HANDED],
    env: { ...env, ...(variable !== undefined && { [variable]: HANDED }) },
    fd,
  };
}

/** Open, and gone from its directory before anything is in it; in memory where there is such a directory. Null when there is no place for one. */
function namelessFile(content: string): number | null {
  if (!existsSync('/proc/self/fd')) return null;
  for (const directory of ['/dev/shm', tmpdir()]) {
    let fd: number | undefined;
    try {
      const name = join(directory, `.depot-${randomBytes(12).toString('hex')}`);
      fd = openSync(name, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
      unlinkSync(name);
      const bytes = Buffer.from(content);
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      } finally {
        bytes.fill(0);
      }
      return fd;
    } catch {
      if (fd !== undefined) closeSync(fd);
    }
  }
  return null;
}
