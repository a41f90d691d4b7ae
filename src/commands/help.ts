import type { Command } from 'commander';
import type { DepotError } from '../errors.js';
import { closest } from '../suggest.js';
import type { CommandLine } from './command-line.js';
import { usage } from './flags.js';
import { exitCodePage } from './help/exit-code.js';
import { fullPage, type PageEnd } from './help/page.js';
import { isTopic, topics } from './help/topics.js';

export function helpOptions(words: string[]) {
  return { words };
}

/** Commander has a command `help` of its own, but that knows no topics. */
export function defineHelp(parent: CommandLine): void {
  parent
    .command('help')
    .summary('explain a command or topic')
    .description(
      `Shows all options of a command, explains an exit code, or what is the same for every command: ${Object.keys(topics).join(', ')}.`,
    )
    .argument('[words...]', `a command, an exit code or its name, or one of ${Object.keys(topics).join(', ')}`)
    .ends(
      [],
      'depot help push # every option of depot push',
      'depot help exit-codes # what each means, and what to do',
      'depot help 13 # the causes of one of them',
    )
    .runs(
      helpOptions,
      ({ words }, { screen, env, cwd }) => {
        const [first = ''] = words;
        screen.print(
          exitCodePage(words) ??
            (words.length === 1 && isTopic(first)
              ? topics[first]({ env, cwd })
              : fullPage(commandAt(parent, words) as Command & PageEnd)),
        );
        return Promise.resolve(0);
      },
      'at once',
    );
}

/** @throws DepotError 'usage' */
function commandAt(program: Command, words: readonly string[]): Command {
  let at = program;
  for (const word of words) {
    const next = at.commands.find((one) => one.name() === word);
    if (next === undefined) throw unknownIn(at, word);
    at = next;
  }
  return at;
}

/** No command of the group is called that. */
export function unknownIn(group: Command, word: string): DepotError {
  const names = group.commands.map((one) => one.name());
  const meant = closest(word, group.parent === null ? [...names, ...Object.keys(topics)] : names);
  return usage(
    `unknown command "${word}"`,
    meant === undefined
      ? `see the commands: ${pathOf(group)} --help`
      : `check the spelling: did you mean ${isTopic(meant) ? 'help ' : ''}${meant}?`,
  );
}

export function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}
