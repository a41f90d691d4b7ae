/// <reference lib="dom" />
/**
 * Hostile archives, saved into a folder as the opener does it, beside an own file and folder of the person's. Each follows from its
 * seed alone. Every file has contents of its own, so that it is known by them wherever it is saved.
 */
import { expect, test } from 'vitest';
import { isDepotError } from '../../src/errors.js';
import { Listing } from '../../src/opener/listing.js';
import { JoinedFiles } from '../../src/opener/folder.js';
import { NOTES } from '../../src/names/archive.js';
import { UNFINISHED } from '../../src/opener/folder-tree.js';
import { save, SaveFailure } from '../../src/opener/saving.js';
import { numbers } from '../fuzz/mutate.js';
import { FakeDirectory } from '../support/folders.js';
import { archive, long, pax, raw, GNU } from '../support/hostile-tar.js';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const utf8 = (text: string): string => Buffer.from(text).toString('latin1');
/** As bytes. Few, so that entries meet. */
const names = [
  'a',
  'a',
  'b',
  'A',
  'x',
  'data',
  'data',
  'DEPOT',
  'p.part-000001',
  'p.part-000002',
  'q.part-000002',
  'p',
  'a:b',
  'a%3Ab',
  'x~',
  'x~2',
  'a~2',
  'con',
  '..rc',
  'dot.',
  ' blank',
  'b\\c',
  '..\\..\\own',
  'desktop.ini',
  'x.url',
  '\x01',
  '\xff',
  utf8('é'),
  utf8('\u202egpj'),
  utf8('\u200b'),
  UNFINISHED,
  NOTES,
  'own',
  'opened',
  '%2E%2E',
  '%',
];
const odd = ['..', '../own', '/own', '', '.', 'a/../../own', './', './/'];
const types = { file: '0', directory: '5', symlink: '2', hardlink: '1' } as const;

interface Told {
  type: keyof typeof types;
  path: string;
  link: string;
  body: string;
}

interface Attempt {
  tar: Buffer;
  told: Told[];
  fromDepot: boolean;
}

function attemptOf(seed: number): Attempt {
  const random = numbers(seed);
  const one = <T>(from: readonly T[]): T => from[random(from.length)];
  const told: Told[] = [];
  const fromDepot = random(3) === 0;
  if (fromDepot) told.push({ type: 'file', path: 'DEPOT/README.md', link: '', body: 'readme' });
  const pathOf = (): string => {
    const before = random(2) === 0 && told.length > 0 ? one(told).path.split('/') : [];
    if (random(3) > 0) before.pop();
    const path = [...before, one(names), ...(random(5) === 0 ? [one(names)] : [])];
    if (fromDepot && path[0] !== 'DEPOT') path[0] = 'data';
    return (path.length === 1 && fromDepot ? [...path, one(names)] : path).join('/');
  };
  for (let count = 2 + random(6); count > 0; count--) {
    const type = one(['file', 'file', 'file', 'directory', 'symlink', 'hardlink', 'hardlink'] as const);
    const files = told.filter((before) => before.type === 'file');
    const link =
      type === 'hardlink'
        ? files.length > 0 && random(6) > 0
          ? one(files).path
          : pathOf()
        : type === 'symlink'
          ? one(['..', '/own', 'a'])
          : '';
    told.push({
      type,
      link,
      path: random(40) === 0 ? one(odd) : pathOf(),
      body: type === 'file' ? `contents ${told.length};` : '',
    });
    // What follows is another part of the same file.
    if (type === 'file' && random(4) === 0 && told.at(-1)!.path.endsWith('part-000001'))
      told.push({ type, link, path: told.at(-1)!.path.replace(/1$/, '2'), body: `contents ${told.length};` });
  }
  const tar = archive(
    ...told.flatMap(({ type, path, link, body }) => {
      const entry = { name: latin1(path), type: types[type], link: latin1(link), body };
      if (random(3) === 0)
        return [
          pax({ path: latin1(path), ...(link !== '' && { linkpath: latin1(link) }) }),
          raw({ ...entry, name: 'other' }),
        ];
      return random(3) === 0 ? [long(latin1(path)), raw({ ...entry, name: 'other', magic: GNU })] : [raw(entry)];
    }),
  );
  return { tar, told, fromDepot };
}

/** The contents of all files that are to be saved, sorted; null where a link points to no file that came before. */
function expected({ told, fromDepot }: Attempt): { contents: string[]; byPath: Map<string, string[]> } | null {
  const contents: string[] = [];
  const byPath = new Map<string, string[]>();
  const latest = new Map<string, number>();
  let open = null as { target: string; number: number } | null;
  for (const { type, path, link, body } of told) {
    const part = fromDepot && type === 'file' ? /^data\/p\.part-00000(\d)$/.exec(path) : null;
    const target = part === null ? path : 'data/p';
    if (part !== null && open?.target === target && Number(part[1]) === open.number + 1) {
      open.number++;
      contents[contents.length - 1] += body;
      byPath.get(target)!.push(byPath.get(target)!.pop()! + body);
      continue;
    }
    open = part !== null ? { target, number: Number(part[1]) } : null;
    if (type !== 'file' && type !== 'hardlink') continue;
    const linked = type === 'hardlink' ? latest.get(link) : undefined;
    if (type === 'hardlink' && linked === undefined) return null;
    contents.push(type === 'file' ? body : contents[linked!]);
    latest.set(target, contents.length - 1);
    byPath.set(target, [...(byPath.get(target) ?? []), contents.at(-1)!]);
  }
  return { contents: contents.sort(), byPath };
}

/** 'whole' when everything was saved. */
async function attempt(seed: number): Promise<'whole' | 'refused' | { wrong: string }> {
  const made = attemptOf(seed);
  const random = numbers(seed + 1_000_000);
  const taken = { anyCase: random(2) === 0, strict: random(2) === 0 };
  const place = new FakeDirectory(taken);
  place.entries.set('own', { kind: 'file', text: 'own', written: 0 });
  place.entries.set('theirs', new FakeDirectory(taken, place.asked));
  const joined = new JoinedFiles();
  joined.add('data/p' as never);
  const platform = (['linux', 'win32', 'darwin'] as const)[random(3)];
  const listing = new Listing();
  const read = async (consumer: { write(bytes: Uint8Array<ArrayBuffer>): unknown; end(): unknown }): Promise<void> => {
    for (let at = 0; at < made.tar.length; ) {
      const length = 1 + random(3000);
      await consumer.write(new Uint8Array(made.tar.subarray(at, at + length)));
      at += length;
    }
    await consumer.end();
  };
  const saving = {
    rows: listing,
    name: 'opened',
    entries: made.told.length,
    most: 2 ** 20,
    made: () => undefined,
    signal: new AbortController().signal,
    contents: { kind: 'suitcase' as const, listing, joined, read },
  };
  const failure = await save(
    { kind: 'folder', directory: place as unknown as FileSystemDirectoryHandle, platform },
    saving,
  ).then(
    () => null,
    (error: unknown) => error,
  );
  const around = [...place.entries.keys()].filter((name) => name !== 'opened').join();
  const own = place.entries.get('own');
  if (around !== 'own,theirs' || own instanceof FakeDirectory || own?.text !== 'own' || own.written > 0)
    return { wrong: `beside the folder: ${around}` };
  if (place.asked.length > 0) return { wrong: `the browser was asked for ${JSON.stringify(place.asked)}` };
  if (failure !== null) {
    if (!(failure instanceof SaveFailure) || !failure.kept.removed || place.entries.has('opened'))
      return { wrong: `failed, and not removed: ${failure instanceof Error ? failure.message : 'no error'}` };
    // Two names that are one here, of a file and of a directory, are refused by the browser.
    return isDepotError(failure.cause, 'archive-refused') || isDepotError(failure.cause, 'local-not-writable')
      ? 'refused'
      : { wrong: String(failure.cause) };
  }
  const files = (place.entries.get('opened') as FakeDirectory).files();
  const wrong = difference(files, made.told, expected(made), taken.anyCase);
  return wrong === null
    ? 'whole'
    : { wrong: `${wrong}\n${JSON.stringify({ taken, platform, told: made.told, files: [...files] }, null, 1)}` };
}

function difference(
  files: ReturnType<FakeDirectory['files']>,
  told: Told[],
  model: ReturnType<typeof expected>,
  anyCase: boolean,
): string | null {
  for (const [path, { written }] of files) {
    if (written !== 1) return `${path} was written ${written} times`;
  }
  // A link to no earlier file finds, perhaps, another one of the archive that has its name here.
  if (model === null) return null;
  const saved = [...files]
    .filter(([, { text }]) => !/^(?:symbolic link|hard link|saved under)/.test(text))
    .map(([, { text }]) => text)
    .sort();
  if (saved.join() !== model.contents.join()) return `saved ${saved.join()} instead of ${model.contents.join()}`;
  const lower = told.map(({ type, path }) => ({ type, path: path.toLowerCase() }));
  const isTaken = (path: string): boolean =>
    lower.filter((other) => other.path === path && other.type !== 'symlink').length > 1 ||
    lower.some((other) => other.path.startsWith(`${path}/`));
  for (const [path, contents] of model.byPath) {
    // Names that every system takes, and that only one entry has.
    if (
      contents.length > 1 ||
      !/^(?:a|b|x|p|data|DEPOT)(?:\/(?:a|b|x|p|data|DEPOT))*$/.test(path) ||
      isTaken(path.toLowerCase())
    )
      continue;
    if (
      anyCase
        ? ![...files].some(([other, { text }]) => other.toLowerCase() === path.toLowerCase() && text === contents[0])
        : files.get(path)?.text !== contents[0]
    )
      return `${path} is not where it belongs, or has other contents`;
  }
  return null;
}

const ATTEMPTS = 1500;

test('hostile archives write nothing beside the folder, ask for no name outside it, overwrite nothing, and are saved right', async () => {
  let whole = 0;
  for (let seed = 1; seed <= ATTEMPTS; seed++) {
    const outcome = await attempt(seed);
    if (typeof outcome === 'object') expect.fail(`seed ${seed}: ${outcome.wrong}`);
    if (outcome === 'whole') whole++;
  }
  // A fuzzer whose archives are all refused would find nothing.
  expect(whole).toBeGreaterThan(ATTEMPTS / 5);
});
