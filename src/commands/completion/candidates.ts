/** What can stand where somebody presses the tab key, by the definitions of the commands themselves. */
import type { Command, Option } from 'commander';
import { topics } from '../help/topics.js';
import { schemaNames } from '../schema.js';

/** Lines that stand for what the shell completes better. */
export const files = ':files';
export const directories = ':directories';

const choices: Readonly<Record<string, readonly string[]>> = {
  'schedule print <kind>': ['systemd', 'cron', 'launchd', 'windows'],
  'key generate <kind>': ['signer', 'arrangement'],
  'completion <shell>': ['bash', 'zsh', 'fish', 'powershell'],
  'schema <name>': schemaNames,
  '--schedule <by>': ['systemd', 'cron', 'none'],
  '--to <place>': ['keychain', 'file', 'systemd'],
  '--for <secret>': ['password', 'private-key', 'signing-key'],
  '--language <en|nl>': ['en', 'nl'],
  '--profile <profile>': ['compat', 'modern'],
};

/** What only the configuration and the records know; asked for only where it can stand. */
export interface Known {
  arrangements(): Promise<string[]>;
  /** Ids of the deposits that have a receipt. */
  deposits(): Promise<string[]>;
}

/** Candidates for the last of `words`, which may be empty, each a line. */
export async function candidates(program: Command, words: readonly string[], known: Known): Promise<string[]> {
  const typed = words.at(-1) ?? '';
  let command = program;
  let taken = 0;
  for (let i = 0; i < words.length - 1; i++) {
    const word = words[i]!;
    const option = word.startsWith('-') ? optionOf(command, word) : undefined;
    if (option !== undefined) {
      if (!takesValue(option) || word.includes('=')) continue;
      if (i === words.length - 2)
        return fitting(typed, await ofKind(`--${option.name()} ${valueOf(option)}`, valueOf(option), known));
      i++;
      continue;
    }
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) taken++;
    else command = next;
  }
  if (typed.startsWith('-'))
    return fitting(
      typed,
      optionsOf(command)
        .map((option) => option.long ?? '')
        .filter((long) => long !== ''),
    );
  if (command.commands.length > 0)
    return fitting(
      typed,
      command.commands.map((one) => one.name()),
    );
  if (command.name() === 'help')
    return fitting(typed, taken > 0 ? [] : [...program.commands.map((one) => one.name()), ...Object.keys(topics)]);
  const all = command.registeredArguments;
  const argument = all[taken] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
  if (argument === undefined) return [];
  return fitting(typed, await ofKind(`${pathOf(command)} <${argument.name()}>`, `<${argument.name()}>`, known));
}

async function ofKind(place: string, value: string, known: Known): Promise<readonly string[]> {
  const listed = choices[place];
  if (listed !== undefined) return listed;
  switch (value) {
    case '<name>':
    case '<arrangement>':
      return place.startsWith('--') ? [] : known.arrangements();
    case '<id>':
      return known.deposits();
    case '<directory>':
      return [directories];
    case '<file>':
    case '<suitcase>':
    case '<prefix>':
      return [files];
    default:
      return [];
  }
}

function fitting(typed: string, found: readonly string[]): string[] {
  return found.filter((one) => one.startsWith(':') || one.startsWith(typed));
}

/** The command's own and those of all above it. */
function optionsOf(command: Command): Option[] {
  return [...command.options, ...(command.parent === null ? [] : optionsOf(command.parent))];
}

function optionOf(command: Command, word: string): Option | undefined {
  const name = word.replace(/=.*$/s, '');
  return optionsOf(command).find((option) => option.long === name || option.short === name);
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function valueOf(option: Option): string {
  return /<[^>]*>/.exec(option.flags)?.[0] ?? '';
}

function pathOf(command: Command): string {
  return command.parent === null || command.parent.parent === null
    ? command.name()
    : `${pathOf(command.parent)} ${command.name()}`;
}
