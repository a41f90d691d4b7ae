/**
 * Public keys whose private part anybody can compute, or that keep nothing secret, as far as cheap arithmetic on the
 * public part finds them. Each function says what is wrong, as it follows "key X: ", or null.
 */
import * as openpgp from 'openpgp';
import { algorithmOf, type KeyPacket } from './certificate.js';
import { toHex } from './pkesk.js';

/** Big-endian integers, or points as the algorithm encodes them. */
interface Parameters {
  n?: Uint8Array;
  e?: Uint8Array;
  /** 0x40 and the point for Curve25519 and Ed25519 of version 4, else 0x04, x and y. */
  Q?: Uint8Array;
  /** The point alone: X25519, X448, Ed25519, Ed448. */
  A?: Uint8Array;
}

const { curve25519Legacy: curve25519, ed25519Legacy: ed25519 } = openpgp.enums.curve as unknown as Record<
  string,
  string
>;

/** What was found of each: the arithmetic takes longer than a signature, and a signer may have made twenty thousand. */
const found = new WeakMap<KeyPacket, string | null>();

/** Why the key of this packet is not to be used, or null. */
export function weaknessOf(packet: KeyPacket): string | null {
  const known = found.get(packet);
  if (known !== undefined) return known;
  const weakness = weaknessIn(packet);
  found.set(packet, weakness);
  return weakness;
}

function weaknessIn(packet: KeyPacket): string | null {
  const { algorithm, bits, curve } = packet.getAlgorithmInfo();
  const { n, e, Q, A } = packet.publicParams as Parameters;
  if (algorithm === 'dsa' || algorithm === 'elgamal') return `${algorithmOf(packet)} is no longer accepted`;
  if (n !== undefined && e !== undefined)
    return bits === undefined || bits < 2048 ? `RSA ${bits ?? ''} is too short` : rsaFlaw(bigIntOf(n), bigIntOf(e));
  if (algorithm === 'x25519' && A !== undefined) return montgomeryFlaw('X25519', A);
  if (algorithm === 'x448' && A !== undefined) return montgomeryFlaw('X448', A);
  if (algorithm === 'ed25519' && A !== undefined) return edwardsFlaw('Ed25519', A);
  if (algorithm === 'ed448' && A !== undefined) return edwardsFlaw('Ed448', A);
  if (Q === undefined || curve === undefined) return null;
  if (curve === curve25519)
    return Q[0] === 0x40 ? montgomeryFlaw('X25519', Q.subarray(1)) : 'its point is not in the form of Curve25519';
  if (curve === ed25519)
    return Q[0] === 0x40 ? edwardsFlaw('Ed25519', Q.subarray(1)) : 'its point is not in the form of Ed25519';
  return Object.hasOwn(weierstrass, curve) ? weierstrassFlaw(curve as keyof typeof weierstrass, Q) : null;
}

/** What is worth replacing, as it follows "key X: "; none of it is a reason to refuse the key. */
export function remarkOn(packet: KeyPacket): string | null {
  const { algorithm, bits } = packet.getAlgorithmInfo();
  if (!algorithm.startsWith('rsa')) return null;
  if (bits !== undefined && bits < 3072) return `RSA ${bits} is short; replace it with RSA 3072 or Curve25519`;
  const { e } = packet.publicParams as Parameters;
  return e !== undefined && isUnusualExponent(bigIntOf(e))
    ? `its RSA exponent is ${bigIntOf(e)}, where current programs use 65537; replace it with a new key`
    : null;
}

/** Longer ones take seconds at each use, and programs refuse them. */
const longestRsa = 16_384;
/** RSA factors below this are found, by one greatest common divisor. */
const smallPrimesBelow = 1 << 16;
/** Of Fermat's method: the first few find the primes that the fault of CVE-2022-26320 made. */
const fermatSteps = 100;

function bigIntOf(bigEndian: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bigEndian)}`);
}

function littleEndian(bytes: Uint8Array): bigint {
  return bigIntOf(Uint8Array.from(bytes).reverse());
}

/** Whether the key is too short is for `weaknessOf` to judge. */
export function rsaFlaw(n: bigint, e: bigint): string | null {
  const bits = n.toString(2).length;
  if (bits > longestRsa) return `RSA ${bits} is longer than programs accept (${longestRsa})`;
  if (e < 3n) return `its RSA exponent is ${e}, so that anybody can read what is encrypted to it, or sign in its name`;
  if (e % 2n === 0n || e >= n) return 'its RSA exponent is one that no working key has';
  const computed = 'so that anybody can compute the private key';
  const factor = smallFactor(n);
  if (factor !== null) return `its RSA modulus is divisible by ${factor}, ${computed}`;
  if (isRoca(n))
    return 'it was made by a chip with the ROCA fault (CVE-2017-15361), so that its private key can be computed';
  if (isPower(n, bits)) return `its RSA modulus is the power of one number, ${computed}`;
  if (hasCloseFactors(n)) return `the primes of its RSA modulus lie close together (CVE-2022-26320), ${computed}`;
  // Fermat's test: not true of a product of two large primes, unless somebody chose them for it.
  if (powMod(2n, n - 1n, n) === 1n) return `its RSA modulus is a prime number, ${computed}`;
  return null;
}

/** Legal, and harmless with today's padding, but no current program chooses it. */
export function isUnusualExponent(e: bigint): boolean {
  return e < 65_537n;
}

let primesBelow: { primes: bigint[]; product: bigint } | null = null;

function smallPrimes(): { primes: bigint[]; product: bigint } {
  if (primesBelow !== null) return primesBelow;
  const composite = new Uint8Array(smallPrimesBelow);
  const primes: bigint[] = [];
  for (let i = 2; i < smallPrimesBelow; i++) {
    if (composite[i] === 1) continue;
    primes.push(BigInt(i));
    for (let j = i * i; j < smallPrimesBelow; j += i) composite[j] = 1;
  }
  // Products of like lengths: one after the other would be quadratic.
  let factors = primes;
  while (factors.length > 1)
    factors = Array.from(
      { length: Math.ceil(factors.length / 2) },
      (_, i) => factors[2 * i]! * (factors[2 * i + 1] ?? 1n),
    );
  return (primesBelow = { primes, product: factors[0]! });
}

function smallFactor(n: bigint): bigint | null {
  const { primes, product } = smallPrimes();
  const common = gcd(n, product % n);
  return common === 1n ? null : (primes.find((prime) => common % prime === 0n) ?? common);
}

function gcd(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** Nemec and others, 2017: modulo each of these primes, n is a power of 65537. A sound modulus passes once in 2^27. */
const rocaPrimes = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
];

function isRoca(n: bigint): boolean {
  return rocaPrimes.every((prime) => {
    const rest = Number(n % BigInt(prime));
    for (let power = 1, i = 0; i < prime; i++, power = (power * (65_537 % prime)) % prime)
      if (power === rest) return true;
    return false;
  });
}

/** The largest integer whose power is not above n. */
function root(n: bigint, exponent: bigint, bits: number): bigint {
  let x = 1n << BigInt(Math.ceil(bits / Number(exponent)));
  for (;;) {
    const next = ((exponent - 1n) * x + n / x ** (exponent - 1n)) / exponent;
    if (next >= x) return x;
    x = next;
  }
}

/** Whether n is a power; its factors are larger than the small primes. */
function isPower(n: bigint, bits: number): boolean {
  const { primes } = smallPrimes();
  for (const exponent of primes) {
    if (Number(exponent) * Math.log2(smallPrimesBelow) > bits) return false;
    if (mayBePower(n, exponent) && root(n, exponent, bits) ** exponent === n) return true;
  }
  return false;
}

/** Powers with this exponent are few modulo a prime q = k × exponent + 1: those r with r^k = 1. */
function mayBePower(n: bigint, exponent: bigint): boolean {
  const { primes } = smallPrimes();
  const moduli = primes.filter((prime) => prime > 2n && (prime - 1n) % exponent === 0n).slice(0, 8);
  return moduli.every((q) => powMod(n % q, (q - 1n) / exponent, q) === 1n);
}

function hasCloseFactors(n: bigint): boolean {
  const bits = n.toString(2).length;
  let a = root(n, 2n, bits) + 1n;
  for (let i = 0; i < fermatSteps; i++, a++) {
    const square = a * a - n;
    // Squares end in few ways: most candidates need no root.
    if (![0n, 1n, 4n, 9n, 16n, 17n, 25n, 33n, 36n, 41n, 49n, 57n].includes(square & 63n)) continue;
    const b = root(square, 2n, square.toString(2).length);
    if (b * b === square) return true;
  }
  return false;
}

function powMod(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}

const p25519 = 2n ** 255n - 19n;
const p448 = 2n ** 448n - 2n ** 224n - 1n;
const smallOrder =
  'its point has a small order, so that anybody can compute what is encrypted to it, or sign in its name';

/** Of order 1, 2, 4 and 8 on Curve25519 and its twist, of order 1, 2 and 4 on Curve448 (RFC 7748 section 6). */
const smallX: Record<'X25519' | 'X448', { p: bigint; bits: number; points: bigint[] }> = {
  X25519: {
    p: p25519,
    bits: 255,
    points: [
      0n,
      1n,
      p25519 - 1n,
      325606250916557431795983626356110631294008115727848805560023387167927233504n,
      39382357235489614581723060781553021112529911719440698176882885853963445705823n,
    ],
  },
  X448: { p: p448, bits: 448, points: [0n, 1n, p448 - 1n] },
};

/** `u`: a public key as RFC 7748 encodes it. */
function montgomeryFlaw(curve: 'X25519' | 'X448', u: Uint8Array): string | null {
  const { p, bits, points } = smallX[curve];
  if (u.length !== Math.ceil(bits / 8)) return `its ${curve} point has ${u.length} bytes`;
  return points.includes((littleEndian(u) & ((1n << BigInt(bits)) - 1n)) % p) ? smallOrder : null;
}

/** x² = (y² - 1) / (d y² - a), a twisted Edwards curve; `points` are the y of those of small order. */
const edwards = {
  Ed25519: {
    p: p25519,
    bytes: 32,
    a: -1n,
    d: 37095705934669439343138083508754565189542113879843219016388785533085940283555n,
    points: [
      0n,
      1n,
      p25519 - 1n,
      2707385501144840649318225287225658788936804267575313519463743609750303021670n,
      55188659117513257062467267217118295137698188065244968500265048394206261417927n,
    ],
  },
  Ed448: { p: p448, bytes: 57, a: 1n, d: -39081n, points: [0n, 1n, p448 - 1n] },
};

/** `point`: a public key as RFC 8032 encodes it. */
export function edwardsFlaw(curve: 'Ed25519' | 'Ed448', point: Uint8Array): string | null {
  const { p, bytes, a, d, points } = edwards[curve];
  if (point.length !== bytes) return `its ${curve} point has ${point.length} bytes`;
  // The highest bit is the sign of x.
  const y = littleEndian(point) & ((1n << BigInt(8 * bytes - 1)) - 1n);
  if (points.includes(y % p)) return smallOrder;
  const above = mod(y * y - 1n, p);
  const below = mod(d * y * y - a, p);
  // Euler's criterion, of the product instead of the quotient: the same, but for a square.
  return y < p && powMod(mod(above * below, p), (p - 1n) / 2n, p) === 1n ? null : `its point is not on ${curve}`;
}

/** y² = x³ + a x + b modulo p (SEC 2, FIPS 186-5). */
const weierstrass = {
  nistP256: {
    p: 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
    a: -3n,
    b: 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  },
  nistP384: {
    p: 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
    a: -3n,
    b: 0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aefn,
  },
  nistP521: {
    p: 2n ** 521n - 1n,
    a: -3n,
    b: 0x0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00n,
  },
  secp256k1: { p: 2n ** 256n - 2n ** 32n - 977n, a: 0n, b: 7n },
};

/** `point`: 0x04, x and y (SEC 1 section 2.3.3). */
export function weierstrassFlaw(curve: keyof typeof weierstrass, point: Uint8Array): string | null {
  const { p, a, b } = weierstrass[curve];
  const size = Math.ceil(p.toString(2).length / 8);
  if (point[0] !== 4 || point.length !== 1 + 2 * size) return 'its point is not in the uncompressed form';
  const x = bigIntOf(point.subarray(1, 1 + size));
  const y = bigIntOf(point.subarray(1 + size));
  return x < p && y < p && mod(y * y - (x * x * x + a * x + b), p) === 0n ? null : 'its point is not on its curve';
}

function mod(n: bigint, p: bigint): bigint {
  return ((n % p) + p) % p;
}
