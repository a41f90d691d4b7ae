import path from 'node:path';
import { groupNameOf, nameOf, ownName } from '../accounts.js';
import { typedWord } from '../shell.js';

/** `account depot (uid 998)`, for messages about who can read what. */
export function accountName(uid = process.geteuid?.()): string {
  if (uid === undefined) return `account ${ownName() ?? 'of this session'}`;
  const name = nameOf(uid);
  return name === undefined ? `uid ${uid}` : `account ${name} (uid ${uid})`;
}

/** Who can read a private file: its owner and root, and the group `gid` where root allows that. */
export function fileReaders(uid: number | undefined, gid?: number): string {
  if (uid === undefined) return `${accountName()}, including its scheduled runs`;
  if (uid === 0 && gid !== undefined)
    return `root and group ${groupNameOf(gid) ?? gid}, including scheduled runs of its members`;
  return uid === 0
    ? `${accountName(uid)} only, including its scheduled runs`
    : `${accountName(uid)} and root; scheduled runs of ${nameOf(uid) ?? accountName(uid)} can read it`;
}

/** Who reads what is in a keychain. */
export function keychainReaders(): string {
  const session =
    process.platform === 'linux'
      ? 'in a desktop session only: not in cron, systemd services or CI'
      : 'only while logged in: not in scheduled runs at other times';
  return `${accountName()}, ${session}`;
}

/** What lets the running account read a file that is closed to it. All that is in `secrets/` is for the account that pushes. */
export function wayIn(file: string): string {
  const own = ownName();
  const directory = path.dirname(file);
  const give =
    path.basename(directory) === 'secrets' && process.platform !== 'win32'
      ? `type as root: «chown -R ${own === undefined ? process.geteuid?.() : `${own}:`} ${typedWord(directory)}»`
      : 'have root see how to give it the file: «depot doctor»';
  return `if ${accountName()} is the one that pushes, ${give}\nif not, run depot as the account that pushes`;
}
