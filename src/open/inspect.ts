import { isDepotError, type DepotError } from '../errors.js';
import type { Preamble } from '../pgp/preamble.js';
import { StructureReader } from '../pgp/structure.js';
import { sha256 } from '../primitives.js';

/** What a suitcase shows without a key. */
export interface Inspection {
  bytes: number;
  /** Hex SHA-256 of the whole file. */
  sha256: string;
  head: Uint8Array;
  tail: Uint8Array | null;
  /** What is wrong with the OpenPGP structure, null when nothing is. */
  problem: DepotError | null;
}

/**
 * Reads a suitcase to its end without a key: digest and OpenPGP structure, which begins after `start` bytes. A broken
 * structure does not end the reading, because the digest is wanted all the same.
 */
export async function inspectSuitcase(
  pieces: AsyncIterable<Uint8Array>,
  preamble: Preamble,
  start: number,
  progress: (bytes: number) => void,
): Promise<Inspection> {
  const digest = sha256();
  const structure = new StructureReader({ preamble });
  const problems: DepotError[] = [];
  const check = (work: () => void): void => {
    try {
      if (problems.length === 0) work();
    } catch (error) {
      if (!isDepotError(error)) throw error;
      problems.push(error);
    }
  };
  let bytes = 0;
  for await (const piece of pieces) {
    const skipped = Math.max(0, start - bytes);
    digest.update(piece);
    check(() => structure.write(piece.subarray(skipped)));
    bytes += piece.length;
    progress(bytes);
  }
  check(() => structure.end());
  const problem = problems[0] ?? null;
  const tail = preamble.encryption.packet === 'SEIPDv2' && problem === null ? structure.tail : null;
  return { bytes, sha256: digest.hex(), head: preamble.head, tail, problem };
}
