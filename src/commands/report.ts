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
    .summary('write an HTML page for an auditor: deposits against the schedule, receipts, keys, ledger')
    .description(
      'Writes one self-contained page: no script, no network, English and Dutch, for screen, mail and paper. It is written whole or not at all, readable by this account only (0600), and replaces a file only if that is a report. What it says does not change the exit code: see status.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--out <file>', 'where to write it')
    .option('--from <date>', 'deposits completed on this day or later, for example 2026-11-01; without it, all')
    .option('--to <date>', 'deposits completed on this day or earlier')
    .option('--language <en|nl>', 'the language shown first (default: en); the page has both')
    .option(
      '--signer <file>',
      'public key that receipts must be signed with (default: the configured signer); may be repeated',
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
