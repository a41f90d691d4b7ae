import { createCipheriv, createSecretKey, randomFillSync, type CipherGCMTypes, type KeyObject } from 'node:crypto';
import type { Socket } from 'node:net';
import { discard } from '../primitives.js';

/** Octets that packets are cut from: some thirty of the largest. */
const slabOctets = 1024 * 1024;
const tagOctets = 16;
/** Slabs kept for later; more than these are only needed while a slow link holds them. */
const keptSlabs = 4;

interface Slab {
  bytes: Buffer;
  used: number;
  /** Packets cut from it that the socket has not taken yet. */
  waiting: number;
}

/**
 * Memory for outgoing SSH packets. ssh2 allocates 32 KiB for every packet, which makes the garbage collector mark the
 * whole heap every few dozen MiB: a fifth of an upload's CPU. Here packets are cut from a few slabs, one after the other,
 * which are used again when the socket has written them.
 */
export class PacketMemory {
  #slab: Slab = newSlab();
  readonly #free: Slab[] = [];
  readonly #slabs = new Map<ArrayBufferLike, Slab>([[this.#slab.bytes.buffer, this.#slab]]);
  readonly #padding = Buffer.allocUnsafeSlow(16 * 1024);
  #paddingUsed = this.#padding.length;

  /**
   * Room for one packet as ssh2's AES-GCM wants it (RFC 5647 section 7.2 as OpenSSH does it, RFC 4253 section 6): length,
   * padding length, payload, random padding, and 16 octets for the tag. The payload begins at octet 5.
   */
  alloc(payloadOctets: number): Buffer {
    const padding = paddingFor(payloadOctets);
    const length = 1 + payloadOctets + padding;
    const packet = this.#cut(4 + length + tagOctets);
    packet.writeUInt32BE(length, 0);
    packet[4] = padding;
    this.#pad(packet, 5 + payloadOctets, padding);
    return packet;
  }

  /** The socket is done with these bytes, which hold so many packets. */
  written(bytes: Uint8Array, packets: number): void {
    const slab = this.#slabs.get(bytes.buffer);
    if (slab === undefined) return;
    slab.waiting -= packets;
    if (slab.waiting > 0) return;
    if (slab === this.#slab) slab.used = 0;
    else if (this.#free.length < keptSlabs) this.#free.push(slab);
    else this.#slabs.delete(bytes.buffer);
  }

  /** Whether `next` was cut right behind `bytes`. */
  follows(bytes: Uint8Array, next: Uint8Array): boolean {
    return (
      next.buffer === bytes.buffer &&
      next.byteOffset === bytes.byteOffset + bytes.byteLength &&
      this.#slabs.has(bytes.buffer)
    );
  }

  #cut(octets: number): Buffer {
    if (octets > slabOctets) return Buffer.allocUnsafeSlow(octets);
    if (this.#slab.used + octets > slabOctets) this.#next();
    const slab = this.#slab;
    const packet = slab.bytes.subarray(slab.used, slab.used + octets);
    slab.used += octets;
    slab.waiting++;
    return packet;
  }

  #next(): void {
    const slab = this.#free.pop() ?? newSlab();
    slab.used = 0;
    this.#slabs.set(slab.bytes.buffer, slab);
    this.#slab = slab;
  }

  /** Padding need not be secret, and is encrypted: random octets are made many at a time. */
  #pad(packet: Buffer, at: number, octets: number): void {
    if (this.#paddingUsed + octets > this.#padding.length) {
      randomFillSync(this.#padding);
      this.#paddingUsed = 0;
    }
    this.#padding.copy(packet, at, this.#paddingUsed, (this.#paddingUsed += octets));
  }
}

function newSlab(): Slab {
  return { bytes: Buffer.allocUnsafeSlow(slabOctets), used: 0, waiting: 0 };
}

/** What is used of ssh2's `Protocol`, its cipher and its packets. */
interface Protocol {
  _cipher: object;
  _decipher: object;
  _kexinit: unknown;
  _packetRW: { write: PacketWriter };
}
interface PacketWriter {
  alloc(payloadOctets: number, force?: boolean): Buffer;
}

/** What is used of ssh2's AES-GCM where its compiled one could not be built when it was installed. */
interface PlainGcm {
  _encSSLName: CipherGCMTypes;
  _encKey: Uint8Array;
  _encIV: Uint8Array;
  _onWrite: (packet: Buffer) => void;
  _dead: boolean;
  outSeqno: number;
  allocPacket(payloadOctets: number): Buffer;
  encrypt(packet: Buffer): void;
}
interface PlainGcmDecipher {
  _decipherKey: Uint8Array | KeyObject;
}

/** Lets ssh2 take its packets from `memory`, while its cipher is an AES-GCM that encrypts in place. */
export function usePacketMemory(client: object, memory: PacketMemory): void {
  const protocol = (client as { _protocol: Protocol })._protocol;
  const packets = protocol._packetRW;
  let writer = packets.write;
  // A key exchange makes a new writer.
  Object.defineProperty(packets, 'write', {
    get: () => writer,
    set: (next: PacketWriter) => (writer = lend(protocol, next, memory)),
  });
  writer = lend(protocol, writer, memory);
}

function lend(protocol: Protocol, writer: PacketWriter, memory: PacketMemory): PacketWriter {
  const alloc = writer.alloc.bind(writer);
  let known: object | null = null;
  let knownDecipher: object | null = null;
  let inPlace = false;
  writer.alloc = (payloadOctets, force) => {
    if (protocol._cipher !== known) {
      known = protocol._cipher;
      if (known.constructor.name === 'AESGCMCipherNative') encryptInPlace(known as PlainGcm);
      inPlace = /^AESGCMCipher(?:Native|Binding)$/.test(known.constructor.name);
    }
    if (protocol._decipher !== knownDecipher) {
      knownDecipher = protocol._decipher;
      if (knownDecipher.constructor.name === 'AESGCMDecipherNative') preparedKey(knownDecipher as PlainGcmDecipher);
    }
    // During a key exchange a packet waits unencrypted, in a form that is ssh2's own affair.
    return inPlace && (protocol._kexinit === undefined || force === true)
      ? memory.alloc(payloadOctets)
      : alloc(payloadOctets, force);
  };
  return writer;
}

/**
 * Makes ssh2's AES-GCM over `node:crypto` do what its compiled one does: packets have room for the tag, and leave in one piece. Its own way is three
 * pieces and memory for each packet, which on Node 22 and later gathers before it is collected, and a key that Node 24 looks at anew, by way of an
 * error, for every packet: half of an upload's CPU.
 */
function encryptInPlace(cipher: PlainGcm): void {
  const { _encSSLName: name, _encIV: iv } = cipher;
  const key = createSecretKey(cipher._encKey);
  const counter = new DataView(iv.buffer, iv.byteOffset + 4, 8);
  const alloc = cipher.allocPacket.bind(cipher);
  cipher.allocPacket = (payloadOctets) =>
    Buffer.concat([alloc(payloadOctets)], 4 + 1 + payloadOctets + paddingFor(payloadOctets) + tagOctets);
  cipher.encrypt = (packet) => {
    if (cipher._dead) return;
    const end = packet.length - tagOctets;
    const gcm = createCipheriv(name, key, iv).setAAD(packet.subarray(0, 4));
    const encrypted = gcm.update(packet.subarray(4, end));
    packet.set(encrypted, 4);
    discard(encrypted);
    gcm.final();
    packet.set(gcm.getAuthTag(), end);
    // RFC 5647 section 7.1: the invocation counter.
    counter.setBigUint64(0, counter.getBigUint64(0) + 1n);
    cipher.outSeqno = (cipher.outSeqno + 1) >>> 0;
    cipher._onWrite(packet);
  };
}

/** The same key for the answers, which come in small packets. */
function preparedKey(decipher: PlainGcmDecipher): void {
  const key = decipher._decipherKey;
  if (key instanceof Uint8Array) decipher._decipherKey = createSecretKey(key);
}

/** RFC 4253 section 6, for a cipher of 16-octet blocks that leaves the length in clear. */
function paddingFor(payloadOctets: number): number {
  const padding = 16 - ((1 + payloadOctets) & 15);
  return padding < 4 ? padding + 16 : padding;
}

/**
 * ssh2 writes packet by packet; what one turn of the event loop produces leaves in one system call, and packets that
 * lie side by side in memory as one piece.
 */
export function gatherWrites(socket: Socket, memory: PacketMemory): void {
  const write = socket.write.bind(socket) as (bytes: Uint8Array, done: () => void) => boolean;
  const end = socket.end.bind(socket) as (...args: unknown[]) => Socket;
  let pieces: { bytes: Uint8Array; packets: number }[] = [];
  const flush = (): void => {
    const gathered = pieces;
    pieces = [];
    if (gathered.length === 0 || !socket.writable) return;
    socket.cork();
    for (const { bytes, packets } of gathered) write(bytes, () => memory.written(bytes, packets));
    socket.uncork();
  };
  socket.write = (bytes: Uint8Array) => {
    if (pieces.length === 0) process.nextTick(flush);
    const last = pieces.at(-1);
    if (last !== undefined && memory.follows(last.bytes, bytes)) {
      last.bytes = new Uint8Array(last.bytes.buffer, last.bytes.byteOffset, last.bytes.length + bytes.length);
      last.packets++;
    } else {
      pieces.push({ bytes, packets: 1 });
    }
    return !socket.writableNeedDrain;
  };
  socket.end = (...args: unknown[]) => {
    flush();
    return end(...args);
  };
}
