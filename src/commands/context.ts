import type { Screen } from '../ui/screen.js';

/** What a command may touch of its process. */
export interface Context {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly screen: Screen;
  /** Aborted by a signal, with a DepotError as its reason. */
  readonly signal: AbortSignal;
  abort(reason: Error): void;
}

/** The flags that every command knows. */
export interface GlobalOptions {
  config: string | undefined;
  state: string | undefined;
}

/** A command's work on its typed options; returns the exit status. */
export type Work<O> = (options: O, context: Context) => Promise<number>;

/**
 * How long a signal waits for a command that does not look at it: not at all where it only reads, a few seconds where it may have to
 * put something in order, for ever where it ends by itself and a deposit depends on that.
 */
export type Ending = 'at once' | 'soon' | 'in order';

/** How a command starts: commander calls an action, which hands typed options and the work to this. */
export type Start = <O>(options: O, work: Work<O>, ending?: Ending) => Promise<void>;
