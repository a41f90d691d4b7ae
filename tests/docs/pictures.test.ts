/** The pictures in docs/pictures are what `npm run pictures` makes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parties } from '../pictures/parties.js';
import { terminalPicture } from '../pictures/screen.js';
import { columns, takeSessions } from '../pictures/sessions.js';
import { checkout } from '../support/cli.js';
import { peers } from '../support/peers.js';

const directory = join(checkout, 'docs/pictures');
const committed = (name: string): string => readFileSync(join(directory, `${name}.svg`), 'utf8');

test('the picture of the four parties is what its script makes', () => {
  expect(committed('parties')).toBe(parties());
});

test.skipIf(peers('python3') === undefined)(
  'the terminal pictures show what depot prints today, apart from the figures',
  { timeout: 300_000 },
  async () => {
    const taken = await takeSessions('2s');
    expect(taken.map(({ name }) => `${name}.svg`).sort()).toEqual(
      readdirSync(directory)
        .filter((name) => name !== 'parties.svg')
        .sort(),
    );
    for (const { name, title, raw } of taken)
      expect(words(committed(name)), 'make them anew: npm run pictures').toEqual(
        words(terminalPicture(title, raw, columns)),
      );
  },
);

test('no picture shows a path or an address of the machine that made it', () => {
  for (const name of readdirSync(directory)) {
    const svg = readFileSync(join(directory, name), 'utf8');
    expect(svg.match(/\/tmp\/|\/home\/|\/root\/|127\.0\.0\.1|localhost/g), name).toBeNull();
  }
});

/** The words that a picture shows, without line breaks; what differs from run to run is a dot. */
function words(svg: string): string[] {
  return [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/g)]
    .map(([, text]) => text.replace(/<[^>]*>/g, ''))
    .join(' ')
    .split(/[\s\u00a0]+/)
    .map((word) =>
      word.replace(/[KM]iB\/s|[0-9A-Fa-f]{4}…[0-9A-Fa-f]{4}|[0-9a-f]{8}…[0-9a-f]{4}|_[0-9a-f]{16}|\d+/g, '•'),
    );
}
