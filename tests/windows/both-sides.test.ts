/** A supplier with Windows and a beneficiary with Linux, and the other way round: the packed program, a real sshd, stock tools. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { stockLines } from '../../src/receipt/shell-lines.js';
import { tempDir } from '../support/cleanup.js';
import { json, type JsonDocument } from '../support/cli.js';
import { Gnupg } from '../support/gnupg.js';
import { mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type KeyFiles, makeKey, Supplier } from '../support/supplier.js';
import { differences } from '../support/tree.js';
import { driveC, windowsDir, windowsPath } from '../support/wine.js';
import { WindowsMachine } from './supplier.js';

const nobody = 65_534;
let windows: WindowsMachine;
let server: Sshd;
let beneficiary: KeyFiles;
let deposit: NonNullable<NonNullable<JsonDocument['results']>[number]['deposit']>;

beforeAll(async () => {
  windows = new WindowsMachine();
  server = await startSshd({ login: 'password' });
  beneficiary = await makeKey(join(tempDir(), 'private'), 'Gemeente Voorbeeld', 'compat');
}, 300_000);

describe('a supplier with Windows', () => {
  test('makes a key, and sets everything up with flags', async () => {
    const made = JSON.parse(
      (
        await windows.must([
          ...['key', 'generate', 'signer', '--name', 'Acme SaaS B.V.', '--email', 'ops@acme.example'],
          ...['--out', windows.path('keys', 'supplier'), '--no-passphrase', '--json'],
        ])
      ).stdout,
    ) as { publicKey: string; fingerprint: string };
    expect(made.publicKey).toBe(windows.path('keys', 'supplier.public.asc'));

    windows.write('export/customers.csv', 'id;name\r\n'.repeat(20_000));
    windows.write('export/2026/invoices 1.csv', 'id;cents\r\n1;995\r\n');
    windows.write('export/2026/empty', '');
    copyFileSync(beneficiary.publicKey, join(windows.directory, 'voorbeeld.asc'));
    const set = await windows.must([
      ...['init', '--yes', '--later', '--config', windows.path('depot.yaml'), '--state', windows.path('state')],
      ...['--supplier', 'Acme SaaS B.V.', '--signer-email', 'ops@acme.example', '--arrangement', 'acme-crm'],
      ...['--beneficiary', 'Gemeente Voorbeeld', '--beneficiary-key', windows.path('voorbeeld.asc')],
      ...['--fingerprint', beneficiary.fingerprint, '--source', windows.path('export'), '--no-passphrase'],
      ...['--host', server.host, '--port', String(server.port), '--username', server.username],
      ...['--directory', server.remoteDirectory, '--every', '24h', '--json'],
    ]);
    expect(JSON.parse(set.stdout)).toMatchObject({ signer: { fingerprint: made.fingerprint } });
  });

  test('compares the host key, and stores the password', async () => {
    const [fingerprint] = server.fingerprints;
    await windows.must(['trust', 'acme-crm', '--fingerprint', fingerprint]);
    await windows.must(['login', 'acme-crm', '--to', 'file', '--password-stdin'], { input: `${server.password}\r\n` });
    const doctor = await windows.must(['doctor', 'acme-crm', '--write-test', '--json']);
    expect(json(doctor).ok).toBe(true);
    expect(server.names()).toEqual([]);
  });

  test('deposits a directory, a file, what a command prints and what another program makes', async () => {
    windows.write('dump.bin', Buffer.alloc(3_000_000, 'dump'));
    const config = parse(readFileSync(join(windows.directory, 'depot.yaml'), 'utf8')) as Config;
    const copied = windows.path('stage.bak');
    config.arrangements['acme-crm'].dataset.push(
      { file: windows.path('dump.bin') },
      { command: ['cmd', '/d', '/c', `echo id;name& type ${windows.path('dump.bin')}`], as: 'printed.txt' },
      {
        prepare: ['cmd', '/d', '/c', 'copy', windows.path('dump.bin'), copied],
        file: copied,
        cleanup: ['cmd', '/d', '/c', 'del', copied],
      },
    );
    // As an editor there saves it.
    windows.write('depot.yaml', `\ufeff${stringify(config).replaceAll('\n', '\r\n')}`);
    const pushed = json(await windows.must(['push', '--rehearse', '--json']));
    deposit = pushed.results![0].deposit!;
    expect(deposit.receipt.client.platform).toMatch(/^win32/);
    expect(existsSync(join(windows.directory, 'stage.bak'))).toBe(false);
    expect(server.names()).toContain(deposit.suitcase);
  });

  test('reads its receipts, its status, a report, and what schedules the next deposit', async () => {
    const receipts = json(await windows.must(['receipts', 'list', '--json']));
    expect(JSON.stringify(receipts)).toContain(deposit.depositId);
    await windows.must(['receipts', 'verify']);
    const status = await windows.must(['status', '--json']);
    expect(status.stdout).toContain(deposit.depositId);
    await windows.must(['report', '--out', windows.path('report.html')]);
    expect(readFileSync(join(windows.directory, 'report.html'), 'utf8')).toContain(deposit.depositId);
    const { stdout } = await windows.must(['schedule', 'print', 'windows', '--at', '01:30', '--user', 'ACME\\depot']);
    expect(stdout).toContain('<Task version="1.2"');
    expect(stdout).toContain(windows.path('depot.yaml'));
  });

  test('is checked and opened on Windows', async () => {
    const suitcase = join(windows.directory, deposit.suitcase);
    copyFileSync(join(server.incoming, deposit.suitcase), suitcase);
    copyFileSync(beneficiary.secretKey, join(windows.directory, 'private.asc'));
    const proof = [
      ...['--receipt', deposit.receiptPath, '--signer', windows.path('keys', 'supplier.public.asc')],
      ...['--key', windows.path('private.asc')],
    ];
    await windows.must(['verify', ...proof]);
    const verified = json(await windows.must(['verify', windowsPath(suitcase), ...proof, '--deep', '--json']));
    expect(verified).toMatchObject({ ok: true, result: 'passed' });
    await windows.must(['decrypt', windowsPath(suitcase), ...proof, '--out', windows.path('opened')]);
    await same(join(windows.directory, 'opened/data'));
  });

  test('does not take a gpg.exe that lies beside the suitcase for GnuPG', async () => {
    const folder = windowsDir('brought');
    copyFileSync(join(server.incoming, deposit.suitcase), join(folder, deposit.suitcase));
    copyFileSync(join(driveC, 'windows/system32/whoami.exe'), join(folder, 'gpg.exe'));
    const { code, stderr } = await windows.depot(['decrypt', deposit.suitcase, '--gpg', '--out', 'opened'], {
      cwd: folder,
    });
    expect(stderr).toContain('gpg could not be started: no such command');
    expect(code).toBe(5);
  });

  test('is opened on Linux by an ordinary account, with gpg and tar', async () => {
    const desk = tempDir('depot-desk');
    const gpg = Gnupg.create();
    await gpg.import(readFileSync(beneficiary.secretKey));
    await gpg.import(readFileSync(join(windows.directory, 'keys/supplier.public.asc')));
    writeFileSync(join(gpg.home, 'gpg.conf'), 'batch\ntrust-model always\n');
    for (const name of server.names().filter((n) => n.startsWith(deposit.depositId)))
      copyFileSync(join(server.incoming, name), join(desk, name));
    cpSync(join(windows.directory, 'export'), join(desk, 'expected'), { recursive: true, preserveTimestamps: true });
    await mustRun('chown', ['-R', `${nobody}:${nobody}`, desk, gpg.home]);
    const asNobody = (lines: string) =>
      mustRun('setpriv', [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', 'bash', '-c', lines], {
        cwd: desk,
        env: gpg.env,
      });
    await asNobody(stockLines(deposit.receipt, 'gpg', deposit.receipt.supplier.signerFingerprint));
    await asNobody('diff -r expected new/data/export');
    await asNobody('cat new/data/printed.txt.part-* > new/data/printed.txt');
    await same(join(desk, 'new/data'));
  });

  test('deposits with Node 20 as well, which opens what 22 deposited', async () => {
    const suitcase = windowsPath(join(server.incoming, deposit.suitcase));
    const key = ['--key', windowsPath(beneficiary.secretKey)];
    await windows.must(['decrypt', suitcase, ...key, '--out', windows.path('opened-20')], { node: 20 });
    await same(join(windows.directory, 'opened-20/data'));
    const pushed = json(await windows.must(['push', '--json'], { node: 20 }));
    const { suitcase: later, receiptPath } = pushed.results![0].deposit!;
    const proof = ['--receipt', receiptPath, '--signer', windows.path('keys', 'supplier.public.asc'), ...key];
    await windows.must(['verify', windowsPath(join(server.incoming, later)), ...proof, '--deep'], { node: 20 });
    await windows.must(['receipts', 'verify']);
  });
});

test('what a supplier with Linux deposits is checked and opened on Windows', async () => {
  const supplier = await Supplier.create(server, { login: 'password' });
  makeSmallTree(supplier.data);
  const made = await supplier.deposit();
  const out = windowsDir();
  const args = [
    ...[windowsPath(join(server.incoming, made.suitcase)), '--receipt', windowsPath(made.receiptFile)],
    ...['--signer', windowsPath(supplier.signerPublic), '--key', windowsPath(supplier.recipientKey)],
  ];
  expect(json(await windows.must(['verify', ...args, '--deep', '--json']))).toMatchObject({
    ok: true,
    result: 'passed',
  });
  await windows.must(['decrypt', ...args, '--out', windowsPath(join(out, 'opened'))]);
  expect(await differences(supplier.data, join(out, 'opened/data/data'), { ignore: ['mode'] })).toEqual([]);
});

test('names that Windows does not tell apart, or does not take, come out under others', async () => {
  const supplier = await Supplier.create(server, { login: 'password' });
  const contents = {
    README: 'one',
    Readme: 'two',
    'notes.': 'three',
    'a:b': 'four',
    con: 'five',
    'Docs/x': 'six',
    'docs/x': 'seven',
  };
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(supplier.data, name)), { recursive: true });
    writeFileSync(join(supplier.data, name), text);
  }
  const made = await supplier.deposit();
  const out = join(windowsDir(), 'opened');
  const { stderr } = await windows.must([
    ...['decrypt', windowsPath(join(server.incoming, made.suitcase)), '--receipt', windowsPath(made.receiptFile)],
    ...[
      '--signer',
      windowsPath(supplier.signerPublic),
      '--key',
      windowsPath(supplier.recipientKey),
      '--out',
      windowsPath(out),
    ],
  ]);
  const read = (name: string): string => readFileSync(join(out, 'data/data', name), 'utf8');
  expect(['README', 'Readme~2', 'notes%2E', 'a%3Ab', '%63on', 'Docs/x', 'docs~2/x'].map(read)).toEqual(
    Object.values(contents),
  );
  const notes = readFileSync(join(out, 'NOT-AS-IN-THE-ARCHIVE.txt'), 'utf8').trimEnd().split('\n');
  expect(notes.sort()).toEqual(
    ['Readme as Readme~2', 'a:b as a%3Ab', 'con as %63on', 'docs as docs~2', 'notes. as notes%2E']
      .map((what) => `saved under another name: data/data/${what}`)
      .sort(),
  );
  for (const note of notes) expect(stderr).toContain(note);
});

test('the demo runs', async () => {
  const { stdout } = await windows.must(['demo'], { timeoutMs: 280_000 });
  expect(stdout).toMatch(/^compared /m);
  expect(stdout).toMatch(/^cleaned /m);
}, 300_000);

/** Names, sizes and times that every system keeps. */
function makeSmallTree(directory: string): void {
  mkdirSync(join(directory, 'müller & søn', 'a b'), { recursive: true });
  writeFileSync(join(directory, 'müller & søn', 'a b', 'ü.csv'), 'id;name\n'.repeat(50_000));
  writeFileSync(join(directory, 'big'), Buffer.alloc(5_000_000, 'big'));
  writeFileSync(join(directory, 'empty'), '');
}

interface Config {
  arrangements: Record<string, { dataset: Record<string, unknown>[] }>;
}

/** What came out is what was deposited; modes apart, which Windows does not know. */
async function same(directory: string): Promise<void> {
  expect(await differences(join(windows.directory, 'export'), join(directory, 'export'), { ignore: ['mode'] })).toEqual(
    [],
  );
  const dump = readFileSync(join(windows.directory, 'dump.bin'));
  expect(readFileSync(join(directory, 'dump.bin')).equals(dump)).toBe(true);
  expect(readFileSync(join(directory, 'stage.bak')).equals(dump)).toBe(true);
  expect(readFileSync(join(directory, 'printed.txt')).equals(Buffer.concat([Buffer.from('id;name\r\n'), dump]))).toBe(
    true,
  );
}
