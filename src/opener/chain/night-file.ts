/** Saves one file of a night, in a browser that can write to no folder, too: what it is made of is in memory meanwhile. */
import { toBytes, type ByteString } from '../../dataset/bytestring.js';
import { RangesReader, wholeObject, type Range } from '../../dataset/assemble/ranges.js';
import { refused, shown } from '../../dataset/tar/format.js';
import { DepotError } from '../../errors.js';
import { Enough } from '../open-blob.js';
import { MemoryTarget, MOST_IN_MEMORY, stoppable, type Target } from '../targets.js';
import { makeFile, Objects } from './make-file.js';
import type { FinalEntry, Night } from './night.js';
import { Routed } from './routed.js';

/** The `index`-th entry of the night. @throws DepotError 'archive-refused', 'local-disk-full', and what the target throws */
export async function saveNightFile(night: Night, index: number, target: Target, signal: AbortSignal): Promise<void> {
  const entry = entryAt(night, index);
  const { path, size, sha256, origin } = entry;
  const room = new Room();
  if (origin.kind === 'ranges') {
    const { ranges } = night.suitcases[entry.night]!.own;
    const stretches = (): Iterable<Range> => new RangesReader(ranges.stored(), entry.night).of(origin.number);
    const wanted = new Map<number, Set<string>>();
    for (const { night: number, object } of stretches()) {
      if (!wanted.has(number)) wanted.set(number, new Set());
      wanted.get(number)!.add(object);
    }
    const blobs = new Map<string, Blob>();
    for (const [number, paths] of wanted) await take(night, number, paths, blobs, { room, signal });
    await makeFile({ path, size, sha256: sha256! }, stretches(), objectsIn(blobs), (bytes) => target.write(bytes));
    return;
  }
  const place = origin.kind === 'object' ? origin : { night: entry.night, object: path };
  const blobs = new Map<string, Blob>();
  await take(night, place.night, new Set([place.object]), blobs, { room, signal });
  const objects = objectsIn(blobs);
  const ranges = wholeObject({ ...place, size }, await objects.sizeOf(place.night, place.object));
  await makeFile({ path, size, sha256: sha256! }, ranges, objects, (bytes) => target.write(bytes));
}

function entryAt(night: Night, index: number): FinalEntry {
  let at = 0;
  for (const entry of night.entries()) if (at++ === index && entry.type === 'file') return entry;
  throw new DepotError('usage', 'there is no such file in the list');
}

/** All together that is in memory at once. */
class Room {
  #left = MOST_IN_MEMORY;

  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0)
      throw new DepotError('local-disk-full', 'this file is made of more than 2 GiB of others', {
        hint: 'use a browser based on Chromium, or the commands at the end of this page',
      });
  }
}

/** Files of one suitcase, into memory. */
async function take(
  { suitcases }: Night,
  number: number,
  paths: ReadonlySet<string>,
  into: Map<string, Blob>,
  { room, signal }: { room: Room; signal: AbortSignal },
): Promise<void> {
  const suitcase = suitcases[number]!;
  let left = paths.size;
  const routed = new Routed(suitcase.joined, (path) => {
    if (left === 0) return Promise.reject(new Enough());
    if (!paths.has(path)) return Promise.resolve(null);
    const target = new MemoryTarget();
    return Promise.resolve({
      write(bytes) {
        room.take(bytes.length);
        return target.write(bytes);
      },
      async close() {
        await target.close();
        into.set(`${number} ${path}`, target.blob);
        left--;
      },
      abort: () => target.abort(),
    });
  });
  await suitcase.read(stoppable(routed, signal)).catch((error: unknown) => {
    if (!(error instanceof Enough)) throw error;
  });
}

function objectsIn(blobs: ReadonlyMap<string, Blob>): Objects {
  return new Objects((night, object: ByteString) => {
    const blob = blobs.get(`${night} ${object}`);
    return blob === undefined
      ? Promise.reject(refused(`there is no file ${shown(toBytes(object))} in suitcase ${night} of the chain`))
      : Promise.resolve(blob);
  });
}
