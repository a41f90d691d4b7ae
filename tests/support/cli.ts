import { isAbsolute, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { busy, depotHere } from './in-process.js';
import { type Finished, run, type RunOptions } from './process.js';

/** The checkout, with a slash at its end. */
export const checkout = fileURLToPath(new URL('../../', import.meta.url));
/** What an installed `depot` starts; needs `npm run build`, which `npm test` does first. DEPOT_TEST_PROGRAM: another build of it. */
export const depotScript = process.env['DEPOT_TEST_PROGRAM'] ?? join(checkout, 'bin/depot.js');

export interface DepotOptions extends RunOptions {
  /** Added to an environment that has only PATH and a locale: no DEPOT_*, no HOME, no session bus. */
  env?: NodeJS.ProcessEnv;
  /** Arguments to node itself, such as `['--import', file]`. */
  node?: string[];
  /** Another copy of the program. */
  script?: string;
}

/** Runs the real command line in a process of its own, as a script would; a non-zero exit is a result. */
export function depot(args: readonly string[], options: DepotOptions = {}): Promise<Finished> {
  // Node on Windows takes `C:` for the scheme of a URL.
  const node = options.node?.map((word) => (isAbsolute(word) ? pathToFileURL(word).href : word)) ?? [];
  return run(process.execPath, [...node, options.script ?? depotScript, ...args], {
    ...options,
    env: bareEnvironment(options.env),
  });
}

/** Like `depot`, but in this process when nothing in the options needs one of its own. */
export function depotInside(args: readonly string[], options: DepotOptions = {}): Promise<Finished> {
  const needed = Object.keys(options).some((name) => name !== 'cwd' && name !== 'timeoutMs');
  return busy() || needed
    ? depot(args, options)
    : depotHere(args, options.cwd === undefined ? {} : { cwd: options.cwd });
}

/** For steps that must succeed, on the way to what is tested. */
export async function mustDepot(args: readonly string[], options: DepotOptions = {}): Promise<Finished> {
  const result = await depotInside(args, options);
  if (result.code !== 0)
    throw new Error(
      `depot ${args.join(' ')}: exit ${result.code ?? result.signal ?? '?'}\n${result.stderr}\n${result.stdout.slice(-2000)}`,
    );
  return result;
}

export function bareEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', NO_COLOR: '1', ...more };
}

/** What `--json` printed; the whole of stdout must be one document. */
export function json(result: Finished): JsonDocument {
  try {
    return JSON.parse(result.stdout) as JsonDocument;
  } catch {
    throw new Error(
      `stdout is not one JSON document (exit ${result.code ?? result.signal ?? '?'}):\n${result.stdout.slice(0, 2000)}\n${result.stderr.slice(-2000)}`,
    );
  }
}

/** The documented fields that the tests read, over all commands (docs/exit-codes.md). */
export interface JsonDocument {
  ok: boolean;
  error?: JsonError;
  results?: {
    arrangement: string;
    ok: boolean;
    deposit?: {
      depositId: string;
      suitcase: string;
      receiptPath: string;
      receipt: Receipt;
      run: Record<string, unknown>;
    };
    skipped?: string;
    because?: string;
    error?: JsonError;
  }[];
  result?: 'passed' | 'failed' | 'incomplete';
  checks?: { name: string; result: string; detail: string }[];
}

export interface JsonError {
  code: string;
  exit: number;
  message: string;
  hint: string;
  published: 'no' | 'yes' | 'unknown';
  depositId: string | null;
}

export interface Receipt {
  schema: string;
  depositId: string;
  arrangement: string;
  supplier: { name: string; signerFingerprint: string };
  startedAt: string;
  completedAt: string;
  suitcase: { name: string; bytes: number; sha256: string };
  encryption: {
    packet: 'SEIPDv1' | 'SEIPDv2';
    cipher: string;
    aead: string | null;
    compression: 'none' | 'gzip' | 'zstd';
    recipients: { fingerprint: string; algorithm: string }[];
  };
  keyProof: { pkesk: string; head: string; tail: string | null; plaintextOctets: number; commitment: string };
  dataset: {
    entries: number;
    bytes: number;
    skipped: Record<string, number>;
    complete: boolean;
    manifestSha256: string;
  };
  cover: { name: string; bytes: number; sha256: string };
  transfer: { remoteName: string; status: string; remoteSize: string; durability: string };
  client: { version: string; runtime: string; platform: string };
  ledger: { id: string; sequence: number; previousReceiptSha256: string | null };
}
