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
      'The receipts and ledgers in the state directory: what was deposited, when, how large, how encrypted, and for whom.',
    )
    .ends(
      [],
      'depot receipts list # every deposit',
      'depot receipts verify # are the records intact?',
      'depot receipts show --help # the options of each',
    );
  receipts
    .command('list')
    .summary('list deposits')
    .description(
      'Lists the deposits that have a receipt in the state directory: when, how large, how encrypted, and for whom. With --json: everything that an incident report needs.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--from <date>', 'completed on this day or later, for example 2026-11-01')
    .option('--to <date>', 'completed on this day or earlier')
    .option('--chain <id>', 'only the files that are needed to open this deposit')
    .option('--receipts <directory>', 'with --chain: read the receipts from here instead')
    .ends(
      [5, 10, 24],
      'depot receipts list # every deposit',
      'depot receipts list --chain acme-crm_20261122T003000Z # what to ask the agent for',
      'depot receipts list --chain acme-crm_20261122T003000Z --receipts ./received # the same, from receipts alone',
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
    .description('Shows the receipt of one deposit, and what has happened to the deposit since.')
    .argument('<id>', 'deposit id, or the beginning of one')
    .ends([5, 10, 21], 'depot receipts show acme-crm_20261122T003000Z # the beginning of an id is enough')
    .runs(
      (id: string, flags: Flags) => ({ ...globals(flags), id }),
      async (o, c) => (await import('./receipts/show.js')).showReceipt(o, c),
    );
  receipts
    .command('verify')
    .summary('check ledger and receipts: what is missing, changed or reordered')
    .description(
      'Checks the ledger, every receipt in it and every signature. Signatures need a signer, from depot.yaml or --signer; without one, the exit code is 24. Only receipts that others hold (--against) can show that the newest ones are missing here.',
    )
    .argument('[name...]', 'arrangements; without one, all')
    .option('--against <directory>', 'compare with receipts that others hold')
    .option('--signer <file>', 'public key of the signer (default: from depot.yaml); may be repeated', collect)
    .ends(
      [5, 10, 20, 24, 32],
      'depot receipts verify # are our own records intact?',
      'depot receipts verify --against /mnt/voorbeeld/receipts # compare with what the beneficiary holds',
    )
    .runs(
      receiptsVerifyOptions,
      async (o, c) => (await import('./receipts/verify.js')).verifyReceipts(o, c),
      'at once',
    );
  receipts
    .command('import-attestation')
    .summary("file a beneficiary's proof that its key opens a deposit")
    .description(
      'Checks the proof that a beneficiary made with "depot verify --attest" against our receipt, and its signature, and files it. From then on, status, receipts and the report show who proved the deposit, and when.',
    )
    .argument('<file>', 'the attestation; its signature must be beside it')
    .option('--signature <file>', "its signature (default: the attestation's name with .asc)")
    .option('--signer <file>', 'public key, if the configuration does not name it; may be repeated', collect)
    .option(
      '--fingerprint <hex>',
      'fingerprint of --signer, as its owner read it out; needed for a key that depot.yaml does not name',
    )
    .ends(
      [5, 10, 11, 20, 21],
      'depot receipts import-attestation voorbeeld.attestation.json # signed with the key of the arrangement',
      'depot receipts import-attestation voorbeeld.attestation.json --signer lawyer.public.asc --fingerprint "8F3A …" # signed with another key',
    )
    .runs(receiptsImportOptions, async (o, c) => (await import('./receipts/import.js')).importFile(o, c));
  receipts
    .command('note')
    .summary('note that a deposit was destroyed, or drop a pending one')
    .description(
      '--destroyed adds a line to the ledger: the agent confirmed that it destroyed this deposit. The deposit then no longer counts as the last one. You cannot undo this.\n--dropped settles a pending deposit at a server that depot.yaml no longer names, without asking that server. If there may be a deposit, it gets a receipt that says unconfirmed.',
    )
    .argument('<id>', 'deposit id, or the beginning of one')
    .option('--destroyed <date>', 'the date that the agent confirmed')
    .option('--dropped', 'settle a pending deposit at a server that depot.yaml no longer names')
    .ends(
      [5, 10, 11, 17, 20, 32],
      'depot receipts note acme-crm_20261122T003000Z_5f0c9a1e77b2d410 --destroyed 2027-02-01 # at the end of an arrangement',
      'depot receipts note acme-crm_20261122T003000Z_5f0c9a1e77b2d410 --dropped # pending at an old address',
    )
    .runs(receiptsNoteOptions, async (o, c) => (await import('./receipts/note.js')).note(o, c));
}
