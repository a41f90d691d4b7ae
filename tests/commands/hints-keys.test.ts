/** What depot says to somebody who is stuck with a key, a passphrase or a receipt. Nothing here needs a server. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import ssh2 from 'ssh2';
import { beforeAll, describe, expect, test } from 'vitest';
import { receiptBytes } from '../../src/receipt/canonical.js';
import { compatReceipt } from '../state/samples.js';
import { tempDir } from '../support/cleanup.js';
import { depotHere } from '../support/in-process.js';
import { makeKey, type KeyFiles } from '../support/supplier.js';
import { supplied, told } from './supplied.js';

/** Tries until it works: now and then ssh2 makes a key that neither it nor ssh-keygen can read. */
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

describe('keys, passphrases and receipts', () => {
  let at: Awaited<ReturnType<typeof supplied>>;
  let locked: KeyFiles;
  beforeAll(async () => {
    at = await supplied();
    locked = await makeKey(at.path('keys/locked'), 'Locked', 'compat', 'right');
    writeFileSync(at.path('keys/ssh'), lockedSshKey(), { mode: 0o600 });
  });
  const withSsh = { remote: { privateKey: 'keys/ssh', passwordFile: undefined, retryFor: '1s' } };
  const withLockedSigner = { top: { supplier: { name: 'Acme', signingKey: 'keys/locked.secret.asc' } } };

  test('if the passphrase of an SSH key is missing or wrong, depot names the key and the command that stores the passphrase', async () => {
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

  test('an SSH key that is not there is named with the line that names it, also for a jump host', async () => {
    const pin = `SHA256:${'A'.repeat(43)}`;
    const jump = { host: '127.0.0.1', port: 1, username: 'u', hostKey: pin };
    const gone = async (remote: Record<string, unknown>): Promise<string[]> => {
      at.supplier.writeConfig({ remote: { passwordFile: undefined, retryFor: '1s', ...remote } });
      const pushed = await at.depot(['push']);
      expect(pushed.code, pushed.stderr).toBe(17);
      return told(pushed);
    };
    const names = (where: string): string =>
      `depot: error: acme-crm: ${where} names the SSH key ${at.path('keys/gone')}, which does not exist; nothing was published`;
    expect(await gone({ privateKey: 'keys/gone' })).toEqual([
      names('remote.privateKey'),
      'depot: hint: correct remote.privateKey in depot.yaml',
    ]);
    expect(await gone({ proxyJump: { ...jump, privateKey: 'keys/gone' } })).toEqual([
      names('remote.proxyJump.privateKey'),
      'depot: hint: correct remote.proxyJump.privateKey in depot.yaml',
    ]);
    const file = at.path('ssh_config');
    const lines = `Host other\n  IdentityFile /keys/other\nHost hop\n  HostName 127.0.0.1\n  User u\n  IdentityFile ${at.path('keys/gone')}\n`;
    writeFileSync(file, `${lines}Host *\n  Port 1\n`, { mode: 0o600 });
    const alias = { host: 'hop', port: 1, sshConfig: 'ssh_config' };
    expect(await gone(alias)).toEqual([
      names(`${file}:6`),
      'depot: hint: name another there, or in remote.privateKey of depot.yaml',
    ]);
    writeFileSync(file, `${lines}Host server\n  HostName 127.0.0.1\n  Port 1\n  ProxyJump hop\n`, { mode: 0o600 });
    expect(await gone({ ...alias, host: 'server' })).toEqual([
      names(`${file}:6`),
      'depot: hint: name another there, or in remote.proxyJump.privateKey of depot.yaml',
    ]);
  });

  test('a name that ssh_config knows is told apart from one that only lacks a user name', async () => {
    const home = tempDir('home');
    mkdirSync(join(home, '.ssh'));
    writeFileSync(join(home, '.ssh', 'config'), 'Host *\n  Port 1\nHost escrow es?\n  User acme\n', { mode: 0o600 });
    for (const [host, more] of [
      ['escrow', '\ndepot: hint: or set sshConfig: true, since ~/.ssh/config names escrow'],
      ['other.example', ''],
    ]) {
      at.supplier.writeConfig({ remote: { host, port: undefined, username: undefined } });
      const { stderr } = await at.supplier.depot(['push'], { env: { HOME: home } });
      expect(stderr.trimEnd().split('\n').slice(1).join('\n')).toBe(
        `depot: hint: set remote.username in depot.yaml, or run: depot login acme-crm --username U --config ${at.supplier.config}${more}`,
      );
    }
  });

  test('a public key in the place of the private one is named as that, whoever may read it', async () => {
    const { public: line } = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
    writeFileSync(at.path('keys/id.pub'), `${line}\n`, { mode: 0o644 });
    at.supplier.writeConfig({ remote: { ...withSsh.remote, privateKey: 'keys/id.pub' } });
    const [error, hint] = told(await at.depot(['push']));
    expect(error).toContain('keys/id.pub is a public key');
    expect(hint).toMatch(/^depot: hint: name the private key in remote\.privateKey/);
  });

  test.skipIf(process.platform === 'win32')('an SSH key may come through a pipe, which is read once', () => {
    at.supplier.writeConfig({ remote: { ...withSsh.remote, privateKey: '/dev/stdin' } });
    const push = `"${process.execPath}" bin/depot.js push --config "${at.supplier.config}"`;
    const line = `cat "${at.path('keys/ssh')}" | ${push} 2>&1; echo "exit $?"`;
    expect(execFileSync('sh', ['-c', line], { encoding: 'utf8' })).toMatch(
      /the SSH private key \/dev\/stdin is encrypted, and there is no passphrase for it[^]*exit 17/,
    );
  });

  test('if the passphrase of the signing key is missing or wrong, depot names the command that stores it', async () => {
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
      'depot: hint: set remote.privateKey in depot.yaml first',
    ]);
  });

  test('if signingKey is the public key, the hint is to name the secret key, not to run chmod', async () => {
    at.supplier.writeConfig({ top: { supplier: { name: 'Acme', signingKey: 'keys/supplier.public.asc' } } });
    const { code, stderr } = await at.depot(['push']);
    expect(code).toBe(20);
    expect(stderr).toContain('holds a public key');
    expect(stderr).toMatch(/hint: name the file with the secret key/);
    expect(stderr).not.toContain('chmod');
  });

  test('decrypt says whether the passphrase is missing or wrong, or the suitcase is gone or damaged', async () => {
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
      /^depot: hint: run it again with the passphrase of this key/,
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
    expect(verified.stderr).toMatch(/^depot: hint: do not use this file; fetch it again/m);
  });

  test('a beneficiary who mixes up files is told which file belongs where', async () => {
    const { publicKey, secretKey } = at.supplier.recipient;
    const receipt = at.path('r.receipt.json');
    writeFileSync(receipt, receiptBytes(compatReceipt()));
    const args = ['verify', '--receipt', receipt, '--signer', at.supplier.signerPublic, '--key', secretKey];
    const unsigned = await at.depot(args);
    expect([unsigned.code, told(unsigned)[1]]).toEqual([
      5,
      'depot: hint: put the signature beside the receipt (whoever sent you the receipt has it), or name it with --signature FILE',
    ]);
    writeFileSync(`${receipt}.asc`, 'x');
    writeFileSync(at.path('letter.html'), '<!doctype html>');
    const letter = await at.depot(args.map((arg) => (arg === at.supplier.signerPublic ? at.path('letter.html') : arg)));
    expect([letter.code, ...told(letter)]).toEqual([
      20,
      `depot: error: ${at.path('letter.html')}: key not readable: no OpenPGP data in it`,
      "depot: hint: name the supplier's public key, like signer.public.asc in the kit: --signer FILE",
    ]);
    const swapped = await at.depot(args.map((arg) => (arg === secretKey ? publicKey : arg)));
    expect([swapped.code, ...told(swapped)]).toEqual([
      20,
      `depot: error: ${publicKey}: key ${at.supplier.recipient.fingerprint} is a public key, where a private key was expected`,
      'depot: hint: name the file of your private key, like private.secret.asc: --key FILE',
    ]);
  });

  test("if the agent's SHA-256 differs, the hint is to ask the agent, not to fetch the suitcase again", async () => {
    const receipt = at.path('agent.receipt.json');
    writeFileSync(receipt, receiptBytes(compatReceipt()));
    const said = await at.depot(['verify', '--receipt', receipt, '--no-signature', '--agent-sha256', '0'.repeat(64)]);
    expect(said.code).toBe(21);
    expect(said.stderr).toMatch(/^depot: hint: ask the agent which file that SHA-256 belongs to/m);
    expect(said.stderr).not.toContain('fetch it again');
  });

  test('for a receipt signed with the wrong key, the hint is not to rely on it; it does not mention a suitcase', async () => {
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
      'depot: hint: do not rely on this receipt: ask the supplier to send it again, and to read out the fingerprint of its key by telephone',
    ]);
  });

  test('key show lists each subkey with its fingerprint, algorithm and use', async () => {
    const shown = await at.depot(['key', 'show', locked.publicKey]);
    expect(shown.stdout).toMatch(/^subkey {5}(?:[0-9A-F]{4} ){9}[0-9A-F]{4}, Curve25519, for encryption$/m);
    const { subkeys } = JSON.parse((await at.depot(['key', 'show', locked.publicKey, '--json'])).stdout) as {
      subkeys: { fingerprint: string; keyId: string; uses: string[]; revoked: boolean }[];
    };
    expect(subkeys).toMatchObject([{ algorithm: 'Curve25519', uses: ['encryption'], revoked: false, expiresAt: null }]);
    expect(subkeys[0].fingerprint.endsWith(subkeys[0].keyId)).toBe(true);
  });

  test('key show names the file that holds no key', async () => {
    writeFileSync(at.path('no-key'), 'root:x:0:0\n');
    const { code, stderr } = await at.depot(['key', 'show', at.path('no-key')]);
    expect(code).toBe(20);
    expect(stderr).toContain(`depot: error: ${at.path('no-key')}: `);
    expect(stderr).toContain('depot: hint: name an OpenPGP key file');
  });

  test("a secret key is refused wherever a beneficiary's public key is expected", async () => {
    const { secretKey, publicKey, fingerprint } = at.supplier.recipient;
    const hint = `depot: hint: ask the beneficiary for its public key, and delete this one: nobody should have sent it; or, if you made the key for it, give the .public.asc, such as ${publicKey}`;
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

  test('key add says that its entry adds a recipient, or replaces an old key', async () => {
    at.supplier.writeConfig();
    const { stdout } = await at.depot([
      'key',
      'add',
      'acme-crm',
      locked.publicKey,
      '--fingerprint',
      locked.fingerprint,
    ]);
    expect(stdout).toContain('Add this entry to beneficiaries: of acme-crm in');
    expect(stdout).toContain('or put it in place of the key that it replaces');
    expect(stdout).not.toMatch(/^ *beneficiaries:$/m);
  });
});
