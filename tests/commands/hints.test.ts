/** What depot says to somebody who is stuck: what is wrong, and what to type. Nothing here needs a server. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import ssh2 from 'ssh2';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { compatReceipt } from '../state/samples.js';
import { tempDir } from '../support/cleanup.js';
import { json } from '../support/cli.js';
import { depotHere } from '../support/in-process.js';
import type { Finished } from '../support/process.js';
import { makeKey, type KeyFiles, Supplier } from '../support/supplier.js';

const nobody = {
  host: '127.0.0.1',
  port: 1,
  username: 'acme',
  password: 'x',
  remoteDirectory: '/in',
  fingerprints: [`SHA256:${'A'.repeat(43)}`],
};

async function supplied(options: Parameters<typeof Supplier.create>[1] = {}) {
  const supplier = await Supplier.create(nobody as never, options);
  writeFileSync(join(supplier.data, 'x'), 'x');
  const depot = (args: string[], o: { env?: NodeJS.ProcessEnv; input?: string } = {}): Promise<Finished> =>
    depotHere([...args, '--config', supplier.config], { cwd: supplier.directory, ...o });
  return { supplier, depot, path: (name: string) => join(supplier.directory, name) };
}

/** The first two lines of an error: what, and what to do. */
const told = ({ stderr }: Pick<Finished, 'stderr'>): string[] => stderr.split('\n').slice(0, 2);

/** ssh2 makes one now and then that neither it nor ssh-keygen can read. */
function lockedSshKey(): string {
  for (;;) {
    const { private: key } = ssh2.utils.generateKeyPairSync('ed25519', {
      passphrase: 'right',
      cipher: 'aes256-cbc',
      rounds: 1,
    });
    if (!(ssh2.utils.parseKey(key, 'right') instanceof Error)) return key;
  }
}

describe('keys and passphrases', () => {
  let at: Awaited<ReturnType<typeof supplied>>;
  let locked: KeyFiles;
  beforeAll(async () => {
    at = await supplied();
    locked = await makeKey(at.path('keys/locked'), 'Locked', 'compat', 'right');
    writeFileSync(at.path('keys/ssh'), lockedSshKey(), { mode: 0o600 });
  });
  const withSsh = { remote: { privateKey: 'keys/ssh', passwordFile: undefined, retryFor: '1s' } };
  const withLockedSigner = { top: { supplier: { name: 'Acme', signingKey: 'keys/locked.secret.asc' } } };

  test('an encrypted SSH key without a passphrase, or with a wrong one: which key, and where its passphrase is kept', async () => {
    at.supplier.writeConfig(withSsh);
    const none = await at.depot(['push']);
    expect(told(none)).toEqual([
      `depot: error: acme-crm: the SSH private key ${at.path('keys/ssh')} is encrypted, and there is no passphrase for it; nothing was published`,
      `depot: hint: store the passphrase: depot login acme-crm --for private-key --config ${at.supplier.config}`,
    ]);
    expect(none.code).toBe(17);
    const wrong = await at.depot(['push'], { env: { DEPOT_PRIVATE_KEY_PASSPHRASE: 'left' } });
    expect(told(wrong)[1]).toBe(
      `depot: hint: try the passphrase with: ssh-keygen -y -f ${at.path('keys/ssh')}; then store the right one: depot login acme-crm --for private-key --config ${at.supplier.config}`,
    );
    expect(wrong.code).toBe(17);
  });

  test('a locked signing key likewise', async () => {
    at.supplier.writeConfig(withLockedSigner);
    const none = await at.depot(['push']);
    expect(none.code).toBe(17);
    expect(told(none)[1]).toBe(
      `depot: hint: store the passphrase: depot login acme-crm --for signing-key --config ${at.supplier.config}`,
    );
    const wrong = await at.depot(['push'], { env: { DEPOT_SIGNING_KEY_PASSPHRASE: 'left' } });
    expect(wrong.code).toBe(17);
    expect(told(wrong)[1]).toBe(
      `depot: hint: store the right passphrase: depot login acme-crm --for signing-key --config ${at.supplier.config}`,
    );
  });

  test('login tries a passphrase on its key before it stores it', async () => {
    for (const [config, purpose] of [
      [withSsh, 'private-key'],
      [withLockedSigner, 'signing-key'],
    ] as const) {
      at.supplier.writeConfig(config);
      const args = ['login', 'acme-crm', '--for', purpose, '--to', 'file', '--password-stdin'];
      const wrong = await at.depot(args, { input: 'left\n' });
      expect([wrong.code, wrong.stdout], purpose).toEqual([17, '']);
      expect(told(wrong)[1]).toMatch(
        /^depot: hint: (?:run it again with the passphrase of|try the passphrase with: ssh-keygen) .*keys/,
      );
      const right = await at.depot(args, { input: 'right\n' });
      expect(right.code, right.stderr).toBe(0);
      expect(right.stdout).toContain('stored');
    }
    at.supplier.writeConfig();
    const noKey = await at.depot(['login', 'acme-crm', '--for', 'private-key', '--to', 'file', '--password-stdin'], {
      input: 'x',
    });
    expect([noKey.code, ...told(noKey)]).toEqual([
      2,
      'depot: error: acme-crm logs in without an SSH key',
      'depot: hint: put remote.privateKey into depot.yaml first',
    ]);
  });

  test('signingKey names the public key: that is said, and nobody is told to run chmod on it', async () => {
    at.supplier.writeConfig({ top: { supplier: { name: 'Acme', signingKey: 'keys/supplier.public.asc' } } });
    const { code, stderr } = await at.depot(['push']);
    expect(code).toBe(20);
    expect(stderr).toContain('holds a public key');
    expect(stderr).toMatch(/hint: name the file with the secret key/);
    expect(stderr).not.toContain('chmod');
  });

  test('the passphrase of a private key: missing or wrong, and not asked for a suitcase that is not there', async () => {
    const suitcase = at.path('s.tar.pgp');
    const { publicKey } = locked;
    const encryptionKeys = (await openpgp.readKey({ armoredKey: readFileSync(publicKey, 'utf8') })).toPublic();
    const message = (await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: new Uint8Array(2000) }),
      encryptionKeys,
      format: 'binary',
    })) as Uint8Array;
    writeFileSync(suitcase, message);
    const args = ['decrypt', suitcase, '--key', locked.secretKey, '--out', at.path('out')];
    expect(told(await at.depot(args))[1]).toBe('depot: hint: add --passphrase-file FILE, or set DEPOT_PASSPHRASE_FILE');
    expect(told(await at.depot(args, { env: { DEPOT_PASSPHRASE: 'left' } }))[1]).toMatch(
      /^depot: hint: run it again with the passphrase of this very key/,
    );
    rmSync(suitcase);
    for (const command of [args, ['verify', suitcase, '--key', locked.secretKey]]) {
      const gone = await at.depot(command);
      expect([gone.code, told(gone)[0]]).toEqual([5, `depot: error: cannot read ${suitcase}: there is no such file`]);
    }
    writeFileSync(suitcase, message.subarray(0, 1500));
    const cut = await at.supplier.depot(args, { env: { DEPOT_PASSPHRASE: 'right' } });
    expect(cut.code, cut.stderr).toBe(21);
    expect(told(cut)[1]).toMatch(/^depot: hint: fetch the suitcase again; .*SHA-256/);
    const verified = await at.depot(['verify', suitcase]);
    expect(verified.code).toBe(21);
    expect(verified.stderr).toMatch(/^depot: hint: do not use what failed; fetch it again/m);
  });

  test('a beneficiary who mixes up files hears which file is which', async () => {
    const { publicKey, secretKey } = at.supplier.recipient;
    const receipt = at.path('r.receipt.json');
    writeFileSync(receipt, receiptBytes(compatReceipt()));
    const args = ['verify', '--receipt', receipt, '--signer', at.supplier.signerPublic, '--key', secretKey];
    const unsigned = await at.depot(args);
    expect([unsigned.code, told(unsigned)[1]]).toEqual([
      5,
      'depot: hint: put the signature beside the receipt (whoever sent the one has the other), or name it with --signature FILE',
    ]);
    writeFileSync(`${receipt}.asc`, 'x');
    writeFileSync(at.path('letter.html'), '<!doctype html>');
    const letter = await at.depot(args.map((arg) => (arg === at.supplier.signerPublic ? at.path('letter.html') : arg)));
    expect([letter.code, ...told(letter)]).toEqual([
      20,
      `depot: error: ${at.path('letter.html')}: key not readable: no OpenPGP data in it`,
      "depot: hint: name the supplier's public key, such as signer.public.asc of the kit: --signer FILE",
    ]);
    const swapped = await at.depot(args.map((arg) => (arg === secretKey ? publicKey : arg)));
    expect([swapped.code, ...told(swapped)]).toEqual([
      20,
      `depot: error: ${publicKey}: key ${at.supplier.recipient.fingerprint} is a public key, where a private key was expected`,
      'depot: hint: name the file of your private key, such as private.secret.asc: --key FILE',
    ]);
  });

  test('another SHA-256 at the agent: nobody is told to fetch what is in order', async () => {
    const receipt = at.path('agent.receipt.json');
    writeFileSync(receipt, receiptBytes(compatReceipt()));
    const said = await at.depot(['verify', '--receipt', receipt, '--no-signature', '--agent-sha256', '0'.repeat(64)]);
    expect(said.code).toBe(21);
    expect(said.stderr).toMatch(/^depot: hint: ask the agent of which file that is the SHA-256/m);
    expect(said.stderr).not.toContain('fetch it again');
  });

  test('a receipt that is wrong, with no suitcase at hand: nobody is told to fetch one', async () => {
    const receipt = at.path('forged.receipt.json');
    writeFileSync(receipt, receiptBytes(compatReceipt()));
    const signingKeys = await openpgp.readPrivateKey({
      armoredKey: readFileSync(at.supplier.recipient.secretKey, 'utf8'),
    });
    const signature = await openpgp.sign({
      message: await openpgp.createMessage({ binary: new Uint8Array(receiptBytes(compatReceipt())) }),
      signingKeys,
      detached: true,
    });
    writeFileSync(`${receipt}.asc`, signature as string);
    const said = await at.depot(['verify', '--receipt', receipt, '--signer', at.supplier.signerPublic]);
    expect([said.code, told(said)[0]]).toEqual([
      21,
      'depot: hint: do not rely on this receipt: have the supplier send it again, and read out the fingerprint of its key by telephone',
    ]);
  });

  test('key show names the parts of a key as a suitcase does', async () => {
    const shown = await at.depot(['key', 'show', locked.publicKey]);
    expect(shown.stdout).toMatch(/^subkey {5}(?:[0-9A-F]{4} ){9}[0-9A-F]{4}, Curve25519, for encryption$/m);
    const { subkeys } = JSON.parse((await at.depot(['key', 'show', locked.publicKey, '--json'])).stdout) as {
      subkeys: { fingerprint: string; keyId: string; uses: string[]; revoked: boolean }[];
    };
    expect(subkeys).toMatchObject([{ algorithm: 'Curve25519', uses: ['encryption'], revoked: false, expiresAt: null }]);
    expect(subkeys[0].fingerprint.endsWith(subkeys[0].keyId)).toBe(true);
  });

  test('key show names the file that is no key', async () => {
    writeFileSync(at.path('no-key'), 'root:x:0:0\n');
    const { code, stderr } = await at.depot(['key', 'show', at.path('no-key')]);
    expect(code).toBe(20);
    expect(stderr).toContain(`depot: error: ${at.path('no-key')}: `);
    expect(stderr).toContain('depot: hint: name an OpenPGP key file');
  });

  test("a secret key is nobody's public key, wherever a recipient's key is read", async () => {
    const { secretKey, publicKey, fingerprint } = at.supplier.recipient;
    const hint = `depot: hint: ask the beneficiary for its public key, and delete this one: nobody should have sent it; or, where you made the key for it, give the .public.asc, such as ${publicKey}`;
    at.supplier.writeConfig();
    const added = await at.depot(['key', 'add', 'acme-crm', secretKey, '--fingerprint', fingerprint]);
    expect([added.code, ...told(added)]).toEqual([
      20,
      `depot: error: ${secretKey} holds a secret key, where the beneficiary's public key is expected`,
      hint,
    ]);
    const made = await depotHere(['init', '--yes', '--later', '--beneficiary-key', secretKey], { cwd: tempDir() });
    expect([made.code, told(made)[1]]).toEqual([20, hint]);
    writeFileSync(
      at.supplier.config,
      readFileSync(at.supplier.config, 'utf8').replace(
        /keys\/[^"'\s,}]*\.public\.asc|[^"'\s,{]*\/[^"'\s,}]*\.public\.asc/g,
        secretKey,
      ),
    );
    const pushed = await at.depot(['push']);
    expect([pushed.code, told(pushed)[1]], pushed.stderr).toEqual([20, hint]);
    expect(pushed.stderr).toContain('nothing was published');
  });

  test('key add says whether its lines are added or replace', async () => {
    at.supplier.writeConfig();
    const { stdout } = await at.depot([
      'key',
      'add',
      'acme-crm',
      locked.publicKey,
      '--fingerprint',
      locked.fingerprint,
    ]);
    expect(stdout).toContain('Put this entry into the list beneficiaries: of acme-crm in');
    expect(stdout).toContain(
      'beside those that are there for one more recipient, or in place of the key that it replaces',
    );
    expect(stdout).not.toMatch(/^ *beneficiaries:$/m);
  });
});

describe('the command line', () => {
  test.each([
    [['psh', '--help'], 'unknown command "psh"', 'check the spelling: did you mean push?'],
    [['help', 'psh'], 'unknown command "psh"', 'check the spelling: did you mean push?'],
    [['key', 'gen'], 'unknown command "gen"', 'check the spelling: did you mean generate?'],
    [['key', 'gen', '--help'], 'unknown command "gen"', 'check the spelling: did you mean generate?'],
    [['key', 'zzz'], 'unknown command "zzz"', 'see the commands: depot key --help'],
    [
      ['schedule', 'print', 'cronn'],
      'the kind of schedule is one of systemd, cron, windows, not "cronn"',
      'check the spelling: did you mean cron?',
    ],
    [
      ['verify', 'x', '--agent-sha256', 'abc'],
      '--agent-sha256 is a SHA-256 of 64 hexadecimal digits, not "abc"',
      'give all 64 digits, as sha256sum FILE prints them',
    ],
    [
      ['receipts', 'list', '--from', '2026-11-02', '--to', '2026-11-01'],
      '--from 2026-11-02 is after --to 2026-11-01',
      'swap the two',
    ],
    [['init', 'acme', 'crm'], 'depot init takes no argument: "acme", "crm"', 'see its options: depot init --help'],
    [
      ['key', 'show', 'a.asc', 'b.asc'],
      'depot key show takes no further argument: "b.asc"',
      'see its options: depot key show --help',
    ],
    [
      ['receipts', 'note', 'x', '--destroyed', 'yesterday'],
      '--destroyed is a date like 2026-11-22, not "yesterday"',
      'write the day in digits: --destroyed 2026-11-22',
    ],
    [
      ['verify', 'x.receipt.json'],
      'x.receipt.json is a receipt by its name, and stands where the suitcase is expected',
      'give it with --receipt: depot verify --receipt x.receipt.json --signer FILE',
    ],
    [
      ['verify', '--receipt', 'x.tar.pgp'],
      '--receipt x.tar.pgp: that is a suitcase by its name',
      'swap the two: depot verify x.tar.pgp --receipt <id>.receipt.json --signer FILE',
    ],
    [
      ['verify', 'x; id.receipt.json'],
      'x; id.receipt.json is a receipt by its name, and stands where the suitcase is expected',
      "give it with --receipt: depot verify --receipt 'x; id.receipt.json' --signer FILE",
    ],
    [
      ['verify', '--receipt', "$(id)'.pgp"],
      "--receipt $(id)'.pgp: that is a suitcase by its name",
      "swap the two: depot verify '$(id)'\\''.pgp' --receipt <id>.receipt.json --signer FILE",
    ],
    [
      ['verify', '--receipt', 'x.receipt.json.asc'],
      '--receipt x.receipt.json.asc: that is the signature by its name',
      'name the receipt: --receipt x.receipt.json',
    ],
  ])('%j is refused with what was meant', async (args, what, hint) => {
    const { code, stdout, stderr } = await depotHere(args, { cwd: tempDir() });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toBe(`depot: error: ${what}\n${hint === '' ? '' : `depot: hint: ${hint}\n`}`);
  });

  test('a directory with an odd name is quoted where it is to be looked at', async () => {
    expect(told(await depotHere(['verify', '/none `id`/x.tar.pgp']))).toEqual([
      'depot: error: cannot read /none `id`/x.tar.pgp: there is no such file',
      "depot: hint: look what is there: ls -l '/none `id`'",
    ]);
  });

  test('help of what there is still works', async () => {
    for (const args of [
      ['push', '--help'],
      ['help', 'push'],
      ['key', 'generate', '--help'],
      ['key', '--help'],
      ['--help', 'push'],
      ['--config', 'x', '--help'],
    ]) {
      const { code, stdout } = await depotHere(args);
      expect([code, stdout.slice(0, 12)], args.join(' ')).toEqual([0, 'Usage: depot']);
    }
  });

  test('a suitcase under the name of a receipt is recognised', async () => {
    const { supplier, depot, path } = await supplied();
    writeFileSync(path('r.json'), Buffer.from('c15e03', 'hex'));
    const { code, stdout } = await depot(['verify', '--receipt', path('r.json'), '--signer', supplier.signerPublic]);
    expect(code).toBe(21);
    expect(stdout).toContain(
      'r.json is OpenPGP data, such as a suitcase or a signature, and no receipt; name the file <id>.receipt.json',
    );
  });

  test('receipts show wants an id, and an arrangement is none', async () => {
    const { supplier, depot } = await supplied();
    for (const [given, is] of [
      ['acme-crm', 'an arrangement, and no'],
      ['acme', 'no'],
    ]) {
      const result = await depot(['receipts', 'show', given]);
      expect([result.code, ...told(result)]).toEqual([
        2,
        `depot: error: "${given}" is ${is} deposit id`,
        `depot: hint: look for the id of the deposit: depot receipts list acme-crm --config ${supplier.config}`,
      ]);
    }
  });

  test('one of several arrangements has to be named, and --all is offered only where there is one', async () => {
    const { supplier, depot } = await supplied();
    const config = parse(readFileSync(supplier.config, 'utf8')) as { arrangements: Record<string, unknown> };
    writeFileSync(
      supplier.config,
      JSON.stringify({ ...config, arrangements: { ...config.arrangements, other: config.arrangements['acme-crm'] } }),
    );
    for (const [args, more] of [
      [['push'], '; or take --all'],
      [['login'], ''],
      [['trust'], ''],
      [['kit', '--out', 'kit'], ''],
    ] as const) {
      const result = await depot([...args]);
      expect([result.code, ...told(result)], args.join(' ')).toEqual([
        2,
        `depot: error: ${supplier.config} has 2 arrangements`,
        `depot: hint: name one of: acme-crm, other${more}`,
      ]);
    }
  });

  test('receipts verify --against a directory that is not there', async () => {
    const { supplier, depot } = await supplied();
    const gone = join(supplier.directory, 'gone');
    const result = await depot(['receipts', 'verify', '--against', gone]);
    expect([result.code, ...told(result)]).toEqual([
      5,
      `depot: error: --against ${gone}: there is no such directory`,
      'depot: hint: name the directory with the receipts that others hold',
    ]);
  });

  test('--json and --quiet together are the document, and no more, whatever the command', async () => {
    const { supplier, depot } = await supplied();
    mkdirSync(supplier.state, { recursive: true });
    for (const args of [
      ['status'],
      ['receipts', 'list'],
      ['key', 'show', supplier.signerPublic],
      ['schedule', 'print', 'cron', '--at', '01:30'],
    ]) {
      const { code, stdout, stderr } = await depot([...args, '--json', '--quiet']);
      expect([code, stderr], args.join(' ') + stdout).toEqual([0, '']);
      expect(JSON.parse(stdout), args.join(' ')).toMatchObject({ ok: true });
      expect((await depot([...args, '--quiet'])).stdout, args.join(' ')).toBe('');
    }
    const dryRun = await supplier.depot(['push', '--dry-run', '--json', '--quiet']);
    expect(dryRun.stderr).toBe('');
    expect(json(dryRun)).toMatchObject({ ok: true, results: [{ ok: true }] });
  });
});
