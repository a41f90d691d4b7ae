/** OpenPGP packet framing (RFC 9580 section 4.2). No ciphers, no Node; nothing is allocated from a declared length. */
import { DepotError } from '../errors.js';
import { encodingOf } from '../text-file.js';

/** RFC 9580 section 5. */
export const packetType = {
  pkesk: 1,
  signature: 2,
  skesk: 3,
  onePassSignature: 4,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  compressed: 8,
  encryptedWithoutIntegrity: 9,
  marker: 10,
  literal: 11,
  trust: 12,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
  seipd: 18,
  mdc: 19,
  gnupgAead: 20,
  padding: 21,
} as const;

/** The only types that may have partial or indeterminate lengths (RFC 9580 section 4.2.1.4). */
const streamable = new Set<number>([
  packetType.compressed,
  packetType.encryptedWithoutIntegrity,
  packetType.literal,
  packetType.seipd,
  packetType.gnupgAead,
]);

export interface PacketHeader {
  type: number;
  /** Bytes of the header itself, the length field included. */
  bytes: number;
  /** Bytes of the body, or of its first part when `partial`; Infinity when indeterminate. */
  length: number;
  partial: boolean;
}

export function malformed(what: string): DepotError {
  return new DepotError('verification-failed', `not a valid OpenPGP message: ${what}`);
}

/** Binary packets start with the high bit set; text only with a byte order mark or a replaced byte. */
export function isArmored(bytes: Uint8Array | string): bytes is string | Uint8Array<ArrayBuffer> {
  if (typeof bytes === 'string' || bytes.length === 0) return true;
  return (
    (bytes[0]! & 0x80) === 0 ||
    encodingOf(bytes) !== 'utf-8' ||
    (bytes[0] === 0xef && (bytes[1] === 0xbb || bytes[1] === 0xbf))
  );
}

/** Reads the header at `offset`; null when `bytes` ends before it does. Throws 'verification-failed'. */
export function parseHeader(bytes: Uint8Array, offset = 0): PacketHeader | null {
  const first = bytes[offset];
  if (first === undefined) return null;
  if ((first & 0x80) === 0) throw malformed('a packet does not start with a packet header');
  const header = (first & 0x40) === 0 ? parseOldHeader(first, bytes, offset) : parseNewHeader(first, bytes, offset);
  if (header !== null && (header.partial || header.length === Infinity) && !streamable.has(header.type))
    throw malformed(`packet type ${header.type} has no fixed length`);
  return header;
}

function parseNewHeader(first: number, bytes: Uint8Array, offset: number): PacketHeader | null {
  const length = parseLength(bytes, offset + 1);
  return length === null ? null : { ...length, type: first & 0x3f, bytes: 1 + length.bytes };
}

function parseOldHeader(first: number, bytes: Uint8Array, offset: number): PacketHeader | null {
  const type = (first >> 2) & 0x0f;
  const lengthBytes = [1, 2, 4, 0][first & 3]!;
  if (bytes.length < offset + 1 + lengthBytes) return null;
  let length = lengthBytes === 0 ? Infinity : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + bytes[offset + 1 + i]!;
  return { type, bytes: 1 + lengthBytes, length, partial: false };
}

/** A new-format length field (RFC 9580 section 4.2.1); null when `bytes` ends before it does. */
export function parseLength(
  bytes: Uint8Array,
  offset: number,
): { bytes: number; length: number; partial: boolean } | null {
  const first = bytes[offset];
  if (first === undefined) return null;
  if (first < 192) return { bytes: 1, length: first, partial: false };
  if (first >= 224 && first < 255) return { bytes: 1, length: 2 ** (first & 0x1f), partial: true };
  if (first < 224) {
    const second = bytes[offset + 1];
    return second === undefined ? null : { bytes: 2, length: (first - 192) * 256 + second + 192, partial: false };
  }
  if (bytes.length < offset + 5) return null;
  const length =
    bytes[offset + 1]! * 2 ** 24 + (bytes[offset + 2]! << 16) + (bytes[offset + 3]! << 8) + bytes[offset + 4]!;
  return { bytes: 5, length, partial: false };
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return joined(parts);
}

/** In new memory. Takes more pieces than a call can have arguments. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** A fixed new-format length field, in the shortest form. */
export function encodeLength(length: number): Uint8Array {
  if (length < 192) return Uint8Array.of(length);
  if (length < 8384) return Uint8Array.of(((length - 192) >> 8) + 192, (length - 192) & 0xff);
  return Uint8Array.of(255, (length >>> 24) & 0xff, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff);
}

/** A whole packet in the new format with a fixed length. */
export function encodePacket(type: number, body: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0xc0 | type), encodeLength(body.length), body);
}

export interface WholePacket {
  type: number;
  body: Uint8Array;
  /** Header and body as they stand in the input. */
  raw: Uint8Array;
}

/** The packets of a sequence that is wholly in memory, such as a key. Throws 'verification-failed'. */
export function* splitPackets(bytes: Uint8Array): Generator<WholePacket> {
  for (let offset = 0; offset < bytes.length; ) {
    const header = parseHeader(bytes, offset);
    const start = offset + (header?.bytes ?? 0);
    if (header === null || header.partial || !(start + header.length <= bytes.length))
      throw malformed('a packet is longer than the data');
    const end = start + header.length;
    yield { type: header.type, body: bytes.subarray(start, end), raw: bytes.subarray(offset, end) };
    offset = end;
  }
}

/** What a PacketParser tells while it reads. `body` bytes are slices of what was written to it. */
export interface PacketSink {
  begin(header: PacketHeader): void;
  body(bytes: Uint8Array): void;
  end(): void;
}

/** Incremental parser of a packet sequence. Every method throws 'verification-failed' on bad framing. */
export class PacketParser {
  readonly #sink: PacketSink;
  readonly #header = new Uint8Array(6);
  #headerBytes = 0;
  #expect: 'header' | 'length' | 'body' = 'header';
  #left = 0;
  #partial = false;

  constructor(sink: PacketSink) {
    this.#sink = sink;
  }

  write(bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length) {
      if (this.#expect === 'body') {
        const take = Math.min(this.#left, bytes.length - offset);
        if (take > 0) this.#sink.body(take === bytes.length ? bytes : bytes.subarray(offset, offset + take));
        offset += take;
        this.#left -= take;
        if (this.#left === 0) this.#endOfPart();
      } else {
        this.#header[this.#headerBytes++] = bytes[offset++]!;
        this.#tryHeader();
      }
    }
  }

  /** Nothing follows. Throws in the middle of a packet. */
  end(): void {
    if (this.#expect === 'body' && this.#left === Infinity) {
      this.#expect = 'header';
      this.#sink.end();
    }
    if (this.#expect !== 'header' || this.#headerBytes > 0) throw malformed('it ends in the middle of a packet');
  }

  #tryHeader(): void {
    const seen = this.#header.subarray(0, this.#headerBytes);
    if (this.#expect === 'header') {
      const header = parseHeader(seen);
      if (header === null) return;
      this.#beginPart(header);
      this.#sink.begin(header);
    } else {
      const length = parseLength(seen, 0);
      if (length === null) return;
      this.#beginPart(length);
    }
    if (this.#left === 0) this.#endOfPart();
  }

  #beginPart(part: { length: number; partial: boolean }): void {
    this.#headerBytes = 0;
    this.#expect = 'body';
    this.#left = part.length;
    this.#partial = part.partial;
  }

  #endOfPart(): void {
    this.#expect = this.#partial ? 'length' : 'header';
    if (!this.#partial) this.#sink.end();
  }
}

/**
 * Writes one packet of unknown length in equal parts (RFC 9580 section 4.2.1.4), so that the part lengths say nothing
 * about how the content arrived. Keeps what it was given until a part is full; does not copy.
 */
export class PartialPacket {
  readonly #type: number;
  readonly #partExponent: number;
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #held: Uint8Array[] = [];
  #bytes = 0;
  #begun = false;

  /** Parts have 2^partExponent bytes, at least 512. */
  constructor(type: number, partExponent: number, emit: (bytes: Uint8Array) => void) {
    this.#type = type;
    this.#partExponent = partExponent;
    this.#emit = emit;
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#held.push(bytes);
    this.#bytes += bytes.length;
    while (this.#bytes >= 2 ** this.#partExponent) this.#emitPart();
  }

  final(): void {
    this.#emitHeader(encodeLength(this.#bytes));
    for (const bytes of this.#held) this.#emit(bytes);
  }

  #emitHeader(length: Uint8Array): void {
    this.#emit(this.#begun ? length : Uint8Array.of(0xc0 | this.#type, ...length));
    this.#begun = true;
  }

  #emitPart(): void {
    this.#emitHeader(Uint8Array.of(0xe0 | this.#partExponent));
    let left = 2 ** this.#partExponent;
    this.#bytes -= left;
    let whole = 0;
    while (left > 0) {
      const bytes = this.#held[whole]!;
      if (bytes.length <= left) {
        this.#emit(bytes);
        whole++;
      } else {
        this.#emit(bytes.subarray(0, left));
        this.#held[whole] = bytes.subarray(left);
      }
      left -= Math.min(left, bytes.length);
    }
    this.#held.splice(0, whole);
  }
}
