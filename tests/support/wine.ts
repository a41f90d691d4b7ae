/** Windows' own Node under Wine, as `tests/windows/setup.sh` puts it there; only `npm run test:windows` needs it. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { tempDir } from './cleanup.js';
import { bareEnvironment } from './cli.js';
import { peer } from './peers.js';
import type { Finished } from './process.js';

/** Where continuous integration makes it. */
const directory = join(process.env['DEPOT_CI_SCRATCH'] ?? '/var/tmp/depot-ci', 'windows');
const machine = join(directory, 'prefix');
export const driveC = join(machine, 'drive_c');
/** The suite's own, since a Wine server that breaks down takes all programs of its prefix with it. */
export const suitePrefix = join(directory, 'suite');
/** This project's dependencies, as Windows gets them. */
export const checkoutThere = join(suitePrefix, 'drive_c/depot');

export interface WineOptions {
  /** On Linux. */
  cwd: string;
  node?: 20 | 22;
  prefix?: string;
  env?: NodeJS.ProcessEnv;
  input?: string | Uint8Array;
  timeoutMs?: number;
}

/** A new directory on drive C, by its name on Linux. */
export function windowsDir(name = 'depot-test'): string {
  return tempDir(name, driveC);
}

/** The name of a file of this machine on Windows; Wine has Linux's root as drive Z. */
export function windowsPath(path: string): string {
  const there = path.startsWith(`${driveC}/`) ? `C:${path.slice(driveC.length)}` : `Z:${path}`;
  return there.replaceAll('/', '\\');
}

/** Windows' Node, by its name there. */
export function windowsNodeExe(major: WineOptions['node'] = 22): string {
  return windowsPath(join(directory, `node${major}.exe`));
}

/** Ends all that runs in the suite's prefix: what a Wine server that broke down leaves behind waits for ever, also when the server is told to end. */
export function endSuite(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`WINEPREFIX=${suitePrefix}`))
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // It has ended, or is another account's.
    }
  }
}

/** Runs Windows' Node to its end. */
export function windowsNode(args: readonly string[], options: WineOptions): Promise<Finished> {
  return windowsProgram(windowsNodeExe(options.node), args, options);
}

/** Runs a program to its end, by its name on Windows. Its standard streams are files: Node cannot open what Wine makes of a pipe of Linux. */
export async function windowsProgram(
  program: string,
  args: readonly string[],
  { cwd, prefix = machine, env, input = '', timeoutMs = 170_000 }: WineOptions,
): Promise<Finished> {
  if (!existsSync(join(prefix, 'ready'))) throw new Error(`first: tests/windows/setup.sh ${directory}`);
  const streams = tempDir('depot-streams');
  const [stdin, stdout, stderr] = ['in', 'out', 'err'].map((name) => join(streams, name));
  writeFileSync(stdin, input);
  const files = [openSync(stdin, 'r'), openSync(stdout, 'w'), openSync(stderr, 'w')];
  const child = spawn(peer('wine64') ?? missing(), [program, ...args], {
    cwd,
    env: { ...bareEnvironment(), WINEPREFIX: prefix, WINEDEBUG: '-all', ...env },
    stdio: files,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  for (const file of files) closeSync(file);
  const { code, signal } = await new Promise<Pick<Finished, 'code' | 'signal'>>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, by) => resolve({ code: status, signal: by }));
  });
  const bytes = readFileSync(stdout);
  return { code, signal, bytes, stdout: bytes.toString(), stderr: readFileSync(stderr, 'utf8') };
}

function missing(): never {
  throw new Error("wine64 is not installed: ask peer('wine64') first");
}
