/** The SFTP requests and answers of one channel, as lines of the log: without contents, handles shortened. */
import { logDebug, logLevel } from '../log.js';
import { printable } from '../printable.js';

/** Of a handle that a server makes long. */
const shownHandle = 16;

export class Trace {
  readonly #of: string | undefined;
  readonly #channel: string;
  /** Sent, and not answered yet: what, and when. */
  readonly #open = new Map<number, { what: string; at: number }>();

  private constructor(of: string | undefined, number: number) {
    this.#of = of;
    this.#channel = `sftp ${number}`;
  }

  /** Null where nobody reads it, so that a write costs a look at that. */
  static of(arrangement: string | undefined, number: number): Trace | null {
    return logLevel() === 'debug' ? new Trace(arrangement, number) : null;
  }

  /** A request goes out; `about`: a path, a handle, or words. */
  asked(id: number, what: string, about: string | Uint8Array): void {
    this.#open.set(id, { what, at: performance.now() });
    this.#line(`> #${id} ${what.toUpperCase()} ${typeof about === 'string' ? about : `handle ${handleText(about)}`}`);
  }

  wrote(id: number, handle: Uint8Array, offset: number, length: number): void {
    this.asked(id, 'write', `handle ${handleText(handle)} offset ${offset} length ${length}`);
  }

  /** The answer to a request, or why there is none. */
  answered(id: number, answer: unknown): void {
    const { what = 'request', at } = this.#open.get(id) ?? {};
    this.#open.delete(id);
    const after = at === undefined ? '' : `, ${(performance.now() - at).toFixed(1)} ms`;
    this.#line(`< #${id} ${answerText(what, answer)}${after}`);
  }

  /** Nothing more will be answered. */
  lost(reason: Error): void {
    this.#line(`ends: ${printable(reason.message)}; requests without an answer: ${this.#open.size}`);
  }

  #line(text: string): void {
    logDebug(this.#of, `${this.#channel} ${text}`);
  }
}

export function handleText(handle: Uint8Array): string {
  const hex = Buffer.from(handle.subarray(0, shownHandle)).toString('hex');
  return `${hex}${handle.length > shownHandle ? `… (${handle.length} bytes)` : ''}`;
}

function answerText(what: string, answer: unknown): string {
  // `open: status 3 (Permission denied)` has the words of the request before.
  if (answer instanceof Error) return printable(answer.message.replace(`${what}: `, ''));
  if (answer instanceof Uint8Array) return `handle ${handleText(answer)}`;
  if (typeof answer === 'number') return `data, ${answer} bytes`;
  if (typeof answer !== 'object' || answer === null) return 'status 0';
  // Attributes, or what a file system has room for: numbers, and no names.
  const numbers = Object.entries(answer).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
  return numbers.map(([name, value]) => `${name} ${name === 'mode' ? `0${value.toString(8)}` : value}`).join(', ');
}
