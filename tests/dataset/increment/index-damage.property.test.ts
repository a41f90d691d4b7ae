import fc from 'fast-check';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BlockCutter } from '../../../src/dataset/increment/blocks.js';
import { UnusableIndex } from '../../../src/dataset/increment/frames.js';
import { LastNight } from '../../../src/dataset/increment/last-night.js';
import { NightIndex } from '../../../src/dataset/increment/night-index.js';
import { fromText } from '../../../src/dataset/bytestring.js';
import { pattern } from '../../support/awkward.js';
import { tempDir } from '../../support/cleanup.js';

const KEY = Buffer.alloc(32, 7);

/** An index of some frames: two thousand small files, and a large one. */
function indexAt(path: string): Buffer {
  const index = new NightIndex({
    path,
    key: KEY,
    head: { version: 1 },
    random: Buffer.alloc(32),
    cutter: new BlockCutter(Buffer.alloc(32, 1)),
    last: null,
  });
  const header = (name: string) => ({
    path: fromText(name),
    type: 'file' as const,
    size: 100,
    mode: 0o644,
    mtimeNs: 0n,
    linkTarget: null,
  });
  index.openLarge(header('data/crm/a'), null, { night: 0, object: fromText('data/crm/a') });
  index.beginWhole();
  index.add(pattern(2_000_000));
  index.endContent();
  index.closeLarge(2_000_000, 0, Buffer.alloc(32));
  for (let i = 1000; i < 3000; i++) {
    const file = header(`data/crm/f${i}`);
    index.addFile(file, null, 0, Buffer.alloc(32, i), { night: 0, object: file.path });
  }
  index.end();
  return readFileSync(path);
}

test('an index of which any byte was changed, added or taken away cannot be used; one that was not can', () => {
  const path = join(tempDir('index'), 'index');
  const whole = indexAt(path);
  expect(whole.length).toBeGreaterThan(3 * 65_000);
  const open = (bytes: Uint8Array, key: Uint8Array = KEY): unknown => {
    writeFileSync(path, bytes);
    const night = new LastNight(path, key);
    night.close();
    return night.head;
  };
  expect(open(whole)).toEqual({ version: 1 });
  expect(() => open(whole, Buffer.alloc(32, 8))).toThrow(UnusableIndex);
  const frame = 65_552;
  const changed = fc.oneof(
    fc
      .tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, bits]) => Buffer.from(whole.map((byte, i) => (i === at ? byte ^ bits : byte)))),
    fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
    fc
      .nat(3)
      .map((frames) => whole.subarray(0, 32 + frames * frame))
      .filter((some) => some.length < whole.length),
    fc.uint8Array({ minLength: 1, maxLength: 100 }).map((more) => Buffer.concat([whole, more])),
    // Frames that are whole, in another order or twice.
    fc
      .tuple(fc.nat(2), fc.nat(2))
      .filter(([a, b]) => a !== b)
      .map(([a, b]) => {
        const copy = Buffer.from(whole);
        whole.copy(copy, 32 + a * frame, 32 + b * frame, 32 + (b + 1) * frame);
        return copy;
      }),
    fc.uint8Array({ maxLength: 2000 }),
  );
  fc.assert(
    fc.property(changed, (bytes) => {
      expect(() => open(bytes)).toThrow(UnusableIndex);
    }),
    { numRuns: 300, interruptAfterTimeLimit: 3000 },
  );
});
