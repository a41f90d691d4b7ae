import type { KeyAddFlags } from './key/add.js';
import type { CommandLine } from './command-line.js';
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import type { Context } from './context.js';
import { hiddenPrompt } from './deposits.js';
import { denied, durationMs, fingerprint, globals, isOneOf, oneOf, text, usage, type Flags } from './flags.js';
import { givenPassphrase } from './passphrase.js';

export function keyGenerateOptions(kind: string, flags: Flags) {
  const required = (name: string): string => {
    const value = text(flags, name);
    if (value === undefined) throw usage(`--${name} is missing`, 'give --name, --email and --out');
    return value;
  };
  const expires = durationMs(flags, 'expires');
  const o = {
    ...globals(flags),
    kind: isOneOf(kind, ['signer', 'arrangement'], 'the kind of key'),
    name: required('name'),
    email: required('email'),
    out: required('out'),
    passphraseFile: text(flags, 'passphraseFile'),
    noPassphrase: denied(flags, 'passphrase'),
    profile: oneOf(flags, 'profile', ['compat', 'modern']) ?? 'compat',
    expiresInSeconds: expires === undefined ? undefined : expires / 1000,
  };
  if (!/^[^\s<>@]+@[^\s<>@]+$/.test(o.email))
    throw usage(`--email ${JSON.stringify(o.email)} is not an address`, 'for example: --email ops@acme.example');
  if (/[<>()]/.test(o.name))
    throw usage(
      `--name ${JSON.stringify(o.name)} has brackets, which mean something else in an OpenPGP user id`,
      'leave the brackets out: --name "Acme SaaS B.V."',
    );
  if (o.noPassphrase && o.passphraseFile !== undefined)
    throw usage('--no-passphrase and --passphrase-file contradict each other', 'leave out one of them');
  if (o.kind === 'signer' && o.profile === 'modern')
    throw usage('a signer is always compat, so that receipts verify with stock gpg', 'leave out --profile');
  return o;
}
type KeyGenerateFlags = ReturnType<typeof keyGenerateOptions>;

export function keyAddOptions(arrangement: string, file: string, flags: Flags): KeyAddFlags {
  const pinned = fingerprint(flags, 'fingerprint');
  if (pinned === undefined)
    throw usage(
      '--fingerprint is missing',
      'ask the beneficiary to read out the fingerprint, then add --fingerprint F',
    );
  return { ...globals(flags), arrangement, file, fingerprint: pinned };
}

export function defineKey(parent: CommandLine): void {
  const key = parent
    .command('key')
    .summary('make, show and add keys')
    .description(
      'Keys of signers and beneficiaries. There is no key store: keys are files, named in depot.yaml and pinned by fingerprint.',
    )
    .ends(
      [],
      'depot key show voorbeeld.public.asc # the fingerprint, and whether it can be used',
      'depot key generate --help # the options of each',
    );
  key
    .command('generate')
    .summary('make a key pair')
    .description('Writes PREFIX.public.asc and PREFIX.secret.asc (readable by this account only).')
    .argument('<kind>', 'signer, or arrangement (the one that opens deposits)')
    .option('--name <name>', 'whose key it is')
    .option('--email <address>', 'their address')
    .option('--out <prefix>', 'where the two files go, for example keys/acme')
    .option('--passphrase-file <file>', 'file with its passphrase (default: ask)')
    .option('--no-passphrase', 'make the secret key without a passphrase')
    .option('--profile <profile>', 'compat (GnuPG can read it) or modern (RFC 9580)')
    .option('--expires <time>', 'after this long, for example 2y (default: never)')
    .ends(
      [5, 17],
      'depot key generate signer --name "Acme SaaS B.V." --email ops@acme.example --out keys/acme # for the supplier',
      'depot key generate arrangement --name "Gemeente Voorbeeld" --email ict@voorbeeld.example --out voorbeeld # for the beneficiary',
    )
    .runs(keyGenerateOptions, generate);
  key
    .command('show')
    .summary('show a key, and whether it can be used')
    .description(
      'Shows the fingerprint (compare it by telephone), the subkeys, when they expire, and whether the key can open deposits and sign receipts.',
    )
    .argument('<file>', 'public or secret key')
    .ends([5, 20], 'depot key show voorbeeld.public.asc # the fingerprint, to read out by telephone')
    .runs(
      (file: string, flags: Flags) => ({ ...globals(flags), file }),
      async (o, context) => (await import('./key/show.js')).show(o, context),
    );
  key
    .command('add')
    .summary("add a beneficiary's public key")
    .description(
      'Checks the key against the fingerprint that the beneficiary read out, copies it beside depot.yaml, and prints the lines for depot.yaml. It does not change depot.yaml. If that names this key already, its copy is replaced by one that the owner signed later.',
    )
    .argument('<arrangement>', 'the arrangement that it is for')
    .argument('<file>', 'the public key')
    .option('--fingerprint <hex>', 'the full fingerprint, as the beneficiary read it out')
    .ends([5, 10, 20], 'depot key add acme-crm voorbeeld.asc --fingerprint "8F3A 0C11 …" # groups of four are fine')
    .runs(keyAddOptions, async (o, context) => (await import('./key/add.js')).add(o, context));
}

async function generate(o: KeyGenerateFlags, context: Context): Promise<number> {
  const { writeKeyPair } = await import('./key/write.js');
  const passphrase = await newPassphrase(o, context);
  const made = await writeKeyPair({
    kind: o.kind,
    name: o.name,
    email: o.email,
    profile: o.profile,
    prefix: o.out,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(o.expiresInSeconds === undefined ? {} : { expiresInSeconds: o.expiresInSeconds }),
  });
  const { groupedFingerprint, labelled } = await import('../ui/format.js');
  const theirs =
    o.kind === 'arrangement'
      ? 'give it to the supplier, and read out the fingerprint by telephone'
      : 'give it to the beneficiary, to check receipts with';
  context.screen.result({ ok: true, ...made }, [
    labelled('key', groupedFingerprint(made.fingerprint)),
    labelled('public', `${printable(made.publicKey)}   ${theirs}`),
    labelled(
      'secret',
      `${printable(made.secretKey)}   ${passphrase === undefined ? 'not locked' : 'locked with the passphrase'}; keep a copy on another machine`,
    ),
  ]);
  return 0;
}

async function newPassphrase(o: KeyGenerateFlags, context: Context): Promise<string | undefined> {
  if (o.noPassphrase) return undefined;
  const given = await givenPassphrase(o.passphraseFile, context);
  if (given === '')
    throw new DepotError('secret-missing', 'the passphrase is empty', {
      hint: 'put one into the file, or add --no-passphrase',
    });
  if (given !== undefined) return given;
  const ask = hiddenPrompt(context);
  if (ask === undefined)
    throw usage('no passphrase given', 'add --passphrase-file FILE, or --no-passphrase for an unlocked key');
  const first = await ask('Passphrase for the new key');
  if (first === '')
    throw new DepotError('secret-missing', 'the passphrase is empty', { hint: 'to have none, add --no-passphrase' });
  if ((await ask('Repeat the passphrase')) !== first)
    throw new DepotError('passphrase-wrong', 'the two passphrases differ', { hint: 'run it again: «depot …»' });
  return first;
}
