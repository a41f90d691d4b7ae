/** Who else could change, exchange or read a file, by its security descriptor: the meaning of POSIX's owner and mode. */
import type { Descriptor } from './sddl.js';

/**
 * What a path is to depot. `file`: it acts upon what is in it. `directory`: it holds such files, or records. `way`: it lies
 * above. `root`: the same, of a drive, which nobody renames. `link`: the way goes on where it leads. `secret`: nobody else may
 * read it either.
 */
export type Role = 'file' | 'directory' | 'way' | 'root' | 'link' | 'secret';

const [readData, writeData, appendData, writeExtended, deleteChild, writeAttributes] = [1, 2, 4, 0x10, 0x40, 0x100];
const [remove, changeRights, takeOwnership] = [0x10000, 0x40000, 0x80000];
const [all, write, read, maximum] = [0x10000000, 0x40000000, 0x80000000, 0x02000000];

const takeOver = changeRights + takeOwnership + all + maximum;
const exchange = takeOver + remove;
const change = exchange + write + writeData + appendData + writeAttributes;
/**
 * Not `way`: making files there, which Windows allows everybody below C:\ProgramData. What is there already stays what it
 * is, as in a sticky directory.
 */
const forbidden: Record<Role, number> = {
  file: change + writeExtended,
  directory: change + deleteChild,
  way: exchange + deleteChild,
  root: takeOver + deleteChild,
  link: change,
  secret: change + writeExtended + readData + read,
};

/** Full SIDs that have a short name as well. */
const shortNames: Readonly<Record<string, string>> = {
  'S-1-1-0': 'WD',
  'S-1-3-0': 'CO',
  'S-1-3-1': 'CG',
  'S-1-3-4': 'OW',
  'S-1-5-2': 'NU',
  'S-1-5-4': 'IU',
  'S-1-5-7': 'AN',
  'S-1-5-11': 'AU',
  'S-1-5-18': 'SY',
  'S-1-5-19': 'LS',
  'S-1-5-20': 'NS',
  'S-1-5-32-544': 'BA',
  'S-1-5-32-545': 'BU',
  'S-1-5-32-546': 'BG',
};

const named: Readonly<Record<string, string>> = {
  WD: 'Everyone',
  AU: 'Authenticated Users',
  BU: 'Users',
  BG: 'Guests',
  IU: 'anyone logged on here (INTERACTIVE)',
  NU: 'anyone connecting over the network (NETWORK)',
  AN: 'anonymous logons',
  LS: 'LOCAL SERVICE',
  NS: 'NETWORK SERVICE',
};

/** Who can do everything here anyway, as root can: the system, its installer, the administrators of machine and domain. */
const administrators = new Set([
  'SY',
  'BA',
  'LA',
  'DA',
  'EA',
  // NT SERVICE\TrustedInstaller, which owns C:\.
  'S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464',
]);

/** Placeholders, which give nobody anything on the object itself: its creator, and its owner, who is looked at anyway. */
const nobody = new Set(['CO', 'CG', 'OW']);

function short(sid: string): string {
  return Object.hasOwn(shortNames, sid) ? shortNames[sid]! : sid;
}

/** As icacls takes it behind an asterisk, in every language; null for a short name that is not known here. */
export function fullSid(sid: string): string | null {
  if (sid.startsWith('S-')) return sid;
  return Object.keys(shortNames).find((full) => shortNames[full] === sid) ?? null;
}

/** Whether this account, or one that can do everything anyway, is meant. */
export function isTrusted(sid: string, self: string): boolean {
  return short(sid) === short(self) || administrators.has(short(sid));
}

/** As people know it: `Users`; the SID itself for one account, whose name only Windows knows. */
export function accountCalled(sid: string): string {
  return named[short(sid)] ?? sid;
}

export interface Stranger {
  /** `owner`: it is theirs. `list`: the access list lets them in. `none`: the file system keeps no lists (FAT), and lets everybody in. */
  by: 'owner' | 'list' | 'none';
  sid: string;
}

/** The first who is neither `self` nor an administrator, and has a right that `role` forbids; null when there is none. */
export function stranger({ owner, allowed }: Descriptor, role: Role, self: string): Stranger | null {
  // What Windows says of a file system that keeps no lists. On one that does, nothing can be made to belong to Everyone.
  if (allowed === null && owner !== null && short(owner) === 'WD') return { by: 'none', sid: 'WD' };
  if (owner === null || !isTrusted(owner, self)) return { by: 'owner', sid: owner ?? 'WD' };
  if (allowed === null) return { by: 'list', sid: 'WD' };
  const found = allowed.find(
    ({ sid, rights, inheritOnly }) =>
      !inheritOnly &&
      (BigInt(rights) & BigInt(forbidden[role])) !== 0n &&
      !nobody.has(short(sid)) &&
      // A sandboxed program needs what its account may do and this besides: alone it opens nothing.
      !/^(?:AC|S-1-15-[23]-.*)$/.test(sid) &&
      !isTrusted(sid, self),
  );
  return found === undefined ? null : { by: 'list', sid: found.sid };
}

/** The first who could read or change a directory that is made in this one, until it has a list of its own; null when there is none. */
export function strangerWithin({ owner, allowed }: Descriptor, self: string): Stranger | null {
  const made =
    allowed?.filter(({ toDirectories }) => toDirectories).map((one) => ({ ...one, inheritOnly: false })) ?? null;
  const by = allowed === null ? owner : self;
  return (
    stranger({ owner: by, allowed: made }, 'directory', self) ?? stranger({ owner: by, allowed: made }, 'secret', self)
  );
}
