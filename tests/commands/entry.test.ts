import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, depot, depotScript, json } from '../support/cli.js';
import { run } from '../support/process.js';
import { Supplier } from '../support/supplier.js';

/** Runs `depot verify` on a file with code that breaks in on it from outside. */
async function disturbed(code: string) {
  const cwd = tempDir();
  const file = join(cwd, 'disturb.mjs');
  writeFileSync(file, code);
  return depot(['verify', file], { cwd, node: ['--import', file] });
}

/** Holds up the first look at the suitcase for ever, with nothing left in the event loop but what `then` puts there. */
const held = (then = ''): string =>
  `import fs from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module'; fs.open = () => new Promise(() => { ${then} }); syncBuiltinESMExports();`;

test('a run that ends without an answer is a defect, never a success', async () => {
  const { code, stderr } = await disturbed(held());
  expect(code).toBe(1);
  expect(stderr).toContain('depot: error: a defect in depot: the run ended without an answer');
});

test('an exception that nobody catches is told, with one line and no stack', async () => {
  const { code, stderr } = await disturbed(held("setImmediate(() => { throw new Error('boom'); });"));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^depot: error: a defect in depot: boom\ndepot: hint: .*\n$/);
});

describe('a push in which something never comes', () => {
  /** Something of `node:fs/promises` is asked for after the lock was taken, once, and never answers. */
  async function lost(what: string) {
    const supplier = await Supplier.create(
      {
        host: '127.0.0.1',
        port: 1,
        username: 'u',
        password: 'p',
        remoteDirectory: '/in',
        fingerprints: [`ssh-ed25519 SHA256:${'A'.repeat(43)}`],
      },
      {
        top: { notify: { command: ['sh', '-c', 'cat >> told'] } },
        ownProcess: true,
      },
    );
    const file = join(supplier.directory, 'lost.mjs');
    writeFileSync(
      file,
      `import { subscribe } from 'node:diagnostics_channel'; import fs from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module';
      const real = fs.${what};
      subscribe('depot:step', ({ step }) => {
        if (step !== 'locked') return;
        fs.${what} = () => { fs.${what} = real; syncBuiltinESMExports(); return new Promise(() => {}); };
        syncBuiltinESMExports();
      });`,
    );
    const pushed = await supplier.push([], { node: ['--import', file] });
    const told = (): unknown[] =>
      existsSync(join(supplier.directory, 'told'))
        ? readFileSync(join(supplier.directory, 'told'), 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as unknown)
        : [];
    return { supplier, pushed, told };
  }

  test('fails as a run: its own text, its record, and somebody is told', async () => {
    const { supplier, pushed, told } = await lost('open');
    const expected = {
      exit: 1,
      code: 'internal',
      message: 'a defect in depot: the run ended without an answer',
      published: 'no',
    };
    expect([pushed.code, pushed.result.error]).toMatchObject([1, expected]);
    expect(supplier.runs()).toMatchObject([expected]);
    expect(told()).toMatchObject([expected]);
  });

  test('and cannot be given up: exit 1, and status says that it came to no end, and tells', async () => {
    const { supplier, pushed, told } = await lost('readdir');
    expect([pushed.code, pushed.result.error]).toMatchObject([
      1,
      { code: 'internal', message: 'a defect in depot: the run ended without an answer' },
    ]);
    expect(supplier.runs()).toEqual([]);
    const status = await supplier.depot(['status', '--json']);
    expect([
      status.code,
      (json(status) as unknown as { arrangements: { underWay: object }[] }).arrangements[0].underWay,
    ]).toMatchObject([31, { killed: {} }]);
    expect(told()).toMatchObject([{ code: 'killed' }]);
  });
});

describe.skipIf(process.platform === 'win32')('where depot cannot even begin', () => {
  const inShell = (line: string, flags = '') =>
    run('sh', ['-c', `${line}; exec "${process.execPath}" "${depotScript}" status ${flags}`], {
      cwd: tempDir(),
      env: bareEnvironment(),
    });

  test('too few open files: 5, which limit, and how to raise it', async () => {
    // Node itself needs some before the program is read; how many differs.
    for (const limit of [22, 28, 34]) {
      const words = await inShell(`ulimit -n ${limit}`);
      if (words.code === null || words.code > 128) continue;
      // A newer Node gets by with fewer, and then there is no configuration.
      if (words.code === 10) continue;
      expect([words.code, words.stderr]).toEqual([
        5,
        expect.stringMatching(
          /^depot: error: too many open files: .*\ndepot: hint: allow this account more of them \(ulimit -n 1024; .*\n$/,
        ),
      ]);
      const document = await inShell(`ulimit -n ${limit}`, '--json');
      expect([document.code, json(document).error]).toMatchObject([5, { code: 'local-limit', exit: 5 }]);
    }
  });

  test('a current directory that is gone: 5, and no stack', async () => {
    const { code, stderr } = await inShell('mkdir d; cd d; rmdir ../d');
    expect([code, stderr]).toEqual([
      5,
      'depot: error: the current directory is not there any more\ndepot: hint: change to one that is there (cd /), then run it again\n',
    ]);
  });
});
