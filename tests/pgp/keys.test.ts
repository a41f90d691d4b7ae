import { describe, expect, onTestFinished, test } from 'vitest';
import { generateKey, readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { judgeRecipient, judgeSigner } from '../../src/pgp/policy.js';
import { splitPackets } from '../../src/pgp/packets.js';
import { keyFile, secret } from './messages.js';
import * as openpgp from 'openpgp';

const passphrase = (value: string) => () => Promise.resolve(value);
const binary = async (armored: string): Promise<Uint8Array> =>
  ((await openpgp.unarmor(armored)) as unknown as { data: Uint8Array }).data;

describe('reading certificates', () => {
  test('takes armour or binary, text or bytes, with text around the key and with a byte order mark', async () => {
    const armored = keyFile('curve25519.public.asc');
    const text = armored.toString();
    const forms = [
      armored,
      text,
      await binary(text),
      `a letter\n\n${text}\nregards`,
      Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), armored]),
      text.replace(/\n/g, '\r\n'),
    ];
    const prints = await Promise.all(forms.map(async (form) => (await readCertificate(form)).fingerprint));
    expect(new Set(prints).size).toBe(1);
    expect(await readCertificate(armored)).toMatchObject({
      version: 4,
      userIds: ['curve25519'],
      algorithm: 'Ed25519',
      expiresAt: null,
      isSecret: false,
      createdAt: new Date('2024-01-01T00:00:00Z'),
    });
  });

  test('gives the expiry, and drops the secret parts', async () => {
    expect((await readCertificate(keyFile('expired.public.asc'))).expiresAt?.toISOString()).toMatch(/^2024-03-01T/);
    const c = await readCertificate(keyFile('curve25519.secret.asc'));
    expect(c.isSecret).toBe(true);
    expect(c.armored()).toContain('BEGIN PGP PUBLIC KEY BLOCK');
    const types = [...splitPackets(await binary(c.armored()))].map((packet) => packet.type);
    expect(types).not.toContain(5);
    expect(types).not.toContain(7);
  });

  test('takes a key with SHA-1 self-signatures, so that it can be shown', async () => {
    expect(await readCertificate(keyFile('sha1-self.public.asc'))).toMatchObject({ userIds: ['sha1-self'] });
  });

  test.each([
    ['nothing', '', 'no OpenPGP data'],
    ['a letter', 'Dear Acme,', 'no OpenPGP data'],
    [
      'an armoured message',
      '-----BEGIN PGP MESSAGE-----\n\nyxNiAAAAAABoZWxsbw==\n-----END PGP MESSAGE-----\n',
      'an armoured block of another kind',
    ],
    ['damaged armour', '-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxDME', 'no OpenPGP key|armour is damaged'],
    ['random bytes', Buffer.from('99ffffffffff00', 'hex'), 'no OpenPGP key'],
    ['a literal data packet', Buffer.from('cb0662000000000068', 'hex'), 'no OpenPGP key'],
    ['a version 3 key', Buffer.concat([Buffer.of(0xc6, 20, 3), Buffer.alloc(19)]), 'a key of version 3'],
  ])('refuses %s', async (_, bytes, what) => {
    await expect(readCertificate(bytes)).rejects.toMatchObject({
      code: 'key-unreadable',
      message: expect.stringMatching(what) as string,
    });
  });

  test('refuses several keys, since it is unclear which one is meant', async () => {
    await expect(readCertificate(keyFile('two-keys.public.asc'))).rejects.toThrow(
      '2 keys in it, where one was expected',
    );
    const both = Buffer.concat([keyFile('curve25519.public.asc'), keyFile('rsa2048.public.asc')]);
    await expect(readCertificate(both)).rejects.toThrow('2 armoured blocks in it');
  });
});

describe('reading secret keys', () => {
  test('asks for no passphrase if the key is not locked', async () => {
    let asked = 0;
    await readSecretKey(keyFile('curve25519.secret.asc'), () => {
      asked++;
      return Promise.resolve('x');
    });
    expect(asked).toBe(0);
  });

  test('opens a locked key with its passphrase, and tells a wrong one from a missing one', async () => {
    const key = await readSecretKey(keyFile('locked.secret.asc'), passphrase('correct horse'));
    expect(key.isSecret).toBe(true);
    await expect(readSecretKey(keyFile('locked.secret.asc'), passphrase('battery'))).rejects.toMatchObject({
      code: 'passphrase-wrong',
    });
    await expect(readSecretKey(keyFile('locked.secret.asc'), passphrase(''))).rejects.toMatchObject({
      code: 'passphrase-wrong',
    });
    await expect(readSecretKey(keyFile('locked.secret.asc'))).rejects.toMatchObject({ code: 'secret-missing' });
    await expect(readSecretKey(keyFile('locked.secret.asc'), () => Promise.resolve(undefined))).rejects.toMatchObject({
      code: 'secret-missing',
    });
  });

  test('takes subkeys whose primary key is elsewhere', async () => {
    const key = await readSecretKey(keyFile('locked-subkeys.secret.asc'), passphrase('correct horse'));
    expect(key.userIds).toEqual(['locked']);
  });

  test('refuses a public key', async () => {
    await expect(readSecretKey(keyFile('curve25519.public.asc'))).rejects.toMatchObject({
      code: 'key-unreadable',
      message: expect.stringContaining('is a public key') as string,
    });
  });
});

describe('making keys', () => {
  const who = { name: 'Acme SaaS B.V.', email: 'deposits@acme.example' };

  test('a compat key has version 4, algorithms 22 and 18, SHA-2 preferences and no expiry, and announces no AEAD', async () => {
    const made = await generateKey({ ...who, kind: 'arrangement', profile: 'compat' });
    const packets = [...splitPackets(await binary(made.publicKey))];
    expect(packets.map(({ type, body }) => (type === 6 || type === 14 ? [type, body[0], body[5]] : [type]))).toEqual([
      [6, 4, 22],
      [13],
      [2],
      [14, 4, 18],
      [2],
    ]);
    const c = await readCertificate(made.publicKey);
    expect(c).toMatchObject({
      fingerprint: made.fingerprint,
      version: 4,
      expiresAt: null,
      userIds: ['Acme SaaS B.V. <deposits@acme.example>'],
    });
    expect(await judgeRecipient(c, made.fingerprint, new Date())).toMatchObject({
      algorithm: 'Curve25519',
      announcesSeipd2: false,
      warnings: [],
    });
    const key = await openpgp.readKey({ armoredKey: made.publicKey });
    expect(key.users[0].selfCertifications[0].preferredHashAlgorithms).toEqual([10, 8]);
  });

  test('a modern key has version 6, algorithms 27 and 25, and announces SEIPDv2 with GCM and OCB', async () => {
    const made = await generateKey({ ...who, kind: 'arrangement', profile: 'modern' });
    const packets = [...splitPackets(await binary(made.publicKey))];
    expect(packets.filter(({ type }) => type === 6 || type === 14).map(({ body }) => [body[0], body[5]])).toEqual([
      [6, 27],
      [6, 25],
    ]);
    expect(made.fingerprint).toMatch(/^[0-9A-F]{64}$/);
    expect(await judgeRecipient(await readCertificate(made.publicKey), made.fingerprint, new Date())).toMatchObject({
      announcesSeipd2: true,
      aeads: ['GCM', 'OCB'],
    });
  });

  test.each(['compat', 'modern'] as const)(
    'a signing key is compat and cannot be encrypted to, even if %s is asked for',
    async (profile) => {
      const made = await generateKey({ ...who, kind: 'signer', profile });
      const c = await readCertificate(made.publicKey);
      expect(c.version).toBe(4);
      expect((await judgeSigner(c, new Date())).algorithm).toBe('Ed25519');
      await expect(judgeRecipient(c, c.fingerprint, new Date())).rejects.toThrow('no usable part to encrypt with');
    },
  );

  test.each(['compat', 'modern'] as const)('a passphrase locks all secret parts (%s)', async (profile) => {
    // The test is about which parts are locked; with the usual 64 MiB and three passes, each would take seconds.
    const usual = openpgp.config.s2kArgon2Params;
    openpgp.config.s2kArgon2Params = { passes: 1, parallelism: 1, memoryExponent: 10 };
    onTestFinished(() => {
      openpgp.config.s2kArgon2Params = usual;
    });
    const made = await generateKey({ ...who, kind: 'arrangement', profile, passphrase: 'kwarktaart' });
    await expect(readSecretKey(made.secretKey)).rejects.toMatchObject({ code: 'secret-missing' });
    await expect(readSecretKey(made.secretKey, passphrase('appeltaart'))).rejects.toMatchObject({
      code: 'passphrase-wrong',
    });
    expect((await readSecretKey(made.secretKey, passphrase('kwarktaart'))).fingerprint).toBe(made.fingerprint);
  });

  test.each(['compat', 'modern'] as const)('a key expires when it was asked to (%s)', async (profile) => {
    const made = await generateKey({ ...who, kind: 'arrangement', profile, expiresInSeconds: 3600 * 24 * 365 });
    const c = await readCertificate(made.publicKey);
    expect(c.expiresAt!.getTime() - c.createdAt.getTime()).toBe(3600 * 24 * 365 * 1000);
    const later = new Date(c.expiresAt!.getTime() + 1000);
    await expect(judgeRecipient(c, c.fingerprint, later)).rejects.toThrow('expired on');
  });
});

test('a certificate object that readCertificate did not make is refused', async () => {
  const copy = { ...(await secret('curve25519')) };
  await expect(judgeSigner(copy, new Date())).rejects.toMatchObject({ code: 'internal' });
});
