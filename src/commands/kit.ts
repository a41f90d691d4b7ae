import type { CommandLine } from './command-line.js';
import { printable } from '../printable.js';
import { groupedFingerprint, labelled } from '../ui/format.js';
import type { Context } from './context.js';
import { chooseArrangement, configFor } from './deposits.js';
import { collect, denied, globals, list, text, usage, type Flags } from './flags.js';

export function kitOptions(name: string | undefined, flags: Flags) {
  const out = text(flags, 'out');
  if (out === undefined) throw usage('no directory given for the kit', 'add --out DIRECTORY');
  return {
    ...globals(flags),
    name,
    out,
    signers: list(flags, 'signer'),
    includeSecretKey: text(flags, 'includeSecretKey'),
    withoutOpener: denied(flags, 'opener'),
  };
}
type KitFlags = ReturnType<typeof kitOptions>;

export function defineKit(parent: CommandLine): void {
  parent
    .command('kit')
    .summary('files for the beneficiary')
    .description(
      'Writes a directory to send to the beneficiary: a letter in Dutch and English, the page that opens deposits, the public keys of the signers, and the newest receipt (with those before it, for increments). No private key, unless you add one.',
    )
    .argument('[name]', 'arrangement')
    .option('--out <directory>', 'a new directory for the kit')
    .option('--signer <file>', 'add the public key of an earlier signer; may be repeated', collect)
    .option(
      '--include-secret-key <file>',
      'add the private key that you made for the beneficiary, locked with the passphrase in this file',
    )
    .option('--no-opener', 'leave out the page that opens deposits')
    .ends(
      [5, 10, 17, 20, 21],
      'depot kit acme-crm --out kit # send it, then compare the fingerprints by telephone',
      'depot kit acme-crm --out kit --signer keys/supplier-2024.public.asc # with the key of an earlier signer',
    )
    .runs(kitOptions, kit);
}

async function kit(o: KitFlags, context: Context): Promise<number> {
  const { makeKit } = await import('../kit/kit.js');
  const config = await configFor(o, context);
  const arrangement = chooseArrangement(config, o.name);
  const passphrase =
    o.includeSecretKey === undefined
      ? undefined
      : (
          await (await import('../secrets/file.js')).readSecretFile(o.includeSecretKey, '--include-secret-key')
        ).reveal();
  const made = await makeKit({
    config,
    stateDirectory: config.state.path,
    arrangement,
    out: o.out,
    signers: o.signers,
    withoutOpener: o.withoutOpener,
    now: new Date(),
    ...(passphrase === undefined ? {} : { secretKeyPassphrase: passphrase }),
  });
  if (made.includesSecretKey)
    context.screen.warn(
      'the kit contains a private key: send its passphrase another way. You made that key, so a proof by it is only your word',
    );
  if (made.missing !== null)
    context.screen.warn(
      `the receipt of ${made.missing.depositId}, which the newest deposit is built on, is missing, so the kit does not have the whole chain`,
    );
  context.screen.result({ ok: true, ...made }, [
    labelled('kit', printable(made.directory)),
    labelled('deposit', made.depositId),
    ...made.signers.map((fingerprint) => labelled('signer', groupedFingerprint(fingerprint))),
    ...made.recipients.map((fingerprint) => labelled('recipient', groupedFingerprint(fingerprint))),
    ...(made.openerSha256 === null ? [] : [labelled('opener', `SHA-256 ${made.openerSha256}`)]),
    ...(made.suitcases === null
      ? []
      : [labelled('suitcases', `${made.suitcases.length} to ask the agent for: see suitcases.txt`)]),
    labelled('next', 'send it, then call the beneficiary and compare these digits'),
  ]);
  return 0;
}
