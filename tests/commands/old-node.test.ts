import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkout } from '../support/cli.js';
import { tempDir } from '../support/cleanup.js';
import { run } from '../support/process.js';

// Debian 12 has Node 18, where depot used to end in a V8 stack trace.
test.each([
  ['18.20.8', 1],
  ['20.18.9', 1],
  ['20.19.0', 0],
  ['26.0.0', 0],
])('under Node %s, depot --version exits with %i; if it fails, it says which Node it needs', async (version, code) => {
  const preload = join(tempDir(), 'as-if.mjs');
  writeFileSync(
    preload,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } });`,
  );
  const { code: ended, stderr } = await run(process.execPath, [
    '--import',
    preload,
    join(checkout, 'bin/depot.js'),
    '--version',
  ]);
  expect(ended).toBe(code);
  if (code !== 0)
    expect(stderr).toMatch(
      new RegExp(
        `^depot: error: depot needs Node 20\\.19 or newer; this is ${version.replaceAll('.', '\\.')} .*\ndepot: hint: install a newer Node.*\n$`,
      ),
    );
});

test('with --json, an old Node is told as any other error is', async () => {
  const preload = join(tempDir(), 'as-if.mjs');
  writeFileSync(
    preload,
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.8' } });",
  );
  const ended = await run(process.execPath, ['--import', preload, join(checkout, 'bin/depot.js'), 'push', '--json']);
  expect([ended.code, ended.stderr, JSON.parse(ended.stdout)]).toEqual([
    1,
    '',
    {
      ok: false,
      error: {
        code: 'internal',
        exit: 1,
        message: expect.stringContaining('this is 18.20.8'),
        hint: expect.stringMatching(/^install /),
        published: null,
        depositId: null,
      },
    },
  ]);
});

test('bin/depot.js loads nothing before it has checked the version, and Node 12 can parse it', () => {
  const text = readFileSync(join(checkout, 'bin/depot.js'), 'utf8');
  expect(text).not.toMatch(/^import /m);
  // Syntax that Node 12 cannot parse.
  expect(text).not.toMatch(/\?\.|\?\?|\d_\d|\|\|=|^await /m);
});
