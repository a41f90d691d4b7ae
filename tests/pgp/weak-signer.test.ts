/** A signature that anybody can make proves nothing. */
import * as openpgp from 'openpgp';
import { expect, test } from 'vitest';
import type { Certificate } from '../../src/pgp/certificate.js';
import { readCertificate } from '../../src/pgp/keys.js';
import { verifyDetached } from '../../src/pgp/signature.js';
import { made } from './doubtful.js';

interface Signature {
  rawNotations: unknown[];
  params: object;
  signatureType: number;
  publicKeyAlgorithm: number;
  hashAlgorithm: number;
  sign(key: object, data: object, date: Date, detached: boolean, config: openpgp.Config): Promise<void>;
  write(): Uint8Array;
}

/** Of order 1: S = 0 and R = this point are a valid signature over everything (RFC 8032 section 5.1.7, with A the neutral element). */
const neutral = Uint8Array.of(1, ...Array<number>(31).fill(0));
const always = { RS: Uint8Array.of(...neutral, ...Array<number>(32).fill(0)) };

/** A certificate whose primary key is that point, and a signature over `bytes` that needed no private key of it. */
async function forged(bytes: Uint8Array): Promise<{ signer: Certificate; signature: Uint8Array }> {
  const { privateKey } = await openpgp.generateKey({
    type: 'curve25519',
    userIDs: [{ name: 'weak' }],
    date: made,
    format: 'object',
    config: { aeadProtect: false },
  });
  const packet = privateKey.keyPacket as unknown as {
    publicParams: object;
    computeFingerprintAndKeyID(): Promise<void>;
  };
  // Signs as another key; only the hash of what is signed is of use then.
  const able = Object.create(packet, { publicParams: { value: packet.publicParams } }) as object;
  packet.publicParams = { A: neutral };
  await packet.computeFingerprintAndKeyID();
  const sign = async (signature: Signature, data: object): Promise<void> => {
    signature.rawNotations = [];
    await signature.sign(able, data, made, false, openpgp.config);
    signature.params = always;
  };
  const { userID, selfCertifications } = privateKey.users[0] as unknown as {
    userID: object;
    selfCertifications: Signature[];
  };
  await sign(selfCertifications[0], { userID, key: packet });
  privateKey.subkeys = [];

  const signature = new openpgp.SignaturePacket() as unknown as Signature;
  const { publicKeyAlgorithm, hashAlgorithm } = selfCertifications[0];
  Object.assign(signature, { signatureType: openpgp.enums.signature.binary, publicKeyAlgorithm, hashAlgorithm });
  const literal = new openpgp.LiteralDataPacket() as unknown as {
    setBytes(bytes: Uint8Array, format: openpgp.enums.literal): void;
  };
  literal.setBytes(bytes, openpgp.enums.literal.binary);
  await sign(signature, literal);
  const list = new openpgp.PacketList();
  list.push(signature as unknown as openpgp.SignaturePacket);
  return { signer: await readCertificate(privateKey.toPublic().write()), signature: list.write() };
}

test('a signature by a key for which anybody can sign is refused, and the error says why', async () => {
  const bytes = Buffer.from('{"a receipt": true}');
  const { signer, signature } = await forged(bytes);
  await expect(verifyDetached(bytes, signature, [signer], new Date('2026-01-01T00:00:00Z'))).rejects.toMatchObject({
    code: 'verification-failed',
    message: expect.stringMatching(
      /^signature not accepted: signer [0-9A-F]{40}: its point has a small order/,
    ) as string,
    hint: expect.any(String) as string,
  });
});
