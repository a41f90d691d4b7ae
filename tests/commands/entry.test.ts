import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, depot, depotScript, json } from '../support/cli.js';
import { run } from '../support/process.js';
import { Supplier } from '../support/supplier.js';

/** Runs `depot verify` with preloaded code that disturbs it. */
async function disturbed(code: string) {
  const cwd = tempDir();
  const file = join(cwd, 'disturb.mjs');
  writeFileSync(file, code);
  return depot(['verify', file], { cwd, node: ['--import', file] });
}

/** Code with which the opening of the suitcase never settles; nothing is left in the event loop but what `then` puts there. */
const held = (then = ''): string =>
  `import fs from 'node:fs/promises'; import { syncBuiltinESMExports } from 'node:module'; fs.open = () => new Promise(() => { ${then} }); syncBuiltinESMExports();`;

test('a run that ends without a result is a defect, never a success', async () => {
  const { code, stderr } = await disturbed(held());
  expect(code).toBe(1);
  expect(stderr).toContain('depot: error: a defect in depot: the run ended without a result');
});

test('an uncaught exception is reported with a hint and without a stack', async () => {
  const { code, stderr } = await disturbed(held("setImmediate(() => { throw new Error('boom'); });"));
  expect(code).toBe(1);
  expect(stderr).toMatch(/^depot: error: a defect in depot: boom\ndepot: hint: .*\n$/);
});

describe('a push in which a promise never settles', () => {
  /** A push in which the first call of a function of `node:fs/promises` after the lock is taken never settles. */
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

  test('fails with an error, a run record and a notification', async () => {
    const { supplier, pushed, told } = await lost('open');
    const expected = {
      exit: 1,
      code: 'internal',
      message: 'a defect in depot: the run ended without a result',
      published: 'no',
    };
    expect([pushed.code, pushed.result.error]).toMatchObject([1, expected]);
    expect(supplier.runs()).toMatchObject([expected]);
    expect(told()).toMatchObject([expected]);
  });

  test('and which cannot be aborted exits with 1; status reports it as killed, and notifies', async () => {
    const { supplier, pushed, told } = await lost('readdir');
    expect([pushed.code, pushed.result.error]).toMatchObject([
      1,
      { code: 'internal', message: 'a defect in depot: the run ended without a result' },
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

describe.skipIf(process.platform === 'win32')('if depot cannot even start', () => {
  const inShell = (line: string, flags = '') =>
    run('sh', ['-c', `${line}; exec "${process.execPath}" "${depotScript}" status ${flags}`], {
      cwd: tempDir(),
      env: bareEnvironment(),
    });

  test('with too few open files allowed, it exits with 5 and says how to raise the limit', async () => {
    // Node itself needs some before it reads the program; how many depends on its version.
    for (const limit of [22, 28, 34]) {
      const words = await inShell(`ulimit -n ${limit}`);
      if (words.code === null || words.code > 128) continue;
      // A newer Node needs fewer, and gets as far as the missing configuration.
      if (words.code === 10) continue;
      expect([words.code, words.stderr]).toEqual([
        5,
        expect.stringMatching(
          /^depot: error: too many open files: .*\ndepot: hint: raise the limit for this account \(ulimit -n 1024; .*\n$/,
        ),
      ]);
      const document = await inShell(`ulimit -n ${limit}`, '--json');
      expect([document.code, json(document).error]).toMatchObject([5, { code: 'local-limit', exit: 5 }]);
    }
  });

  test('in a directory that was removed, it exits with 5 and without a stack', async () => {
    const { code, stderr } = await inShell('mkdir d; cd d; rmdir ../d');
    expect([code, stderr]).toEqual([
      5,
      'depot: error: the current directory no longer exists\ndepot: hint: change to one that exists (cd /), then run it again\n',
    ]);
  });
});
