import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { corpus, inputOf } from './mutate.js';
import { cleanUp, judge, targetNames } from './targets.js';

afterAll(cleanUp);

test.each(targetNames)(
  '%s: the corpus, changes of it and any bytes are accepted, or refused as intended',
  async (target) => {
    const seeds = corpus(target);
    for (const seed of seeds) expect(await judge(target, Uint8Array.from(seed))).toBeNull();
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        expect(await judge(target, inputOf(seeds, seed))).toBeNull();
      }),
      { interruptAfterTimeLimit: 400, numRuns: 500 },
    );
  },
);
