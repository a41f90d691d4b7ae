import { Digests, digestThread } from '../digest/digests.js';
import { MessageWriter } from '../pgp/writer.js';
import { BlockWriter, type BlockExchange } from './blocks.js';
import { chunksHeld, compress } from './compress.js';
import type { SealOptions, Sealed } from './messages.js';
import type { Packer, PackingHooks } from './packing.js';
import { withResult } from './with-result.js';

/**
 * The sealing: dataset | tar | compress | encrypt, into blocks. Their digest is taken where they arrive (`startSealing`).
 *
 * Nothing is buffered but what a stage needs: a block waits for a credit, and everything before it waits with it.
 *
 * @returns what a receipt says of suitcase and dataset
 * @throws DepotError `source-…` as `packDataset` does; the abort reason when `hooks.signal` fires
 */
export async function seal(
  options: SealOptions,
  exchange: BlockExchange,
  packer: Packer,
  hooks: PackingHooks,
): Promise<Sealed> {
  const { pkesk, sessionKey, encryption } = options;
  // SSH keeps the second core busy.
  const digests = new Digests(digestThread(3));
  const blocks = new BlockWriter(exchange);
  const encryptor = new MessageWriter({
    pkesk,
    sessionKey,
    encryption,
    emit: blocks.push,
    ...(encryption.packet === 'SEIPDv1' && { sha1: digests.of('sha1') }),
  });

  const packing = packer.pack(options.dataset, hooks, chunksHeld(options.compression));
  const dataset = withResult(packing.chunks);
  for await (const bytes of compress(options.compression, dataset.stream, packing.release)) {
    encryptor.update(bytes);
    await blocks.flush();
  }
  encryptor.final();
  const bytes = await blocks.end();
  const { head, tail, plaintextOctets } = encryptor;
  return { bytes, head, tail, plaintextOctets, dataset: dataset.result() };
}
