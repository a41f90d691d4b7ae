/**
 * Signatures of every shape that a signer, or somebody else, can make: whether the platform checks them or OpenPGP.js,
 * the verdict that a user gets is the same. Changed bytes: ed25519.test.ts.
 */
import { createPrivateKey, hash, sign, type KeyObject } from 'node:crypto';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { Certificate } from '../../src/pgp/certificate.js';
import type { isPlainEd25519 as plain } from '../../src/pgp/ed25519.js';
import { readCertificate } from '../../src/pgp/keys.js';
import { concat, encodePacket, packetType } from '../../src/pgp/packets.js';
import { verifyDetached } from '../../src/pgp/signature.js';

/** `taken`: what the quick way said of the last signature; without `allowed` it says nothing of any. */
const quick = vi.hoisted(() => ({ allowed: true, taken: false }));
vi.mock('../../src/pgp/ed25519.js', async (original) => {
  const real = await original<{ isPlainEd25519: typeof plain }>();
  const isPlainEd25519: typeof plain = async (...o) =>
    (quick.taken = quick.allowed && (await real.isPlainEd25519(...o)));
  return { ...real, isPlainEd25519 };
});

const receipt = Buffer.from('{"schema": "depot.receipt/1"}\n');
const made = new Date('2025-01-01T00:00:00Z');
const signedAt = new Date('2025-02-01T00:00:00Z');
const now = new Date('2026-01-01T00:00:00Z');

interface Signer {
  certificate: Certificate;
  version: 4 | 6;
  algorithm: number;
  fingerprint: Uint8Array;
  key: KeyObject;
}

const { hash: hashes, publicKey, signature: signatureType } = openpgp.enums;
// Its types leave them out.
const { signatureSubpacket: subpacket } = openpgp.enums as unknown as Record<string, Record<string, number>>;
const shortHashes = [hashes.md5, hashes.sha1, hashes.sha224];
const otherHashes = [hashes.sha3_256, hashes.sha3_512];
const longHashes = [hashes.sha256, hashes.sha384, hashes.sha512];
const saltBytes = new Map([
  [hashes.sha384, 24],
  [hashes.sha512, 32],
  [hashes.sha3_512, 32],
]);

const kinds = ['legacy', 'version 4', 'version 6', 'subkey', 'revoked', 'expired'] as const;
type Kind = (typeof kinds)[number];
const signers = {} as Record<Kind, Signer>;
beforeAll(async () => {
  for (const kind of kinds) signers[kind] = await signerOf(kind);
});

async function signerOf(kind: Kind): Promise<Signer> {
  const { privateKey, revocationCertificate } = await openpgp.generateKey({
    ...(kind === 'legacy' ? { type: 'ecc', curve: 'ed25519Legacy' } : { type: 'curve25519' }),
    userIDs: [{ name: 'signer' }],
    date: made,
    format: 'object',
    subkeys: kind === 'subkey' ? [{ sign: true }] : [],
    ...(kind === 'expired' && { keyExpirationTime: 3600 }),
    config: { v6Keys: kind === 'version 6', aeadProtect: false },
  });
  const { keyPacket } = kind === 'subkey' ? privateKey.subkeys[0] : privateKey;
  const { seed } = (keyPacket as unknown as { privateParams: { seed: Uint8Array } }).privateParams;
  const { A, Q } = keyPacket.publicParams as { A?: Uint8Array; Q?: Uint8Array };
  const [d, x] = [seed, A ?? Q!.subarray(1)].map((bytes) => Buffer.from(bytes).toString('base64url'));
  const given =
    kind === 'revoked'
      ? (await openpgp.revokeKey({ key: privateKey, revocationCertificate, format: 'object' })).publicKey
      : privateKey.toPublic();
  return {
    certificate: await readCertificate(given.write()),
    version: keyPacket.version as 4 | 6,
    algorithm: keyPacket.algorithm,
    fingerprint: Buffer.from(keyPacket.getFingerprint(), 'hex'),
    key: createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' }),
  };
}

interface Shape {
  hash?: openpgp.enums.hash;
  version?: 4 | 6;
  algorithm?: number;
  type?: number;
  hashed?: Uint8Array[];
  unhashed?: Uint8Array[];
  /** Bytes of salt, of version 6. */
  salt?: number;
  /** Of the 64 bytes that Ed25519 makes. */
  params?: (rs: Uint8Array) => Uint8Array;
  /** Leaves the signer's fingerprint out, so that the key id alone names it. */
  anonymous?: boolean;
}

/** The body of a signature packet that the signer did make, of any shape. */
function signature(signer: Signer, o: Shape = {}): Uint8Array {
  const { version = signer.version, algorithm = signer.algorithm, hash: by = hashes.sha512 } = o;
  const width = version === 6 ? 4 : 2;
  const issuer = sub(subpacket.issuerFingerprint, concat(Uint8Array.of(signer.version), signer.fingerprint));
  const hashed = concat(
    sub(subpacket.signatureCreationTime, number(signedAt.getTime() / 1000, 4)),
    ...(o.anonymous === true ? [] : [issuer]),
    ...(o.hashed ?? []),
  );
  const unhashed = concat(...(o.unhashed ?? []));
  const start = concat(
    Uint8Array.of(version, o.type ?? signatureType.binary, algorithm, by),
    number(hashed.length, width),
    hashed,
  );
  const salt = new Uint8Array(version === 6 ? (o.salt ?? saltBytes.get(by) ?? 16) : 0).fill(7);
  const trailer = concat(Uint8Array.of(version, 0xff), number(start.length, 4));
  const name = openpgp.enums.read(openpgp.enums.hash, by).replace('_', '-');
  const digest = hash(name, concat(salt, receipt, start, trailer), 'buffer');
  const rs = sign(null, digest, signer.key);
  const mpis = (bytes: Uint8Array): Uint8Array => concat(mpi(bytes.subarray(0, 32)), mpi(bytes.subarray(32)));
  return concat(
    start,
    number(unhashed.length, width),
    unhashed,
    digest.subarray(0, 2),
    ...(version === 6 ? [Uint8Array.of(salt.length), salt] : []),
    (o.params ?? (algorithm === (publicKey.eddsaLegacy as number) ? mpis : (bytes) => bytes))(rs),
  );
}

function sub(type: number, body: Uint8Array, critical = false): Uint8Array {
  return concat(Uint8Array.of(body.length + 1, type | (critical ? 0x80 : 0)), body);
}

function number(value: number, width: number): Uint8Array {
  const bytes = Buffer.alloc(width);
  bytes.writeUIntBE(value, 0, width);
  return bytes;
}

/** As RFC 9580 section 3.2 has it, but for zeros before the number that `zeros` leaves there. */
function mpi(bytes: Uint8Array, zeros = 0): Uint8Array {
  const begin = bytes.findIndex((byte) => byte !== 0);
  const short = bytes.subarray(begin === -1 ? bytes.length : begin);
  const padded = concat(new Uint8Array(zeros), short);
  const bits = short.length === 0 ? 0 : 8 * (padded.length - 1) + (zeros > 0 ? 8 : 32 - Math.clz32(short[0]));
  return concat(number(bits, 2), padded);
}

function notation(name: string): Uint8Array {
  return concat(Uint8Array.of(0x80, 0, 0, 0), number(name.length, 2), number(1, 2), Buffer.from(`${name}x`));
}

/** What is said of a signature, in the words of the user, whichever way it is checked. */
async function verdict(body: Uint8Array, { certificate }: Signer): Promise<unknown> {
  const packet = encodePacket(packetType.signature, body);
  return verifyDetached(receipt, packet, [certificate], now).catch((error: unknown) => {
    const { code, message } = error as { code?: string; message: string };
    return { code, message };
  });
}

/** The same both ways; whether the quick one was taken. */
async function judged(body: Uint8Array, signer: Signer, what: string): Promise<{ said: unknown; quickly: boolean }> {
  quick.allowed = true;
  const said = await verdict(body, signer);
  const quickly = quick.taken;
  quick.allowed = false;
  expect(said, what).toEqual(await verdict(body, signer));
  if (!(said instanceof Object && 'warnings' in said))
    expect(said, what).toMatchObject({ code: 'verification-failed' });
  return { said, quickly };
}

const good = { signedAt, warnings: [] };
const refused = { code: 'verification-failed' };

describe.each(['legacy', 'version 4', 'version 6', 'subkey'] as const)('a good signature, %s,', (kind) => {
  test.each(longHashes)('with hash %i is taken', async (by) => {
    const found = await judged(signature(signers[kind], { hash: by }), signers[kind], kind);
    expect(found).toMatchObject({ quickly: true, said: good });
  });

  test('of every other shape gets the verdict of OpenPGP.js', async () => {
    const signer = signers[kind];
    const other = signer.algorithm === (publicKey.ed25519 as number) ? publicKey.eddsaLegacy : publicKey.ed25519;
    const unknown = (critical: boolean) => sub(101, Uint8Array.of(1), critical);
    const named = (critical: boolean) => sub(subpacket.notationData, notation('a@example.com'), critical);
    const revoker = sub(subpacket.revocationKey, concat(Uint8Array.of(0x80, 22), new Uint8Array(20)));
    const shapes: [string, Shape, quickly: boolean, said: unknown][] = [
      ...[...shortHashes, ...otherHashes].map((by): [string, Shape, boolean, unknown] => [
        `hash ${by}`,
        { hash: by },
        false,
        otherHashes.includes(by) ? good : refused,
      ]),
      ['of a text', { type: signatureType.text }, false, refused],
      ['of another algorithm', { algorithm: other }, false, refused],
      ['an unknown subpacket', { hashed: [unknown(false)] }, true, good],
      ['an unknown critical one', { hashed: [unknown(true)] }, false, refused],
      ['an unknown critical one that nobody signed', { unhashed: [unknown(true)] }, true, good],
      ['a notation', { hashed: [named(false)] }, true, good],
      ['a critical notation', { hashed: [named(true)] }, false, refused],
      ['another one may revoke', { hashed: [revoker] }, false, refused],
      ['expired', { hashed: [sub(subpacket.signatureExpirationTime, number(3600, 4))] }, true, refused],
      ['expires later', { hashed: [sub(subpacket.signatureExpirationTime, number(90_000_000, 4))] }, true, good],
      [
        'expired, says who did not sign it',
        { unhashed: [sub(subpacket.signatureExpirationTime, number(1, 4))] },
        true,
        good,
      ],
      [
        'made at another time, says who did not sign it',
        { unhashed: [sub(subpacket.signatureCreationTime, number(1, 4))] },
        true,
        good,
      ],
      ['key flags that nobody signed', { unhashed: [sub(subpacket.keyFlags, Uint8Array.of(0))] }, true, good],
      ['two times', { hashed: [sub(subpacket.signatureCreationTime, number(0xffff_ffff, 4))] }, true, refused],
      ['by nobody', { anonymous: true }, false, refused],
      [
        'by a key id that nobody signed',
        {
          anonymous: true,
          unhashed: [
            sub(subpacket.issuerKeyID, signer.fingerprint.subarray(...(signer.version === 6 ? [0, 8] : [-8]))),
          ],
        },
        signer.version === 4,
        signer.version === 4 ? good : refused,
      ],
      [
        'the key id of another key, that nobody signed',
        { unhashed: [sub(subpacket.issuerKeyID, new Uint8Array(8))] },
        signer.version === 6,
        signer.version === 6 ? good : refused,
      ],
      ...(signer.version === 6
        ? [0, 15, 33].map((salt): [string, Shape, boolean, unknown] => [
            `${salt} bytes of salt`,
            { salt },
            false,
            refused,
          ])
        : []),
    ];
    for (const [what, shape, quickly, said] of shapes) {
      const found = await judged(signature(signer, shape), signer, what);
      expect(found, what).toMatchObject({ quickly, said });
    }
  });
});

test('numbers of a legacy signature that are too long, or begin with zeros, are no reason for another verdict', async () => {
  const { legacy } = signers;
  const order = Buffer.from('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010', 'hex');
  /** S + L is the same number to who does not look (RFC 8032 section 5.1.7). */
  const tooLarge = (s: Uint8Array): Uint8Array => {
    const sum = new Uint8Array(32);
    for (let i = 0, carry = 0; i < 32; i++, carry >>= 8) sum[i] = carry += s[i] + order[i];
    return sum;
  };
  const shapes: Record<string, (rs: Uint8Array) => Uint8Array> = {
    'zeros before r': (rs) => concat(mpi(rs.subarray(0, 32), 40), mpi(rs.subarray(32))),
    'zeros before s': (rs) => concat(mpi(rs.subarray(0, 32)), mpi(rs.subarray(32), 40)),
    'a byte more after r': (rs) => concat(mpi(concat(rs.subarray(0, 32), Uint8Array.of(1))), mpi(rs.subarray(32))),
    'r of nothing': (rs) => concat(mpi(new Uint8Array()), mpi(rs.subarray(32))),
    's of nothing': (rs) => concat(mpi(rs.subarray(0, 32)), mpi(new Uint8Array())),
    'r of a kilobyte': (rs) => concat(mpi(new Uint8Array(1000).fill(1)), mpi(rs.subarray(32))),
    's that is too large': (rs) => concat(mpi(rs.subarray(0, 32)), mpi(tooLarge(rs.subarray(32)))),
  };
  for (const [what, params] of Object.entries(shapes)) {
    const { quickly, said } = await judged(signature(legacy, { params }), legacy, what);
    expect([quickly, said], what).toEqual([false, expect.objectContaining(refused)]);
  }
});

test.each([
  ['revoked', /was revoked on .*which invalidates all its signatures/],
  ['expired', /the signer had expired on/],
] as const)('a good signature of a key that is %s is refused all the same', async (kind, message) => {
  const { said, quickly } = await judged(signature(signers[kind]), signers[kind], kind);
  expect(quickly).toBe(true);
  expect(said).toMatchObject({ ...refused, message: expect.stringMatching(message) as string });
});
