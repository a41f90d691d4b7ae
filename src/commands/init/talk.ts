/** The person at the terminal: asked again after a slip, so that one wrong path does not cost ten answers. */
import type { Prompt } from '../../ui/prompt.js';
import { printable } from '../../printable.js';
import type { Context } from '../context.js';

export interface TextOptions {
  /** Taken for an empty answer, and shown; not in the line that is typed, where it would have to be removed first. */
  fallback?: string;
  fallbackShown?: string;
  /** What is wrong with an answer; then it is asked for again. */
  check?: (answer: string) => string | undefined | Promise<string | undefined>;
}

export interface Talk {
  text(message: string, o?: TextOptions): Promise<string>;
  hidden(message: string): Promise<string>;
  choose<T extends string>(message: string, options: { value: T; label: string }[]): Promise<T>;
  chooseSome(message: string, options: { value: string; label: string }[]): Promise<string[]>;
  confirm(message: string, initial?: boolean): Promise<boolean>;
  say(text: string): void;
}

export async function talkOn(context: Context): Promise<Talk> {
  const { Prompt: Terminal } = await import('../../ui/prompt.js');
  const prompt: Prompt = new Terminal({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal });
  const say = (text: string): void => {
    context.screen.note(text);
  };
  return {
    async text(message, { fallback, fallbackShown, check } = {}) {
      for (let earlier: string | undefined; ; ) {
        const shown = fallback === undefined ? message : `${message} [${fallbackShown ?? fallback}]`;
        const answer = await prompt.text({
          message: shown,
          ...(earlier === undefined ? {} : { placeholder: printable(earlier) }),
          validate: (a) => (a === '' && fallback === undefined ? 'type an answer: this one is needed' : undefined),
        });
        const value = answer === '' && fallback !== undefined ? fallback : answer;
        if (value === '') return value;
        const problem = await check?.(value);
        if (problem === undefined) return value;
        say(`  ${problem}`);
        // What was typed is still to be seen, but not in the way of the next answer; what was offered is offered again.
        earlier = answer === '' ? undefined : answer;
      }
    },
    hidden: (message) => prompt.hidden(message),
    choose: (message, options) => prompt.choose(message, options),
    chooseSome: (message, options) => prompt.chooseSome(message, options),
    confirm: (message, initial) => prompt.confirm(message, initial),
    say,
  };
}
