/**
 * Archives that try to get out of the directory they are extracted to. Each follows from its seed alone. Beside that directory
 * lies a tree of canaries, with the same names as in the archives, to which their links point: nothing in it may change, whether
 * the archive is refused or extracted.
 */
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeExtracted } from '../../src/dataset/extract/remove.js';
import { isDepotError } from '../../src/errors.js';
import { depotTar, entry, README, type Member } from '../support/depot-tar.js';
import { extract } from '../support/extraction.js';
import { archive, GNU, long, pax, raw, type RawEntry } from '../support/hostile-tar.js';
import { numbers } from './mutate.js';

type Random = (below: number) => number;

/** Few names, so that entries meet. */
const names = [
  'a',
  'b',
  'x',
  'A',
  'p',
  'secret',
  'canary',
  'out',
  'data',
  'DEPOT',
  'p.part-000001',
  'p.part-000002',
  'README.md',
];
const types = { directory: '5', file: '0', symlink: '2', hardlink: '1' } as const;
type Type = keyof typeof types;

interface Told {
  type: Type;
  spelling: string;
  link: string;
  body: string;
  mode: number;
}

export interface Attempted {
  tar: Buffer;
  /** Names in `out` when all of it is extracted: canonical ones, with the directories above; and what is in the files. */
  expected: Map<string, string | null>;
  /** For whoever looks at a failure. */
  told: string[];
}

/** The archive that belongs to this seed. `outside`: where the canaries are, absolute. */
export function attemptOf(seed: number, outside: string): Attempted {
  const random = numbers(seed);
  const entries: Told[] = [];
  const fromDepot = random(3) === 0;
  for (let count = 2 + random(4); count > 0; count--) entries.push(tell(random, entries, fromDepot, outside));
  const told = entries.map(
    ({ type, spelling, link, mode }) =>
      `${type} ${JSON.stringify(spelling)}${link === '' ? '' : ` -> ${link}`} ${mode.toString(8)}`,
  );
  const tar = fromDepot ? asDepot(random, entries) : archive(...entries.flatMap((one) => written(random, one)));
  if (fromDepot) told.unshift('as depot makes them');
  return { tar, told, expected: expectedTree(entries, fromDepot) };
}

function one<T>(random: Random, from: readonly T[]): T {
  return from[random(from.length)];
}

function tell(random: Random, before: Told[], fromDepot: boolean, outside: string): Told {
  const type = one(random, [
    'directory',
    'directory',
    'file',
    'file',
    'symlink',
    'symlink',
    'symlink',
    'hardlink',
  ] as const);
  const link =
    type === 'symlink'
      ? one(random, [
          outside,
          `${outside}/a`,
          '../canary',
          '../../canary',
          '../../../canary/a',
          '.',
          '..',
          'a',
          'x/a',
          'p',
          `${outside}/secret`,
        ])
      : type === 'hardlink'
        ? spell(random, linkable(random, before) ?? pathOf(random, before, fromDepot))
        : '';
  const last = before.at(-1)?.spelling ?? '';
  // Beside the text of the last one, which need not be beside what it means.
  const beside =
    random(4) === 0 && last.lastIndexOf('/') > 0 ? last.slice(0, last.lastIndexOf('/') + 1) + one(random, names) : null;
  return {
    type,
    link,
    spelling: beside ?? spell(random, pathOf(random, before, fromDepot)),
    body: type === 'file' ? `body ${random(10)}` : '',
    mode: one(random, [0o644, 0o755, 0o777, 0, 0o4777, 0o1777]),
  };
}

/** A file that came before. */
function linkable(random: Random, before: Told[]): string[] | null {
  const files = before.filter(({ type }) => type === 'file');
  return files.length === 0 || random(8) === 0 ? null : canonical(one(random, files).spelling);
}

/** Often beside, at or below something that came before: what gets out takes two. */
function pathOf(random: Random, before: Told[], fromDepot: boolean): string[] {
  const last = random(2) === 0 ? before.at(-1) : before.length === 0 ? undefined : one(random, before);
  const path = last === undefined || random(8) === 0 ? [] : canonical(last.spelling);
  // Below what is no directory now and then, else beside it.
  if (last?.type !== 'directory' && random(4) > 0) path.pop();
  if (path.length === 0 && fromDepot) path.push('data');
  if (path.length === 0 || random(8) > 0) path.push(one(random, names));
  if (random(8) === 0) path.push(one(random, names));
  return path;
}

/** One of the many ways to write a path, not all of which stay inside. */
function spell(random: Random, path: string[]): string {
  if (random(40) === 0)
    return one(random, [
      `/${path.join('/')}`,
      `../${path.join('/')}`,
      `${path.join('/')}/..`,
      `a/../../${path.join('/')}`,
      '.',
    ]);
  const start = random(6) === 0 ? one(random, ['./', './/', './././']) : '';
  const middle = path
    .flatMap((name, i) => (i > 0 && random(8) === 0 ? [one(random, ['', '.', './.']), name] : [name]))
    .join('/');
  const end = random(6) === 0 ? one(random, ['/', '/.', '/.', '/./', '//', '/./.']) : '';
  return `${start}${middle}${end}`;
}

function canonical(spelling: string): string[] {
  return spelling.split('/').filter((name) => name !== '' && name !== '.');
}

/** As one of the tools writes it: names in the header, in pax headers, or in GNU's. */
function written(random: Random, { type, spelling, link, body, mode }: Told): Buffer[] {
  const entry: RawEntry = { name: spelling, type: types[type], link, body, mode };
  switch (random(4)) {
    case 0:
      return [
        pax({ path: spelling, ...(link !== '' && { linkpath: link }) }),
        raw({ ...entry, name: 'other', link: link === '' ? '' : 'other' }),
      ];
    case 1:
      return [
        long(spelling),
        ...(link === '' ? [] : [long(link, 'K')]),
        raw({ ...entry, name: 'other', link: link === '' ? '' : 'other', magic: GNU }),
      ];
    case 2: {
      const slash = spelling.indexOf('/');
      return [raw(slash > 0 ? { ...entry, prefix: spelling.slice(0, slash), name: spelling.slice(slash + 1) } : entry)];
    }
    default:
      return [raw(entry)];
  }
}

/** With a manifest that is right, or none, or one that says other things. */
function asDepot(random: Random, entries: Told[]): Buffer {
  const members = entries.map(
    ({ type, spelling, link, body, mode }): Member => ({
      path: spelling,
      type,
      body,
      mode: mode & 0o777,
      ...(link !== '' && { link }),
    }),
  );
  switch (random(4)) {
    case 0:
      return archive(entry(README), ...entries.flatMap((one) => written(random, one)));
    case 1:
      return depotTar(members, { lines: (lines) => lines.filter((_, i) => i !== 2) }).tar;
    case 2:
      return depotTar(members.map((member) => ({ ...member, path: canonical(member.path).join('/') || 'data' }))).tar;
    default:
      return depotTar(members).tar;
  }
}

function expectedTree(entries: Told[], fromDepot: boolean): Map<string, string | null> {
  const all = new Map<string, string | null>(
    fromDepot ? ['DEPOT', 'DEPOT/README.md', 'DEPOT/manifest.ndjson'].map((path) => [path, null]) : [],
  );
  for (const { spelling, type, body } of entries) {
    const path = canonical(spelling);
    for (let depth = 1; depth < path.length; depth++) all.set(path.slice(0, depth).join('/'), null);
    const isPart = fromDepot && path.length === 2 && /^(?:data|DEPOT)$/.test(path[0]) && /\.part-\d{6}$/.test(path[1]);
    if (isPart) all.set(path.join('/').replace(/\.part-\d{6}$/, ''), null);
    else if (path.length > 0) all.set(path.join('/'), type === 'file' ? body : null);
  }
  return all;
}

/** A tree of canaries, and beside it `out`, the directory that archives are extracted to. */
export class Canaries {
  readonly outside: string;
  readonly #out: string;
  readonly #root: string;
  readonly #before: string;
  /** Archives that were extracted to their end. */
  whole = 0;

  /** `root`: an empty directory. */
  constructor(root: string) {
    this.#root = root;
    this.outside = join(root, 'canary');
    this.#out = join(root, 'place/out');
    mkdirSync(join(root, 'place'));
    for (const directory of ['', 'a', 'b', 'x', 'x/a', 'data'])
      mkdirSync(join(this.outside, directory), { mode: 0o700 });
    for (const file of ['secret', 'p', 'a/secret', 'b/p'])
      writeFileSync(join(this.outside, file), `canary ${file}`, { mode: 0o600 });
    symlinkSync('secret', join(this.outside, 'link'));
    this.#emptyOut();
    this.#before = this.#look();
  }

  /** Extracts an archive. Null when nothing but `out` changed and that is as it should be, else what is wrong. */
  attempt({ tar, expected }: Attempted): string | null {
    this.#emptyOut();
    let wrong: string | null = null;
    try {
      const {
        manifest: { problems },
      } = extract(tar, this.#out, { maxEntries: 1000 });
      const found = walk(this.#out, '');
      if (problems.length === 0) this.whole++;
      if (problems.length > 0)
        wrong = found.some(({ type }) => type === 'symlink')
          ? 'a symlink was made, though the manifest does not agree'
          : null;
      else
        wrong = this.#difference(
          found.map(({ path }) => path),
          expected,
        );
    } catch (error) {
      if (!isDepotError(error, 'archive-refused')) wrong = String(error);
    }
    const after = this.#look();
    return after === this.#before
      ? wrong
      : `outside of the directory something changed:\n${changes(this.#before, after)}`;
  }

  #difference(found: string[], expected: Map<string, string | null>): string | null {
    const more = found.filter((path) => !expected.has(path));
    const less = [...expected.keys()].filter((path) => !found.includes(path));
    if (more.length + less.length > 0)
      return `in the directory: ${more.join(', ')} too much; ${less.join(', ')} too little`;
    for (const [path, body] of expected) {
      if (body !== null && readFileSync(join(this.#out, path), 'utf8') !== body)
        return `in the directory: ${path} has other contents`;
    }
    return null;
  }

  #emptyOut(): void {
    removeExtracted(this.#out);
    mkdirSync(this.#out, { mode: 0o700 });
  }

  /** Everything that is to stay, one line for each. */
  #look(): string {
    const kept = walk(this.#root, '', join(this.#root, 'place/out'));
    return [{ path: '.', type: 'directory' }, ...kept]
      .map(({ path, type }) => {
        const file = join(this.#root, path);
        const { mode, ctimeNs, ino } = lstatSync(file, { bigint: true });
        // The time of the last change, which nobody can set, moves with contents, mode, owner, times and number of names. Of `out` only the mode stays.
        return `${type} ${path} ${mode.toString(8)} ${path.startsWith('place') ? '' : `${ctimeNs} ${ino}`}`;
      })
      .join('\n');
  }
}

function walk(directory: string, prefix: string, not?: string): { path: string; type: Type | 'other' }[] {
  return readdirSync(directory, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((child) => {
      const path = prefix === '' ? child.name : `${prefix}/${child.name}`;
      const file = join(directory, child.name);
      const type = child.isDirectory()
        ? 'directory'
        : child.isSymbolicLink()
          ? 'symlink'
          : child.isFile()
            ? 'file'
            : 'other';
      // Root may look at everything; others may not, and what was extracted is theirs.
      if (not === undefined && type !== 'symlink') chmodSync(file, 0o700);
      if (type !== 'directory' || file === not) return [{ path, type }];
      return [{ path, type }, ...walk(file, path, not)];
    });
}

function changes(before: string, after: string): string {
  const [old, now] = [before, after].map((text) => new Set(text.split('\n')));
  return [
    ...[...old].filter((line) => !now.has(line)).map((line) => `- ${line}`),
    ...[...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`),
  ].join('\n');
}

/** Runs `count` seeds from `first` on. The first that gets out ends it, with what it was: canaries that were touched are no good any more. */
export function firstEscape(canaries: Canaries, first: number, count: number): string | null {
  for (let seed = first; seed < first + count; seed++) {
    const attempted = attemptOf(seed, canaries.outside);
    const wrong = canaries.attempt(attempted);
    if (wrong !== null) return `seed ${seed}: ${wrong}\n${attempted.told.join('\n')}`;
  }
  return null;
}
