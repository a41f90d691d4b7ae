import { gzipSync } from 'node:zlib';
import { raw } from './hostile-tar.js';

/** A zstd frame with a window of 128 KiB: these bytes, and then zeros, four bytes for each 128 KiB of them. */
export function zstdBomb(start: Uint8Array, zeros: number): Buffer {
  const block = (last: boolean, type: number, size: number): Buffer => {
    const header = Buffer.alloc(3);
    header.writeUIntLE((size << 3) | (type << 1) | (last ? 1 : 0), 0, 3);
    return header;
  };
  const run = Buffer.concat([block(false, 1, 131_072), Buffer.of(0)]);
  const runs = Buffer.alloc(run.length * Math.ceil(zeros / 131_072), run);
  return Buffer.concat([
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 7 << 3]),
    block(false, 0, start.length),
    start,
    runs,
    block(true, 0, 0),
  ]);
}

/** gzip as members, one after another: the first holds `start`, each of the others 16 MiB of zeros in 16 KiB. */
export function gzipBomb(start: Uint8Array, zeros: number): Buffer {
  const member = gzipSync(Buffer.alloc(16 << 20), { level: 9 });
  return Buffer.concat([gzipSync(start), Buffer.alloc(member.length * Math.ceil(zeros / (16 << 20)), member)]);
}

/** The header of a file in a tar of which so many bytes follow. */
export function fileOf(size: number): Buffer {
  return raw({ name: 'bomb', size });
}
