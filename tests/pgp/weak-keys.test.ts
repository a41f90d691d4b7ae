/** Keys that keep nothing secret are refused by the function that key add, key show, doctor, init and push all use. */
import { generateKeyPairSync, generatePrimeSync, getDiffieHellman } from 'node:crypto';
import * as openpgp from 'openpgp';
import { describe, expect, test } from 'vitest';
import { readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { judgeRecipient } from '../../src/pgp/policy.js';
import { edwardsFlaw, isUnusualExponent, rsaFlaw, weierstrassFlaw } from '../../src/pgp/weak-key.js';
import { doubtful, rsa, x25519, x448, type Doubtful } from './doubtful.js';

const at = new Date('2026-01-01T00:00:00Z');
const refusal = async (o: Doubtful): Promise<string> => {
  const c = await doubtful(o);
  return judgeRecipient(c, c.fingerprint, at).then(
    () => expect.fail('it was accepted'),
    (error: unknown) => {
      expect(error).toMatchObject({ code: 'recipient-unusable', hint: expect.any(String) });
      return (error as Error).message;
    },
  );
};

const prime = (bits: number): bigint => generatePrimeSync(bits, { bigint: true });
const [p, q] = [prime(1024), prime(1024)];
/** Of 2048 bits (RFC 3526, section 3): to search for one takes seconds. */
const longPrime = BigInt(`0x${getDiffieHellman('modp14').getPrime('hex')}`);
/** The second prime from p on that leaves no small factor to find. */
const nextTo = (n: bigint): bigint => {
  const good = (x: bigint): boolean =>
    [3n, 5n, 7n, 11n, 13n].every((small) => x % small !== 0n) && powMod(2n, x - 1n, x) === 1n;
  let x = n + 2n;
  while (!good(x)) x += 2n;
  return x;
};
function powMod(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) result = (result * result * (bit === '1' ? base : 1n)) % modulus;
  return result;
}
/** Of two primes k × M + 65537^a mod M, as Infineon's library made them. */
const roca = (): bigint =>
  BigInt(
    '0x900000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000008675e397eda6e9bf086bf01c0f863a145d647fada02d4420029dcc19ec88000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001067e637ecfde253ebb23c6d1f6da14aad0027c48bc326d159c7def816f3a2f011f89e3e0acea9acb5898f0335ec254c6e05df6f8804623a822615',
  );

describe('an RSA key with', () => {
  test.each<[string, () => Doubtful, RegExp]>([
    ['e = 1', () => rsa(p * q, 1n), /exponent is 1, so that anybody can read what is encrypted to it/],
    ['e = 2', () => rsa(p * q, 2n), /exponent is 2, so that anybody/],
    ['an even e', () => rsa(p * q, 65_536n), /exponent is one that no working key has/],
    ['an e above n', () => rsa(p * q, p * q + 2n), /exponent is one that no working key has/],
    ['an even n', () => rsa(2n * p * q, 65_537n), /divisible by 2, so that anybody can compute the private key/],
    ['a prime n', () => rsa(longPrime, 65_537n), /modulus is a prime number/],
    ['n = 3^1292', () => rsa(3n ** 1292n, 65_537n), /divisible by 3,/],
    [
      'a smooth n',
      () =>
        rsa(
          [...Array(200).keys()].reduce((n) => n * 65_521n, 1n),
          65_537n,
        ),
      /divisible by 65521/,
    ],
    ['n = p²', () => rsa(p * p, 65_537n), /power of one number/],
    ['n = p³', () => rsa(prime(700) ** 3n, 65_537n), /power of one number/],
    ['primes that are neighbours', () => rsa(p * nextTo(p), 65_537n), /primes of its RSA modulus lie close together/],
    ['the ROCA fault', () => rsa(roca(), 65_537n), /ROCA fault \(CVE-2017-15361\)/],
    ['1024 bits', () => rsa(prime(512) * prime(512), 65_537n), /RSA 102\d is too short/],
    ['20,000 bits', () => rsa((1n << 20_000n) + 1n, 65_537n), /RSA 20001 is longer than programs accept/],
  ])('%s is refused, with the reason', async (_, o, says) => {
    expect(await refusal(o())).toMatch(says);
  });

  test('sound numbers passes, and only an unusual exponent such as 3 is remarked on', () => {
    for (let i = 0; i < 3; i++) {
      const { n } = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });
      expect(rsaFlaw(BigInt(`0x${Buffer.from(n!, 'base64url').toString('hex')}`), 65_537n)).toBeNull();
    }
    expect(rsaFlaw(p * q, 3n)).toBeNull();
    expect([3n, 17n, 65_537n].map(isUnusualExponent)).toEqual([true, true, false]);
  });

  test('e = 3 is accepted, with a warning', async () => {
    const c = await doubtful(rsa(p * longPrime, 3n));
    expect((await judgeRecipient(c, c.fingerprint, at)).warnings).toEqual([
      expect.stringContaining('its RSA exponent is 3, where current programs use 65537'),
    ]);
  });
});

const small25519 = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880',
];
const p448 = 2n ** 448n - 2n ** 224n - 1n;
const little = (n: bigint, bytes: number): Buffer =>
  Buffer.from(n.toString(16).padStart(2 * bytes, '0'), 'hex').reverse();

describe('a point of small order is refused:', () => {
  test.each(small25519)('X25519 %s', async (hex) => {
    expect(await refusal(x25519(Buffer.from(hex, 'hex')))).toContain('its point has a small order');
  });

  test.each(small25519)('Curve25519 (algorithm 18) %s', async (hex) => {
    const good = (
      await openpgp.generateKey({ type: 'ecc', curve: 'curve25519Legacy', userIDs: [{ name: 'x' }], format: 'object' })
    ).publicKey.subkeys[0].keyPacket as unknown as { publicParams: object };
    expect(
      await refusal({ params: { ...good.publicParams, Q: Buffer.concat([Buffer.of(0x40), Buffer.from(hex, 'hex')]) } }),
    ).toContain('its point has a small order');
  });

  test.each([0n, 1n, p448 - 1n, p448])('X448 %#', async (u) => {
    expect(await refusal(x448(little(u, 56)))).toContain('its point has a small order');
  });

  test.each([0n, 1n, 2n ** 255n - 20n, 2n ** 255n - 19n])('Ed25519 %#', (y) => {
    expect(edwardsFlaw('Ed25519', little(y, 32))).toContain('its point has a small order');
    expect(edwardsFlaw('Ed448', little(y === 0n || y === 1n ? y : p448 - 1n, 57))).toContain(
      'its point has a small order',
    );
  });

  test('control: a sound point passes, and one off the curve is refused as such', () => {
    for (const [type, curve] of [
      ['ed25519', 'Ed25519'],
      ['ed448', 'Ed448'],
    ] as const) {
      const { x } = (
        type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ed448')
      ).publicKey.export({ format: 'jwk' });
      expect(edwardsFlaw(curve, Buffer.from(x!, 'base64url'))).toBeNull();
    }
    expect(edwardsFlaw('Ed25519', little(2n, 32))).toBe('its point is not on Ed25519');
  });
});

test.each(['nistP256', 'nistP384', 'nistP521'] as const)(
  '%s: a point on the curve passes, one off the curve is refused',
  async (curve) => {
    const subkey = (await openpgp.generateKey({ type: 'ecc', curve, userIDs: [{ name: 'x' }], format: 'object' }))
      .publicKey.subkeys[0].keyPacket as unknown as { algorithm: number; publicParams: { Q: Uint8Array } };
    const c = await doubtful({ algorithm: subkey.algorithm, params: subkey.publicParams });
    expect((await judgeRecipient(c, c.fingerprint, at)).warnings).toEqual([]);
    const beside = Uint8Array.from(subkey.publicParams.Q);
    beside[beside.length - 1] ^= 1;
    expect(await refusal({ algorithm: subkey.algorithm, params: { ...subkey.publicParams, Q: beside } })).toContain(
      'its point is not on its curve',
    );
  },
);

test('secp256k1: a point on the curve passes, one off the curve is refused', () => {
  const { x, y } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ format: 'jwk' });
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
  expect(weierstrassFlaw('secp256k1', point)).toBeNull();
  point[40] ^= 1;
  expect(weierstrassFlaw('secp256k1', point)).toBe('its point is not on its curve');
});

test('a subkey that was made or bound in the future is refused', async () => {
  const later = new Date('2033-01-01T00:00:00Z');
  expect(await refusal({ created: later, boundAt: new Date('2025-01-02T00:00:00Z') })).toMatch(
    /subkey \S+ was made in the future, on 2033-01-01T00:00:00Z/,
  );
  expect(await refusal({ boundAt: later })).toMatch(
    /subkey \S+ has a binding signature that is dated in the future, 2033-01-01T00:00:00Z/,
  );
});

test('control: the same key with sound numbers is accepted', async () => {
  const c = await doubtful({});
  expect((await judgeRecipient(c, c.fingerprint, at)).algorithm).toBe('Curve25519');
});

test('a weak key can still be read, to open old deposits', async () => {
  const { privateKey } = await openpgp.generateKey({
    type: 'rsa',
    rsaBits: 1024,
    userIDs: [{ name: 'x' }],
    format: 'object',
    config: { minRSABits: 1024 },
  });
  expect((await readSecretKey(privateKey.write())).isSecret).toBe(true);
  expect((await readCertificate(privateKey.toPublic().write())).algorithm).toBe('RSA 1024');
});
