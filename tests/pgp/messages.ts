import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import type { Certificate, SecretKey } from '../../src/pgp/certificate.js';
import { readCertificate, readSecretKey } from '../../src/pgp/keys.js';
import { encodePacket, packetType } from '../../src/pgp/packets.js';
import { readPreamble } from '../../src/pgp/preamble.js';
import { MessageReader } from '../../src/pgp/reader.js';
import type { Aes } from '../../src/pgp/cfb.js';
import type { Encryption } from '../../src/pgp/sessionkey.js';
import { MessageWriter } from '../../src/pgp/writer.js';

export const v1: Encryption = { packet: 'SEIPDv1', cipher: 'AES-256-CFB', aead: null };
export const gcm = (chunkOctet: number): Extract<Encryption, { packet: 'SEIPDv2' }> => ({
  packet: 'SEIPDv2',
  cipher: 'AES-256',
  aead: 'GCM',
  chunkOctet,
});
export const ocb = (chunkOctet: number): Extract<Encryption, { packet: 'SEIPDv2' }> => ({
  packet: 'SEIPDv2',
  cipher: 'AES-256',
  aead: 'OCB',
  chunkOctet,
});
/** Every way to write a suitcase, with small chunks so that small messages have several. */
export const encryptions: [string, Encryption][] = [
  ['SEIPDv1', v1],
  ['GCM', gcm(0)],
  ['OCB', ocb(0)],
  ['GCM 64 KiB', gcm(10)],
  ['OCB 64 KiB', ocb(10)],
];

/** A well-formed PKESK for an anonymous recipient, for tests that bring the session key themselves. */
export function anonymousPkesk(version: 3 | 6): Uint8Array {
  const body = version === 3 ? [3, 0, 0, 0, 0, 0, 0, 0, 0, 18, 1, 2] : [6, 0, 25, 1, 2];
  return encodePacket(packetType.pkesk, Uint8Array.from(body));
}

export interface Sealed {
  message: Buffer;
  sessionKey: Uint8Array;
  head: Uint8Array;
  tail: Uint8Array | null;
  plaintextOctets: number;
}

/** Writes `plain` in pieces of `piece` bytes (all at once when left out). */
export function seal(
  plain: Uint8Array,
  encryption: Encryption,
  o: { piece?: number; pkesk?: Uint8Array; sessionKey?: Uint8Array } = {},
): Sealed {
  const sessionKey = o.sessionKey ?? randomBytes(32);
  const out: Uint8Array[] = [];
  const writer = new MessageWriter({
    pkesk: o.pkesk ?? anonymousPkesk(encryption.packet === 'SEIPDv1' ? 3 : 6),
    sessionKey,
    encryption,
    emit: (bytes) => out.push(bytes),
  });
  for (const bytes of pieces(plain, o.piece ?? Math.max(1, plain.length))) writer.update(bytes);
  writer.final();
  return {
    message: Buffer.concat(out),
    sessionKey,
    head: writer.head,
    tail: writer.tail,
    plaintextOctets: writer.plaintextOctets,
  };
}

export function* pieces(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) yield bytes.subarray(offset, offset + size);
}

export function sourceOf(chunks: Iterable<Uint8Array>): () => Promise<Uint8Array | null> {
  const iterator = chunks[Symbol.iterator]();
  return () => {
    const next = iterator.next();
    // The reader must not keep what it is given: each piece is wiped when the next one is asked for.
    return Promise.resolve(next.done === true ? null : Uint8Array.from(next.value));
  };
}

export interface Opened {
  plain: Buffer;
  reader: MessageReader;
}

/** Reads a message in pieces of `piece` bytes through one buffer that is overwritten each time. */
export async function open(
  message: Uint8Array,
  sessionKey: Uint8Array,
  o: { piece?: number; cipher?: Aes } = {},
): Promise<Opened> {
  const source = sourceOf(pieces(message, o.piece ?? 65536));
  const preamble = await readPreamble(source);
  const out: Uint8Array[] = [];
  const reader = new MessageReader({
    preamble,
    sessionKey,
    cipher: o.cipher ?? 'AES-256',
    plain: (bytes) => out.push(Buffer.from(bytes)),
  });
  reader.write(preamble.rest);
  for (let bytes = await source(); bytes !== null; bytes = await source()) {
    reader.write(bytes);
    bytes.fill(0xa5);
  }
  reader.end();
  return { plain: Buffer.concat(out), reader };
}

const keys = new URL('../../test-fixtures/keys/', import.meta.url);

export function keyFile(name: string): Buffer {
  return readFileSync(new URL(name, keys));
}

export function certificate(name: string): Promise<Certificate> {
  return readCertificate(keyFile(`${name}.public.asc`));
}

export function secret(name: string): Promise<SecretKey> {
  return readSecretKey(keyFile(`${name}.secret.asc`));
}
