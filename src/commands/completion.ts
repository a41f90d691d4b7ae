import type { Command } from 'commander';
import { candidates, type Known } from './completion/candidates.js';
import { script } from './completion/scripts.js';
import type { Context, GlobalOptions, Start } from './context.js';
import { configFor } from './deposits.js';
import { globals, isOneOf, type Flags } from './flags.js';
import { helpEnd } from './help.js';

const shells = ['bash', 'zsh', 'fish'] as const;

export interface CompletionFlags extends GlobalOptions {
  /** `candidates`: what the scripts ask for, with the words typed so far. */
  shell: (typeof shells)[number] | 'candidates';
  words: string[];
}

export function completionOptions(shell: string, words: string[], flags: Flags): CompletionFlags {
  return { ...globals(flags), shell: shell === 'candidates' ? shell : isOneOf(shell, shells, 'the shell'), words };
}

export function defineCompletion(parent: Command, start: Start): void {
  parent
    .command('completion')
    .summary('print a shell completion script')
    .description(
      'Prints a script for the shell, which completes commands, flags, names of arrangements, ids of deposits and files. Names and ids come from the configuration and the state that depot would use at that moment.',
    )
    .argument('<shell>', 'bash, zsh or fish')
    .argument('[words...]', 'for the scripts: the words typed so far')
    .addHelpText(
      'after',
      helpEnd([
        ['source <(depot completion bash)', 'in ~/.bashrc'],
        ['depot completion zsh > "${fpath[1]}/_depot"', 'once, and start a new shell'],
        ['depot completion fish > ~/.config/fish/completions/depot.fish', 'once'],
      ]),
    )
    .action((shell: string, words: string[], _: unknown, command: Command) =>
      start(
        completionOptions(shell, words, command.optsWithGlobals()),
        async (o, context) => {
          if (o.shell !== 'candidates') {
            context.screen.print(script(o.shell));
            return 0;
          }
          context.screen.print(
            (await candidates(parent, o.words, known(o, context))).map((line) => `${line}\n`).join(''),
          );
          return 0;
        },
        'at once',
      ),
    );
}

/** Nothing where there is no configuration, or it has mistakes: the command itself will say so. */
function known({ words, ...given }: CompletionFlags, context: Context): Known {
  const after = (flag: string): string | undefined =>
    words.includes(flag) ? words[words.indexOf(flag) + 1] : undefined;
  const o = { config: after('--config') ?? given.config, state: after('--state') ?? given.state };
  return {
    arrangements: () =>
      configFor(o, context).then(
        (found) => [...found.arrangements.keys()],
        () => [],
      ),
    deposits: async () => (await import('./receipts/states.js')).depositIds(o, context).catch(() => []),
  };
}
