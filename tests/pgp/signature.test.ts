import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Certificate, SecretKey } from '../../src/pgp/certificate.js';
import { generateKey, readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { splitPackets } from '../../src/pgp/packets.js';
import { signDetached, verifyDetached } from '../../src/pgp/signature.js';
import { certificate, keyFile, secret } from './messages.js';

const receipt = Buffer.from('{"schema": "depot.receipt/1"}\n');
const signedAt = new Date('2024-02-01T00:00:00Z');
const now = new Date('2025-01-01T00:00:00Z');

/** Signed in February 2024 with the secret key `name`; keys revoked in June are given as they were before. */
async function signed(name: string): Promise<string> {
  return signDetached(receipt, await secret(name), signedAt);
}

describe('a detached signature', () => {
  test.each(['curve25519', 'sign-only', 'signing-subkey', 'rsa3072', 'nistp256'])('by %s verifies', async (name) => {
    const signature = await signed(name);
    expect(signature).toMatch(/^-----BEGIN PGP SIGNATURE-----\n\n/);
    const c = await certificate(name);
    expect(await verifyDetached(receipt, signature, [await certificate('rsa2048'), c], now)).toEqual({
      fingerprint: c.fingerprint,
      signedAt,
      warnings: [],
    });
  });

  test('may be binary', async () => {
    const { data } = (await openpgp.unarmor(await signed('curve25519'))) as unknown as { data: Uint8Array };
    expect(await verifyDetached(receipt, data, [await certificate('curve25519')], now)).toMatchObject({ warnings: [] });
  });

  test('may have other forms than the usual one: what is in it counts', async () => {
    const usual = await signed('curve25519');
    const { data } = (await openpgp.unarmor(usual)) as unknown as { data: Uint8Array };
    const [packet] = [...splitPackets(data)];
    const lines = usual.trimEnd().split('\n');
    const forms: (string | Uint8Array)[] = [
      lines.join('\r\n'),
      lines.join('\n'),
      `${usual}\n\n`,
      lines.filter((line) => !/^=....$/.test(line)).join('\n'),
      lines.map((line) => (/^=....$/.test(line) ? '=AAAA' : line)).join('\n'),
      usual.replace('\n\n', '\nComment: from the archive\n\n'),
      `Dear reader,\n\n${usual}\nRegards`,
      usual.replace(/^/gm, '> '),
      Buffer.concat([Buffer.of(0x88, packet.body.length), packet.body]),
      Buffer.concat([Buffer.of(0xc2, 0xff, 0, 0, 0, packet.body.length), packet.body]),
      Buffer.concat([Buffer.of(0xca, 3), Buffer.from('PGP'), data]),
      Buffer.concat([Buffer.of(0xc2, 4, 9, 9, 9, 9), data]),
      Buffer.concat([data, data]),
    ];
    const signers = [await certificate('curve25519')];
    for (const form of forms)
      expect(await verifyDetached(receipt, form, signers, now), String(form)).toMatchObject({ warnings: [] });
  });

  test('is refused wherever it is cut off or changed, in every form', async () => {
    const usual = await signed('curve25519');
    const { data } = (await openpgp.unarmor(usual)) as unknown as { data: Uint8Array };
    const signers = [await certificate('curve25519')];
    for (let i = 0; i < data.length; i++) {
      await expect(verifyDetached(receipt, data.slice(0, i), signers, now), `${i} bytes`).rejects.toMatchObject({
        code: 'verification-failed',
      });
      const changed = Uint8Array.from(data);
      // An MPI's length in bits counts only by its bytes, which this bit always changes.
      changed[i] ^= 0x80;
      const said = await verifyDetached(receipt, changed, signers, now).catch((error: unknown) => error);
      expect(said, `byte ${i}`).toMatchObject({ code: 'verification-failed' });
    }
  });

  test('is read no further than to the first packet that is none, of however many', async () => {
    let pieces = 0;
    class Counted extends Uint8Array {
      override subarray(begin?: number, end?: number): Uint8Array<ArrayBuffer> {
        pieces++;
        return super.subarray(begin, end);
      }
    }
    // Version 4, and nothing else.
    const many = Counted.from({ length: 3000 }, (_, i) => [0xc2, 1, 4][i % 3]);
    await expect(verifyDetached(receipt, many, [await certificate('curve25519')], now)).rejects.toMatchObject({
      code: 'verification-failed',
    });
    expect(pieces).toBeLessThan(50);
  });

  test('fails for every changed byte of the file', async () => {
    const signature = await signed('curve25519');
    const signers = [await certificate('curve25519')];
    for (let i = 0; i < receipt.length; i++) {
      const changed = Buffer.from(receipt);
      changed[i] ^= 1;
      await expect(verifyDetached(changed, signature, signers, now)).rejects.toMatchObject({
        code: 'verification-failed',
        message: expect.stringContaining('the file or the signature was changed') as string,
      });
    }
    for (const other of [
      Buffer.concat([receipt, Buffer.of(10)]),
      receipt.subarray(1),
      Buffer.from(receipt.toString().replace('\n', '\r\n')),
      Buffer.alloc(0),
    ]) {
      await expect(verifyDetached(other, signature, signers, now)).rejects.toThrow('was changed');
    }
  });

  test('fails if none of the given signers made it, or if none is given', async () => {
    const signature = await signed('curve25519');
    const [by, given] = [await certificate('curve25519'), await certificate('rsa3072')];
    await expect(verifyDetached(receipt, signature, [given], now)).rejects.toMatchObject({
      message: expect.stringContaining(
        `none of the given signers made it: it was made with ${by.fingerprint}; given: ${given.fingerprint} (`,
      ) as string,
      hint: expect.stringContaining('by telephone') as string,
    });
    await expect(verifyDetached(receipt, signature, [], now)).rejects.toThrow('none of the given signers made it');
  });

  test('fails unless it is exactly one signature', async () => {
    const signers = [await certificate('curve25519')];
    const twice = `${await signed('curve25519')}\n${await signed('curve25519')}`;
    for (const text of [
      '',
      'hello',
      keyFile('curve25519.public.asc').toString(),
      twice,
      '-----BEGIN PGP SIGNATURE-----\n\naGVsbG8=\n-----END PGP SIGNATURE-----\n',
      Buffer.of(0xc2, 3, 9, 9, 9),
    ]) {
      await expect(verifyDetached(receipt, text, signers, now)).rejects.toMatchObject({ code: 'verification-failed' });
    }
  });

  test('fails if it is dated in the future by more than a few minutes', async () => {
    const signature = await signed('curve25519');
    const signers = [await certificate('curve25519')];
    const before = (minutes: number): Date => new Date(signedAt.getTime() - minutes * 60_000);
    expect(await verifyDetached(receipt, signature, signers, before(5))).toMatchObject({ signedAt });
    await expect(verifyDetached(receipt, signature, signers, before(30))).rejects.toThrow(
      'made in the future, on 2024-02-01T00:00:00Z',
    );
  });

  test('fails if it uses SHA-1, or is a signature over text', async () => {
    const key = await openpgp.readPrivateKey({ armoredKey: keyFile('rsa3072.secret.asc').toString() });
    const c = await certificate('rsa3072');
    const make = async (type: openpgp.enums.signature, hash: openpgp.enums.hash): Promise<Uint8Array> => {
      const packet = new openpgp.SignaturePacket();
      packet.signatureType = type;
      packet.hashAlgorithm = hash;
      packet.publicKeyAlgorithm = key.keyPacket.algorithm;
      const literal = new openpgp.LiteralDataPacket() as unknown as { setBytes(b: Uint8Array, f: number): void };
      literal.setBytes(receipt, openpgp.enums.literal.binary);
      await (packet as unknown as { sign(...rest: unknown[]): Promise<void> }).sign(
        key.keyPacket,
        literal,
        signedAt,
        true,
        { ...openpgp.config, nonDeterministicSignaturesViaNotation: false },
      );
      const list = new openpgp.PacketList<openpgp.SignaturePacket>();
      list.push(packet);
      return list.write();
    };
    const { binary, text } = openpgp.enums.signature;
    const { sha1, sha256 } = openpgp.enums.hash;
    expect(await verifyDetached(receipt, await make(binary, sha256), [c], now)).toMatchObject({ signedAt });
    await expect(verifyDetached(receipt, await make(binary, sha1), [c], now)).rejects.toThrow(
      'it uses SHA-1 or an older hash',
    );
    await expect(verifyDetached(receipt, await make(text, sha256), [c], now)).rejects.toThrow(
      "not a signature of the file's exact bytes",
    );
  });
});

describe('a signer whose key is now', () => {
  test.each(['retired', 'superseded'])('%s: earlier signatures count, with a warning', async (name) => {
    const c = await certificate(name);
    expect(await verifyDetached(receipt, await signed(name), [c], now)).toEqual({
      fingerprint: c.fingerprint,
      signedAt,
      warnings: [
        expect.stringMatching(
          `^signer ${c.fingerprint} was ${name} on 2024-06-01T00:00:00Z, after it signed this on .*: that still counts; newer receipts need the signer's new key$`,
        ) as string,
      ],
    });
  });

  test.each(['retired', 'superseded'])('%s: later signatures do not count', async (name) => {
    const signature = await signDetached(receipt, await secret(name), new Date('2024-07-01T00:00:00Z'));
    await expect(verifyDetached(receipt, signature, [await certificate(name)], now)).rejects.toMatchObject({
      code: 'verification-failed',
      message: expect.stringContaining(
        `was ${name} on 2024-06-01T00:00:00Z, before it signed on 2024-07-01T00:00:00Z`,
      ) as string,
    });
    expect(
      await verifyDetached(receipt, signature, [await readCertificate(keyFile(`${name}.before.public.asc`))], now),
    ).toMatchObject({ warnings: [] });
  });

  test.each([
    ['compromised', 'compromised'],
    ['unexplained', 'revoked without a reason'],
  ])('%s: nothing it signed counts', async (name, reason) => {
    await expect(verifyDetached(receipt, await signed(name), [await certificate(name)], now)).rejects.toMatchObject({
      code: 'verification-failed',
      message: expect.stringContaining(
        `was revoked on 2024-06-01T00:00:00Z (${reason}), which invalidates all its signatures`,
      ) as string,
    });
  });

  test('expired: earlier signatures count, with a warning; depot makes no later ones', async () => {
    const c = await certificate('expired');
    expect((await verifyDetached(receipt, await signed('expired'), [c], now)).warnings).toEqual([
      expect.stringMatching(/^signer [0-9A-F]{40} expired on 2024-03-01T\S+, after it signed this$/),
    ]);
    await expect(signDetached(receipt, await secret('expired'), now)).rejects.toMatchObject({
      code: 'signer-unusable',
      message: expect.stringContaining('expired on 2024-03-01') as string,
    });
  });
});

describe('a signer whose key was extended after it signed', () => {
  let extended: Certificate;
  let key: SecretKey;
  let signature: string;

  beforeAll(async () => {
    const made = await generateKey({
      kind: 'signer',
      name: 'Acme',
      email: 'a@acme.example',
      profile: 'compat',
      expiresInSeconds: 60,
    });
    key = await readSecretKey(made.secretKey);
    signature = await signDetached(receipt, key, key.createdAt);
    const secretKey = await openpgp.readPrivateKey({ armoredKey: made.secretKey });
    const { publicKey } = await openpgp.reformatKey({
      privateKey: secretKey,
      userIDs: [{ name: 'Acme' }],
      keyExpirationTime: 3600,
      date: new Date(key.createdAt.getTime() + 30_000),
      format: 'object',
    });
    extended = await readCertificate(publicKey.write());
  });

  test('is judged by the newest self-signature', async () => {
    const at = new Date(key.createdAt.getTime() + 120_000);
    const old = await readCertificate(key.armored());
    expect((await verifyDetached(receipt, signature, [old], at)).warnings).toHaveLength(1);
    expect((await verifyDetached(receipt, signature, [extended], at)).warnings).toEqual([]);
  });
});

test('signing fails with a key that was not made yet, or without the secret part of the primary key', async () => {
  await expect(signDetached(receipt, await secret('retired'), new Date('2023-01-01T00:00:00Z'))).rejects.toMatchObject({
    code: 'signer-unusable',
    message: expect.stringContaining('made in the future') as string,
  });
  const subkeysOnly = await readSecretKey(keyFile('locked-subkeys.secret.asc'), () => Promise.resolve('correct horse'));
  await expect(signDetached(receipt, subkeysOnly, signedAt)).rejects.toMatchObject({ code: 'signer-unusable' });
});
