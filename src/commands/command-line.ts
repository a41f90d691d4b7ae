import { Command } from 'commander';
import type { Ending, Start, Work } from './context.js';
import { exits, type ExitStatus } from '../texts/exits.js';

const columns = 80;

/** A command of depot: commander's, with the end that every `--help` has, and one way to begin the work. */
export class CommandLine extends Command {
  readonly #start: Start;

  constructor(name: string | undefined, start: Start) {
    super(name);
    this.#start = start;
  }

  override createCommand(name?: string): CommandLine {
    return new CommandLine(name, this.#start);
  }

  /** Arguments and flags become typed options, and those go to the work; see `Ending`. */
  runs<O>(options: (...given: never[]) => O, work: Work<O>, ending?: Ending | ((options: O) => Ending)): this {
    return this.action((...called: unknown[]) => {
      const o = options(...([...called.slice(0, -2), this.optsWithGlobals()] as never[]));
      return this.#start(o, work, typeof ending === 'function' ? ending(o) : ending);
    });
  }

  /**
   * The end of `--help`: the exit codes beside 0, 1 and 2, which every command has, and examples: `depot demo # what it does`. What does
   * not fit into 80 columns beside a command line stands above it, and a long line is broken so that it can be pasted.
   */
  ends(more: readonly ExitStatus[], ...examples: string[]): this {
    const pairs = examples.map((example) => example.split(' # ') as [command: string, what: string]);
    const width = Math.max(...pairs.map(([command]) => command.length));
    const beside = pairs.every(([, what]) => 2 + width + 5 + what.length <= columns);
    const shown = pairs.map(([command, what]) =>
      beside ? `  ${command.padEnd(width)}   # ${what}` : `  # ${what}\n  ${inLines(command)}`,
    );
    const codes = ([0, 1, 2, ...more] as const).map((exit) => `  ${String(exit).padStart(3)}  ${exits[exit].en}`);
    return this.addHelpText(
      'after',
      `\nExamples:\n${shown.join('\n')}\n\nExit codes (docs/exit-codes.md says what to do):\n${codes.join('\n')}\n`,
    );
  }
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
