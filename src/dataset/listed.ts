/** `push --dry-run --list`: what becomes of each entry of the sources, told while they are read. */
import { type ByteString, toText } from './bytestring.js';

export interface Listed {
  listed: 'entry' | 'excluded' | 'skipped';
  /** In the archive, below `data/`; in base64 where its bytes are not UTF-8. */
  path?: string;
  pathBase64?: string;
  /** As in the manifest, or what the file system calls it (`socket`); `mount` for a file system that is not crossed into. */
  type: string;
  /** Of an entry, in bytes; a hard link has none of its own. */
  size?: number;
  /** The first that left it out. */
  pattern?: string;
}

/** Hands lists over in pieces of this many characters. */
const PIECE = 32 * 1024;

/** Collects entries as lines of JSON, and passes them on when there are enough: one by one they would cost more than the reading. */
export class Listing {
  readonly #pass: (lines: Uint8Array<ArrayBuffer>) => void;
  #lines = '';

  constructor(pass: (lines: Uint8Array<ArrayBuffer>) => void) {
    this.#pass = pass;
  }

  add(path: ByteString, one: Omit<Listed, 'path' | 'pathBase64'>): void {
    const text = toText(path);
    const named = text === null ? { pathBase64: btoa(path) } : { path: text };
    this.#lines += `${JSON.stringify({ ...named, ...one })}\n`;
    if (this.#lines.length >= PIECE) this.flush();
  }

  flush(): void {
    if (this.#lines === '') return;
    this.#pass(encoder.encode(this.#lines));
    this.#lines = '';
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a `Listing` passed on. */
export function parseListed(lines: Uint8Array): Listed[] {
  return decoder
    .decode(lines)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Listed);
}
