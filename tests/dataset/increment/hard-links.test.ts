import { linkSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { tempDir } from '../../support/cleanup.js';
import { directorySource, members, pack } from '../packing.js';

const HOUR_S = 3600;

test.each([3, 1_100_000])(
  'a hard link has a line where its target has one, although nothing of its own changed (%i bytes)',
  async (size) => {
    const root = tempDir('nights');
    const tree = join(root, 'tree');
    mkdirSync(tree);
    const { now } = Date;
    const then = Math.floor(now() / 1000) - HOUR_S;
    const write = (letter: string): void => {
      writeFileSync(join(tree, 'a'), letter.repeat(size));
      utimesSync(join(tree, 'a'), then, then);
    };
    vi.spyOn(Date, 'now').mockImplementation(() => now() + 600_000);
    onTestFinished(() => void vi.restoreAllMocks());
    const night = async (number: number) => {
      const { tar } = await pack([directorySource(tree)], {
        depositId: `x${number}`,
        chain: {
          index: join(root, `${number}.index`),
          key: Buffer.alloc(32, 7),
          recipients: ['A'],
          reread: false,
          startedAt: '2026-11-22T00:30:00Z',
          base:
            number === 0
              ? null
              : {
                  index: join(root, `${number - 1}.index`),
                  deposits: Array.from({ length: number }, (_, i) => ({
                    depositId: `x${i}`,
                    bytes: 1,
                    sha256: String(i).repeat(64),
                  })),
                },
        },
      });
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
    await night(0);
    expect(await night(1)).toEqual([]);
    write('y');
    expect(await night(2)).toEqual([expect.stringMatching(/\/a [fr]$/), expect.stringMatching(/\/b h$/)]);
    expect(await night(3)).toEqual([]);
  },
);
