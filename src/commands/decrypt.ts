import type { Writable } from 'node:stream';
import type { CommandLine } from './command-line.js';
import { DepotError } from '../errors.js';
import { logInfo } from '../log.js';
import { exitStatus } from '../texts/exits.js';
import { notWritten } from '../ui/output.js';
import { decryptDocument, decryptLines } from '../ui/decrypt.js';
import { unbroken } from '../ui/wrap.js';
import type { Decrypted, DecryptHooks, DecryptOptions } from '../reader/decrypt.js';
import type { Context } from './context.js';
import {
  collect,
  depositId,
  given,
  globals,
  isDirectory,
  isJson,
  list,
  size,
  text,
  usage,
  type Flags,
} from './flags.js';
import { rarer } from './help/page.js';
import { passphraseFor } from './passphrase.js';

export function decryptOptions(suitcases: string[], flags: Flags) {
  const key = text(flags, 'key');
  const gpg = given(flags, 'gpg');
  if (key === undefined && !gpg) throw usage('no private key given', 'add --key FILE, or --gpg');
  if (key !== undefined && gpg) throw usage('--gpg and --key contradict each other', 'leave out one of them');
  const o = {
    ...globals(flags),
    suitcases,
    at: depositId(flags, 'at'),
    salvage: given(flags, 'salvage'),
    key,
    gpg,
    receipt: text(flags, 'receipt'),
    signers: list(flags, 'signer'),
    out: text(flags, 'out'),
    stdout: given(flags, 'stdout'),
    maxSize: size(flags, 'maxSize'),
    passphraseFile: text(flags, 'passphraseFile'),
  };
  if (o.out !== undefined && o.stdout) throw usage('--out and --stdout contradict each other', 'leave out one of them');
  if (o.out === undefined && !o.stdout)
    throw usage('there is nowhere to put the contents', 'add --out DIRECTORY or --stdout');
  if (o.stdout && isJson(flags)) throw usage('--stdout and --json both want standard output', 'leave out one of them');
  const isChain = o.suitcases.length > 1 || o.at !== undefined || o.salvage || isDirectory(o.suitcases[0]!);
  if (o.stdout && isChain) throw usage('--stdout takes one suitcase', 'name one suitcase, or use --out DIRECTORY');
  return { ...o, isChain };
}
type DecryptFlags = ReturnType<typeof decryptOptions>;
type Place = Required<Pick<DecryptOptions, 'signal' | 'passphrase' | 'gpg'>>;

export function defineDecrypt(parent: CommandLine): void {
  parent
    .command('decrypt')
    .summary('open a deposit')
    .description(
      "Opens a suitcase with the beneficiary's private key. The directory appears only once everything is authenticated. Only a receipt and its signer prove who made the suitcase: anyone who has the public key can make one.",
    )
    .argument('<suitcase...>', 'encrypted file; for increments: all, or a directory')
    .option('--key <file>', "the beneficiary's private key")
    .option('--receipt <file>', 'the receipt: ID.receipt.json')
    .option('--signer <file>', "the supplier's public key; may be repeated", collect)
    .option('--out <directory>', 'a new directory for the contents')
    .optionsGroup(rarer)
    .option('--at <id>', 'open this deposit instead of the newest')
    .option('--gpg', 'the key is in GnuPG or on a smart card (compat only)')
    .option('--passphrase-file <file>', 'file with the passphrase of --key (default: ask)')
    .option('--stdout', 'print the tar archive; reads the suitcase twice')
    .option('--salvage', 'save what can be read of a damaged chain, to OUT.incomplete')
    .option('--max-size <size>', 'stop if the contents are larger')
    .ends(
      [5, 17, 20, 21, 22, 23, 24, 129, 130, 143],
      'depot decrypt x.tar.gz.pgp --key private.secret.asc --receipt x.receipt.json --signer signer.public.asc --out opened # check who made it, and open it',
      'depot decrypt from-the-agent --key our.secret.asc --out opened # the newest',
      'depot decrypt x.tar.gz.pgp --key our.secret.asc --stdout | tar -t # list',
    )
    .runs(decryptOptions, decrypt);
}

async function decrypt(o: DecryptFlags, context: Context): Promise<number> {
  const { screen, signal, stdout } = context;
  if (o.stdout && stdout.isTTY)
    throw usage(
      'standard output is a terminal',
      'send it to a program or a file: depot decrypt … --stdout | tar -x --no-same-owner --no-same-permissions -C DIRECTORY',
    );
  const progress = await screen.progress();
  progress?.phase('decrypting');
  const events = screen.eventsOf();
  events?.phase('decrypting');
  logInfo(undefined, `decrypting ${o.suitcases.join(', ')} to ${o.out ?? 'standard output'}`);
  if (o.stdout) {
    // What nobody takes need not be opened.
    stdout.once('error', (cause: NodeJS.ErrnoException) => {
      context.abort(
        cause.code === 'EPIPE'
          ? new DepotError('local-not-writable', 'standard output was closed before everything was written', { cause })
          : notWritten(cause),
      );
    });
  }
  const place = { signal, passphrase: passphraseFor(o.passphraseFile, context), gpg: o.gpg ? context.env : undefined };
  const hooks: DecryptHooks = {
    warn: (message) => screen.warn(message),
    progress: (p) => {
      progress?.bytes(p.bytes, p.totalBytes);
      events?.bytes(p.bytes, p.totalBytes);
    },
  };
  const outcome = await (o.isChain
    ? openChain(o, place, hooks)
    : openOne(o, place, o.stdout ? stdout : undefined, hooks));
  progress?.stop();
  const lines = decryptLines(outcome, outcome.night?.hasReceipt ?? o.receipt !== undefined);
  if (o.stdout) for (const line of lines) screen.note(unbroken(line));
  else if (outcome.salvaged === undefined) screen.result(decryptDocument(outcome), lines);
  else screen.failure(decryptDocument(outcome), lines);
  return outcome.salvaged === undefined ? 0 : exitStatus['verification-failed'];
}

async function openOne(
  o: DecryptFlags,
  place: Place,
  stdout: Writable | undefined,
  hooks: DecryptHooks,
): Promise<Decrypted> {
  if (o.signers.length > 0 && o.receipt === undefined) {
    const { requireReadable } = await import('../reader/suitcase-file.js');
    // What is not there may have been meant as a directory, which needs no --receipt.
    await requireReadable(o.suitcases[0]!);
    throw usage('--signer needs --receipt', 'add --receipt FILE');
  }
  const { decrypt: open } = await import('../reader/decrypt.js');
  return open({ ...o, ...place, suitcase: o.suitcases[0]!, stdout }, hooks);
}

async function openChain(o: DecryptFlags, place: Place, hooks: DecryptHooks): Promise<Decrypted> {
  const { decryptChain } = await import('../reader/chain/restore.js');
  return decryptChain({ ...o, ...place, out: o.out! }, hooks);
}
