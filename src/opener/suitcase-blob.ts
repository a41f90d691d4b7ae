/** The beginning of every opening in a browser: suitcase | digest | OpenPGP parse | decrypt, as `src/open/suitcase-source.ts` does it from a file. */
import { DepotError } from '../errors.js';
import { changedMeanwhile } from '../open/content-format.js';
import { parseHead } from '../pgp/chunks.js';
import { LiteralReader } from '../pgp/literal.js';
import { MdcReader } from '../pgp/mdc.js';
import { joined } from '../pgp/packets.js';
import { readPreamble, type Preamble } from '../pgp/preamble.js';
import type { UnwrappedSessionKey } from '../pgp/sessionkey.js';
import { StructureReader } from '../pgp/structure.js';
import { AeadBulk, CfbBulk, type BulkDecryptor } from './bulk.js';
import { sameBytes, sha256 } from './primitives.js';
import type { CipherThreads } from './cipher-threads.js';

type Bytes = Uint8Array<ArrayBuffer>;

/** Bytes read at once, and the length of the stretches that a second pass over the same file is held against. */
const SEGMENT_BYTES = 4 << 20;
/** Segments that are being decrypted while the ones before are unpacked. */
const AHEAD = 3;
const SEGMENT_DIGEST_BYTES = 16;
const PREAMBLE_PIECE = 64 * 1024;

/** What a suitcase can be read from. */
export interface Sealed {
  suitcase: Blob;
  preamble: Preamble;
  /** Bytes before the encrypted packet. */
  start: number;
}

export interface ReadOptions extends Sealed {
  sessionKey: Uint8Array;
  cipher: UnwrappedSessionKey['cipher'];
  threads: CipherThreads;
  /** Digests of a first pass: a stretch that differs is an error before any of it is decrypted. */
  expected: Uint8Array[] | null;
  progress: (bytes: number) => void;
}

/** What was read; complete after the last of `contents`. */
export interface Read {
  bytes: number;
  sha256: string;
  head: Uint8Array;
  tail: Uint8Array | null;
  plaintextOctets: number;
  segments: Uint8Array[];
}

/**
 * Gives the content of the literal packet, *not yet authenticated* where the packet is SEIPDv1; it ends only when
 * everything was, and `read` is complete then. @throws DepotError 'verification-failed'
 */
export async function* contents(o: ReadOptions, read: Read): AsyncGenerator<Bytes, void> {
  const message = new Message(o);
  const digest = sha256();
  const ahead: Promise<Uint8Array[]>[] = [];
  for await (const raw of segmentsOf(o.suitcase)) {
    digest.update(raw);
    const segment = digest.digestSoFar().slice(0, SEGMENT_DIGEST_BYTES);
    const expected = o.expected?.[read.segments.length];
    if (o.expected !== null && (expected === undefined || !sameBytes(expected, segment))) throw changedMeanwhile();
    read.segments.push(segment);
    ahead.push(message.decrypt(raw.subarray(Math.max(0, o.start - read.bytes))));
    read.bytes += raw.length;
    if (ahead.length > AHEAD) yield* message.packets(await ahead.shift()!);
    o.progress(read.bytes);
  }
  for (const decrypted of ahead) yield* message.packets(await decrypted);
  if (o.expected !== null && o.expected.length !== read.segments.length) throw changedMeanwhile();
  yield* message.packets(await message.rest());
  message.end();
  read.sha256 = digest.hex();
  read.head = message.head;
  read.tail = message.tail;
  read.plaintextOctets = message.plaintextOctets;
}

/** All of it, piece by piece. @throws DepotError 'local-unreadable' */
export async function* segmentsOf(suitcase: Blob): AsyncGenerator<Bytes> {
  for (let at = 0; at < suitcase.size; at += SEGMENT_BYTES)
    yield new Uint8Array(await bytesOf(suitcase.slice(at, at + SEGMENT_BYTES)));
}

/** PKESK… | SEIPD { Literal }, from what is behind the PKESKs on. */
class Message {
  readonly #structure: StructureReader;
  readonly #bulk: BulkDecryptor;
  readonly #mdc: MdcReader | null;
  readonly #literal: LiteralReader;
  #body: Uint8Array[] = [];
  #content: Bytes[] = [];
  #length = 0;

  constructor({ preamble, sessionKey, cipher, threads }: ReadOptions) {
    const modern = preamble.encryption.packet === 'SEIPDv2';
    this.#structure = new StructureReader({ preamble, body: (bytes) => this.#body.push(bytes) });
    this.#literal = new LiteralReader((bytes) => this.#content.push(bytes as Bytes), !modern);
    this.#mdc = modern ? null : new MdcReader((bytes) => this.#literal.write(bytes));
    this.#bulk = modern
      ? new AeadBulk(sessionKey, parseHead(preamble.head))
      : new CfbBulk(sessionKey, cipher ?? 'AES-256', threads);
  }

  /** Begins to decrypt the next bytes of the suitcase. */
  decrypt(raw: Uint8Array): Promise<Uint8Array[]> {
    this.#structure.write(raw);
    return this.#begun();
  }

  /** Decrypts what the suitcase's end has brought. */
  async rest(): Promise<Uint8Array[]> {
    this.#structure.end();
    return [...(await this.#begun()), ...(await this.#bulk.end())];
  }

  #begun(): Promise<Uint8Array[]> {
    const body = this.#body;
    this.#body = [];
    const decrypted = this.#bulk.decrypt(joined(body));
    decrypted.catch(() => undefined);
    return decrypted;
  }

  /** What of the content is in there, in pieces that are worth their while. */
  packets(decrypted: Uint8Array[]): Bytes[] {
    for (const bytes of decrypted) {
      this.#length += bytes.length;
      if (this.#mdc === null) this.#literal.write(bytes);
      else this.#mdc.write(bytes);
    }
    const content = this.#content;
    this.#content = [];
    return content.length > 64 ? [joined(content)] : content;
  }

  end(): void {
    this.#mdc?.end();
    this.#literal.end();
  }

  get head(): Uint8Array {
    return this.#structure.head;
  }

  get tail(): Uint8Array | null {
    return this.#mdc === null ? this.#structure.tail : null;
  }

  get plaintextOctets(): number {
    return this.#mdc === null ? this.#length : this.#mdc.plaintextOctets;
  }
}

/** The suitcase as far as is needed to know who can open it. @throws DepotError 'verification-failed', 'local-unreadable' */
export async function preambleOf(suitcase: Blob): Promise<Sealed> {
  let at = 0;
  const preamble = await readPreamble(async () => {
    if (at >= suitcase.size) return null;
    const piece = new Uint8Array(await bytesOf(suitcase.slice(at, at + PREAMBLE_PIECE)));
    at += piece.length;
    return piece;
  });
  return { suitcase, preamble, start: at - preamble.rest.length };
}

/** @throws DepotError 'local-unreadable': a browser says so when the file was changed or taken away after it was chosen */
export async function bytesOf(blob: Blob): Promise<ArrayBuffer> {
  try {
    return await blob.arrayBuffer();
  } catch (cause) {
    throw new DepotError(
      'local-unreadable',
      'the browser could not read the file: it was changed or moved after it was chosen',
      { hint: 'choose it again', cause },
    );
  }
}
