import { type BigIntStats, type Stats } from 'node:fs';
import { access, constants, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

import { DepotError } from './errors.js';
import { printable } from './printable.js';

/**
 * Who else could change or read a file. Windows keeps access lists that `stat` does not show: there
 * these checks say nothing is wrong, and what depot writes gets a list for its account instead.
 */

type Mode = Pick<Stats | BigIntStats, 'mode' | 'uid'>;

/** The effective user id, or undefined on Windows. */
export function callerUid(): number | undefined {
  return process.geteuid?.();
}

/**
 * For a file whose contents depot acts upon: throws `config-insecure` unless root or the caller owns it,
 * nobody else may write it, and nobody else may put another one in its place (sshd's StrictModes).
 */
export async function requireTrusted(path: string, opened: Mode, uid = callerUid()): Promise<void> {
  if (uid === undefined) return;
  const owner = Number(opened.uid);
  if (owner !== 0 && owner !== uid) {
    throw new DepotError('config-insecure', `${printable(path)} belongs to another account (uid ${owner}), and it can run commands as this one (uid ${uid})`, {
      hint: `run depot as the owner of the file, or: chown ${uid} ${printable(path)}`,
    });
  }
  if ((Number(opened.mode) & 0o022) !== 0) {
    throw new DepotError('config-insecure', `${printable(path)} can be changed by other accounts (mode ${octal(opened)}), and it can run commands as this one`, {
      hint: `chmod go-w ${printable(path)}`,
    });
  }
  for (const directory of await ancestors(path)) await requireTrustedDirectory(directory, path, uid);
}

async function requireTrustedDirectory(directory: string, path: string, uid: number): Promise<void> {
  const found = await stat(directory);
  const strange = found.uid !== 0 && found.uid !== uid;
  // In a sticky directory only its owner and the file's owner can rename or remove the file.
  const loose = (found.mode & 0o022) !== 0 && (found.mode & 0o1000) === 0;
  if (!strange && !loose) return;
  // Kubernetes mounts configuration with mode 0777, but read-only.
  if (loose && (await isReadOnlyMount(directory))) return;
  const why = strange ? `belongs to another account (uid ${found.uid})` : `can be changed by other accounts (mode ${octal(found)})`;
  throw new DepotError('config-insecure', `${printable(directory)} ${why}, who could replace ${printable(path)}, and that can run commands as this account`, {
    hint: `${strange ? `chown ${uid}` : 'chmod go-w'} ${printable(directory)}, or move the configuration to a directory of this account`,
  });
}

/** The directories on the way to `path`, as it is written and as symbolic links lead. */
async function ancestors(path: string): Promise<Set<string>> {
  const found = new Set<string>();
  for (const start of [path, await realpath(path)]) {
    for (let d = dirname(start); ; d = dirname(d)) {
      found.add(d);
      if (d === dirname(d)) break;
    }
  }
  return found;
}

async function isReadOnlyMount(directory: string): Promise<boolean> {
  return access(directory, constants.W_OK).then(
    () => false,
    (error: unknown) => (error as NodeJS.ErrnoException).code === 'EROFS',
  );
}

/**
 * For a file that holds a secret: what is wrong with its mode, or undefined. The owner must be root or the
 * caller and others may neither read nor write; its group may read only what root owns, since that is how
 * root hands a secret to a service account.
 */
export function exposure(file: Mode, uid = callerUid()): { what: string; remedy: (path: string) => string } | undefined {
  if (uid === undefined) return undefined;
  const [owner, mode] = [Number(file.uid), Number(file.mode)];
  if (owner !== 0 && owner !== uid) return { what: `belongs to another account (uid ${owner})`, remedy: (path) => `chown ${uid} ${path}` };
  if ((mode & 0o007) !== 0 || (mode & 0o020) !== 0 || ((mode & 0o040) !== 0 && owner !== 0)) {
    return { what: `can be read or changed by other accounts (mode ${octal(file)})`, remedy: (path) => `chmod ${owner === 0 && uid !== 0 ? 'o=,g-w' : '600'} ${path}` };
  }
  return undefined;
}

/** Throws `secret-insecure` when `exposure` finds something. */
export function requirePrivate(path: string, opened: Mode, uid = callerUid()): void {
  const found = exposure(opened, uid);
  if (found !== undefined) throw new DepotError('secret-insecure', `${printable(path)} ${found.what}`, { hint: found.remedy(printable(path)) });
}

function octal(file: Mode): string {
  return (Number(file.mode) & 0o7777).toString(8).padStart(4, '0');
}
