/** What is asked about a database, and what comes of trying it at once. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Account } from '../../accounts.js';
import { databases } from '../../databases/databases.js';
import { isOfTheSystem, secretAccess } from '../../doctor/access.js';
import { exposure } from '../../permissions.js';
import { printable } from '../../printable.js';
import { Secret } from '../../secret.js';
import type { DatabaseKind } from '../../source.js';
import { bytes } from '../../ui/format.js';
import type { SourcesAsked } from './asked.js';
import { wrongServer } from './database-url.js';
import { lookAtSource } from './path-source.js';
import { absolutePath } from './paths.js';
import { wrongHost } from './server.js';
import { type DatabaseAnswer, named, type SourceAnswer } from './source-answer.js';
import { back, type Talk } from './talk.js';
import { pusherName, tryAs } from './try-source.js';

/** Null when the person gives up. */
export async function askDatabase(
  kind: DatabaseKind,
  taken: readonly SourceAnswer[],
  o: SourcesAsked,
): Promise<DatabaseAnswer | null> {
  const answer = await describe(kind, {}, taken, o);
  return answer === null ? null : tried(answer, taken, o);
}

/** For one whose password was typed in a run that has ended. */
export async function askPasswordAgain(
  source: DatabaseAnswer,
  taken: readonly SourceAnswer[],
  o: SourcesAsked,
): Promise<DatabaseAnswer | null> {
  const typed = await typePassword(source, undefined, o);
  return tried({ ...source, password: { typed } }, taken, o);
}

/** Until it can be dumped, the person keeps it as it is, or gives up. */
async function tried(
  first: DatabaseAnswer,
  taken: readonly SourceAnswer[],
  o: SourcesAsked,
): Promise<DatabaseAnswer | null> {
  const { talk, context, account } = o;
  for (let answer = first; ; ) {
    talk.say(`  Trying it as account ${pusherName(account)} …`);
    const seen = await tryAs(account, answer, context);
    if ('found' in seen) {
      const { words, bytes: size, warnings } = seen.found;
      talk.say(`  ${words}${size === null ? '' : `; ${bytes(size)} in the database`}`);
      for (const warning of warnings) talk.say(`  ! ${warning}`);
      return answer;
    }
    talk.say(`  ${seen.wrong}${seen.hint === undefined ? '' : `\n  ${seen.hint}`}`);
    const then = await talk.choose('That did not work. Add it anyway?', [
      { value: 'correct', label: 'no: correct the answers' },
      { value: 'again', label: 'try again, after you have fixed it' },
      { value: 'add', label: 'yes, add it as it is' },
      { value: 'leave', label: 'no: leave it out' },
    ]);
    if (then === 'add') return answer;
    if (then === 'leave') return null;
    if (then === 'again') continue;
    const corrected = await describe(answer.kind, answer, taken, o);
    if (corrected === null) return null;
    answer = corrected;
  }
}

type Old = Partial<DatabaseAnswer>;

/** All its settings, with those before as what Enter takes. Null when the person gives up. */
async function describe(
  kind: DatabaseKind,
  old: Old,
  taken: readonly SourceAnswer[],
  o: SourcesAsked,
): Promise<DatabaseAnswer | null> {
  const { talk, account } = o;
  const { title } = databases[kind];
  if (kind === 'sqlite') {
    const file = await askFile('File of the SQLite database', old.database, o, (given) => wrongFile(given, o));
    return file === null ? null : named({ kind, database: file }, taken, o.talk);
  }
  const database = await talk.text(`Name of the ${title} database${old.database === undefined ? back : ''}`, {
    fallback: old.database,
    optional: true,
    check: plain,
  });
  if (database === '') return null;
  const socket = kind === 'sqlserver' ? '' : kind === 'postgresql' ? ', or directory of its socket' : ', or its socket';
  const host = await askOptional(`Host${socket}`, 'this machine', old.host, o, (given) =>
    given.includes('/') || given.includes('\\') ? wrongServer(kind, given) : wrongHost(given),
  );
  // PostgreSQL's socket has the port in its name, so a second cluster on this machine is told by it.
  const hasPort = kind === 'postgresql' || (host !== undefined && !/[/\\]/.test(host));
  const port = hasPort ? await askPort(usualPort[kind], old.port, o) : undefined;
  const username = await askOptional(
    'User name there',
    `that of the account, ${pusherName(account)}`,
    old.username,
    o,
    plain,
  );
  const login = { ...(host !== undefined && { host }), ...(port !== undefined && { port }) };
  const answer: DatabaseAnswer = { kind, database, ...login, ...(username !== undefined && { username }) };
  const password = await askPassword(answer, old.password, o);
  if (password !== undefined) answer.password = password;
  if (kind === 'sqlserver') {
    talk.say(
      '  SQL Server writes an unencrypted backup to a file, which depot deposits and removes. Keep that file on an encrypted disk that only the server and this account can read.',
    );
    const backup = await askFile('File for that backup', old.backup, o, (given) =>
      path.isAbsolute(given) || path.win32.isAbsolute(given)
        ? undefined
        : 'enter an absolute path: the server writes it',
    );
    if (backup === null) return null;
    answer.backup = backup;
  }
  return named(answer, taken, talk);
}

const usualPort = { postgresql: 5432, mariadb: 3306, mysql: 3306, sqlserver: 1433 } as const;

function plain(text: string): string | undefined {
  return printable(text) === text ? undefined : 'it cannot contain such characters';
}

async function askFile(
  message: string,
  old: string | undefined,
  { talk, context }: SourcesAsked,
  check: (given: string) => string | undefined | Promise<string | undefined>,
): Promise<string | null> {
  const given = await talk.text(`${message}${old === undefined ? back : ''}`, {
    path: true,
    optional: true,
    fallback: old,
    check,
  });
  if (given === '') return null;
  return path.isAbsolute(given) || !path.win32.isAbsolute(given) ? absolutePath(given, context) : given;
}

/** Undefined for what is usual: by Enter, or where Enter takes the answer before, by `-`. */
async function askOptional(
  message: string,
  usual: string,
  old: string | undefined,
  { talk }: SourcesAsked,
  check: (given: string) => string | undefined,
): Promise<string | undefined> {
  const given = await talk.text(`${message} (${old === undefined ? 'Enter:' : 'type - for'} ${usual})`, {
    fallback: old,
    optional: true,
    check: (text) => (text === '-' ? undefined : check(text)),
  });
  return given === '' || given === '-' ? undefined : given;
}

async function askPort(usual: number, old: number | undefined, { talk }: SourcesAsked): Promise<number | undefined> {
  const given = await talk.text(`Its port${old === undefined ? ` (Enter: ${usual})` : ''}`, {
    fallback: old === undefined ? undefined : String(old),
    optional: true,
    check: (port) =>
      /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535
        ? undefined
        : 'enter a number from 1 to 65535',
  });
  return given === '' ? undefined : Number(given);
}

const without = {
  postgresql: '(peer, ~/.pgpass)',
  mariadb: '(unix_socket)',
  mysql: '(auth_socket)',
  sqlserver: '(Windows, Kerberos)',
  sqlite: '',
} as const;

async function askPassword(
  answer: DatabaseAnswer,
  old: DatabaseAnswer['password'],
  o: SourcesAsked,
): Promise<DatabaseAnswer['password']> {
  const { talk, account } = o;
  const whose = `account ${pusherName(account)}`;
  for (;;) {
    const how = await talk.choose(
      'How does depot get the password?',
      [
        { value: 'none', label: `none needed: the server lets ${whose} in ${without[answer.kind]}` },
        { value: 'typed', label: `type it now; depot keeps it in secrets/, for ${whose} only` },
        { value: 'file', label: 'it is in a file' },
      ],
      old === undefined ? 'none' : 'file' in old ? 'file' : 'typed',
    );
    if (how === 'none') return undefined;
    if (how === 'typed') {
      const before = old !== undefined && 'typed' in old ? (old.typed ?? undefined) : undefined;
      return { typed: await typePassword(answer, before, o) };
    }
    const file = await askFile(
      'File with the password',
      old !== undefined && 'file' in old ? old.file : undefined,
      o,
      async (text) =>
        (await wrongFile(text, o)) ??
        ((await isOfTheSystem(absolutePath(text, o.context)))
          ? "that is one of the system's files: choose a file of its own"
          : undefined),
    );
    if (file !== null && (account === null || (await givenTo(account, file, talk)))) return { file };
  }
}

/** False when another file is to be named. Anywhere but in secrets/ beside depot.yaml, whose files all belong to the account. */
async function givenTo(account: Account, file: string, talk: Talk): Promise<boolean> {
  for (;;) {
    const { lines, warnings } = await secretAccess(account, file, file);
    for (const warning of warnings) talk.say(`  ! ${warning}`);
    if (lines.length === 0) return true;
    const there = await stat(file).catch(() => null);
    const open = there === null ? undefined : exposure(there, account.uid);
    talk.say(
      `  ${open === undefined ? `Account ${account.name} cannot read it yet` : `${printable(file)} ${open.what}`}. Type this in another terminal:\n${lines.map((line) => `  «${line}»`).join('\n')}`,
    );
    const then = await talk.choose('What now?', [
      { value: 'again', label: 'check again, after you have typed it' },
      { value: 'other', label: 'take another file, or give the password in another way' },
      { value: 'keep', label: 'go on with the file as it is' },
    ]);
    if (then !== 'again') return then === 'keep';
  }
}

async function wrongFile(given: string, { context }: SourcesAsked): Promise<string | undefined> {
  const found = await lookAtSource(given, context);
  if ('wrong' in found) return found.wrong;
  return found.value.kind === 'file' ? undefined : `${printable(found.value.path)} is a directory`;
}

async function typePassword(
  { database, username }: DatabaseAnswer,
  old: Secret | undefined,
  { talk, account }: SourcesAsked,
): Promise<Secret> {
  const whose = `${printable(username ?? pusherName(account))} at database ${printable(database)}`;
  for (;;) {
    const typed = await talk.hidden(`Password of ${whose}${old === undefined ? '' : ' (Enter: the one before)'}`);
    if (typed !== '') return new Secret(typed);
    if (old !== undefined) return old;
    talk.say('  type the password');
  }
}
