import type { BigIntStats } from 'node:fs';
import { fromBytes, toBytes, type ByteString } from './bytestring.js';

/**
 * Where files with several hard links were stored: the one thing that grows with the dataset. So records are small, and
 * a file with two links, as most have, is forgotten at the second. (A third that came meanwhile is stored as a file of
 * its own.)
 */
export class HardLinks {
  readonly #devices = new Map<bigint, Map<number | bigint, ByteString>>();

  /** The path of an earlier link to the same file; null for the first. */
  earlier(stat: BigIntStats, path: ByteString): ByteString | null {
    if (stat.nlink < 2n) return null;
    let inodes = this.#devices.get(stat.dev);
    if (inodes === undefined) this.#devices.set(stat.dev, (inodes = new Map<number | bigint, ByteString>()));
    const inode = stat.ino <= Number.MAX_SAFE_INTEGER ? Number(stat.ino) : stat.ino;
    const earlier = inodes.get(inode);
    // A copy, because a path that was joined from pieces keeps the pieces.
    if (earlier === undefined) inodes.set(inode, fromBytes(toBytes(path)));
    else if (stat.nlink === 2n) inodes.delete(inode);
    return earlier ?? null;
  }
}
