import { createSecretKey, randomFillSync } from 'node:crypto';
import type { Socket } from 'node:net';

/** Bytes that packets are cut from: some thirty of the largest. */
const slabBytes = 1024 * 1024;
const tagBytes = 16;
/** Slabs kept for later; more than these are only needed while a slow link holds them. */
const keptSlabs = 4;

interface Slab {
  bytes: Buffer;
  used: number;
  /** Packets cut from it that the socket has not taken yet. */
  waiting: number;
}

/**
 * Outgoing packets, cut from a few slabs that are used again once written. ssh2 allocates 32 KiB for each packet, and
 * the garbage collections of that are a fifth of an upload's CPU.
 */
export class PacketMemory {
  #slab: Slab = newSlab();
  readonly #free: Slab[] = [];
  readonly #slabs = new Map<ArrayBufferLike, Slab>([[this.#slab.bytes.buffer, this.#slab]]);
  readonly #padding = Buffer.allocUnsafeSlow(16 * 1024);
  #paddingUsed = this.#padding.length;

  /** One packet of ssh2's AES-GCM (RFC 5647 section 7.2, RFC 4253 section 6). The payload begins at byte 5. */
  alloc(payloadBytes: number): Buffer {
    const padding = paddingFor(payloadBytes);
    const length = 1 + payloadBytes + padding;
    const packet = this.#cut(4 + length + tagBytes);
    packet.writeUInt32BE(length, 0);
    packet[4] = padding;
    this.#pad(packet, 5 + payloadBytes, padding);
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

  #cut(bytes: number): Buffer {
    if (bytes > slabBytes) return Buffer.allocUnsafeSlow(bytes);
    if (this.#slab.used + bytes > slabBytes) this.#next();
    const slab = this.#slab;
    const packet = slab.bytes.subarray(slab.used, slab.used + bytes);
    slab.used += bytes;
    slab.waiting++;
    return packet;
  }

  #next(): void {
    const slab = this.#free.pop() ?? newSlab();
    slab.used = 0;
    this.#slabs.set(slab.bytes.buffer, slab);
    this.#slab = slab;
  }

  /** Padding need not be secret, and is encrypted: random bytes are made many at a time. */
  #pad(packet: Buffer, at: number, bytes: number): void {
    if (this.#paddingUsed + bytes > this.#padding.length) {
      randomFillSync(this.#padding);
      this.#paddingUsed = 0;
    }
    this.#padding.copy(packet, at, this.#paddingUsed, (this.#paddingUsed += bytes));
  }
}

function newSlab(): Slab {
  return { bytes: Buffer.allocUnsafeSlow(slabBytes), used: 0, waiting: 0 };
}

/** What this file uses of ssh2's private parts: package.json names the one version in which they are known to be so. */
interface Protocol {
  _cipher: Cipher;
  _decipher: object;
}
interface Cipher {
  allocPacket(payloadBytes: number): Buffer;
}

/** Lets ssh2 cut packets from `memory` while it uses its compiled AES-GCM; each key exchange makes a new cipher. */
export function usePacketMemory(client: object, memory: PacketMemory): void {
  const protocol = (client as { _protocol?: Partial<Protocol> })._protocol;
  if (protocol === undefined) return;
  onChange(protocol, '_cipher', (cipher) => lend(cipher, memory));
  onChange(protocol, '_decipher', (decipher) => prepareKey(decipher, 'AESGCMDecipherNative', '_decipherKey'));
}

function onChange(of: object, name: string, look: (value: object) => void): void {
  let value = (of as Record<string, unknown>)[name];
  const set = (next: unknown): void => {
    value = next;
    if (typeof next === 'object' && next !== null) look(next);
  };
  set(value);
  Object.defineProperty(of, name, { get: () => value, set, configurable: true, enumerable: true });
}

function lend(cipher: object, memory: PacketMemory): void {
  prepareKey(cipher, 'AESGCMCipherNative', '_encKey');
  if (cipher.constructor.name !== 'AESGCMCipherBinding' || !isKnown(cipher)) return;
  (cipher as Cipher).allocPacket = (payloadBytes) => memory.alloc(payloadBytes);
}

/** Whether the packets of this cipher are laid out as those of `PacketMemory`. */
function isKnown(cipher: Partial<Cipher>): boolean {
  if (typeof cipher.allocPacket !== 'function') return false;
  return [1, 11, 12, 32_768].every((payload) => {
    const packet = cipher.allocPacket!(payload);
    const padding = paddingFor(payload);
    return (
      packet.length === 5 + payload + padding + tagBytes &&
      packet.readUInt32BE(0) === 1 + payload + padding &&
      packet[4] === padding
    );
  });
}

/** ssh2's AES-GCM over `node:crypto` gives the key's bytes for each packet, and Node 24 looks at those anew each time, by way of an error. */
function prepareKey(of: object, className: string, field: string): void {
  const fields = of as Record<string, unknown>;
  if (of.constructor.name === className && fields[field] instanceof Uint8Array)
    fields[field] = createSecretKey(fields[field]);
}

/** RFC 4253 section 6, for a cipher of 16-byte blocks that leaves the length in clear. */
function paddingFor(payloadBytes: number): number {
  const padding = 16 - ((1 + payloadBytes) & 15);
  return padding < 4 ? padding + 16 : padding;
}

/** Sends the packets of one turn of the event loop in one system call, and neighbours in memory as one piece. */
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
