import { MAX_CHAIN_BYTES, parseChain, type Chain } from '../dataset/increment/chain-file.js';
import { fromBytes } from '../dataset/bytestring.js';
import type { EntrySink, TarEntry } from '../dataset/tar/format.js';
import { TarReader } from '../dataset/tar/read.js';
import { type ErrorRecord, errorToRecord } from '../errors.js';
import { CHAIN_PATH, FIRST_ENTRY } from '../names/archive.js';
import { MessageReader } from '../pgp/reader.js';
import { decompress } from './decompress.js';
import type { OpenOptions } from './opening.js';
import { SuitcaseSource } from './suitcase-source.js';

export type PeekOptions = Pick<OpenOptions, 'fd' | 'consumed' | 'preamble' | 'sessionKey' | 'cipher'>;

/** What the beginning of a suitcase says of itself; `chain` is null for what builds on nothing. */
export type Peeked = { chain: Chain | null } | { error: ErrorRecord };

/** Of the contents; chain.json comes second, after a page of text. */
const MOST = 2 * MAX_CHAIN_BYTES;

/**
 * The peeking thread: reads the beginning of suitcases, to know which belong together before any is opened. What it finds
 * is a hint: it need not be authentic, and what it says must be seen again when the suitcase is opened.
 */
export async function peek(suitcases: PeekOptions[]): Promise<Peeked[]> {
  const found: Peeked[] = [];
  for (const suitcase of suitcases) {
    try {
      found.push({ chain: await chainIn(suitcase) });
    } catch (error) {
      found.push({ error: errorToRecord(error) });
    } finally {
      suitcase.sessionKey.fill(0);
    }
  }
  return found;
}

async function chainIn({ fd, consumed, preamble, sessionKey, cipher }: PeekOptions): Promise<Chain | null> {
  const suitcase = new SuitcaseSource({
    fd,
    consumed,
    rest: preamble.rest.length,
    message: (plain) => new MessageReader({ preamble, sessionKey, cipher, plain }),
    isBeside: false,
    isDigested: false,
    expected: null,
    progress: () => undefined,
  });
  const sink = new ChainSink();
  const tar = new TarReader(sink);
  let length = 0;
  for await (const bytes of decompress(suitcase, () => undefined)) {
    tar.write(bytes);
    length += bytes.length;
    if (sink.isDone || length > MOST) break;
  }
  return sink.chain;
}

/** Takes chain.json where it is the second entry. */
class ChainSink implements EntrySink {
  chain: Chain | null = null;
  isDone = false;
  #entries = 0;
  #text: Uint8Array | null = null;
  #fill = 0;

  begin(entry: TarEntry): void {
    if (this.isDone) return;
    const path: string = fromBytes(entry.path);
    const isExpected = path === (this.#entries++ === 0 ? FIRST_ENTRY : CHAIN_PATH);
    this.isDone = !isExpected || entry.type !== 'file' || entry.size > MAX_CHAIN_BYTES;
    this.#text = isExpected && path === CHAIN_PATH && !this.isDone ? new Uint8Array(entry.size) : null;
  }

  data(bytes: Uint8Array): void {
    this.#text?.set(bytes, this.#fill);
    this.#fill += this.#text === null ? 0 : bytes.length;
  }

  end(): void {
    if (this.#text === null) return;
    this.chain = parseChain(this.#text);
    this.#text = null;
    this.isDone = true;
  }
}
