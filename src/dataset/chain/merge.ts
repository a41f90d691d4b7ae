import { toBytes, type ByteString } from '../bytestring.js';
import { refused, shown } from '../tar/format.js';
import { WalkOrder } from '../walk-order.js';
import type { NightEntry } from './line.js';
import type { NightManifest, PlacedLine } from './night-manifest.js';
import { compareWalk } from './order.js';

/** What has become of one path. */
export interface Fate {
  path: ByteString;
  /** As the wanted night has it, and in which night's manifest that stands; null: it is gone. */
  final: (NightEntry & { night: number }) | null;
  /** The full deposit's line, where there is one. */
  first: NightEntry | null;
}

/**
 * Merges the manifests of a chain in the order of the walk: for every path that any of them names, what it is in the last
 * night. Holds one line of each manifest. Also checks what a single manifest does not show: that only what is there is
 * removed, and that everything lies in a directory.
 *
 * `gaps`: some manifests are missing, so that a path may be removed that was never seen to appear; and what cannot be, as
 * a file in what is no directory, is gone.
 *
 * @throws DepotError 'archive-refused'
 */
export function* mergeNights(manifests: readonly NightManifest[], gaps = false): Generator<Fate, void> {
  const order = new WalkOrder();
  const waiting = manifests.filter(({ head }) => head !== null).sort(compareHeads);
  while (waiting.length > 0) {
    const fate = takeNext(waiting, gaps);
    if (fate.final !== null) {
      const isDirectory = fate.final.type === 'directory';
      const wrong = order.next(fate.path, isDirectory && !gaps);
      if (wrong === null && gaps && isDirectory) order.next(fate.path, true);
      if (wrong !== null && !gaps)
        throw refused(`${shown(toBytes(fate.path))} ${wrong}, in the chain's manifests together`);
      // A directory that is not opened has nothing in it.
      if (wrong !== null) fate.final = null;
    }
    yield fate;
  }
}

/** Takes the lines of the next path from all manifests that have one; `waiting` is in the order of their heads, nights of one path ascending. */
function takeNext(waiting: NightManifest[], gaps: boolean): Fate {
  const { path, place } = waiting[0]!.head!;
  const fate: Fate = { path, final: null, first: null };
  while (waiting.length > 0 && compareWalk(waiting[0]!.head!, { path, place }) === 0) {
    const manifest = waiting.shift()!;
    apply(fate, manifest.head!, manifest.night, gaps);
    manifest.advance();
    if (manifest.head !== null) insert(waiting, manifest);
  }
  return fate;
}

function apply(fate: Fate, line: PlacedLine, night: number, gaps: boolean): void {
  if (line.kind === 'removed') {
    if (fate.final === null && !gaps)
      throw refused(`${shown(toBytes(line.path))} is removed in night ${night}, where there is no such path`);
    fate.final = null;
    return;
  }
  fate.final = Object.assign(line, { night });
  if (night === 0) fate.first = line;
}

/** Mostly near the front: neighbours in one manifest are neighbours in the others. */
function insert(waiting: NightManifest[], manifest: NightManifest): void {
  let low = 0;
  let high = waiting.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareHeads(waiting[middle]!, manifest) < 0) low = middle + 1;
    else high = middle;
  }
  waiting.splice(low, 0, manifest);
}

function compareHeads(a: NightManifest, b: NightManifest): number {
  return compareWalk(a.head!, b.head!) || a.night - b.night;
}
