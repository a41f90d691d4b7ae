import { DepotError } from '../errors.js';
import type { Aes } from './cfb.js';
import { describePkesk, openWithGpg, type PkeskDescription } from './pkesk.js';
import { concat, malformed, packetType, PacketParser, parseHeader, type PacketHeader } from './packets.js';
import { headBytes, parseHead, type Aead } from './chunks.js';

/** Limits on what comes before the encrypted data: a hostile file must not make readers work for nothing. */
const maxPreambleBytes = 1024 * 1024;
const maxPreamblePackets = 1000;
/** Bytes of a SEIPDv1 body that a receipt quotes; of version 2 it is the 36 of its head. */
const head1Bytes = 64;
/** The shortest SEIPDv1 body: version, prefix, MDC packet. */
const shortestBody1 = 1 + 18 + 22;

/** What stands before the encrypted data (RFC 9580 section 10.3), and how it is encrypted. */
export interface Preamble {
  /** The PKESK packets, byte for byte and concatenated. */
  pkesk: Uint8Array;
  pkesks: PkeskDescription[];
  encryption: {
    packet: 'SEIPDv1' | 'SEIPDv2';
    /** null for SEIPDv1, where the session key's packet says. */
    cipher: Aes | null;
    aead: Aead | null;
    chunkOctet: number | null;
  };
  /** The first bytes of the SEIPD body: 36 for version 2, at most 64 for version 1. */
  head: Uint8Array;
  /** What was read beyond, from the SEIPD packet on: the first to write to a MessageReader. */
  rest: Uint8Array;
}

/** Valid, but not depot's. */
export function otherForm(what: string): DepotError {
  return new DepotError('verification-failed', `this is an OpenPGP message, but ${what}, which depot cannot read`, {
    hint: openWithGpg,
  });
}

/** `source` gives the next bytes, null at the end. Throws 'verification-failed'. */
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
    const end = offset + header.bytes + header.length;
    if (packets >= maxPreamblePackets || end > maxPreambleBytes) throw malformed('too much before the encrypted data');
    await input.need(end);
    if (header.type === packetType.pkesk) pkesk.push(input.bytes.slice(offset, end));
    if (header.type === packetType.skesk) passwords++;
    offset = end;
  }
}

function checkOuterType(type: number): void {
  if (type === packetType.pkesk || type === packetType.skesk || isIgnored(type)) return;
  if (type === packetType.encryptedWithoutIntegrity)
    throw malformed('its data is encrypted without integrity protection (packet type 9), which is always refused');
  if (type === packetType.gnupgAead) throw otherForm('in the AEAD format of GnuPG 2.3 (packet type 20)');
  if (type === packetType.onePassSignature || type === packetType.signature)
    throw otherForm('signed but not encrypted');
  if (type === packetType.compressed) throw otherForm('compressed but not encrypted');
  if (type === packetType.literal) throw otherForm('not encrypted');
  throw malformed(`packet type ${type} where encrypted data was expected`);
}

/** Marker, padding and private packets are ignored wherever they stand (RFC 9580 sections 4.3, 5.8 and 5.14). */
export function isIgnored(type: number): boolean {
  return type === packetType.marker || type === packetType.padding || type >= 40;
}

function checkKeys(
  packets: Uint8Array[],
  passwords: number,
  packet: 'SEIPDv1' | 'SEIPDv2',
): Pick<Preamble, 'pkesk' | 'pkesks'> {
  if (packets.length === 0) {
    if (passwords > 0) throw otherForm('encrypted with a password only');
    throw malformed('no session key packets before the encrypted data');
  }
  const pkesks = packets.map((raw) => describePkesk(raw.subarray(parseHeader(raw)!.bytes)));
  const version = packet === 'SEIPDv1' ? 3 : 6;
  const other = pkesks.find((pkesk) => pkesk.version !== version);
  if (other !== undefined) throw malformed(`a session key packet of version ${other.version} before ${packet}`);
  return { pkesk: concat(...packets), pkesks };
}

async function readHead(input: Prefix, offset: number): Promise<Pick<Preamble, 'head' | 'encryption'>> {
  const head = new HeadCollector();
  let fed = offset;
  do {
    head.write(input.bytes.subarray(fed));
    fed = input.bytes.length;
  } while (!head.complete && (await input.more()));
  return head.finish();
}

/** Collects the first bytes of a SEIPD body, across partial lengths. */
class HeadCollector {
  readonly #bytes: number[] = [];
  #ended = false;
  readonly #parser = new PacketParser({
    begin: () => undefined,
    body: (bytes) => this.#bytes.push(...bytes.subarray(0, head1Bytes - this.#bytes.length)),
    end: () => {
      this.#ended = true;
    },
  });

  get complete(): boolean {
    return this.#ended || this.#bytes.length >= (this.#bytes[0] === 2 ? headBytes : head1Bytes);
  }

  write(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length && !this.complete; i += head1Bytes)
      this.#parser.write(bytes.subarray(i, i + head1Bytes));
  }

  finish(): Pick<Preamble, 'head' | 'encryption'> {
    const version = this.#bytes[0];
    if (version === 2) {
      const head = Uint8Array.from(this.#bytes.slice(0, headBytes));
      const { cipher, aead, chunkOctet } = parseHead(head);
      return { head, encryption: { packet: 'SEIPDv2', cipher, aead, chunkOctet } };
    }
    if (version !== 1) throw malformed(`version ${version ?? 'none'} of the encrypted data is unknown`);
    if (this.#bytes.length < shortestBody1) throw malformed('the encrypted data is too short');
    const head = Uint8Array.from(this.#bytes);
    return { head, encryption: { packet: 'SEIPDv1', cipher: null, aead: null, chunkOctet: null } };
  }
}

class Prefix {
  readonly #source: () => Promise<Uint8Array | null>;
  #buffer = new Uint8Array(4096);
  #used = 0;

  constructor(source: () => Promise<Uint8Array | null>) {
    this.#source = source;
  }

  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#used);
  }

  from(offset: number): Uint8Array {
    return this.#buffer.slice(offset, this.#used);
  }

  /** Reads on; false at the end of the input. */
  async more(): Promise<boolean> {
    const bytes = await this.#source();
    if (bytes === null) return false;
    if (this.#used + bytes.length > this.#buffer.length) {
      const grown = new Uint8Array(2 * (this.#used + bytes.length));
      grown.set(this.bytes);
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
    return true;
  }

  async need(size: number): Promise<void> {
    while (this.#used < size) {
      if (!(await this.more())) throw malformed('it ends before the encrypted data');
    }
  }

  async header(offset: number): Promise<PacketHeader> {
    for (;;) {
      if (offset === 0) this.#refuseText();
      const header = parseHeader(this.bytes, offset);
      if (header !== null) return header;
      if (!(await this.more())) throw malformed(this.#used === 0 ? 'it is empty' : 'it ends before the encrypted data');
    }
  }

  #refuseText(): void {
    const text = String.fromCharCode(...this.bytes.subarray(0, 15));
    if (text.length > 0 && '-----BEGIN PGP '.startsWith(text)) throw otherForm('in ASCII armour');
  }
}
