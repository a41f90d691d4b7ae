import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { checkNight } from '../../../src/dataset/assemble/check-night.js';
import { KeptNight } from '../../../src/dataset/assemble/kept-night.js';
import { Scratch } from '../../../src/dataset/assemble/scratch.js';
import type { CountedNight } from '../../../src/dataset/assemble/tally.js';
import { TarReader } from '../../../src/dataset/tar/read.js';
import { tempDir } from '../../support/cleanup.js';

/** What putting it together without writing it says. */
export function checked(archives: readonly Buffer[], sources: readonly string[]): CountedNight {
  const fd = openSync(join(tempDir('scratch'), 'scratch'), 'wx+');
  onTestFinished(() => closeSync(fd));
  const scratch = new Scratch(fd, randomBytes(32));
  const nights = archives.map((tar) => {
    const night = new KeptNight(scratch);
    const reader = new TarReader(night);
    // In pieces of odd sizes.
    for (let at = 0; at < tar.length; at += 70_001) reader.write(tar.subarray(at, at + 70_001));
    reader.end();
    night.finish();
    return night;
  });
  return checkNight({ nights, sources });
}
