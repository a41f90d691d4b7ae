import { randomBytes } from 'node:crypto';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateKey, readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { judgeRecipient, type Recipient } from '../../src/pgp/policy.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { unwrapSessionKey, wrapSessionKey } from '../../src/pgp/sessionkey.js';
import { signDetached, verifyDetached } from '../../src/pgp/signature.js';
import { encryptions, gcm, ocb, open, seal, sourceOf, v1 } from '../pgp/messages.js';

let secretKey: string;
let recipient: Recipient;
let key: openpgp.PrivateKey;

beforeAll(async () => {
  const made = await generateKey({ kind: 'arrangement', name: 'M', email: 'm@example.org', profile: 'modern' });
  secretKey = made.secretKey;
  recipient = await judgeRecipient(await readCertificate(made.publicKey), made.fingerprint, new Date());
  key = await openpgp.readPrivateKey({ armoredKey: secretKey });
});

/** Around the chunk of 64 bytes, the first part, and the chunk and part of 64 KiB. */
const sizes = [0, 1, 56, 57, 64, 505, 506, 512, 65528, 65529, 65536, 300_000];

describe.each([...encryptions, ['GCM 1 MiB', gcm(14)], ['OCB 4 MiB', ocb(16)]] as const)('%s', (_, encryption) => {
  test.each(sizes)('OpenPGP.js opens %d bytes that we sealed', async (length) => {
    const sessionKey = randomBytes(32);
    const plain = randomBytes(length);
    const { message } = seal(plain, encryption, {
      sessionKey,
      pkesk: await wrapSessionKey(sessionKey, encryption, [recipient]),
      piece: 70_001,
    });
    const { data } = await openpgp.decrypt({
      message: await openpgp.readMessage({ binaryMessage: message }),
      decryptionKeys: key,
      format: 'binary',
    });
    expect(Buffer.from(data as Uint8Array).equals(plain)).toBe(true);
  });
});

describe.each([
  ['SEIPDv1', { aeadProtect: false }],
  ['GCM', { aeadProtect: true, preferredAEADAlgorithm: openpgp.enums.aead.gcm, aeadChunkSizeByte: 0 }],
  ['OCB', { aeadProtect: true, preferredAEADAlgorithm: openpgp.enums.aead.ocb, aeadChunkSizeByte: 0 }],
  ['EAX', { aeadProtect: true, preferredAEADAlgorithm: openpgp.enums.aead.eax, aeadChunkSizeByte: 0 }],
  ['EAX, larger chunks', { aeadProtect: true, preferredAEADAlgorithm: openpgp.enums.aead.eax, aeadChunkSizeByte: 12 }],
] as const)('from OpenPGP.js: %s', (name, config) => {
  test.each([0, 1, 55, 56, 63, 64, 65, 5000, 70_000])('we open %d bytes that OpenPGP.js sealed', async (length) => {
    const plain = randomBytes(length);
    const aead = name === 'SEIPDv1' ? undefined : (name.slice(0, 3).toLowerCase() as openpgp.enums.aeadNames);
    const message = (await openpgp.encrypt({
      message: await openpgp.createMessage({ binary: plain }),
      encryptionKeys: key.toPublic(),
      format: 'binary',
      config,
      sessionKey: {
        data: randomBytes(32),
        algorithm: 'aes256',
        ...(aead === undefined ? {} : { aeadAlgorithm: aead }),
      },
    })) as unknown as Uint8Array;
    const preamble = await readPreamble(sourceOf([message]));
    expect(preamble.encryption).toMatchObject(
      aead === undefined ? { packet: 'SEIPDv1' } : { packet: 'SEIPDv2', aead: name.slice(0, 3), cipher: 'AES-256' },
    );
    const { sessionKey, cipher } = await unwrapSessionKey(preamble.pkesk, await readSecretKey(secretKey));
    expect((await open(message, sessionKey, cipher === null ? {} : { cipher })).plain.equals(plain)).toBe(true);
  });
});

test("depot and OpenPGP.js verify each other's detached signatures", async () => {
  const made = await generateKey({ kind: 'signer', name: 'S', email: 's@example.org', profile: 'compat' });
  const bytes = randomBytes(1000);
  const signature = await openpgp.readSignature({
    armoredSignature: await signDetached(bytes, await readSecretKey(made.secretKey)),
  });
  const message = await openpgp.createMessage({ binary: bytes });
  const { signatures } = await openpgp.verify({
    message,
    signature,
    verificationKeys: (await openpgp.readKey({ armoredKey: made.publicKey })).toPublic(),
  });
  await expect(signatures[0].verified).resolves.toBe(true);
  const theirs = (await openpgp.sign({
    message: await openpgp.createMessage({ binary: bytes }),
    signingKeys: await openpgp.readPrivateKey({ armoredKey: made.secretKey }),
    detached: true,
  })) as unknown as string;
  expect((await verifyDetached(bytes, theirs, [await readCertificate(made.publicKey)])).fingerprint).toBe(
    made.fingerprint,
  );
});

test('OpenPGP.js opens a compat message for a modern key, and a modern message for two keys', async () => {
  const other = await generateKey({ kind: 'arrangement', name: 'N', email: 'n@example.org', profile: 'modern' });
  const both = [recipient, await judgeRecipient(await readCertificate(other.publicKey), other.fingerprint, new Date())];
  const plain = randomBytes(1000);
  for (const encryption of [v1, gcm(10), ocb(10)]) {
    const sessionKey = randomBytes(32);
    const { message } = seal(plain, encryption, {
      sessionKey,
      pkesk: await wrapSessionKey(sessionKey, encryption, both),
    });
    for (const armoredKey of [secretKey, other.secretKey]) {
      const decryptionKeys = await openpgp.readPrivateKey({ armoredKey });
      const { data } = await openpgp.decrypt({
        message: await openpgp.readMessage({ binaryMessage: message }),
        decryptionKeys,
        format: 'binary',
      });
      expect(Buffer.from(data as Uint8Array).equals(plain)).toBe(true);
    }
  }
});
