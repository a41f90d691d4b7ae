/** A source as it was answered: to show, to keep in the draft, and to write into depot.yaml. */
import path from 'node:path';
import { databases } from '../../databases/databases.js';
import { sourceNameProblem } from '../../names/source.js';
import { printable } from '../../printable.js';
import type { Secret } from '../../secret.js';
import { type DatabaseKind, databaseKinds } from '../../source.js';
import { yamlString } from '../key/add.js';
import type { Talk } from './talk.js';

export interface PathAnswer {
  kind: 'directory' | 'file';
  path: string;
  /** Its name in the dataset, where its own will not do. */
  as?: string;
}

export interface DatabaseAnswer {
  kind: DatabaseKind;
  /** Its name; the path of its file where it is one. */
  database: string;
  host?: string;
  port?: number;
  username?: string;
  /** `typed` null: it was, in a run that has ended, and is asked for again. Left out: the server lets the account in. */
  password?: { file: string } | { typed: Secret | null };
  /** SQL Server: the file that the server writes. */
  backup?: string;
  as?: string;
}

export type SourceAnswer = PathAnswer | DatabaseAnswer;

/** One that a draft, where nothing is secret, may hold. */
export function isSourceAnswer(value: unknown): boolean {
  const {
    kind,
    path: at,
    database,
    host,
    port,
    username,
    password,
    backup,
    as,
  } = (value ?? {}) as Record<string, unknown>;
  const isText = (one: unknown): boolean => typeof one === 'string';
  const isTextOrNone = (one: unknown): boolean => one === undefined || isText(one);
  if (!isTextOrNone(as)) return false;
  if (kind === 'directory' || kind === 'file') return isText(at);
  const { file, typed } = (password ?? {}) as Record<string, unknown>;
  return (
    (databaseKinds as readonly unknown[]).includes(kind) &&
    isText(database) &&
    [host, username, backup].every(isTextOrNone) &&
    (port === undefined || Number.isInteger(port)) &&
    (password === undefined || typed === null || isText(file))
  );
}

/** Whether a password that was typed has to be typed again. */
export function lacksPassword(source: SourceAnswer): boolean {
  return 'password' in source && 'typed' in source.password && source.password.typed === null;
}

export function sourceShown(source: SourceAnswer): string {
  const as = source.as === undefined ? '' : `, called ${source.as}`;
  if ('path' in source) return printable(`${source.path}${as}`);
  const { kind, database, host, port, username } = source;
  const where = `${host === undefined ? '' : ` at ${host}`}${port === undefined ? '' : `, port ${port}`}`;
  const who = username === undefined ? '' : `, as ${username}`;
  return printable(`${databases[kind].title} ${database}${where}${who}${as}`);
}

/** As an entry of `dataset:` in depot.yaml, in lines. A password that was typed is in a file by then. */
export function sourceYaml(source: SourceAnswer): string[] {
  const as = source.as === undefined ? [] : [`as: ${scalar(source.as)}`];
  if ('path' in source) {
    const parts = [`${source.kind}: ${JSON.stringify(source.path)}`, ...as];
    return [`- { ${parts.join(', ')} }`];
  }
  const { kind, database, host, port, username, password, backup } = source;
  const keys: [string, string | undefined][] = [
    ['host', host === undefined ? undefined : scalar(host)],
    ['port', port === undefined ? undefined : String(port)],
    ['username', username === undefined ? undefined : scalar(username)],
    ['passwordFile', password !== undefined && 'file' in password ? scalar(password.file) : undefined],
    ['backup', backup === undefined ? undefined : scalar(backup)],
  ];
  const said = keys.flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}`]));
  const name = scalar(database);
  return [
    ...(said.length === 0
      ? [`- ${kind}: ${name}`]
      : [`- ${kind}:`, ...[`database: ${name}`, ...said].map((line) => `    ${line}`)]),
    ...as.map((line) => `  ${line}`),
  ];
}

/** Exactly the same when it is read back: a path may have any characters. */
function scalar(text: string): string {
  return printable(text) === text ? yamlString(text) : JSON.stringify(text);
}

/** The name that it gets in the dataset. */
export function nameOf(source: SourceAnswer): string {
  if (source.as !== undefined) return source.as;
  return 'path' in source ? path.basename(source.path) : databases[source.kind].fileName(source.database);
}

/** What is wrong with a name beside those of the others; undefined when nothing is. */
export function nameProblem(name: string, others: readonly SourceAnswer[]): string | undefined {
  // As depot.yaml has it: Windows and macOS do not tell case and composition apart.
  const folded = (one: string): string => one.normalize('NFC').toLowerCase();
  if (others.some((one) => folded(nameOf(one)) === folded(name)))
    return `${printable(name)} is already the name of another source`;
  const problem = sourceNameProblem(name);
  return problem === null ? undefined : `${printable(name)}: ${problem}`;
}

/** A name for it that none of the others has: its own where that will do, else `crm-2.pgdump`. */
export function freeName(source: SourceAnswer, others: readonly SourceAnswer[]): string {
  const own = nameOf(source);
  const clean =
    sourceNameProblem(own) === null
      ? own
      : printable(own)
          .replace(/[^A-Za-z0-9._-]+/g, '_')
          .slice(-100);
  const { name, ext } = path.parse(sourceNameProblem(clean) === null ? clean : `source-${clean.replace(/\W+/g, '')}`);
  for (let number = 1; ; number++) {
    const one = number === 1 ? `${name}${ext}` : `${name}-${number}${ext}`;
    if (nameProblem(one, others) === undefined) return one;
  }
}

/** Asks for a name where its own will not do beside those of the others. */
export async function named<S extends SourceAnswer>(source: S, taken: readonly SourceAnswer[], talk: Talk): Promise<S> {
  const problem = nameProblem(nameOf(source), taken);
  if (problem === undefined) return source;
  talk.say(`  ${problem}`);
  const as = await talk.text('What should it be called in the deposit?', {
    fallback: freeName(source, taken),
    check: (name) => nameProblem(name, taken),
  });
  return { ...source, as };
}
