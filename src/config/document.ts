import type { PlatformPath } from 'node:path';

import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';

import { printable } from '../printable.js';
import { plainMistake } from './yaml-mistake.js';

/** One thing wrong with the configuration; line and column count from 1. */
export interface Problem {
  file: string;
  line: number;
  column: number;
  message: string;
}

/** A YAML file while it is being checked. */
export interface SourceFile {
  /** As it is shown in messages. */
  path: string;
  /** What relative paths in it are relative to. */
  directory: string;
  /** For `~/`; undefined when the account has none. */
  home: string | undefined;
  /** The path rules of the platform. */
  paths: PlatformPath;
  problems: Problem[];
}

/** Two thousand arrangements have fewer. Aliases count each time they are used: a few lines of them may stand for billions. */
const mostValues = 300_000;

/** Thrown and caught within this folder when a file has more values than `mostValues`. */
export class TooManyValues extends Error {}

interface Reading {
  file: SourceFile;
  lines: LineCounter;
  /** What each alias stands for. */
  targets: Map<Alias, Node>;
  values: number;
}

/** The root of `text`, or null when YAML itself is broken (reported, with places). */
export function readDocument(text: string, file: SourceFile): Value | null {
  const lines = new LineCounter();
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
      version: '1.2',
      schema: 'core',
      merge: false,
      resolveKnownTags: false,
      stringKeys: true,
      // Duplicates are reported by `pairs`, with the place of the first; yaml's own test is quadratic.
      uniqueKeys: false,
    });
  } catch (error) {
    // Nesting deep enough to exhaust the stack ends here.
    const message = `this is not valid YAML: ${printable(String(error)).slice(0, 200)}`;
    file.problems.push({ file: file.path, line: 1, column: 1, message });
    return null;
  }
  const reading: Reading = { file, lines, targets: new Map(), values: 0 };
  const [first, ...more] = [...document.errors, ...document.warnings]
    .map((error) => plainMistake(error, text, document))
    .sort((a, b) => a.offset - b.offset);
  if (first !== undefined) {
    // The parser goes on after a mistake, and takes much of what follows for mistakes too.
    const others = more.length === 0 ? '' : ` (and ${more.length} more, perhaps because of this one)`;
    report(reading, first.offset, `this is not valid YAML: ${yamlMessage(first.message)}${others}`);
    return null;
  }
  if (text.includes('*')) reading.targets = aliasTargets(document);
  return new Value(reading, document.contents, 0);
}

/** In one pass: yaml's own `resolve` goes through the document for every alias. */
function aliasTargets(document: Document.Parsed): Map<Alias, Node> {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Node(_, node) {
      if (isAlias(node)) {
        const target = anchors.get(node.source);
        if (target !== undefined) targets.set(node, target);
      } else if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

function yamlMessage(message: string): string {
  const text = printable(message).replace(/\.$/, '');
  return `${text.charAt(0).toLowerCase()}${text.slice(1, 300)}`;
}

function report(reading: Reading, offset: number, message: string): void {
  const { line, col } = reading.lines.linePos(offset);
  const { path: file, problems } = reading.file;
  // What follows the scheme of an address may be a secret, and it may have slipped to where no address belongs.
  const shown = printable(message).replace(/:\/\/[^\s'"]+/g, '://…');
  problems.push({ file, line: Math.max(1, line), column: Math.max(1, col), message: shown });
}

/** Reads a value at its place, or reports what is wrong with it and returns null. */
export type Check<T> = (value: Value) => T | null;

interface Pair {
  key: Value;
  value: Value;
}

/** A node of the document with the place to complain about. */
export class Value {
  readonly #reading: Reading;
  readonly #node: unknown;
  readonly #offset: number;
  #pairs: Map<string, Pair> | undefined;

  constructor(reading: Reading, node: unknown, fallbackOffset: number) {
    if (++reading.values > mostValues) throw new TooManyValues();
    this.#reading = reading;
    this.#offset = (node as { range?: [number, number, number] | null } | null)?.range?.[0] ?? fallbackOffset;
    this.#node = isAlias(node) ? (reading.targets.get(node) ?? node) : node;
  }

  get file(): SourceFile {
    return this.#reading.file;
  }

  /** `path:line`, for messages about another place. */
  get place(): string {
    return `${printable(this.file.path)}:${Math.max(1, this.#reading.lines.linePos(this.#offset).line)}`;
  }

  /** Adds a problem; null, so that a check can return it. */
  report(message: string): null {
    report(this.#reading, this.#offset, message);
    return null;
  }

  /** The value as someone typed it, shortened, for messages. */
  get shown(): string {
    if (isAlias(this.#node)) return `*${printable(this.#node.source)}, an undefined alias`;
    if (!isScalar(this.#node)) return this.kind;
    if (this.#node.value === null) return 'nothing';
    const text = printable(this.scalar?.source ?? '');
    const quote = this.#node.type === 'QUOTE_DOUBLE' || this.#node.type === 'QUOTE_SINGLE' ? '"' : "'";
    return `${quote}${text.length > 60 ? `${text.slice(0, 60)}…` : text}${quote}`;
  }

  get kind(): string {
    if (isMap(this.#node)) return 'a mapping';
    if (isSeq(this.#node)) return 'a list';
    if (isAlias(this.#node)) return 'an alias';
    if (!isScalar(this.#node) || this.#node.value === null) return 'nothing';
    if (typeof this.#node.value === 'string') return 'text';
    return typeof this.#node.value === 'boolean' ? 'true or false' : 'a number';
  }

  /** Undefined when it is a collection; `source` is what stands in the file. */
  get scalar(): { value: unknown; source: string } | undefined {
    if (!isScalar(this.#node)) return undefined;
    return {
      value: this.#node.value,
      source: this.#node.source ?? (typeof this.#node.value === 'string' ? this.#node.value : ''),
    };
  }

  /** The members of a list; undefined (not reported) when it is none. */
  get items(): Value[] | undefined {
    if (!isSeq(this.#node)) return undefined;
    return this.#node.items.map((item) => new Value(this.#reading, item, this.#offset));
  }

  /** The pairs of a mapping, first of each key; later ones are reported, once. Undefined when it is none. */
  get pairs(): ReadonlyMap<string, Pair> | undefined {
    return (this.#pairs ??= this.#readPairs());
  }

  #readPairs(): Map<string, Pair> | undefined {
    if (!isMap(this.#node)) return undefined;
    const pairs = new Map<string, Pair>();
    for (const pair of this.#node.items) {
      const key = new Value(this.#reading, pair.key, this.#offset);
      const name = key.scalar?.value;
      if (typeof name !== 'string') {
        key.report('a key must be plain text');
        continue;
      }
      const first = pairs.get(name);
      if (first === undefined) pairs.set(name, { key, value: new Value(this.#reading, pair.value, key.#offset) });
      else
        key.report(
          `duplicate key '${printable(name)}' (first at line ${this.#reading.lines.linePos(first.key.#offset).line})`,
        );
    }
    return pairs;
  }

  has(key: string): boolean {
    return this.pairs?.has(key) === true;
  }

  /** Where `key` stands, for problems that concern several keys; the value itself when it does not. */
  at(key: string): Value {
    return this.pairs?.get(key)?.key ?? this;
  }
}
