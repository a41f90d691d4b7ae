import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { getAsset, isSea } from 'node:sea';
import { fileURLToPath } from 'node:url';

/** Whether this is the single executable (docs/decisions/0022-one-file.md), which has no files beside it and loads no code from any. */
export const oneFile = isSea();

/** A file of this package, by its path in it: beside the program, or inside the executable. Throws as `readFileSync` does. */
export function packageFile(name: string): Buffer {
  return oneFile ? Buffer.from(getAsset(name)) : readFileSync(packageUrl(name));
}

/** Where a file of the package lies; in an executable, nowhere. */
export function packageUrl(name: string): URL {
  return new URL(`../${name}`, import.meta.url);
}

/** A page of the documents, for a person to open: where it lies here. The executable has none with it. */
export function docsPage(name: string): string {
  return oneFile ? `docs/${name} of the package` : fileURLToPath(packageUrl(`docs/${name}`));
}

/** What starts this depot again, as a child process or in a schedule: before the arguments. By paths, since a scheduled run has another PATH. */
export function ownCommand(): string[] {
  if (oneFile) return [process.execPath];
  const script = fileURLToPath(packageUrl('bin/depot.js'));
  const called = process.argv[1];
  // A link on the PATH is still there after an update that put the program elsewhere.
  return [process.execPath, called !== undefined && real(called) === real(script) ? path.resolve(called) : script];
}

function real(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}
