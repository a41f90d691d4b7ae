/** The key proof (docs/format.md): a session key opens the body whose beginning and end a receipt quotes. */
import { CfbDecipher } from './cfb.js';
import { ChunkKeys, parseHead } from './chunks.js';
import { malformed, packetType, parseHeader } from './packets.js';
import { prefixBytes } from './mdc.js';

export interface HeadFinding {
  literal: true;
  compression: 'gzip' | 'zstd' | 'none';
}

/**
 * Decrypts the first bytes of a SEIPDv1 body with AES-256 and checks the repeated prefix bytes, the literal header, and
 * that a tar, gzip or zstd stream of ours begins there. Throws 'verification-failed'.
 */
export function checkHead(packet: 'SEIPDv1', head: Uint8Array, sessionKey: Uint8Array): HeadFinding {
  if (head[0] !== 1 || head.length < 1 + prefixBytes + 16 || sessionKey.length !== 32) throw wrong(packet);
  const plain = new CfbDecipher('AES-256', sessionKey).update(head.subarray(1));
  if (plain[14] !== plain[16] || plain[15] !== plain[17]) throw wrong(packet);
  const header = headerAt(plain, packet);
  const body = plain.subarray(prefixBytes + header.bytes);
  // Format, file name length, date: depot leaves name and date empty.
  if (header.type !== packetType.literal || body[0] !== 0x62 || body[1] !== 0) throw wrong(packet);
  const compression = compressionOf(body.subarray(6));
  if (compression === null) throw wrong(packet);
  return { literal: true, compression };
}

function headerAt(plain: Uint8Array, packet: string) {
  try {
    const header = parseHeader(plain, prefixBytes);
    if (header !== null) return header;
  } catch {
    // Any first byte may come out of a wrong key; the error below says all there is to say.
  }
  throw wrong(packet);
}

function compressionOf(content: Uint8Array): HeadFinding['compression'] | null {
  if (content[0] === 0x1f && content[1] === 0x8b) return 'gzip';
  if (content[0] === 0x28 && content[1] === 0xb5 && content[2] === 0x2f && content[3] === 0xfd) return 'zstd';
  // The tar magic lies beyond these bytes, but the first entry's name is always the same.
  return new TextDecoder('latin1').decode(content.subarray(0, 6)) === 'DEPOT/' ? 'none' : null;
}

function wrong(packet: string) {
  return malformed(`the session key does not open this ${packet} head`);
}

/**
 * The final AEAD tag of a SEIPDv2 body, which ends the suitcase. `head`: its first 36 bytes; `plaintextOctets`: the
 * size of all packets inside. Throws 'verification-failed'.
 */
export function computeTail(head: Uint8Array, sessionKey: Uint8Array, plaintextOctets: number): Uint8Array {
  if (!Number.isSafeInteger(plaintextOctets) || plaintextOctets < 0)
    throw malformed(`${plaintextOctets} bytes of plaintext`);
  const parameters = parseHead(head);
  const keys = new ChunkKeys(sessionKey, parameters);
  keys.skip(Math.ceil(plaintextOctets / 2 ** (parameters.chunkOctet + 6)));
  const tag = keys.finalTag(plaintextOctets);
  keys.wipe();
  return tag;
}
