/** What commander makes of a line, for tests of the flags. */
import { CommanderError, type Command } from 'commander';
import { buildProgram } from '../../src/commands/program.js';
import { isDepotError } from '../../src/errors.js';

/** The typed options that the real program makes of a command line; no command runs. */
export async function parsed(line: string): Promise<unknown> {
  let options: unknown;
  const program = buildProgram((o) => {
    options = o;
    return Promise.resolve();
  });
  silence(program);
  await program.parseAsync(words(line), { from: 'user' });
  return options;
}

/** Why a command line is refused: our message, or commander's code. */
export async function refused(line: string): Promise<string> {
  try {
    await parsed(line);
  } catch (error) {
    if (isDepotError(error, 'usage')) return error.message;
    if (error instanceof CommanderError) return error.code;
    throw error;
  }
  throw new Error(`not refused: ${line}`);
}

function silence(command: Command): void {
  command.configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  command.commands.forEach(silence);
}

function words(line: string): string[] {
  return [...line.matchAll(/"[^"]*"|\S+/g)].map(([word]) => word.replace(/^"(.*)"$/, '$1'));
}

export const none = { config: undefined, state: undefined };
export const hex40 = '8F3A0C11D2E4F5061728394A5B6C7D8E9FA091C2';
export const hex64 = 'ab'.repeat(32);
