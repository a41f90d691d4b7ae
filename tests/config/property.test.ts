import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';

import { ConfigInvalid, parseConfig } from '../../src/config/load.js';
import { changed, linux, sample } from './sample.js';

/** Any text is a Config or a ConfigInvalid whose every problem has a place; nothing else is ever thrown. */
async function holds(text: string | Uint8Array): Promise<void> {
  try {
    const config = await parseConfig(text, '/etc/depot/depot.yaml', linux);
    expect(config.supplier.signingKey).toMatch(/^\//);
  } catch (error) {
    if (!(error instanceof ConfigInvalid)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    for (const p of error.problems) {
      expect(p.line).toBeGreaterThanOrEqual(1);
      expect(p.column).toBeGreaterThanOrEqual(1);
    }
    expect(error.message).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
  }
}

test('any bytes are a configuration, or are refused with a place', async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), holds), { numRuns: 300 });
});

test('any text of YAML tokens is a configuration, or is refused with a place', async () => {
  const piece = fc.constantFrom(
    'version',
    ': ',
    '1',
    '\n',
    '  ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    ', ',
    '&a ',
    '*a',
    '<<',
    '"',
    "'",
    '|',
    '>',
    '#',
    '!t ',
    '!!binary ',
    '? ',
    '---\n',
    '%YAML 1.1\n',
    '\t',
    '~',
    '\u202e',
    'remote',
    'arrangements',
    'supplier',
    '\0',
    '__proto__',
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
      holds,
    ),
    { numRuns: 500 },
  );
});

test('the sample with any value at any place is a configuration, or is refused with a place', async () => {
  const paths: string[][] = [];
  const collect = (value: unknown, path: string[]): void => {
    paths.push(path);
    if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) collect(inner, [...path, key]);
  };
  const full = JSON.parse(
    changed({
      top: { state: 's', include: ['nothing/*.yaml'], notify: { command: ['x'], on: ['failure'] } },
      remote: {
        port: 22,
        hostKey: ['SHA256:QYhVDqpO8S2jVYT4XgqNKX0EIk0t9u4W5UkGc2HG9gU'],
        passwordCommand: ['x'],
        lanes: 1,
        window: 1,
        retryFor: '1s',
        connectTimeout: '1s',
        publish: 'rename',
        sidecars: true,
      },
      arrangement: {
        minSize: 1,
        every: '1d',
        ended: '2027-01-01',
        retiredKeys: ['A'.repeat(40)],
        dataset: [
          { command: ['x'], as: 'x', env: { A: 'b' }, timeout: '1s' },
          { directory: 'd', exclude: ['*'] },
        ],
      },
    }),
  ) as Record<string, unknown>;
  collect(full, []);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths.slice(1)), fc.jsonValue(), async (path, value) => {
      const copy = structuredClone(full);
      let at = copy;
      for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
      at[path.at(-1) ?? ''] = value;
      await holds(stringify(copy));
    }),
    { numRuns: 500 },
  );
});

test('the sample with one character changed is a configuration, or is refused with a place', async () => {
  const text = stringify(sample());
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length - 1), fc.string({ unit: 'binary', minLength: 0, maxLength: 2 }), (at, other) =>
      holds(text.slice(0, at) + other + text.slice(at + 1)),
    ),
    { numRuns: 500 },
  );
});
