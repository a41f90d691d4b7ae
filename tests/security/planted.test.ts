/** What the account that pushes can leave in its own directories for root, who looks there: links to root's files, and fifos. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { depot } from '../support/cli.js';
import { installed } from '../support/installed.js';
import { asRoot } from '../support/peers.js';
import { type Finished, mustRun, run } from '../support/process.js';
import { makeKey, nowhere, Supplier } from '../support/supplier.js';

const daemon = { uid: 1, gid: 1 };
const rootsWord = 'known-to-root-alone';

describe.skipIf(!asRoot())('root is not led', () => {
  let supplier: Supplier;
  let roots: string;
  let secrets: string;
  let program: { node: string; script: string };
  beforeAll(() => {
    program = installed();
  });
  beforeEach(async () => {
    supplier = await Supplier.create(nowhere, { remote: { username: undefined, passwordFile: undefined } });
    chmodSync(supplier.directory, 0o755);
    roots = join(supplier.directory, 'roots');
    writeFileSync(roots, `${rootsWord}\n`, { mode: 0o600 });
    secrets = join(supplier.directory, 'secrets');
    rmSync(secrets, { recursive: true, force: true });
    mkdirSync(secrets, { mode: 0o700 });
    chownSync(secrets, daemon.uid, daemon.gid);
  });
  const ask = (args: string[], input?: string): Promise<Finished> =>
    depot([...args, '--config', supplier.config], { cwd: supplier.directory, ...(input !== undefined && { input }) });
  const userNameFile = (): string => join(secrets, `${nowhere.host}_${nowhere.port}.username`);

  test('by a link in the place of the stored user name', async () => {
    symlinkSync(roots, userNameFile());
    for (const args of [
      ['login', '--to', 'file', '--password-stdin', '--no-try'],
      ['schedule', 'print', 'systemd', '--at', '01:30'],
      ['doctor'],
    ]) {
      const { code, stdout, stderr } = await ask(args, 'pw\n');
      expect(code, args.join(' ')).not.toBe(0);
      expect(stdout + stderr).not.toContain(rootsWord);
      expect(stdout + stderr).toContain('though its directory is that of uid 1');
    }
    expect(readdirSync(secrets)).toEqual([`${nowhere.host}_${nowhere.port}.username`]);
  });

  test('by a link in the place of a stored password', async () => {
    writeFileSync(userNameFile(), 'acme\n', { mode: 0o600 });
    chownSync(userNameFile(), daemon.uid, daemon.gid);
    symlinkSync(roots, join(secrets, `acme@${nowhere.host}_${nowhere.port}.password`));
    const { code, stdout } = await ask(['config', 'check', '--json']);
    expect([code, stdout]).toEqual([17, expect.stringContaining('though its directory is that of uid 1')]);
    expect(stdout).not.toContain(rootsWord);
  });

  test('by a user name of several lines, which would become a file name', async () => {
    writeFileSync(userNameFile(), 'acme\nother\n', { mode: 0o600 });
    chownSync(userNameFile(), daemon.uid, daemon.gid);
    const { code, stderr } = await ask(['login', '--to', 'file', '--password-stdin', '--no-try'], 'pw\n');
    expect([code, stderr]).toEqual([17, expect.stringContaining('holds no user name')]);
  });

  test('and does not wait for ever at a fifo among the records, or in the place of a user name', async () => {
    const records = join(supplier.state, 'acme-crm');
    mkdirSync(records, { recursive: true, mode: 0o700 });
    for (const name of ['runs.ndjson', 'ledger.ndjson']) {
      const fifo = join(records, name);
      await mustRun('mkfifo', [fifo]);
      for (const args of [['status'], ['runs'], ['receipts', 'list']]) {
        const { code, signal, stdout, stderr } = await ask(args);
        expect([signal, code], args.join(' ')).not.toEqual([null, null]);
        expect(signal).toBe(null);
        if (code !== 0) expect(stdout + stderr).toMatch(/is a fifo|no deposit|never/);
      }
      rmSync(fifo);
    }
    await mustRun('mkfifo', [userNameFile()]);
    const { code, stderr } = await ask(['schedule', 'print', 'systemd', '--at', '01:30']);
    expect([code, stderr]).toEqual([5, expect.stringContaining('is a fifo')]);
  });

  test('to write keys where a link in the configuration directory points', async () => {
    const directory = join(supplier.directory, 'etc');
    const elsewhere = join(supplier.directory, 'elsewhere');
    mkdirSync(directory);
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(directory, 'keys'));
    chownSync(directory, daemon.uid, daemon.gid);
    const key = await makeKey(join(supplier.directory, 'b'), 'B', 'compat');
    const { code, stderr } = await run(
      program.node,
      [
        program.script,
        'init',
        ...['--yes', '--later', '--no-passphrase', '--user', 'daemon', '--config', join(directory, 'depot.yaml')],
        ...['--state', join(supplier.directory, 'receipts'), '--supplier', 'Acme', '--arrangement', 'acme-crm'],
        ...['--beneficiary', 'B', '--beneficiary-key', key.publicKey, '--fingerprint', key.fingerprint],
        ...['--signer-email', 'ops@acme.example', '--source', roots, '--host', 'sftp.example'],
        ...['--username', 'acme', '--directory', '/in'],
      ],
      { cwd: '/', env: { PATH: '/usr/bin:/bin' } },
    );
    expect([code, stderr]).toEqual([10, expect.stringContaining('which could replace')]);
    expect(readdirSync(elsewhere)).toEqual([]);
    expect(readFileSync(roots, 'utf8')).toContain(rootsWord);
  });
});
