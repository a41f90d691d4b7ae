import type { CommandLine } from './command-line.js';
import { collect } from './flags.js';
import { initOptions } from './init/options.js';

export function defineInit(parent: CommandLine): void {
  parent
    .command('init')
    .summary('set up a deposit, question by question')
    .description(
      "Asks for what depot.yaml needs, makes the signing key, pins the beneficiary's key and the host key, and writes depot.yaml with comments. Then it tries the password, runs doctor, tries the sources and says how to schedule. You can leave at any point, and go on there by running it again. Every answer can be a flag. Without a terminal, or with --yes, it ends when depot.yaml is written, and writes nothing while an answer is missing that a push needs, unless --later leaves host key and password for afterwards. An existing depot.yaml is never overwritten: on a terminal, what turns out wrong is corrected in it, key by key.",
    )
    .option('--yes', 'ask nothing; accept only a host key and fingerprint given as flags')
    .option('--later', 'with --yes: leave host key and password for depot trust and depot login')
    .option('--supplier <name>', 'your name, as the beneficiary knows it')
    .option('--arrangement <name>', 'name of the arrangement, for example acme-crm')
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
    .option('--ssh-agent [socket]', 'log in with a key that an ssh-agent holds')
    .option('--ssh-config [file]', "--host is a name in ssh's configuration (~/.ssh/config)")
    .option('--proxy-jump <user@host:port>', 'reach the server through this one, as ssh -J does')
    .option('--proxy-jump-host-key <SHA256:…>', 'the host key of that one; may be repeated', collect)
    .option('--directory <directory>', 'directory there')
    .option('--host-key <SHA256:…>', 'its host key, from the agent; may be repeated', collect)
    .option('--every <time>', 'how often you agreed to deposit (default: 24h)')
    .option('--at <time>', 'when it is to run, in the lines that schedule it (default: 01:30)')
    .option('--user <account>', 'as root: the account that pushes; state, secrets and signing key are made for it')
    .ends(
      [3, 5, 10, 12, 13, 14, 15, 17, 20],
      'depot init # asks for everything',
      'depot init --config /etc/depot/depot.yaml --user depot # for a service account',
      'depot init --yes --later --supplier … # from a script, which types depot trust and depot login itself',
    )
    .runs(initOptions, async (o, c) => (await import('./init/run.js')).init(o, c));
}
