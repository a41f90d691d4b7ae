import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeLength,
  encodePacket,
  PacketParser,
  parseHeader,
  parseLength,
  PartialPacket,
  splitPackets,
  type PacketHeader,
} from '../../src/pgp/packets.js';
import { pieces } from './messages.js';

/** What a parser says about a stream, given in pieces. */
function parse(bytes: Uint8Array, size: number): { header: PacketHeader; body: Buffer }[] {
  const packets: { header: PacketHeader; body: Buffer }[] = [];
  const parser = new PacketParser({
    begin: (header) => packets.push({ header, body: Buffer.alloc(0) }),
    body: (part) => {
      packets.at(-1)!.body = Buffer.concat([packets.at(-1)!.body, part]);
    },
    end: () => undefined,
  });
  for (const piece of pieces(bytes, size)) parser.write(piece);
  parser.end();
  return packets;
}

describe('headers (RFC 9580 section 4.2)', () => {
  test.each([
    ['new, one byte', [0xcb, 100], { type: 11, bytes: 2, length: 100, partial: false }],
    ['new, two bytes', [0xcb, 0xc5, 0xfb], { type: 11, bytes: 3, length: 1723, partial: false }],
    ['new, five bytes', [0xcb, 0xff, 0, 1, 0x86, 0xa0], { type: 11, bytes: 6, length: 100_000, partial: false }],
    [
      'new, the largest',
      [0xcb, 0xff, 0xff, 0xff, 0xff, 0xff],
      { type: 11, bytes: 6, length: 4_294_967_295, partial: false },
    ],
    ['new, partial', [0xd2, 0xef], { type: 18, bytes: 2, length: 32_768, partial: true }],
    ['new, largest partial', [0xd2, 0xfe], { type: 18, bytes: 2, length: 2 ** 30, partial: true }],
    ['old, one byte', [0x84, 7], { type: 1, bytes: 2, length: 7, partial: false }],
    ['old, two bytes', [0x85, 1, 12], { type: 1, bytes: 3, length: 268, partial: false }],
    ['old, four bytes', [0x86, 0xff, 0, 0, 0], { type: 1, bytes: 5, length: 4_278_190_080, partial: false }],
    ['old, indeterminate', [0xaf], { type: 11, bytes: 1, length: Infinity, partial: false }],
  ])('%s', (_, values, expected) => {
    const bytes = Uint8Array.from(values);
    expect(parseHeader(bytes)).toEqual(expected);
    for (let cut = 0; cut < bytes.length; cut++) expect(parseHeader(bytes.subarray(0, cut))).toBeNull();
  });

  test('a first byte without the high bit is refused, and so is a session key packet without a fixed length', () => {
    expect(() => parseHeader(Uint8Array.of(0x45, 1))).toThrow('does not start with a packet header');
    expect(() => parseHeader(Uint8Array.of(0xc1, 0xe9))).toThrow('packet type 1 has no fixed length');
    expect(() => parseHeader(Uint8Array.of(0x87))).toThrow('packet type 1 has no fixed length');
  });

  test('a length is encoded in its shortest form, and parses back', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.nat(10_000), fc.constantFrom(0, 191, 192, 8383, 8384, 2 ** 31, 2 ** 32 - 1)),
        (length) => {
          const encoded = encodeLength(length);
          expect(parseLength(encoded, 0)).toEqual({ bytes: encoded.length, length, partial: false });
          expect(encoded.length).toBe(length < 192 ? 1 : length < 8384 ? 2 : 5);
        },
      ),
    );
  });
});

describe('the parser', () => {
  test('finds the same packets, whatever the size of the pieces', () => {
    const packet = fc.tuple(fc.constantFrom(8, 11, 18), fc.nat(1500), fc.integer({ min: 9, max: 11 }));
    fc.assert(
      fc.property(fc.array(packet, { maxLength: 4 }), fc.integer({ min: 1, max: 600 }), (specs, size) => {
        const expected = specs.map(([type, length]) => ({ type, body: Buffer.alloc(length, type) }));
        const stream: Uint8Array[] = [];
        specs.forEach(([type, , exponent], i) => {
          const writer = new PartialPacket(type, exponent, (bytes) => stream.push(bytes));
          for (const piece of pieces(expected[i].body, 77)) writer.write(piece);
          writer.final();
        });
        expect(parse(Buffer.concat(stream), size).map(({ header, body }) => ({ type: header.type, body }))).toEqual(
          expected,
        );
      }),
    );
  });

  test('refuses a packet that is cut short anywhere', () => {
    const whole = Buffer.concat([encodePacket(11, new Uint8Array(300)), encodePacket(21, new Uint8Array(2))]);
    expect(parse(whole, 5)).toHaveLength(2);
    for (let cut = 1; cut < whole.length; cut++) {
      if (cut === 303) continue;
      expect(() => parse(whole.subarray(0, cut), 50)).toThrow('ends in the middle of a packet');
    }
  });

  test('reads a packet of indeterminate length to the end of the data', () => {
    expect(parse(Uint8Array.of(0xaf, 1, 2, 3), 2)[0].body).toEqual(Buffer.of(1, 2, 3));
  });

  test('splitPackets refuses lengths beyond the data without allocating them', () => {
    expect(() => [...splitPackets(Uint8Array.of(0xc1, 0xff, 0xff, 0xff, 0xff, 0xff, 1))]).toThrow(
      'longer than the data',
    );
    expect(() => [...splitPackets(Uint8Array.of(0xcb, 0xe0, 1))]).toThrow('longer than the data');
    expect(() => [...splitPackets(Uint8Array.of(0xaf, 1))]).toThrow('longer than the data');
  });
});

describe('a packet of unknown length', () => {
  const written = (length: number, piece: number): Buffer => {
    const out: Uint8Array[] = [];
    const writer = new PartialPacket(18, 9, (bytes) => out.push(bytes));
    for (const bytes of pieces(new Uint8Array(length), piece)) writer.write(bytes);
    writer.final();
    return Buffer.concat(out);
  };

  test.each([
    [0, [0xd2, 0]],
    [1, [0xd2, 1]],
    [511, [0xd2, 0xc1, 0x3f]],
    [512, [0xd2, 0xe9]],
    [513, [0xd2, 0xe9]],
    [1023, [0xd2, 0xe9]],
  ])(
    'of %d bytes has a fixed length if it is shorter than a first part of 512 bytes, else partial lengths',
    (length, start) => {
      expect([...written(length, 1000).subarray(0, start.length)]).toEqual(start);
    },
  );

  test('has the same bytes, however the content is divided', () => {
    fc.assert(
      fc.property(fc.nat(3000), fc.integer({ min: 1, max: 3000 }), (length, piece) => {
        expect(Buffer.compare(written(length, piece), written(length, 3000))).toBe(0);
      }),
    );
  });
});
