/** The machine's accounts, and what they may do with files: for the one that pushes is often not the one that sets up. */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { succeeds } from './abort.js';
import { run } from './child.js';

export interface Account {
  name: string;
  uid: number;
  /** Primary group, and its name. */
  gid: number;
  group: string;
  /** Every group, the primary one too. */
  gids: readonly number[];
}

/** The account of this name or number; undefined when there is none, and on Windows. */
export async function accountNamed(name: string): Promise<Account | undefined> {
  if (process.platform === 'win32' || !/^[A-Za-z0-9_][A-Za-z0-9_.@\\-]*\$?$/.test(name)) return undefined;
  // id(1) asks whatever knows accounts here, a directory service too, which /etc/passwd does not have.
  const ask = async (flag: string): Promise<string> => {
    const { output } = await run(['id', flag, name], { code: 'internal', env: process.env, stdout: 'keep' });
    return output.toString().trim();
  };
  try {
    const [uid, gid, group, gids, own] = await Promise.all(['-u', '-g', '-gn', '-G', '-un'].map(ask));
    return { name: own!, uid: Number(uid), gid: Number(gid), group: group!, gids: gids!.split(' ').map(Number) };
  } catch {
    return undefined;
  }
}

/** The account of a user number; one without a name is called by its number. */
export async function accountOfUid(uid: number): Promise<Account> {
  const name = nameOf(uid);
  return (
    (name === undefined ? undefined : await accountNamed(name)) ??
    (await accountNamed(String(uid))) ?? { name: String(uid), uid, gid: uid, group: String(uid), gids: [uid] }
  );
}

/** The name that goes with a user number; undefined for one without a name, as containers have them. */
export function nameOf(uid: number): string | undefined {
  return uid === process.geteuid?.() ? (ownName() ?? nameIn('/etc/passwd', uid)) : nameIn('/etc/passwd', uid);
}

/** The name that goes with a group number. */
export function groupNameOf(gid: number): string | undefined {
  return nameIn('/etc/group', gid);
}

/** The name of the running account; undefined for a number without a name. */
export function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

function nameIn(file: string, id: number): string | undefined {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .find((line) => line.split(':')[2] === String(id))
      ?.split(':')[0];
  } catch {
    return undefined;
  }
}

/** Whether another account than `uid` lives there: a home holds more than depot's files, so nobody is told to open it or give it away. */
export function isHomeOfAnother(directory: string, uid: number): boolean {
  try {
    return readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .some(([, , owner, , , home]) => home === directory && Number(owner) !== uid);
  } catch {
    return false;
  }
}

/** For one who is somebody else: how to do the same as this account. */
export function runAs(account: Pick<Account, 'name'>, command: string): string {
  const [, line] = /^«([^»]*)»$/.exec(command) ?? [];
  const typed = `${asAccount(account.name)} ${line ?? command}`;
  return line === undefined ? typed : `«${typed}»`;
}

/** `runuser -u depot -- ` or `sudo -u depot `, when that is how this run was started: whoever did so types the next line in the same way. */
export function calledBy(): string {
  const [by, name] = [starter(), ownName()];
  if (by === undefined || name === undefined) return '';
  if (by === 'runuser') return `runuser -u ${name} -- `;
  return name === 'root' ? 'sudo ' : `sudo -u ${name} `;
}

/** For runs that depot init starts, which nobody types: how a person would start them. Nobody else sets it. */
const withinInit = 'DEPOT_WITHIN_INIT';

/** What init puts into the environment of such a run; `other` is the account that it runs as, null for this one. */
export function inInit(other: Account | null): Record<string, string> {
  return { [withinInit]: other === null ? (starter() ?? 'this account') : starter() === 'sudo' ? 'sudo' : 'runuser' };
}

export function isWithinInit(env: NodeJS.ProcessEnv): boolean {
  return env[withinInit] !== undefined;
}

/** The program above this process, if it is one that changes accounts. */
function starter(): 'runuser' | 'sudo' | undefined {
  const told = process.env[withinInit];
  if (told === 'runuser' || told === 'sudo') return told;
  try {
    const [program = ''] = readFileSync(`/proc/${process.ppid}/cmdline`, 'utf8').split('\0');
    return (['runuser', 'sudo'] as const).find((one) => one === path.basename(program));
  } catch {
    return undefined; // not Linux, or its end has come
  }
}

/** An account without a name is called by its number, which sudo wants marked and runuser does not take. */
function asAccount(name: string): string {
  const unnamed = /^\d+$/.test(name);
  if (process.geteuid?.() === 0 && starter() !== 'sudo')
    return unnamed ? `setpriv --reuid ${name} --clear-groups --` : `runuser -u ${name} --`;
  return `sudo -u ${unnamed ? `'#${name}'` : name}`;
}

/** `read` of a directory means to list and enter it; `write`, to make files in it. */
export type Wanted = 'read' | 'write' | 'run';

/** What stands in the way: a directory that may not be entered (`onTheWay`), or the file itself. */
export interface Obstacle {
  path: string;
  onTheWay: boolean;
}

/**
 * What keeps `account` from using `file`; null when nothing does, or nothing is there. Modes decide; where they say no and
 * this is root, the account is also tried out, since access lists may allow what modes do not show.
 */
export async function obstacle(account: Account, file: string, wanted: Wanted): Promise<Obstacle | null> {
  const found = await byModes(account, path.resolve(file), wanted);
  return found !== null && (await triedOut(account, file, wanted)) ? null : found;
}

async function byModes(account: Account, file: string, wanted: Wanted): Promise<Obstacle | null> {
  for (const directory of waysTo(file)) {
    const there = await stat(directory).catch(() => null);
    if (there === null) return null;
    if (!permits(account, there, 0o1)) return { path: directory, onTheWay: true };
  }
  const there = await stat(file).catch(() => null);
  if (there === null) return null;
  const bits = { read: there.isDirectory() ? 0o5 : 0o4, write: there.isDirectory() ? 0o3 : 0o2, run: 0o5 }[wanted];
  return permits(account, there, bits) ? null : { path: file, onTheWay: false };
}

/** The directories above, from the root down. */
function waysTo(file: string): string[] {
  const parent = path.dirname(file);
  return parent === file ? [] : [...waysTo(parent), parent];
}

function permits(account: Account, file: { mode: number; uid: number; gid: number }, bits: number): boolean {
  if (account.uid === 0) return true;
  const shift = file.uid === account.uid ? 6 : account.gids.includes(file.gid) ? 3 : 0;
  return ((file.mode >> shift) & bits) === bits;
}

async function triedOut(account: Account, file: string, wanted: Wanted): Promise<boolean> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0 || account.uid < 0) return false;
  const flag = { read: '-r', write: '-w', run: '-x' }[wanted];
  return succeeds(run([...becoming(account), 'test', flag, file], { code: 'internal', env: process.env }));
}

/** What root puts before a program to run it as this account. */
export function becoming({ uid, gid, gids }: Account): string[] {
  return ['setpriv', '--reuid', String(uid), '--regid', String(gid), '--groups', gids.join(','), '--'];
}
