import { existsSync } from 'node:fs';
import path from 'node:path';
import type { CommandLine } from './command-line.js';
import { logInfo } from '../log.js';
import { exitStatus } from '../texts/exits.js';
import type { Verification } from '../reader/checks.js';
import { parseSuitcaseName, receiptName } from '../names/deposit.js';
import { printable } from '../printable.js';
import { typedWord } from '../shell.js';
import { verifyDocument, verifyLines } from '../ui/verify.js';
import type { VerifyHooks } from '../reader/verify.js';
import type { Context } from './context.js';
import {
  collect,
  denied,
  depositId,
  given,
  globals,
  isDirectory,
  list,
  sha256,
  size,
  text,
  usage,
  type Flags,
} from './flags.js';
import { rarer } from './help/page.js';
import { passphraseFor } from './passphrase.js';

export function verifyOptions(suitcases: string[], flags: Flags) {
  const at = depositId(flags, 'at');
  const isChain = suitcases.length > 1 || at !== undefined || (suitcases.length === 1 && isDirectory(suitcases[0]!));
  const o = {
    ...globals(flags),
    suitcase: isChain ? undefined : suitcases[0],
    suitcases,
    isChain,
    at,
    receipt: text(flags, 'receipt'),
    signature: text(flags, 'signature'),
    noSignature: denied(flags, 'signature'),
    signers: list(flags, 'signer'),
    key: text(flags, 'key'),
    passphraseFile: text(flags, 'passphraseFile'),
    deep: given(flags, 'deep'),
    scratch: text(flags, 'scratch'),
    maxSize: size(flags, 'maxSize'),
    agentSha256: sha256(flags, 'agentSha256'),
    gpg: given(flags, 'gpg'),
    attest: text(flags, 'attest'),
    signWith: text(flags, 'signWith'),
    signPassphraseFile: text(flags, 'signPassphraseFile'),
  };
  if (o.gpg && o.key !== undefined) throw usage('--gpg and --key contradict each other', 'leave out one of them');
  const { suitcase: named, receipt } = o;
  if (named !== undefined && /\.receipt\.json$/.test(named))
    throw usage(
      `${named} looks like a receipt, but the suitcase belongs here`,
      `give it with --receipt: «depot verify --receipt ${typedWord(named)} --signer FILE»`,
    );
  if (named !== undefined && /\.asc$/.test(named) && receipt === undefined)
    throw usage(
      `${named} looks like a signature or a key, but the suitcase belongs here`,
      'name the suitcase, <id>.tar.….pgp',
    );
  if (receipt !== undefined && /\.(?:pgp|gpg)$/.test(receipt))
    throw usage(
      `--receipt ${receipt}: that looks like a suitcase`,
      `swap the two: «depot verify ${typedWord(receipt)} --receipt <id>.receipt.json --signer FILE»`,
    );
  if (receipt !== undefined && /\.asc$/.test(receipt))
    throw usage(
      `--receipt ${receipt}: that looks like the signature`,
      `name the receipt: --receipt ${typedWord(receipt.replace(/\.asc$/, ''))}`,
    );
  const isGiven = isChain || o.suitcase !== undefined;
  if (isChain && suitcases.length === 0)
    throw usage(
      '--at chooses among suitcases, and none was given',
      'name the suitcases, or the directory that they are in',
    );
  if (!isGiven && o.receipt === undefined)
    throw usage('nothing to verify', 'name a suitcase, or a receipt with --receipt');
  if (o.deep && !isGiven)
    throw usage(
      '--deep reads the suitcase, and none was given',
      'name the suitcase, or leave out --deep to check the receipt alone',
    );
  if (o.deep && o.key === undefined && !o.gpg)
    throw usage('--deep decrypts the suitcase, and needs the private key', 'add --key FILE, or --gpg');
  if (o.maxSize !== undefined && !o.deep) throw usage('--max-size needs --deep', 'add --deep, or leave out --max-size');
  if (o.scratch !== undefined && !o.deep) throw usage('--scratch needs --deep', 'add --deep, or leave out --scratch');
  if (o.scratch !== undefined && !isChain)
    throw usage(
      '--scratch is for increments, and only one suitcase was given',
      'name all suitcases, or the directory that they are in; or leave out --scratch',
    );
  if (o.noSignature && o.signers.length > 0)
    throw usage('--no-signature and --signer contradict each other', 'leave out one of them');
  if (o.agentSha256 !== undefined && !isGiven && o.receipt === undefined)
    throw usage('--agent-sha256 needs a receipt to compare with', 'add --receipt FILE');
  if (o.signWith !== undefined && o.attest === undefined)
    throw usage('--sign-with needs --attest', 'add --attest FILE');
  if (o.signPassphraseFile !== undefined && o.signWith === undefined)
    throw usage('--sign-passphrase-file needs --sign-with', 'add --sign-with FILE, or leave it out');
  if (
    o.attest !== undefined &&
    (o.receipt === undefined || o.signers.length === 0 || (o.key === undefined && !o.gpg))
  ) {
    throw usage(
      '--attest proves that a key opens a signed deposit',
      'add --receipt FILE, --signer FILE and --key FILE (or --gpg)',
    );
  }
  return o;
}
type VerifyFlags = ReturnType<typeof verifyOptions>;

export function defineVerify(parent: CommandLine): void {
  parent
    .command('verify')
    .summary('check a deposit')
    .description(
      'Checks a suitcase against its receipt, the receipt against its signer, and whether a private key opens the deposit (for that, the receipt is enough).',
    )
    .argument('[suitcase...]', 'encrypted file; for increments: several, or a directory')
    .option('--receipt <file>', 'the receipt: ID.receipt.json')
    .option('--signer <file>', "the supplier's public key; may be repeated", collect)
    .option('--key <file>', "the beneficiary's private key")
    .option('--deep', 'decrypt and check every entry; keep nothing')
    .option('--attest <file>', 'write a signed proof for the supplier')
    .optionsGroup(rarer)
    .option('--signature <file>', "the receipt's signature (default: its name with .asc)")
    .option('--no-signature', 'do not check the signature')
    .option('--at <id>', 'check this deposit instead of the newest')
    .option('--gpg', 'the key is in GnuPG or on a smart card (compat only)')
    .option('--passphrase-file <file>', 'file with the passphrase of --key (default: ask)')
    .option('--scratch <dir>', 'with --deep, for increments: check the whole night, using an encrypted file there')
    .option('--max-size <size>', 'with --deep: stop if the contents are larger')
    .option('--agent-sha256 <hex>', "compare the receipt with the agent's SHA-256")
    .option('--sign-with <file>', 'with --attest: sign with this private key instead')
    .option('--sign-passphrase-file <file>', 'file with the passphrase of --sign-with (default: ask)')
    .ends(
      [5, 17, 20, 21, 22, 23, 24, 129, 130, 143],
      'depot verify --receipt r.receipt.json --signer signer.public.asc --key private.secret.asc # does our key open the deposit?',
      'depot verify x.tar.gz.pgp --receipt x.receipt.json --signer s.public.asc # is this suitcase intact?',
      'depot verify received --signer s.public.asc --key our.secret.asc # complete?',
    )
    .runs(verifyOptions, verify, ({ attest }) => (attest === undefined ? 'at once' : 'soon'));
}

async function verify(o: VerifyFlags, context: Context): Promise<number> {
  const { screen, signal } = context;
  const { verify: check, verifyNight } = await import('../reader/verify.js');
  const attester = o.attest === undefined ? null : await import('../reader/attest.js');
  if (o.attest !== undefined) await attester?.refuseExisting(o.attest);
  const progress = await screen.progress();
  progress?.phase('verifying');
  const events = screen.eventsOf();
  events?.phase('verifying');
  logInfo(
    undefined,
    `verifying ${o.suitcases.join(', ') || 'without a suitcase'}, receipt ${o.receipt ?? 'not given'}`,
  );
  const gpg = o.gpg ? context.env : undefined;
  const options = { ...o, gpg, signal, passphrase: passphraseFor(o.passphraseFile, context) };
  const hooks: VerifyHooks = {
    warn: (message) => screen.warn(message),
    note: (message) => screen.note(message),
    progress: (p) => {
      progress?.bytes(p.bytes, p.totalBytes);
      events?.bytes(p.bytes, p.totalBytes);
    },
  };
  const outcome = await (o.isChain ? verifyNight(options, hooks) : check(options, hooks));
  progress?.stop();
  // What they found may name files of the dataset.
  for (const { name, result } of outcome.checks) logInfo(undefined, `check ${name}: ${result}`);
  const written =
    o.attest === undefined || !outcome.ok
      ? null
      : ((await attester?.writeAttestation(outcome, {
          ...o,
          out: o.attest,
          gpg,
          signal,
          passphrase: passphraseFor(
            o.signPassphraseFile ?? (o.signWith === undefined ? o.passphraseFile : undefined),
            context,
          ),
        })) ?? null);
  const show = outcome.result === 'passed' ? screen.result.bind(screen) : screen.failure.bind(screen);
  const attested =
    o.attest === undefined
      ? {}
      : {
          attestation:
            written === null
              ? null
              : { path: written.path, signaturePath: written.signaturePath, signedBy: written.signedBy },
        };
  const told =
    o.attest === undefined
      ? []
      : [
          '',
          written === null
            ? 'no proof was written'
            : `proof written: send ${printable(written.path)} and ${printable(written.signaturePath)} to the supplier`,
        ];
  show({ ...verifyDocument(outcome), ...attested }, [
    ...verifyLines(outcome, (style, words) => screen.paint(style, words)),
    ...told,
  ]);
  const advice = outcome.advice ?? adviceOn(outcome, o);
  if (advice !== null) screen.hint(advice);
  return outcome.code === null ? 0 : exitStatus[outcome.code];
}

/** What the person in front of a failed or incomplete verification does next. */
function adviceOn(
  { result, code, checks, exceeded }: Verification & { exceeded: number | null },
  o: VerifyFlags,
): string | null {
  if (result === 'failed') {
    // The finding says what to type.
    if (exceeded !== null && checks.every(({ name, result: one }) => one !== 'failed' || name === 'contents'))
      return null;
    if (checks.every(({ name, result: one }) => one !== 'failed' || name === 'agent-sha256'))
      return 'ask the agent which file that SHA-256 belongs to: the receipt has the name and size. If it has no file with the SHA-256 of the receipt, tell the supplier at once';
    if (code === 'not-addressed')
      return 'use the private key of one of the recipients; to see the subkeys of a key: «depot key show FILE»';
    return o.suitcase === undefined && !o.isChain
      ? 'do not rely on this receipt: ask the supplier to send it again, and to read out the fingerprint of its key by telephone'
      : 'do not use this file; fetch it again. If it fails again, ask the agent for the size and SHA-256 of its file';
  }
  if (result !== 'incomplete') return null;
  if (o.isChain && checks.some(({ name, result: one }) => name === 'chain' && one !== 'passed'))
    return 'ask the agent for the suitcases that are missing';
  const isStated = checks.some(({ name, result: one }) => name === 'receipt' && one === 'passed');
  if (!isStated && o.isChain)
    return o.signers.length > 0
      ? 'put the receipt of that night and its signature (.asc) beside the suitcases'
      : 'put the receipt of that night and its signature (.asc) beside the suitcases, and add --signer FILE; or, to check only the suitcases, --no-signature';
  if (!isStated)
    return o.signers.length > 0
      ? `add --receipt ${receiptBeside(o.suitcase)}`
      : 'add --receipt FILE and --signer FILE, or, to check only the suitcase, --no-signature';
  return o.signers.length === 0 && !o.noSignature
    ? 'add --signer FILE, the public key of the supplier, or --no-signature to skip that check'
    : null;
}

/** As it is typed: where it lies beside the suitcase, its name. */
function receiptBeside(suitcase: string | undefined): string {
  const named = suitcase === undefined ? null : parseSuitcaseName(path.basename(suitcase));
  if (named === null) return 'FILE';
  const file = path.join(path.dirname(suitcase!), receiptName(named.depositId));
  return existsSync(file) ? typedWord(file) : 'FILE';
}
