import { lstat, stat } from 'node:fs/promises';
import path from 'node:path';
import { type Account, accountNamed, runAs } from '../../accounts.js';
import { surroundings } from '../../config/locate.js';
import { parseConfig } from '../../config/load.js';
import { goesWithConfiguration, stateDirectory } from '../../config/state.js';
import { DepotError, isDepotError } from '../../errors.js';
import { oneFile, ownCommand } from '../../installation.js';
import { printable } from '../../printable.js';
import { localError, writeFileAtomic, writeNew } from '../../durable-file.js';
import type { Context } from '../context.js';
import { usage } from '../flags.js';
import { schemaText } from '../schema.js';
import { copyKey } from '../key/add.js';
import { exists } from '../key/write.js';
import { accessFor } from '../../doctor/access.js';
import { shellWord } from '../../shell.js';
import { answered, complete } from './given.js';
import type { InitFlags } from './options.js';
import { databasePasswords } from './database-passwords.js';
import { type Answers, type Draft, forgetDraft, keepDraft, readDraft } from './draft.js';
import { finish } from './finish.js';
import { noAccount, otherAccount } from './account.js';
import { askAllAgain, interview, summary } from './interview.js';
import type { Asked } from './asked.js';
import { absolutePath } from './paths.js';
import { missingForPush } from './missing.js';
import { makeDirectories, type Place, placePrivateKey, placeSigner, requireOwnLedger } from './place.js';
import { nightOf, printLine, requireNight } from './night.js';
import { isAboutNight, nightUnasked } from './night-unasked.js';
import { type Talk, talkOn } from './talk.js';
import { configText, schemaFile } from './text.js';

/**
 * Asks, writes, and then sees to the rest: host key, password, doctor, dry run, schedule. Left at any point, it goes on
 * there when it is run again; where nobody is asked it ends when depot.yaml is written, and the schedule is on where a flag says so.
 */
export async function init(o: InitFlags, context: Context): Promise<number> {
  const talk = o.yes || !context.screen.interactive ? null : await talkOn(context);
  if (talk !== null && o.later)
    throw usage('--later is for a set-up that asks nothing', 'add --yes, or leave out --later');
  const file = await configFile(o, talk, context);
  return setUp(file, o, talk, context).catch((error: unknown) => {
    if (talk !== null && isDepotError(error, 'interrupted'))
      error.hint ??= `continue where you left off: «${goOnLine(file, o, context)}»`;
    throw error;
  });
}

async function setUp(file: string, o: InitFlags, talk: Talk | null, context: Context): Promise<number> {
  await requireNight(o, context);
  const given = await answered(o, context);
  if (
    await lstat(file).then(
      () => true,
      () => false,
    )
  ) {
    const onlyNight = Object.keys(given).every((key) => key === 'state');
    if (talk === null && onlyNight && isAboutNight(o)) return nightAlone(file, o, context);
    if (talk === null || !onlyNight) throw exists(file);
    talk.say(`${printable(file)} already exists. Continuing with what is left to do.`);
    return finished(file, o, talk, context, []);
  }
  const { answers, place } =
    talk === null ? await fromFlags(given, file, o, context) : await fromPerson(given, file, o, talk, context);
  const written = await write(answers, place, o, talk, context);
  const lines = [
    `${printable(file)} is written; receipts and ledger go to ${printable(place.state)}`,
    ...(talk === null || place.account === null
      ? []
      : [
          `account ${place.account.name} now owns ${printable(place.state)} (chown, mode 700)`,
          ...(answers.signer === null
            ? [`account ${place.account.name} can read ${printable(written.signer.secretKey)} (chgrp, mode 640)`]
            : []),
        ]),
    ...(written.signer.publicKey === null
      ? []
      : [`give ${printable(written.signer.publicKey)} to the beneficiary, who checks receipts with it`]),
  ];
  if (talk !== null) return finished(file, o, talk, context, lines);
  const missing = (await missingForPush(answers, o, file, context)).map(({ what }) => what);
  const next = nextSteps(answers, missing, place, o, context);
  if (missing.length > 0)
    context.screen.warn(`cannot push yet: ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing`);
  const whose =
    place.account === null
      ? []
      : [
          `Lines with runuser are for ${place.account.name}, the account that pushes; the others are for root, which owns the configuration.`,
          '',
        ];
  const night = await nightUnasked(file, o, context);
  const left = [...written.access, ...next, ...night.next];
  context.screen[night.exit === 0 ? 'result' : 'failure'](
    {
      ok: night.exit === 0,
      config: file,
      state: place.state,
      account: place.account?.name ?? null,
      arrangement: answers.arrangement,
      signer: {
        fingerprint: written.signer.fingerprint,
        secretKey: written.signer.secretKey,
        publicKey: written.signer.publicKey,
      },
      beneficiary: written.beneficiary,
      hostKeys: answers.hostKeys,
      missing,
      ...night.document,
      next: left,
    },
    [...lines, ...night.lines, '', 'Next:', '', ...whose, ...left.map((line) => `  ${line}`)],
  );
  return night.exit;
}

/** Where depot.yaml is there already, and nobody is asked. */
async function nightAlone(file: string, o: InitFlags, context: Context): Promise<number> {
  const { exit, document, lines, next } = await nightUnasked(file, o, context);
  context.screen[exit === 0 ? 'result' : 'failure']({ ok: exit === 0, config: file, ...document, next }, [
    ...lines,
    ...(next.length === 0 ? [] : ['', 'Next:', '', ...next.map((line) => `  ${line}`)]),
  ]);
  return exit;
}

async function configFile(o: InitFlags, talk: Talk | null, context: Context): Promise<string> {
  const named = o.config ?? (context.env.DEPOT_CONFIG === '' ? undefined : context.env.DEPOT_CONFIG);
  const usual = path.resolve(context.cwd, 'depot.yaml');
  const asked =
    named === undefined &&
    talk !== null &&
    process.geteuid?.() === 0 &&
    !(await lstat(usual).then(
      () => true,
      () => false,
    ));
  if (!asked) return path.resolve(context.cwd, named ?? usual);
  return absolutePath(
    await talk.text('Where should the configuration be?', {
      path: true,
      fallback: '/etc/depot/depot.yaml',
      check: async (file) =>
        (await stat(absolutePath(file, context)).catch(() => null))?.isDirectory() === true
          ? 'that is a directory; name the file, like /etc/depot/depot.yaml'
          : undefined,
    }),
    context,
  );
}

async function fromFlags(
  given: Draft,
  file: string,
  o: InitFlags,
  context: Context,
): Promise<{ answers: Answers; place: Place }> {
  const account = o.user === undefined ? null : await accountNamed(o.user);
  if (account === undefined) throw noAccount(o.user!);
  if (account !== null && process.geteuid?.() !== 0 && account.uid !== process.geteuid?.())
    throw usage(`--user ${o.user!}: only root can set up for another account`, 'run it as root, or leave out --user');
  if (o.user === undefined && process.geteuid?.() === 0)
    context.screen.warn('root will push; --user ACCOUNT sets up a service account');
  const place = placeFor(file, account, o, context);
  const answers = complete(given, o, context, account, await missingForPush(given, o, file, context));
  return { answers: { ...answers, state: place.state }, place };
}

async function fromPerson(
  given: Draft,
  file: string,
  o: InitFlags,
  talk: Talk,
  context: Context,
): Promise<{ answers: Answers; place: Place }> {
  const again = `«${goOnLine(file, o, context)}»`;
  const asked = {
    talk,
    context,
    again,
    stateFor: (a: Draft, account: Account | null) => a.state ?? placeFor(file, account, o, context).state,
    keep: (soFar: Draft) => keepDraft(file, soFar),
  };
  const draft: Draft = { ...(await takenUp(file, asked)), ...given };
  if (process.geteuid?.() !== 0) draft.user = '';
  else if (draft.user !== undefined && (await accountNamed(draft.user)) === undefined) delete draft.user;
  const answers = await interview(draft, asked);
  if (answers === null) throw new DepotError('interrupted', 'depot.yaml is not written yet');
  return {
    answers,
    place: { ...placeFor(file, await otherAccount(answers.user), o, context), state: answers.state },
  };
}

/** The command that goes on here: with what was given as a flag and is not among the answers that are kept. */
function goOnLine(file: string, o: InitFlags, context: Context): string {
  const flags: [string, string | undefined][] = [
    ['--state', o.state],
    ['--passphrase-file', o.passphraseFile],
    ['--password-file', o.passwordFile],
    ['--private-key-passphrase-file', o.privateKeyPassphraseFile],
    ['--at', o.at],
    ['--until', o.until],
    ['--schedule', o.schedule],
    ['--notify', o.notify?.map((word) => shellWord(word)).join(' ')],
    ['--prometheus-file', o.prometheusFile],
  ];
  const given = [
    ...flags.flatMap(([flag, value]) => (value === undefined ? [] : [` ${flag} ${shellWord(value)}`])),
    ...(o.noPassphrase ? [' --no-passphrase'] : []),
  ].join('');
  const where = given === '' && file === path.resolve(context.cwd, 'depot.yaml') ? '' : ` --config ${shellWord(file)}`;
  return `depot init${where}${given}`;
}

/** The answers that were given before the last run was left. Whoever wants others is offered each of them once more: none is deleted. */
async function takenUp(file: string, o: Asked): Promise<Draft> {
  const draft = await readDraft(file);
  if (draft === null || Object.keys(draft).length === 0) return {};
  const name = draft.arrangement ?? draft.supplier;
  o.talk.say(
    `Found an unfinished set-up${name === undefined ? '' : ` of ${printable(name)}`}, with these answers:\n${summary(draft).join('\n')}`,
  );
  const then = await o.talk.choose('Continue with these answers?', [
    { value: 'yes', label: 'yes; you can still change each one at the end' },
    { value: 'again', label: 'no: ask each question again, and offer these answers' },
  ]);
  return then === 'yes' ? draft : askAllAgain(draft, o);
}

/** The state is said in depot.yaml, so that it is the same for whoever runs depot. */
function placeFor(file: string, account: Account | null, o: InitFlags, context: Context): Place {
  const found = stateDirectory(surroundings(context.env, context.cwd), { flag: o.state, configPath: file });
  const meant = found.from === '--state' || found.from === '$DEPOT_STATE_DIR' || goesWithConfiguration(found);
  return {
    config: file,
    directory: path.dirname(file),
    state: account !== null && !meant ? '/var/lib/depot' : found.path,
    account: account?.uid === process.geteuid?.() ? null : account,
  };
}

interface Written {
  beneficiary: { fingerprint: string; key: string };
  signer: Awaited<ReturnType<typeof placeSigner>>;
  /** What is left for root to type, when a file that was named is closed to the account. */
  access: string[];
}

async function write(a: Answers, place: Place, o: InitFlags, talk: Talk | null, context: Context): Promise<Written> {
  const { config: file, directory } = place;
  await requireOwnLedger(a, place);
  await makeDirectories(place);
  const beneficiary = await copyKey(a.keyFile, a.fingerprint, a.arrangement, directory);
  for (const warning of beneficiary.warnings) context.screen.warn(warning);
  const signer = await placeSigner(a, o, place, talk, context);
  const resolved = (name: string | undefined): string | undefined =>
    name === undefined ? undefined : absolutePath(name, context);
  const passwords = await databasePasswords(a.sources, place);
  const text = configText({
    ...a,
    sources: passwords.sources,
    state: place.state,
    signingKey: signer.relative,
    passphraseFile: resolved(o.passphraseFile),
    beneficiary: { name: a.beneficiary, key: beneficiary.relative, fingerprint: beneficiary.fingerprint },
    remote: {
      host: a.host,
      port: a.port,
      username: a.username,
      directory: a.directory,
      hostKeys: a.hostKeys,
      sshAgent: a.sshAgent,
      sshConfig: a.sshConfig,
      proxyJump: a.proxyJump,
      proxyJumpHostKeys: a.proxyJumpHostKeys,
      privateKey: await placePrivateKey(a.privateKey, directory, place.account),
      passwordFile: resolved(o.passwordFile),
      privateKeyPassphraseFile: resolved(o.privateKeyPassphraseFile),
    },
  });
  const config = await parseConfig(text, file, surroundings(context.env, context.cwd)).catch((error: unknown) => {
    // What was asked for was checked; what is left are combinations that only the whole shows.
    if (isDepotError(error, 'config-invalid'))
      error.hint = 'give other answers: «depot init»; nothing but keys was written';
    throw error;
  });
  try {
    await passwords.keep();
    await writeNew(file, text, 0o644);
  } catch (error) {
    await passwords.forget();
    throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? exists(file) : localError(error, 'write', file);
  }
  if (oneFile) await putSchemaBeside(file);
  await forgetDraft(file);
  // On a terminal, what comes next gives access, and says what is left to type.
  const access =
    place.account === null || talk !== null
      ? { lines: [], warnings: [] }
      : await accessFor(place.account.name, place.account, {
          config,
          arrangements: [...config.arrangements.values()],
          program: ownCommand(),
          stateMadeBySystemd: false,
        });
  for (const warning of access.warnings) context.screen.warn(warning);
  return { beneficiary: { fingerprint: beneficiary.fingerprint, key: beneficiary.key }, signer, access: access.lines };
}

/** For editors, where no package has it. */
async function putSchemaBeside(file: string): Promise<void> {
  const beside = path.join(path.dirname(file), schemaFile);
  await writeFileAtomic(beside, schemaText('depot'), 0o644);
}

async function finished(
  file: string,
  o: InitFlags,
  talk: Talk,
  context: Context,
  lines: readonly string[],
): Promise<number> {
  if (lines.length > 0) talk.say(`\n${lines.join('\n')}`);
  const { exit, next, end, started } = await finish(file, o, talk, context);
  context.screen.result({ ok: exit === 0, config: file, next }, [
    `${exit !== 0 ? 'Not ready yet.' : started ? 'Ready.' : 'Set up; nothing is deposited yet.'}${next.length === 0 ? '' : ' Next:'}`,
    '',
    ...next.flatMap(pasted),
    ...(next.length === 0 || end.length === 0 ? [] : ['']),
    ...end,
  ]);
  return exit;
}

/** As help shows its examples: a comment stands above its line. Beside it, zsh would hand it to the command. */
function pasted(line: string): string[] {
  const [command = '', comment] = line.split('    # ');
  return [...(comment === undefined ? [] : [`  # ${comment}`]), `  ${command}`];
}

function nextSteps(
  a: Answers,
  missing: readonly string[],
  { config, account }: Place,
  o: InitFlags,
  context: Context,
): string[] {
  const where = o.config === undefined ? '' : ` --config ${shellWord(config)}`;
  const as = account === null ? '' : runAs(account, '');
  return [
    ...(missing.includes('host key') ? [`depot trust ${a.arrangement}${where}`] : []),
    ...(missing.includes('password') && o.passwordFile === undefined
      ? [`depot login ${a.arrangement} --to file${where}`]
      : []),
    ...(missing.includes('passphrase of the SSH key') && o.privateKeyPassphraseFile === undefined
      ? [`depot login ${a.arrangement} --for private-key --to file${where}`]
      : []),
    `${as}depot doctor ${a.arrangement}${where}`,
    `${as}depot push ${a.arrangement} --dry-run${where}`,
    `${as}depot push ${a.arrangement}${where}`,
    ...(o.schedule === 'systemd' || o.schedule === 'cron'
      ? []
      : [
          process.platform === 'win32'
            ? `${printLine('windows', nightOf(o, context))}${where} --out .`
            : `${printLine('systemd', nightOf(o, context))}${where}`,
        ]),
  ];
}
