/** Questions to a person, on stderr, so that stdout stays the result. Loaded only where someone can answer. */
import { setMaxListeners } from 'node:events';
import {
  confirm as clackConfirm,
  isCancel,
  multiselect as clackMultiselect,
  password as clackPassword,
  select as clackSelect,
  text as clackText,
} from '@clack/prompts';
import { DepotError } from '../errors.js';

export interface Asker {
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

export interface TextQuestion {
  message: string;
  /** Shown while nothing is typed; what is typed takes its place. */
  placeholder?: string;
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
    return this.#answer(await clackPassword({ ...this.#io, message }));
  }

  async text(q: TextQuestion): Promise<string> {
    const { message, placeholder, validate } = q;
    const answer = await clackText({
      ...this.#io,
      message,
      ...(placeholder === undefined ? {} : { placeholder }),
      validate: (value) => validate?.((value ?? '').trim()),
    });
    return this.#answer(answer).trim();
  }

  async confirm(message: string, initial = false): Promise<boolean> {
    return this.#answer(await clackConfirm({ ...this.#io, message, initialValue: initial }));
  }

  async choose<T extends string>(message: string, options: { value: T; label: string; hint?: string }[]): Promise<T> {
    return this.#answer(await clackSelect<string>({ ...this.#io, message, options })) as T;
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
