import { randomBytes } from 'node:crypto';
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gatherWrites, PacketMemory } from '../../src/sftp/packets.js';

const MiB = 1024 * 1024;

describe('memory for packets', () => {
  test('has the layout of RFC 4253 section 6 with room for the tag', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40_000 }), (octets) => {
        const packet = new PacketMemory().alloc(octets);
        const length = packet.readUInt32BE(0);
        const padding = packet[4];
        expect(length).toBe(1 + octets + padding);
        expect(length % 16).toBe(0);
        expect(padding).toBeGreaterThanOrEqual(4);
        expect(padding).toBeLessThan(20);
        expect(packet.length).toBe(4 + length + 16);
      }),
    );
  });

  test('no two packets that wait share an octet, and what was written is used again', () => {
    const memory = new PacketMemory();
    const waiting: Buffer[] = [];
    const slabs = new Set<ArrayBufferLike>();
    for (let i = 0; i < 2000; i++) {
      const packet = memory.alloc(1 + ((i * 7919) % 33_000));
      for (const other of waiting) {
        const apart =
          other.buffer !== packet.buffer ||
          other.byteOffset + other.length <= packet.byteOffset ||
          packet.byteOffset + packet.length <= other.byteOffset;
        expect(apart).toBe(true);
      }
      slabs.add(packet.buffer);
      waiting.push(packet);
      if (waiting.length === 40) for (const done of waiting.splice(0, 30)) memory.written(done, 1);
    }
    expect(slabs.size).toBeLessThan(10);
  });

  test('a packet larger than a slab has memory of its own', () => {
    const memory = new PacketMemory();
    const packet = memory.alloc(3 * MiB);
    expect(packet.length).toBeGreaterThan(3 * MiB);
    memory.written(packet, 1);
    expect(memory.alloc(10).buffer).not.toBe(packet.buffer);
  });
});

test('writes of one turn leave together, in order, and before an end that follows them', async () => {
  const written: Buffer[] = [];
  let calls = 0;
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      calls++;
      written.push(Buffer.from(chunk));
      done();
    },
  });
  const memory = new PacketMemory();
  gatherWrites(socket as unknown as Socket, memory);
  const sent = Array.from({ length: 20 }, (_, i) => {
    const bytes = i === 7 ? randomBytes(100) : memory.alloc(1 + i * 50);
    socket.write(bytes);
    return Buffer.from(bytes);
  });
  const finished = new Promise((resolve) => socket.once('finish', resolve));
  socket.end();
  await finished;
  expect(Buffer.concat(written).equals(Buffer.concat(sent))).toBe(true);
  expect(calls).toBe(3);
});
