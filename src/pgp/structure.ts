import { headBytes, tagBytes } from './chunks.js';
import { concat, malformed, packetType, PacketParser, type PacketHeader } from './packets.js';
import type { Preamble } from './preamble.js';

/** Puts small pieces together: OpenPGP allows parts of one byte, and each would cost objects. */
export class Gatherer {
  readonly #deliver: (bytes: Uint8Array<ArrayBuffer>) => void;
  #room = new Uint8Array(0);
  /** Of what is gathered: from, to. */
  #from = 0;
  #to = 0;

  constructor(deliver: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#deliver = deliver;
  }

  /** Large pieces are delivered as they are, small ones are copied. */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length >= 4096) {
      this.flush();
      this.#deliver(bytes);
      return;
    }
    if (this.#to + bytes.length > this.#room.length) {
      this.flush();
      this.#room = new Uint8Array(64 * 1024);
      this.#from = this.#to = 0;
    }
    this.#room.set(bytes, this.#to);
    this.#to += bytes.length;
  }

  flush(): void {
    if (this.#to === this.#from) return;
    this.#deliver(this.#room.subarray(this.#from, this.#to));
    this.#from = this.#to;
  }
}

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
  readonly #gatherer = new Gatherer((bytes) => {
    this.#remember(bytes);
    this.#body(bytes);
  });

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
    this.#gatherer.flush();
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
    this.#gatherer.write(bytes.subarray(skip) as Uint8Array<ArrayBuffer>);
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
