import type { CommandLine } from './command-line.js';
import { printable } from '../printable.js';
import type { Context } from './context.js';
import { globals, text, usage, type Flags } from './flags.js';

export function openerOptions(flags: Flags) {
  const out = text(flags, 'out');
  if (out === undefined) throw usage('no file given for the page', 'add --out opener.html');
  return { ...globals(flags), out };
}
type OpenerFlags = ReturnType<typeof openerOptions>;

export function defineOpener(parent: CommandLine): void {
  parent
    .command('opener')
    .summary('do both in a web page')
    .description(
      'Writes one HTML file that lets a beneficiary check and open a deposit in a browser: nothing to install, no internet. Prints its SHA-256: have the beneficiary compare it by telephone, since nothing else proves that the page is genuine.',
    )
    .option('--out <file>', 'the new file; must not exist yet')
    .ends([5], 'depot opener --out opener.html # for a beneficiary who does not use a command line')
    .runs(openerOptions, write);
}

async function write({ out }: OpenerFlags, { screen }: Context): Promise<number> {
  const { writeOpener } = await import('../kit/opener-page.js');
  const { path, bytes, sha256 } = await writeOpener(out);
  const { labelled } = await import('../ui/format.js');
  screen.result({ ok: true, path, bytes, sha256 }, [
    labelled('opener', printable(path)),
    labelled('sha256', sha256),
    labelled('next', 'send it, then call the beneficiary and compare these digits'),
  ]);
  return 0;
}
