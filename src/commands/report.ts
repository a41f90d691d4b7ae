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
      'Writes one HTML page to read, mail or print, in English and Dutch. It replaces an older report, but no other file. For an exit code that says how the arrangements are doing, use depot status.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--out <file>', 'where to write it; only this account can read it')
    .option('--from <date>', 'completed on this day or later, for example 2026-11-01')
    .option('--to <date>', 'completed on this day or earlier')
    .option('--language <en|nl>', 'shown first (default: en); the page has both')
    .option('--signer <file>', 'public key of the signer (default: from depot.yaml)', collect)
    .ends(
      [5, 10, 20, 24],
      'depot report --out report.html # everything on record',
      'depot report acme-crm --out nov.html --from 2026-11-01 --to 2026-11-30 # one arrangement, one month',
      'depot report --state /mnt/evidence/state --signer signer.public.asc --out report.html # for an auditor, who has a copy of the state directory',
    )
    .runs(reportOptions, async (o, c) => (await import('./report/make.js')).makeReport(o, c));
}
