/** `--database postgresql://crm@db.internal:5432/crm`, with the file that its password is in. */
import path from 'node:path';
import { parseHost } from '../../config/values.js';
import type { Parsed } from '../../names/parsed.js';
import { printable } from '../../printable.js';
import type { DatabaseKind } from '../../source.js';
import { usage } from '../flags.js';
import type { DatabaseAnswer } from './source-answer.js';

/** A file of `--database-password-file`, and which of the databases it came after: the first is 1. */
export interface PasswordFileFlag {
  of: number;
  file: string;
}

const kinds: Readonly<Record<string, DatabaseKind>> = {
  postgresql: 'postgresql',
  postgres: 'postgresql',
  mariadb: 'mariadb',
  mysql: 'mysql',
  sqlite: 'sqlite',
  sqlserver: 'sqlserver',
};

const forms =
  'write it as postgresql://USER@HOST:PORT/NAME, or as postgresql:NAME on this machine; likewise mariadb, mysql and sqlserver (with ?backup=FILE); or sqlite:FILE';

/** Throws 'usage' for one that is wrong; paths are as they were given. */
export function databaseAnswers(urls: readonly string[], passwords: readonly PasswordFileFlag[]): DatabaseAnswer[] {
  const found = urls.map((url): DatabaseAnswer => {
    const kind = kinds[/^([a-z]+):/i.exec(url)?.[1]?.toLowerCase() ?? ''];
    const shown = printable(hasPassword(url) ? `${/^[^:]*/.exec(url)![0]}:…` : url);
    if (hasPassword(url))
      throw usage(
        `--database ${shown} has a password in it, which every account of this machine can see`,
        'put the password into a file, and name that: --database-password-file FILE',
      );
    if (kind === undefined) throw usage(`--database ${shown} is not the URL of a database that depot knows`, forms);
    const parsed = parseUrl(kind, url.slice(url.indexOf(':') + 1));
    if ('wrong' in parsed) throw usage(`--database ${shown}: ${parsed.wrong}`, forms);
    return parsed.value;
  });
  for (const { of, file } of passwords) {
    const database = found[of - 1];
    if (database === undefined)
      throw usage('--database-password-file is for the --database before it, and there is none', 'put it after that');
    if (database.password !== undefined)
      throw usage(`--database ${urls[of - 1]!} has two password files`, 'leave out one of them');
    if (database.kind === 'sqlite') throw usage(`--database ${urls[of - 1]!} needs no password`, 'leave out its file');
    database.password = { file };
  }
  return found;
}

/** Also one that is not encoded as it has to be: it must not show in a message. */
function hasPassword(url: string): boolean {
  return /:\/\/[^@/?]*:[^@]*@/.test(url) || /[?&](?:password|passwd|pwd)=/i.test(url);
}

function parseUrl(kind: DatabaseKind, rest: string): Parsed<DatabaseAnswer> {
  const [, authority, place = '', query = ''] = /^(?:\/\/([^/?]*))?([^?]*)(?:\?(.*))?$/s.exec(rest)!;
  const words = [authority ?? '', place, ...query.split('&').flatMap((pair) => pair.split('='))].map(decoded);
  if (words.includes(null)) return { wrong: '% needs two hexadecimal digits (UTF-8) after it; write % itself as %25' };
  if (words.some((word) => printable(word!) !== word)) return { wrong: 'it contains control characters' };
  const settings = new Map<string, string>();
  for (const pair of query === '' ? [] : query.split('&')) {
    const [key = '', ...value] = pair.split('=');
    settings.set(key, decoded(value.join('='))!);
  }
  const known = kind === 'sqlite' ? [] : kind === 'sqlserver' ? ['backup'] : ['host'];
  const unknown = [...settings.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined)
    return {
      wrong: `${JSON.stringify(unknown)} cannot come after the ? here; write a ? in a name as %3F`,
    };
  if (kind === 'sqlite') {
    if (authority !== undefined && authority !== '') return { wrong: 'write a path as sqlite:/path' };
    return place === '' ? { wrong: 'it does not name a file' } : { value: { kind, database: decoded(place)! } };
  }
  const database = decoded(authority === undefined ? place : place.replace(/^\//, ''))!;
  if (database === '') return { wrong: 'it does not name a database' };
  const server = parseServer(kind, authority ?? '', settings.get('host'));
  if ('wrong' in server) return server;
  const backup = settings.get('backup');
  if (kind === 'sqlserver' && backup === undefined)
    return { wrong: 'SQL Server writes an unencrypted backup first; say which file to write: ?backup=/path' };
  const absolute = backup === undefined || path.isAbsolute(backup) || path.win32.isAbsolute(backup);
  if (!absolute) return { wrong: 'backup must be an absolute path, since the server writes it' };
  return { value: { kind, database, ...server.value, ...(backup !== undefined && { backup }) } };
}

function parseServer(
  kind: DatabaseKind,
  authority: string,
  named: string | undefined,
): Parsed<Pick<DatabaseAnswer, 'host' | 'port' | 'username'>> {
  const at = authority.lastIndexOf('@');
  const username = at === -1 ? '' : decoded(authority.slice(0, at))!;
  const [, bracketed, plain = '', digits] =
    /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/s.exec(authority.slice(at + 1)) ?? [];
  if (bracketed === undefined && plain === '' && authority.slice(at + 1) !== '')
    return { wrong: 'a host comes after //; write an IPv6 address in brackets: [fd00::5]' };
  const written = bracketed ?? decoded(plain)!;
  if (written !== '' && named !== undefined) return { wrong: 'it names two hosts' };
  const host = named ?? written;
  const wrong = host === '' ? undefined : wrongServer(kind, host);
  if (wrong !== undefined) return { wrong };
  const port = Number(digits);
  if (digits !== undefined && (!/^\d{1,5}$/.test(digits) || port < 1 || port > 65_535))
    return { wrong: 'a port is a number from 1 to 65535' };
  return {
    value: {
      ...(host !== '' && { host }),
      ...(digits !== undefined && { port }),
      ...(username !== '' && { username }),
    },
  };
}

/** What is wrong with where a server is said to be: a host, or the path of a socket; SQL Server's may have an instance. */
export function wrongServer(kind: DatabaseKind, host: string): string | undefined {
  if (printable(host) !== host) return 'a host cannot contain such characters';
  if (host.startsWith('/') && kind !== 'sqlserver') return undefined;
  const parsed = parseHost(kind === 'sqlserver' ? host.replace(/\\[A-Za-z0-9_$#-]+$/, '') : host);
  return 'wrong' in parsed ? parsed.wrong : undefined;
}

/** Null for what is not encoded right. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
