import { chmodSync, copyFileSync, cpSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { tempDir } from './cleanup.js';
import { checkout, depotScript } from './cli.js';

/** The program and Node where an account without rights of its own can read and run them, as an installation has them. */
export function installed(place = tempDir('depot-installed')): { node: string; script: string } {
  chmodSync(place, 0o755);
  const built = dirname(dirname(depotScript));
  for (const name of ['bin', 'dist', 'package.json']) cpSync(join(built, name), join(place, name), { recursive: true });
  for (const name of packages())
    cpSync(join(checkout, 'node_modules', name), join(place, 'node_modules', name), { recursive: true });
  copyFileSync(process.execPath, join(place, 'node'));
  chmodSync(join(place, 'node'), 0o755);
  return { node: join(place, 'node'), script: join(place, 'bin/depot.js') };
}

/** What runs beside our own bundle: the dependencies, and theirs. */
function packages(): Set<string> {
  const found = new Set<string>();
  const add = (directory: string): void => {
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      readFileSync(join(directory, 'package.json'), 'utf8'),
    ) as Record<string, Record<string, string>>;
    for (const name of Object.keys({ ...dependencies, ...(directory === checkout ? {} : optionalDependencies) })) {
      if (found.has(name)) continue;
      try {
        add(join(checkout, 'node_modules', name));
        found.add(name);
      } catch {
        continue; // optional, and not installed
      }
    }
  };
  add(checkout);
  return found;
}
