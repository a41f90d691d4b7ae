import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import type { main } from '../../src/cli.js';
import { bareEnvironment, type DepotOptions, depotScript } from './cli.js';
import type { Finished } from './process.js';

/** The built program, threads and all, loaded once for a test file. */
let program: Promise<{ main: typeof main }> | undefined;

let running = false;

/** Whether a command line runs in this process: it has its working directory, so that there is one at a time. */
export function busy(): boolean {
  return running;
}

/**
 * Runs a command line in this process: the same program without the half second that a process takes to begin. For findings that need no
 * process of their own, such as signals, standard input, another account, or what a child sees of the environment. No terminal.
 */
export async function depotHere(
  args: readonly string[],
  o: Pick<DepotOptions, 'cwd' | 'env'> & {
    input?: string /** Another program than the built one, such as the source with parts that the test replaces. */;
    run?: typeof main;
  } = {},
): Promise<Finished> {
  if (running) throw new Error('one command line at a time in this process; others need one of their own: depot(…)');
  running = true;
  const before = process.cwd();
  const [stdout, stderr] = [new Paper(), new Paper()];
  try {
    process.chdir(o.cwd ?? before);
    const run =
      o.run ??
      (
        await (program ??= import(pathToFileURL(join(dirname(depotScript), '../dist/cli.js')).href) as Promise<{
          main: typeof main;
        }>)
      ).main;
    const code = await run({
      argv: args,
      env: bareEnvironment(o.env),
      cwd: process.cwd(),
      stdin: Readable.from(o.input === undefined ? [] : [Buffer.from(o.input)]) as unknown as NodeJS.ReadStream,
      stdout: stdout as unknown as NodeJS.WriteStream,
      stderr: stderr as unknown as NodeJS.WriteStream,
    });
    return {
      code,
      signal: null,
      bytes: stdout.bytes,
      stdout: stdout.bytes.toString(),
      stderr: stderr.bytes.toString(),
    };
  } finally {
    process.chdir(before);
    running = false;
  }
}

/** A standard output that keeps what is written. */
class Paper extends PassThrough {
  readonly #chunks: Buffer[] = [];

  constructor() {
    super();
    this.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
    });
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }
}
