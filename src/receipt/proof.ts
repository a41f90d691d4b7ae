/** The key proof (docs/format.md): the opening, which only who unwrapped the session key can show. */
import { hkdfSha256, sha256Hex, sha256Of } from '../primitives.js';

/**
 * HKDF-SHA256 (RFC 5869): `IKM` the session key (32 bytes), `salt` SHA-256 of the PKESK packets,
 * `info` "depot key proof 1" ‖ 0x00 ‖ deposit id, 32 bytes.
 */
export function openingOf(sessionKey: Uint8Array, pkesk: Uint8Array, depositId: string): Uint8Array<ArrayBuffer> {
  return hkdfSha256(sessionKey, sha256Of(pkesk), new TextEncoder().encode(`depot key proof 1\0${depositId}`), 32);
}

/** SHA-256 of the opening, 64 lower-case hex digits. */
export function commitmentOf(opening: Uint8Array): string {
  return sha256Hex(opening);
}

/** Bytes as lower-case hex. */
export function toBase16(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The reverse, for hex digits that were checked. */
export function fromBase16(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}
