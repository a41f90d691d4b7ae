import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { LARGEST_WINDOW, ZstdFrames } from '../../src/open/zstd.js';
import { peer } from '../support/peers.js';

const zstd = peer('zstd');
const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const emptyBlock = Buffer.from([1, 0, 0]);
const frame = (...header: number[]): Buffer => Buffer.concat([magic, Buffer.from(header)]);

function see(bytes: Uint8Array, piece: number): void {
  const frames = new ZstdFrames();
  for (let at = 0; at < bytes.length; at += piece) frames.see(bytes.subarray(at, at + piece));
}

describe('the window that a zstd frame asks for', () => {
  const large: [string, Buffer][] = [
    ['2 GiB by descriptor', frame(0, 21 << 3)],
    ['16 MiB by descriptor', frame(0, 14 << 3)],
    ['one eighth over the limit', frame(0, (13 << 3) | 1)],
    ['a content of 1 GiB in one segment', frame(0x20 | 0x80, 0, 0, 0, 0x40)],
    ['a content of 2^63 bytes in one segment', frame(0x20 | 0xc0, 0, 0, 0, 0, 0, 0, 0, 0x80)],
    ['with a dictionary id', frame(0x03, 21 << 3, 1, 2, 3, 4)],
    ['in the second frame', Buffer.concat([frame(0, 0), emptyBlock, frame(0, 21 << 3)])],
    [
      'behind a skippable frame',
      Buffer.concat([Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]), frame(0, 21 << 3)]),
    ],
    [
      'behind a run, a raw block and a checksum',
      Buffer.concat([
        frame(0x04, 0),
        Buffer.from([0x02, 0xff, 0, 7]),
        Buffer.from([0x19, 0, 0, 1, 2, 3]),
        Buffer.alloc(4),
        frame(0, 21 << 3),
      ]),
    ],
  ];
  test.each(large)('is refused, whatever the size of the pieces: %s', (_, bytes) => {
    for (const piece of [1, 5, 1000])
      expect(() => {
        see(bytes, piece);
      }).toThrow(expect.objectContaining({ code: 'archive-refused' }));
  });

  test.each<[string, Buffer]>([
    ['the limit itself', frame(0, 13 << 3)],
    ['a small content', frame(0x20, 10)],
    ['no zstd at all', Buffer.alloc(100, 0xff)],
    ['nothing', Buffer.alloc(0)],
    ['a cut header', frame(0xc0)],
  ])('is accepted: %s', (_, bytes) => {
    for (const piece of [1, 1000]) see(bytes, piece);
  });

  test.skipIf(zstd === undefined)('is found in a frame behind the output of zstd', () => {
    const input = Buffer.concat([randomBytes(300_000), Buffer.alloc(3_000_000), randomBytes(10)]);
    const compressed = (level: string): Buffer => execFileSync(zstd!, [level, '-c'], { input, maxBuffer: 1 << 26 });
    const behind = frame(0, 21 << 3);
    for (const level of ['-1', '-3', '-19']) {
      see(compressed(level), 777);
      // Only whoever stands at the right place sees the frame that follows.
      expect(() => {
        see(Buffer.concat([compressed(level), behind]), 777);
      }).toThrow(/window of 2147483648 bytes/);
    }
    expect(LARGEST_WINDOW).toBe(8 << 20);
  });
});
