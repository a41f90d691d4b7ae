/** A key that depot cannot read is called what it is, with the command that converts it. An unsupported cipher is not called a wrong passphrase. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needsPassphrase, readKey } from '../../src/sftp/private-key.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';

const read = (bytes: Uint8Array, passphrase?: string): Promise<unknown> =>
  readKey(bytes, { passphrase: () => Promise.resolve(passphrase), privateKeyFile: '/keys/id' }, '«depot login»');

describe('a file that is no readable SSH key is recognized, with a hint', () => {
  test.each([
    [
      'PuTTY, version 2',
      'PuTTY-User-Key-File-2: ecdsa-sha2-nistp256\r\nEncryption: none\r\nComment: x\r\n',
      /a key in PuTTY's format \(\.ppk, version 2\)/,
      /puttygen \/keys\/id -O private-openssh -o NEW/,
    ],
    [
      'PuTTY, version 3',
      'PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n',
      /a key in PuTTY's format \(\.ppk, version 3\)/,
      /puttygen/,
    ],
    [
      'ssh.com',
      '---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nP2/5\n---- END SSH2 ENCRYPTED PRIVATE KEY ----\n',
      /in the format of ssh\.com/,
      /puttygen/,
    ],
    ['SSH version 1', 'SSH PRIVATE KEY FILE FORMAT 1.1\n', /a key of SSH version 1/, /ssh-keygen -t ed25519/],
    [
      'OpenPGP',
      '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nabc\n-----END PGP PRIVATE KEY BLOCK-----\n',
      /is an OpenPGP key/,
      /name the SSH key/,
    ],
    [
      'a certificate',
      '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
      /is a certificate/,
      /name the private key/,
    ],
    ['a public key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKQ x@y\n', /is a public key/, /without \.pub/],
    ['plain text', 'Dear Acme,\n', /cannot be read: Unsupported key format/, /ssh-keygen -y -f \/keys\/id/],
  ])('%s', async (_, text, says, hint) => {
    for (const bytes of [Buffer.from(text), Buffer.from(`\ufeff${text}`, 'utf16le')]) {
      await expect(read(bytes, 'pw')).rejects.toMatchObject({
        code: 'key-unreadable',
        message: expect.stringMatching(says) as string,
        hint: expect.stringMatching(hint) as string,
      });
      expect(needsPassphrase(bytes)).toBe(false);
    }
  });
});

test.skipIf(!peer('ssh-keygen'))(
  'reads keys of ssh-keygen with AES ciphers, and after Windows editors; names a cipher that it cannot read',
  async () => {
    const directory = tempDir('ssh-keys');
    const make = async (name: string, ...args: string[]): Promise<Buffer> => {
      await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-C', 'x', '-f', join(directory, name), ...args]);
      return readFileSync(join(directory, name));
    };
    for (const cipher of ['aes256-ctr', 'aes256-gcm@openssh.com']) {
      const key = await make(cipher, '-N', 'right one', '-Z', cipher);
      await expect(read(key, 'right one')).resolves.toMatchObject({ type: 'ssh-ed25519' });
      await expect(read(key, 'wrong one')).rejects.toMatchObject({ code: 'passphrase-wrong' });
      await expect(read(key)).rejects.toMatchObject({ code: 'secret-missing' });
    }
    const chacha = await make('chacha', '-N', 'right one', '-Z', 'chacha20-poly1305@openssh.com');
    await expect(read(chacha, 'right one')).rejects.toMatchObject({
      code: 'key-unreadable',
      message: 'the SSH private key /keys/id is encrypted with chacha20-poly1305, which depot does not read',
      hint: 'encrypt it with AES instead: ssh-keygen -p -Z aes256-ctr -f /keys/id',
    });
    const plain = (await make('plain', '-N', '')).toString();
    for (const written of [plain.replace(/\n/g, '\r\n'), `\ufeff${plain}`])
      await expect(read(Buffer.from(written))).resolves.toMatchObject({ type: 'ssh-ed25519' });
    await expect(read(Buffer.from(`\ufeff${plain}`, 'utf16le'))).resolves.toMatchObject({ type: 'ssh-ed25519' });
  },
);
