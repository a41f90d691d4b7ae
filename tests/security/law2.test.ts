/** Law 2 of docs/architecture.md: no plaintext at rest. Push and verify write nowhere but into the state directory, and no plaintext there. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import { pattern } from '../support/awkward.js';
import { type Canary, canary, leaks, textCanary } from '../support/canaries.js';
import { checkout } from '../support/cli.js';
import { peer, peers } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { Supplier, type SupplierOptions } from '../support/supplier.js';
import { traced } from '../support/strace.js';

const strace = peer('strace');
const ssh = peers('sshd', 'ssh-keygen');
const ready = strace !== undefined && ssh !== undefined;
const stopAt = join(checkout, 'tests/support/preload-stop.mjs');

let server: Sshd;
beforeAll(async () => {
  if (ssh !== undefined) server = await startSshd();
});

interface Scene {
  supplier: Supplier;
  canaries: Canary[];
  /** TMPDIR of the process: empty at first. */
  temporary: string;
}

async function scene(options: SupplierOptions = {}): Promise<Scene> {
  const [contents, name, output] = ["a file's contents", "a file's name", "a command's output"].map(canary);
  const supplier = await Supplier.create(server, {
    ownProcess: true,
    dataset: [{ directory: 'data' }, { command: ['cat', 'output'], as: 'dump' }],
    ...options,
  });
  const hex = name.bytes.toString('hex');
  writeFileSync(join(supplier.data, hex), Buffer.concat([pattern(2_500_000), contents.bytes, pattern(2_500_000)]));
  for (let i = 0; i < 50; i++) writeFileSync(join(supplier.data, `${hex} ${i}`), contents.bytes);
  writeFileSync(join(supplier.directory, 'output'), Buffer.concat([pattern(1_000_000), output.bytes]));
  const temporary = join(supplier.directory, 'tmp');
  mkdirSync(temporary);
  return { supplier, temporary, canaries: [contents, output, textCanary("a file's name as text", hex), name] };
}

/** What a process may open for writing without leaving anything at rest. */
const harmless = /^(\/dev\/(null|tty|urandom|random|pts\/\d+|shm\/.*)|\/proc\/.*|(socket|pipe|anon_inode|memfd):.*)$/;

function outside(written: string[], allowed: string): string[] {
  return written.filter(
    (path) => !harmless.test(path) && path !== allowed && !resolve(path).startsWith(`${allowed}${sep}`),
  );
}

/** Every file below the directories, with its contents and its path (a name can be plaintext too). */
function* filesBelow(...directories: string[]): Generator<[string, Buffer]> {
  for (const directory of directories.filter((d) => existsSync(d))) {
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      const path = join(directory, name);
      yield [`the path ${path}`, Buffer.from(path)];
      if (statSync(path).isFile()) yield [path, readFileSync(path)];
    }
  }
}

/** Spills each piece of the dataset that comes by into a temporary file: what the law forbids. */
const spilling = {
  'seal/seal.ts': (source: string) =>
    source.replace(
      'encryptor.update(bytes);',
      "(await import('node:fs')).appendFileSync((await import('node:os')).tmpdir() + '/spill', bytes);\n    encryptor.update(bytes);",
    ),
};

describe.skipIf(!ready)('push and verify write plaintext nowhere', () => {
  test.each<[string, SupplierOptions]>([
    ['compat', {}],
    ['modern', { profile: 'modern' }],
    ['spool', { arrangement: { spool: true } }],
    ['gzip', { arrangement: { compression: 'gzip' } }],
  ])('%s: all processes of a push write into the state directory and nowhere else', async (_, options) => {
    const { supplier, temporary, canaries } = await scene(options);
    const { code, written, calls, stderr } = await traced(strace!, ['push', '--config', supplier.config], {
      cwd: supplier.directory,
      env: { TMPDIR: temporary, HOME: temporary },
    });
    expect(code, stderr).toBe(0);
    expect(calls).toBeGreaterThan(30);
    expect(written.some((path) => path.startsWith(join(supplier.state, 'acme-crm')))).toBe(true); // the trace sees writes
    expect(outside(written, supplier.state)).toEqual([]);
    expect(leaks(filesBelow(supplier.state, temporary), canaries)).toEqual([]);
  });

  test('verify writes nothing at all, also with --deep', async () => {
    const { supplier, temporary } = await scene();
    const deposit = await supplier.deposit();
    const proof = ['--receipt', deposit.receiptFile, '--signer', supplier.signerPublic, '--key', supplier.recipientKey];
    for (const args of [
      ['verify', ...proof],
      ['verify', join(server.incoming, deposit.suitcase), ...proof, '--deep'],
    ]) {
      const { code, written, calls, stdout, stderr } = await traced(strace!, args, {
        cwd: supplier.directory,
        env: { TMPDIR: temporary, HOME: temporary },
      });
      expect(code, stdout + stderr).toBe(0);
      expect(calls).toBeGreaterThan(30);
      expect(outside(written, '/nowhere')).toEqual([]);
    }
  });

  test('a dry run writes only into its state directory', async () => {
    const { supplier, temporary } = await scene();
    const { code, written, stderr } = await traced(strace!, ['push', '--dry-run', '--config', supplier.config], {
      cwd: supplier.directory,
      env: { TMPDIR: temporary, HOME: temporary },
    });
    expect(code, stderr).toBe(0);
    expect(outside(written, supplier.state)).toEqual([]);
  });

  test('control: a program that writes plaintext to a temporary file is caught, by the trace and by the search', async () => {
    const script = await alteredDepot(spilling);
    const { supplier, temporary, canaries } = await scene({ arrangement: { compression: 'none' } });
    const { code, written, stderr } = await traced(strace!, ['push', '--config', supplier.config], {
      script,
      cwd: supplier.directory,
      env: { TMPDIR: temporary, HOME: temporary },
    });
    expect(code, stderr).toBe(0);
    expect(outside(written, supplier.state)).toEqual([join(temporary, 'spill')]);
    expect(leaks(filesBelow(supplier.state, temporary), canaries).length).toBeGreaterThan(3);
  });
});

const steps = [
  'locked',
  'connected',
  'intent-written',
  'partial-created',
  'first-block-sent',
  'sealed',
  'draft-written',
  'published',
  'outcome-written',
  'receipt-filed',
  'sidecar-delivered',
  'settled',
];

describe.skipIf(ssh === undefined)('after kill -9', () => {
  test.each(steps)('at "%s", no file that is left holds plaintext', async (step) => {
    const { supplier, temporary, canaries } = await scene();
    const { signal } = await supplier.depot(['push'], {
      node: ['--import', stopAt],
      env: { DEPOT_STOP_AT: step, TMPDIR: temporary, HOME: temporary },
    });
    expect(signal).toBe('SIGKILL');
    const left = [...filesBelow(supplier.state, temporary)];
    expect(left.length).toBeGreaterThan(0);
    expect(leaks(left, canaries)).toEqual([]);
  });

  test('control: plaintext that a faulty program leaves behind is found', async () => {
    const script = await alteredDepot(spilling);
    const { supplier, temporary, canaries } = await scene({ arrangement: { compression: 'none' } });
    const { signal } = await supplier.depot(['push'], {
      script,
      node: ['--import', stopAt],
      env: { DEPOT_STOP_AT: 'sealed', TMPDIR: temporary, HOME: temporary },
    });
    expect(signal).toBe('SIGKILL');
    expect(leaks(filesBelow(supplier.state, temporary), canaries).length).toBeGreaterThan(3);
  });
});
