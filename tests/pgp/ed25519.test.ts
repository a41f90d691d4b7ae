/** The short way to check an Ed25519 signature takes nothing that OpenPGP.js refuses. */
import * as openpgp from 'openpgp';
import { describe, expect, test } from 'vitest';
import { internalsOfSecret, type KeyPacket } from '../../src/pgp/certificate.js';
import { isPlainEd25519 } from '../../src/pgp/ed25519.js';
import { generateKey, readSecretKey } from '../../src/pgp/keys.js';

const text = Buffer.from('{"schema":"depot.receipt/1"}\n');

function literalOf(bytes: Uint8Array): object {
  const literal = new openpgp.LiteralDataPacket() as unknown as { setBytes(b: Uint8Array, format: number): void };
  literal.setBytes(bytes, openpgp.enums.literal.binary);
  return literal;
}

/** What each of the two says of a signature; null where OpenPGP.js cannot even read it. */
async function said(signature: Uint8Array, key: KeyPacket, bytes: Uint8Array = text) {
  const read = async () => (await openpgp.readSignature({ binarySignature: signature })).packets[0];
  // A changed tag makes another packet of it.
  const isRead = await read().then(
    (packet) => packet instanceof openpgp.SignaturePacket,
    () => false,
  );
  if (!isRead) return null;
  const here = await isPlainEd25519(await read(), key, literalOf(bytes));
  const there = await (await read())
    .verify(key, openpgp.enums.signature.binary, literalOf(bytes), null as unknown as Date, true)
    .then(
      () => true,
      () => false,
    );
  return { here, there };
}

async function signer(profile: 'compat' | 'modern') {
  const made = await generateKey({ kind: 'signer', name: 'Acme', email: 'ops@acme.example', profile });
  const { key } = internalsOfSecret(await readSecretKey(made.secretKey));
  const sign = async (more: Partial<openpgp.SignOptions> = {}): Promise<Uint8Array> => {
    const message = await openpgp.createMessage({ binary: text });
    const how = { ...more, message, signingKeys: key, detached: true, format: 'binary' };
    const signature: unknown = await openpgp.sign(how as never);
    return signature as Uint8Array;
  };
  const packet = (await key.getSigningKey()).keyPacket;
  return { sign, packet };
}

describe.each(['compat', 'modern'] as const)('of a %s key', (profile) => {
  test('a good signature is taken, and none over other bytes or by another key', async () => {
    const { sign, packet } = await signer(profile);
    const signature = await sign();
    expect(await said(signature, packet)).toEqual({ here: true, there: true });
    expect(await said(signature, packet, Buffer.from('other'))).toEqual({ here: false, there: false });
    expect(await said(signature, (await signer(profile)).packet)).toEqual({ here: false, there: false });
  });

  test('no changed signature is taken that OpenPGP.js refuses, whichever byte was changed', async () => {
    const { sign, packet } = await signer(profile);
    const signature = await sign();
    let refused = 0;
    for (let at = 0; at < signature.length; at++)
      for (const bit of [1, 0x40, 0x80]) {
        const changed = Uint8Array.from(signature);
        changed[at] ^= bit;
        const both = await said(changed, packet);
        if (both === null) continue;
        expect(both.here && !both.there, `byte ${at}, bit ${bit}`).toBe(false);
        if (!both.there) refused++;
      }
    expect(refused).toBeGreaterThan(100);
  });

  test('what says something critical that nobody knows is left to OpenPGP.js', async () => {
    const { sign, packet } = await signer(profile);
    for (const critical of [true, false]) {
      const notation = { name: 'x@acme.example', value: Buffer.from('y'), humanReadable: true, critical };
      const both = await said(await sign({ signatureNotations: [notation] }), packet);
      expect(both).toEqual({ here: !critical, there: !critical });
    }
  });
});
