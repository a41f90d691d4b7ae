import { type BigIntStats, type Stats } from 'node:fs';
import { access, constants, open, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

import { type Account, accountOfUid, groupNameOf, nameOf, runAs } from './accounts.js';
import { DepotError } from './errors.js';
import { printable } from './printable.js';
import { typedWord } from './shell.js';
import { type Passed, wayTo } from './way.js';
import {
  exposureByList,
  requireOwnPlaceByList,
  requireOwnRecordsByList,
  requireTrustedByList,
} from './windows/checks.js';

/** Who else could change or read a file: by its owner and mode, and on Windows by its access list, which `stat` does not show. */
type Mode = Pick<Stats | BigIntStats, 'mode' | 'uid'>;

/** How a file is that holds a secret, for hints. */
export const secretMode = process.platform === 'win32' ? 'which only this account may read' : 'mode 600';

/** The effective user id; undefined on Windows. */
export function callerUid(): number | undefined {
  return process.geteuid?.();
}

/**
 * For a file whose contents depot acts upon: throws `config-insecure` unless root or the caller owns it, and nobody else may
 * write it or put another one in its place (sshd's StrictModes), also by a symbolic link on the way.
 */
export async function requireTrusted(path: string, opened: Mode, uid = callerUid()): Promise<void> {
  if (uid === undefined) return requireTrustedByList(path);
  const owner = Number(opened.uid);
  if (owner !== 0 && owner !== uid) {
    throw new DepotError(
      'config-insecure',
      `${printable(path)} belongs to another account (uid ${owner}), which could use it to run commands as this one (uid ${uid})`,
      {
        hint: `${asOwner(await accountOfUid(owner))}; or let root own it, for every account to read: «${uid === 0 ? '' : 'sudo '}chown 0 ${typedWord(path)}» and «${uid === 0 ? '' : 'sudo '}chmod 644 ${typedWord(path)}»`,
      },
    );
  }
  if ((Number(opened.mode) & 0o022) !== 0) {
    throw new DepotError(
      'config-insecure',
      `${printable(path)} can be changed by other accounts (mode ${octal(opened)}), which could use it to run commands as this one`,
      { hint: `«chmod go-w ${typedWord(path)}»` },
    );
  }
  const { passed, links } = await wayTo(path, 'config-unreadable');
  // In a sticky directory anyone may plant a link; where it stands decides what paths in the file are relative to.
  for (const link of links) {
    if (link.uid === 0 || link.uid === uid) continue;
    throw new DepotError(
      'config-insecure',
      `${printable(link.path)} is a symbolic link that belongs to another account (uid ${link.uid}), which decides where it leads, and ${printable(path)} can run commands as this account`,
      { hint: "give the file's real path, or move the configuration to a directory that this account owns" },
    );
  }
  for (const one of passed) await requireTrustedWay(one, path, uid);
}

async function requireTrustedWay({ path: directory, found }: Passed, path: string, uid: number): Promise<void> {
  const others = whoElse(found, uid);
  // Kubernetes mounts configuration with mode 0777, but read-only.
  if (others === null || (!others.own && (await isReadOnlyMount(directory)))) return;
  throw new DepotError(
    'config-insecure',
    `${printable(directory)} ${others.why}, which could replace ${printable(path)} and so run commands as this account`,
    {
      hint: `move the configuration to a directory that only root or this account can change, such as /etc/depot${others.own ? '' : `; or, if nobody else should write there: «chmod go-w ${typedWord(directory)}»`}`,
    },
  );
}

/** Why another account can exchange what lies in a directory, `own` where it is that account's own; null when none can but root. */
function whoElse(found: Mode, uid: number): { why: string; own: boolean } | null {
  const [owner, mode] = [Number(found.uid), Number(found.mode)];
  if (owner !== 0 && owner !== uid) return { why: `belongs to another account (uid ${owner})`, own: true };
  // In a sticky directory only its owner and the file's owner can rename or remove the file.
  return (mode & 0o022) !== 0 && (mode & 0o1000) === 0
    ? { why: `can be changed by other accounts (mode ${octal(found)})`, own: false }
    : null;
}

/**
 * For a new file or directory that others must neither get nor exchange: throws `local-not-writable` where another account
 * could put something else, or a link, in its place while it is written. In sticky directories such as /tmp none can, if it
 * is made exclusively. A way that is not there is the system's own error: another account could still make it.
 */
export async function requireOwnPlace(
  path: string,
  uid = callerUid(),
  made: 'file' | 'directory' = 'directory',
): Promise<void> {
  if (uid === undefined) return requireOwnPlaceByList(path, made);
  const refuse = (where: string, why: string): DepotError =>
    new DepotError(
      'local-not-writable',
      `${printable(where)} ${why}, which could replace ${printable(path)} while it is written`,
      { hint: 'choose an --out that only this account can write to, or one directly below /tmp' },
    );
  const { passed, links } = await wayTo(dirname(resolve(path)), 'local-not-writable');
  const strange = links.find((link) => link.uid !== 0 && link.uid !== uid);
  if (strange !== undefined)
    throw refuse(strange.path, `is a symbolic link that belongs to another account (uid ${strange.uid})`);
  for (const one of passed) {
    const others = whoElse(one.found, uid);
    if (others !== null) throw refuse(one.path, others.why);
  }
}

/**
 * What is wrong with a file in `directory` that depot itself made there, when this is another account's directory: that
 * account could have put in a link to a file which it may not read, but this account, such as root, may. Null where nothing is.
 */
export async function planted(directory: string, opened: Mode, uid = callerUid()): Promise<string | null> {
  if (uid === undefined) return null;
  const { uid: keeper } = await stat(directory);
  const owner = Number(opened.uid);
  return keeper === uid || keeper === 0 || owner === keeper
    ? null
    : `belongs to uid ${owner}, though its directory is that of uid ${keeper}`;
}

/** Not by its mode, which root need not heed either. */
export async function isReadOnlyMount(directory: string): Promise<boolean> {
  return access(directory, constants.W_OK).then(
    () => false,
    (error: unknown) => (error as NodeJS.ErrnoException).code === 'EROFS',
  );
}

/**
 * For a directory of records: throws `state-insecure` unless root or the caller owns it and nobody else may write there.
 * The group may where root gave the directory to a group of the caller's, which is how a machine hands a volume to a
 * service. One that is not there passes. `command` is what the hint has the owner type.
 */
export async function requireOwnRecords(
  directory: string,
  command = '«depot …»',
  uid = callerUid(),
  groups = process.getgroups?.() ?? [],
): Promise<void> {
  if (uid === undefined) return requireOwnRecordsByList(directory);
  // What keeps it from being looked at is said where it is made or written.
  const found = await stat(directory).catch(() => null);
  if (found === null) return;
  if (found.uid !== 0 && found.uid !== uid) {
    throw new DepotError(
      'state-insecure',
      `${printable(directory)} belongs to another account (uid ${found.uid}), which could change the records of this one (uid ${uid})`,
      { hint: asOwner(await accountOfUid(found.uid), command) },
    );
  }
  if ((found.mode & (isHandedOver(found, uid, groups) ? 0o002 : 0o022)) === 0) return;
  throw new DepotError(
    'state-insecure',
    `${printable(directory)} can be changed by other accounts (mode ${octal(found)}), and it holds the records of deposits`,
    { hint: `«chmod go-w ${typedWord(directory)}», or choose a directory that this account owns, with --state` },
  );
}

/** Whether it is root's, and of a group of the caller's: how a machine hands a volume to a service (`fsGroup` of Kubernetes). */
export function isHandedOver(
  found: { uid: number; gid: number },
  uid = callerUid(),
  groups = process.getgroups?.() ?? [],
): boolean {
  return found.uid === 0 && uid !== 0 && groups.includes(found.gid);
}

/**
 * For a directory of records that root is about to make: throws `state-insecure` where it would lie in another account's
 * directory. They would be that account's records, and it could not write to them.
 */
export async function requireOwnSite(directory: string, command = '«depot …»', uid = callerUid()): Promise<void> {
  if (uid !== 0) return;
  let at = resolve(directory);
  let found = await stat(at).catch(() => null);
  for (; found === null && at !== dirname(at); found = await stat(at).catch(() => null)) at = dirname(at);
  if (found === null || found.uid === 0) return;
  throw new DepotError(
    'state-insecure',
    `root does not make ${printable(directory)} in ${printable(at)}, which belongs to another account (uid ${found.uid})`,
    { hint: asOwner(await accountOfUid(found.uid), command) },
  );
}

/**
 * Gives what the caller just made its mode, and its owner where one is named. Throws `local-not-writable` for anything that
 * another account put in its place: a symbolic link, or another name of one of the caller's files. Nothing on Windows.
 */
export async function handOver(
  kind: 'directory' | 'file',
  path: string,
  mode: number,
  owner?: { uid: number; gid: number },
): Promise<void> {
  if (process.platform === 'win32') return;
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_DIRECTORY } = constants;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (kind === 'directory' ? O_DIRECTORY : 0));
  try {
    const found = await handle.stat();
    if (found.uid !== callerUid() || (kind === 'file' && (!found.isFile() || found.nlink !== 1))) {
      throw new DepotError('local-not-writable', `${printable(path)} is no longer the ${kind} that depot made there`, {
        hint: `see who replaced it: ls -ld ${typedWord(path)}`,
      });
    }
    await handle.chmod(mode);
    if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
  } finally {
    await handle.close();
  }
}

/**
 * What is wrong with the mode of a file that holds a secret, or undefined. It must be root's or the caller's, and closed to
 * others. Its group may read only what root owns: that is how root hands a secret to a service account.
 */
export function exposure(
  file: Mode,
  uid = callerUid(),
): { what: string; remedy: (path: string) => string } | undefined {
  if (uid === undefined) return undefined;
  const [owner, mode] = [Number(file.uid), Number(file.mode)];
  if (owner !== 0 && owner !== uid)
    return {
      what: `belongs to another account (uid ${owner})`,
      remedy: () => asOwner({ name: nameOf(owner) ?? `${owner}` }),
    };
  if ((mode & 0o007) !== 0 || (mode & 0o020) !== 0 || ((mode & 0o040) !== 0 && owner !== 0)) {
    return {
      what: `can be read or changed by other accounts (mode ${octal(file)})`,
      remedy: (path) =>
        // Its group may be root's own, and then closing it to others would close it to this account too.
        owner === 0 && uid !== 0 ? `«chown root:${ownGroup()} ${path} && chmod 640 ${path}»` : `«chmod 600 ${path}»`,
    };
  }
  return undefined;
}

function ownGroup(): string {
  const gid = process.getegid?.() ?? 0;
  return groupNameOf(gid) ?? `${gid}`;
}

/** What is wrong with who may read or change a file that holds a secret, and with whose it is; undefined when nothing is. */
export async function exposureOf(path: string, opened: Mode): Promise<ReturnType<typeof exposure>> {
  return callerUid() === undefined ? exposureByList(path) : exposure(opened);
}

/** Throws `secret-insecure` when `exposureOf` finds something. */
export async function requirePrivate(path: string, opened: Mode): Promise<void> {
  const found = await exposureOf(path, opened);
  if (found !== undefined)
    throw new DepotError('secret-insecure', `${printable(path)} ${found.what}`, {
      hint: found.remedy(typedWord(path)),
    });
}

function asOwner(owner: Pick<Account, 'name'>, command = '«depot …»'): string {
  return `run it as the account that owns it: ${runAs(owner, command)}`;
}

function octal(file: Mode): string {
  return (Number(file.mode) & 0o7777).toString(8).padStart(4, '0');
}
