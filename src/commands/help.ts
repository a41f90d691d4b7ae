/** The end of every `--help`: examples, and the exit codes that this command can end with. */
import { exits, type ExitStatus } from '../texts/exits.js';

const columns = 80;

/**
 * `examples` are pairs of a command line and what it is for; `more` exit codes beside 0, 1 and 2, which every command has. Nothing is wider
 * than 80 columns: what does not fit beside a command line stands above it, and a long one is broken. Whatever is pasted works.
 */
export function helpEnd(
  examples: readonly (readonly [command: string, what: string])[],
  more: readonly ExitStatus[] = [],
): string {
  const width = Math.max(...examples.map(([command]) => command.length));
  const beside = examples.every(([, what]) => 2 + width + 5 + what.length <= columns);
  const shown = examples.map(([command, what]) =>
    beside ? `  ${command.padEnd(width)}   # ${what}` : `  # ${what}\n  ${inLines(command)}`,
  );
  const codes = ([0, 1, 2, ...more] as const).map((exit) => `  ${String(exit).padStart(3)}  ${exits[exit].en}`);
  return `\nExamples:\n${shown.join('\n')}\n\nExit codes (docs/exit-codes.md says what to do):\n${codes.join('\n')}\n`;
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
