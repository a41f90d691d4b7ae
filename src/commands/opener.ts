import type { CommandLine } from './command-line.js';
import { printable } from '../printable.js';
import type { Context } from './context.js';
import { globals, text, usage, type Flags } from './flags.js';

export function openerOptions(flags: Flags) {
  const out = text(flags, 'out');
  if (out === undefined) throw usage('where the page goes was not said', 'add --out opener.html');
  return { ...globals(flags), out };
}
type OpenerFlags = ReturnType<typeof openerOptions>;

export function defineOpener(parent: CommandLine): void {
  parent
    .command('opener')
    .summary('do both in a web page')
    .description(
      'Writes one HTML file in which a beneficiary checks and opens a deposit: in a browser, without installation, without internet. Prints its SHA-256, which the beneficiary compares by telephone: nothing else vouches for the page.',
    )
    .option('--out <file>', 'the new file; never over another one')
    .ends([5], 'depot opener --out opener.html # for a beneficiary without a command line')
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
