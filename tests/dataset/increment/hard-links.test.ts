import { linkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { tempDir } from '../../support/cleanup.js';
import { directorySource, members } from '../packing.js';
import { PackedChain } from './packed-chain.js';

const HOUR_S = 3600;

test.each([3, 1_100_000])(
  'a hard link has a line where its target has one, although nothing of its own changed (%i bytes)',
  async (size) => {
    const tree = tempDir('tree');
    const { now } = Date;
    const then = Math.floor(now() / 1000) - HOUR_S;
    const write = (letter: string): void => {
      writeFileSync(join(tree, 'a'), letter.repeat(size));
      utimesSync(join(tree, 'a'), then, then);
    };
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 600_000);
    onTestFinished(() => void vi.restoreAllMocks());
    const chain = new PackedChain([directorySource(tree)]);
    const night = async () => {
      const { tar } = await chain.night();
      return Buffer.concat(
        members(tar)
          .filter(({ path }) => path.startsWith('DEPOT/manifest.ndjson'))
          .map(({ content }) => content),
      )
        .toString()
        .split('\n')
        .filter((line) => /\/[ab] /.test(line))
        .map((line) => line.split(' ').slice(0, 2).join(' '));
    };
    write('x');
    linkSync(join(tree, 'a'), join(tree, 'b'));
    await night();
    expect(await night()).toEqual([]);
    write('y');
    expect(await night()).toEqual([expect.stringMatching(/\/a [fr]$/), expect.stringMatching(/\/b h$/)]);
    expect(await night()).toEqual([]);
  },
);
