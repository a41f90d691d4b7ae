import type { Command } from 'commander';
import type { Start } from './context.js';
import { collect, date, fingerprint, given, globals, list, text, usage, type Flags } from './flags.js';
import { helpEnd } from './help.js';
import type { ReceiptsImportFlags } from './receipts/import.js';
import type { ReceiptsListFlags } from './receipts/list.js';
import type { ReceiptsNoteFlags } from './receipts/note.js';
import type { ReceiptsShowFlags } from './receipts/show.js';
import type { ReceiptsVerifyFlags } from './receipts/verify.js';

export function receiptsListOptions(names: string[], flags: Flags): ReceiptsListFlags {
  const [from, to] = [date(flags, 'from'), date(flags, 'to')];
  // A day that is the end of a range belongs to it.
  const until =
    to !== undefined && /^\d{4}-\d\d-\d\d$/.test(text(flags, 'to') ?? '')
      ? new Date(to.getFullYear(), to.getMonth(), to.getDate() + 1, 0, 0, 0, -1)
      : to;
  if (from !== undefined && until !== undefined && from > until)
    throw usage(`--from ${text(flags, 'from') ?? ''} is after --to ${text(flags, 'to') ?? ''}`, 'swap the two');
  return { ...globals(flags), names, from, to: until };
}

export function receiptsVerifyOptions(names: string[], flags: Flags): ReceiptsVerifyFlags {
  return { ...globals(flags), names, against: text(flags, 'against'), signers: list(flags, 'signer') };
}

export function receiptsNoteOptions(id: string, flags: Flags, today = new Date()): ReceiptsNoteFlags {
  const value = text(flags, 'destroyed');
  const dropped = given(flags, 'dropped');
  if (dropped && value !== undefined) throw usage('--dropped and --destroyed: one or the other');
  if (dropped) return { ...globals(flags), id, dropped };
  if (value === undefined)
    throw usage('nothing to note', 'add --destroyed DATE, the date that the agent confirmed; or --dropped');
  const at = date(flags, 'destroyed')!;
  if (!/^\d{4}-\d\d-\d\d$/.test(value))
    throw usage(
      `--destroyed is a date like 2026-11-22, not ${JSON.stringify(value)}`,
      'give the day alone, as the agent confirmed it: --destroyed 2026-11-22',
    );
  if (at > today) throw usage(`--destroyed ${value} is in the future`, 'give the day on which the agent destroyed it');
  return { ...globals(flags), id, dropped, destroyed: value };
}

export function receiptsImportOptions(file: string, flags: Flags): ReceiptsImportFlags {
  const o = {
    ...globals(flags),
    file,
    signature: text(flags, 'signature'),
    signers: list(flags, 'signer'),
    fingerprint: fingerprint(flags, 'fingerprint'),
  };
  if (o.fingerprint !== undefined && o.signers.length === 0)
    throw usage('--fingerprint says which --signer may have signed, and none was given', 'add --signer FILE');
  return o;
}

export function defineReceipts(parent: Command, start: Start): void {
  const receipts = parent
    .command('receipts')
    .summary('list, show and check receipts; file proofs; note a destruction')
    .description(
      'The receipts and ledgers of the state directory: what was deposited, when, how large, encrypted how and to whom.',
    )
    .addHelpText(
      'after',
      helpEnd([
        ['depot receipts list', 'every deposit'],
        ['depot receipts verify', 'is the record whole?'],
        ['depot receipts show --help', 'the options of each'],
      ]),
    );
  receipts
    .command('list')
    .summary('list deposits')
    .description(
      'Lists the deposits that have a receipt in the state directory: when, how large, encrypted how and to whom. With --json, all that an incident report needs.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--from <date>', 'completed on this day or later (2026-11-01)')
    .option('--to <date>', 'completed on this day or earlier')
    .addHelpText(
      'after',
      helpEnd(
        [
          ['depot receipts list', 'every deposit'],
          ['depot receipts list --from 2026-11-01 --to 2026-11-30 --json', 'what an incident report needs'],
        ],
        [5, 10, 24],
      ),
    )
    .action((names: string[], _: unknown, command: Command) =>
      start(
        receiptsListOptions(names, command.optsWithGlobals()),
        async (o, c) => (await import('./receipts/list.js')).listDeposits(o, c),
        'at once',
      ),
    );
  receipts
    .command('show')
    .summary('show one receipt')
    .description('Shows what the receipt of one deposit says, and what has become of it since.')
    .argument('<id>', 'deposit id, or its beginning')
    .addHelpText(
      'after',
      helpEnd([['depot receipts show acme-crm_20261122T003000Z', 'the beginning of an id is enough']], [5, 10, 21]),
    )
    .action((id: string, _: unknown, command: Command) =>
      start<ReceiptsShowFlags>({ ...globals(command.optsWithGlobals()), id }, async (o, c) =>
        (await import('./receipts/show.js')).showReceipt(o, c),
      ),
    );
  receipts
    .command('verify')
    .summary('check ledger and receipts: what is missing, changed or reordered')
    .description(
      'Checks the chain of the ledger, every receipt in it and every signature. Without a configuration that names the signer, and without --signer, signatures cannot be checked: exit 24. What stood after the newest receipt can only be known from receipts that others hold: --against.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--against <directory>', 'receipts that others hold; finds a cut tail and a fork')
    .option(
      '--signer <file>',
      'public key that receipts must be signed with (default: the configured signer); may be repeated',
      collect,
    )
    .addHelpText(
      'after',
      helpEnd(
        [
          ['depot receipts verify', 'is our own record whole?'],
          ['depot receipts verify --against /mnt/voorbeeld/receipts', 'compare with what the beneficiary holds'],
        ],
        [5, 10, 20, 24, 32],
      ),
    )
    .action((names: string[], _: unknown, command: Command) =>
      start(
        receiptsVerifyOptions(names, command.optsWithGlobals()),
        async (o, c) => (await import('./receipts/verify.js')).verifyReceipts(o, c),
        'at once',
      ),
    );
  receipts
    .command('import-attestation')
    .summary("check and file a beneficiary's proof that its key opens a deposit")
    .description(
      'Checks what the beneficiary made with "depot verify --attest": its opening against our receipt, and its signature by a pinned key.\nThen status, receipts and the report say by whom the deposit is proven, and when.',
    )
    .argument('<file>', 'the attestation; its signature is beside it')
    .option('--signature <file>', "its signature (default: the attestation's name with .asc)")
    .option('--signer <file>', 'public key, if the configuration does not name it; may be repeated', collect)
    .option(
      '--fingerprint <hex>',
      'fingerprint of --signer where that is not the key of the arrangement: as its owner reads it out',
    )
    .addHelpText(
      'after',
      helpEnd(
        [
          ['depot receipts import-attestation voorbeeld.attestation.json', 'signed with the key of the arrangement'],
          [
            'depot receipts import-attestation voorbeeld.attestation.json --signer lawyer.public.asc --fingerprint "8F3A …"',
            'signed with another key, of which we know the fingerprint',
          ],
        ],
        [5, 10, 11, 20, 21],
      ),
    )
    .action((file: string, _: unknown, command: Command) =>
      start(receiptsImportOptions(file, command.optsWithGlobals()), async (o, c) =>
        (await import('./receipts/import.js')).importFile(o, c),
      ),
    );
  receipts
    .command('note')
    .summary('record that the agent destroyed a deposit, or drop a pending one')
    .description(
      '--destroyed adds a line to the ledger: the agent confirmed that it destroyed this deposit. It then no longer counts as the last deposit. A line cannot be taken back.\n--dropped settles what is pending at a server to which pushes do not go any more. It asks nobody: what may be a deposit gets its receipt, which says unconfirmed.',
    )
    .argument('<id>', 'deposit id, or its beginning')
    .option('--destroyed <date>', 'the date that the agent confirmed')
    .option('--dropped', 'settle a pending deposit at a server that depot.yaml no longer names')
    .addHelpText(
      'after',
      helpEnd(
        [
          [
            'depot receipts note acme-crm_20261122T003000Z_5f0c9a1e77b2d410 --destroyed 2027-02-01',
            'at the end of an arrangement',
          ],
          ['depot receipts note acme-crm_20261122T003000Z_5f0c9a1e77b2d410 --dropped', 'pending at an old address'],
        ],
        [5, 10, 11, 17, 20, 32],
      ),
    )
    .action((id: string, _: unknown, command: Command) =>
      start(receiptsNoteOptions(id, command.optsWithGlobals()), async (o, c) =>
        (await import('./receipts/note.js')).note(o, c),
      ),
    );
}
