import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from './cleanup.js';
import { bareEnvironment, checkout } from './cli.js';
import { mustRun } from './process.js';

export interface Packed {
  /** For `DepotOptions.script`. */
  program: string;
  /** Paths in the package. */
  contents: string[];
}

/** The program as `npm install -g` puts it on a machine without a network and with install scripts blocked; about six seconds. */
export async function packed(): Promise<Packed> {
  const directory = tempDir('depot-pack');
  const env = {
    ...bareEnvironment(),
    HOME: directory,
    npm_config_cache: join(directory, 'cache'),
    npm_config_update_notifier: 'false',
  };
  const { stdout } = await mustRun('npm', ['pack', '--json', '--pack-destination', directory], {
    cwd: checkout,
    env,
    timeoutMs: 300_000,
  });
  const [made] = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as { filename: string; files: { path: string }[] }[];
  const prefix = join(directory, 'prefix');
  mkdirSync(prefix);
  const file = join(directory, made.filename.replace('@', '').replace('/', '-'));
  await mustRun('npm', ['install', '-g', '--offline', '--ignore-scripts', '--prefix', prefix, file], {
    cwd: directory,
    env,
    timeoutMs: 300_000,
  });
  return {
    program: join(prefix, 'lib/node_modules/@saas-escrow/depot/bin/depot.js'),
    contents: made.files.map(({ path }) => path),
  };
}
