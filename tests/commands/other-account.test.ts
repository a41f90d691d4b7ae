/** A command of one account, mostly root, makes nothing in the state of another; what root left there earlier is given back with one line. */
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { depotHere } from '../support/in-process.js';
import { installed } from '../support/installed.js';
import { asRoot } from '../support/peers.js';
import { type Finished, mustRun, run } from '../support/process.js';
import { Supplier } from '../support/supplier.js';

const nobody = {
  host: '127.0.0.1',
  port: 1,
  username: 'acme',
  password: 'x',
  remoteDirectory: '/in',
  fingerprints: [`SHA256:${'A'.repeat(43)}`],
};
const daemon = { uid: 1, gid: 1 };

describe.skipIf(!asRoot())('if the account that pushes is daemon', () => {
  let program: { node: string; script: string };
  let supplier: Supplier;
  /** Daemon's directory, in which the state will be. */
  let home: string;
  let state: string;
  beforeAll(() => {
    program = installed();
  });
  beforeEach(async () => {
    supplier = await Supplier.create(nobody as never);
    home = join(supplier.directory, 'home');
    writeFileSync(join(supplier.directory, 'alert'), `#!/bin/sh\ncat >> ${home}/told\n`, { mode: 0o755 });
    state = join(home, 'state');
    mkdirSync(home);
    for (const directory of ['', 'data', 'keys', 'home']) chmodSync(join(supplier.directory, directory), 0o755);
    supplier.writeConfig({
      top: { state, notify: { command: [join(supplier.directory, 'alert')], on: ['stale', 'killed'] } },
      arrangement: { every: '24h' },
    });
    chmodSync(supplier.config, 0o644);
  });

  const asSelf = (...args: string[]): Promise<Finished> =>
    run(program.node, [program.script, ...args, '--config', supplier.config], {
      ...daemon,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
    });
  const asRootHere = (...args: string[]): Promise<Finished> =>
    depotHere([...args, '--config', supplier.config], { cwd: supplier.directory });
  const told = (): number =>
    existsSync(join(home, 'told')) ? readFileSync(join(home, 'told'), 'utf8').trim().split('\n').length : 0;

  test('status makes no state directory: without one, it notifies at every look, and says so', async () => {
    for (let look = 1; look <= 2; look++) {
      const { code, stderr } = await asRootHere('status', '--quiet');
      expect([code, stderr]).toEqual([
        31,
        `depot: warning: acme-crm: notify.command was told, and will be told at every check, since there is no state directory ${state} to keep a note in\n`,
      ]);
      expect([existsSync(state), told()]).toEqual([false, look]);
    }
  });

  test("status by root makes no note in daemon's state and notifies nobody; it says who should run it", async () => {
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, daemon.uid, daemon.gid);
    const { code, stderr } = await asRootHere('status', '--prometheus');
    expect(code).toBe(0);
    expect(stderr).toBe(
      `depot: warning: acme-crm: nobody was notified, and no note of it was kept: ${state} belongs to another account (uid 1), which could change the records of this one (uid 0); run it as the account that owns it: runuser -u daemon -- depot status --prometheus --config ${supplier.config}\n`,
    );
    expect([existsSync(join(state, 'acme-crm')), told()]).toEqual([false, 0]);
    // Daemon itself keeps a note, and so notifies once.
    chownSync(home, daemon.uid, daemon.gid);
    for (let look = 1; look <= 2; look++) {
      expect((await asSelf('status', '--quiet')).code).toBe(31);
      expect(told()).toBe(1);
    }
  });

  test("a push by root makes no state directory in a directory of daemon's", async () => {
    chownSync(home, daemon.uid, daemon.gid);
    const { code, stderr } = await asRootHere('push');
    expect(code).toBe(5);
    expect(stderr).toContain(
      `root does not make ${state} in ${home}, which belongs to another account (uid 1); nothing was published\ndepot: hint: run it as the account that owns it: runuser -u daemon -- depot push acme-crm --config ${supplier.config}\n`,
    );
    expect(existsSync(state)).toBe(false);
  });

  test.each<[what: string, made: string]>([
    ['the state directory', ''],
    ['the directory of the arrangement', 'acme-crm'],
    ['the directory of what is pending', 'acme-crm/pending'],
  ])(
    'if root made %s, push and doctor print the line that gives it to daemon, and then get further',
    async (_what, made) => {
      mkdirSync(join(state, 'acme-crm/pending'), { recursive: true, mode: 0o700 });
      for (const name of ['', 'acme-crm', 'acme-crm/pending'])
        if (name.length < made.length) chownSync(join(state, name), daemon.uid, daemon.gid);
      const closed = join(state, made);
      const line = `chown -R daemon: ${closed}`;
      const pushed = await asSelf('push');
      expect([pushed.code, pushed.stderr]).toEqual([
        5,
        expect.stringContaining(
          `${closed} belongs to root, and account daemon cannot write there: a run as another account created it; nothing was published\ndepot: hint: if daemon is the account that pushes, have root run: ${line}\ndepot: hint: if not, run it as the account that pushes\n`,
        ),
      ]);
      const looked = await asSelf('doctor');
      expect(looked.stdout).toContain(line);
      await mustRun('sh', ['-c', line]);
      // Now push stops at the signing key, which only root can read.
      expect((await asSelf('push')).code).not.toBe(5);
      expect((await asSelf('doctor')).stdout).not.toContain(line);
    },
  );

  test('if the state directory is empty and belongs to root, push and doctor ask for its file system before anything else', async () => {
    mkdirSync(state, { mode: 0o755 });
    const pushed = await asSelf('push');
    expect([pushed.code, pushed.stderr]).toEqual([
      5,
      expect.stringContaining(
        `${state} is empty and belongs to root: is its file system mounted? findmnt --target ${state}; nothing was published\ndepot: hint: mount it; only if it is new, and no file system belongs there: if daemon is the account that pushes, have root run: chown -R daemon: ${state}\ndepot: hint: if not, run it as the account that pushes\n`,
      ),
    ]);
    const looked = await asSelf('doctor');
    expect(looked.stdout).toContain(`${state} is empty and belongs to root: is its file system mounted?`);
  });

  test.each<[who: string, by: () => Promise<Finished>]>([
    ['by root', () => asRootHere('receipts', 'show', 'acme-crm')],
    [
      'by runuser',
      () =>
        run(
          'runuser',
          [
            '-u',
            'daemon',
            '--',
            program.node,
            program.script,
            'receipts',
            'show',
            'acme-crm',
            '--config',
            supplier.config,
          ],
          { cwd: '/' },
        ),
    ],
  ])('a hint of a command %s says to run the next one as daemon, too', async (_who, by) => {
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, daemon.uid, daemon.gid);
    chownSync(home, daemon.uid, daemon.gid);
    const { code, stderr } = await by();
    expect([code, stderr]).toEqual([
      2,
      `depot: error: "acme-crm" is an arrangement, not a deposit id\ndepot: hint: to find the id of a deposit: runuser -u daemon -- depot receipts list acme-crm --config ${supplier.config}\n`,
    ]);
  });

  test('no hint gives away a directory that does not look like a state directory', async () => {
    mkdirSync(join(state, 'precious'), { recursive: true });
    const { code, stderr } = await asSelf('push');
    expect(code).toBe(5);
    expect(stderr).not.toContain('chown');
    rmSync(state, { recursive: true });
  });
});
