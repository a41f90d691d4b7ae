/// <reference lib="dom" />
/**
 * Chains of four suitcases that were changed, cut, exchanged or made to lie, and what the offline page saves of them: nothing, or
 * every file as its manifests say, and where there is a receipt, exactly the night that it names. Each follows from its seed alone.
 */
import { beforeAll, expect, test, vi } from 'vitest';
import { isDepotError } from '../../src/errors.js';
import { checkNight, type CheckedNight } from '../../src/opener/chain/check-night.js';
import { type ChosenNight, ChosenSuitcase } from '../../src/opener/chain/chosen-suitcases.js';
import { UNFINISHED } from '../../src/opener/folder-tree.js';
import { prepare } from '../../src/opener/primitives.js';
import { save, SaveFailure, type Saving } from '../../src/opener/saving.js';
import type { SuitcaseReader } from '../../src/opener/suitcase-reader.js';
import type { Consumer } from '../../src/open/consumer.js';
import { Checks } from '../../src/reader/checks.js';
import type { Receipt } from '../../src/receipt/schema.js';
import { numbers } from '../fuzz/mutate.js';
import { pattern } from '../support/awkward.js';
import type { Lies } from '../support/chain-archive.js';
import { type ChainLink, ChainMaker, type NightArchive } from '../support/chain-maker.js';
import { type FileNode, plain, sha256, type Tree } from '../support/chain-tree.js';
import { FakeDirectory } from '../support/folders.js';

type Random = (below: number) => number;

const NIGHTS = 4;
const idOf = (night: number): string => `acme-crm_20261122T00300${night}Z_5f0c9a1e77b2d410`;
const directory: FileNode = { type: 'directory', mode: 0o755, mtimeNs: 1_700_000_000_000_000_000n };
/** Small, so that ranges, objects and parts of many nights come up. */
const small = { large: 1000, partBytes: 4000, inParts: (path: string) => path === 'data/dump' };

/** A dump that rows are put into, and files that come, change, move and go. */
function treeOf(night: number, letter: number): Tree {
  const dump = pattern(6000, letter);
  const files: [string, FileNode][] = [
    ['data/crm/kept', plain(`kept ${letter}`)],
    ['data/crm/every', plain(`night ${night}, ${letter}`)],
    [`data/crm/moved-${night}`, plain(`moved ${letter}`)],
    ...(night % 2 === 0 ? ([['data/crm/now-and-then', plain('here')]] as [string, FileNode][]) : []),
  ];
  const rows = Array.from({ length: night }, (_, i) => pattern(700, 40 + i + letter));
  return new Map<string, FileNode>([
    ['data/dump', plain(Buffer.concat([dump.subarray(0, 2048), ...rows, dump.subarray(2048)]))],
    ['data/crm', directory],
    ...files,
    ['data/crm/z', { ...directory, type: 'hardlink', mode: 0o644, target: 'data/crm/kept' }],
  ]);
}

interface Made {
  nights: NightArchive[];
  trees: Tree[];
}

function chainOf(letter: number, liar = -1, lies: Lies = {}): Made {
  const maker = new ChainMaker(['dump', 'crm'], small);
  const made: Made = { nights: [], trees: [] };
  const links: ChainLink[] = [];
  for (let night = 0; night < NIGHTS; night++) {
    const tree = treeOf(night, letter);
    const archive = maker.night(tree, [...links], night === liar ? lies : {});
    links.push({ depositId: idOf(night), bytes: archive.archive.length, sha256: sha256(archive.archive) });
    made.nights.push(archive);
    made.trees.push(tree);
  }
  return made;
}

/** Consistent with its own digests, so that nothing but the meaning is wrong. */
function liesOf(random: Random): Lies {
  const oneOf = (lines: string[], change: (line: string) => string): string[] => {
    const at = random(lines.length);
    return lines.map((line, i) => (i === at ? change(line) : line));
  };
  const digit = (line: string): string => {
    const digits = [...line.matchAll(/\d/g)].map(({ index }) => index);
    const at = digits[random(digits.length)] ?? 0;
    return line.slice(0, at) + String(random(10)) + line.slice(at + 1);
  };
  const altered = [
    (lines: string[]) => oneOf(lines, digit),
    (lines: string[]) => oneOf(lines, () => ''),
    (lines: string[]) => oneOf(lines, (line) => line + lines[random(lines.length)]),
    (lines: string[]) => oneOf(lines, (line) => line.replace(/kept|every|dump/, ['kept', 'every', 'dump'][random(3)])),
  ][random(4)];
  return [{ lines: altered }, { ranges: altered }, { pieces: (all: Buffer) => flipped(all, random) }][random(3)];
}

function flipped(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  for (let flips = 1 + random(3); flips > 0 && bytes.length > 0; flips--)
    changed[random(bytes.length)] ^= 1 << random(8);
  return changed;
}

/** Bytes of the archives themselves. */
function harmed(archives: Buffer[], random: Random): Buffer[] {
  const [one, other] = [random(NIGHTS), random(NIGHTS)];
  const archive = archives[one];
  const at = 512 * random(archive.length / 512);
  const end = Math.min(archive.length, at + 512 * (1 + random(4)));
  const changed = [...archives];
  switch (random(6)) {
    case 0:
      changed[one] = flipped(archive, random);
      break;
    case 1:
      changed[one] = archive.subarray(0, random(archive.length));
      break;
    case 2:
      changed[one] = Buffer.concat([archive.subarray(0, at), archive.subarray(end)]);
      break;
    case 3:
      changed[one] = Buffer.concat([archive.subarray(0, end), archive.subarray(at)]);
      break;
    case 4:
      [changed[one], changed[other]] = [archives[other], archive];
      break;
    default:
      changed[one] = chainOf(8).nights[one].archive;
  }
  return changed;
}

/** The archive itself, as if it had been decrypted. */
function readerOf(archive: Buffer, random: Random): SuitcaseReader {
  const feed = async (consumer: Consumer): Promise<unknown> => {
    for (let at = 0; at < archive.length; ) {
      const length = 1 + random(6000);
      await consumer.write(new Uint8Array(archive.subarray(at, at + length)));
      at += length;
    }
    return consumer.end();
  };
  const open = async (_: unknown, consumer: Consumer) => ({
    contents: await feed(consumer),
    sha256: sha256(archive),
    segments: [],
  });
  return { open } as unknown as SuitcaseReader;
}

/** What the page does when it checks; null where a check fails. */
async function checked(
  archives: Buffer[],
  said: NightArchive['whole'] | null,
  random: Random,
): Promise<CheckedNight | null> {
  const suitcases: ChosenSuitcase[] = [];
  for (const archive of archives) {
    const one = new ChosenSuitcase(new File([new Uint8Array(archive)], `${idOf(suitcases.length)}.tar.pgp`));
    await one.open(readerOf(archive, random), null);
    suitcases.push(one);
  }
  const newest = suitcases.at(-1)!;
  if (newest.failure !== null) return null;
  newest.chain = newest.opened!.chain;
  const ids = suitcases.map((_, night) => idOf(night));
  const members = suitcases.map((suitcase, night) => ({ depositId: ids[night], suitcase, damage: null, need: null }));
  const night = { id: ids.at(-1)!, suitcase: newest, damaged: null, receipt: null, needs: [] };
  const chosen = { choice: { night, all: [], leftAside: [] }, members: { night, members }, suitcases };
  const checks = new Checks(false);
  const receipt = said === null ? null : ({ chain: { ...said, complete: true } } as unknown as Receipt);
  const most = { most: 2 ** 20, exceeded: { code: 'archive-refused' as const, message: 'too much', hint: '' } };
  const found = checkNight(
    chosen as unknown as ChosenNight,
    newest.opened,
    { receipt, most, exceeded: () => undefined },
    checks,
  );
  return checks.verdict().checks.some(({ result }) => result === 'failed') ? null : found;
}

/** Null when it is refused, with nothing left. */
async function saved({ night, rows, entries }: CheckedNight): Promise<Map<string, string> | null> {
  const place = new FakeDirectory({ anyCase: false, strict: false });
  const saving: Saving = {
    contents: { kind: 'night', night },
    rows,
    name: 'opened',
    entries,
    most: 2 ** 20,
    made: () => undefined,
    signal: new AbortController().signal,
  };
  try {
    await save({ kind: 'folder', directory: place as unknown as FileSystemDirectoryHandle, platform: 'linux' }, saving);
  } catch (error) {
    if (!(error instanceof SaveFailure) || !isDepotError(error.cause, 'archive-refused')) throw error;
    expect(place.entries.size, 'what was saved is removed').toBe(0);
    return null;
  }
  const files = new Map(
    [...(place.entries.get('opened') as FakeDirectory).files()].map(([path, { text }]) => [path, text]),
  );
  expect([...files.keys()].filter((path) => path.includes(UNFINISHED))).toEqual([]);
  const alone = [...night.entries()].findIndex(({ type, path }) => type === 'file' && path === 'data/dump');
  if (alone >= 0) {
    const { blob } = await save({ kind: 'file', index: alone, handle: null }, saving);
    expect(Buffer.from(await blob!.arrayBuffer()).toString('latin1'), 'saved alone').toBe(files.get('data/dump'));
  }
  return files;
}

const digestOf = (text: string): string => sha256(Buffer.from(text, 'latin1'));
const dataOf = (files: Map<string, string>): Record<string, string> =>
  Object.fromEntries(
    [...files].filter(([path]) => path.startsWith('data/')).map(([path, text]) => [path, digestOf(text)]),
  );

/** Files, and hard links, which are saved as copies. */
function expected(tree: Tree): Record<string, string> {
  const of = (node: FileNode): FileNode => (node.target === undefined ? node : tree.get(node.target)!);
  return Object.fromEntries(
    [...tree].flatMap(([path, node]) => (of(node).content === undefined ? [] : [[path, sha256(of(node).content!)]])),
  );
}

async function attempt(seed: number): Promise<'whole' | 'refused'> {
  const random = numbers(seed);
  const isLie = random(2) === 0;
  const { nights, trees } = isLie ? chainOf(1, random(NIGHTS), liesOf(random)) : chainOf(1);
  const archives = nights.map(({ archive }) => archive);
  const given = isLie ? archives : harmed(archives, random);
  // Without a receipt only the manifests say what is right.
  const said = random(2) === 0 ? nights.at(-1)!.whole : null;
  const found = await checked(given, said, random);
  const files = found && (await saved(found));
  if (files === null) return 'refused';
  if (said !== null) expect(dataOf(files), `seed ${seed}`).toEqual(expected(trees.at(-1)!));
  for (const { path, type, sha256: digest } of found!.night.entries())
    if (type === 'file') expect(dataOf(files)[path], `seed ${seed}, ${path}`).toBe(digest);
  return 'whole';
}

/** A Blob that can be read at once, as a browser's threads can, and Node cannot. */
class ReadableBlob extends Blob {
  readonly content: Buffer<ArrayBuffer>;

  constructor(parts: (Uint8Array | ReadableBlob)[]) {
    const content = Buffer.concat(parts.map((part) => (part instanceof ReadableBlob ? part.content : part)));
    super([content]);
    this.content = content;
  }

  override slice(start?: number, end?: number): Blob {
    return new ReadableBlob([this.content.subarray(start, end)]);
  }
}

beforeAll(async () => {
  await prepare();
  vi.stubGlobal('Blob', ReadableBlob);
  vi.stubGlobal(
    'FileReaderSync',
    class {
      readAsArrayBuffer(blob: ReadableBlob): ArrayBuffer {
        return Uint8Array.from(blob.content).buffer;
      }
    },
  );
});

const ATTEMPTS = 600;

test('a chain that nobody changed is saved exactly, with its receipt', async () => {
  const { nights, trees } = chainOf(1);
  const found = await checked(
    nights.map(({ archive }) => archive),
    nights.at(-1)!.whole,
    numbers(0),
  );
  expect(dataOf((await saved(found!))!)).toEqual(expected(trees.at(-1)!));
});

test('chains that were changed, cut, exchanged or made to lie never give a wrong file as good', async () => {
  let whole = 0;
  for (let seed = 1; seed <= ATTEMPTS; seed++) {
    const outcome = await attempt(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    if (outcome === 'whole') whole++;
  }
  // A fuzzer of which all is refused would find nothing that goes wrong in saving.
  expect(whole).toBeGreaterThan(ATTEMPTS / 50);
  expect(whole).toBeLessThan(ATTEMPTS / 2);
});
