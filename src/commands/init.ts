import type { CommandLine } from './command-line.js';
import { collect } from './flags.js';
import type { PasswordFileFlag } from './init/database-url.js';
import { initOptions } from './init/options.js';

export function defineInit(parent: CommandLine): void {
  let databases = 0;
  parent
    .command('init')
    .summary('set up a deposit')
    .description(
      'Asks for what a deposit needs, makes the keys, writes depot.yaml and checks it all. If you interrupt it, it continues there next time. Every answer can be given as an option (depot help init); with --yes, or without a terminal, it asks nothing.',
    )
    .option('--yes', 'ask nothing; if an answer is missing, write nothing')
    .option('--later', 'with --yes: host key and password come later')
    .option('--user <account>', 'as root: the account that pushes')
    .optionsGroup('Every night:')
    .option('--at <time>', 'when to push (default: 01:30)')
    .option('--until <time>', 'when to stop retrying (default: six hours later)')
    .option('--schedule <by>', 'systemd, cron or none; with --yes: switch it on')
    .option('--ping <url>', 'a monitor to ping, like Healthchecks')
    .option('--notify <command>', 'run this when a push fails or is missing')
    .option('--prometheus-file <file>', 'also write metrics there')
    .optionsGroup('You and the beneficiary:')
    .option('--supplier <name>', 'your name, as the beneficiary knows it')
    .option('--arrangement <name>', 'a short name for it, for example acme-crm')
    .option('--beneficiary <name>', 'who may open the deposit')
    .option('--beneficiary-key <file>', 'its public key')
    .option('--fingerprint <hex>', 'its fingerprint, as the beneficiary reads it out')
    .option('--every <time>', 'how often you agreed to deposit (default: 24h)')
    .option('--source <path>', 'a directory or file to deposit; repeatable', collect)
    .option('--database <url>', 'a database, like postgresql:crm; repeatable', (url, earlier?: string[]) => {
      databases += 1;
      return collect(url, earlier);
    })
    .option(
      '--database-password-file <file>',
      'the password of the database before it',
      (file, earlier?: PasswordFileFlag[]) => [...(earlier ?? []), { of: databases, file }],
    )
    .optionsGroup('Your signing key:')
    .option('--signer <file>', 'a key that you have (default: make a new one)')
    .option('--signer-email <address>', 'the e-mail address in a new key')
    .option('--passphrase-file <file>', 'the passphrase of a new key')
    .option('--no-passphrase', 'make a new key without a passphrase')
    .optionsGroup("The agent's server:")
    .option('--host <host>', 'its name or address')
    .option('--port <port>', 'its port (default: 22)')
    .option('--directory <directory>', 'where to put deposits')
    .option('--host-key <SHA256:…>', 'its host key, from the agent; repeatable', collect)
    .option('--username <name>', 'your user name there')
    .option('--password-file <file>', 'the password; stays where it is')
    .option('--private-key <file>', 'an SSH key, instead of a password')
    .option('--private-key-passphrase-file <file>', 'its passphrase')
    .option('--ssh-agent [socket]', 'log in with a key that an ssh-agent holds')
    .option('--ssh-config [file]', "--host is a name in ssh's configuration")
    .option('--proxy-jump <user@host:port>', 'go through this jump host')
    .option('--proxy-jump-host-key <SHA256:…>', 'its host key; repeatable', collect)
    .ends(
      [3, 5, 10, 12, 13, 14, 15, 17, 20],
      'depot init # asks for everything',
      'depot init --config /etc/depot/depot.yaml --user depot # for a service account',
      'depot init --yes --later --supplier … # from a script',
    )
    .runs(initOptions, async (o, c) => (await import('./init/run.js')).init(o, c));
}
