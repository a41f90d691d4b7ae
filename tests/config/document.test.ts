/** depot.yaml as YAML: syntax errors, aliases, and the place of each problem. */
import { expect, test } from 'vitest';
import type { DepotError } from '../../src/errors.js';
import { parseConfig } from '../../src/config/load.js';
import { fingerprint, linux, load, problems } from './sample.js';

const head = 'version: 1\nsupplier: { name: A, signingKey: k }\n';

test('all problems are reported at once, sorted by their place in the file', async () => {
  const text = `${head}remote:\n  hots: x\n  port: none\n  port: 22\narrangements:\n  acme:\n    beneficiaries: nobody\n    dataset:\n      - { file: a, as: .. }\n`;
  const error = await load(text).then(
    () => undefined,
    (e: unknown) => e as DepotError,
  );
  expect(error?.code).toBe('config-invalid');
  expect(error?.exit).toBe(10);
  expect(error?.message.split('\n')).toEqual([
    '7 problems in the configuration',
    "/etc/depot/depot.yaml:4:3: unknown key 'hots', did you mean 'host'?",
    "/etc/depot/depot.yaml:5:9: expected a whole number from 1 to 65535, found 'none'",
    "/etc/depot/depot.yaml:6:3: duplicate key 'port' (first at line 5)",
    "/etc/depot/depot.yaml:8:3: 'acme' has no remote host: set it here, or in the top-level remote:",
    "/etc/depot/depot.yaml:8:3: 'acme' has no remote directory: set it here, or in the top-level remote:",
    "/etc/depot/depot.yaml:9:20: expected a list, found 'nobody'",
    "/etc/depot/depot.yaml:11:24: '..': this is not a file name",
  ]);
});

test.each<[string, string | Uint8Array, string]>([
  ['an empty file', '', 'the file is empty'],
  ['a file with nothing but a comment', '# nothing\n', 'the file is empty'],
  ['a list at the top', '- a\n', 'expected a mapping'],
  ['a quote left open', 'version: "1\n', '1:10: this " is not closed'],
  ['a quote left open further up', "supplier:\n  name: 'A\n  signingKey: k\nversion: 1\n", "2:9: this ' is not closed"],
  ['a { left open', 'supplier: { name: A\nversion: 1\n', '1:11: this { is not closed: there is no } for it'],
  [
    'a { left open in a list, with others closed around it',
    `${head}arrangements:\n  a:\n    dataset:\n      - { file: a }\n      - { file: b, exclude: [x]\n      - { file: c }\n`,
    '7:9: this { is not closed',
  ],
  ['a [ left open', 'notify:\n  command: [a, b\n  on: [failure]\n', '2:12: this [ is not closed: there is no ] for it'],
  ['a [ left open before a mapping', 'remote: [\n  host: h\n  port: 22\nversion: 1\n', '1:9: this [ is not closed'],
  ['a } too far to the left', 'a:\n  supplier: {\n    name: A\n}\n', '4:1: indent this } further'],
  ['a tab as indentation', 'supplier:\n\tname: x\n', '2:1: there is a tab in the indentation: use spaces'],
  [
    'no space after a colon',
    'supplier:\n  name: A\n  signingKey:k\n',
    '3:3: put a space after the colon of signingKey:',
  ],
  [
    'no space after the first colon',
    'supplier:\n  name:A\n  signingKey: k\n',
    '2:3: put a space after the colon of name:',
  ],
  ['a line that is indented too little', 'a:\n    b: 1\n  c: 2\n', '3:1: this line is indented differently'],
  ['a line that is indented too far', 'a:\n  b: 1\n   c: 2\n', 'this line is indented differently'],
  ['a colon in a value', 'supplier: A: B\n', '1:11: put the value into quotes, since it has a colon in it'],
  ['a value that begins with @', 'supplier: @x\n', '1:11: put the value into quotes, since it begins with @'],
  ['a path of Windows in double quotes', 'state: "C:\\data"\n', 'a backslash has a meaning'],
  ['two documents', `${head}---\n${head}`, 'multiple documents'],
  ['an unknown tag', `${head}state: !secret x\n`, 'unresolved tag'],
  ['an alias to nothing', `${head}state: *gone\n`, '*gone, an undefined alias'],
  ['a mapping as a key', `${head}? { a: b }\n: c\n`, 'key'],
  ['text that is not UTF-8', Uint8Array.of(0x61, 0x3a, 0xff), 'this is not UTF-8 text'],
  ['text in Windows-1252', Buffer.from('supplier: { name: Caf\u00e9 }', 'latin1'), 'this is not UTF-8 text'],
  ['nesting that is 20,000 deep', '['.repeat(20_000), '1:'],
  ['an escape sequence in a key', `${head}"\\e[2Jx": 1\n`, "unknown key '\\x1b[2Jx'"],
])('%s is refused, and the error says why', async (_, text, expected) => {
  const error = await parseConfig(text, '/etc/depot/depot.yaml', linux).then(
    () => undefined,
    (e: unknown) => e as DepotError,
  );
  expect(error?.code).toBe('config-invalid');
  expect(error?.message.toLowerCase().replace('this is not valid yaml: ', '')).toContain(expected.toLowerCase());
});

test('of several mistakes in the YAML the first is shown, and the others are counted', async () => {
  const found = await problems(`${head}state: [\nremote:\n  host: h: h\n  port: 1: 1\n`);
  expect(found).toEqual([
    expect.objectContaining({
      line: 3,
      message: expect.stringMatching(/^this is not valid YAML: .* \(and \d+ more, perhaps because of this one\)$/),
    }),
  ]);
});

test('a byte order mark and Windows line ends change nothing', async () => {
  const text = `\ufeff${head}remote: { port: x }\n`.replaceAll('\n', '\r\n');
  expect(await problems(text)).toEqual([expect.objectContaining({ line: 3, column: 17 })]);
});

test('an alias stands for what its anchor marks', async () => {
  const config = await load(
    `${head}remote: &r { host: h, directory: d }\narrangements:\n  a: { beneficiaries: [{ name: b, key: k, fingerprint: ${fingerprint} }], remote: *r, dataset: &d [{ file: f }] }\n  b: { beneficiaries: [{ name: b, key: k, fingerprint: ${fingerprint} }], dataset: *d }\n`,
  );
  expect([...config.arrangements.values()].map((a) => a.dataset[0]?.name)).toEqual(['f', 'f']);
});

test('a few lines of aliases that multiply to billions of values are refused', async () => {
  const row = (name: string, of: string): string =>
    `${name}: &${name} [${Array.from({ length: 400 }, () => of).join(', ')}]`;
  // Values of unknown keys are not read, so the aliases stand under known ones.
  const text =
    `version: 1\nsupplier: { name: A, signingKey: k }\n${row('x', 'w')}\narrangements:\n  a: &a\n    dataset:\n${'      - { command: *x, as: a }\n'.repeat(300)}` +
    Array.from({ length: 50 }, (_, i) => `  b${i}: *a\n`).join('');
  const found = await problems(text);
  expect(found).toEqual([
    expect.objectContaining({ message: expect.stringContaining('more values than any configuration needs') }),
  ]);
});

test('after 50 problems, the others are only counted', async () => {
  const error = await load(`${head}remote:\n${Array.from({ length: 1000 }, (_, i) => `  x${i}: 1\n`).join('')}`).then(
    () => undefined,
    (e: unknown) => e as DepotError,
  );
  expect(error?.message.split('\n')).toHaveLength(52);
  expect(error?.message).toContain('and 950 more');
});
