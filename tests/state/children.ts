import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { cleanup } from '../support/cleanup.js';

const source = (file: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, '../../src/state', file)).href);

/** The text of a module in which `module('file.js')` imports a file of src/state. */
export function scriptOf(script: string): string {
  return script.replace(/module\('([^']+)'\)/g, (_, file: string) => `await import(${source(file)})`);
}

/** A Node process that runs such a script. */
export class Child {
  readonly process: ChildProcess;
  private readonly lines: string[] = [];
  private waiting: ((line: string) => void)[] = [];
  private stderr = '';
  private ended = false;

  constructor(script: string, options: { cwd?: string; detached?: boolean } = {}) {
    this.process = spawn(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), '--input-type=module', '-e', scriptOf(script)],
      { stdio: ['pipe', 'pipe', 'pipe'], ...options },
    );
    createInterface(this.process.stdout!).on('line', (line) => {
      const next = this.waiting.shift();
      if (next === undefined) this.lines.push(line);
      else next(line);
    });
    this.process.stderr!.on('data', (b: Buffer) => (this.stderr += b.toString()));
    this.process.on('close', () => {
      this.ended = true;
      for (const wake of this.waiting.splice(0)) wake(`ended: ${this.stderr}`);
    });
    cleanup(() => this.kill());
  }

  /** So many that have said that they are ready. Not on Windows: Wine's server can hang where several run beside each other. */
  static async several(count: number, script: string): Promise<Child[]> {
    const children = Array.from({ length: count }, () => new Child(script));
    for (const child of children) {
      const line = await child.line();
      if (line !== 'ready') throw new Error(line);
    }
    return children;
  }

  /** The next line that the process prints. */
  async line(): Promise<string> {
    const first = this.lines.shift();
    if (first !== undefined) return first;
    if (this.ended) return `ended: ${this.stderr}`;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  say(line: string): void {
    this.process.stdin!.write(`${line}\n`);
  }

  /** kill -9, and waits until the kernel has let go of it. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill(signal);
    await gone;
  }
}
