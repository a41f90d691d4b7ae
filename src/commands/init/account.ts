/** Which account the scheduled pushes run as, when root sets up for another one. */
import { type Account, accountNamed } from '../../accounts.js';
import { printable } from '../../printable.js';
import { shellWord } from '../../shell.js';
import { usage } from '../flags.js';
import type { Talk } from './talk.js';

/** Only root sets up for another account. */
export async function pushingAccount(known: string | undefined, talk: Talk): Promise<Account | null> {
  if (process.geteuid?.() !== 0) return null;
  let account = known === undefined || known === '' ? undefined : await accountNamed(known);
  if (account === undefined) {
    await talk.text('Account that the scheduled pushes run as', {
      fallback: 'depot',
      check: async (name) => {
        account = await accountNamed(name);
        if (account !== undefined) return undefined;
        return accountName.test(name)
          ? `there is no account ${printable(name)}; make it in another terminal, then answer again: «${makeAccount(name)}»`
          : `there is no account ${JSON.stringify(printable(name))}, and none can be called that: an account is a short name such as depot`;
      },
    });
  }
  return account === undefined || account.uid === 0 ? null : account;
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
  return usage(`there is no account ${JSON.stringify(name)}`, `make it first: «${makeAccount(name)}»`);
}
