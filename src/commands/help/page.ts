/** How `--help` looks: a page of 80 columns that fits a screen, so that nothing scrolls away. `depot help COMMAND` has every option. */
import { type Argument, type Command, Help } from 'commander';
import type { ExitStatus } from '../../texts/exits.js';
import { columns, described, folded, type Row } from './rows.js';
import { topics } from './topics.js';

/** The group of options that `--help` leaves to `depot help COMMAND`. */
export const rarer = 'Less often:';

/** A terminal of 24 lines shows so many, and the prompt below. */
export const screen = 23;

/** Terms that are longer stand on a line of their own. */
const longestTerm = 24;

export interface Example {
  line: string;
  what: string;
}

/** What the page of a command ends with: what it can exit with, and examples. */
export interface PageEnd {
  /** Beside 0, 1 and 2, which every command has. */
  exits: readonly ExitStatus[];
  examples: readonly Example[];
}

export class HelpPage extends Help {
  constructor(private readonly end: PageEnd) {
    super();
  }

  override formatHelp(command: Command, helper: Help): string {
    if (command.parent === null) return overview(command, helper);
    const short = pageOf(command, this.end, helper, (heading) => heading === rarer);
    // Where every answer of a dialogue can be an option, those are too many.
    return short.trimEnd().split('\n').length <= screen
      ? short
      : pageOf(command, this.end, helper, (heading) => heading !== '');
  }
}

/** With every option, however many those are. */
export function fullPage(command: Command & PageEnd): string {
  const helper = command.createHelp();
  return command.parent === null ? overview(command, helper) : pageOf(command, command, helper, () => false);
}

/** Leaves out the groups of options for whose headings `isLeft` says true. */
function pageOf(
  command: Command,
  { exits, examples }: PageEnd,
  helper: Help,
  isLeft: (heading: string) => boolean,
): string {
  const { rows, hasMore } = listed(command, helper, isLeft);
  return `${[
    `Usage: ${helper.commandUsage(command)}`,
    folded(helper.commandDescription(command), columns),
    ...(rows.length === 0 ? [] : [rows.join('\n')]),
    `Examples:\n${examplesOf(examples).join('\n')}`,
    [
      ...(hasMore ? [`More options: depot help ${pathBelow(command)}`] : []),
      `Exit codes ${inShort([0, 1, 2, ...exits])}: depot help exit-codes`,
      'Options of every command: depot help options',
    ].join('\n'),
  ].join('\n\n')}\n`;
}

/** `receipts list`: as `depot help` takes it. */
export function pathBelow(command: Command): string {
  const above = command.parent === null || command.parent.parent === null ? '' : `${pathBelow(command.parent)} `;
  return `${above}${command.name()}`;
}

/** Every command by who uses it, two in a line. */
function overview(program: Command, helper: Help): string {
  const groups = new Map<string, Row[]>();
  for (const one of helper.visibleCommands(program))
    groups.set(one.helpGroup(), [...(groups.get(one.helpGroup()) ?? []), [one.name(), one.summary()]]);
  const lines = [
    `Usage: ${program.name()} <command> [options]`,
    '',
    ...folded(program.description(), columns).split('\n'),
    '',
    ...[...groups].flatMap(([heading, rows]) => [heading, ...twoInALine(rows)]),
    '',
    'One command in full: depot help <command>',
    `Topics: depot help ${Object.keys(topics).join(' | ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

function twoInALine(rows: readonly Row[]): string[] {
  const cells = rows.map(([name, what]) => `  ${name.padEnd(10)} ${what}`);
  return Array.from({ length: Math.ceil(cells.length / 2) }, (_, i) =>
    `${cells[2 * i]!.padEnd(columns / 2)}${cells[2 * i + 1] ?? ''}`.trimEnd(),
  );
}

/** Arguments, options and commands, each group with its heading; those without one come first. */
function listed(
  command: Command,
  helper: Help,
  isLeft: (heading: string) => boolean,
): { rows: string[]; hasMore: boolean } {
  const groups = new Map<string, Row[]>([['', []]]);
  const add = (heading: string, row: Row): Map<string, Row[]> =>
    groups.set(heading, [...(groups.get(heading) ?? []), row]);
  for (const argument of command.registeredArguments) add('', [argumentTerm(argument), argument.description]);
  for (const option of command.options)
    if (!option.hidden) add(option.helpGroupHeading ?? '', [option.flags, option.description]);
  for (const one of helper.visibleCommands(command)) if (one.name() !== 'help') add('', [one.name(), one.summary()]);
  const hasMore = [...groups.keys()].filter(isLeft).map((heading) => groups.delete(heading)).length > 0;
  const rows = [...groups.values()].flat();
  const width = Math.max(0, ...rows.map(([term]) => term.length).filter((length) => length <= longestTerm));
  const shown = [...groups]
    .filter(([, of]) => of.length > 0)
    .map(([heading, of]) =>
      [...(heading === '' ? [] : [heading]), ...of.map((row) => described(row, width))].join('\n'),
    );
  return { rows: shown, hasMore };
}

function argumentTerm(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? '...' : '');
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** `  depot push   # what it does`; what does not fit in beside its line stands above it. */
function examplesOf(examples: readonly Example[]): string[] {
  const fits = ({ what }: Example, width: number): boolean => 2 + width + 5 + what.length <= columns;
  const width = Math.max(0, ...examples.filter((one) => fits(one, one.line.length)).map(({ line }) => line.length));
  return examples.map((one) => {
    if (!fits(one, one.line.length)) return `  # ${one.what}\n  ${inLines(one.line)}`;
    return `  ${fits(one, width) ? one.line.padEnd(width) : one.line}   # ${one.what}`;
  });
}

/** Broken before a flag, with the backslash that makes a shell read on. */
function inLines(command: string): string {
  const lines: string[] = [];
  for (const part of command.split(/ (?=--|\| )/)) {
    const last = lines.at(-1);
    if (last !== undefined && 2 + (lines.length === 1 ? 0 : 4) + last.length + 1 + part.length + 2 <= columns)
      lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return lines.join(' \\\n      ');
}

/** `0–5, 20, 21` */
function inShort(exits: readonly ExitStatus[]): string {
  const runs: number[][] = [];
  for (const exit of exits) {
    const last = runs.at(-1);
    if (last?.at(-1) === exit - 1) last.push(exit);
    else runs.push([exit]);
  }
  return runs.flatMap((run) => (run.length > 2 ? [`${run[0]!}–${run.at(-1)!}`] : run.map(String))).join(', ');
}
