/** What SEIPD version 1 encrypts (RFC 9580 section 5.13.1): a random prefix, packets, and an MDC packet. */
import { sameBytes, sha1, type Digest } from '../primitives.js';
import { concat, malformed } from './packets.js';

/** A random block and the repetition of its last two bytes. */
export const prefixBytes = 16 + 2;
/** 0xD3 0x14 and the 20 bytes of a SHA-1. */
const mdcBytes = 22;
export const mdcHeader = Uint8Array.of(0xd3, 0x14);

/**
 * Takes what was decrypted and passes the packets on before they are authenticated. Checks everything at the end only,
 * so that the moment of failure tells nothing about the plaintext (RFC 9580 section 13.7).
 */
export class MdcReader {
  readonly #sha1: Digest;
  readonly #packets: (bytes: Uint8Array) => void;
  #prefixLeft = prefixBytes;
  /** The last bytes so far, which may turn out to be the MDC packet. */
  #tail: Uint8Array = new Uint8Array(0);
  /** Bytes of the packets inside, without prefix and MDC packet. */
  plaintextOctets = 0;

  constructor(packets: (bytes: Uint8Array) => void, digest: Digest = sha1()) {
    this.#sha1 = digest;
    this.#packets = packets;
  }

  write(decrypted: Uint8Array): void {
    let bytes = decrypted;
    if (this.#prefixLeft > 0) {
      const prefix = bytes.subarray(0, this.#prefixLeft);
      this.#sha1.update(prefix);
      this.#prefixLeft -= prefix.length;
      bytes = bytes.subarray(prefix.length);
    }
    if (bytes.length < mdcBytes) bytes = concat(this.#tail, bytes);
    else this.#release(this.#tail);
    const released = Math.max(0, bytes.length - mdcBytes);
    this.#release(bytes.subarray(0, released));
    this.#tail = bytes.subarray(released);
  }

  /** Throws 'verification-failed' unless the digest is right. */
  end(): void {
    if (this.#tail.length < mdcBytes) throw malformed('the encrypted data is too short');
    this.#sha1.update(mdcHeader);
    if (!sameBytes(concat(mdcHeader, this.#sha1.digest()), this.#tail))
      throw malformed('the encrypted data was changed or cut short, or made with another session key');
  }

  #release(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#sha1.update(bytes);
    this.plaintextOctets += bytes.length;
    this.#packets(bytes);
  }
}
