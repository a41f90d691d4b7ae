import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';

/** A program of others that knows version 6 keys and SEIPDv2. Keys are armoured. */
export interface Rfc9580Peer {
  name: string;
  /** A secret key of its own making. */
  generate(): Promise<string>;
  certificate(secretKey: string): Promise<string>;
  encrypt(plain: Uint8Array, certificates: string[]): Promise<Buffer>;
  decrypt(message: Uint8Array, secretKey: string, passphrase?: string): Promise<Buffer>;
}

function file(content: string): string {
  const path = join(tempDir('rfc9580'), 'key.asc');
  writeFileSync(path, content);
  return path;
}

/** rPGP behind the stateless OpenPGP interface (crates.io: rsop). */
export function rsop(): Rfc9580Peer | undefined {
  const program = peer('rsop');
  if (program === undefined) return undefined;
  const call = async (args: string[], input: Uint8Array | string = ''): Promise<Buffer> =>
    (await mustRun(program, args, { input })).bytes;
  return {
    name: 'rPGP',
    generate: async () => (await call(['generate-key', '--profile=rfc9580', 'rsop <rsop@example.org>'])).toString(),
    certificate: async (secretKey) => (await call(['extract-cert'], secretKey)).toString(),
    encrypt: (plain, certificates) => call(['encrypt', '--no-armor', ...certificates.map(file)], plain),
    decrypt: (message, secretKey, passphrase) =>
      call(
        ['decrypt', ...(passphrase === undefined ? [] : [`--with-key-password=${file(passphrase)}`]), file(secretKey)],
        message,
      ),
  };
}

/** Sequoia 2 behind its Python package (PyPI: pysequoia): a second opinion where it is installed, never required. */
export function sequoia2(): Rfc9580Peer | undefined {
  if (spawnSync('python3', ['-c', 'import pysequoia']).status !== 0) return undefined;
  const script = new URL('sequoia.py', import.meta.url).pathname;
  const call = async (args: string[], input: Uint8Array | string = ''): Promise<Buffer> =>
    (await mustRun('python3', [script, ...args], { input })).bytes;
  return {
    name: 'Sequoia 2',
    generate: async () => (await call(['generate'])).toString(),
    certificate: async (secretKey) => (await call(['certificate', file(secretKey)])).toString(),
    encrypt: (plain, certificates) => call(['encrypt', ...certificates.map(file)], plain),
    decrypt: (message, secretKey, passphrase) =>
      call(['decrypt', file(secretKey), ...(passphrase === undefined ? [] : [passphrase])], message),
  };
}
