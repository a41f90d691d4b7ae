import { stat } from 'node:fs/promises';
import path from 'node:path';
import { accountNamed, accountOfUid, ownName } from '../../accounts.js';
import type { TimeOfDay } from '../../clock.js';
import { agentSockets, secretFiles } from '../../config/login-files.js';
import { goesWithConfiguration } from '../../config/state.js';
import type { Arrangement, Config } from '../../config/types.js';
import { withUsername } from '../../push/agent.js';
import { Logins } from '../../push/logins.js';
import { accountOf } from '../../push/secret-finder.js';
import { ownCommand } from '../../installation.js';
import { printable } from '../../printable.js';
import { writeFileAtomic } from '../../durable-file.js';
import { credentialName, serverCredentialName } from '../../secrets/environment.js';
import { lateness } from '../../standing/standing.js';
import { age, labelled } from '../../ui/format.js';
import { stateOwner, type Access, accessFor } from '../../doctor/access.js';
import type { Context, GlobalOptions } from '../context.js';
import { chooseArrangements, configFor } from '../deposits.js';
import { cronLine } from './cron.js';
import { launchdJob } from './launchd.js';
import { type Job, type Printed, requireOneLine } from './job.js';
import { surroundings } from './surroundings.js';
import { serviceAccount, systemdMakes, systemdUnits } from './systemd.js';
import { clockText, triesFrom } from './tries.js';
import { windowsTask } from './windows.js';
import { windowsAccount } from './windows-access.js';
import { shellWord } from '../../shell.js';

export interface ScheduleFlags extends GlobalOptions {
  kind: 'systemd' | 'cron' | 'launchd' | 'windows';
  names: string[];
  at: TimeOfDay;
  /** No try begins then or later; as `at`, there is one try. Left out, six hours after it. */
  until: TimeOfDay | undefined;
  user: string | undefined;
  requires: string | undefined;
  onFailure: string | undefined;
  /** Where metrics go. */
  prometheusFile: string | undefined;
  /** Where the files go, instead of to standard output. */
  out: string | undefined;
}

/** Files and what to type next, as they were printed; nothing of it is on a screen yet. */
export interface Schedule extends Printed {
  /** Null where it is left to the reader. */
  account: string | null;
  warnings: string[];
  /** What root types before that: the account, and its access to what it needs. */
  prepare: string[];
  /** With `out`, where the files are now. */
  written: string[];
}

export async function print(o: ScheduleFlags, context: Context): Promise<number> {
  const schedule = await makeSchedule(o, await configFor(o, context), context);
  const { account, files, paste, warnings, written } = schedule;
  for (const warning of warnings) context.screen.warn(warning);
  context.screen.result(
    {
      ok: true,
      kind: o.kind,
      account,
      files,
      paste,
      warnings,
      ...(o.out === undefined ? {} : { written }),
    },
    o.out === undefined
      ? lines(o.kind, schedule)
      : [...written.map((file) => labelled('written', printable(file))), '', ...paste],
  );
  return 0;
}

/** A push every night with a second chance, and a look every hour at how things stand; written where `out` says. */
export async function makeSchedule(
  o: ScheduleFlags,
  config: Config,
  context: Pick<Context, 'env' | 'cwd'>,
): Promise<Schedule> {
  const arrangements = chooseArrangements(config, o.names, 'all');
  const program = ownCommand();
  const out = o.out === undefined ? undefined : path.resolve(context.cwd, o.out);
  const metrics = o.prometheusFile === undefined ? undefined : path.resolve(context.cwd, o.prometheusFile);
  const {
    user,
    lines: prepare,
    warnings,
    ownAccount,
  } = o.kind === 'windows'
    ? await windowsAccount(o.user, config, arrangements, program, context.env)
    : await accountFor(o, config, arrangements, program, metrics);
  const another = user !== undefined && !ownAccount && user !== ownName() ? user : undefined;
  warnings.push(...surroundings(o.kind, another, arrangements), ...tooOften(arrangements));
  const places = [
    '--config',
    config.path,
    // Else another account, or one without this environment, would begin a second ledger elsewhere.
    ...(goesWithConfiguration(config.state) ? [] : ['--state', config.state.path]),
  ];
  const tries = triesFrom(o.at, o.until);
  const secondChance = tries.length === 1 ? [] : ['--if-none-since', clockText(o.at), '--if-not-running'];
  const job: Job = {
    command: [
      ...program,
      'push',
      ...(o.names.length === 0 ? ['--all'] : o.names),
      ...secondChance,
      '--quiet',
      ...places,
    ],
    status: [
      ...program,
      'status',
      ...o.names,
      ...(metrics === undefined ? ['--quiet'] : ['--prometheus', '--out', metrics]),
      ...places,
    ],
    places,
    tries,
    told: config.notify?.on.includes('stale') === true || config.ping?.on.includes('failure') === true,
    metrics,
    user,
    configDirectory: config.directory,
    stateDirectory: config.state.path,
    what: o.names.length === 0 ? 'all arrangements' : o.names.join(', '),
    prepare,
    credentials: o.kind === 'systemd' ? await credentialsFor(config, arrangements) : [],
    ownAccount,
    out,
    requires: o.requires,
    onFailure: o.onFailure,
  };
  requireOneLine(job);
  const printed = { systemd: systemdUnits, cron: cronLine, launchd: launchdJob, windows: windowsTask }[o.kind](job);
  if (out === undefined && isXml(o.kind))
    warnings.push(
      `this is only the push; the hourly depot status is a second file: add --out DIRECTORY for both${fitsXml(o.kind, printed.paste) ? '' : ', and for the commands to type next, which cannot be in the XML'}`,
    );
  if (metrics !== undefined)
    printed.paste.push('alert rules for Prometheus: docs/deploy/prometheus-rules.yaml, in the directory of depot');
  return {
    account: user ?? null,
    ...printed,
    warnings,
    prepare,
    written: out === undefined ? [] : await writeFiles(printed.files, out),
  };
}

/** A schedule is of one deposit a day; the older ones are then stale before the next one comes. */
function tooOften(arrangements: readonly Arrangement[]): string[] {
  const often = arrangements.filter(({ every }) => every !== undefined && every * lateness < dayMs);
  return often.map(
    ({ name, every }) =>
      `${name} has every: ${age(every!)}, but this schedule makes one deposit a day: add more times of day for it`,
  );
}

const dayMs = 24 * 3600 * 1000;

/** `--user`, else the owner of the state, else who runs this; root prints for an account of its own. */
async function accountFor(
  o: ScheduleFlags,
  config: Config,
  arrangements: readonly Arrangement[],
  program: readonly string[],
  metrics: string | undefined,
): Promise<Access & { user: string | undefined; ownAccount: boolean }> {
  const caller = process.geteuid?.();
  if (caller === undefined) return { user: o.user, ownAccount: false, lines: [], warnings: [] };
  const owner = await stateOwner(config);
  const usual =
    owner !== undefined && owner.uid !== 0
      ? owner.name
      : caller !== 0
        ? (await accountOfUid(caller)).name
        : o.kind === 'systemd' || o.kind === 'launchd'
          ? serviceAccount
          : undefined;
  const name = o.user ?? usual;
  if (name === undefined) return { user: undefined, ownAccount: false, lines: [], warnings: [] };
  const account = (await accountNamed(name)) ?? null;
  const access = await accessFor(name, account, {
    config,
    arrangements,
    program,
    stateMadeBySystemd: o.kind === 'systemd' && systemdMakes(config.state.path),
    metrics,
  });
  const make =
    account === null && o.kind !== 'launchd'
      ? [`useradd --system --home-dir /var/lib/depot --shell /usr/sbin/nologin ${shellWord(name)}`]
      : [];
  const hidden =
    o.kind === 'systemd'
      ? [
          config.state.path,
          config.path,
          ...(metrics === undefined ? [] : [metrics]),
          ...arrangements.flatMap(({ remote }) => [...secretFiles(remote), ...agentSockets(remote)]),
          ...arrangements.flatMap(({ dataset }) =>
            dataset.flatMap((source) => ('path' in source ? [source.path] : [])),
          ),
        ]
          .filter((file) => /^\/(?:var\/)?tmp\//.test(file))
          .map(
            (file) =>
              `${printable(file)} is under /tmp or /var/tmp, and the unit has its own (PrivateTmp): move it elsewhere`,
          )
      : [];
  return {
    user: name,
    ownAccount: false,
    lines: [...make, ...access.lines],
    warnings: [
      ...(account === null && o.kind === 'launchd' ? [`this machine has no account ${name}: create it first`] : []),
      ...access.warnings,
      ...hidden,
    ],
  };
}

/** What `depot login --to systemd` had the administrator keep, by the names that a push looks for. */
async function credentialsFor(config: Config, arrangements: readonly Arrangement[]): Promise<Job['credentials']> {
  const logins = await Logins.of(config, [...config.arrangements.values()]);
  const known = await Promise.all(arrangements.map((arrangement) => withUsername(config, arrangement)));
  const names = new Set<string>();
  for (const arrangement of known) {
    const account = accountOf(arrangement);
    for (const kind of ['password', 'privateKeyPassphrase', 'signingKeyPassphrase'] as const) {
      const needed = logins.needed(kind, arrangement);
      if (account !== undefined && kind !== 'signingKeyPassphrase') names.add(credentialName(kind, account));
      if (needed.server <= 1 && kind !== 'signingKeyPassphrase')
        names.add(serverCredentialName(kind, arrangement.remote));
      // One that does not say whose it is would be shown to whatever server this unit logs in to.
      if (needed.run <= 1) names.add(credentialName(kind));
    }
  }
  const places = [...names].flatMap((name) => [
    { name, file: `/etc/credstore.encrypted/${name}`, encrypted: true },
    { name, file: `/etc/credstore/${name}`, encrypted: false },
  ]);
  const there = await Promise.all(
    places.map(({ file }) =>
      stat(file).then(
        () => true,
        () => false,
      ),
    ),
  );
  return places.filter((_, i) => there[i]);
}

/** Units are no secret, and systemd complains about ones that only root reads. */
async function writeFiles(files: Printed['files'], directory: string): Promise<string[]> {
  const written: string[] = [];
  for (const { path: name, contents } of files) {
    const file = path.join(directory, path.basename(name));
    await writeFileAtomic(file, contents, 0o644);
    written.push(file);
  }
  return written;
}

function isXml(kind: ScheduleFlags['kind']): boolean {
  return kind === 'windows' || kind === 'launchd';
}

/** A comment in XML has no two hyphens in it, as commands of depot may once they are completed; what Windows redirects keeps no letters beyond ASCII. */
function fitsXml(kind: ScheduleFlags['kind'], paste: readonly string[]): boolean {
  return !paste.some((line) => /--|«/.test(line) || (kind === 'windows' && /[^\t -~]/.test(line)));
}

/** What is pasted stands in comments, so that the output as a whole is a valid crontab or XML file. */
function lines(kind: ScheduleFlags['kind'], { files, paste }: Printed): string[] {
  if (isXml(kind))
    return [files[0]!.contents.trimEnd(), ...(fitsXml(kind, paste) ? [`<!--\n${paste.join('\n')}\n-->`] : [])];
  const text = files.flatMap(({ path: name, contents }) => [`# ${name}`, contents.trimEnd(), '']);
  return [...text, ...paste.map((line) => `# ${line}`)];
}
