/** Many arrangements: several at a time over one connection, and divided over processes that share a state directory. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { beforeAll, describe, expect, test } from 'vitest';
import { alteredDepot } from '../support/altered.js';
import { tempDir } from '../support/cleanup.js';
import { checkout, depot, json } from '../support/cli.js';
import { peers } from '../support/peers.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { type Server, Supplier } from '../support/supplier.js';
import { wireTo } from '../support/wire.js';

const MiB = 1024 * 1024;
const ssh = peers('sshd', 'ssh-keygen');

/** A supplier with these arrangements, each with one small file of its own. */
async function supplierOf(
  server: Server,
  names: readonly string[],
  more: Record<string, Record<string, unknown>> = {},
  remote: Record<string, unknown> = {},
): Promise<Supplier> {
  const supplier = await Supplier.create(server, { remote });
  const document = parse(readFileSync(supplier.config, 'utf8')) as {
    arrangements: Record<string, Record<string, unknown>>;
  };
  const one = document.arrangements['acme-crm'];
  document.arrangements = Object.fromEntries(
    names.map((name) => {
      mkdirSync(join(supplier.directory, 'data', name));
      writeFileSync(join(supplier.directory, 'data', name, 'file'), `data of ${name}`);
      return [name, { ...one, dataset: [{ directory: `data/${name}` }], every: '24h', ...more[name] }];
    }),
  );
  writeFileSync(supplier.config, stringify(document), { mode: 0o600 });
  return supplier;
}

const twelve = Array.from({ length: 12 }, (_, i) => `tenant-${i + 1}`);
const suitcases = (server: Sshd): string[] =>
  server
    .names()
    .filter((name) => name.endsWith('.pgp'))
    .map((name) => name.split('_')[0])
    .sort();

describe.skipIf(!ssh)('push --all', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd();
  });

  test('--jobs 4 logs in once; one failure stops no other, an ended arrangement is left out, and the exit code is 4', async () => {
    const supplier = await supplierOf(server, twelve, {
      'tenant-3': { dataset: [{ directory: 'data/nowhere' }] },
      'tenant-5': { ended: '2026-01-01' },
    });
    const { code, stdout, stderr } = await supplier.depot(['push', '--all', '--jobs', '4']);
    expect(code, stderr).toBe(4);
    expect(stdout).toMatch(/^summary {4}12 arrangements: 10 deposited, 1 skipped, 1 failed$/m);
    expect(stdout).toMatch(/^skipped +tenant-5: the arrangement ended on 2026-01-01$/m);
    expect(stderr).toMatch(/^depot: error: tenant-3: .*nothing was published$/m);
    expect(stderr).not.toMatch(/Warning|EventEmitter/);
    expect(server.log().match(/Accepted publickey/g)).toHaveLength(1);
    expect(suitcases(server)).toEqual(twelve.filter((name) => name !== 'tenant-3' && name !== 'tenant-5').sort());
    const checked = await supplier.depot(['receipts', 'verify', '--json']);
    expect(checked.code, checked.stdout).toBe(0);
    const again = await supplier.depot(['push', '--all', '--jobs', '3', '--if-older-than', '1h', '--json']);
    const { results } = json(again) as { results: { arrangement: string; ok: boolean; skipped?: string }[] };
    expect(results.map(({ arrangement }) => arrangement)).toEqual(twelve);
    expect(results.filter(({ skipped }) => skipped !== undefined)).toHaveLength(11);
    expect(again.code).toBe(4);
    expect((await supplier.depot(['status', '--json'])).code).toBe(31);
  });

  test('--jobs 16 prints no warning, starts two threads for each job and not for each arrangement, and leaves none', async () => {
    const names = Array.from({ length: 24 }, (_, i) => `tenant-${i + 1}`);
    const supplier = await supplierOf(server, names);
    for (const more of [['--dry-run'], []]) {
      const directory = tempDir();
      const pushed = await depot(['push', '--all', '--jobs', '16', '--json', ...more, '--config', supplier.config], {
        node: ['--import', join(checkout, 'tests/support/preload-threads.mjs')],
        env: { DEPOT_THREADS: directory },
      });
      expect([pushed.code, pushed.stderr]).toEqual([0, '']);
      expect(json(pushed).results).toHaveLength(24);
      const end = JSON.parse(readFileSync(join(directory, 'end.json'), 'utf8')) as { started: number };
      expect(end).toMatchObject({ running: 0, byItself: true });
      expect(end.started).toBeLessThanOrEqual(32);
    }
    expect((await supplier.depot(['receipts', 'verify'])).code).toBe(0);
  });

  test('a process that forgets to end its waiting threads ends all the same', async () => {
    const script = await alteredDepot({ 'commands/push.ts': (source) => source.replace('await endThreads?.();', '') });
    const supplier = await supplierOf(server, ['tenant-1', 'tenant-2']);
    const directory = tempDir();
    const pushed = await depot(['push', '--all', '--dry-run', '--config', supplier.config], {
      script,
      node: ['--import', join(checkout, 'tests/support/preload-threads.mjs')],
      env: { DEPOT_THREADS: directory },
    });
    expect(pushed.code, pushed.stderr).toBe(0);
    const end = JSON.parse(readFileSync(join(directory, 'end.json'), 'utf8')) as unknown;
    expect(end).toEqual({ started: 2, running: 2, byItself: true });
  });

  test('--jobs 3 keeps to one bandwidth limit with all of them together', async () => {
    const wire = await wireTo(server.port);
    const names = ['a', 'b', 'c'];
    const supplier = await supplierOf({ ...server, port: wire.port }, names);
    for (const name of names) writeFileSync(join(supplier.directory, 'data', name, 'noise'), randomBytes(MiB));
    wire.mark();
    const pushed = await supplier.depot(['push', '--all', '--jobs', '3', '--bandwidth-limit', '512KiB/s', '--json']);
    expect(pushed.code, pushed.stderr).toBe(0);
    expect(wire.sent()).toBeGreaterThan(3 * MiB);
    expect(wire.rate() / (MiB / 2)).toBeLessThan(1.05);
  });

  test('three processes share the arrangements: each is pushed once, and the records are complete', async () => {
    const before = suitcases(server).length;
    const supplier = await supplierOf(server, twelve);
    const [cli, kubernetes, gitlab] = await Promise.all([
      supplier.depot(['push', '--all', '--json', '--shard', '1/3']),
      supplier.depot(['push', '--all', '--json', '--jobs', '2'], {
        env: { JOB_COMPLETION_INDEX: '1', JOB_COMPLETIONS: '3' },
      }),
      supplier.depot(['push', '--all', '--json'], { env: { CI_NODE_INDEX: '3', CI_NODE_TOTAL: '3' } }),
    ]);
    const done = [cli, kubernetes, gitlab].map((run) => {
      expect(run.code, run.stdout + run.stderr).toBe(0);
      return json(run) as unknown as { shard: string; results: { arrangement: string }[] };
    });
    expect(done.map(({ shard }) => shard)).toEqual(['1/3', '2/3', '3/3']);
    expect(done.every(({ results }) => results.length > 0)).toBe(true);
    expect(done.flatMap(({ results }) => results.map(({ arrangement }) => arrangement)).sort()).toEqual(
      [...twelve].sort(),
    );
    expect(suitcases(server)).toHaveLength(before + 12);
    const checked = json(await supplier.depot(['receipts', 'verify', '--json'])) as unknown as {
      ok: boolean;
      arrangements: { receipts: number }[];
    };
    expect([checked.ok, checked.arrangements.map(({ receipts }) => receipts)]).toEqual([true, Array(12).fill(1)]);
    expect((await supplier.depot(['status', '--quiet'])).code).toBe(0);
    expect(readdirSync(supplier.state).filter((name) => name === 'ledger.id')).toHaveLength(1);
  });

  test('refuses a shard number without a total, before anything else', async () => {
    const supplier = await supplierOf(server, ['a', 'b']);
    const index = await supplier.depot(['push', '--all'], { env: { JOB_COMPLETION_INDEX: '1' } });
    expect([index.code, index.stderr]).toEqual([
      2,
      expect.stringMatching(/but JOB_COMPLETIONS is not set\ndepot: hint: set JOB_COMPLETIONS/),
    ]);
    const beyond = await supplier.depot(['push', '--all'], { env: { CI_NODE_INDEX: '0', CI_NODE_TOTAL: '3' } });
    expect(beyond.code).toBe(2);
  });

  test('if two arrangements read standard input, naming both is refused; with --all each of them fails, and the others are pushed', async () => {
    const stdin = { dataset: [{ stdin: true, as: 'x' }] };
    const supplier = await supplierOf(server, ['a', 'b', 'c'], { a: stdin, b: stdin });
    const refusal = { code: 'usage', exit: 2, message: 'a, b all read standard input' };
    const named = await supplier.depot(['push', 'a', 'b', '--json']);
    expect([named.code, json(named).error]).toMatchObject([2, refusal]);
    const all = await supplier.depot(['push', '--all', '--json']);
    expect([all.code, json(all).results]).toMatchObject([
      4,
      [
        { arrangement: 'a', error: refusal },
        { arrangement: 'b', error: refusal },
        { arrangement: 'c', ok: true },
      ],
    ]);
    for (const name of ['a', 'b'])
      expect(readFileSync(join(supplier.state, name, 'runs.ndjson'), 'utf8')).toContain('"code":"usage"');
  });
});

test('a wrong password is tried once for all arrangements of the server', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const supplier = await supplierOf({ ...server, password: 'wrong', remoteDirectory: '/in' }, ['a', 'b', 'c', 'd']);
  const { code, stdout } = await depot(['push', '--all', '--jobs', '2', '--json', '--config', supplier.config], {
    cwd: supplier.directory,
  });
  const { results } = JSON.parse(stdout) as { results: { error: { code: string }; arrangement: string }[] };
  expect([code, results.map(({ arrangement, error }) => [arrangement, error.code])]).toEqual([
    4,
    ['a', 'b', 'c', 'd'].map((name) => [name, 'login-refused']),
  ]);
  expect(server.connections).toBe(1);
});

test('the password of one account is not tried for another account at the same server', async () => {
  const server = await startScriptedServer({ directories: ['/in'] });
  const supplier = await supplierOf(
    { ...server, remoteDirectory: '/in' },
    ['crm', 'hr'],
    { crm: { remote: { username: server.username } }, hr: { remote: { username: 'hr' } } },
    { username: undefined, passwordFile: undefined },
  );
  const push = async (...args: string[]) => {
    const finished = await supplier.depot(
      ['push', '--json', ...args],
      args.length > 1 ? { env: { DEPOT_PASSWORD: server.password } } : {},
    );
    const document = json(finished) as {
      error?: { code: string };
      results?: { ok: boolean; error?: { code: string; hint: string } }[];
    };
    return document.error?.code ?? document.results!.map(({ error }) => error?.code ?? 'deposited');
  };
  // As an earlier depot stored it, when there was only one account.
  const old = join(supplier.directory, `secrets/127.0.0.1_${server.port}.password`);
  writeFileSync(old, `${server.password}\n`, { mode: 0o600 });
  expect(await push('--all')).toEqual(['secret-missing', 'secret-missing']);
  expect(await push('--all', '--quiet')).toEqual(['usage', 'usage']);
  expect(server.logins).not.toContain('password');
  const doctor = json(await supplier.depot(['doctor', 'crm', '--json'])) as unknown as {
    arrangements: { checks: { name: string; detail: string; hint?: string }[] }[];
  };
  const told = doctor.arrangements[0].checks.find(({ name }) => name === 'secret password')!;
  expect(told.detail).toContain(`${old} names no user, and depot.yaml has 2 accounts at 127.0.0.1:${server.port}`);

  const login = told.hint!.replace(/^.*: depot /, '').split(' ');
  const kept = await supplier.depot([...login, '--password-stdin'], { input: `${server.password}\n` });
  expect(kept.stderr).toContain(`${old} has no user name in its name and is no longer used`);
  expect(await push('--all')).toEqual(['deposited', 'secret-missing']);
  writeFileSync(join(supplier.directory, `secrets/hr@127.0.0.1_${server.port}.password`), 'of hr\n', { mode: 0o600 });
  expect(await push('--all')).toEqual(['deposited', 'login-refused']);
});
