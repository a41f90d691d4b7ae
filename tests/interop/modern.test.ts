import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateKey, readCertificate, readSecretKey, type GeneratedKey } from '../../src/pgp/keys.js';
import { judgeRecipient, type Recipient } from '../../src/pgp/policy.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { chooseEncryption, unwrapSessionKey, wrapSessionKey, type Encryption } from '../../src/pgp/sessionkey.js';
import { gcm, ocb, open, seal, sourceOf, v1 } from '../pgp/messages.js';
import { rsop, sequoia2 } from './rfc9580.js';

const passphrase = 'kwarktaart met kersen';
let ours: GeneratedKey;
let compat: GeneratedKey;

beforeAll(async () => {
  ours = await generateKey({
    kind: 'arrangement',
    name: 'Gemeente Voorbeeld',
    email: 'ict@voorbeeld.example',
    profile: 'modern',
  });
  compat = await generateKey({
    kind: 'arrangement',
    name: 'Gemeente Voorbeeld',
    email: 'ict@voorbeeld.example',
    profile: 'compat',
    passphrase,
  });
});

async function recipientOf(certificate: string): Promise<Recipient> {
  const c = await readCertificate(certificate);
  return judgeRecipient(c, c.fingerprint, new Date());
}

async function sealFor(recipients: Recipient[], encryption: Encryption, plain: Uint8Array): Promise<Buffer> {
  const sessionKey = randomBytes(32);
  return seal(plain, encryption, {
    sessionKey,
    pkesk: await wrapSessionKey(sessionKey, encryption, recipients),
    piece: 100_000,
  }).message;
}

const required = rsop();
const extra = sequoia2();

describe.each([['rPGP', required] as const, ...(extra === undefined ? [] : [['Sequoia 2', extra] as const])])(
  '%s',
  (_, peer) => {
    const here = peer!;

    test.skipIf(peer === undefined).each([
      ['GCM', gcm(14)],
      ['OCB', ocb(14)],
      ['GCM, smallest chunks', gcm(0)],
      ['OCB, largest chunks', ocb(16)],
    ] as const)('opens our suitcases: %s', async (_name, encryption) => {
      const recipient = await recipientOf(ours.publicKey);
      for (const length of [1, 64, 2 ** 20 - 8, 2_500_000]) {
        const plain = randomBytes(encryption.chunkOctet === 0 ? Math.min(length, 1000) : length);
        const got = await here.decrypt(await sealFor([recipient], encryption, plain), ours.secretKey);
        expect(got.equals(plain), `${length} bytes`).toBe(true);
      }
    });

    test.skipIf(peer === undefined)('unlocks a modern key that we made, with its passphrase', async () => {
      const locked = await generateKey({
        kind: 'arrangement',
        name: 'L',
        email: 'l@voorbeeld.example',
        profile: 'modern',
        passphrase,
      });
      const plain = randomBytes(1000);
      expect(
        (
          await here.decrypt(
            await sealFor([await recipientOf(locked.publicKey)], gcm(14), plain),
            locked.secretKey,
            passphrase,
          )
        ).equals(plain),
      ).toBe(true);
    });

    test.skipIf(peer === undefined)('opens our compat suitcases', async () => {
      const plain = randomBytes(300_000);
      expect(
        (
          await here.decrypt(
            await sealFor([await recipientOf(compat.publicKey)], v1, plain),
            compat.secretKey,
            passphrase,
          )
        ).equals(plain),
      ).toBe(true);
    });

    test.skipIf(peer === undefined)(
      'opens what we sealed for a key that it made, in the format that the key asks for',
      async () => {
        const secretKey = await here.generate();
        const recipient = await recipientOf(await here.certificate(secretKey));
        const plain = randomBytes(200_000);
        const encryption = chooseEncryption('auto', [recipient]);
        expect((await here.decrypt(await sealFor([recipient], encryption, plain), secretKey)).equals(plain)).toBe(true);
        const both = [recipient, await recipientOf(ours.publicKey)];
        for (const forced of [gcm(12), ocb(12)])
          expect((await here.decrypt(await sealFor(both, forced, plain), secretKey)).equals(plain)).toBe(true);
      },
    );

    test.skipIf(peer === undefined)('makes messages that we open, with its keys and with ours', async () => {
      const secretKey = await here.generate();
      const key = await readSecretKey(secretKey);
      const plain = randomBytes(400_000);
      const message = await here.encrypt(plain, [await here.certificate(secretKey), ours.publicKey]);
      for (const reader of [key, await readSecretKey(ours.secretKey)]) {
        const preamble = await readPreamble(sourceOf([message]));
        expect(preamble.encryption.packet).toBe('SEIPDv2');
        const { sessionKey } = await unwrapSessionKey(preamble.pkesk, reader);
        expect((await open(message, sessionKey)).plain.equals(plain)).toBe(true);
      }
    });
  },
);
