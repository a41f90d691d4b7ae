/** The person at the terminal: asked again after a slip, so that one wrong path does not cost ten answers. */
import type { Prompt } from '../../ui/prompt.js';
import { printable } from '../../printable.js';
import type { Context } from '../context.js';
import { pathCompletion } from './paths.js';

export interface TextOptions {
  /** Taken for an empty answer, and shown; Tab puts it into the line. */
  fallback?: string | undefined;
  /** Enter on an empty line is an answer too, and gives ''. */
  optional?: boolean;
  /** Tab completes file names. */
  path?: boolean;
  /** What is wrong with an answer; then it is asked for again. */
  check?: (answer: string) => string | undefined | Promise<string | undefined>;
}

export interface Talk {
  text(message: string, o?: TextOptions): Promise<string>;
  hidden(message: string): Promise<string>;
  /** `initial` is what Enter takes; the first where it is left out. */
  choose<T extends string>(message: string, options: { value: T; label: string }[], initial?: T): Promise<T>;
  chooseSome(message: string, options: { value: string; label: string }[]): Promise<string[]>;
  confirm(message: string, initial?: boolean): Promise<boolean>;
  say(text: string): void;
}

/** At the end of a question that can be left by an empty answer. */
export const back = ' (Enter: back)';

export async function talkOn(context: Context): Promise<Talk> {
  const { Prompt: Terminal } = await import('../../ui/prompt.js');
  const prompt: Prompt = new Terminal({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal });
  const say = (text: string): void => {
    context.screen.note(text);
  };
  return {
    async text(message, { fallback, optional = false, path = false, check } = {}) {
      for (let earlier: string | undefined; ; ) {
        const value = await prompt.text({
          message: fallback === undefined ? message : `${message} [${printable(fallback)}]`,
          placeholder: earlier,
          fallback,
          complete: path ? pathCompletion(context) : undefined,
          validate: (a) =>
            a === '' && fallback === undefined && !optional ? 'type an answer: this one is needed' : undefined,
        });
        const problem = value === '' ? undefined : await check?.(value);
        if (problem === undefined) return value;
        say(`  ${problem}`);
        // What was typed is still to be seen, but not in the way of the next answer; what was offered is offered again.
        earlier = value === fallback ? undefined : printable(value);
      }
    },
    hidden: (message) => prompt.hidden(message),
    choose: (message, options, initial) => prompt.choose(message, options, initial),
    chooseSome: (message, options) => prompt.chooseSome(message, options),
    confirm: (message, initial) => prompt.confirm(message, initial),
    say,
  };
}
