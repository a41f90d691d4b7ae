/** A supplier's machine with Windows. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inject } from 'vitest';
import type { Finished } from '../support/process.js';
import { type WineOptions, windowsDir, windowsNode, windowsPath } from '../support/wine.js';

export class WindowsMachine {
  /** Where the supplier works, by its name on Linux. */
  constructor(readonly directory = windowsDir('depot-supplier')) {}

  /** The name of a file below the directory, as one types it there. */
  path(...names: string[]): string {
    return windowsPath(join(this.directory, ...names));
  }

  write(name: string, content: string | Uint8Array): void {
    const file = join(this.directory, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }

  /** Runs the installed depot. */
  depot(args: readonly string[], options: Partial<WineOptions> = {}): Promise<Finished> {
    return windowsNode([inject('depotOnWindows'), ...args], { cwd: this.directory, ...options });
  }

  /** For steps that must succeed. */
  async must(args: readonly string[], options: Partial<WineOptions> = {}): Promise<Finished> {
    const result = await this.depot(args, options);
    if (result.code !== 0)
      throw new Error(`depot ${args.join(' ')}: exit ${result.code ?? '?'}\n${result.stderr}\n${result.stdout}`);
    return result;
  }
}
