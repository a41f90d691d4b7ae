/** Depot as one file, as `npm run build:binary` makes it; only `npm run test:binary` needs it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from './cleanup.js';
import { bareEnvironment, checkout } from './cli.js';
import { type Finished, run, type RunOptions } from './process.js';

const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };

export const directory = join(checkout, 'binary');
export const linux = join(directory, `depot-${version}-linux-x64`);
export const windows = join(directory, `depot-${version}-win-x64.exe`);

/** Where Node is nowhere to be found, nor anything else. */
export function withoutPath(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { ...bareEnvironment(more), PATH: tempDir('depot-empty-path') };
}

/** Runs Linux's executable, without a HOME. */
export function executable(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  return run(linux, args, { ...options, env: options.env ?? withoutPath() });
}
