import { Command, type Help } from 'commander';
import type { Ending, Start, Work } from './context.js';
import { HelpPage, type PageEnd } from './help/page.js';
import type { ExitStatus } from '../texts/exits.js';

/** A command of depot: commander's, with what every `--help` ends with, and one way to begin the work. */
export class CommandLine extends Command implements PageEnd {
  readonly #start: Start;
  exits: readonly ExitStatus[] = [];
  examples: PageEnd['examples'] = [];

  constructor(name: string | undefined, start: Start) {
    super(name);
    this.#start = start;
  }

  override createCommand(name?: string): CommandLine {
    return new CommandLine(name, this.#start);
  }

  override createHelp(): Help {
    return Object.assign(new HelpPage(this), this.configureHelp());
  }

  /** Arguments and flags become typed options, and those go to the work; see `Ending`. */
  runs<O>(options: (...given: never[]) => O, work: Work<O>, ending?: Ending | ((options: O) => Ending)): this {
    return this.action((...called: unknown[]) => {
      const o = options(...([...called.slice(0, -2), this.optsWithGlobals()] as never[]));
      return this.#start(o, work, typeof ending === 'function' ? ending(o) : ending);
    });
  }

  /** The end of `--help`: exit codes beside 0, 1 and 2, and examples: `depot demo # what it does`. */
  ends(more: readonly ExitStatus[], ...examples: string[]): this {
    this.exits = more;
    this.examples = examples.map((example) => {
      const [line, what] = example.split(' # ') as [string, string];
      return { line, what };
    });
    return this;
  }
}
