import { createHash, type Hash } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { DepotError } from '../errors.js';
import { markSuitcaseBlock, type SuitcaseBlock } from '../outbound.js';
import { localError, makeDirectory, syncDirectory } from '../durable-file.js';
import { BLOCK_BYTES } from './blocks.js';
import type { Sealing, SealResult } from './sealing.js';

/**
 * For `spool: true`: the suitcase as a local file, ciphertext only, so that another process can take up its upload.
 * Seals into `file` (0600, must not exist), fsynced with its directory when the promise resolves; removed when it
 * rejects. @throws DepotError 'local-disk-full', 'local-not-writable', and what the sealing throws
 */
export async function writeSpool(
  file: string,
  sealing: Sealing,
  written: (bytes: number) => void,
): Promise<SealResult> {
  await makeDirectory(path.dirname(file));
  try {
    const handle = await open(file, 'wx', 0o600);
    try {
      for await (const block of sealing.blocks) {
        for (let done = 0; done < block.length; ) done += (await handle.write(block, done)).bytesWritten;
        written(block.length);
        sealing.release(block);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncDirectory(path.dirname(file));
    return await sealing.result;
  } catch (error) {
    await rm(file, { force: true }).catch(() => undefined);
    throw localError(error, 'write', file);
  }
}

/** What a spooled suitcase must be: from the draft of its receipt, made while it was sealed. */
export interface Spooled {
  bytes: number;
  /** Hex. */
  sha256: string;
}

/**
 * Opens a spooled suitcase for its upload from byte `from`. A file in the state directory could be anything by now, and
 * only sealed bytes may leave (law 1 of docs/architecture.md): so the whole file is digested before the first block is
 * handed out, and what is handed out is digested again. @throws DepotError 'local-unreadable' when the file is not, or
 * no longer, what was sealed
 */
export async function openSpool(file: string, expected: Spooled, from: number): Promise<Spool> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r');
    const info = await handle.stat();
    if (!info.isFile() || info.size !== expected.bytes) throw damaged(file);
    const digest = createHash('sha256');
    const buffer = new Uint8Array(BLOCK_BYTES);
    // The digest as it is at `from`, for what is read again from there.
    let rest: Hash | undefined;
    for (let at = 0; at < expected.bytes; ) {
      const end = at < from ? Math.min(from, at + BLOCK_BYTES) : Math.min(expected.bytes, at + BLOCK_BYTES);
      if (at === from) rest = digest.copy();
      digest.update(buffer.subarray(0, await fill(handle, buffer, at, end - at, file)));
      at = end;
    }
    rest ??= digest.copy();
    if (digest.digest('hex') !== expected.sha256) throw damaged(file);
    return spool(file, handle, expected, from, rest);
  } catch (error) {
    await handle?.close();
    throw unusable(localError(error, 'read', file));
  }
}

/** The spooled file itself is at fault: only sealing again helps. */
export class SpoolFault extends DepotError {}

function unusable(error: unknown): unknown {
  return error instanceof DepotError ? new SpoolFault(error.code, error.message, error) : error;
}

/** A spooled suitcase that is being uploaded. */
export interface Spool {
  /** From `from` on. Throws 'local-unreadable' in place of an end when it was not what was sealed. */
  blocks(): AsyncGenerator<SuitcaseBlock>;
  /** The block's bytes are no longer needed. */
  release(block: SuitcaseBlock): void;
  close(): Promise<void>;
}

/** `digest`: of what is before `from`. */
function spool(file: string, handle: FileHandle, expected: Spooled, from: number, digest: Hash): Spool {
  const free: ArrayBuffer[] = [];
  return {
    async *blocks() {
      for (let at = from; at < expected.bytes; ) {
        const buffer = new Uint8Array(free.pop() ?? new ArrayBuffer(BLOCK_BYTES));
        const length = await fill(handle, buffer, at, Math.min(BLOCK_BYTES, expected.bytes - at), file);
        const block = buffer.subarray(0, length);
        digest.update(block);
        yield markSuitcaseBlock(block);
        at += length;
      }
      if (digest.digest('hex') !== expected.sha256) throw damaged(file);
    },
    release: (block) => void free.push(block.buffer),
    close: () => handle.close(),
  };
}

async function fill(
  handle: FileHandle,
  buffer: Uint8Array,
  position: number,
  length: number,
  file: string,
): Promise<number> {
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done).catch((error: unknown) => {
      throw unusable(localError(error, 'read', file));
    });
    if (bytesRead === 0) throw damaged(file);
    done += bytesRead;
  }
  return length;
}

function damaged(file: string): SpoolFault {
  return new SpoolFault('local-unreadable', `${file} is not the suitcase that depot wrote there`, {
    hint: 'check the disk; the next push makes a new deposit',
  });
}
