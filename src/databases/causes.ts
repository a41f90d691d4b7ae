/** What the complaints of the client programs mean: who has to do what about it, at night. */
import { printable } from '../printable.js';
import type { DatabaseKind, DatabaseSettings } from '../source.js';

/** A database, or the server that has it; and what its programs get besides. */
export type Asked = Omit<DatabaseSettings, 'database'> & {
  kind: DatabaseKind;
  database?: string;
  env?: Record<string, string>;
};

/** Each without a language but the client's own, which is asked for English: a server may say the rest in another. */
interface Complaints {
  title: string;
  port: number;
  password: RegExp;
  /** It may not connect at all, whatever its password. */
  account: RegExp;
  noDatabase: RegExp;
  /** It is there, and not ready. */
  busy: RegExp;
  away: RegExp;
  /** Why, for people; by what it has of `away`. */
  why: readonly (readonly [RegExp, string])[];
}

const mysqls = {
  port: 3306,
  password: /ERROR 1045\b|ERROR 1698\b/,
  account: /ERROR (?:1130|1044|3118|4151)\b/,
  noDatabase: /ERROR 1049\b/,
  busy: /ERROR (?:1040|1053|1203)\b/,
  away: /ERROR (?:2002|2003|2005|2006|2013)\b/,
  why: [
    [/\((?:111|61|10061)(?:\)| )|Connection refused/, 'it refused the connection'],
    [/\((?:110|60|10060)(?:\)| )|timed out/i, 'it does not answer'],
    [/\((?:113|101|65|51)(?:\)| )/, 'there is no route to it'],
    [/ERROR 2005\b|Unknown (?:\w+ )?server host/i, 'the name of its host was not found'],
    [/socket .*\((?:2|13)\b/, 'its socket is not there'],
  ],
} satisfies Omit<Complaints, 'title'>;

/** Of SQLite and SQL Server nothing is known. */
const complaints: Partial<Record<DatabaseKind, Complaints>> = {
  postgresql: {
    title: 'PostgreSQL',
    port: 5432,
    // The second is libpq's own, in whatever language the server is: SQLSTATE 28P01 came after a password from a file.
    password: /password authentication failed|password retrieved from file/,
    account:
      /no pg_hba\.conf entry|role ".*" does not exist|role ".*" is not permitted|permission denied for database|(?:Peer|Ident) authentication failed/,
    noDatabase: /database ".*" does not exist/s,
    busy: /the database system is|too many (?:connections|clients)|remaining connection slots/,
    // With an answer of its own that nobody has foreseen, it is there.
    away: /^(?!.*FATAL).*(?:Connection refused|timeout expired|timed out|No route to host|unreachable|could not translate host name|No such file or directory|server closed the connection)/s,
    why: [
      [/Connection refused/, 'it refused the connection'],
      [/timeout expired|timed out/, 'it does not answer'],
      [/No route to host|unreachable/, 'there is no route to it'],
      [/could not translate host name/, 'the name of its host was not found'],
      [/No such file or directory/, 'its socket is not there'],
    ],
  },
  mariadb: { title: 'MariaDB', ...mysqls },
  mysql: { title: 'MySQL', ...mysqls },
};

/** What its programs get so that their own words are English. */
export function inEnglish({ kind }: Asked): Record<string, string> {
  return complaints[kind] === undefined ? {} : { LC_ALL: 'C', LANGUAGE: '' };
}

export interface Explained {
  /** Follows the source's name. */
  what: string;
  hint: string;
}

/** Null for what nobody has foreseen: then its own words are all there is. */
export function explained(said: string, { kind, host, port, username, database, password }: Asked): Explained | null {
  const known = complaints[kind];
  if (known === undefined) return null;
  const { title } = known;
  const place = host === undefined ? '' : ` at ${host.startsWith('/') ? host : `${host}:${port ?? known.port}`}`;
  const server = `${title}${printable(place)}`;
  const user = username === undefined ? 'this account' : printable(username);
  const named = printable(database ?? '');
  // A host of several addresses complains of each: what one of them answered counts for more than that another is away.
  if (known.password.test(said)) {
    const { file, command } = password;
    return file !== undefined
      ? {
          what: `${server} refused the password of ${user} (from ${printable(file)})`,
          hint: `correct the password in ${printable(file)}: ask whoever runs the database which one ${user} has`,
        }
      : command !== undefined
        ? {
            what: `${server} refused the password of ${user} (from passwordCommand)`,
            hint: `check what passwordCommand in depot.yaml prints: ask whoever runs the database which password ${user} has`,
          }
        : {
            what: `${server} refused ${user}`,
            hint: `set passwordFile: for this source, or check username: and what the database's own password file has`,
          };
  }
  if (known.noDatabase.test(said) && database !== undefined)
    return {
      what: `${server} has no database ${named}`,
      hint: `check database: in depot.yaml; if it is right, ask whoever runs the database where ${named} went`,
    };
  if (known.account.test(said))
    return {
      what: `${server} does not let ${user} in from here`,
      hint: `check username: in depot.yaml, and ask whoever runs the database whether ${user} may connect from this machine${named === '' ? '' : ` to ${named}`}`,
    };
  if (known.busy.test(said))
    return {
      what: `${server} is not ready: it is starting, stopping, or has too many connections`,
      hint: 'wait until it is ready, then push again',
    };
  if (!known.away.test(said)) return null;
  const why = known.why.find(([like]) => like.test(said))?.[1];
  return {
    what: `${server} is not running or cannot be reached${why === undefined ? '' : `: ${why}`}`,
    hint: `start it, or ask whoever runs the database whether it is running; check host: and port: in depot.yaml if they were changed`,
  };
}
