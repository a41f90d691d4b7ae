/**
 * A second writer of section 12 of docs/format.md, for tests: simple, in memory, and but for the tar headers without a line of
 * depot's own code. It finds what did not change in blocks of 512 bytes, wherever they lie in the chain. Every part of what it
 * writes can be made a lie (`Lies`).
 */
import { randomBytes } from 'node:crypto';
import { type Held, type Lies, NightWriter } from './chain-archive.js';
import {
  escaped,
  type FileNode,
  jsonLine,
  line,
  listed,
  plain,
  sameNode,
  sha256,
  type Tree,
  utf8,
} from './chain-tree.js';

/** A suitcase of the chain, as `chain.json` names it. */
export interface ChainLink {
  depositId: string;
  bytes: number;
  sha256: string;
}

export interface ChainOptions {
  /** Files beyond this many bytes become ranges; 1 MiB is what the format says. */
  large?: number;
  /** The size of a part; 4 MiB is what the format says. */
  partBytes?: number;
  /** Which sources of the full deposit are stored in parts, as the output of a command is. */
  inParts?: (path: string) => boolean;
  /** What goes in as `DEPOT/restore.sh`. */
  script?: Buffer;
  /** The supplier's description; none when it is empty. */
  specification?: string;
}

/** A night's archive, and what its receipt says. */
export interface NightArchive {
  archive: Buffer;
  number: number;
  /** `dataset` of the receipt. */
  held: Held;
  /** Of the whole night. */
  whole: { entries: number; bytes: number; complete: boolean; datasetSha256: string };
}

interface Place {
  night: number;
  object: string;
}

const BLOCK = 512;

export class ChainMaker {
  readonly sources: string[];
  #number = 0;
  #last: Tree = new Map();
  /** Objects by the SHA-256 of their content, and their whole blocks by theirs. */
  readonly #objects = new Map<string, Place>();
  readonly #blocks = new Map<string, Place & { offset: number }>();
  readonly #o: Required<ChainOptions>;

  /** `sources`: their names, one character a byte, in the order of the configuration. */
  constructor(sources: readonly string[], options: ChainOptions = {}) {
    this.sources = [...sources];
    this.#o = {
      large: 1 << 20,
      partBytes: 4 << 20,
      inParts: () => false,
      script: Buffer.from('exit 1\n'),
      specification: '',
      ...options,
    };
  }

  /** The next night: `earlier` are the suitcases before it, the full one first; none means a full deposit. */
  night(given: Tree, earlier: readonly ChainLink[], lies: Lies = {}): NightArchive {
    const tree = this.inOrder(given);
    const random = randomBytes(32);
    const writer = new NightWriter(this.#o.partBytes, lies);
    this.#number = earlier.length;
    if (earlier.length === 0) this.#full(tree, writer, random);
    else this.#increment(tree, writer, random, earlier, lies);
    this.#last = tree;
    const files = [...tree.values()].filter(({ type }) => type === 'file');
    return {
      ...writer.finish(),
      number: this.#number,
      whole: {
        entries: tree.size,
        bytes: files.reduce((sum, { content }) => sum + content!.length, 0),
        complete: files.every(({ changed }) => changed !== true),
        datasetSha256: sha256(Buffer.concat([random, ...[...tree].map(([path, node]) => listed(path, node))])),
      },
    };
  }

  #full(tree: Tree, writer: NightWriter, random: Buffer): void {
    writer.line(`${JSON.stringify({ manifest: 'depot.manifest/1', random: random.toString('hex') })}\n`);
    const store = (path: string, node: FileNode): void => {
      const parts = node.type === 'file' && this.#o.inParts(path) ? this.#o.partBytes : null;
      const count = writer.entry({ path, ...node }, parts);
      writer.line(jsonLine(path, node, count));
    };
    store('DEPOT/README.md', plain('what is where\n'));
    for (const [path, node] of tree) {
      store(path, node);
      writer.hold(node);
      if (node.type === 'file') this.#remember(node.content!, { night: 0, object: path });
    }
  }

  #increment(tree: Tree, writer: NightWriter, random: Buffer, earlier: readonly ChainLink[], lies: Lies): void {
    const night = this.#number;
    const chain = { schema: 'depot.chain/1', number: night, sources: this.sources.map(utf8), deposits: earlier };
    writer.line(`${JSON.stringify({ manifest: 'depot.manifest/2', random: random.toString('hex') })}\n`);
    const store = (path: string, node: FileNode): void => {
      writer.entry({ path, ...node }, null);
      writer.line(line(path, node, node.type === 'file' ? 'f' : node.type[0] === 's' ? 'l' : 'd', ''));
    };
    store('DEPOT/README.md', plain('This is not the whole dataset.\n'));
    const told = lies.chainFile?.(chain) ?? chain;
    store('DEPOT/chain.json', plain(typeof told === 'string' ? told : `${JSON.stringify(told)}\n`));
    store('DEPOT/restore.sh', plain(this.#o.script));
    if (this.#o.specification !== '') store('DEPOT/specification.md', plain(this.#o.specification));

    const both = this.inOrder(new Map([...this.#last, ...tree]));
    const isChanged = (path: string): boolean => !sameNode(this.#last.get(path), tree.get(path));
    // A hard link has a line also where only what it points to has changed.
    const changed = [...both.keys()].filter((path) => {
      const node = tree.get(path);
      return isChanged(path) || (node?.type === 'hardlink' && isChanged(node.target!));
    });
    const above = new Set(changed.flatMap(directoriesAbove));
    const named = new Set(changed);
    let files = 0;
    for (const path of both.keys()) {
      const node = tree.get(path);
      if (node === undefined) writer.line(`${escaped(path)} -\n`);
      else if (node.type === 'directory' && (named.has(path) || above.has(path))) {
        store(path, node);
        writer.hold(node);
      } else if (!named.has(path)) continue;
      else if (node.type === 'symlink') {
        store(path, node);
        writer.hold(node);
      } else if (node.type === 'hardlink') writer.line(line(path, node, 'h', ''));
      else {
        const known = this.#objects.get(sha256(node.content!));
        if (known !== undefined) writer.line(line(path, node, 'o', ` ${known.night} ${escaped(known.object)}`));
        else if (node.content!.length <= this.#o.large) {
          store(path, node);
          writer.hold(node);
          this.#remember(node.content!, { night, object: path });
        } else {
          this.#ranges(node.content!, ++files, writer);
          writer.line(line(path, node, 'r', ` ${files}`));
        }
      }
    }
    const pieces = writer.endRanges();
    if (pieces.length > 0) this.#remember(pieces, { night, object: 'DEPOT/pieces' });
  }

  #ranges(content: Buffer, number: number, writer: NightWriter): void {
    const objects = new Map<string, { number: number; end: number }>();
    let run: (Place & { offset: number; length: number }) | null = null;
    const say = (): void => {
      if (run === null) return;
      const key = `${run.night} ${escaped(run.object)}`;
      if (!objects.has(key)) {
        objects.set(key, { number: objects.size, end: 0 });
        writer.range(`@ ${objects.size - 1} ${key}\n`);
      }
      const object = objects.get(key)!;
      writer.range(`${object.number} ${run.offset - object.end} ${run.length}\n`);
      object.end = run.offset + run.length;
    };
    writer.range(`> ${number}\n`);
    for (let at = 0; at < content.length; at += BLOCK) {
      const block = content.subarray(at, at + BLOCK);
      const digest = sha256(block);
      let place = this.#blocks.get(digest);
      if (place === undefined) {
        place = { night: this.#number, object: 'DEPOT/pieces', offset: writer.piece(block) };
        if (block.length === BLOCK) this.#blocks.set(digest, place);
      }
      const follows =
        run?.night === place.night && run.object === place.object && run.offset + run.length === place.offset;
      if (follows) run!.length += block.length;
      else {
        say();
        run = { ...place, length: block.length };
      }
    }
    say();
  }

  #remember(content: Buffer, place: Place): void {
    const digest = sha256(content);
    if (!this.#objects.has(digest)) this.#objects.set(digest, place);
    for (let offset = 0; offset + BLOCK <= content.length; offset += BLOCK) {
      const block = sha256(content.subarray(offset, offset + BLOCK));
      if (!this.#blocks.has(block)) this.#blocks.set(block, { ...place, offset });
    }
  }

  /** The order of section 3: sources as configured, a directory before its contents, names by their bytes. */
  inOrder(tree: Tree): Tree {
    const key = (path: string): [number, ...string[]] => {
      const [, source, ...rest] = path.split('/');
      return [this.sources.indexOf(source), ...rest];
    };
    const compare = (a: readonly (string | number)[], b: readonly (string | number)[]): number => {
      for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
      return a.length - b.length;
    };
    const keyed = [...tree].map(([path, node]) => ({ path, node, key: key(path) }));
    return new Map(keyed.sort((a, b) => compare(a.key, b.key)).map(({ path, node }) => [path, node]));
  }
}

function directoriesAbove(path: string): string[] {
  const parts = path.split('/');
  return parts.slice(2).map((_, i) => parts.slice(0, i + 2).join('/'));
}
