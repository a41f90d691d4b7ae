import type { Command } from 'commander';
import { parseHost } from '../config/values.js';
import { parseArrangementName } from '../names/arrangement.js';
import { hostKeyText } from '../names/host-key.js';
import type { Parsed } from '../names/parsed.js';
import type { Start } from './context.js';
import {
  clock,
  collect,
  denied,
  durationMs,
  fingerprint,
  given,
  globals,
  list,
  text,
  usage,
  type Flags,
} from './flags.js';
import { helpEnd } from './help.js';
import type { InitFlags } from './init/draft.js';

export function initOptions(flags: Flags): InitFlags {
  const checked = <T>(name: string, what: string, parse: (value: string) => Parsed<T>, value: string): T => {
    const parsed = parse(value);
    if ('wrong' in parsed) throw usage(`--${name} ${JSON.stringify(value)}: ${parsed.wrong}`, what);
    return parsed.value;
  };
  const o = {
    ...globals(flags),
    yes: given(flags, 'yes'),
    later: given(flags, 'later'),
    supplier: text(flags, 'supplier'),
    arrangement: text(flags, 'arrangement'),
    beneficiary: text(flags, 'beneficiary'),
    beneficiaryKey: text(flags, 'beneficiaryKey'),
    fingerprint: fingerprint(flags, 'fingerprint'),
    signer: text(flags, 'signer'),
    signerEmail: text(flags, 'signerEmail'),
    passphraseFile: text(flags, 'passphraseFile'),
    noPassphrase: denied(flags, 'passphrase'),
    sources: list(flags, 'source'),
    host: text(flags, 'host'),
    port: text(flags, 'port') === undefined ? undefined : Number(text(flags, 'port')),
    username: text(flags, 'username'),
    directory: text(flags, 'directory'),
    hostKeys: list(flags, 'hostKey').map((key) =>
      checked(
        'host-key',
        'write it as the letter or ssh-keygen -lf has it: --host-key "ssh-ed25519 SHA256:…"',
        hostKeyText,
        key,
      ),
    ),
    user: text(flags, 'user'),
    privateKey: text(flags, 'privateKey'),
    privateKeyPassphraseFile: text(flags, 'privateKeyPassphraseFile'),
    passwordFile: text(flags, 'passwordFile'),
    at: clock(flags, 'at') === undefined ? undefined : text(flags, 'at'),
    every: durationMs(flags, 'every') === undefined ? undefined : text(flags, 'every'),
  };
  if (o.host !== undefined)
    checked('host', 'give the name or address alone: --host sftp.agent.example', parseHost, o.host);
  if (o.port !== undefined && !(Number.isInteger(o.port) && o.port >= 1 && o.port <= 65_535))
    throw usage(
      `--port ${text(flags, 'port') ?? ''} is not a port`,
      'give a number from 1 to 65535, or leave it out for 22',
    );
  const arrangement = o.arrangement === undefined ? undefined : parseArrangementName(o.arrangement);
  if (arrangement !== undefined && 'wrong' in arrangement)
    throw usage(
      `--arrangement ${JSON.stringify(o.arrangement)}: ${arrangement.wrong}`,
      'choose a short name: --arrangement acme-crm',
    );
  if (o.signer !== undefined && (o.signerEmail !== undefined || o.noPassphrase))
    throw usage(
      '--signer names a key that exists; --signer-email and --no-passphrase make a new one',
      'leave out one or the other',
    );
  if (o.noPassphrase && o.passphraseFile !== undefined)
    throw usage('--no-passphrase and --passphrase-file contradict each other', 'leave out one of them');
  if (o.privateKeyPassphraseFile !== undefined && o.privateKey === undefined)
    throw usage(
      '--private-key-passphrase-file is for the key of --private-key, and there is none',
      'add --private-key FILE',
    );
  return o;
}

export function defineInit(parent: Command, start: Start): void {
  parent
    .command('init')
    .summary('set up a deposit, question by question')
    .description(
      "Asks for what depot.yaml needs, makes the signing key, pins the beneficiary's key and the host key, and writes depot.yaml with comments; then sees to the password, looks with doctor, tries the sources and says how to schedule. Left at any point, it goes on there when it is run again. Every answer can be a flag; without a terminal, or with --yes, it ends when depot.yaml is written, and writes nothing while an answer is missing that a push needs, unless --later leaves host key and password for afterwards. An existing depot.yaml is never overwritten.",
    )
    .option('--yes', 'ask nothing; accept only a host key and fingerprint given as flags')
    .option('--later', 'with --yes: leave host key and password for depot trust and depot login')
    .option('--supplier <name>', 'your name, as the beneficiary knows it')
    .option('--arrangement <name>', 'name of the arrangement (acme-crm)')
    .option('--beneficiary <name>', 'name of the beneficiary')
    .option('--beneficiary-key <file>', 'its public key')
    .option('--fingerprint <hex>', 'the fingerprint of that key, as the beneficiary read it out')
    .option('--signer <file>', 'your signing key, when there is one already')
    .option('--signer-email <address>', 'address in a new signing key')
    .option('--passphrase-file <file>', 'passphrase for the new signing key (named in depot.yaml too)')
    .option('--no-passphrase', 'leave the new signing key unlocked')
    .option('--source <path>', 'directory or file to deposit; may be repeated', collect)
    .option('--host <host>', "the agent's SFTP server")
    .option('--port <port>', 'its port, when not 22')
    .option('--username <name>', 'user name there')
    .option('--private-key <file>', 'log in with this SSH key (named in depot.yaml)')
    .option('--private-key-passphrase-file <file>', 'its passphrase (named in depot.yaml)')
    .option('--password-file <file>', 'log in with the password in this file (named in depot.yaml)')
    .option('--directory <directory>', 'directory there')
    .option('--host-key <SHA256:…>', 'its host key, from the agent; may be repeated', collect)
    .option('--every <time>', 'how often you agreed to deposit (24h)')
    .option('--at <time>', 'when it is to run (01:30), for the lines that schedule it')
    .option('--user <account>', 'as root: the account that pushes; state, secrets and signing key are made for it')
    .addHelpText(
      'after',
      helpEnd(
        [
          ['depot init', 'asks for everything'],
          ['depot init --config /etc/depot/depot.yaml --user depot', 'for a service account'],
          ['depot init --yes --later --supplier …', 'from a script, which types depot trust and depot login itself'],
        ],
        [3, 5, 10, 12, 13, 14, 15, 17, 20],
      ),
    )
    .action((_: unknown, command: Command) =>
      start(initOptions(command.optsWithGlobals()), async (o, c) => (await import('./init/run.js')).init(o, c)),
    );
}
