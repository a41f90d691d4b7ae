import type { CommandLine } from './command-line.js';
import { collect, list, oneOf, text, usage, type Flags } from './flags.js';
import type { ReportFlags } from './report/make.js';
import { receiptsListOptions } from './receipts/options.js';

export function reportOptions(names: string[], flags: Flags): ReportFlags {
  const out = text(flags, 'out');
  if (out === undefined) throw usage('no file to write the report to', 'add --out report.html');
  return {
    ...receiptsListOptions(names, flags),
    out,
    language: oneOf(flags, 'language', ['en', 'nl']) ?? 'en',
    signers: list(flags, 'signer'),
  };
}

export function defineReport(parent: CommandLine): void {
  parent
    .command('report')
    .summary('one page to file or print')
    .description(
      'Writes one HTML page for screen, mail and paper, in English and Dutch, without scripts or network. It replaces an older report, but no other file. What the page says does not change the exit code: for that, see depot status.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--out <file>', 'where to write it; only this account can read it')
    .option('--from <date>', 'completed on this day or later, for example 2026-11-01')
    .option('--to <date>', 'completed on this day or earlier')
    .option('--language <en|nl>', 'shown first (default: en); the page has both')
    .option(
      '--signer <file>',
      'public key that must have signed the receipts (default: that of depot.yaml); may be repeated',
      collect,
    )
    .ends(
      [5, 10, 20, 24],
      'depot report --out report.html # everything on record',
      'depot report acme-crm --out november.html --from 2026-11-01 --to 2026-11-30 # one arrangement, one month',
      'depot report --state /mnt/evidence/state --signer signer.public.asc --out report.html # an auditor with a copy of the state directory',
    )
    .runs(reportOptions, async (o, c) => (await import('./report/make.js')).makeReport(o, c));
}
