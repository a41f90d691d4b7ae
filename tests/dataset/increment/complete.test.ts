/** Whether a night is complete: what a receipt says of it is what its suitcases show. */
import { appendFileSync, linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ManifestCheck } from '../../../src/dataset/compare.js';
import { TarReader } from '../../../src/dataset/tar/read.js';
import { sha256 } from '../../../src/primitives.js';
import { deniedBy } from '../../../src/reader/chain/stated.js';
import { pattern } from '../../support/awkward.js';
import { tempDir } from '../../support/cleanup.js';
import { directorySource } from '../packing.js';
import { PackedChain, type PackedNight } from './packed-chain.js';
import { checked } from './checked.js';

const LARGE = 5_000_000;

function contentsOf(tar: Buffer) {
  const check = new ManifestCheck({ hash: sha256 });
  const reader = new TarReader(check);
  reader.write(tar);
  reader.end();
  return check.finish();
}

test('a file that is torn, whole, torn again, and whole', async () => {
  const data = tempDir('data');
  const at = (name: string): string => join(data, name);
  const chain = new PackedChain([directorySource(data, { onChange: 'warn' })]);
  const nights: PackedNight[] = [];
  const expectNight = async (complete: boolean, change?: () => void): Promise<void> => {
    nights.push(await chain.night({ onChunk: (n) => (n === 1 ? change?.() : undefined) }));
    const { tar, chain: summary } = nights.at(-1)!;
    const { entries, bytes, datasetSha256 } = summary;
    expect(summary.complete).toBe(complete);
    if (nights.length > 1)
      expect(
        checked(
          nights.map((night) => night.tar),
          ['tree'],
        ),
      ).toEqual({ entries, bytes, datasetSha256, complete });
    const said = {
      ...summary,
      fullDepositId: '',
      previousDepositId: null,
      previousSuitcaseSha256: null,
    };
    expect(deniedBy(said, contentsOf(tar))).toBeNull();
    expect(deniedBy({ ...said, complete: !complete }, contentsOf(tar)) === null).toBe(nights.length > 1 && complete);
  };
  writeFileSync(at('large'), pattern(LARGE));
  linkSync(at('large'), at('link'));
  await expectNight(false, () => appendFileSync(at('large'), 'more'));
  await expectNight(true);
  writeFileSync(at('large'), pattern(LARGE + 512, 2));
  await expectNight(false, () => appendFileSync(at('large'), 'more'));
  await expectNight(true);
});
