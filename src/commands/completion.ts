import type { CommandLine } from './command-line.js';
import { candidates, type Known } from './completion/candidates.js';
import { script } from './completion/scripts.js';
import type { Context } from './context.js';
import { configFor } from './deposits.js';
import { globals, isOneOf, type Flags } from './flags.js';

const shells = ['bash', 'zsh', 'fish', 'powershell'] as const;

/** `shell` is null for `candidates`: what the scripts ask for, with the words typed so far. */
export function completionOptions(shell: string, words: string[], flags: Flags) {
  // What PowerShell has called its program since version 6.
  const named = shell === 'pwsh' ? 'powershell' : shell;
  return { ...globals(flags), shell: named === 'candidates' ? null : isOneOf(named, shells, 'the shell'), words };
}
type CompletionFlags = ReturnType<typeof completionOptions>;

export function defineCompletion(parent: CommandLine): void {
  parent
    .command('completion')
    .summary('shell completion script')
    .description(
      'Prints a script that lets the shell complete commands, flags, arrangements, deposit ids and files. Arrangements and ids come from the configuration and state that depot would use.',
    )
    .argument('<shell>', 'bash, zsh, fish or powershell')
    .argument('[words...]', 'for the scripts: the words typed so far')
    .ends(
      [],
      'source <(depot completion bash) # in ~/.bashrc',
      'depot completion zsh > "${fpath[1]}/_depot" # once, and start a new shell',
      'depot completion fish > ~/.config/fish/completions/depot.fish # once',
      'depot completion powershell | Out-String | Invoke-Expression # in $PROFILE',
    )
    .runs(
      completionOptions,
      async (given, context) => {
        const o = { ...given, words: typedWords(given.words, context.env) };
        const found = o.shell === null ? await candidates(parent, o.words, known(o, context)) : [];
        context.screen.print(o.shell === null ? found.map((line) => `${line}\n`).join('') : script(o.shell));
        return 0;
      },
      'at once',
    );
}

/** Those of PowerShell come in a variable, a line each. */
function typedWords(words: string[], env: NodeJS.ProcessEnv): string[] {
  const typed = env.DEPOT_COMPLETION_WORDS;
  return words.length > 0 || typed === undefined ? words : typed.split('\n');
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
