import type { Algorithms, CipherAlgorithm, MacAlgorithm, ServerHostKeyAlgorithm } from 'ssh2';
import type { HostKeyType } from '../names/host-key.js';

/** The cheapest cipher first, in CPU seconds per GiB; the client's order decides (RFC 4253 section 7.1). */
export const ciphers: CipherAlgorithm[] = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'aes128-ctr',
  'aes256-ctr',
  'aes192-ctr',
  'chacha20-poly1305@openssh.com',
];

/** HMAC-SHA-1 is last, for old servers: as a MAC it is not broken, unlike SHA-1 in signatures. */
export const macs: MacAlgorithm[] = [
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
  'hmac-sha1-etm@openssh.com',
  'hmac-sha1',
];

/** The signature algorithms to offer for a key type; RSA only with SHA-2 (RFC 8332). */
export function signatureAlgorithms(type: HostKeyType): ServerHostKeyAlgorithm[] {
  return type === 'ssh-rsa' ? ['rsa-sha2-512', 'rsa-sha2-256'] : [type];
}

/** What depot offers to a server whose host key is of one of these types. */
export function algorithms(types: HostKeyType[]): Algorithms {
  return { cipher: ciphers, hmac: macs, compress: ['none'], serverHostKey: types.flatMap(signatureAlgorithms) };
}
