/** Batch files: Node starts none without a shell, and cmd.exe takes a command line apart by rules of its own. */
import { systemProgram } from './windows/programs.js';

export interface Startable {
  file: string;
  args: readonly string[];
  /** The arguments are the command line as it stands. */
  verbatim: boolean;
}

/** Windows leaves out dots and spaces at the end of a name. */
const batchFile = /\.(?:cmd|bat)[. ]*$/i;
/** What ends the quotes, or the line, or is filled in between quotes: once here, and once more by `call` in a batch file. */
const notInQuotes = /["%\r\n\0]/;

/** What to start for a command: itself, or on Windows the shell for a batch file. Undefined where a batch file cannot be given its arguments as they are. */
export function startable([file = '', ...args]: readonly string[], platform = process.platform): Startable | undefined {
  if (platform !== 'win32' || !batchFile.test(file)) return { file, args, verbatim: false };
  const words = [file.replaceAll('/', '\\'), ...args];
  if (words.some((word) => notInQuotes.test(word))) return undefined;
  // A program to which the batch file passes a word on takes a backslash before the quote for an escape.
  const line = words.map((word) => `"${word.replace(/\\+$/, '$&$&')}"`).join(' ');
  // No AutoRun, no delayed expansion of !…!, and of the line only the outermost quotes go.
  return {
    file: systemProgram('cmd'),
    args: ['/d', '/e:on', '/v:off', '/s', '/c', `"${line}"`],
    verbatim: true,
  };
}
