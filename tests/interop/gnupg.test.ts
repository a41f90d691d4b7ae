import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateKey, readCertificate, readSecretKey, type GeneratedKey } from '../../src/pgp/keys.js';
import { judgeRecipient, type Recipient } from '../../src/pgp/policy.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { unwrapSessionKey, wrapSessionKey } from '../../src/pgp/sessionkey.js';
import { signDetached, verifyDetached } from '../../src/pgp/signature.js';
import { keyFile, open, seal, secret, sourceOf, v1 } from '../pgp/messages.js';
import { Gnupg } from '../support/gnupg.js';
import { peer, peers } from '../support/peers.js';
import { mustRun } from '../support/process.js';
import { tempDir } from '../support/cleanup.js';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';

const gpg = peers('gpg', 'gpgconf');
const sqop = peer('sqop');
const sq = peer('sq');
const passphrase = 'kwarktaart met kersen';
let ours: GeneratedKey;
let signer: GeneratedKey;
let recipient: Recipient;

beforeAll(async () => {
  ours = await generateKey({
    kind: 'arrangement',
    name: 'Gemeente Voorbeeld',
    email: 'ict@voorbeeld.example',
    profile: 'compat',
    passphrase,
  });
  signer = await generateKey({ kind: 'signer', name: 'Acme', email: 'acme@acme.example', profile: 'compat' });
  recipient = await judgeRecipient(await readCertificate(ours.publicKey), ours.fingerprint, new Date());
});

async function sealFor(recipients: Recipient[], plain: Uint8Array): Promise<Buffer> {
  const sessionKey = randomBytes(32);
  return seal(plain, v1, { sessionKey, pkesk: await wrapSessionKey(sessionKey, v1, recipients), piece: 100_001 })
    .message;
}

async function openWith(message: Uint8Array, name: string): Promise<Buffer> {
  const preamble = await readPreamble(sourceOf([message]));
  const { sessionKey, cipher } = await unwrapSessionKey(preamble.pkesk, await secret(name));
  return (await open(message, sessionKey, cipher === null ? {} : { cipher })).plain;
}

function file(bytes: Uint8Array | string): string {
  const path = join(tempDir('gnupg'), 'file');
  writeFileSync(path, bytes);
  return path;
}

describe.skipIf(gpg === undefined)('GnuPG', () => {
  test('accepts our keys without a warning, and opens what is sealed for them', async () => {
    const gnupg = Gnupg.create();
    const imported = await gnupg.must(['--passphrase', passphrase, '--import'], { input: ours.secretKey });
    expect(imported.stderr).not.toMatch(/WARNING: key|unavailable|updpref/);
    for (const length of [1, 1_000_000]) {
      const plain = randomBytes(length);
      expect(
        (await gnupg.decrypt(await sealFor([recipient], plain), passphrase)).equals(plain),
        `${length} bytes`,
      ).toBe(true);
    }
  });

  test.each(['curve25519', 'nistp256', 'rsa2048', 'rsa3072'])(
    'opens what we seal for a %s key that it made',
    async (name) => {
      const gnupg = Gnupg.create();
      await gnupg.import(keyFile(`${name}.secret.asc`));
      const c = await readCertificate(keyFile(`${name}.public.asc`));
      const recipients = [recipient, await judgeRecipient(c, c.fingerprint, new Date())];
      const plain = randomBytes(200_000);
      const message = await sealFor(recipients, plain);
      expect((await gnupg.decrypt(message)).equals(plain)).toBe(true);
      for (const length of name === 'curve25519' ? [0, 1, 505, 506, 507, 512, 65536, 65537] : []) {
        const piece = plain.subarray(0, length);
        expect((await gnupg.decrypt(await sealFor(recipients, piece))).equals(piece), `${length} bytes`).toBe(true);
      }
      const packets = await gnupg.packets(message);
      expect(packets).toMatch(/encrypted data packet:\s+length: unknown\s+mdc_method: 2/);
      expect(packets).toMatch(/literal data packet:\s+mode b \(62\), created 0, name="",/);
    },
  );

  test('rejects a suitcase that was changed', async () => {
    const gnupg = Gnupg.create();
    await gnupg.must(['--passphrase', passphrase, '--import'], { input: ours.secretKey });
    const message = await sealFor([recipient], randomBytes(1000));
    message[message.length - 300] ^= 1;
    expect((await gnupg.run(['--passphrase', passphrase, '--decrypt'], { input: message })).code).not.toBe(0);
  });

  describe.each(['AES', 'AES192', 'AES256'])('makes messages in %s', (cipher) => {
    test.each(['curve25519', 'nistp256', 'rsa2048'])('that %s opens with depot', async (name) => {
      const gnupg = Gnupg.create();
      await gnupg.import(keyFile(`${name}.public.asc`));
      for (const length of [0, 1, 8000, 8192, 300_000]) {
        const plain = randomBytes(length);
        const message = await gnupg.encrypt(plain, [name], ['--compress-algo', 'none', '--cipher-algo', cipher]);
        expect((await openWith(message, name)).equals(plain), `${length} bytes`).toBe(true);
      }
    });
  });

  test('makes messages from a pipe, from a file with its name, and for hidden recipients', async () => {
    const gnupg = Gnupg.create();
    await gnupg.import(keyFile('curve25519.public.asc'));
    await gnupg.import(keyFile('rsa2048.public.asc'));
    const plain = randomBytes(100_000);
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < plain.length; i += 9999) yield await Promise.resolve(plain.subarray(i, i + 9999));
    }
    const none = ['--compress-algo', 'none', '-r', 'rsa2048', '-r', 'curve25519'];
    const messages = [
      (await gnupg.must([...none, '--encrypt'], { input: slowly() })).bytes,
      (await gnupg.must([...none, '-o', '-', '--encrypt', file(plain)])).bytes,
      (await gnupg.must([...none, '--throw-keyids', '--encrypt'], { input: plain })).bytes,
    ];
    for (const message of messages) {
      for (const name of ['curve25519', 'rsa2048']) expect((await openWith(message, name)).equals(plain)).toBe(true);
    }
  });

  test.each([
    ['compressed, its default', ['-r', 'curve25519', '--encrypt'], 'compressed inside'],
    [
      'signed',
      ['-r', 'curve25519', '--compress-algo', 'none', '-u', 'sign-only', '--sign', '--encrypt'],
      'signed inside',
    ],
    [
      'for a password',
      ['--passphrase', 'secret', '--s2k-count', '1024', '--compress-algo', 'none', '--symmetric'],
      'encrypted with a password only',
    ],
    [
      'in Twofish',
      ['-r', 'curve25519', '--compress-algo', 'none', '--cipher-algo', 'TWOFISH', '--encrypt'],
      'with Twofish, which depot cannot read',
    ],
    ['in text mode', ['-r', 'curve25519', '--compress-algo', 'none', '--textmode', '--encrypt'], 'it holds text'],
    ['armoured', ['-r', 'curve25519', '--armor', '--encrypt'], 'in ASCII armour'],
  ])('a message %s: the error names the kind, with the line that opens it', async (_, args, what) => {
    const gnupg = Gnupg.create();
    await gnupg.import(keyFile('curve25519.public.asc'));
    await gnupg.import(keyFile('sign-only.secret.asc'));
    const message = (await gnupg.must(args, { input: 'hello '.repeat(50) })).bytes;
    await expect(openWith(message, 'curve25519')).rejects.toMatchObject({
      code: 'verification-failed',
      message: expect.stringContaining(what) as string,
      hint: 'decrypt it with: gpg -d -o NEW-FILE FILE; use what that wrote only when it ends with exit code 0',
    });
  });

  test('a message with a password besides the key opens with the key', async () => {
    const gnupg = Gnupg.create();
    await gnupg.import(keyFile('curve25519.public.asc'));
    const message = (
      await gnupg.must(
        [
          '-r',
          'curve25519',
          '--passphrase',
          'secret',
          '--s2k-count',
          '1024',
          '--compress-algo',
          'none',
          '--symmetric',
          '--encrypt',
        ],
        { input: 'both' },
      )
    ).bytes;
    expect((await openWith(message, 'curve25519')).toString()).toBe('both');
  });

  test('verifies our signatures, and we verify its', async () => {
    const gnupg = Gnupg.create();
    await gnupg.import(signer.secretKey);
    const receipt = Buffer.from('{"schema": "depot.receipt/1"}\n');
    const verified = await gnupg.verify(await signDetached(receipt, await readSecretKey(signer.secretKey)), receipt);
    expect(verified.stdout).toContain(`VALIDSIG ${signer.fingerprint}`);
    expect(verified.code).toBe(0);
    for (const [name, args] of [
      ['ours', []],
      ['theirs, SHA-256', ['--digest-algo', 'SHA256']],
    ] as const) {
      const signature = (
        await gnupg.must([...args, '-u', signer.fingerprint, '--armor', '--detach-sign'], { input: receipt })
      ).stdout;
      expect(
        (await verifyDetached(receipt, signature, [await readCertificate(signer.publicKey)])).fingerprint,
        name,
      ).toBe(signer.fingerprint);
    }
    for (const name of ['rsa2048', 'signing-subkey', 'nistp256']) {
      await gnupg.import(keyFile(`${name}.secret.asc`));
      const signature = (await gnupg.must(['-u', name, '--armor', '--detach-sign'], { input: receipt })).stdout;
      const c = await readCertificate(keyFile(`${name}.public.asc`));
      expect((await verifyDetached(receipt, signature, [c])).fingerprint).toBe(c.fingerprint);
      const own = await gnupg.verify(await signDetached(receipt, await secret(name)), receipt);
      expect(own.stdout).toContain('VALIDSIG');
    }
  });
});

describe('Sequoia 1', () => {
  test.skipIf(sqop === undefined)('sqop opens our compat suitcases, and we open its messages', async () => {
    const plain = randomBytes(500_000);
    for (const length of [0, 1, 505, 506, 512, plain.length]) {
      const piece = plain.subarray(0, length);
      const opened = await mustRun(sqop!, ['decrypt', '--with-key-password', file(passphrase), file(ours.secretKey)], {
        input: await sealFor([recipient], piece),
      });
      expect(opened.bytes.equals(piece), `${length} bytes`).toBe(true);
    }
    const made = await mustRun(sqop!, ['encrypt', '--no-armor', file(keyFile('curve25519.public.asc'))], {
      input: plain,
    });
    expect((await openWith(made.bytes, 'curve25519')).equals(plain)).toBe(true);
  });

  test.skipIf(sq === undefined)('sq shows the packet structure that we intend', async () => {
    const shown = await mustRun(sq!, ['packet', 'dump', file(await sealFor([recipient], randomBytes(70_000)))]);
    expect(shown.stdout).toMatch(/Public-Key Encrypted Session Key Packet/);
    expect(shown.stdout).toMatch(/Encrypted and Integrity Protected Data Packet[\s\S]*Version: 1/);
  });

  test.skipIf(sqop === undefined)('sqop verifies our signatures', async () => {
    const receipt = Buffer.from('{"schema": "depot.receipt/1"}\n');
    const signature = await signDetached(receipt, await readSecretKey(signer.secretKey));
    const verified = await mustRun(sqop!, ['verify', file(signature), file(signer.publicKey)], { input: receipt });
    expect(verified.stdout.toUpperCase()).toContain(signer.fingerprint);
  });
});
