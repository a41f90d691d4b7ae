import { headBytes, tagBytes } from './chunks.js';
import { concat, malformed, packetType, PacketParser, type PacketHeader } from './packets.js';
import type { Preamble } from './preamble.js';

/** Smaller pieces of the body are put together: OpenPGP allows parts of one byte, and each would cost objects. */
const smallBytes = 4096;
const gatheredBytes = 64 * 1024;

/** That there is one whole SEIPD packet with nothing after it. Needs no key, so `verify` can say that much. */
export class StructureReader {
  readonly #parser: PacketParser;
  readonly #expectedHead: Uint8Array;
  /** For the key proof: 36 bytes (v2), at most 64 (v1). */
  readonly head: Uint8Array;
  /** The last 16 bytes of the body. */
  tail: Uint8Array = new Uint8Array(0);
  readonly #body: (bytes: Uint8Array) => void;
  #headBytes = 0;
  #packets = 0;
  #skip: number;
  #gathered: Uint8Array | null = null;
  #gatheredBytes = 0;

  /** `body` gets the bytes of the SEIPD body after the version byte (v1) or the 36 bytes of the head (v2). */
  constructor(o: { preamble: Preamble; body?: (bytes: Uint8Array) => void }) {
    this.#expectedHead = o.preamble.head;
    this.head = new Uint8Array(o.preamble.head.length);
    this.#body = o.body ?? (() => undefined);
    this.#skip = o.preamble.encryption.packet === 'SEIPDv1' ? 1 : headBytes;
    this.#parser = new PacketParser({
      begin: (header) => this.#begin(header),
      body: (bytes) => this.#content(bytes),
      end: () => undefined,
    });
  }

  /** `raw`: `preamble.rest`, then what follows it; not kept. */
  write(raw: Uint8Array): void {
    this.#parser.write(raw);
  }

  end(): void {
    this.#parser.end();
    this.#flush();
    if (this.#packets !== 1 || this.#headBytes < this.head.length) throw malformed('it ends before the encrypted data');
  }

  #begin(header: PacketHeader): void {
    this.#packets++;
    if (this.#packets > 1 || header.type !== packetType.seipd) throw malformed('something follows the encrypted data');
  }

  #content(bytes: Uint8Array): void {
    if (this.#headBytes < this.head.length) this.#checkHead(bytes);
    const skip = Math.min(this.#skip, bytes.length);
    this.#skip -= skip;
    if (skip > 0) this.#remember(bytes.subarray(0, skip));
    const body = bytes.subarray(skip);
    if (body.length >= smallBytes) {
      this.#flush();
      this.#deliver(body);
    } else {
      if (this.#gatheredBytes + body.length > gatheredBytes) this.#flush();
      this.#gathered ??= new Uint8Array(gatheredBytes);
      this.#gathered.set(body, this.#gatheredBytes);
      this.#gatheredBytes += body.length;
    }
  }

  #flush(): void {
    if (this.#gathered === null) return;
    const bytes = this.#gathered.subarray(0, this.#gatheredBytes);
    this.#gathered = null;
    this.#gatheredBytes = 0;
    this.#deliver(bytes);
  }

  #deliver(bytes: Uint8Array): void {
    this.#remember(bytes);
    if (bytes.length > 0) this.#body(bytes);
  }

  #remember(bytes: Uint8Array): void {
    this.tail = concat(this.tail, bytes.subarray(-tagBytes)).subarray(-tagBytes);
  }

  /** A second pass must meet the message of the first. */
  #checkHead(bytes: Uint8Array): void {
    const length = Math.min(this.head.length - this.#headBytes, bytes.length);
    this.head.set(bytes.subarray(0, length), this.#headBytes);
    this.#headBytes += length;
    if (this.head.some((byte, i) => i < this.#headBytes && byte !== this.#expectedHead[i]))
      throw malformed('it changed while it was read');
  }
}
