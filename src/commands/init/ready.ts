/** Makes an arrangement ready to push: host key, password, doctor. What is wrong is corrected, and looked at again. */
import type { Account } from '../../accounts.js';
import { loadConfig } from '../../config/load.js';
import type { Arrangement, Config } from '../../config/types.js';
import { isDepotError } from '../../errors.js';
import { readPlain } from '../../plain-file.js';
import { printable } from '../../printable.js';
import { jumpEndpoint, withUsername } from '../../push/agent.js';
import { Logins } from '../../push/logins.js';
import { accountOf } from '../../push/secret-finder.js';
import { Secret } from '../../secret.js';
import { storeSecret } from '../../secrets/login.js';
import { describeSources, type SecretKind } from '../../secrets/lookup.js';
import { isPinned } from '../../sftp/hostkeys.js';
import { needsPassphrase } from '../../sftp/private-key.js';
import { exitStatus } from '../../texts/exits.js';
import type { Context } from '../context.js';
import { chooseArrangement } from '../deposits.js';
import { requireFit } from '../login/fits.js';
import { lockWarning, tryPassword, whose } from '../login/try.js';
import { trust } from '../trust/pin.js';
import { pusherOf } from './account.js';
import { type Correction, correct, pinCompared } from './correct.js';
import { giveAccess } from './hand-over.js';
import { runDepot } from './run-depot.js';
import type { Talk } from './talk.js';

/** What a login may need; the passphrase of the signing key was asked for when the key was made. */
type LoginSecret = Exclude<SecretKind, 'signingKeyPassphrase'>;

/** What this set-up knows of an arrangement that stands in no file. */
interface Memory {
  /** Typed, and not kept yet: the user name or the host may have been wrong. */
  typed: string | null;
  /** The one that is stored was refused. */
  askAgain: boolean;
  refused: number;
}

/** Returns 0 when doctor passed as the account that pushes, else the exit status with which the person left. */
export async function ready(name: string, file: string, talk: Talk, context: Context): Promise<number> {
  const memory: Memory = { typed: null, askAgain: false, refused: 0 };
  for (;;) {
    // Read each time, and whose the state is too: both are often put right while the question is open.
    const config = await loadConfig({ flag: file, env: context.env, cwd: context.cwd });
    const arrangement = await withUsername(config, chooseArrangement(config, name));
    const other = otherThanThis(await pusherOf(config, talk));
    if (other !== null) await giveAccess(config, other, talk);
    await pinned(arrangement, file, talk, context);
    const wanted = await secretNeeded(arrangement);
    const exit = (await kept(wanted, arrangement, config, memory, talk, context))
      ? await runDepot(['doctor', arrangement.name, '--config', config.path], other, context)
      : exitStatus['login-refused'];
    if (exit === 0) return 0;
    if (exit === exitStatus['login-refused'] && !memory.askAgain && memory.typed === null) memory.refused += 1;
    const what = await talk.choose('Some checks failed. What would you like to do?', waysOut(exit, wanted, memory));
    if (what === 'leave') return exit;
    // A password that was typed is of no use to another way of logging in.
    if (what === 'secret' || what === 'login') Object.assign(memory, { askAgain: what === 'secret', typed: null });
    if (what !== 'secret' && what !== 'again') await correct(what, arrangement, config, other, talk, context);
  }
}

/** Only root can look as another account. */
export function otherThanThis(owner: Account | undefined): Account | null {
  return owner === undefined || process.geteuid?.() !== 0 || owner.uid === 0 ? null : owner;
}

type WayOut = Correction | 'secret' | 'again' | 'leave';

function waysOut(exit: number, wanted: LoginSecret | null, { typed }: Memory): { value: WayOut; label: string }[] {
  const secret: { value: WayOut; label: string }[] =
    wanted === null
      ? []
      : [
          {
            value: 'secret',
            label: `enter the ${wanted === 'password' ? 'password' : 'passphrase of the SSH key'} again`,
          },
        ];
  const again: { value: WayOut; label: string } = {
    value: 'again',
    label:
      typed === null
        ? 'check again, after you have fixed it or brought up the VPN'
        : 'try the same password again, after you have fixed it',
  };
  const first = wanted !== null && (exit === exitStatus['login-refused'] || exit === exitStatus['secret-missing']);
  return [
    ...(first ? secret : [again]),
    { value: 'username', label: 'the user name is wrong' },
    { value: 'directory', label: 'the directory is wrong' },
    { value: 'server', label: 'the host or the port is wrong' },
    { value: 'login', label: 'log in another way: password, SSH key or ssh-agent' },
    ...(exit === exitStatus['host-key-changed']
      ? [{ value: 'host key' as const, label: 'compare the host key again' }]
      : []),
    ...(first ? [again] : secret),
    { value: 'leave', label: 'stop; depot init continues here next time' },
  ];
}

/** Without a pinned host key nothing is sent, and no password tried. */
async function pinned(arrangement: Arrangement, file: string, talk: Talk, context: Context): Promise<void> {
  const { name, remote } = arrangement;
  const { host, port, knownHostsFile } = remote;
  const isThere = remote.hostKey.length > 0 || (await isPinned(knownHostsFile, host, port));
  const jump = jumpEndpoint(arrangement);
  const jumpIsThere =
    jump === undefined || jump.hostKeys.length > 0 || (await isPinned(knownHostsFile, jump.host, jump.port));
  if (isThere && jumpIsThere) return;
  talk.say(`No host key is pinned for ${printable(name)} yet; without one, depot sends nothing.`);
  if (jump !== undefined) {
    await trust({ config: file, state: undefined, name, fingerprints: [] }, context).catch((error: unknown) => {
      if (!isDepotError(error) || error.code === 'interrupted') throw error;
      talk.say(error.message);
    });
    return;
  }
  await pinCompared(remote, talk, context);
}

async function secretNeeded({ remote }: Arrangement): Promise<LoginSecret | null> {
  const { privateKey, sshAgent = false } = remote;
  if (privateKey === undefined) return sshAgent === false ? 'password' : null;
  return (await readPlain(privateKey).then(needsPassphrase, () => false)) ? 'privateKeyPassphrase' : null;
}

/** Asks for what is stored nowhere, tries it, and keeps what was not refused. False: the server refused it. */
async function kept(
  wanted: LoginSecret | null,
  arrangement: Arrangement,
  config: Config,
  memory: Memory,
  talk: Talk,
  context: Context,
): Promise<boolean> {
  if (wanted === null) return true;
  if (!memory.askAgain && memory.typed === null && (await isStored(wanted, arrangement, config, context))) return true;
  for (;;) {
    if (memory.typed === null && memory.refused >= 2) talk.say(lockWarning);
    memory.typed ??= await talk.hidden(questionFor(wanted, arrangement));
    memory.askAgain = false;
    if (memory.typed === '') {
      memory.typed = null;
      return true;
    }
    const problem = await problemWith(wanted, memory.typed, arrangement, config, talk, context);
    if (problem === 'refused') {
      memory.refused += 1;
      return false;
    }
    if (problem === null) {
      await keep(wanted, memory.typed, arrangement, config, talk, context);
      memory.typed = null;
      return true;
    }
    // With another host or user name it may be the right one.
    if (problem === 'not kept') return true;
    memory.typed = null;
  }
}

function questionFor(kind: LoginSecret, arrangement: Arrangement): string {
  return kind === 'password'
    ? `Password of ${whose(arrangement)} (the agent sent it by text message)`
    : `Passphrase of the SSH key ${printable(arrangement.remote.privateKey ?? '')}`;
}

/** Null when it may be kept. `wrong`: it does not open the SSH key, so another is asked for at once. */
async function problemWith(
  kind: LoginSecret,
  value: string,
  arrangement: Arrangement,
  config: Config,
  talk: Talk,
  context: Context,
): Promise<'refused' | 'wrong' | 'not kept' | null> {
  if (kind === 'privateKeyPassphrase') {
    try {
      await requireFit('private-key', value, arrangement, config);
      return null;
    } catch (error) {
      if (!isDepotError(error, 'passphrase-wrong')) throw error;
      talk.say(`  ${error.message}`);
      return 'wrong';
    }
  }
  const tried = await tryPassword(arrangement, config, new Secret(value), context);
  if (!('error' in tried)) return null;
  const { outcome, error } = tried;
  talk.say(error.message);
  if (outcome === 'refused') return 'refused';
  return (await talk.confirm('The password could not be tried. Store it anyway?', true)) ? null : 'not kept';
}

async function isStored(
  kind: LoginSecret,
  arrangement: Arrangement,
  config: Config,
  context: Context,
): Promise<boolean> {
  const sources = await describeSources(await targetOf(kind, arrangement, config, context));
  return sources.some(
    (s) => s.source !== 'prompt' && s.source !== 'keychain' && s.ambiguous !== true && s.present !== false,
  );
}

async function keep(
  kind: LoginSecret,
  value: string,
  arrangement: Arrangement,
  config: Config,
  talk: Talk,
  context: Context,
): Promise<void> {
  const stored = await storeSecret('file', new Secret(value), {
    ...(await targetOf(kind, arrangement, config, context)),
    owner: await pusherOf(config, talk),
  });
  for (const warning of stored.warnings) context.screen.warn(warning);
  talk.say(`kept in ${printable(stored.where)}, readable by ${stored.readableBy}`);
}

async function targetOf(kind: LoginSecret, arrangement: Arrangement, config: Config, { env }: Context) {
  const { remote } = arrangement;
  return {
    kind,
    env,
    needed: (await Logins.of(config, [arrangement])).needed(kind, arrangement),
    configDirectory: config.directory,
    account: accountOf(arrangement),
    refs: remote[kind],
    key: remote.privateKey,
  };
}
