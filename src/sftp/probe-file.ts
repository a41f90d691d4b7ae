/** The files of the write test: what they hold, and what can be seen of them. */
import { OpenFlag, type SftpChannel } from './channel.js';
import { isStatus, SftpStatus, Status } from './status.js';

/** Of which a file is made: enough that several are on their way at a time. */
export const pieces = 12;

/** Of the length that a push would write, so that a server that mishandles it shows. */
export function pieceSize(channel: SftpChannel): number {
  return channel.writeSize;
}

export function ascending(): number[] {
  return Array.from({ length: pieces }, (_, i) => i);
}

/** Bytes of which no two pieces are alike. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 17 + (i >>> 16)) & 0xff;
  return bytes;
}

/** Reads that wait for their answers at a time: a far server is not asked for one piece after the other. */
const readsAtOnce = 64;
const readSize = 16_384;

/** Whether the file holds all the pieces and no more: null when it cannot be read back. */
export async function readBack(channel: SftpChannel, path: string): Promise<boolean | null> {
  const wanted = pattern(pieceSize(channel) * pieces);
  const handle = await refused(channel.open(path, OpenFlag.READ));
  if (handle instanceof SftpStatus) return null;
  const read = Buffer.alloc(wanted.length);
  const seen = { denied: false, short: false };
  const part = async (start: number): Promise<void> => {
    const end = Math.min(start + readSize, wanted.length);
    for (let at = start; at < end && !seen.denied && !seen.short; ) {
      const bytes = await refused(channel.read(handle, end - at, at));
      if (bytes instanceof SftpStatus && !isStatus(bytes, Status.EOF)) seen.denied = true;
      else if (bytes instanceof SftpStatus || bytes.length === 0) seen.short = true;
      else at += bytes.copy(read, at);
    }
  };
  for (let from = 0; from < wanted.length; from += readsAtOnce * readSize) {
    await Promise.all(
      Array.from({ length: Math.min(readsAtOnce, Math.ceil((wanted.length - from) / readSize)) }, (_, i) =>
        part(from + i * readSize),
      ),
    );
  }
  const beyond = await refused(channel.read(handle, 1, wanted.length));
  await refused(channel.close(handle));
  if (seen.denied) return null;
  return !seen.short && !(Buffer.isBuffer(beyond) && beyond.length > 0) && read.equals(wanted);
}

/** By the handle; null when the server does not say. */
export async function sizeBy(channel: SftpChannel, handle: Buffer): Promise<number | null> {
  const size = await refused(channel.fstat(handle));
  return size instanceof SftpStatus ? null : size;
}

/** The server's answer, or its refusal; only a lost connection is an error here. */
export async function refused<T>(request: Promise<T>): Promise<T | SftpStatus> {
  return request.catch((error: unknown) => {
    if (error instanceof SftpStatus) return error;
    throw error;
  });
}
