import type { CommandLine } from './command-line.js';
import { globals, text, type Flags } from './flags.js';

export function configExampleOptions(flags: Flags) {
  return { ...globals(flags), out: text(flags, 'out') };
}

export function defineConfig(parent: CommandLine): void {
  const config = parent
    .command('config')
    .summary('check or show depot.yaml')
    .description('Checks depot.yaml, or prints an example. Connects to no server.')
    .ends(
      [],
      'depot config check # is it valid, and can this account read what it names?',
      'depot config example # every key, with comments',
      'depot config check --help # the options of each',
    );
  config
    .command('check')
    .summary('check depot.yaml as a push would read it')
    .description(
      'Reads depot.yaml and the files that it includes, as a push would. Says what is wrong, what is probably a mistake, and whether this account can read the keys and secrets. It does not connect, run commands or unlock keys: for that, use depot doctor.',
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
      'Prints a depot.yaml with every key and what it is for. Without the comments, it is a complete configuration.',
    )
    .option('--out <file>', 'write it to this file, which must not exist yet')
    .ends(
      [5],
      'depot config example # to read',
      'depot config example --out depot.yaml # to start from, instead of depot init',
    )
    .runs(configExampleOptions, async (o, c) => (await import('./config/example.js')).printExample(o, c));
}
