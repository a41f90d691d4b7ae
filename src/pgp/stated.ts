/**
 * What a key file says of itself, without cryptography, so that `depot status` looks at a thousand keys in a moment and
 * loads no OpenPGP library. Nothing here is verified: policy.ts judges a key, at every push.
 */
import { createHash } from 'node:crypto';
import { isDepotError } from '../errors.js';
import { looseTextOf } from '../text-file.js';
import { isArmored, packetType, parseLength, splitPackets } from './packets.js';
import { toHex } from './pkesk.js';

export interface StatedKey {
  /** Of the primary key, upper-case hex. */
  fingerprint: string;
  /** When it stops being of use for `purpose`, by its self-signatures; null for never. */
  expiresAt: Date | null;
}

/** Key flags (RFC 9580 section 5.2.3.29). */
const flags = { encrypt: 0x04 | 0x08, sign: 0x02 } as const;

/** Null for what is no key of version 4 or 6. `bytes`: armoured or binary, public or secret. */
export function readStatedKey(bytes: Uint8Array, purpose: keyof typeof flags): StatedKey | null {
  try {
    const parts = partsOf(bytes);
    const [primary] = parts;
    if (primary === undefined) return null;
    const fingerprint = fingerprintOf(primary.body);
    if (fingerprint === null) return null;
    const own = (part: Part): Statement | null =>
      newest(part.statements.filter((one) => one.issuer === null || fingerprint.includes(one.issuer)));
    const whole = own(primary);
    const usable = parts.flatMap((part) => {
      const statement = own(part);
      return statement !== null && (statement.flags & flags[purpose]) !== 0 ? [expiryOf(part, statement)] : [];
    });
    const primaryExpiry = whole === null ? Infinity : expiryOf(primary, whole);
    const expiry = Math.min(primaryExpiry, usable.length === 0 ? Infinity : Math.max(...usable));
    return { fingerprint, expiresAt: expiry === Infinity ? null : new Date(expiry * 1000) };
  } catch (error) {
    if (isDepotError(error) || error instanceof RangeError) return null;
    throw error;
  }
}

interface Part {
  body: Uint8Array;
  statements: Statement[];
}

interface Statement {
  created: number;
  flags: number;
  /** Seconds after the key's creation, and after the signature's own; 0 for never. */
  keyLifetime: number;
  signatureLifetime: number;
  /** Key id or fingerprint in hex, where the signature names one. */
  issuer: string | null;
}

const keyPackets = new Set<number>([
  packetType.publicKey,
  packetType.secretKey,
  packetType.publicSubkey,
  packetType.secretSubkey,
]);
/** Certifications of a user id, a direct-key signature, a subkey binding (RFC 9580 section 5.2.1). */
const selfSignatures = new Set([0x10, 0x11, 0x12, 0x13, 0x18, 0x1f]);

function partsOf(bytes: Uint8Array): Part[] {
  const parts: Part[] = [];
  for (const { type, body } of splitPackets(dearmored(bytes))) {
    if (keyPackets.has(type)) parts.push({ body, statements: [] });
    else if (type === packetType.signature) {
      const statement = statementOf(body);
      if (statement !== null) parts.at(-1)?.statements.push(statement);
    }
  }
  return parts;
}

/** Leniently, but each byte once: the file may be anything, of many megabytes. */
function dearmored(bytes: Uint8Array): Uint8Array {
  if (!isArmored(bytes)) return bytes;
  const text = looseTextOf(bytes);
  const begin = text.indexOf('-----BEGIN PGP ');
  const end = text.indexOf('-----END PGP ', begin);
  if (begin < 0 || end < 0) return new Uint8Array(0);
  const lines = Array.from(text.slice(begin, end).split('\n'), (line) => line.trim());
  // Headers, an empty line, base64, and often a line '=' with a checksum (RFC 9580 section 6.2).
  const data = lines.slice(lines.indexOf('') + 1);
  const checksum = data.findLastIndex((line) => /^=[A-Za-z0-9+/]{4}$/.test(line));
  return Buffer.from((checksum < 0 ? data : data.slice(0, checksum)).join(''), 'base64');
}

/** Versions 4 and 6 have the same form but for the width of lengths (RFC 9580 section 5.2.3). */
function statementOf(body: Uint8Array): Statement | null {
  const view = viewOf(body);
  const version = view.getUint8(0);
  if ((version !== 4 && version !== 6) || !selfSignatures.has(view.getUint8(1))) return null;
  const width = version === 4 ? 2 : 4;
  const hashed = version === 4 ? view.getUint16(4) : view.getUint32(4);
  const unhashedAt = 4 + width + hashed;
  const unhashed = version === 4 ? view.getUint16(unhashedAt) : view.getUint32(unhashedAt);
  const statement: Statement = { created: 0, flags: 0, keyLifetime: 0, signatureLifetime: 0, issuer: null };
  for (const [type, data] of subpackets(body.subarray(4 + width, unhashedAt))) {
    if (type === 2) statement.created = viewOf(data).getUint32(0);
    else if (type === 3) statement.signatureLifetime = viewOf(data).getUint32(0);
    else if (type === 9) statement.keyLifetime = viewOf(data).getUint32(0);
    else if (type === 27) statement.flags = data[0] ?? 0;
    else if (type === 33) statement.issuer = toHex(data.subarray(1));
  }
  for (const [type, data] of subpackets(body.subarray(unhashedAt + width, unhashedAt + width + unhashed))) {
    if (type === 16 || type === 33) statement.issuer ??= toHex(type === 16 ? data : data.subarray(1));
  }
  return statement;
}

function* subpackets(area: Uint8Array): Generator<[type: number, data: Uint8Array]> {
  for (let offset = 0; offset < area.length; ) {
    // The same lengths as new packets, without partial ones (RFC 9580 section 5.2.3.7).
    const first = area[offset]!;
    const length =
      first >= 224 && first < 255
        ? { bytes: 2, length: (first - 192) * 256 + (area[offset + 1] ?? 0) + 192 }
        : parseLength(area, offset);
    if (length === null || length.length === 0) return;
    offset += length.bytes;
    yield [(area[offset] ?? 0) & 0x7f, area.subarray(offset + 1, offset + length.length)];
    offset += length.length;
  }
}

function newest(statements: Statement[]): Statement | null {
  return statements.reduce((best: Statement | null, one) => (one.created >= (best?.created ?? 0) ? one : best), null);
}

/** In seconds; Infinity for never. */
function expiryOf({ body }: Part, { created, keyLifetime, signatureLifetime }: Statement): number {
  const key = keyLifetime === 0 ? Infinity : viewOf(body).getUint32(1) + keyLifetime;
  return Math.min(key, signatureLifetime === 0 ? Infinity : created + signatureLifetime);
}

/** RFC 9580 section 5.5.4. */
function fingerprintOf(body: Uint8Array): string | null {
  const size = publicBytes(body);
  if (size === null) return null;
  const isVersion4 = body[0] === 4;
  const head = Buffer.alloc(isVersion4 ? 3 : 5);
  head[0] = isVersion4 ? 0x99 : 0x9b;
  head.writeUIntBE(size, 1, head.length - 1);
  const hash = createHash(isVersion4 ? 'sha1' : 'sha256')
    .update(head)
    .update(body.subarray(0, size));
  return hash.digest('hex').toUpperCase();
}

/** How much of a key packet is public: the beginning of a secret one (RFC 9580 sections 5.5.2 and 5.5.5). */
function publicBytes(body: Uint8Array): number | null {
  const view = viewOf(body);
  if (body[0] === 6) return 10 + view.getUint32(6);
  if (body[0] !== 4) return null;
  const integer = (at: number): number => at + 2 + Math.ceil(view.getUint16(at) / 8);
  const curve = (at: number): number => at + 1 + view.getUint8(at);
  const start = 6;
  switch (body[5]) {
    case 1:
    case 2:
    case 3:
      return integer(integer(start));
    case 16:
      return integer(integer(integer(start)));
    case 17:
      return integer(integer(integer(integer(start))));
    case 19:
    case 22:
      return integer(curve(start));
    case 25:
    case 27:
      return start + 32;
    case 26:
      return start + 56;
    case 28:
      return start + 57;
    case undefined:
    default:
      return null;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
