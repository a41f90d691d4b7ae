/** Questions to a person, on stderr, so that stdout stays the result. Loaded only where someone can answer. */
import { setMaxListeners } from 'node:events';
import { styleText } from 'node:util';
import {
  confirm as clackConfirm,
  isCancel,
  multiselect as clackMultiselect,
  password as clackPassword,
  S_BAR,
  select as clackSelect,
} from '@clack/prompts';
import { wrapTextWithPrefix } from '@clack/core';
import { DepotError } from '../errors.js';
import { type Complete, LinePrompt } from './line-prompt.js';

export interface Asker {
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

export interface TextQuestion {
  message: string;
  /** Shown while nothing is typed; what is typed takes its place. */
  placeholder?: string | undefined;
  /** What Enter takes when nothing is typed; `message` shows it. */
  fallback?: string | undefined;
  /** For Tab. */
  complete?: Complete | undefined;
  /** Returns what is wrong with the answer, or undefined. */
  validate?: (answer: string) => string | undefined;
}

/** Questions on a terminal. An interrupted one ends in a DepotError: the signal's reason, or 'interrupted'. */
export class Prompt {
  readonly #io: { input: NodeJS.ReadStream; output: NodeJS.WriteStream; signal: AbortSignal };
  readonly #signal: AbortSignal;

  constructor(o: Asker) {
    this.#io = { input: o.stdin, output: o.stderr, signal: o.signal };
    this.#signal = o.signal;
    // Every question listens for the end of the run, and a set-up has many.
    setMaxListeners(0, o.signal);
  }

  /** An answer that is not shown while it is typed. */
  async hidden(message: string): Promise<string> {
    const beside = wrapTextWithPrefix(this.#io.output, message, `${styleText('gray', S_BAR)}  `, '');
    return this.#answer(await clackPassword({ ...this.#io, message: beside }));
  }

  /** What was typed, without spaces around it; the fallback when that is nothing. */
  async text({ message, placeholder, fallback, complete, validate }: TextQuestion): Promise<string> {
    const line = new LinePrompt({
      ...this.#io,
      message,
      placeholder,
      fallback,
      complete,
      validate: (answer) => validate?.(answer),
    });
    const answer = this.#answer(await line.prompt());
    return (answer ?? '').trim() || (fallback ?? '');
  }

  async confirm(message: string, initial = false): Promise<boolean> {
    return this.#answer(await clackConfirm({ ...this.#io, message, initialValue: initial }));
  }

  /** `initial` is the one that Enter takes; the first where it is left out. */
  async choose<T extends string>(
    message: string,
    options: { value: T; label: string; hint?: string }[],
    initial?: T,
  ): Promise<T> {
    const first = initial === undefined ? {} : { initialValue: initial };
    return this.#answer(await clackSelect<string>({ ...this.#io, message, options, ...first })) as T;
  }

  async chooseSome<T extends string>(
    message: string,
    options: { value: T; label: string; hint?: string }[],
  ): Promise<T[]> {
    return this.#answer(await clackMultiselect<string>({ ...this.#io, message, options, required: true })) as T[];
  }

  /** Ctrl-C in a question is no signal (the terminal is in raw mode); it ends the run in the same way. */
  #answer<T>(answer: T): Exclude<T, symbol> {
    if (isCancel(answer)) {
      const reason: unknown = this.#signal.reason;
      throw this.#signal.aborted && reason instanceof DepotError
        ? reason
        : new DepotError('interrupted', 'interrupted');
    }
    return answer as Exclude<T, symbol>;
  }
}
