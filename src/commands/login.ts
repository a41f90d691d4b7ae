import type { CommandLine } from './command-line.js';
import path from 'node:path';
import { obstacle } from '../accounts.js';
import type { Arrangement, Config } from '../config/types.js';
import { DepotError } from '../errors.js';
import { looseTextOf } from '../text-file.js';
import { printable } from '../printable.js';
import type { Secret } from '../secret.js';
import type { SecretKind } from '../secrets/request.js';
import type { storeSecret, StoreIn } from '../secrets/login.js';
import { typedWord } from '../shell.js';
import { labelled } from '../ui/format.js';
import { stateOwner } from '../doctor/access.js';
import type { Context } from './context.js';
import { chooseArrangement, configFor, hiddenPrompt } from './deposits.js';
import { denied, given, globals, oneOf, text, usage, type Flags } from './flags.js';

const purposes = {
  password: 'password',
  'private-key': 'privateKeyPassphrase',
  'signing-key': 'signingKeyPassphrase',
} as const satisfies Record<string, SecretKind>;
type Purpose = keyof typeof purposes;

type SecretTarget = Parameters<typeof storeSecret>[2];

export function loginOptions(name: string | undefined, flags: Flags) {
  return {
    ...globals(flags),
    name,
    to: oneOf(flags, 'to', ['keychain', 'file', 'systemd']),
    username: text(flags, 'username'),
    passwordStdin: given(flags, 'passwordStdin'),
    untried: denied(flags, 'try'),
    purpose: oneOf(flags, 'for', Object.keys(purposes) as Purpose[]) ?? 'password',
  };
}
type LoginFlags = ReturnType<typeof loginOptions>;

export function logoutOptions(name: string | undefined, flags: Flags) {
  return { ...globals(flags), name, purpose: oneOf(flags, 'for', Object.keys(purposes) as Purpose[]) };
}
type LogoutFlags = ReturnType<typeof logoutOptions>;

export function defineLogin(parent: CommandLine): void {
  parent
    .command('login')
    .summary('store the password')
    .description(
      "Tries the user name and password on the agent's server, and stores them where only the scheduled run can read them. If the server refuses the password, it is not stored. If it cannot be tried now, it is stored, with a warning.",
    )
    .argument('[name]', 'arrangement')
    .option('--to <place>', 'file or systemd (for scheduled runs), or keychain (for pushes by hand)')
    .option('--username <name>', 'user name, if it is not in depot.yaml')
    .option('--password-stdin', 'read the secret from standard input')
    .option('--for <secret>', 'password (default), or the passphrase of the private-key or signing-key')
    .option('--no-try', 'store the password without trying it first')
    .ends(
      [5, 10, 12, 13, 14, 17],
      'depot login acme-crm # asks for everything',
      'depot login acme-crm --to file --password-stdin < password.txt # unattended',
      'depot login acme-crm --to systemd # prints the lines for the unit',
      'depot login --for signing-key --to file # the passphrase of the signing key',
    )
    .runs(loginOptions, login);
}

export function defineLogout(parent: CommandLine): void {
  parent
    .command('logout')
    .summary('remove what login stored')
    .description(
      'Removes the user name, password and SSH passphrase that depot login stored for an arrangement. It leaves secrets that depot.yaml or the environment names where they are, and lists them.',
    )
    .argument('[name]', 'arrangement')
    .option('--for <secret>', 'only this secret: password, private-key or signing-key')
    .ends([5, 10], 'depot logout acme-crm # user name, password and SSH passphrase')
    .runs(logoutOptions, logout);
}

async function login(o: LoginFlags, context: Context): Promise<number> {
  const { storeSecret, storeUsername } = await import('../secrets/login.js');
  const config = await configFor(o, context);
  const arrangement = chooseArrangement(config, o.name);
  const { remote } = arrangement;
  if (o.username !== undefined && remote.username !== undefined && o.username !== remote.username) {
    throw usage(
      `--username ${JSON.stringify(o.username)}: ${printable(config.path)} says ${JSON.stringify(remote.username)}`,
      'change it there, or leave out --username',
    );
  }
  const username = o.purpose === 'signing-key' ? remote.username : await usernameFor(o, arrangement, config, context);
  if (username !== undefined && remote.username === undefined) await requireSameUsername(username, arrangement, config);
  const to = o.to ?? (context.screen.interactive && !o.passwordStdin ? await askPlace(context) : 'file');
  const known = { ...arrangement, remote: { ...remote, ...(username === undefined ? {} : { username }) } };
  const secret = to === 'systemd' ? null : await secretFor(o, known, config, context);
  const pusher = await stateOwner(config);
  if (username !== undefined && remote.username === undefined)
    await storeUsername(config.directory, remote, username, pusher);
  const { Secret } = await import('../secret.js');
  const stored = await storeSecret(to, secret ?? new Secret(''), {
    ...(await targetOf(purposes[o.purpose], known, config, context)),
    owner: pusher,
  });
  const unreadable = to === 'file' && pusher !== undefined && (await obstacle(pusher, stored.where, 'read')) !== null;
  if (unreadable)
    context.screen.warn(
      `pushes run as account ${pusher.name}, which owns the state directory and cannot read ${printable(stored.where)}: chown -R ${pusher.name}: ${typedWord(path.dirname(stored.where))}`,
    );
  for (const warning of stored.warnings) context.screen.warn(warning);
  context.screen.result({ ok: true, ...stored }, [
    labelled(to === 'systemd' ? 'to do' : 'stored', `${printable(stored.where)}, for ${printable(stored.account)}`),
    labelled('readable by', stored.readableBy),
    ...(to === 'file' && pusher === undefined
      ? [labelled('', `for a schedule under another account, see: depot schedule print`)]
      : []),
    ...(stored.lines.length === 0 ? [] : ['', ...stored.lines]),
  ]);
  return 0;
}

async function logout(o: LogoutFlags, context: Context): Promise<number> {
  const { forgetSecret, forgetUsername, findUsername } = await import('../secrets/login.js');
  const config = await configFor(o, context);
  const arrangement = chooseArrangement(config, o.name);
  const username =
    arrangement.remote.username ?? (await findUsername(config.directory, arrangement.remote)) ?? undefined;
  const known = { ...arrangement, remote: { ...arrangement.remote, ...(username === undefined ? {} : { username }) } };
  const kinds: SecretKind[] = o.purpose === undefined ? ['password', 'privateKeyPassphrase'] : [purposes[o.purpose]];
  const removed: string[] = [];
  const remaining: string[] = [];
  for (const kind of kinds) {
    const done = await forgetSecret(await targetOf(kind, known, config, context));
    for (const warning of done.warnings) context.screen.warn(warning);
    removed.push(...done.removed);
    remaining.push(...done.remaining.map((place) => place.where));
  }
  if (o.purpose === undefined && arrangement.remote.username === undefined)
    await forgetUsername(config.directory, arrangement.remote);
  context.screen.result({ ok: true, removed, remaining }, [
    ...(removed.length === 0 ? ['nothing was stored'] : removed.map((where) => labelled('removed', printable(where)))),
    ...remaining.map((where) => labelled('still there', `${printable(where)} (not stored by depot login)`)),
  ]);
  return 0;
}

async function targetOf(
  kind: SecretKind,
  arrangement: Arrangement,
  config: Config,
  context: Context,
): Promise<SecretTarget> {
  const { Logins } = await import('../push/logins.js');
  const { host, port, username } = arrangement.remote;
  const signing = kind === 'signingKeyPassphrase';
  return {
    kind,
    env: context.env,
    configDirectory: config.directory,
    account: username === undefined ? undefined : { username, host, port },
    key: signing ? config.supplier.signingKey : arrangement.remote.privateKey,
    refs: signing ? config.supplier.passphrase : arrangement.remote[kind],
    needed: (await Logins.of(config, [...config.arrangements.values()])).needed(kind, arrangement),
  };
}

async function usernameFor(
  o: LoginFlags,
  { name, remote }: Arrangement,
  config: Config,
  context: Context,
): Promise<string> {
  const { findUsername } = await import('../secrets/login.js');
  const known = o.username ?? remote.username ?? (await findUsername(config.directory, remote));
  if (known !== null) return known;
  if (!context.screen.interactive)
    throw usage(
      `no user name for ${printable(remote.host)}`,
      `add --username U, or set remote.username in depot.yaml (arrangement ${name})`,
    );
  const { Prompt } = await import('../ui/prompt.js');
  return new Prompt({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal }).text({
    message: `User name on ${printable(remote.host)}`,
    validate: (answer) => (answer === '' ? 'enter the one that the agent sent by e-mail' : undefined),
  });
}

/** A stored user name is that of every arrangement at the server that names none: another one would turn them all to its account. */
async function requireSameUsername(username: string, { name, remote }: Arrangement, config: Config): Promise<void> {
  const { findUsername } = await import('../secrets/login.js');
  const stored = await findUsername(config.directory, remote);
  if (stored === null || stored === username) return;
  const others = [...config.arrangements.values()].filter(
    (other) =>
      other.name !== name &&
      other.remote.username === undefined &&
      other.remote.host.toLowerCase() === remote.host.toLowerCase() &&
      other.remote.port === remote.port,
  );
  if (others.length === 0) return;
  throw usage(
    `--username ${JSON.stringify(username)}: ${others.map((other) => other.name).join(', ')} would then also log in to ${printable(remote.host)} with that name, but ${JSON.stringify(stored)} is stored for them`,
    `set remote.username in depot.yaml (arrangement ${name}), then: «depot login ${name}»; if the user name changed for all of them: «depot logout ${name}», then run this again`,
  );
}

/** The secret, tried on what it is for. @throws DepotError 'login-refused' and what else trying it throws; 'passphrase-wrong' */
async function secretFor(o: LoginFlags, arrangement: Arrangement, config: Config, context: Context): Promise<Secret> {
  const { Secret } = await import('../secret.js');
  const { tryPassword, whose, lockWarning } = await import('./login/try.js');
  const words = {
    password: `password of ${whose(arrangement)}`,
    'private-key': `passphrase of the SSH key ${printable(arrangement.remote.privateKey ?? '')}`.trimEnd(),
    'signing-key': 'passphrase of the signing key',
  };
  const what = words[o.purpose];
  const ask = o.passwordStdin ? undefined : hiddenPrompt(context);
  if (!o.passwordStdin && ask === undefined)
    throw usage(`cannot ask for the ${what}: this is not a terminal`, 'add --password-stdin');
  for (let refused = 0; ; ) {
    const value = ask === undefined ? await fromStdin(context) : await ask(`${what[0]!.toUpperCase()}${what.slice(1)}`);
    if (value === '')
      throw new DepotError('secret-missing', `the ${what} is empty`, { hint: 'run it again: «depot …»' });
    const secret = new Secret(value);
    if (o.purpose !== 'password') {
      await (await import('./login/fits.js')).requireFit(o.purpose, value, arrangement, config);
      return secret;
    }
    if (o.untried) return secret;
    const tried = await tryPassword(arrangement, config, secret, context);
    if (tried.outcome === 'accepted') return secret;
    if (tried.outcome === 'not asked for') {
      context.screen.warn(
        'the server accepted the SSH key and did not ask for the password, so the password was not tried',
      );
      return secret;
    }
    const { outcome, error } = tried;
    if (outcome === 'untried') {
      if (ask !== undefined) await keepsUntried(error, context);
      else context.screen.warn(`the password was not tried: ${error.message.replaceAll('\n', '; ')}`);
      return secret;
    }
    refused += 1;
    error.hint = `check the user name and the password; to store it anyway: «depot login ${arrangement.name} --no-try»`;
    if (ask === undefined) throw error;
    context.screen.note(error.message);
    if (refused >= 2 && !(await confirmed(`${lockWarning} Try another password?`, false, context))) throw error;
  }
}

/** @throws the reason why it was not tried, when the person does not want it kept */
async function keepsUntried(error: DepotError, context: Context): Promise<void> {
  context.screen.note(`${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}`);
  if (!(await confirmed('The password could not be tried. Store it anyway?', true, context))) throw error;
}

async function confirmed(question: string, initial: boolean, context: Context): Promise<boolean> {
  const { Prompt } = await import('../ui/prompt.js');
  return new Prompt({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal }).confirm(
    question,
    initial,
  );
}

const longest = 64 * 1024;

async function fromStdin(context: Context): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of context.stdin) {
    const bytes = Buffer.from(chunk as Buffer);
    length += bytes.length;
    if (length > longest)
      throw new DepotError('secret-missing', `standard input has more than ${longest} bytes, too many for a password`, {
        hint: 'send only the password',
      });
    chunks.push(bytes);
  }
  return looseTextOf(Buffer.concat(chunks)).replace(/\r?\n$/, '');
}

async function askPlace(context: Context): Promise<StoreIn> {
  const { Prompt } = await import('../ui/prompt.js');
  return new Prompt({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal }).choose<StoreIn>(
    'Where should depot store it?',
    [
      {
        value: 'file',
        label: 'a file beside the configuration',
        hint: 'for scheduled runs; only one account can read it',
      },
      { value: 'systemd', label: 'a systemd credential', hint: 'for a systemd unit; prints the commands' },
      { value: 'keychain', label: 'the keychain of this session', hint: 'for pushes by hand' },
    ],
  );
}
