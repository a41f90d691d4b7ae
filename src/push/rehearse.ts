import { DepotError, isDepotError } from '../errors.js';
import type { Rehearsed } from '../open/rehearse.js';
import { startRehearsal } from '../open/rehearsal.js';
import { sameBytes } from '../primitives.js';
import type { CompressionFormat } from '../seal/compress.js';
import type { Sealing, SealResult } from '../seal/sealing.js';
import type { SuitcaseBlock } from '../outbound.js';

/**
 * `--rehearse`: opens the blocks of `sealing` again, in a thread, by the code that will open the deposit one day;
 * compares the entries with the manifest, and the whole with what the receipt is going to say. A last block is handed
 * out before all of it was compared: whoever takes the blocks publishes after the iteration has ended. It does not
 * rehearse that a beneficiary's private key unwraps the session key, as nobody here has it: that is the key proof.
 * @throws DepotError 'rehearsal-failed', while iterating
 */
export function rehearsed(
  sealing: Sealing,
  o: { sessionKey: Uint8Array; pkesk: Uint8Array; compression: CompressionFormat },
): Sealing {
  const rehearsal = startRehearsal(o.sessionKey);
  async function* blocks(): AsyncGenerator<SuitcaseBlock> {
    for await (const block of sealing.blocks) {
      await finding(() => rehearsal.feed(block));
      yield block;
    }
    const sealed = await sealing.result;
    const difference = differenceOf(sealed, await finding(() => rehearsal.finish()), o);
    if (difference !== null) throw failed(difference);
  }
  return {
    blocks: blocks(),
    release: (block) => sealing.release(block),
    result: sealing.result,
    stop: async () => {
      await rehearsal.stop();
      await sealing.stop();
    },
  };
}

async function finding<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isDepotError(error) || error.code === 'internal') throw error;
    throw failed(`it does not open: ${error.message}`, error);
  }
}

/** What keeps the suitcase from being what its receipt would say; null when it is. */
function differenceOf(
  sealed: SealResult,
  found: Rehearsed,
  { pkesk, compression }: { pkesk: Uint8Array; compression: CompressionFormat },
): string | null {
  const { contents } = found;
  const same = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
    a === null || b === null ? a === b : sameBytes(a, b);
  const wants: [boolean, string][] = [
    [contents.problems.length === 0, contents.problems.join('; ')],
    [
      contents.manifest === 'found' && contents.manifestSha256 === sealed.dataset.manifestSha256,
      'its manifest is not the one that depot made',
    ],
    [
      contents.entries === sealed.dataset.entries && contents.bytes === sealed.dataset.bytes,
      `it holds ${contents.entries} entries with ${contents.bytes} bytes, but depot read ${sealed.dataset.entries} with ${sealed.dataset.bytes}`,
    ],
    [
      found.bytes === sealed.bytes && found.sha256 === sealed.sha256,
      'its size or digest is not the one that depot computed',
    ],
    [
      same(found.pkesk, pkesk) && same(found.head, sealed.head) && same(found.tail, sealed.tail),
      'its beginning and end do not match the key proof',
    ],
    [
      found.plaintextOctets === sealed.plaintextOctets,
      `it holds ${found.plaintextOctets} bytes of plaintext, but depot encrypted ${sealed.plaintextOctets}`,
    ],
    [found.compression === compression, `its content is compressed as ${found.compression}, not ${compression}`],
  ];
  return wants.find(([holds]) => !holds)?.[1] ?? null;
}

function failed(what: string, cause?: unknown): DepotError {
  return new DepotError(
    'rehearsal-failed',
    `the rehearsal found that the sealed suitcase is not what it should be: ${what}`,
    {
      hint: 'run it again with DEPOT_DEBUG=1; if it fails again, check the memory of this machine, and report what it prints',
      cause,
    },
  );
}
