/** The key proof (docs/format.md): a session key opens the body whose beginning and end a receipt quotes. */
import { CfbDecipher } from './cfb.js';
import { ChunkKeys, parseHead } from './chunks.js';
import { malformed, packetType, parseHeader } from './packets.js';
import { prefixBytes } from './mdc.js';

/**
 * Decrypts the first bytes of a SEIPDv1 body with AES-256, checks the repeated prefix bytes and the literal header, and
 * returns what stream of ours begins there. Throws 'verification-failed'.
 */
export function checkHead(head: Uint8Array, sessionKey: Uint8Array): 'gzip' | 'zstd' | 'none' {
  if (head[0] !== 1 || head.length < 1 + prefixBytes + 16 || sessionKey.length !== 32) throw wrong();
  const plain = new CfbDecipher('AES-256', sessionKey).update(head.subarray(1));
  if (plain[14] !== plain[16] || plain[15] !== plain[17]) throw wrong();
  const header = headerAt(plain);
  const body = plain.subarray(prefixBytes + header.bytes);
  // Format, file name length, date: depot leaves name and date empty.
  if (header.type !== packetType.literal || body[0] !== 0x62 || body[1] !== 0) throw wrong();
  return compressionOf(body.subarray(6));
}

function headerAt(plain: Uint8Array) {
  try {
    const header = parseHeader(plain, prefixBytes);
    if (header !== null) return header;
  } catch {
    // Any first byte may come out of a wrong key; the error below says all there is to say.
  }
  throw wrong();
}

function compressionOf(content: Uint8Array) {
  if (content[0] === 0x1f && content[1] === 0x8b) return 'gzip';
  if (content[0] === 0x28 && content[1] === 0xb5 && content[2] === 0x2f && content[3] === 0xfd) return 'zstd';
  // The tar magic lies beyond these bytes, but the first entry's name is always the same.
  if (new TextDecoder('latin1').decode(content.subarray(0, 6)) === 'DEPOT/') return 'none';
  throw wrong();
}

function wrong() {
  return malformed('the session key does not open this SEIPDv1 head');
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
