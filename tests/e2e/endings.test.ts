/** How runs end that do not end by themselves: signals after the publication, defects, readers that go away. */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, test } from 'vitest';
import { tempDir } from '../support/cleanup.js';
import { bareEnvironment, checkout, depot, depotScript } from '../support/cli.js';
import { run } from '../support/process.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { makeKey, Supplier } from '../support/supplier.js';

describe('a push', () => {
  let server: ScriptedServer;
  let supplier: Supplier;
  beforeAll(async () => {
    server = await startScriptedServer({ fsync: true });
    supplier = await Supplier.create({ ...server, remoteDirectory: '/in' });
    writeFileSync(join(supplier.data, 'x'), 'x');
  });
  /** A push in which `command` runs at a step, while the push waits for it. */
  const disturbed = (step: string, command: string) =>
    supplier.push([], {
      node: ['--import', join(checkout, 'tests/support/preload-do.mjs')],
      env: { DEPOT_AT: step, DEPOT_DO: command },
    });
  const names = (): string[] => [...server.files.keys()].map((name) => name.replace('/in/', '')).sort();

  test.each([
    ['HUP', 129, 'hung-up'],
    ['INT', 130, 'interrupted'],
    ['TERM', 143, 'terminated'],
  ] as const)(
    'SIG%s after publication: exit %i, and receipt, ledger and sidecars are complete',
    async (signal, exit, code) => {
      server.files.clear();
      const { result, code: status } = await disturbed('published', `kill -${signal} $PPID`);
      expect([status, result.error]).toMatchObject([exit, { code, exit, published: 'yes' }]);
      const id = result.error!.depositId!;
      expect(result.error!.hint).toContain(`look at it with: depot receipts show ${id}`);
      expect(supplier.stateFiles()).toContain(`${id}.receipt.json`);
      expect(names()).toContain(
        `${id}.tar.gz.pgp`.replace(
          '.gz',
          names()
            .find((name) => name.endsWith('.pgp'))!
            .includes('.zst')
            ? '.zst'
            : '.gz',
        ),
      );
      expect(supplier.runs().at(-1)).toMatchObject({ exit, code, published: 'yes', depositId: id });
      // What was not delivered goes first in the next push.
      await supplier.deposit();
      expect(names()).toContain(`${id}.receipt.json`);
      expect(supplier.stateFiles('pending')).toEqual([]);
    },
  );

  // Its iterator waits for a chunk that never comes, and kept the push waiting for 45 s.
  test.each(['a socket', 'a pipe'])('SIGTERM while it reads %s that stays open ends it at once', async (what) => {
    const reader = await Supplier.create(
      { ...server, remoteDirectory: '/in' },
      { dataset: [{ stdin: true, as: 'x' }] },
    );
    const fifo = join(tempDir(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const pipe = openSync(fifo, 'r+');
    const args = [depotScript, 'push', '--json-events', '--config', reader.config, '--state', reader.state];
    const child = spawn(process.execPath, args, {
      cwd: reader.directory,
      env: bareEnvironment(),
      // What Node calls a pipe is a socket.
      stdio: [what === 'a socket' ? 'pipe' : pipe, 'pipe', 'pipe'],
    });
    child.stdin?.write('hello');
    if (what === 'a pipe') writeSync(pipe, 'hello');
    let said = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (some) => {
        said += String(some);
        if (!child.killed && said.includes('"readBytes":5')) child.kill('SIGTERM');
      });
    const [code] = (await once(child, 'close')) as [number | null];
    closeSync(pipe);
    expect(code, said).toBe(143);
    expect(said).toContain('"code":"terminated"');
    expect(said).not.toContain('does not end');
  });

  // After the publication the rest is done later: that there is a deposit is what counts then.
  test.each([
    ['sealed', 1, 'internal', 'no'],
    ['published', 30, 'sidecars-pending', 'yes'],
  ] as const)(
    'an internal error once it is %s: exit %i, %s, published %s, and the next push succeeds',
    async (step, exit, error, published) => {
      const defect = join(tempDir(), 'defect.mjs');
      writeFileSync(
        defect,
        `import { subscribe } from 'node:diagnostics_channel'; subscribe('depot:step', ({ step }) => { if (step === '${step}') throw new TypeError('boom'); });`,
      );
      const { result, code } = await supplier.push([], { node: ['--import', defect] });
      expect(code, JSON.stringify(result.error)).toBe(exit);
      expect(result.error).toMatchObject({ code: error, exit, published });
      expect(result.error!.message).toContain('boom');
      expect(supplier.runs().at(-1)).toMatchObject({ exit, published });
      await supplier.deposit();
      expect(supplier.stateFiles('pending')).toEqual([]);
    },
  );
});

describe('decrypt', () => {
  const directory = tempDir();
  const suitcase = join(directory, 's.tar.pgp');
  let secretKey: string;
  beforeAll(async () => {
    const key = await makeKey(join(directory, 'key'), 'Gemeente', 'compat');
    ({ secretKey } = key);
    const encryptionKeys = (await openpgp.readKey({ armoredKey: readFileSync(key.publicKey, 'utf8') })).toPublic();
    writeFileSync(
      suitcase,
      (await openpgp.encrypt({
        message: await openpgp.createMessage({ binary: new Uint8Array(randomBytes(8_000_000)) }),
        encryptionKeys,
        format: 'binary',
      })) as Uint8Array,
    );
  });

  test('--out below a missing directory: exit 5 with a hint, and nothing is created', async () => {
    const out = join(directory, 'none/out');
    const { code, stderr } = await depot(['decrypt', suitcase, '--key', secretKey, '--out', out]);
    expect(code).toBe(5);
    expect(stderr).toBe(
      `depot: error: cannot create ${out}: there is no such directory\ndepot: hint: make it first: mkdir -p ${join(directory, 'none')}\n`,
    );
    expect(existsSync(join(directory, 'none'))).toBe(false);
  });

  test.skipIf(!existsSync('/dev/full')).each([
    ['is full', '> /dev/full'],
    ['gets full', '> part'],
  ])('--stdout to a disk that %s: exit 5 with the cause, not an internal error', async (_, to) => {
    const { code, stderr } = await run(
      'bash',
      [
        '-c',
        `ulimit -f 1000; "${process.execPath}" "${depotScript}" decrypt "${suitcase}" --key "${secretKey}" --stdout ${to}`,
      ],
      { cwd: tempDir(), env: bareEnvironment() },
    );
    expect([code, stderr]).toEqual([
      5,
      expect.stringMatching(
        /^depot: error: the result could not be written to standard output: .*\ndepot: hint: .*\n$/,
      ),
    ]);
  });

  test('--stdout into a reader that stalls, then Ctrl-C: exit 130 at once, not an internal error', async () => {
    const child = spawn(process.execPath, [depotScript, 'decrypt', suitcase, '--key', secretKey, '--stdout'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    // The first bytes are there, so the second pass has begun; nobody reads on.
    await new Promise((resolve) => child.stdout.once('readable', resolve));
    child.kill('SIGINT');
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect([code, stderr]).toEqual([
      130,
      expect.stringMatching(/^depot: error: interrupted\ndepot: hint: run it again: depot decrypt .* --stdout\n$/),
    ]);
  });
});
