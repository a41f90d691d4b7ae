import { setImmediate as turn } from 'node:timers/promises';
import type { Feeder, Taker } from '../conveyor.js';
import type { Chunk } from '../dataset/chunks.js';
import { MessageWriter } from '../pgp/writer.js';
import { BlockWriter } from './blocks.js';
import { compress } from './compress.js';
import type { Envelope, Sealed } from './sealing.js';

/** The sealing thread: tar | compress | encrypt, into blocks. While a block waits, everything before it waits. */
export async function seal(
  { compression, isPadded, pkesk, sessionKey, encryption }: Envelope,
  { from, to }: { from: Taker; to: Feeder },
): Promise<Sealed> {
  try {
    const blocks = new BlockWriter(to);
    const encryptor = new MessageWriter({ pkesk, sessionKey, encryption, emit: blocks.push });
    for await (const bytes of compress(compression, chunksOf(from), (chunk) => from.done(chunk), isPadded)) {
      encryptor.update(bytes);
      await blocks.flush();
    }
    encryptor.final();
    const bytes = await blocks.end();
    const { head, tail, plaintextOctets } = encryptor;
    return { bytes, head, tail, plaintextOctets };
  } finally {
    sessionKey.fill(0);
  }
}

async function* chunksOf(from: Taker): AsyncGenerator<Chunk, void> {
  for (let chunk = await from.next(); chunk !== null; chunk = await from.next()) {
    yield chunk.bytes;
    // What the other threads say is heard in a turn of the event loop.
    await turn();
  }
}
