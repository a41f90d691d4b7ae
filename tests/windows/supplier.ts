/** A supplier's machine with Windows, on which depot was installed from its package. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, checkout } from '../support/cli.js';
import { type Finished, mustRun } from '../support/process.js';
import { type WineOptions, windowsDir, windowsNode, windowsPath } from '../support/wine.js';

export class WindowsMachine {
  private constructor(
    /** Where the supplier works, on Linux. */
    readonly directory: string,
    private readonly program: string,
  ) {}

  /** Installs the package there with npm, as people do. */
  static async create(): Promise<WindowsMachine> {
    const packages = tempDir('depot-pack');
    const file = (
      await mustRun('npm', ['pack', '--silent', '--pack-destination', packages], {
        cwd: checkout,
        env: { ...bareEnvironment(), HOME: packages, npm_config_cache: join(packages, 'cache') },
        timeoutMs: 300_000,
      })
    ).stdout.trim();
    const npm = join((await mustRun('npm', ['root', '--global'])).stdout.trim(), 'npm/bin/npm-cli.js');
    const place = windowsDir('depot-npm');
    const prefix = windowsPath(join(place, 'prefix'));
    const tarball = windowsPath(join(packages, basename(file.split('\n').at(-1)!)));
    const installed = await windowsNode(
      [windowsPath(npm), 'install', '-g', '--offline', '--ignore-scripts', '--prefix', prefix, tarball],
      { cwd: place, env: { npm_config_cache: windowsPath(join(place, 'cache')), npm_config_update_notifier: 'false' } },
    );
    if (installed.code !== 0) throw new Error(`npm install: ${installed.code ?? '?'}\n${installed.stderr}`);
    const program = join(place, 'prefix/node_modules/@saas-escrow/depot/bin/depot.js');
    const directory = windowsDir('depot-supplier');
    return new WindowsMachine(directory, windowsPath(program));
  }

  /** The name of a file below the directory, as one types it there. */
  path(...names: string[]): string {
    return windowsPath(join(this.directory, ...names));
  }

  write(name: string, content: string | Uint8Array): void {
    const file = join(this.directory, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, content);
  }

  depot(args: readonly string[], options: Partial<WineOptions> = {}): Promise<Finished> {
    return windowsNode([this.program, ...args], { cwd: this.directory, ...options });
  }

  /** For steps that must succeed. */
  async must(args: readonly string[], options: Partial<WineOptions> = {}): Promise<Finished> {
    const result = await this.depot(args, options);
    if (result.code !== 0)
      throw new Error(`depot ${args.join(' ')}: exit ${result.code ?? '?'}\n${result.stderr}\n${result.stdout}`);
    return result;
  }
}
