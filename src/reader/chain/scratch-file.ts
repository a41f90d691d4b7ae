/** The file in which `verify --deep --scratch` keeps contents of a chain: encrypted, and without a name where that can be. */
import { randomBytes } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { fromText } from '../../dataset/bytestring.js';
import { UnnamedFile } from '../../dataset/extract/spool.js';
import { localError } from '../../durable-file.js';
import { DepotError } from '../../errors.js';
import type { Limit } from '../../open/opening.js';
import { inMebibytes, printable } from '../../printable.js';
import type { Receipt } from '../../receipt/schema.js';
import type { Member } from './members.js';

/** Of the lists of an entry: name, digest, place. */
const BYTES_PER_ENTRY = 512;

export interface ScratchFile {
  fd: number;
  /** Wiped by `close`. */
  key: Uint8Array;
  /** On the contents of each suitcase: there is room for no more. */
  room: Limit;
  close(): void;
}

/** What the contents take, as far as receipts tell; of others at least the size of the suitcase. */
export function scratchBytes(
  members: readonly Member[],
  receipts: readonly Receipt[],
): { bytes: number; isKnown: boolean } {
  let bytes = 0;
  let isKnown = true;
  for (const { depositId, suitcase } of members) {
    const receipt = receipts.find((one) => one.depositId === depositId && one.suitcase.bytes === suitcase!.bytes);
    isKnown &&= receipt !== undefined;
    bytes +=
      receipt === undefined ? suitcase!.bytes : receipt.dataset.bytes + BYTES_PER_ENTRY * receipt.dataset.entries;
  }
  return { bytes, isKnown };
}

/** @throws DepotError 'local-disk-full' before anything is written, 'local-not-writable' */
export async function openScratch(
  directory: string,
  { bytes, isKnown }: { bytes: number; isKnown: boolean },
  note: (message: string) => void,
): Promise<ScratchFile> {
  const { bavail, bsize } = await statfs(directory).catch((error: unknown) => {
    throw localError(error, 'read', directory);
  });
  const free = bavail * bsize;
  const needed = `${isKnown ? 'up to' : 'at least'} ${inMebibytes(bytes)}`;
  const where = `${printable(directory)}, where ${inMebibytes(free)} are free`;
  const hint = 'name a directory on a larger disk with --scratch';
  if (bytes > free)
    throw new DepotError('local-disk-full', `the contents need ${needed} in ${where}; nothing was opened`, { hint });
  note(`the contents need ${needed} in ${where}; they are encrypted there, and removed at the end`);
  let file: UnnamedFile;
  try {
    file = new UnnamedFile(fromText(directory));
  } catch (error) {
    throw localError(error, 'create', directory);
  }
  const key = randomBytes(32);
  return {
    fd: file.fd,
    key,
    room: {
      most: free,
      exceeded: { code: 'local-disk-full', message: `the contents are larger than what is free in ${where}`, hint },
    },
    close() {
      key.fill(0);
      file.close();
    },
  };
}
