/** After depot.yaml is written: host key, password, doctor, dry run, schedule. Each is done once; a second run goes on where one ended. */
import { stat } from 'node:fs/promises';
import { type Account, runAs } from '../../accounts.js';
import { run } from '../../child.js';
import { loadConfig } from '../../config/load.js';
import type { Arrangement, Config } from '../../config/types.js';
import { withUsername } from '../../push/agent.js';
import { Logins } from '../../push/logins.js';
import { accountOf } from '../../push/secret-finder.js';
import { ownCommand } from '../../installation.js';
import { readPlain } from '../../plain-file.js';
import { printable } from '../../printable.js';
import { Secret } from '../../secret.js';
import { storeSecret } from '../../secrets/login.js';
import { describeSources, type SecretKind } from '../../secrets/lookup.js';
import { isPinned } from '../../sftp/hostkeys.js';
import { needsPassphrase } from '../../sftp/private-key.js';
import { scanHostKeys } from '../../sftp/scan.js';
import { stateOwner } from '../../doctor/access.js';
import type { Context } from '../context.js';
import { chooseArrangement } from '../deposits.js';
import { shellWord } from '../../shell.js';
import { exitStatus } from '../../texts/exits.js';
import { pin } from '../trust/pin.js';
import { pushingAccount } from './account.js';
import { comparedHostKeys } from './answers.js';
import { makeDirectories } from './place.js';
import type { Talk } from './talk.js';

/** What a login may need; the passphrase of the signing key was asked for when the key was made. */
type LoginSecret = Exclude<SecretKind, 'signingKeyPassphrase'>;

/** Returns the exit status, and the lines that are left to type. */
export async function finish(
  file: string,
  at: string | undefined,
  talk: Talk,
  context: Context,
): Promise<{ exit: number; next: string[] }> {
  const config = await loadConfig({ flag: file, env: context.env, cwd: context.cwd });
  const owner = (await stateOwner(config)) ?? (await madeForAccount(config, talk));
  if (owner?.uid === 0) talk.say(`Pushes run as root, which owns ${printable(config.state.path)}.`);
  const other = owner !== undefined && owner.uid !== process.geteuid?.() ? owner : null;
  const names = [...config.arrangements.keys()];
  for (const name of names) {
    const exit = await ready(name, file, other, talk, context);
    if (exit !== 0)
      return { exit, next: [`depot init --config ${shellWord(file)}    # goes on here, once that is put right`] };
  }
  if (await talk.confirm('Run the sources now and seal to nowhere, to see that they work (nothing is sent)?', true)) {
    const exit = await runDepot(
      ['push', ...(names.length === 1 ? names : ['--all']), '--dry-run', '--config', file],
      other,
      context,
    );
    if (exit !== 0)
      return { exit, next: [`depot init --config ${shellWord(file)}    # goes on here, once that is put right`] };
  }
  return { exit: 0, next: await scheduleLines(file, at, names.length > 1, owner, other, talk) };
}

/** Without a state directory nothing says which account pushes, and root's pushes can run commands: so it is asked for, not taken to be root. */
async function madeForAccount({ path: file, directory, state }: Config, talk: Talk): Promise<Account | undefined> {
  if (process.geteuid?.() !== 0) return undefined;
  talk.say(`${printable(state.path)}, the place for receipts and ledger, is not there.`);
  await makeDirectories({ config: file, directory, state: state.path, account: await pushingAccount(undefined, talk) });
  return stateOwner({ state });
}

/** Reads depot.yaml itself: what kept a push from working is often corrected there while the question is open. */
async function ready(name: string, file: string, other: Account | null, talk: Talk, context: Context): Promise<number> {
  const config = await loadConfig({ flag: file, env: context.env, cwd: context.cwd });
  const arrangement = await withUsername(config, chooseArrangement(config, name));
  await hostKey(arrangement, talk, context);
  return loggedIn(arrangement, config, other, talk, context);
}

async function hostKey({ name, remote }: Arrangement, talk: Talk, context: Context): Promise<void> {
  // By way of another server both are looked at by «depot trust», as doctor will say.
  if (remote.hostKey.length > 0 || remote.proxyJump !== undefined) return;
  if (await isPinned(remote.knownHostsFile, remote.host, remote.port)) return;
  talk.say(`No host key is pinned for ${printable(name)} yet; without one nothing is sent.`);
  const compared = await comparedHostKeys(remote.host, remote.port, talk, context);
  if (compared.length === 0) return;
  const shown = await scanHostKeys(remote.host, remote.port, {
    timeoutMs: remote.connectTimeout,
    signal: context.signal,
  });
  await pin(
    shown.filter((key) => compared.includes(`${key.type} ${key.fingerprint}`)),
    remote,
  );
}

/** Asks for what is stored nowhere, then lets doctor look; a password that the server refuses is asked for again. */
async function loggedIn(
  arrangement: Arrangement,
  config: Config,
  other: Account | null,
  talk: Talk,
  context: Context,
): Promise<number> {
  const key = arrangement.remote.privateKey;
  const wanted: LoginSecret | null =
    key === undefined
      ? (arrangement.remote.sshAgent ?? false) !== false
        ? null
        : 'password'
      : (await readPlain(key).then(needsPassphrase, () => false))
        ? 'privateKeyPassphrase'
        : null;
  let ask = wanted !== null && !(await isStored(wanted, arrangement, config, context));
  for (;;) {
    if (ask && wanted !== null) await keep(wanted, arrangement, config, talk, context);
    const exit = await runDepot(['doctor', arrangement.name, '--config', config.path], other, context);
    if (exit === 0) return 0;
    const what = await talk.choose('Some checks failed. What would you like to do?', [
      ...(wanted !== null && (exit === exitStatus['login-refused'] || exit === exitStatus['secret-missing'])
        ? [
            {
              value: 'secret',
              label: `enter the ${wanted === 'password' ? 'password' : 'passphrase of the SSH key'} again`,
            },
          ]
        : []),
      { value: 'again', label: 'check again, after you have fixed it or brought up the VPN' },
      { value: 'leave', label: 'leave; depot init continues here next time' },
    ]);
    if (what === 'leave') return exit;
    ask = what === 'secret';
    if (!ask) return ready(arrangement.name, config.path, other, talk, context);
  }
}

async function isStored(
  kind: LoginSecret,
  arrangement: Arrangement,
  config: Config,
  context: Context,
): Promise<boolean> {
  const sources = await describeSources({
    kind,
    env: context.env,
    needed: (await Logins.of(config, [arrangement])).needed(kind, arrangement),
    configDirectory: config.directory,
    account: accountOf(arrangement),
    refs: arrangement.remote[kind],
    key: arrangement.remote.privateKey,
  });
  return sources.some(
    (s) => s.source !== 'prompt' && s.source !== 'keychain' && s.ambiguous !== true && s.present !== false,
  );
}

async function keep(
  kind: LoginSecret,
  arrangement: Arrangement,
  config: Config,
  talk: Talk,
  context: Context,
): Promise<void> {
  const { remote } = arrangement;
  const who = `${remote.username ?? ''}@${remote.host}:${remote.port}`;
  const question =
    kind === 'password'
      ? `The password of ${printable(who)} (the agent sent it by text message)`
      : `Passphrase of the SSH key ${printable(remote.privateKey ?? '')}`;
  const value = await talk.hidden(question);
  if (value === '') return;
  const owner = await stateOwner(config);
  const stored = await storeSecret('file', new Secret(value), {
    kind,
    configDirectory: config.directory,
    env: context.env,
    account: accountOf(arrangement),
    key: remote.privateKey,
    refs: remote[kind],
    owner,
    needed: (await Logins.of(config, [arrangement])).needed(kind, arrangement),
  });
  for (const warning of stored.warnings) context.screen.warn(warning);
  talk.say(`kept in ${printable(stored.where)}, readable by ${stored.readableBy}`);
}

/** A depot that was told to stop first tidies up. */
const depotGraceMs = 60_000;

/** The same program in a process of its own, as the account that pushes: what it may not read shows now, not at night. */
async function runDepot(args: readonly string[], other: Account | null, context: Context): Promise<number> {
  const own = [...ownCommand(), ...args];
  const as =
    other === null
      ? []
      : ['setpriv', '--reuid', String(other.uid), '--regid', String(other.gid), '--groups', other.gids.join(','), '--'];
  const { PATH, LANG, LC_ALL, TERM, NO_COLOR, TZ } = context.env;
  const kept = Object.entries(other === null ? context.env : { PATH, LANG, LC_ALL, TERM, NO_COLOR, TZ });
  context.screen.note(
    `\n$ «${other === null ? '' : runAs(other, '')}depot ${args.map((word) => shellWord(word)).join(' ')}»`,
  );
  const { status } = await run([...as, ...own], {
    code: 'internal',
    directory: other === null ? context.cwd : '/',
    env: {},
    // It is depot itself: it gets the secrets that were given to this one.
    setEnv: Object.fromEntries(kept.filter((entry): entry is [string, string] => entry[1] !== undefined)),
    stdout: context.screen.stderr,
    stderr: context.screen.stderr,
    signal: context.signal,
    graceMs: depotGraceMs,
    atTerminal: true,
    anyExit: true,
  });
  return status ?? 1;
}

async function scheduleLines(
  file: string,
  given: string | undefined,
  several: boolean,
  owner: Account | undefined,
  other: Account | null,
  talk: Talk,
): Promise<string[]> {
  const at =
    given ??
    (await talk.text('At what time of day should it run?', {
      fallback: '01:30',
      check: (time) => (/^([01]?\d|2[0-3]):[0-5]\d$/.test(time) ? undefined : 'a time of day like 01:30'),
    }));
  const where = `--config ${shellWord(file)}`;
  const first = `${other === null ? '' : runAs(other, '')}depot push${several ? ' --all' : ''} ${where}    # the first deposit, now`;
  const root = process.geteuid?.() === 0;
  if (process.platform === 'win32') return [first, `depot schedule print windows --at ${at} ${where} --out .`];
  const systemd = await stat('/run/systemd/system').then(
    () => true,
    () => false,
  );
  if (root && systemd) {
    return [
      first,
      `depot schedule print systemd --at ${at} ${where} --out /etc/systemd/system    # add --requires with the unit of the VPN`,
      'systemctl daemon-reload && systemctl enable --now depot.timer',
    ];
  }
  const table = root && owner !== undefined ? `crontab -u ${owner.name}` : 'crontab';
  return [first, `(${table} -l 2>/dev/null; depot schedule print cron --at ${at} ${where}) | ${table} -`];
}
