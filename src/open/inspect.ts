import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { isDepotError, type DepotError } from '../errors.js';
import type { Preamble } from '../pgp/preamble.js';
import { StructureReader } from '../pgp/structure.js';

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

const READ_OCTETS = 1 << 20;

/**
 * Reads a suitcase to its end without a key: digest and OpenPGP structure. `handle` stands behind `consumed`, of which the
 * last `preamble.rest` octets begin at the encrypted packet. A broken structure does not end the reading: the digest is
 * wanted all the same.
 */
export async function inspectSuitcase(
  handle: FileHandle,
  consumed: Uint8Array,
  preamble: Preamble,
  o: { signal: AbortSignal; progress(bytes: number): void },
): Promise<Inspection> {
  const digest = createHash('sha256').update(consumed);
  const structure = new StructureReader({ preamble });
  const problems: DepotError[] = [];
  const check = (work: () => void): void => {
    if (problems.length > 0) return;
    try {
      work();
    } catch (error) {
      if (!isDepotError(error)) throw error;
      problems.push(error);
    }
  };
  check(() => structure.write(preamble.rest));
  let bytes = consumed.length;
  const buffer = new Uint8Array(READ_OCTETS);
  for (;;) {
    o.signal.throwIfAborted();
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, null);
    if (bytesRead === 0) break;
    const piece = buffer.subarray(0, bytesRead);
    digest.update(piece);
    check(() => structure.write(piece));
    bytes += bytesRead;
    o.progress(bytes);
  }
  check(() => structure.end());
  const problem = problems[0] ?? null;
  const tail = preamble.encryption.packet === 'SEIPDv2' && problem === null ? structure.tail : null;
  return { bytes, sha256: digest.digest('hex'), head: preamble.head, tail, problem };
}
