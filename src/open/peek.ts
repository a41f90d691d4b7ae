import type { Chain } from '../dataset/chain/chain-file.js';
import { TarReader } from '../dataset/tar/read.js';
import { type ErrorRecord, errorToRecord } from '../errors.js';
import { MessageReader } from '../pgp/reader.js';
import { ChainSink } from './chain-sink.js';
import { decompress } from './decompress.js';
import type { OpenOptions } from './opening.js';
import { SuitcaseSource } from './suitcase-source.js';

export type PeekOptions = Pick<OpenOptions, 'fd' | 'consumed' | 'preamble' | 'sessionKey' | 'cipher'>;

/** What the beginning of a suitcase says of itself; `chain` is null for what builds on nothing. */
export type Peeked = { chain: Chain | null } | { error: ErrorRecord };

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
  for await (const bytes of decompress(suitcase, () => undefined)) {
    tar.write(bytes);
    sink.passed(bytes.length);
    if (sink.isDone) break;
  }
  return sink.chain;
}
