import type { Chain } from '../dataset/chain/chain-file.js';
import { TarReader } from '../dataset/tar/read.js';
import { asDepotError, DepotError } from '../errors.js';
import { MessageReader } from '../pgp/reader.js';
import { inMebibytes } from '../printable.js';
import { ChainSink } from './chain-sink.js';
import { decompress } from './decompress.js';
import type { OpenOptions } from './opening.js';
import { SuitcaseSource } from './suitcase-source.js';

export type PeekOptions = Pick<OpenOptions, 'fd' | 'consumed' | 'preamble' | 'sessionKey' | 'cipher'>;

/** What the beginning of a suitcase says of itself; `chain` is null for what builds on nothing. */
export type Peeked = { chain: Chain | null } | { error: DepotError };

/** What is read at once: chain.json is within the first of it, unless it is long. */
const BYTES_AT_ONCE = 64 << 10;
/** Read at most: twice the largest chunk of SEIPDv2. More would hold up this thread for what says nothing. */
const MOST_READ = 8 << 20;

/**
 * Reads the beginning of a suitcase, to know which belong together before any is opened. What it finds is a hint: it need
 * not be authentic, and what it says must be seen again when the suitcase is opened. In this thread, since it is little:
 * what is read and what comes out of it are both bounded. The caller wipes the session key.
 */
export async function peek(suitcase: PeekOptions): Promise<Peeked> {
  try {
    return { chain: await chainIn(suitcase) };
  } catch (error) {
    return { error: asDepotError(error) };
  }
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
    progress: (bytes) => {
      if (bytes > consumed.length + MOST_READ)
        throw new DepotError('verification-failed', `there are no contents in its first ${inMebibytes(MOST_READ)}`);
    },
    bytesAtOnce: BYTES_AT_ONCE,
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
