import { PassThrough, Readable } from 'node:stream';
import { main } from '../../src/cli.js';
import { bareEnvironment } from './cli.js';

export interface Said {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command line in this process, from source: a tenth of the time of a process, for what needs none. No terminal. */
export async function depotHere(args: readonly string[], o: { cwd?: string; env?: NodeJS.ProcessEnv; input?: string } = {}): Promise<Said> {
  const [stdout, stderr] = [new Paper(), new Paper()];
  const code = await main({
    argv: args,
    env: bareEnvironment(o.env),
    cwd: o.cwd ?? process.cwd(),
    stdin: Readable.from(o.input === undefined ? [] : [Buffer.from(o.input)]) as unknown as NodeJS.ReadStream,
    stdout: stdout as unknown as NodeJS.WriteStream,
    stderr: stderr as unknown as NodeJS.WriteStream,
  });
  return { code, stdout: stdout.text, stderr: stderr.text };
}

/** A standard output that keeps what is written. */
class Paper extends PassThrough {
  text = '';

  constructor() {
    super();
    this.on('data', (chunk: Buffer) => { this.text += chunk.toString('utf8'); });
  }
}
