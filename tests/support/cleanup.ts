import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, lstat, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, onTestFinished } from 'vitest';

type Undo = () => unknown;
const leftForTheFile: Undo[] = [];

/** Runs `undo` when the current test ends; called outside a test (at the top, in beforeAll), when its file ends. */
export function cleanup(undo: Undo): void {
  try {
    onTestFinished(async () => {
      await undo();
    });
  } catch {
    leftForTheFile.push(undo);
  }
}

/** Undoes everything that no test undoes: for programs outside vitest, such as the soak. */
export async function cleanUp(): Promise<void> {
  // In reverse order: a server stops before its directory is removed.
  while (leftForTheFile.length > 0) await leftForTheFile.pop()?.();
}

try {
  afterAll(cleanUp);
} catch {
  // Outside vitest, the program calls this itself.
}

/** A new directory (0700), removed at the end of the test; `parent` for those who need a short or another path. */
export function tempDir(name = 'depot-test', parent = tmpdir()): string {
  const directory = mkdtempSync(join(parent, `${name}-`));
  cleanup(() => removeTree(directory));
  return directory;
}

/** Removes a tree, read-only directories in it too. */
export async function removeTree(directory: string): Promise<void> {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch {
    await makeWritable(Buffer.from(directory));
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function makeWritable(path: Buffer): Promise<void> {
  const info = await lstat(path);
  if (!info.isDirectory()) return;
  await chmod(path, 0o700);
  for (const name of await readdir(path, { encoding: 'buffer' }))
    await makeWritable(Buffer.concat([path, Buffer.from('/'), name]));
}
