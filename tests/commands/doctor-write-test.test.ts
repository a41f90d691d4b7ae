/** `doctor --write-test` from the outside: what it finds out, what it leaves, what it proposes, and what later pushes make of it. */
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Examination, examinationLines } from '../../src/doctor/findings.js';
import { checkout, type JsonDocument, json } from '../support/cli.js';
import { asRoot } from '../support/peers.js';
import { pattern } from '../support/awkward.js';
import {
  type Request,
  type ScriptedOptions,
  type ScriptedServer,
  startScriptedServer,
} from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';

interface Examined {
  exit: number;
  propose?: Record<string, unknown>;
  left?: string[];
  collected?: string[];
  checks: { name: string; result: string; detail: string; hint?: string }[];
}

async function scene(
  options: ScriptedOptions,
  remote: Record<string, unknown> = {},
): Promise<{ server: ScriptedServer; supplier: Supplier }> {
  const server = await startScriptedServer(options);
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { remote, arrangement: { compression: 'none' } },
  );
  writeFileSync(join(supplier.data, 'x'), 'x');
  return { server, supplier };
}

async function doctor(
  supplier: Supplier,
): Promise<Examined & { code: number | null; verdict: (name: string) => string | undefined }> {
  const finished = await supplier.depot(['doctor', '--write-test', '--json']);
  const [examined] = (json(finished) as JsonDocument & { arrangements: Examined[] }).arrangements;
  return {
    ...examined,
    code: finished.code,
    verdict: (name) => examined.checks.find((check) => check.name === name)?.result,
  };
}

const writing = (r: Request): boolean => r.type === 'write';

test('only a server that passed the write test gets several lanes, until it changes or fails the test', async () => {
  const { server, supplier } = await scene({ software: 'SomeServer_1.0' }, { lanes: 4 });
  writeFileSync(join(supplier.data, 'data'), pattern(6_000_000));
  const lanes = async (): Promise<unknown> => (await supplier.push()).result.deposit?.run['lanes'];
  expect(await lanes()).toBe(1);
  expect((await supplier.depot(['doctor'])).stdout).toMatch(
    /uploads +1 channel; to allow more, run the write test \(it must be able to read its files back\): depot doctor acme-crm --write-test --config \S+$/m,
  );
  expect(await doctor(supplier)).toMatchObject({ code: 0, exit: 0, left: [], collected: [], propose: {} });
  expect((await supplier.depot(['doctor'])).stdout).toMatch(
    /uploads +4 parallel channels, set by remote\.lanes; the write test found them safe here$/m,
  );
  expect(await lanes()).toBe(4);
  await server.stop();

  const other = await startScriptedServer({ software: 'SomeServer_1.1', port: server.port });
  supplier.writeConfig({ remote: { lanes: 4, hostKey: other.fingerprints, retryFor: '5s' } });
  expect(await lanes()).toBe(1);
  expect((await doctor(supplier)).code).toBe(0);
  // The server appends what other channels write, whatever its offset.
  other.script = (r) => {
    if (r.type !== 'write' || r.channel === 1) return undefined;
    other.files.set(r.path, Buffer.concat([other.files.get(r.path)!, r.data]));
    return { status: 0 };
  };
  const failed = await doctor(supplier);
  // Not a failure, since a push works over one lane.
  expect(failed).toMatchObject({ code: 0, propose: { lanes: 1 } });
  expect(failed.verdict('parallel writes')).toBe('warning');
  other.script = undefined;
  expect(await lanes()).toBe(1);
});

test('plain doctor says when the write test ran and how it ended, until the server or the account changes', async () => {
  const { server, supplier } = await scene({ software: 'SomeServer_1.0' }, { publish: 'direct' });
  const writing = async (seconds = 0): Promise<Examined['checks'][number] | undefined> => {
    const clock =
      seconds === 0
        ? {}
        : {
            node: ['--import', join(checkout, 'tests/support/preload-clock.mjs')],
            env: { DEPOT_CLOCK_S: String(seconds) },
          };
    const [examined] = (
      json(await supplier.depot(['doctor', '--json'], clock)) as JsonDocument & { arrangements: Examined[] }
    ).arrangements;
    return examined.checks.find((check) => check.name === 'writing');
  };
  expect(await writing()).toMatchObject({
    result: 'not possible',
    detail: expect.stringContaining(
      'to test it with two files of a few MiB: depot doctor acme-crm --write-test',
    ) as string,
  });
  // With publish: direct there is one lane in any case.
  expect(await doctor(supplier)).toMatchObject({ code: 0 });
  const written = server.requests.filter((r) => r.type === 'write').length;
  expect(await writing(3 * 86_400 + 60)).toMatchObject({
    result: 'passed',
    detail: expect.stringMatching(/^write test passed 3d ago \(20/) as string,
  });
  expect((await supplier.depot(['doctor'])).stdout).toMatch(/^push +A push should work\.$/m);
  expect(server.requests.filter((r) => r.type === 'write')).toHaveLength(written);

  server.script = (r) => (r.type === 'close' ? { do: true, status: 4 } : undefined);
  expect((await doctor(supplier)).code).toBe(15);
  server.script = (r) => (r.type === 'write' ? { then: 'drop' } : undefined);
  expect((await doctor(supplier)).code).toBe(16);
  server.script = undefined;
  expect(await writing(3600)).toMatchObject({
    result: 'warning',
    detail: expect.stringMatching(/^write test failed 1h\d*m? ago .*refused to close/) as string,
    hint: expect.stringContaining('depot doctor acme-crm --write-test') as string,
  });
  expect(await doctor(supplier)).toMatchObject({ code: 0 });
  expect(await writing()).toMatchObject({ result: 'passed' });
  supplier.writeConfig({ remote: { publish: 'direct', host: 'localhost' } });
  expect(await writing()).toMatchObject({
    result: 'not possible',
    detail: expect.stringMatching(
      /^the account, which was \S+@127\.0\.0\.1:\d+, changed since the last write test; /,
    ) as string,
  });
  await server.stop();

  const newer = await startScriptedServer({ software: 'SomeServer_1.1', port: server.port });
  supplier.writeConfig({ remote: { publish: 'direct', hostKey: newer.fingerprints } });
  expect(await writing()).toMatchObject({
    result: 'not possible',
    detail: expect.stringContaining(
      'the server, which was SSH-2.0-SomeServer_1.0, changed since the last write test; to test it again: depot doctor acme-crm --write-test',
    ) as string,
  });
});

test('the write test prints lines for the configuration, and the names of files that it could not remove', async () => {
  const { server, supplier } = await scene({
    script: (r) => (['rename', 'remove'].includes(r.type) ? { status: 3 } : undefined),
  });
  const { code, stdout } = await supplier.depot(['doctor', '--write-test']);
  expect(code).toBe(15);
  expect(stdout).toContain(
    'under arrangements:\n  acme-crm:\n    remote:\n      publish: direct  # the server refuses to rename\n',
  );
  const left = [...server.files.keys()].map((name) => name.slice('/in/'.length));
  expect(left).toHaveLength(2);
  for (const name of left) expect(stdout.split('\n').find((line) => line.startsWith('left there'))).toContain(name);
});

test('a proposed line is never broken: the rest of its comment would be no comment', () => {
  const because =
    'the server names a file only when it is closed, so an upload cannot continue after a lost connection';
  const examination: Examination = {
    arrangement: 'acme-crm',
    ok: true,
    exit: 0,
    checks: [{ name: 'state', result: 'passed', detail: '' }],
    advice: [{ set: 'spool: true', of: 'arrangement', because }],
  };
  expect(examinationLines(examination, (_, text) => text)).toContain(`    spool: true  # ${because}`);
});

test('doctor fails if the server has no room for the sources, and warns if it has less than the last deposit took', async () => {
  let free = 49_152;
  const { supplier } = await scene({ freeBytes: () => free });
  writeFileSync(join(supplier.data, 'dump'), pattern(100_000));
  const told = async (): Promise<[number | undefined, string | undefined, string | undefined]> => {
    const { code, stdout } = await supplier.depot(['doctor', '--json']);
    const [{ checks }] = (JSON.parse(stdout) as { arrangements: Examined[] }).arrangements;
    const found = checks.filter(({ name }) => name === 'space').at(-1);
    return [code ?? undefined, found?.result, found?.detail];
  };
  expect(await told()).toEqual([15, 'failed', 'the sources take 97.7 KiB, but only 48.0 KiB are free at the server']);
  free = 2 ** 30;
  expect(await told()).toEqual([0, 'passed', '1.0 GiB free at the server']);
  await supplier.deposit();
  free = 49_152;
  expect(await told()).toEqual([
    0,
    'warning',
    expect.stringMatching(
      /^the last deposit took \d+\.\d KiB, but only 48\.0 KiB are free at the server: a push works only if it takes less$/,
    ),
  ]);
});

test('the write test names the files that the agent collected, and proposes publish: direct', async () => {
  const { server, supplier } = await scene({ collect: 'close' });
  const examined = await doctor(supplier);
  expect(examined).toMatchObject({ code: 18, exit: 18, propose: { publish: 'direct' }, left: [] });
  expect(examined.collected!.map((name) => `/in/${name}`).sort()).toEqual([...server.collected.keys()].sort());
  supplier.writeConfig({ remote: { publish: 'direct' } });
  expect(await doctor(supplier)).toMatchObject({ code: 0, propose: {}, left: [] });
});

test('a server that does not let a file be opened twice gets a warning, with the hint to spool', async () => {
  const { supplier } = await scene({ script: (r) => (r.type === 'open' && r.flags === 2 ? { status: 3 } : undefined) });
  const examined = await doctor(supplier);
  expect(examined).toMatchObject({ code: 0, left: [] });
  expect(examined.checks.find((check) => check.name === 'open again')).toMatchObject({
    result: 'warning',
    hint: expect.stringContaining('spool: true') as string,
  });
});

test.each<[string, ScriptedOptions, number, string]>([
  ['a quota that is used up', { quota: 0 }, 15, 'refused to write'],
  [
    'a close that is refused',
    { script: (r) => (r.type === 'close' ? { do: true, status: 4 } : undefined) },
    15,
    'refused to close',
  ],
  [
    'a link that drops at every write',
    { script: (r) => (writing(r) ? { then: 'drop' } : undefined) },
    16,
    'was lost during the write test',
  ],
  [
    'a channel that closes at every write',
    { script: (r) => (writing(r) ? { then: 'close-channel' } : undefined) },
    16,
    'was lost during the write test',
  ],
])('after %s, the write test exits as a push would, and leaves no file', async (_, options, exit, says) => {
  const { server, supplier } = await scene(options);
  const examined = await doctor(supplier);
  expect(examined.code, JSON.stringify(examined)).toBe(exit);
  expect(examined.checks.find((check) => check.result === 'failed')?.detail).toContain(says);
  expect([...server.files.keys()]).toEqual([]);
  expect(examined.left).toEqual([]);
});

test('a server that takes 1.5 seconds to answer a write is not taken for lost', async () => {
  let slow = 0;
  const { supplier } = await scene({
    script: (r) =>
      r.type === 'write' && ++slow === 5 ? { wait: new Promise((later) => setTimeout(later, 1500)) } : undefined,
  });
  expect(await doctor(supplier)).toMatchObject({ code: 0, exit: 0 });
});

test.skipIf(!asRoot())(
  'run by root, the write test leaves nothing in the state directory of another account',
  async () => {
    const { supplier } = await scene({});
    mkdirSync(supplier.state, { mode: 0o700 });
    chownSync(supplier.state, 54_321, 54_321);
    const examined = await doctor(supplier);
    expect(examined.verdict('remembered')).toBe('warning');
    expect(existsSync(join(supplier.state, 'acme-crm'))).toBe(false);
  },
);
