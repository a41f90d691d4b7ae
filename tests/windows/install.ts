/** Once for all files: depot on Windows, installed from its package with npm, as people do it. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { cleanUp, tempDir } from '../support/cleanup.js';
import { bareEnvironment, checkout } from '../support/cli.js';
import { mustRun } from '../support/process.js';
import { windowsDir, windowsNode, windowsPath } from '../support/wine.js';

declare module 'vitest' {
  interface ProvidedContext {
    /** The program, by its name on Windows. */
    depotOnWindows: string;
  }
}

export default async function install(project: TestProject): Promise<() => Promise<void>> {
  const packages = tempDir('depot-pack');
  const packed = await mustRun('npm', ['pack', '--silent', '--pack-destination', packages], {
    cwd: checkout,
    env: { ...bareEnvironment(), HOME: packages, npm_config_cache: join(packages, 'cache') },
    timeoutMs: 300_000,
  });
  const tarball = join(packages, packed.stdout.trim().split('\n').at(-1) ?? '');
  // A script, which Windows' Node runs as well.
  const npm = realpathSync((await mustRun('sh', ['-c', 'command -v npm'])).stdout.trim());
  const place = windowsDir('depot-npm');
  const args = ['install', '-g', '--offline', '--ignore-scripts', '--prefix', windowsPath(place), windowsPath(tarball)];
  const installed = await windowsNode([windowsPath(npm), ...args], {
    cwd: place,
    env: { npm_config_cache: windowsPath(join(place, 'cache')), npm_config_update_notifier: 'false' },
  });
  if (installed.code !== 0) throw new Error(`npm install: ${installed.code ?? '?'}\n${installed.stderr}`);
  project.provide('depotOnWindows', windowsPath(join(place, 'node_modules/@saas-escrow/depot/bin/depot.js')));
  return cleanUp;
}
