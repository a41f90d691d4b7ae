import type { CommandLine } from './command-line.js';
import type { Context, GlobalOptions } from './context.js';
import { globals } from './flags.js';

export function defineDemo(parent: CommandLine): void {
  parent
    .command('demo')
    .summary('a deposit, on this machine')
    .description(
      'Shows the whole process on this machine: starts an SFTP server, makes keys and data, deposits, verifies and decrypts. Leaves nothing behind.',
    )
    .ends([5, 129, 130, 143], 'depot demo # takes less than a minute')
    .runs(globals, demo);
}

/** Where the words of a step begin. */
const hang = 11;

async function demo(_: GlobalOptions, context: Context): Promise<number> {
  const { runDemo } = await import('../demo/tour.js');
  const { screen } = context;
  const steps: object[] = [];
  await runDemo({
    say: (step) => {
      steps.push(step);
      // Each step is shown as it happens; with --json all of them together, at the end.
      if (!screen.json)
        screen.result({}, [
          { text: `${step.name.padEnd(hang - 1)} ${step.what}`, hang },
          ...(step.command === undefined
            ? []
            : [{ text: `${' '.repeat(hang)}${screen.paint('dim', `$ ${step.command}`)}`, hang: hang + 2 }]),
        ]);
    },
    signal: context.signal,
    env: context.env,
  });
  if (screen.json) screen.result({ ok: true, steps }, []);
  return 0;
}
