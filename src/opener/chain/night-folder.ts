/** Saves a night below a folder: what its suitcases hold of it first, then what is made of that. Only after all were authenticated once. */
import { toBytes, type ByteString } from '../../dataset/bytestring.js';
import { RangesReader, wholeObject } from '../../dataset/assemble/ranges.js';
import { MANIFEST_PATH } from '../../dataset/manifest.js';
import { refused, shown } from '../../dataset/tar/format.js';
import { isDepotError } from '../../errors.js';
import { isInterleaved, PIECES_PATH } from '../../names/archive.js';
import { oneWord } from '../../printable.js';
import type { FolderTree } from '../folder-tree.js';
import { isNamed } from '../places.js';
import { stoppable } from '../targets.js';
import { fromLatin1, sha256Hex } from '../primitives.js';
import { Objects, makeFile, type Made } from './make-file.js';
import type { Night } from './night.js';
import { NightPlan } from './night-plan.js';
import { Routed, type Route } from './routed.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** For what files are made of, until they are. */
const WORK = 'NOT-FINISHED';

export class NightFolder {
  readonly #night: Night;
  readonly #root: FileSystemDirectoryHandle;
  readonly #tree: FolderTree;
  readonly #signal: AbortSignal;
  readonly #work: FileSystemDirectoryHandle[] = [];
  readonly #objects = new Objects((night, object) => this.#object(night, object));

  /** `root` is new and empty, and that of the tree. */
  constructor(night: Night, root: FileSystemDirectoryHandle, tree: FolderTree, signal: AbortSignal) {
    this.#night = night;
    this.#root = root;
    this.#tree = tree;
    this.#signal = signal;
  }

  /** @throws DepotError 'archive-refused', and what the browser throws */
  async save(): Promise<void> {
    const plan = new NightPlan(this.#night);
    const work = await this.#root.getDirectoryHandle(WORK, { create: true });
    for (const number of this.#night.suitcases.keys())
      this.#work.push(await work.getDirectoryHandle(String(number), { create: true }));
    for (const number of this.#night.suitcases.keys()) await this.#unpack(number, plan);
    await this.#make(plan);
    await this.#makeOthers(plan);
    await this.#root.removeEntry(WORK, { recursive: true });
  }

  async #unpack(number: number, plan: NightPlan): Promise<void> {
    const { suitcases } = this.#night;
    const isNewest = number === suitcases.length - 1;
    // Both in the order of the walk.
    const stored = plan.stored[number]!.records();
    let next = stored.next();
    const routed = new Routed(suitcases[number]!.joined, async (path) => {
      if (path.startsWith('DEPOT/') && path !== PIECES_PATH)
        return isNewest && path !== MANIFEST_PATH && !isInterleaved(path) ? this.#final(path) : null;
      if (next.done !== true && next.value === path) {
        next = stored.next();
        return this.#final(path);
      }
      if (!plan.needed.has(number, path)) return null;
      const file = await this.#work[number]!.getFileHandle(workName(path), { create: true });
      return file.createWritable();
    });
    try {
      await suitcases[number]!.read(stoppable(routed, this.#signal));
    } catch (error) {
      await routed.abandon();
      throw error;
    }
    if (next.done !== true) throw refused(`${named(next.value)} is in the manifest and not in the archive`);
  }

  async #make(plan: NightPlan): Promise<void> {
    for (const [number, list] of plan.ranges.entries()) {
      let reader: RangesReader | null = null;
      for (const wanted of list.records()) {
        reader ??= new RangesReader(this.#night.suitcases[number]!.own.ranges.stored(), number);
        await this.#makeFile(wanted, reader.of(wanted.number));
      }
    }
    for (const wanted of plan.copies.records()) {
      const found = await this.#objects.sizeOf(wanted.night, wanted.object);
      await this.#makeFile(wanted, wholeObject(wanted, found));
    }
  }

  async #makeFile(wanted: Made, ranges: Parameters<typeof makeFile>[1]): Promise<void> {
    const route = await this.#final(wanted.path);
    try {
      await makeFile(wanted, ranges, this.#objects, (bytes) => route.write(bytes));
    } catch (error) {
      await route.abort().catch(() => undefined);
      throw error;
    }
    await route.close();
  }

  /** A hard link may lead to any file of the night. */
  async #makeOthers(plan: NightPlan): Promise<void> {
    const tree = this.#tree;
    for (const { path, type, target } of plan.others.records()) {
      this.#signal.throwIfAborted();
      if (type === 'directory') {
        await tree.enter(path);
        tree.report.directories++;
        continue;
      }
      const words = [path, target!].map((one) => oneWord(toBytes(one as ByteString))).join(' -> ');
      if (type === 'hardlink') {
        await tree.copyOf(target!, path);
        tree.note(`hard link, saved as a copy: ${words}`);
      } else tree.note(`symbolic link, not made: ${words}`);
    }
  }

  /** A file of the night. */
  async #final(path: string): Promise<Route> {
    const writable = await (await this.#tree.create(path)).createWritable();
    this.#tree.report.files++;
    return {
      write: (bytes: Bytes) => {
        this.#signal.throwIfAborted();
        this.#tree.writes(bytes.length);
        return writable.write(bytes);
      },
      close: () => writable.close(),
      abort: () => writable.abort(),
    };
  }

  /** A file of a suitcase: put aside, or where the night has it, too. */
  async #object(night: number, object: ByteString): Promise<Blob> {
    try {
      return await (await this.#work[night]!.getFileHandle(workName(object))).getFile();
    } catch (error) {
      if (!isNamed(error, 'NotFoundError')) throw error;
    }
    try {
      return await (await this.#tree.earlier(object, object)).getFile();
    } catch (error) {
      if (!isDepotError(error)) throw error;
      throw refused(`there is no file ${named(object)} in suitcase ${night} of the chain`);
    }
  }
}

/** Of any path a name that every system takes. */
function workName(path: string): string {
  return sha256Hex(fromLatin1(path));
}

function named(path: string): string {
  return shown(toBytes(path as ByteString));
}
