/** Which account the scheduled pushes run as, when root sets up for another one; and what root gives to it. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { type Account, accountNamed, accountOfUid, groupNameOf } from '../../accounts.js';
import type { Config } from '../../config/types.js';
import { stateOwner } from '../../doctor/access.js';
import { isDepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { shellWord } from '../../shell.js';
import { usage } from '../flags.js';
import { makeRootsState, makeStateFor, requireGivable } from './state-place.js';
import type { Talk } from './talk.js';

/** For root: the account of this name, or undefined for root itself, for nobody yet, and for one that is gone. */
export async function otherAccount(name: string | undefined): Promise<Account | null> {
  if (process.geteuid?.() !== 0 || name === undefined || name === '') return null;
  const account = await accountNamed(name);
  return account === undefined || account.uid === 0 ? null : account;
}

/** Only root sets up for another account. Returns a name that there is. */
export async function askAccount(fallback: string, talk: Talk): Promise<string> {
  return talk.text('Account that the scheduled pushes run as', {
    fallback,
    check: async (name) => {
      if ((await accountNamed(name)) !== undefined) return undefined;
      return accountName.test(name)
        ? `there is no account ${printable(name)}; create it in another terminal, then answer again: «${makeAccount(name)}»`
        : `there is no account ${JSON.stringify(printable(name))}, and there cannot be one: account names are short, like depot`;
    },
  });
}

/** What useradd takes. */
const accountName = /^[a-z_][a-z0-9_-]{0,31}$/;

function makeAccount(name: string): string {
  return `useradd --system --home-dir /var/lib/depot --shell /usr/sbin/nologin ${shellWord(name)}`;
}

export function noAccount(name: string): ReturnType<typeof usage> {
  if (process.platform === 'win32')
    return usage(
      '--user is for root, which Windows does not have',
      `leave it out; for the lines that give another account access: depot schedule print windows --at 01:30 --user ${shellWord(name)}`,
    );
  return usage(`there is no account ${JSON.stringify(name)}`, `create it first: «${makeAccount(name)}»`);
}

/** False when the person leaves; else the directory can be the account's. */
export async function stateIsGivable(state: string, account: Account, talk: Talk): Promise<boolean> {
  for (;;) {
    try {
      await requireGivable(state, account);
      return true;
    } catch (error) {
      if (!isDepotError(error)) throw error;
      talk.say(`${error.message}\n${error.hint ?? ''}`);
    }
    const then = await talk.choose('What now?', [
      { value: 'again', label: 'check again, after you have changed it in another terminal' },
      { value: 'leave', label: 'go on to another answer' },
    ]);
    if (then === 'leave') return false;
  }
}

/**
 * For root, once depot.yaml is there: whose the state directory is decides who pushes. Root's own is no answer while the
 * secrets or the signing key were made for another account: a set-up was interrupted, or the directory was there before.
 */
export async function pusherOf(config: Config, talk: Talk): Promise<Account | undefined> {
  const { path: state } = config.state;
  for (;;) {
    const owner = await stateOwner(config);
    if (process.geteuid?.() !== 0 || (owner !== undefined && owner.uid !== 0)) return owner;
    const there = owner !== undefined;
    const meant = await madeFor(config);
    if (there && meant === null) return owner;
    talk.say(
      !there
        ? `${printable(state)}, the directory for receipts and ledger, does not exist yet.`
        : `${printable(state)} belongs to root, but this was set up for account ${meant!.name}.`,
    );
    const account = await otherAccount(await askAccount(meant?.name ?? 'depot', talk));
    if (account === null) {
      if (!there) await makeRootsState(state);
      return accountOfUid(0);
    }
    if (!(await stateIsGivable(state, account, talk))) continue;
    await makeStateFor(account, state);
    talk.say(`${printable(state)} now belongs to ${account.name}`);
  }
}

/** The account that `secrets/`, or the group of the signing key, is of. */
async function madeFor({ directory, supplier }: Config): Promise<Account | null> {
  const secrets = await lstat(path.join(directory, 'secrets')).catch(() => null);
  if (secrets !== null && secrets.uid !== 0) return accountOfUid(secrets.uid);
  const key = await lstat(supplier.signingKey).catch(() => null);
  if (key === null || key.gid === 0) return null;
  return otherAccount(groupNameOf(key.gid));
}
