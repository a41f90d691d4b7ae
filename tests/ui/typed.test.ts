import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TypedLines } from '../../src/ui/typed.js';
import { checkout } from '../support/cli.js';
import { onWindows } from '../support/platform.js';

/** What holds together there what has a space in it. */
const quoted = (word: string): string => (onWindows ? `"${word}"` : `'${word}'`);

test.each([
  [['push'], 'run: «depot push acme-crm»', 'run: depot push acme-crm'],
  [
    ['push', '--config', '/etc/x/depot.yaml'],
    'run: «depot push acme-crm»; it looks again',
    'run: depot push acme-crm --config /etc/x/depot.yaml; it looks again',
  ],
  [
    ['push', '--config=my depot.yaml', '--state', '/s'],
    'run: «depot trust acme»',
    `run: depot trust acme --config ${quoted('my depot.yaml')} --state /s`,
  ],
  [
    ['push', '--config', 'a', '--config', 'b'],
    '«depot login» and «depot doctor»',
    'depot login --config b and depot doctor --config b',
  ],
  [
    ['doctor', '--config', 'a'],
    '«runuser -u depot -- depot doctor acme --config /a»',
    'runuser -u depot -- depot doctor acme --config /a',
  ],
  [
    ['push', '--config', 'a'],
    '«depot key generate signer --help»; «depot key add x FILE»',
    'depot key generate signer --help; depot key add x FILE --config a',
  ],
  [
    ['status', '--config', 'a b'],
    'run it again: «runuser -u depot -- depot …»',
    `run it again: runuser -u depot -- depot status --config ${quoted('a b')}`,
  ],
  [
    ['status', '--config', 'a b'],
    'run it again: sudo -u depot «depot …»',
    `run it again: sudo -u depot depot status --config ${quoted('a b')}`,
  ],
  [['push', '--', '--config', 'a'], '«depot push»', 'depot push'],
  [['push', '--config', 'a'], 'a path with « in it', 'a path with « in it'],
])('depot %j completes the command lines in %j', (argv, text, shown) => {
  expect(new TypedLines(argv).complete(text)).toBe(shown);
});

test.each([
  ['run: «depot push acme»', 'run: runuser -u depot -- depot push acme'],
  ['run it again: «depot …»', 'run it again: runuser -u depot -- depot status'],
  [
    'look: «depot doctor» and «depot receipts verify»',
    'look: runuser -u depot -- depot doctor and runuser -u depot -- depot receipts verify',
  ],
  // These write beside the configuration, which is not the account's.
  [
    '«depot trust acme», «depot login acme», «depot key add acme FILE»',
    'depot trust acme, depot login acme, depot key add acme FILE',
  ],
  ['«depot key show FILE»', 'depot key show FILE'],
  ['«runuser -u other -- depot push»', 'runuser -u other -- depot push'],
])('for the account that pushes, %j is shown as %j', (text, shown) => {
  expect(new TypedLines(['status'], 'runuser -u depot -- ').complete(text)).toBe(shown);
  const told = new TypedLines(['status'], '');
  told.pushesAs('runuser -u depot -- ');
  expect(told.complete(text)).toBe(shown);
});

test('every command line in a hint is marked with « and », so that it is completed', () => {
  const unmarked = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      readFileSync(join(checkout, 'src', name), 'utf8')
        .split('\n')
        .filter(
          (line) =>
            /\bhint\b|usage\(|report\.(?:warning|failed|notPossible)\(/.test(line) && !/^\s*(?:\/\/|\/?\*)/.test(line),
        )
        .filter((line) =>
          /depot (?:init|doctor|push|status|receipts|report|kit|key add|trust|login|logout|schedule)\b/.test(
            line.replace(/«[^»]*»/g, ''),
          ),
        )
        .map((line) => `${name}: ${line.trim()}`),
    );
  expect(unmarked).toEqual([]);
});

test('every file name in a line to type is quoted for the shell', () => {
  const bare = readdirSync(join(checkout, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      readFileSync(join(checkout, 'src', name), 'utf8')
        .split('\n')
        .filter((line) =>
          /(?:ls -ld?|ssh-keygen -\S+ -f|chmod \S+|chown [^`]*|mkdir -p|rm -r) \$\{(?:printable\((?!shellWord)|file\b|path\.|directory\b|[a-z]+\.(?:path|directory)\b)/.test(
            line,
          ),
        )
        .map((line) => `${name}: ${line.trim()}`),
    );
  expect(bare).toEqual([]);
});

test('« and » in names stay', () => {
  const typed = new TypedLines(['push']);
  expect(typed.complete('Société «Voorbeeld» of «depot»: «depot push acme-crm» and «chmod 600 f»')).toBe(
    'Société «Voorbeeld» of «depot»: depot push acme-crm and chmod 600 f',
  );
});
