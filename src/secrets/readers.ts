import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

/** `account depot (uid 998)`, for messages about who can read what. */
export function accountName(uid = process.geteuid?.()): string {
  if (uid === undefined) return `account ${ownName() ?? 'of this session'}`;
  const name = uid === process.geteuid?.() ? (ownName() ?? nameOf(uid)) : nameOf(uid);
  return name === undefined ? `uid ${uid}` : `account ${name} (uid ${uid})`;
}

function ownName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // An account number without a name, as containers have them.
    return undefined;
  }
}

function nameOf(uid: number): string | undefined {
  try {
    const line = readFileSync('/etc/passwd', 'utf8').split('\n').find((l) => l.split(':')[2] === String(uid));
    return line?.split(':')[0];
  } catch {
    return undefined;
  }
}

/** Who reads a private file with this owner: the scheduled runs of that account too. */
export function fileReaders(uid: number | undefined): string {
  if (uid === undefined) return `${accountName()}, in scheduled runs too`;
  return `${accountName(uid)}${uid === 0 ? '' : ' and root'}, in scheduled runs too`;
}

/** Who reads what is in a keychain. */
export function keychainReaders(): string {
  const session = process.platform === 'linux' ? 'in a desktop session only: not in cron, systemd services or CI' : 'while logged in: not in runs that are scheduled for when nobody is';
  return `${accountName()}, ${session}`;
}
