import { createDecipheriv, KeyObject, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gatherWrites, PacketMemory, usePacketMemory } from '../../src/sftp/packets.js';

const MiB = 1024 * 1024;

describe('a packet', () => {
  test('has the layout of RFC 4253 section 6, with room for the tag', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40_000 }), (payload) => {
        const packet = new PacketMemory().alloc(payload);
        const length = packet.readUInt32BE(0);
        const padding = packet[4];
        expect(length).toBe(1 + payload + padding);
        expect(length % 16).toBe(0);
        expect(padding).toBeGreaterThanOrEqual(4);
        expect(padding).toBeLessThan(20);
        expect(packet.length).toBe(4 + length + 16);
      }),
    );
  });

  test('shares no byte with another that waits, and its memory is reused once it was written', () => {
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

  test('larger than a slab has memory of its own', () => {
    const memory = new PacketMemory();
    const packet = memory.alloc(3 * MiB);
    expect(packet.length).toBeGreaterThan(3 * MiB);
    memory.written(packet, 1);
    expect(memory.alloc(10).buffer).not.toBe(packet.buffer);
  });
});

const require = createRequire(import.meta.url);

test('package.json pins the installed ssh2 exactly, since depot uses its private parts', () => {
  const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const { version } = require('ssh2/package.json') as { version: string };
  expect(dependencies['ssh2']).toBe(version);
  expect(version).toMatch(/^\d+\.\d+\.\d+$/);
});

interface Cipher {
  allocPacket: (payloadBytes: number) => Buffer;
  encrypt: (packet: Buffer) => void;
  _encKey?: unknown;
}
const { CIPHER_INFO, createCipher, bindingAvailable } = require('ssh2/lib/protocol/crypto.js') as {
  CIPHER_INFO: Record<string, object>;
  createCipher: (config: object) => Cipher;
  bindingAvailable: boolean;
};

/** ssh2's own AES-GCM, compiled or over node:crypto, and what it sends. */
function gcm(interpreted: boolean): { cipher: Cipher; key: Buffer; iv: Buffer; sent: () => Buffer } {
  const [key, iv] = [randomBytes(16), randomBytes(12)];
  const sent: Buffer[] = [];
  const cipher = createCipher({
    outbound: {
      onWrite: (bytes: Buffer) => sent.push(Buffer.from(bytes)),
      cipherInfo: CIPHER_INFO['aes128-gcm@openssh.com'],
      cipherKey: Buffer.from(key),
      cipherIV: Buffer.from(iv),
      seqno: 0,
      forceNative: interpreted,
    },
  });
  return { cipher, key, iv, sent: () => Buffer.concat(sent.splice(0)) };
}

describe('AES-GCM over this memory', () => {
  // Deciphering throws if a packet was encrypted with any nonce but the next one (RFC 5647, section 7.1).
  test.each([...(bindingAvailable ? [['compiled', false] as const] : []), ['over node:crypto', true] as const])(
    'gives each packet the next nonce, even after new keys (%s)',
    (_, interpreted) => {
      const protocol: { _cipher: Cipher; _decipher: undefined } = { _cipher: gcm(true).cipher, _decipher: undefined };
      usePacketMemory({ _protocol: protocol }, new PacketMemory());
      for (let keys = 0; keys < 2; keys++) {
        const { cipher, key, iv, sent } = gcm(interpreted);
        const own = cipher.allocPacket;
        protocol._cipher = cipher;
        // Compiled, packets are allocated in our memory; over node:crypto, ssh2 allocates them, and gets a key that was prepared once.
        if (interpreted) expect(cipher._encKey).toBeInstanceOf(KeyObject);
        else expect(cipher.allocPacket).not.toBe(own);
        for (let n = 0n; n < 300n; n++) {
          const payload = randomBytes(1 + Number((n * 997n) % 32_768n));
          const packet = cipher.allocPacket(payload.length);
          packet.set(payload, 5);
          cipher.encrypt(packet);
          const bytes = sent();
          const nonce = Buffer.from(iv);
          nonce.writeBigUInt64BE(BigInt.asUintN(64, iv.readBigUInt64BE(4) + n), 4);
          const decipher = createDecipheriv('aes-128-gcm', key, nonce)
            .setAAD(bytes.subarray(0, 4))
            .setAuthTag(bytes.subarray(-16));
          const plain = Buffer.concat([decipher.update(bytes.subarray(4, -16)), decipher.final()]);
          expect(plain.subarray(1, 1 + payload.length).equals(payload)).toBe(true);
        }
      }
    },
  );

  test('leaves an ssh2 of another shape as it is', () => {
    class AESGCMCipherBinding {
      allocPacket = (payloadBytes: number): Buffer => Buffer.alloc(payloadBytes + 100);
    }
    const cipher = new AESGCMCipherBinding();
    const own = cipher.allocPacket;
    usePacketMemory({ _protocol: { _cipher: cipher } }, new PacketMemory());
    expect(cipher.allocPacket).toBe(own);
    for (const client of [{}, { _protocol: {} }, { _protocol: { _cipher: { encrypt: own }, _decipher: null } }])
      expect(() => usePacketMemory(client, new PacketMemory())).not.toThrow();
  });
});

test('writes of one turn leave together, in order, and before an end that follows', async () => {
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
