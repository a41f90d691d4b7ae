/**
 * Reads suitcases and other people's messages of the same form (RFC 9580 section 10.3):
 *
 *     PKESK… | SEIPD version 1 or 2 { Literal }
 *
 * in one pass, whatever the chunking, with bounded memory. Every failure is 'verification-failed'; a
 * form that is valid but not ours says so and gives the line that opens it.
 */
import { DepotError } from '../errors.js';
import type { Aes } from './cfb.js';
import { describePkesk } from './pkesk.js';
import type { PkeskDescription } from './pkesk.js';
import { malformed, packetType, PacketParser, parseHeader } from './packets.js';
import type { PacketHeader } from './packets.js';
import { Seipd1Decryptor } from './seipd1.js';
import type { Digest } from './seipd1.js';
import { headOctets, parseHead, Seipd2Decryptor, tagOctets } from './seipd2.js';
import type { Aead, AeadParameters } from './seipd2.js';

/** Limits on what comes before the encrypted data, where a hostile file could make readers work for nothing. */
const maxPreambleOctets = 1024 * 1024;
const maxPreamblePackets = 1000;
/** Octets of a SEIPDv1 body that a receipt quotes; of version 2 it is the 36 of its head. */
const head1Octets = 64;
/** The shortest SEIPDv1 body: version, prefix, MDC packet. */
const shortestBody1 = 1 + 18 + 22;

/** What stands before the encrypted bytes, and how they are encrypted. */
export interface Preamble {
  /** The PKESK packets, byte for byte and concatenated. */
  pkesk: Uint8Array;
  pkesks: PkeskDescription[];
  encryption: { packet: 'SEIPDv1' | 'SEIPDv2'; /** null for SEIPDv1, where the session key's packet says. */ cipher: Aes | null; aead: Aead | null; chunkOctet: number | null };
  /** The first octets of the SEIPD body: 36 for version 2, 64 (or all, when there are fewer) for version 1. */
  head: Uint8Array;
  /** What was read beyond: raw bytes beginning at the SEIPD packet, the first to write to a MessageReader. */
  rest: Uint8Array;
}

function otherForm(what: string): DepotError {
  return new DepotError('verification-failed', `this is an OpenPGP message, but ${what}, which depot does not read`, { hint: 'decrypt it with: gpg -d' });
}

/**
 * Reads up to the encrypted data. `source` gives the next bytes, null at the end.
 * Throws 'verification-failed'.
 */
export async function readPreamble(source: () => Promise<Uint8Array | null>): Promise<Preamble> {
  const input = new Prefix(source);
  const pkesk: Uint8Array[] = [];
  let passwords = 0;
  for (let offset = 0, packets = 0; ; packets++) {
    const header = await input.header(offset);
    if (header.type === packetType.seipd) {
      const { head, encryption } = await readHead(input, offset);
      return { ...checkKeys(pkesk, passwords, encryption.packet), encryption, head, rest: input.from(offset) };
    }
    checkOuterType(header.type);
    const end = offset + header.octets + header.length;
    if (packets >= maxPreamblePackets || end > maxPreambleOctets) throw malformed('too much before the encrypted data');
    await input.need(end);
    if (header.type === packetType.pkesk) pkesk.push(input.bytes.slice(offset, end));
    if (header.type === packetType.skesk) passwords++;
    offset = end;
  }
}

/** Refuses what cannot stand before the encrypted data; marker, padding and private packets are ignored (RFC 9580 section 4.3). */
function checkOuterType(type: number): void {
  if (type === packetType.pkesk || type === packetType.skesk || isIgnored(type)) return;
  if (type === packetType.encryptedWithoutIntegrity) throw malformed('its data is encrypted without integrity protection (packet type 9), which is always refused');
  if (type === packetType.gnupgAead) throw otherForm('in the AEAD format of GnuPG 2.3 (packet type 20)');
  if (type === packetType.onePassSignature || type === packetType.signature) throw otherForm('signed and not encrypted');
  if (type === packetType.compressed) throw otherForm('compressed and not encrypted');
  if (type === packetType.literal) throw otherForm('not encrypted');
  throw malformed(`packet type ${type} where encrypted data was expected`);
}

function isIgnored(type: number): boolean {
  return type === packetType.marker || type === packetType.padding || type >= 40;
}

function checkKeys(packets: Uint8Array[], passwords: number, packet: 'SEIPDv1' | 'SEIPDv2'): Pick<Preamble, 'pkesk' | 'pkesks'> {
  if (packets.length === 0) {
    if (passwords > 0) throw otherForm('encrypted with a password only');
    throw malformed('no session key packets before the encrypted data');
  }
  const pkesks = packets.map((raw) => describePkesk(raw.subarray(parseHeader(raw)!.octets)));
  const version = packet === 'SEIPDv1' ? 3 : 6;
  const other = pkesks.find((pkesk) => pkesk.version !== version);
  if (other !== undefined) throw malformed(`a session key packet of version ${other.version} before ${packet}`);
  return { pkesk: Buffer.concat(packets), pkesks };
}

async function readHead(input: Prefix, offset: number): Promise<Pick<Preamble, 'head' | 'encryption'>> {
  const head = new HeadCollector();
  let fed = offset;
  do {
    head.write(input.bytes.subarray(fed));
    fed = input.bytes.length;
  } while (!head.complete && await input.more());
  return head.finish();
}

/** Collects the first octets of a SEIPD body, across partial lengths. */
class HeadCollector {
  readonly #octets: number[] = [];
  #ended = false;
  readonly #parser = new PacketParser({
    begin: () => undefined,
    body: (bytes) => this.#octets.push(...bytes.subarray(0, head1Octets - this.#octets.length)),
    end: () => { this.#ended = true; },
  });

  get complete(): boolean {
    return this.#ended || this.#octets.length >= (this.#octets[0] === 2 ? headOctets : head1Octets);
  }

  write(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length && !this.complete; i += head1Octets) this.#parser.write(bytes.subarray(i, i + head1Octets));
  }

  finish(): Pick<Preamble, 'head' | 'encryption'> {
    const version = this.#octets[0];
    if (version === 2) {
      const head = Uint8Array.from(this.#octets.slice(0, headOctets));
      const { cipher, aead, chunkOctet } = parseHead(head);
      return { head, encryption: { packet: 'SEIPDv2', cipher, aead, chunkOctet } };
    }
    if (version !== 1) throw malformed(`version ${version ?? 'none'} of the encrypted data is unknown`);
    if (this.#octets.length < shortestBody1) throw malformed('the encrypted data is too short');
    return { head: Uint8Array.from(this.#octets), encryption: { packet: 'SEIPDv1', cipher: null, aead: null, chunkOctet: null } };
  }
}

/** The beginning of the input, as far as it was needed. */
class Prefix {
  readonly #source: () => Promise<Uint8Array | null>;
  #buffer = new Uint8Array(4096);
  #octets = 0;

  constructor(source: () => Promise<Uint8Array | null>) {
    this.#source = source;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#octets);
  }

  from(offset: number): Uint8Array {
    return this.#buffer.slice(offset, this.#octets);
  }

  /** Reads on; false at the end of the input. */
  async more(): Promise<boolean> {
    const bytes = await this.#source();
    if (bytes === null) return false;
    if (this.#octets + bytes.length > this.#buffer.length) {
      const grown = new Uint8Array(2 * (this.#octets + bytes.length));
      grown.set(this.bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#octets);
    this.#octets += bytes.length;
    return true;
  }

  async need(octets: number): Promise<void> {
    while (this.#octets < octets) {
      if (!(await this.more())) throw malformed('it ends before the encrypted data');
    }
  }

  async header(offset: number): Promise<PacketHeader> {
    for (;;) {
      if (offset === 0) this.#refuseText();
      const header = parseHeader(this.bytes, offset);
      if (header !== null) return header;
      if (!(await this.more())) throw malformed(this.#octets === 0 ? 'it is empty' : 'it ends before the encrypted data');
    }
  }

  #refuseText(): void {
    const text = Buffer.from(this.bytes.subarray(0, 15)).toString('latin1');
    if (text.length > 0 && '-----BEGIN PGP '.startsWith(text)) throw otherForm('in ASCII armour');
  }
}

/**
 * The outer packet alone: that there is exactly one SEIPD packet, whole, with nothing after it. Needs
 * no key, so that `verify` can say that much of a suitcase that it cannot open.
 */
export class StructureReader {
  readonly #parser: PacketParser;
  readonly #expectedHead: Uint8Array;
  readonly #head: Uint8Array;
  readonly #body: (bytes: Uint8Array) => void;
  #headOctets = 0;
  #packets = 0;
  #last: Uint8Array = new Uint8Array(0);
  /** After the head: version octet (v1) or 36 octets (v2), which are not part of `body`. */
  #skip: number;

  /** `body` gets the octets of the SEIPD body after the version octet (v1) or the 36 octets of the head (v2). */
  constructor(o: { preamble: Preamble; body?: (bytes: Uint8Array) => void }) {
    this.#expectedHead = o.preamble.head;
    this.#head = new Uint8Array(o.preamble.head.length);
    this.#body = o.body ?? (() => undefined);
    this.#skip = o.preamble.encryption.packet === 'SEIPDv1' ? 1 : headOctets;
    this.#parser = new PacketParser({ begin: (header) => this.#begin(header), body: (bytes) => this.#content(bytes), end: () => undefined });
  }

  /** `raw`: the suitcase from its SEIPD packet on (`preamble.rest`, then what follows it); not kept. */
  write(raw: Uint8Array): void {
    this.#parser.write(raw);
  }

  end(): void {
    this.#parser.end();
    if (this.#packets !== 1 || this.#headOctets < this.#head.length) throw malformed('it ends before the encrypted data');
  }

  /** The first octets of the body for the key proof: 36 (v2), 64 or fewer (v1). */
  get head(): Uint8Array {
    return this.#head;
  }

  /** The last 16 octets of the body. */
  get tail(): Uint8Array {
    return this.#last;
  }

  #begin(header: PacketHeader): void {
    this.#packets++;
    if (this.#packets > 1 || header.type !== packetType.seipd) throw malformed('something follows the encrypted data');
  }

  #content(bytes: Uint8Array): void {
    if (this.#headOctets < this.#head.length) this.#checkHead(bytes);
    this.#last = Buffer.concat([this.#last, bytes.subarray(-tagOctets)]).subarray(-tagOctets);
    const skip = Math.min(this.#skip, bytes.length);
    this.#skip -= skip;
    if (bytes.length > skip) this.#body(bytes.subarray(skip));
  }

  /** A second pass must meet the message of the first. */
  #checkHead(bytes: Uint8Array): void {
    const octets = Math.min(this.#head.length - this.#headOctets, bytes.length);
    this.#head.set(bytes.subarray(0, octets), this.#headOctets);
    this.#headOctets += octets;
    if (Buffer.compare(this.#head.subarray(0, this.#headOctets), this.#expectedHead.subarray(0, this.#headOctets)) !== 0) throw malformed('it changed while it was read');
  }
}

export interface MessageReaderOptions {
  preamble: Preamble;
  sessionKey: Uint8Array;
  /** For SEIPDv1: what `unwrapSessionKey` said; AES-256 when left out. */
  cipher?: Aes | null;
  /**
   * Gets the content of the literal packet in order. SEIPDv2: each chunk after it authenticated.
   * SEIPDv1: nothing counts before `end()` has returned.
   */
  plain: (bytes: Uint8Array) => void;
  /** SHA-1 for the MDC of SEIPDv1; in this thread when left out. */
  sha1?: Digest;
}

/** `write(preamble.rest)`, `write(…)…`, then `end()`, which throws unless all was there and authentic. */
export class MessageReader {
  readonly #structure: StructureReader;
  readonly #decryptor: Seipd1Decryptor | Seipd2Decryptor;
  readonly #inner: LiteralReader;
  readonly #isVersion2: boolean;

  constructor(o: MessageReaderOptions) {
    const { encryption, head } = o.preamble;
    this.#isVersion2 = encryption.packet === 'SEIPDv2';
    this.#inner = new LiteralReader(o.plain, !this.#isVersion2);
    const packets = (bytes: Uint8Array): void => this.#inner.write(bytes);
    this.#decryptor = this.#isVersion2
      ? new Seipd2Decryptor(o.sessionKey, parseHead(head) satisfies AeadParameters, packets)
      : new Seipd1Decryptor(o.sessionKey, o.cipher ?? 'AES-256', packets, o.sha1);
    this.#structure = new StructureReader({ preamble: o.preamble, body: (bytes) => this.#decryptor.write(bytes) });
  }

  write(raw: Uint8Array): void {
    this.#structure.write(raw);
  }

  /** Throws 'verification-failed' unless complete, authentic, exactly one literal packet, nothing after it. */
  end(): void {
    this.#structure.end();
    this.#decryptor.end();
    this.#inner.end();
  }

  /** As StructureReader's: 36 octets (v2), 64 or fewer (v1). */
  get head(): Uint8Array {
    return this.#structure.head;
  }

  /** After `end`: the final AEAD tag, 16 octets; null for SEIPDv1. */
  get tail(): Uint8Array | null {
    return this.#isVersion2 ? this.#structure.tail : null;
  }

  /** Octets of all packets inside, as the final AEAD tag counts them. */
  get plaintextOctets(): number {
    return this.#decryptor.plaintextOctets;
  }
}

/**
 * The packets inside: exactly one binary literal, and marker, padding or private packets, which are
 * ignored. With `patient` (SEIPDv1) a complaint waits for `end()`, which comes after authentication:
 * an attacker who sends altered messages must not learn from it what they decrypt to.
 */
class LiteralReader {
  readonly #plain: (bytes: Uint8Array) => void;
  readonly #patient: boolean;
  readonly #parser = new PacketParser({ begin: (header) => this.#begin(header), body: (bytes) => this.#body(bytes), end: () => this.#end() });
  #literals = 0;
  #inLiteral = false;
  /** Format, name length, name, date: at most 261 octets. */
  #header: Uint8Array = new Uint8Array(0);
  #headerDone = false;
  #complaint: Complaint | null = null;

  constructor(plain: (bytes: Uint8Array) => void, patient: boolean) {
    this.#plain = plain;
    this.#patient = patient;
  }

  write(bytes: Uint8Array): void {
    if (this.#complaint !== null) return;
    try {
      this.#parser.write(bytes);
    } catch (error) {
      // What `plain` threw is not ours to hold back.
      if (!this.#patient || !(error instanceof DepotError) || this.#fromPlain === error) throw error;
      this.#complaint = error;
    }
  }

  end(): void {
    if (this.#complaint !== null) throw this.#complaint;
    this.#parser.end();
    if (this.#literals !== 1) throw malformed('it has no content');
  }

  #fromPlain: unknown;

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
      const seen = Buffer.concat([this.#header, bytes]);
      const octets = 6 + (seen[1] ?? 0);
      if (seen.length < octets) {
        this.#header = seen;
        return;
      }
      if (seen[0] !== 0x62) throw seen[0] === 0x74 || seen[0] === 0x75 ? otherForm('it holds text') : malformed('its content is of an unknown format');
      this.#headerDone = true;
      content = seen.subarray(octets);
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

type Complaint = DepotError;

function innerForm(type: number): DepotError {
  if (type === packetType.compressed) return otherForm('compressed inside');
  if (type === packetType.onePassSignature || type === packetType.signature) return otherForm('signed inside');
  if (type === packetType.pkesk || type === packetType.skesk || type === packetType.seipd) return otherForm('encrypted twice');
  return malformed(`packet type ${type} where its content was expected`);
}
