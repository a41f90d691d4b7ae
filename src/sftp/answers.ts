import { printable } from '../printable.js';

/** Answers of SFTP version 3 (draft section 7). STATUS answers any request. */
export const Answer = { STATUS: 101, HANDLE: 102, DATA: 103, ATTRS: 105, EXTENDED: 201 } as const;

/** The longest packet that a server may send: what OpenSSH sends at most. */
const longest = 256 * 1024;
/** Length, type, id, and the code of a STATUS. */
const headLength = 13;
const idAndCode = 9;

/** ssh2 ignores a STATUS without a code, and takes a packet of a wrong kind for OK: so we look at each first. */
export class AnswerCheck {
  readonly #head = Buffer.alloc(headLength);
  #have = 0;
  #skip = 0;

  /** `expected`: the kind of answer that a request wants besides STATUS; undefined for an id that nobody waits for. */
  constructor(private readonly expected: (id: number) => number | undefined) {}

  /** The next bytes of the channel; what is wrong with them, or null. */
  check(data: Uint8Array): string | null {
    const head = this.#head;
    for (let at = 0; at < data.length; ) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, data.length - at);
        at += skipped;
        this.#skip -= skipped;
        continue;
      }
      head[this.#have++] = data[at++]!;
      if (this.#have < 4) continue;
      const length = head.readUInt32BE(0);
      if (this.#have === 4 && (length < 5 || length > longest))
        return `it sent ${shown(Buffer.concat([head.subarray(0, 4), data.subarray(at, at + 60)]))} where the length of an answer should be`;
      if (this.#have < Math.min(4 + length, headLength)) continue;
      const wrong = this.#judge(head[4]!, length, head.readUInt32BE(5));
      if (wrong !== null) return wrong;
      this.#skip = 4 + length - this.#have;
      this.#have = 0;
    }
    return null;
  }

  #judge(type: number, length: number, id: number): string | null {
    const expected = this.expected(id);
    // ssh2 passes by what nobody waits for.
    if (expected === undefined) return null;
    if (type === Answer.STATUS) return length < idAndCode ? 'it sent a STATUS without a status code' : null;
    return type === expected
      ? null
      : `it answered with a packet of type ${type} instead of ${expected === Answer.STATUS ? 'a status' : `type ${expected}`}`;
  }
}

/** Text that is none of SFTP's: a shell's greeting, mostly. */
export function shown(bytes: Uint8Array, most = 80): string {
  return `'${printable(bytes.subarray(0, most))}${bytes.length > most ? '…' : ''}'`;
}
