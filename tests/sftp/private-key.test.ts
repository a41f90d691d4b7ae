/** Every form in which ssh-keygen and PuTTYgen write keys is read. Another is called what it is, with the command that converts it. */
import { createPrivateKey, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';
import { describe, expect, test, vi } from 'vitest';
import { tooDear } from '../../src/sftp/key-cost.js';
import { openSshText } from '../../src/sftp/openssh-key.js';
import { needsPassphrase, readKey } from '../../src/sftp/private-key.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { mustRun } from '../support/process.js';

const { utils } = ssh2;
const read = (bytes: Uint8Array, passphrase?: string): Promise<ParsedKey> =>
  readKey(bytes, { passphrase: () => Promise.resolve(passphrase), privateKeyFile: '/keys/id' }, '«depot login»');

describe('a file that is no readable SSH key is recognized, with a hint', () => {
  test.each([
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

test.skipIf(!peer('ssh-keygen'))('a damaged key is refused as one, wherever the damage is', async () => {
  const file = join(tempDir('ssh-keys'), 'id');
  await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-C', 'x', '-N', '', '-f', file]);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  const body = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  let refused = 0;
  for (let at = 0; at < body.length; at++)
    for (const value of [0, 0xff, body[at] ^ 1]) {
      const damaged = Buffer.from(body);
      damaged[at] = value;
      const bytes = Buffer.from(`${lines[0]}\n${damaged.toString('base64')}\n${lines.at(-1)}\n`);
      needsPassphrase(bytes);
      await read(bytes, 'pw').catch((error: unknown) => {
        refused++;
        expect(['key-unreadable', 'passphrase-wrong'], `byte ${at}: ${String(error)}`).toContain(
          (error as { code: string }).code,
        );
      });
    }
  expect(refused).toBeGreaterThan(100);
});

test.skipIf(!peer('ssh-keygen'))('reads keys of ssh-keygen after Windows editors', async () => {
  const directory = tempDir('ssh-keys');
  const make = async (name: string, ...args: string[]): Promise<Buffer> => {
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-C', 'x', '-f', join(directory, name), ...args]);
    return readFileSync(join(directory, name));
  };
  const plain = (await make('plain', '-N', '')).toString();
  for (const written of [plain.replace(/\n/g, '\r\n'), `\ufeff${plain}`])
    await expect(read(Buffer.from(written))).resolves.toMatchObject({ type: 'ssh-ed25519' });
  await expect(read(Buffer.from(`\ufeff${plain}`, 'utf16le'))).resolves.toMatchObject({ type: 'ssh-ed25519' });
});

/** Whether the key that was read is the one whose public part `ssh-keygen` shows, and signs as that one does. */
async function isTheKey(key: ParsedKey, file: string, passphrase = ''): Promise<void> {
  const shown = (await mustRun('ssh-keygen', ['-y', '-P', passphrase, '-f', file])).stdout.split(' ')[1];
  expect(key.getPublicSSH().toString('base64')).toBe(shown.trim());
  const bytes = Buffer.from('what a server asks to sign');
  const hash = key.type === 'ssh-rsa' ? 'sha512' : undefined;
  const signature = key.sign(bytes, hash) as Buffer | Error;
  if (signature instanceof Error) throw signature;
  const known = utils.parseKey(`${key.type} ${shown}`) as ParsedKey;
  expect(known.verify(bytes, signature, hash)).toBe(true);
}

const types: [string, string[]][] = [
  ['ed25519', []],
  ['ecdsa', ['-b', '256']],
  ['ecdsa', ['-b', '384']],
  ['ecdsa', ['-b', '521']],
  ['rsa', ['-b', '2048']],
];
const secret = 'niet zó geheim';

describe.skipIf(!peer('ssh-keygen'))('keys as ssh-keygen writes them are read', () => {
  const ciphers = ['aes256-ctr', 'aes128-cbc', 'aes256-gcm@openssh.com', 'chacha20-poly1305@openssh.com'];
  const forms: [string, string[]][] = [
    ['OpenSSH', []],
    ['PEM', ['-m', 'PEM']],
    ['PKCS8', ['-m', 'PKCS8']],
    ...ciphers.map((cipher): [string, string[]] => [cipher, ['-Z', cipher]]),
  ];
  test.each(types.flatMap(([type, bits]) => forms.map(([form, how]) => [type, bits, form, how] as const)))(
    '%s %j, %s',
    async (type, bits, form, how) => {
      const directory = tempDir('ssh-keys');
      const make = async (name: string, passphrase: string): Promise<string> => {
        const file = join(directory, name);
        await mustRun('ssh-keygen', ['-q', '-t', type, ...bits, '-C', 'x', '-f', file, '-N', passphrase, ...how]);
        return file;
      };
      if (!form.includes('-')) {
        const open = await make('open', '');
        await isTheKey(await read(readFileSync(open)), open);
        expect(needsPassphrase(readFileSync(open))).toBe(false);
      }
      const locked = await make('locked', secret);
      const bytes = readFileSync(locked);
      expect(needsPassphrase(bytes)).toBe(true);
      await isTheKey(await read(bytes, secret), locked, secret);
      await expect(read(bytes, 'wrong one')).rejects.toMatchObject({ code: 'passphrase-wrong' });
      await expect(read(bytes)).rejects.toMatchObject({ code: 'secret-missing' });
    },
  );
});

describe.skipIf(!peer('puttygen') || !peer('ssh-keygen'))('keys as PuTTYgen writes them are read', () => {
  const forms = ['version=2', 'version=3', 'version=3,kdf=argon2i', 'version=3,kdf=argon2d,parallelism=2,memory=1024'];
  test.each(types.flatMap(([type, bits]) => forms.map((form) => [type, bits, form] as const)))(
    '%s %j, %s',
    async (type, bits, form) => {
      const directory = tempDir('putty-keys');
      const inFile = (name: string, text: string): string => {
        writeFileSync(join(directory, name), text);
        return join(directory, name);
      };
      const putty = (...args: string[]) => mustRun('puttygen', [...args, '--random-device', '/dev/urandom']);
      const phrase = inFile('phrase', secret);
      const none = inFile('none', '');
      const [open, locked] = [join(directory, 'open.ppk'), join(directory, 'locked.ppk')];
      const how = ['--ppk-param', `${form},passes=2`];
      await putty('-q', '-t', type, ...bits, '-C', 'Jérôme @ Windows', '-o', open, '--new-passphrase', none, ...how);
      await putty(
        open,
        '-q',
        '-o',
        locked,
        '--reencrypt',
        '--old-passphrase',
        none,
        '--new-passphrase',
        phrase,
        ...how,
      );
      const openssh = join(directory, 'openssh');
      await putty(
        open,
        '-q',
        '-O',
        'private-openssh',
        '-o',
        openssh,
        '--old-passphrase',
        none,
        '--new-passphrase',
        none,
      );
      await isTheKey(await read(readFileSync(open)), openssh);
      const bytes = readFileSync(locked);
      expect([needsPassphrase(readFileSync(open)), needsPassphrase(bytes)]).toEqual([false, true]);
      await isTheKey(await read(bytes, secret), openssh);
      await isTheKey(await read(Buffer.from(bytes.toString().replace(/\n/g, '\r\n')), secret), openssh);
      await expect(read(bytes, 'wrong one')).rejects.toMatchObject({ code: 'passphrase-wrong' });
      await expect(read(bytes)).rejects.toMatchObject({ code: 'secret-missing' });
    },
  );

  test('an ed25519 key whose number ends in zeros, of which PuTTY writes none', async () => {
    const seed = Buffer.concat([randomBytes(30), Buffer.alloc(2)]);
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
    const pem = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({ format: 'pem', type: 'pkcs8' });
    const directory = tempDir('putty-keys');
    const [openssh, none, ppk] = ['openssh', 'none', 'ppk'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(none, '');
    const key = await read(Buffer.from(pem));
    writeFileSync(openssh, openSshText(key.getPublicSSH(), [point(key), Buffer.concat([seed, point(key)])]), {
      mode: 0o600,
    });
    await mustRun('puttygen', [openssh, '-q', '-o', ppk, '--old-passphrase', none, '--new-passphrase', none]);
    await isTheKey(await read(readFileSync(ppk)), openssh);
  });
});

/** Of an ed25519 key. */
const point = (key: ParsedKey): Buffer => key.getPublicSSH().subarray(-32);

const ppk = `PuTTY-User-Key-File-3: ssh-ed25519
Encryption: none
Comment: ed25519 key
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAIAFYgffIpPtc8OnU2ZdKGE/yJR9HmvEfRUmsKTmy
XSt5
Private-Lines: 1
AAAAIMoxMfz9Y32xUn3mgGN6A4jU7TUb8FbcdHl3VMcxHPcG
Private-MAC: ee50e7736d223700acaeb857ff31b9050634fff04665090b7bc98bdf2948901b
`;
const locked = ppk.replace(
  'Encryption: none',
  'Encryption: aes256-cbc\nKey-Derivation: Argon2id\nArgon2-Memory: 8192\nArgon2-Passes: 13\nArgon2-Parallelism: 1\nArgon2-Salt: 00112233445566778899aabbccddeeff',
);

describe("a key in PuTTY's form that cannot be read says why", () => {
  test.each([
    ['as it is', ppk, undefined],
    ['another comment', ppk.replace('ed25519 key', 'another'), /it was changed or damaged: its checksum/],
    ['another secret', ppk.replace('AAAAIMox', 'AAAAIMoy'), /changed or damaged/],
    ['half of it', ppk.slice(0, 200), /it is incomplete|changed or damaged/],
    ['nothing but its name', 'PuTTY-User-Key-File-3: ssh-ed25519\n', /it is incomplete/],
    ['version 1', ppk.replace('File-3', 'File-1'), /depot does not know its version, 1/],
    ['another cipher', locked.replace('aes256-cbc', 'rot13'), /depot does not know its encryption, rot13/],
    ['no memory', locked.replace('8192', 'much'), /Argon2\) makes no sense/],
    ['no passes', locked.replace('13', '0'), /Argon2\) makes no sense/],
    ['another derivation', locked.replace('Argon2id', 'Scrypt'), /depot does not know its key derivation, Scrypt;/],
    [
      'a word of JavaScript',
      locked.replace('Argon2id', 'constructor'),
      /depot does not know its key derivation, constructor/,
    ],
    ['no derivation', locked.replace('Key-Derivation: Argon2id\n', ''), /it is incomplete/],
    [
      'another derivation, with other numbers',
      locked.replaceAll('Argon2', 'Scrypt'),
      /depot does not know its key derivation, Scryptid/,
    ],
    ['a short salt', locked.replace('00112233445566778899aabbccddeeff', '0011'), /its salt \(Argon2-Salt\) is missing/],
    ['a salt that is no number', locked.replace('00112233', 'salt'), /its salt \(Argon2-Salt\) is missing, damaged/],
    ['an odd end', locked, /it is incomplete/],
  ])('%s', async (_, text, says) => {
    if (says === undefined) await expect(read(Buffer.from(text))).resolves.toMatchObject({ type: 'ssh-ed25519' });
    else
      await expect(read(Buffer.from(text), 'pw')).rejects.toMatchObject({
        code: 'key-unreadable',
        message: expect.stringMatching(says) as string,
        hint: expect.stringMatching(/puttygen/) as string,
      });
  });
});

/** An encrypted key whose passphrase is put through bcrypt so often. */
function bcryptKey(rounds: number, end = ''): string {
  const { private: text } = utils.generateKeyPairSync('ecdsa', {
    bits: 256,
    passphrase: 'sesame',
    cipher: 'aes256-ctr',
    rounds: 1,
  });
  const [head = '', ...rest] = text.trim().split('\n');
  const bytes = Buffer.from(rest.slice(0, -1).join(''), 'base64');
  // The only number 1 behind a salt of 16 bytes.
  const at = bytes.indexOf('bcrypt') + 6 + 4 + 4 + 16;
  expect(bytes.readUInt32BE(at)).toBe(1);
  bytes.writeUInt32BE(rounds, at);
  return `${head}\n${bytes.toString('base64')}${end}\n${rest.at(-1)!}\n`;
}

/** The head of an encrypted PKCS #8 key: nested sequences around these numbers. */
function pkcs8(...numbers: number[]): string {
  const tlv = (tag: number, ...parts: Buffer[]): Buffer => {
    const value = Buffer.concat(parts);
    return Buffer.concat([Buffer.from([tag, value.length]), value]);
  };
  const integers = numbers.map((one) => {
    const bytes = Buffer.alloc(6);
    bytes.writeUIntBE(one, 0, 6);
    return tlv(2, bytes);
  });
  const algorithm = tlv(
    0x30,
    tlv(6, Buffer.from('2a864886f70d01050d', 'hex')),
    tlv(0x30, tlv(4, Buffer.alloc(16)), ...integers),
  );
  const der = tlv(0x30, algorithm, tlv(4, Buffer.alloc(48)));
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${der.toString('base64')}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

describe('a key that would take hours, or all memory, to open is refused before a passphrase is asked for', () => {
  test.each([
    [
      'Argon2, memory',
      locked.replace('8192', '99999999'),
      /99999999 KiB in 13 passes/,
      /puttygen \/keys\/id -O private/,
    ],
    ['Argon2, passes', locked.replace('13', '4294967295'), /in 4294967295 passes/, /puttygen/],
    ['Argon2, both', locked.replace('8192', '1000000').replace('13', '100'), /16 GiB over all passes/, /puttygen/],
    [
      'bcrypt',
      bcryptKey(2 ** 32 - 1),
      /locked with 4294967295 rounds of bcrypt; depot accepts at most 1000/,
      /ssh-keygen -p -a 24/,
    ],
    ['bcrypt, behind more', bcryptKey(100_000, '\n-----END'), /100000 rounds of bcrypt/, /ssh-keygen/],
    ['PBKDF2', pkcs8(2_000_000_000, 32), /locked with 2000000000 iterations/, /openssl pkcs8 -topk8 -in \/keys\/id/],
    ['scrypt', pkcs8(2 ** 17, 1, 2 ** 17), /iterations/, /openssl/],
  ])('%s', async (_, text, says, hint) => {
    const passphrase = vi.fn(() => Promise.resolve('sesame'));
    await expect(readKey(Buffer.from(text), { passphrase, privateKeyFile: '/keys/id' }, '')).rejects.toMatchObject({
      code: 'key-unreadable',
      message: expect.stringMatching(says) as string,
      hint: expect.stringMatching(hint) as string,
    });
    expect(passphrase).not.toHaveBeenCalled();
  });

  test('and one that asks for much more than usual is read', async () => {
    expect(tooDear(locked.replace('8192', '1048576'), '')).toBeNull();
    expect(tooDear(bcryptKey(1000), '')).toBeNull();
    expect(tooDear(pkcs8(10_000_000, 32), '')).toBeNull();
    expect(tooDear(pkcs8(2 ** 20, 8, 1), '')).toBeNull();
    await expect(read(Buffer.from(bcryptKey(1)), 'sesame')).resolves.toMatchObject({ type: 'ecdsa-sha2-nistp256' });
  });
});
