/** Each cause has its own message; an unknown cause is called unknown. */
import * as openpgp from 'openpgp';
import { describe, expect, test, vi } from 'vitest';
import { internalsOf } from '../../src/pgp/certificate.js';
import { readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { encodePacket, packetType, splitPackets, type WholePacket } from '../../src/pgp/packets.js';
import { judgeRecipient, judgeSigner } from '../../src/pgp/policy.js';
import { unwrapSessionKey } from '../../src/pgp/sessionkey.js';
import { certificate, keyFile } from './messages.js';

const at = new Date('2025-01-01T00:00:00Z');
const binaryOf = async (name: string): Promise<Uint8Array> =>
  ((await openpgp.unarmor(keyFile(name).toString())) as unknown as { data: Uint8Array }).data;
const packetsOf = async (name: string): Promise<WholePacket[]> => [...splitPackets(await binaryOf(name))];
const join = (packets: (WholePacket | Uint8Array)[]): Uint8Array =>
  Buffer.concat(packets.map((packet) => ('raw' in packet ? packet.raw : packet)));
/** The packet with one byte of its body changed. */
const altered = ({ type, body }: WholePacket, change: (body: Uint8Array) => void): Uint8Array => {
  const copy = Uint8Array.from(body);
  change(copy);
  return encodePacket(type, copy);
};

async function refusal(bytes: Uint8Array, when = at): Promise<{ message: string; hint: string }> {
  const c = await readCertificate(bytes);
  return judgeRecipient(c, c.fingerprint, when).then(
    () => expect.fail('it was accepted'),
    (error: unknown) => error as { message: string; hint: string },
  );
}

describe('a key without a valid self-signature is refused:', () => {
  const generated = async (created: Date, config: openpgp.PartialConfig = {}): Promise<Uint8Array> =>
    (
      await openpgp.generateKey({ type: 'ecc', userIDs: [{ name: 'x' }], date: created, format: 'object', config })
    ).publicKey.write();
  const causes: [string, () => Promise<Uint8Array>, RegExp, RegExp][] = [
    [
      'made in the future',
      () => generated(new Date('2030-01-01T00:00:00Z')),
      /it was made in the future, on 2030-01-01T00:00:00Z/,
      /check this machine's clock/,
    ],
    [
      'without user id',
      async () =>
        join((await packetsOf('curve25519.public.asc')).filter(({ type }, i) => type !== packetType.userId && i !== 2)),
      /it has no user id/,
      /whole key/,
    ],
    [
      'without self-signature',
      async () => join((await packetsOf('curve25519.public.asc')).filter((_, i) => i !== 2)),
      /the key itself has not signed its user ids/,
      /whole key/,
    ],
    [
      'SHA-1',
      () => binaryOf('sha1-self.public.asc'),
      /its self-signature uses SHA-1/,
      /setting the expiry signs it again/,
    ],
    [
      'changed',
      async () =>
        join(
          (await packetsOf('curve25519.public.asc')).map((packet) =>
            packet.type === packetType.userId
              ? altered(packet, (body) => {
                  body[0] ^= 1;
                })
              : packet,
          ),
        ),
      /does not verify: the key was changed or damaged/,
      /send it again/,
    ],
    [
      'another version',
      async () =>
        join(
          (await packetsOf('curve25519.public.asc')).map((packet, i) =>
            i === 2
              ? altered(packet, (body) => {
                  body[0] = 5;
                })
              : packet,
          ),
        ),
      /depot cannot read its signatures, of version 5/,
      /key of version 4/,
    ],
  ];

  test.each(causes)('%s; the error names the cause, and the hint what to do', async (_, bytes, says, hint) => {
    const error = await refusal(await bytes());
    expect(error.message).toMatch(says);
    expect(error.hint).toMatch(hint);
  });

  test('each cause has its own error message', async () => {
    const texts = await Promise.all(
      causes.map(async ([, bytes]) => (await refusal(await bytes())).message.replace(/^key \S+: /, '')),
    );
    expect(new Set(texts).size).toBe(causes.length);
  });

  test('an exception for an unknown reason is shown, escaped, as a check that could not be made', async () => {
    const c = await certificate('curve25519');
    vi.spyOn(openpgp.SignaturePacket.prototype, 'verify').mockRejectedValue(new Error('out of \u001b[31mluck'));
    try {
      await expect(judgeRecipient(c, c.fingerprint, at)).rejects.toThrow(
        'its self-signature could not be checked; OpenPGP.js says: out of \\x1b[31mluck',
      );
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('a revocation that cannot be checked for an unknown reason counts', async () => {
    const c = await certificate('retired');
    const verify = Reflect.get(openpgp.SignaturePacket.prototype, 'verify') as (
      this: openpgp.SignaturePacket,
      ...rest: unknown[]
    ) => Promise<void>;
    vi.spyOn(openpgp.SignaturePacket.prototype, 'verify').mockImplementation(function (
      this: openpgp.SignaturePacket,
      ...rest
    ) {
      return this.signatureType === openpgp.enums.signature.keyRevocation
        ? Promise.reject(new Error('out of luck'))
        : verify.apply(this, rest);
    });
    try {
      await expect(judgeRecipient(c, c.fingerprint, at)).rejects.toThrow(
        'by a signature that could not be checked; OpenPGP.js says: out of luck',
      );
    } finally {
      vi.restoreAllMocks();
    }
  });
});

test('a subkey of an unknown algorithm is named', async () => {
  const packets = await packetsOf('curve25519.public.asc');
  const bytes = join(
    packets.map((packet) =>
      packet.type === packetType.publicSubkey
        ? altered(packet, (body) => {
            body[5] = 35;
          })
        : packet,
    ),
  );
  expect((await refusal(bytes)).message).toContain('depot cannot read a subkey of algorithm 35 (ML-KEM-768+X25519)');
});

test('a primary key of an unknown algorithm is named', async () => {
  const packets = await packetsOf('curve25519.public.asc');
  const bytes = join(
    packets.map((packet) =>
      packet.type === packetType.publicKey
        ? altered(packet, (body) => {
            body[5] = 30;
          })
        : packet,
    ),
  );
  await expect(readCertificate(bytes)).rejects.toMatchObject({
    code: 'key-unreadable',
    message: expect.stringContaining('its primary key, of algorithm 30 (ML-DSA-65+Ed25519), cannot be read') as string,
  });
});

describe('a secret key that stays locked', () => {
  /** `locked.secret.asc` with the byte at `offset` of the locked part of each packet changed: 0 is the usage, 1 the cipher, 2 the kind of S2K. */
  async function relocked(offset: number, value: number): Promise<Uint8Array> {
    const packets = await packetsOf('locked.secret.asc');
    return join(
      packets.map((packet) => {
        if (packet.type !== packetType.secretKey && packet.type !== packetType.secretSubkey) return packet;
        const start = packet.body.findIndex(
          (byte, i) => byte === 254 && i > 30 && [7, 8, 9].includes(packet.body[i + 1]) && packet.body[i + 2] === 3,
        );
        return altered(packet, (body) => {
          body[start + offset] = value;
        });
      }),
    );
  }
  const open = async (bytes: Uint8Array): Promise<unknown> =>
    readSecretKey(bytes, () => Promise.resolve('correct horse'));

  test.each([
    ['IDEA', 1, 1, /cannot be unlocked: it is locked with IDEA/],
    ['Camellia', 1, 13, /cannot be unlocked: it is locked with Camellia-256/],
    ['an S2K of tomorrow', 2, 99, /cannot be unlocked: it is locked with AES-\d+, S2K type 99/],
    ['a sum of 16 bits', 0, 255, /cannot be unlocked: its lock is from before 2002/],
  ])('because of %s gives an error that names it, not a wrong passphrase', async (_, offset, value, says) => {
    await expect(open(await relocked(offset, value))).rejects.toMatchObject({
      code: 'key-unreadable',
      message: expect.stringMatching(says) as string,
      hint: expect.stringContaining('gpg') as string,
    });
  });

  test('control: the unchanged key opens, and another passphrase is called wrong', async () => {
    const bytes = await binaryOf('locked.secret.asc');
    await open(bytes);
    await expect(readSecretKey(bytes, () => Promise.resolve('wrong'))).rejects.toMatchObject({
      code: 'passphrase-wrong',
    });
  });

  test('because of an unknown exception gives an error that shows it', async () => {
    vi.spyOn(openpgp.SecretKeyPacket.prototype, 'decrypt').mockRejectedValue(new Error('wasm is not allowed here'));
    vi.spyOn(openpgp.SecretSubkeyPacket.prototype, 'decrypt').mockRejectedValue(new Error('wasm is not allowed here'));
    try {
      await expect(open(await binaryOf('locked.secret.asc'))).rejects.toMatchObject({
        code: 'key-unreadable',
        message: expect.stringContaining(
          'OpenPGP.js says: wasm is not allowed here; depot cannot tell whether the passphrase is right',
        ) as string,
      });
    } finally {
      vi.restoreAllMocks();
    }
  });
});

describe('a session key that cannot be unwrapped', () => {
  async function wrapped(cipher: number, length: number, anonymous = false): Promise<Uint8Array> {
    const key = internalsOf(await certificate('curve25519')).key.subkeys[0].keyPacket;
    const Pkesk = openpgp.PublicKeyEncryptedSessionKeyPacket as unknown as {
      fromObject(o: object): { encrypt(key: object): Promise<void>; write(): Uint8Array };
    };
    const packet = Pkesk.fromObject({
      version: 3,
      encryptionKeyPacket: key,
      anonymousRecipient: anonymous,
      sessionKey: new Uint8Array(length).fill(7),
      sessionKeyAlgorithm: cipher,
    });
    await packet.encrypt(key);
    return encodePacket(packetType.pkesk, packet.write());
  }
  const secretKey = () => readSecretKey(keyFile('curve25519.secret.asc'));

  test.each([
    ['IDEA', 1, 16],
    ['CAST5', 3, 16],
    ['Blowfish', 4, 16],
    ['TripleDES', 2, 24],
    ['Twofish', 10, 32],
    ['a cipher other than AES, such as Camellia', 13, 32],
  ])(
    'because it is for %s: the error names the cipher, for named and anonymous recipients',
    async (name, id, length) => {
      for (const anonymous of [false, true]) {
        await expect(unwrapSessionKey(await wrapped(id, length, anonymous), await secretKey())).rejects.toMatchObject({
          code: 'verification-failed',
          message: `encrypted with ${name}, which depot cannot read: it reads AES only`,
          hint: 'decrypt it with: gpg -d -o NEW-FILE FILE; use what that wrote only when it ends with exit code 0',
        });
      }
    },
  );

  test('because its packet was changed: the error says so; another exception is shown', async () => {
    const good = await wrapped(9, 32);
    const changed = Uint8Array.from(good);
    changed[changed.length - 1] ^= 1;
    await expect(unwrapSessionKey(changed, await secretKey())).rejects.toThrow(
      'the session key packet for this key was changed',
    );
    vi.spyOn(
      openpgp.PublicKeyEncryptedSessionKeyPacket.prototype as unknown as { decrypt(): Promise<void> },
      'decrypt',
    ).mockRejectedValue(new Error('no such engine'));
    try {
      await expect(unwrapSessionKey(good, await secretKey())).rejects.toThrow(
        'the session key packet for this key was not opened; OpenPGP.js says: no such engine',
      );
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('because the secret part is on a smart card: the error says so', async () => {
    const packets = await packetsOf('curve25519.secret.asc');
    // GnuPG's stub: usage 255, no cipher, S2K 101, no hash, "GNU", mode 1.
    const stub = Buffer.concat([Buffer.of(255, 0, 101, 0), Buffer.from('GNU'), Buffer.of(1)]);
    const subkey = internalsOf(await certificate('curve25519')).key.subkeys[0].keyPacket as unknown as {
      writePublicKey(): Uint8Array;
    };
    const bytes = join(
      packets.map((packet) =>
        packet.type === packetType.secretSubkey
          ? encodePacket(packet.type, Buffer.concat([subkey.writePublicKey(), stub]))
          : packet,
      ),
    );
    await expect(unwrapSessionKey(await wrapped(9, 32), await readSecretKey(bytes))).rejects.toMatchObject({
      code: 'not-addressed',
      message: expect.stringContaining('whose secret part is not in this file: it is on a smart card') as string,
    });
  });
});

test('a signer is refused for the same causes', async () => {
  const c = await readCertificate(await binaryOf('sha1-self.public.asc'));
  await expect(judgeSigner(c, at)).rejects.toMatchObject({
    code: 'signer-unusable',
    message: expect.stringContaining('its self-signature uses SHA-1') as string,
  });
});
