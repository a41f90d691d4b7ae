import { DepotError } from '../errors.js';
import { concat, encodeLength, malformed, packetType, PacketParser, type PacketHeader } from './packets.js';
import { isIgnored, otherForm } from './preamble.js';

/** RFC 9580 section 4.2.1.4: the first part has at least 512 bytes. Sequoia insists. */
const smallestPart = 512;

/**
 * Writes the literal packet (RFC 9580 section 5.9): binary, no file name, no date. Its parts follow the pieces that
 * arrive, which nobody sees from outside, so that at most 511 bytes are copied.
 */
export class LiteralPacket {
  readonly #emit: (bytes: Uint8Array) => void;
  readonly #held = new Uint8Array(smallestPart);
  #heldBytes = 0;
  #begun = false;

  constructor(emit: (bytes: Uint8Array) => void) {
    this.#emit = emit;
    this.#hold(Uint8Array.of(0x62, 0, 0, 0, 0, 0));
  }

  write(bytes: Uint8Array): void {
    let total = this.#heldBytes + bytes.length;
    let offset = 0;
    while (total >= smallestPart) {
      const exponent = 31 - Math.clz32(total);
      this.#emitHeader(Uint8Array.of(0xe0 | exponent));
      const end = offset + 2 ** exponent - this.#heldBytes;
      this.#emitHeld();
      this.#emit(bytes.subarray(offset, end));
      offset = end;
      total -= 2 ** exponent;
    }
    this.#hold(bytes.subarray(offset));
  }

  final(): void {
    this.#emitHeader(encodeLength(this.#heldBytes));
    this.#emitHeld();
  }

  #hold(bytes: Uint8Array): void {
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes += bytes.length;
  }

  #emitHeld(): void {
    if (this.#heldBytes > 0) this.#emit(this.#held.subarray(0, this.#heldBytes));
    this.#heldBytes = 0;
  }

  #emitHeader(length: Uint8Array): void {
    this.#emit(this.#begun ? length : Uint8Array.of(0xc0 | packetType.literal, ...length));
    this.#begun = true;
  }
}

/**
 * The packets inside: exactly one binary literal, and packets to ignore. With `patient` (SEIPDv1) a complaint waits for
 * `end()`, after authentication: an attacker must not learn from it what altered messages decrypt to.
 */
export class LiteralReader {
  readonly #plain: (bytes: Uint8Array) => void;
  readonly #patient: boolean;
  readonly #parser = new PacketParser({
    begin: (header) => this.#begin(header),
    body: (bytes) => this.#body(bytes),
    end: () => this.#end(),
  });
  #literals = 0;
  #inLiteral = false;
  /** Format, name length, name, date: at most 261 bytes. */
  #header: Uint8Array = new Uint8Array(0);
  #headerDone = false;
  #complaint: DepotError | null = null;
  /** What `plain` threw last: not ours to hold back. */
  #fromPlain: unknown = null;

  constructor(plain: (bytes: Uint8Array) => void, patient: boolean) {
    this.#plain = plain;
    this.#patient = patient;
  }

  write(bytes: Uint8Array): void {
    if (this.#complaint !== null) return;
    try {
      this.#parser.write(bytes);
    } catch (error) {
      if (!this.#patient || !(error instanceof DepotError) || this.#fromPlain === error) throw error;
      this.#complaint = error;
    }
  }

  end(): void {
    if (this.#complaint !== null) throw this.#complaint;
    this.#parser.end();
    if (this.#literals !== 1) throw malformed('it has no content');
  }

  #begin(header: PacketHeader): void {
    this.#inLiteral = header.type === packetType.literal;
    if (this.#inLiteral) {
      this.#literals++;
      if (this.#literals > 1) throw malformed('it has more than one content');
    } else if (!isIgnored(header.type)) {
      throw innerForm(header.type);
    }
  }

  #body(bytes: Uint8Array): void {
    if (!this.#inLiteral) return;
    let content = bytes;
    if (!this.#headerDone) {
      const seen = concat(this.#header, bytes);
      const size = 6 + (seen[1] ?? 0);
      if (seen.length < size) {
        this.#header = seen;
        return;
      }
      if (seen[0] !== 0x62)
        throw seen[0] === 0x74 || seen[0] === 0x75
          ? otherForm('it holds text')
          : malformed('its content is of an unknown format');
      this.#headerDone = true;
      content = seen.subarray(size);
    }
    if (content.length === 0) return;
    try {
      this.#plain(content);
    } catch (error) {
      this.#fromPlain = error;
      throw error;
    }
  }

  #end(): void {
    if (this.#inLiteral && !this.#headerDone) throw malformed('its content is cut short');
  }
}

function innerForm(type: number): DepotError {
  if (type === packetType.compressed) return otherForm('compressed inside');
  if (type === packetType.onePassSignature || type === packetType.signature) return otherForm('signed inside');
  if (type === packetType.pkesk || type === packetType.skesk || type === packetType.seipd)
    return otherForm('encrypted twice');
  return malformed(`packet type ${type} where its content was expected`);
}
