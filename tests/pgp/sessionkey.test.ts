import { describe, expect, test } from 'vitest';
import * as openpgp from 'openpgp';
import type { SecretKey } from '../../src/pgp/certificate.js';
import { generateKey, readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { encodePacket, packetType, splitPackets } from '../../src/pgp/packets.js';
import { judgeRecipient, type Recipient } from '../../src/pgp/policy.js';
import { describePkesks } from '../../src/pgp/pkesk.js';
import { unwrapSessionKey, wrapSessionKey } from '../../src/pgp/sessionkey.js';
import { certificate, gcm, keyFile, secret, v1 } from './messages.js';

const sessionKey = Uint8Array.from({ length: 32 }, (_, i) => i * 7);
/** Before the keys that expire or are revoked did so. */
const at = new Date('2024-02-01T00:00:00Z');

async function recipient(name: string, when = at): Promise<Recipient> {
  const c = await readCertificate(keyFile(name));
  return judgeRecipient(c, c.fingerprint, when);
}

async function modern(): Promise<{ recipient: Recipient; key: SecretKey }> {
  const made = await generateKey({ kind: 'arrangement', name: 'M', email: 'm@example.org', profile: 'modern' });
  return {
    recipient: await judgeRecipient(await readCertificate(made.publicKey), made.fingerprint, new Date()),
    key: await readSecretKey(made.secretKey),
  };
}

describe('PKESK packets', () => {
  test.each(['curve25519', 'nistp256', 'rsa2048', 'rsa3072'])(
    'of versions 3 and 6 wrap a session key for %s, and it unwraps',
    async (name) => {
      const r = await recipient(`${name}.public.asc`);
      for (const encryption of [v1, gcm(10)]) {
        const version = encryption.packet === 'SEIPDv1' ? 3 : 6;
        const pkesk = await wrapSessionKey(sessionKey, encryption, [r]);
        expect(describePkesks(pkesk)).toEqual([
          {
            version,
            recipient: version === 3 ? r.subkeyFingerprint.slice(-16) : r.subkeyFingerprint,
            algorithm: name.startsWith('rsa') ? 'RSA' : 'ECDH',
          },
        ]);
        const unwrapped = await unwrapSessionKey(pkesk, await secret(name));
        expect(unwrapped).toEqual({
          sessionKey: expect.anything() as Uint8Array,
          cipher: version === 3 ? 'AES-256' : null,
          keyFingerprint: r.subkeyFingerprint,
        });
        expect(Buffer.from(unwrapped.sessionKey)).toEqual(Buffer.from(sessionKey));
      }
    },
  );

  test('of versions 3 and 6 wrap a session key for a version 6 key', async () => {
    const { recipient: r, key } = await modern();
    for (const encryption of [v1, gcm(10)]) {
      const pkesk = await wrapSessionKey(sessionKey, encryption, [r]);
      expect(describePkesks(pkesk)[0].algorithm).toBe('X25519');
      expect(Buffer.from((await unwrapSessionKey(pkesk, key)).sessionKey)).toEqual(Buffer.from(sessionKey));
    }
  });

  test('let each of several recipients open the message, and nobody else', async () => {
    const names = ['curve25519', 'rsa2048', 'nistp256'];
    const pkesk = await wrapSessionKey(
      sessionKey,
      v1,
      await Promise.all(names.map((name) => recipient(`${name}.public.asc`))),
    );
    expect(describePkesks(pkesk)).toHaveLength(3);
    for (const name of names)
      expect(Buffer.from((await unwrapSessionKey(pkesk, await secret(name))).sessionKey)).toEqual(
        Buffer.from(sessionKey),
      );
    await expect(unwrapSessionKey(pkesk, await secret('rsa3072'))).rejects.toMatchObject({
      code: 'not-addressed',
      hint: expect.stringMatching(
        /^find the key it was encrypted for, and give its file with --key: gpg --list-secret-keys [0-9A-F]{16}( [0-9A-F]{16}){2}, or for a file: depot key show FILE --json \| grep -E '/,
      ) as string,
    });
  });

  test('open with a key that is expired, retired or compromised', async () => {
    for (const [publicKey, name] of [
      ['expired.public.asc', 'expired'],
      ['compromised.before.public.asc', 'compromised'],
      ['retired.before.public.asc', 'retired'],
    ] as const) {
      const pkesk = await wrapSessionKey(sessionKey, v1, [await recipient(publicKey)]);
      expect(Buffer.from((await unwrapSessionKey(pkesk, await secret(name))).sessionKey)).toEqual(
        Buffer.from(sessionKey),
      );
    }
    const subkeys = await readSecretKey(keyFile('locked-subkeys.secret.asc'), () => Promise.resolve('correct horse'));
    const c = await readCertificate(subkeys.armored());
    const pkesk = await wrapSessionKey(sessionKey, v1, [await judgeRecipient(c, c.fingerprint, at)]);
    expect(Buffer.from((await unwrapSessionKey(pkesk, subkeys)).sessionKey)).toEqual(Buffer.from(sessionKey));
  });

  test.each([
    [3, v1],
    [6, gcm(10)],
  ] as const)('for anonymous recipients (version %d) are tried with the key', async (version, encryption) => {
    const r = await recipient('curve25519.public.asc');
    const other = await recipient('nistp256.public.asc');
    const anonymous = async (to: Recipient): Promise<Uint8Array> => {
      const { body } = [...splitPackets(await wrapSessionKey(sessionKey, encryption, [to]))][0];
      const named = version === 3 ? 9 : 2 + 21;
      const start = version === 3 ? [3, 0, 0, 0, 0, 0, 0, 0, 0] : [6, 0];
      return encodePacket(packetType.pkesk, Buffer.concat([Buffer.from(start), body.subarray(named)]));
    };
    const pkesk = Buffer.concat([await anonymous(other), await anonymous(r), await anonymous(other)]);
    expect(describePkesks(pkesk).map((p) => p.recipient)).toEqual(['', '', '']);
    expect(Buffer.from((await unwrapSessionKey(pkesk, await secret('curve25519'))).sessionKey)).toEqual(
      Buffer.from(sessionKey),
    );
    await expect(unwrapSessionKey(pkesk, await secret('rsa2048'))).rejects.toMatchObject({
      code: 'not-addressed',
      hint: 'try another key: the message does not say which keys open it',
    });
  });

  test('that name another key than the one that opens them count as changed', async () => {
    const pkesk = Buffer.from(await wrapSessionKey(sessionKey, v1, [await recipient('curve25519.public.asc')]));
    pkesk[5] ^= 1;
    await expect(unwrapSessionKey(pkesk, await secret('curve25519'))).rejects.toMatchObject({
      code: 'verification-failed',
      message: expect.stringContaining('names another key') as string,
    });
  });

  test('for a cipher other than AES give an error that names it', async () => {
    const { key } = await import('../../src/pgp/certificate.js').then(async ({ internalsOf }) =>
      internalsOf(await certificate('curve25519')),
    );
    const packet = openpgp.PublicKeyEncryptedSessionKeyPacket as unknown as {
      fromObject(o: object): { encrypt(k: object): Promise<void>; write(): Uint8Array };
    };
    const made = packet.fromObject({
      version: 3,
      encryptionKeyPacket: key.subkeys[0].keyPacket,
      anonymousRecipient: false,
      sessionKey,
      sessionKeyAlgorithm: openpgp.enums.symmetric.twofish,
    });
    await made.encrypt(key.subkeys[0].keyPacket);
    await expect(unwrapSessionKey(encodePacket(1, made.write()), await secret('curve25519'))).rejects.toMatchObject({
      code: 'verification-failed',
      message: 'encrypted with Twofish, which depot cannot read: it reads AES only',
      hint: 'decrypt it with: gpg -d -o NEW-FILE FILE; use what that wrote only when it ends with exit code 0',
    });
  });

  test('a thousand of which are for other keys give a clean "not addressed"', async () => {
    const one = await wrapSessionKey(sessionKey, v1, [await recipient('rsa2048.public.asc')]);
    await expect(
      unwrapSessionKey(Buffer.concat(Array.from({ length: 1000 }, () => one)), await secret('curve25519')),
    ).rejects.toMatchObject({ code: 'not-addressed' });
  });
});
