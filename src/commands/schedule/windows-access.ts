/** Which account a Windows task runs as, and what an administrator types so that it finds what it needs. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ownName } from '../../accounts.js';
import { succeeds } from '../../abort.js';
import type { Arrangement, Config } from '../../config/types.js';
import { secretFiles } from '../../config/login-files.js';
import type { Access } from '../../doctor/access.js';
import { printable } from '../../printable.js';
import { typedWord } from '../../shell.js';
import { accessLists } from '../../windows/access-lists.js';
import { grants } from '../../windows/private.js';
import { serviceSid } from './windows.js';

/** `--user`, else the account that runs this, whose secrets and state they are. */
export async function windowsAccount(
  given: string | undefined,
  config: Config,
  arrangements: readonly Arrangement[],
  program: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Access & { user: string | undefined; ownAccount: boolean }> {
  const self = await accessLists()?.self();
  const ownAccount = given === undefined || isOwn(given, env);
  if (ownAccount) {
    const shares = arrangements
      .flatMap(({ dataset }) => dataset.flatMap((source) => ('path' in source ? [source.path] : [])))
      .filter((source) => /^\\\\[^?.]/.test(source));
    return {
      user: self ?? ownName(),
      ownAccount,
      lines: [],
      warnings: shares.map(
        (share) =>
          `the source ${printable(share)} is on another machine, which a task without a stored password cannot read: choose another account with --user`,
      ),
    };
  }
  const named = arrangements.flatMap(({ remote }) => secretFiles(remote));
  return {
    user: given,
    ownAccount,
    ...accessLines({
      account: serviceSid(given) ?? given,
      program,
      self: self ?? '',
      home: env.USERPROFILE,
      configDirectory: config.directory,
      state: config.state.path,
      stateIsThere: await succeeds(stat(config.state.path)),
      files: [config.supplier.signingKey, config.supplier.passphrase.file, ...named].filter((f) => f !== undefined),
    }),
  };
}

function isOwn(given: string, env: NodeJS.ProcessEnv): boolean {
  const [domain = '', name = ''] = [env.USERDOMAIN, env.USERNAME].map((word) => word?.toUpperCase());
  const typed = given.toUpperCase().replace(/^\.\\/, '');
  return name !== '' && (typed === name || typed === `${domain}\\${name}`);
}

/**
 * As root hands files to a service elsewhere: administrators own the configuration and its secrets, and the account reads
 * them; the state is the account's to write. What others were granted is taken away, since the account would refuse it.
 */
export function accessLines(o: {
  /** A name, or a SID. */
  account: string;
  /** Who set this up, and is to have no rights of its own any more; empty where that is not known. */
  self: string;
  home: string | undefined;
  configDirectory: string;
  state: string;
  stateIsThere: boolean;
  /** Node and depot. */
  program: readonly string[];
  /** What the configuration names. */
  files: readonly string[];
}): Access {
  const { configDirectory, state } = o;
  const shut = o.program.filter((file) => isInside(o.home, file));
  const warnings = [configDirectory, state, ...o.files]
    .filter((place) => isInside(o.home, place) || path.win32.parse(place).root === place)
    .filter((place, i, all) => !all.slice(0, i).some((earlier) => isInside(earlier, place)))
    .map(
      (place) =>
        `${printable(place)} cannot be shared with ${o.account}: move configuration, keys and state to %ProgramData%\\depot, then print the schedule again`,
    );
  if (shut.length > 0)
    warnings.push(
      `${o.account} cannot run ${shut.map((file) => printable(file)).join(' and ')}: install Node and depot for all accounts, and print the schedule with that depot`,
    );
  if (warnings.length > 0) return { lines: [], warnings };
  const outside = [...new Set(o.files)].filter((file) => !isInside(configDirectory, file));
  return {
    lines: [
      ...handed(configDirectory, 'directory', 'RX', o),
      ...outside.flatMap((file) => handed(file, 'file', 'R', o)),
      ...(o.stateIsThere ? [] : [`mkdir ${typedWord(state, 'win32')}`]),
      ...handed(state, 'directory', 'F', o),
    ],
    warnings,
  };
}

function handed(
  place: string,
  kind: 'file' | 'directory',
  right: string,
  { account, self }: { account: string; self: string },
): string[] {
  const word = typedWord(place, 'win32');
  const whole = kind === 'directory' ? ' /T' : '';
  const who = account.startsWith('S-1-') ? `*${account}` : account;
  const granted = [...grants('S-1-5-18', kind), `${who}:${kind === 'directory' ? '(OI)(CI)' : ''}${right}`];
  const away = self.startsWith('S-1-') ? ` /remove:g "*${self}"` : '';
  return [
    `icacls ${word} /setowner "*S-1-5-32-544"${whole} /Q`,
    `icacls ${word} /inheritance:r${away} /grant:r ${granted.map((one) => `"${one}"`).join(' ')}`,
    // What is in it then has what it inherits, and nothing else.
    ...(kind === 'directory' ? [`icacls ${typedWord(path.win32.join(place, '*'), 'win32')} /reset /T /Q`] : []),
  ];
}

function isInside(directory: string | undefined, place: string): boolean {
  if (directory === undefined || directory === '') return false;
  const way = path.win32.relative(directory, place);
  return way !== '..' && !way.startsWith('..\\') && !path.win32.isAbsolute(way);
}
