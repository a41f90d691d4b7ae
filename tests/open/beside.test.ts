import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileWriter } from '../../src/dataset/extract/file-writer.js';
import { BLOCK_BYTES, readBeside, readHere, type Reading } from '../../src/open/read-ahead.js';
import { WriteBeside } from '../../src/open/write-beside.js';
import { cleanup, tempDir } from '../support/cleanup.js';

const MiB = 1 << 20;
const noise = randomBytes(9 * MiB + 3);
const inTurn = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, noise.length];

function opened(path: string, flags: string): number {
  const fd = openSync(path, flags);
  cleanup(() => closeSync(fd));
  return fd;
}

describe.each([
  ['in another thread', readBeside],
  ['in this thread', readHere],
] as const)('reading %s', (_, read) => {
  const all = (reading: Reading): Buffer => {
    const pieces: Buffer[] = [];
    for (let piece = reading.next(); piece.length > 0; piece = reading.next()) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  };

  test.each(
    inTurn.flatMap((length) =>
      [0, 1, 65_536].filter((consumed) => consumed <= length).map((consumed) => [length, consumed]),
    ),
  )('gives all %i bytes and their digest, %i of them read before', (length, before) => {
    const bytes = noise.subarray(0, length);
    const file = join(tempDir(), 'suitcase');
    writeFileSync(file, bytes);
    const fd = opened(file, 'r');
    const consumed = new Uint8Array(before);
    readSync(fd, consumed);
    const reading = read(fd, consumed);
    expect(all(reading).equals(bytes)).toBe(true);
    expect(Buffer.from(reading.sha256()).toString('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('throws if the file cannot be read', () => {
    const reading = read(opened(tempDir(), 'r'), new Uint8Array(0));
    expect(() => all(reading)).toThrow(expect.objectContaining({ code: 'EISDIR' }));
  });
});

describe.each(['beside', 'here'])('writing %s', (where) => {
  const large = (): WriteBeside | null => (where === 'beside' ? new WriteBeside() : null);
  test.each([0, 1, 4 * MiB - 1, 4 * MiB, 4 * MiB + 1, 9 * MiB + 3])(
    'stores files of %i bytes one after the other, whatever the size of the pieces',
    (length) => {
      const files = new FileWriter(large());
      const bytes = noise.subarray(0, length);
      for (const size of [70_000, MiB - 1, MiB, 5 * MiB]) {
        const file = join(tempDir(), 'file');
        const fd = opened(file, 'wx');
        const isDigested = files.start(fd, 0, length, true);
        for (let at = 0; at < length; at += size) files.write(bytes.subarray(at, at + size), at + size >= length);
        expect(files.finish()).toBe(length);
        expect(readFileSync(file).equals(bytes)).toBe(true);
        expect(isDigested).toBe(where === 'beside' && length >= 4 * MiB);
        if (isDigested) expect(files.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
      }
    },
  );

  test('stores a file in several parts, with holes for zeros, even at the end', () => {
    const files = new FileWriter(large());
    const file = join(tempDir(), 'file');
    const fd = opened(file, 'wx');
    const parts = [noise.subarray(0, 5 * MiB), Buffer.concat([noise.subarray(0, 100), Buffer.alloc(6 * MiB)])];
    let position = 0;
    for (const part of parts) {
      files.start(fd, position, part.length, false);
      files.write(part, true);
      position = files.finish();
    }
    expect(readFileSync(file).equals(Buffer.concat(parts))).toBe(true);
    expect(statSync(file).blocks * 512).toBeLessThanOrEqual(7 * MiB);
  });

  test('includes holes in the digest', () => {
    const bytes = Buffer.concat([
      noise.subarray(0, MiB),
      Buffer.alloc(3 * MiB),
      noise.subarray(0, 7),
      Buffer.alloc(4 * MiB),
    ]);
    const files = new FileWriter(large());
    const isDigested = files.start(opened(join(tempDir(), 'file'), 'wx'), 0, bytes.length, true);
    files.write(bytes, true);
    expect(files.finish()).toBe(bytes.length);
    if (isDigested) expect(files.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  test('throws a failed write at the latest when the file is finished, and can then be abandoned', () => {
    const file = join(tempDir(), 'file');
    writeFileSync(file, '');
    const files = new FileWriter(large());
    files.start(opened(file, 'r'), 0, noise.length, true);
    const write = (): void => {
      for (let at = 0; at < noise.length; at += MiB)
        files.write(noise.subarray(at, at + MiB), at + MiB >= noise.length);
      files.finish();
    };
    expect(write).toThrow(expect.objectContaining({ code: 'EBADF' }));
    files.abandon();
    expect(statSync(file).size).toBe(0);
  });
});
