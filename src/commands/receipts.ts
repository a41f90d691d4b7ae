import type { CommandLine } from './command-line.js';
import { collect, globals, type Flags } from './flags.js';
import {
  receiptsImportOptions,
  receiptsListOptions,
  receiptsNoteOptions,
  receiptsVerifyOptions,
} from './receipts/options.js';

export function defineReceipts(parent: CommandLine): void {
  const receipts = parent
    .command('receipts')
    .summary('list, show, check receipts')
    .description(
      'The receipts and ledgers of the state directory: what was deposited, when, how large, encrypted how and to whom.',
    )
    .ends(
      [],
      'depot receipts list # every deposit',
      'depot receipts verify # is the record whole?',
      'depot receipts show --help # the options of each',
    );
  receipts
    .command('list')
    .summary('list deposits')
    .description(
      'Lists the deposits that have a receipt in the state directory: when, how large, encrypted how and to whom. With --json, all that an incident report needs.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--from <date>', 'completed on this day or later, for example 2026-11-01')
    .option('--to <date>', 'completed on this day or earlier')
    .option('--chain <id>', 'only the files that are needed to open this deposit')
    .option('--receipts <directory>', 'with --chain: use the receipts in this directory, without a state directory')
    .ends(
      [5, 10, 24],
      'depot receipts list # every deposit',
      'depot receipts list --chain acme-crm_20261122T003000Z # what to ask the agent for',
      'depot receipts list --chain acme-crm_20261122T003000Z --receipts ./received # the same, with the receipts alone',
      'depot receipts list --from 2026-11-01 --to 2026-11-30 --json # what an incident report needs',
    )
    .runs(
      receiptsListOptions,
      async (o, c) =>
        o.chain === undefined
          ? (await import('./receipts/list.js')).listDeposits(o, c)
          : (await import('./receipts/chain.js')).listChain({ ...o, chain: o.chain }, c),
      'at once',
    );
  receipts
    .command('show')
    .summary('show one receipt')
    .description('Shows what the receipt of one deposit says, and what has become of it since.')
    .argument('<id>', 'deposit id, or its beginning')
    .ends([5, 10, 21], 'depot receipts show acme-crm_20261122T003000Z # the beginning of an id is enough')
    .runs(
      (id: string, flags: Flags) => ({ ...globals(flags), id }),
      async (o, c) => (await import('./receipts/show.js')).showReceipt(o, c),
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
    .ends(
      [5, 10, 20, 24, 32],
      'depot receipts verify # is our own record whole?',
      'depot receipts verify --against /mnt/voorbeeld/receipts # compare with what the beneficiary holds',
    )
    .runs(
      receiptsVerifyOptions,
      async (o, c) => (await import('./receipts/verify.js')).verifyReceipts(o, c),
      'at once',
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
    .ends(
      [5, 10, 11, 20, 21],
      'depot receipts import-attestation voorbeeld.attestation.json # signed with the key of the arrangement',
      'depot receipts import-attestation voorbeeld.attestation.json --signer lawyer.public.asc --fingerprint "8F3A …" # signed with another key, of which we know the fingerprint',
    )
    .runs(receiptsImportOptions, async (o, c) => (await import('./receipts/import.js')).importFile(o, c));
  receipts
    .command('note')
    .summary('record that the agent destroyed a deposit, or drop a pending one')
    .description(
      '--destroyed adds a line to the ledger: the agent confirmed that it destroyed this deposit. It then no longer counts as the last deposit. A line cannot be taken back.\n--dropped settles what is pending at a server to which pushes do not go any more. It asks nobody: what may be a deposit gets its receipt, which says unconfirmed.',
    )
    .argument('<id>', 'deposit id, or its beginning')
    .option('--destroyed <date>', 'the date that the agent confirmed')
    .option('--dropped', 'settle a pending deposit at a server that depot.yaml no longer names')
    .ends(
      [5, 10, 11, 17, 20, 32],
      'depot receipts note acme-crm_20261122T003000Z_5f0c9a1e77b2d410 --destroyed 2027-02-01 # at the end of an arrangement',
      'depot receipts note acme-crm_20261122T003000Z_5f0c9a1e77b2d410 --dropped # pending at an old address',
    )
    .runs(receiptsNoteOptions, async (o, c) => (await import('./receipts/note.js')).note(o, c));
}
