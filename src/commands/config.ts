import type { CommandLine } from './command-line.js';
import { globals, text, type Flags } from './flags.js';

export function configExampleOptions(flags: Flags) {
  return { ...globals(flags), out: text(flags, 'out') };
}

export function defineConfig(parent: CommandLine): void {
  const config = parent
    .command('config')
    .summary('check or show depot.yaml')
    .description('What depot.yaml says, and what it could say. Neither command connects to a server.')
    .ends(
      [],
      'depot config check # is it valid, and can this account read what it names?',
      'depot config example # every key, with comments',
      'depot config check --help # the options of each',
    );
  config
    .command('check')
    .summary('read the configuration as a push would, and say what it names')
    .description(
      'Reads depot.yaml and the files that it includes, as a push would. Says what was read, what is probably not meant, and which keys and secrets are named and can be read by this account. Connects to nothing, runs no command, unlocks no key and asks nobody: depot doctor does.',
    )
    .ends(
      [3, 4, 10, 17, 20],
      'depot config check # after each change of depot.yaml',
      'sudo -u depot depot config check # as the account of the scheduled run',
      'depot config check --config new.yaml --json # for scripts',
    )
    .runs(globals, async (o, c) => (await import('./config/check.js')).checkConfiguration(o, c), 'at once');
  config
    .command('example')
    .summary('print a depot.yaml with every key, commented')
    .description(
      'Prints a depot.yaml with every key and what it is for. What is not a comment is a whole configuration.',
    )
    .option('--out <file>', 'into this file, which must not exist yet')
    .ends(
      [5],
      'depot config example # to read',
      'depot config example --out depot.yaml # to begin with, where depot init will not do',
    )
    .runs(configExampleOptions, async (o, c) => (await import('./config/example.js')).printExample(o, c));
}
