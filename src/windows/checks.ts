/** What src/permissions.ts asks, answered by access lists. */
import { stat } from 'node:fs/promises';
import { dirname, parse, resolve } from 'node:path';
import { succeeds } from '../abort.js';
import { DepotError } from '../errors.js';
import { codeOrSaid, printable } from '../printable.js';
import { typedWord } from '../shell.js';
import { wayTo, type Way } from '../way.js';
import { accessLists, type AccessLists } from './access-lists.js';
import { accountCalled, fullSid, type Role, type Stranger, stranger } from './judge.js';
import { grants } from './private.js';
import { unchecked } from './unchecked.js';

/** What is wrong with one path. */
interface Fault {
  path: string;
  role: Role;
  /** Follows the path: `belongs to another account (…)`. */
  what: string;
  by: Stranger | 'unknown';
  self: string;
}

type Lists = AccessLists | null;

/** The first of `roles` that another account could change, exchange or read; null when there is none, or nothing to ask. */
async function firstFault(roles: ReadonlyMap<string, Role>, lists: Lists): Promise<Fault | null> {
  const seen = await lists?.of([...roles.keys()]);
  if (lists === null || seen === null || seen === undefined) return null;
  const self = await lists.self();
  for (const [path, role] of roles) {
    const found = seen.get(path)!;
    if ('unknown' in found) return { path, role, what: `cannot be checked: ${found.unknown}`, by: 'unknown', self };
    const by = stranger(found, role, self);
    if (by !== null) return { path, role, what: described(by, role), by, self };
  }
  return null;
}

function described({ by, sid }: Stranger, role: Role): string {
  const can = role === 'secret' ? 'can be read or changed' : 'can be changed';
  switch (by) {
    case 'owner':
      return `belongs to another account (${accountCalled(sid)})`;
    case 'list':
      return `${can} by other accounts (${accountCalled(sid)})`;
    case 'none':
      return `${can} by other accounts: its drive has no access lists`;
  }
}

/**
 * The file's own role first, then its directory, then what lies above, as it is written and where links lead. Where a link lies
 * nobody else may make one, nor lead it elsewhere.
 */
function rolesOf({ passed, links }: Way, last: Role): Map<string, Role> {
  const roles = new Map<string, Role>();
  const strict = new Set(links.map(({ path }) => dirname(path)));
  const [end, ...above] = passed.map(({ path }) => path).reverse();
  if (end === undefined) return roles;
  roles.set(end, last);
  if (last === 'file') strict.add(dirname(end));
  for (const path of above)
    if (!roles.has(path)) roles.set(path, strict.has(path) ? 'directory' : parse(path).root === path ? 'root' : 'way');
  for (const { path } of links) roles.set(path, 'link');
  return roles;
}

/** As `requireTrusted`. @throws DepotError 'config-insecure' */
export async function requireTrustedByList(path: string, lists: Lists = accessLists()): Promise<void> {
  if (lists === null) return;
  const fault = await firstFault(rolesOf(await wayTo(path, 'config-unreadable'), 'file'), lists);
  if (fault === null) return;
  const itself = fault.role === 'file';
  throw new DepotError(
    'config-insecure',
    itself
      ? `${printable(path)} ${fault.what}, which could use it to run commands as this one`
      : `${printable(fault.path)} ${fault.what}, which could replace ${printable(path)} and so run commands as this account`,
    { hint: itself || fault.role === 'directory' ? remedy(fault) : elsewhere },
  );
}

const elsewhere =
  'move the configuration to a directory that only this account and administrators can change, such as depot in %APPDATA%';

/** As `requireOwnPlace`. @throws DepotError 'local-not-writable' */
export async function requireOwnPlaceByList(
  path: string,
  made: 'file' | 'directory',
  lists: Lists = accessLists(),
): Promise<void> {
  if (lists === null) return;
  const parent = dirname(resolve(path));
  // A directory gets a list of its own when it is made; a file has that of where it lies.
  const last = made === 'file' ? 'directory' : parse(parent).root === parent ? 'root' : 'way';
  const fault = await firstFault(rolesOf(await wayTo(parent, 'local-not-writable'), last), lists);
  if (fault === null) return;
  if (fault.by !== 'unknown' && fault.by.by === 'none') {
    unchecked.tell(
      `${printable(fault.path)} has no access lists: every account on this machine can read and change ${printable(path)}`,
    );
    return;
  }
  throw new DepotError(
    'local-not-writable',
    `${printable(fault.path)} ${fault.what}, which could replace ${printable(path)} while it is written`,
    { hint: safePlace },
  );
}

export const safePlace = 'choose a place that only this account can write to, such as one below %USERPROFILE%';

/** As `requireOwnRecords`. @throws DepotError 'state-insecure' */
export async function requireOwnRecordsByList(directory: string, lists: Lists = accessLists()): Promise<void> {
  // What keeps it from being looked at is said where it is made or written.
  if (lists === null || !(await succeeds(stat(directory)))) return;
  const way = await wayTo(directory, 'state-insecure').catch((error: unknown) => {
    if (error instanceof DepotError) throw error;
    throw insecure(`${printable(directory)} cannot be checked: ${codeOrSaid(error)}`, error);
  });
  const fault = await firstFault(rolesOf(way, 'directory'), lists);
  if (fault === null) return;
  // Of what lies above, depot does not know who else needs it.
  if (fault.path !== way.passed.at(-1)?.path)
    throw insecure(
      `${printable(fault.path)} ${fault.what}, which could replace ${printable(directory)} and the records of deposits in it`,
    );
  throw insecure(
    `${printable(directory)} ${fault.what}, and it holds the records of deposits`,
    undefined,
    `${remedy(fault)}; or `,
  );
}

function insecure(message: string, cause?: unknown, remedies = ''): DepotError {
  return new DepotError('state-insecure', message, {
    hint: `${remedies}choose a directory that this account owns, with --state`,
    cause,
  });
}

/** As `exposure`; of a directory, who could put something else there. */
export async function exposureByList(
  path: string,
  role: 'secret' | 'directory' = 'secret',
  lists: Lists = accessLists(),
): Promise<{ what: string; remedy: (path: string) => string } | undefined> {
  const fault = await firstFault(new Map([[resolve(path), role]]), lists);
  return fault === null ? undefined : { what: fault.what, remedy: () => remedy(fault) };
}

/** Asks for these, and what lies above, already now, together, since they will be needed: what is found is found again there. */
export function lookAhead(paths: readonly string[], lists: Lists = accessLists()): void {
  lists?.of([...new Set(paths.flatMap((path) => upwards(resolve(path))))]).catch(() => undefined);
}

function upwards(path: string): string[] {
  return path === dirname(path) ? [path] : [path, ...upwards(dirname(path))];
}

/** The line that closes it to everybody but this account, the system and administrators; it works in cmd.exe and in PowerShell. */
function remedy({ path, role, by, self }: Fault): string {
  const [word, kind] = [typedWord(path, 'win32'), role === 'directory' ? 'directory' : 'file'] as const;
  if (by === 'unknown') return `see who may use it: «icacls ${word}»`;
  if (by.by === 'none') return 'move it to a drive with access lists (NTFS)';
  if (by.by === 'owner')
    return `run it as the account that owns it; or, if it should belong to this account, run as an administrator: «icacls ${word} /setowner "*${fullSid(self)}"»`;
  const others = fullSid(by.sid);
  const away = others === null ? '' : ` /remove:g "*${others}"`;
  return `if nobody else should use it: «icacls ${word} /inheritance:r${away} /grant:r ${grants(self, kind)
    .map((one) => `"${one}"`)
    .join(' ')}»`;
}
