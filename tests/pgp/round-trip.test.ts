import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { PacketParser, parseHeader } from '../../src/pgp/packets.js';
import { checkHead, computeTail } from '../../src/pgp/proof.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { MessageReader } from '../../src/pgp/reader.js';
import { StructureReader } from '../../src/pgp/structure.js';
import { encryptions, gcm, ocb, open, pieces, seal, sourceOf, v1 } from './messages.js';

/** Bytes that repeat at no power of two, so that swapped or lost pieces show. */
function content(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7) & 0xff));
}

describe.each(encryptions)('%s', (_, encryption) => {
  const chunk = encryption.packet === 'SEIPDv2' ? 2 ** (encryption.chunkOctet + 6) : 65536;
  // Around the literal header, the first part, the AEAD chunk and the outer part.
  const awkward = [
    0,
    1,
    2,
    55,
    56,
    57,
    58,
    505,
    506,
    507,
    511,
    512,
    513,
    1023,
    1024,
    chunk - 9,
    chunk - 8,
    chunk - 7,
    chunk - 1,
    chunk,
    chunk + 1,
    2 * chunk,
    65535,
    65536,
    65537,
  ];

  test.each([...new Set(awkward)])('a message of %d bytes decrypts to the same bytes', async (length) => {
    const plain = content(length);
    const sealed = seal(plain, encryption);
    const { plain: got, reader } = await open(sealed.message, sealed.sessionKey);
    expect(Buffer.compare(got, plain)).toBe(0);
    expect(reader.plaintextOctets).toBe(sealed.plaintextOctets);
    expect(Buffer.from(reader.head)).toEqual(Buffer.from(sealed.head));
    expect(reader.tail === null ? null : Buffer.from(reader.tail)).toEqual(
      sealed.tail === null ? null : Buffer.from(sealed.tail),
    );
  });

  test('the content is the same, however writer and reader divide it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(6000),
        fc.integer({ min: 1, max: 1500 }),
        fc.integer({ min: 1, max: 1500 }),
        async (length, write, read) => {
          const plain = content(length);
          const { message, sessionKey } = seal(plain, encryption, { piece: write });
          expect(Buffer.compare((await open(message, sessionKey, { piece: read })).plain, plain)).toBe(0);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('the caller may overwrite the memory that it gave the writer', async () => {
    const plain = content(5000);
    const reused = Buffer.alloc(700);
    const out: Uint8Array[] = [];
    const whole = seal(plain, encryption);
    const { MessageWriter } = await import('../../src/pgp/writer.js');
    const writer = new MessageWriter({
      pkesk: whole.message.subarray(0, 2 + whole.message[1]),
      sessionKey: whole.sessionKey,
      encryption,
      emit: (bytes) => out.push(bytes),
    });
    for (const piece of pieces(plain, 700)) {
      reused.set(piece);
      writer.update(reused.subarray(0, piece.length));
      reused.fill(0xff);
    }
    writer.final();
    expect(Buffer.compare((await open(Buffer.concat(out), whole.sessionKey)).plain, plain)).toBe(0);
  });
});

describe('the outer packet', () => {
  const shape = (message: Uint8Array): number[] => {
    const offset = 2 + message[1];
    const header = parseHeader(message, offset)!;
    return [header.type, header.partial ? header.length : -1];
  };

  test('has parts of 64 KiB, or a fixed length if it is shorter', () => {
    expect(shape(seal(content(100), v1).message)).toEqual([18, -1]);
    expect(shape(seal(content(100_000), v1).message)).toEqual([18, 65536]);
    expect(shape(seal(content(100_000), gcm(10)).message)).toEqual([18, 65536]);
  });

  test('has the same size however the content arrived, except for the packet headers inside', () => {
    const sizes = [1, 700, 100_000].map((piece) => seal(content(100_000), ocb(4), { piece }).message.length);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(250);
  });

  test('ends with the final tag if it is SEIPDv2', () => {
    for (const length of [0, 1, 65536 - 60, 65536, 65536 * 2 - 77]) {
      const { message, tail } = seal(content(length), gcm(2));
      expect(message.subarray(-16)).toEqual(Buffer.from(tail!));
    }
  });

  test('can be checked without a key', async () => {
    for (const encryption of [v1, ocb(1)]) {
      const { message, head, tail } = seal(content(200_000), encryption);
      const source = sourceOf(pieces(message, 1000));
      const preamble = await readPreamble(source);
      const structure = new StructureReader({ preamble });
      structure.write(preamble.rest);
      for (let bytes = await source(); bytes !== null; bytes = await source()) structure.write(bytes);
      structure.end();
      expect(Buffer.from(preamble.head)).toEqual(Buffer.from(head));
      expect(Buffer.from(structure.head)).toEqual(Buffer.from(head));
      if (tail !== null) expect(Buffer.from(structure.tail)).toEqual(Buffer.from(tail));
    }
  });

  test('is refused if a second pass meets another message', async () => {
    const one = seal(content(5000), gcm(2));
    const two = seal(content(5000), gcm(2), { sessionKey: one.sessionKey });
    const preamble = await readPreamble(sourceOf([one.message]));
    const reader = new MessageReader({ preamble, sessionKey: one.sessionKey, plain: () => undefined });
    expect(() => reader.write(two.message.subarray(2 + two.message[1]))).toThrow('changed while it was read');
  });
});

describe('the key proof', () => {
  test('recomputes the tail from head, session key and plaintext size', () => {
    for (const encryption of [gcm(0), ocb(0), gcm(10), ocb(16)]) {
      for (const length of [0, 1, 56, 57, 64, 200, 70_000]) {
        const { head, tail, sessionKey, plaintextOctets } = seal(content(length), encryption);
        expect(Buffer.from(computeTail(head, sessionKey, plaintextOctets))).toEqual(Buffer.from(tail!));
        expect(Buffer.compare(computeTail(head, sessionKey, plaintextOctets + 1), tail!)).not.toBe(0);
        expect(Buffer.compare(computeTail(head, new Uint8Array(32), plaintextOctets), tail!)).not.toBe(0);
      }
    }
  });

  test('refuses an invalid head, key or size', () => {
    const { head, sessionKey } = seal(content(9), gcm(3));
    expect(() => computeTail(head.subarray(1), sessionKey, 9)).toThrow('not a version 2 encrypted data packet');
    expect(() => computeTail(head, new Uint8Array(16), 9)).toThrow('does not fit the cipher');
    expect(() => computeTail(head, sessionKey, -1)).toThrow('-1 bytes');
    expect(() => computeTail(head, sessionKey, 0.5)).toThrow('0.5 bytes');
  });

  test.each([
    ['gzip', Buffer.from('1f8b0800000000000003', 'hex')],
    ['zstd', Buffer.from('28b52ffd04581234', 'hex')],
    ['none', Buffer.from('DEPOT/README.md')],
  ] as const)('sees the beginning of a %s tar in a SEIPDv1 head', (compression, start) => {
    for (const length of [40, 400, 4000, 200_000]) {
      const { head, sessionKey } = seal(Buffer.concat([start, Buffer.alloc(length)]), v1);
      expect(head).toHaveLength(64);
      expect(checkHead(head, sessionKey)).toBe(compression);
    }
  });

  test('refuses other session keys, a key or head that is cut short, and a head of other contents', () => {
    const { head, sessionKey } = seal(Buffer.concat([Buffer.from('1f8b08', 'hex'), Buffer.alloc(100)]), v1);
    const wrong = 'the session key does not open this SEIPDv1 head';
    for (let seed = 0; seed < 300; seed++) {
      expect(() => checkHead(head, createHash('sha256').update(`${seed}`).digest())).toThrow(wrong);
    }
    expect(() => checkHead(head, sessionKey.subarray(16))).toThrow(wrong);
    expect(() => checkHead(head.subarray(0, 30), sessionKey)).toThrow(wrong);
    const other = seal(Buffer.alloc(100), v1);
    expect(() => checkHead(other.head, other.sessionKey)).toThrow(wrong);
  });
});

test('a packet with a fixed length of 3 GiB is read to its end', () => {
  let left = 0;
  const parser = new PacketParser({
    begin: (header) => {
      left = header.length;
    },
    body: (bytes) => {
      left -= bytes.length;
    },
    end: () => undefined,
  });
  parser.write(Uint8Array.of(0xd2, 0xff, 0xc0, 0, 0, 0));
  expect(left).toBe(3 * 2 ** 30);
  const piece = new Uint8Array(2 ** 24);
  for (let i = 0; i < 3 * 64; i++) parser.write(piece);
  parser.end();
  expect(left).toBe(0);
});
