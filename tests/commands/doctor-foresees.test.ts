/** doctor does not promise a push that would fail: what it knows of sources, space and earlier tests is in its last line. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pattern } from '../support/awkward.js';
import { eventually } from '../support/process.js';
import { type ScriptedOptions, type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { Supplier } from '../support/supplier.js';
import { examined } from './examined.js';

async function scene(options: ScriptedOptions = {}): Promise<{ server: ScriptedServer; supplier: Supplier }> {
  const server = await startScriptedServer({ directories: ['/in'], ...options });
  const supplier = await Supplier.create(
    { ...server, remoteDirectory: '/in' },
    { arrangement: { compression: 'none' } },
  );
  writeFileSync(join(supplier.data, 'data'), pattern(100_000));
  return { server, supplier };
}

const outlook = async (supplier: Supplier, ...args: string[]): Promise<[number | null, string | undefined]> => {
  const { code, stdout } = await supplier.depot(['doctor', ...args]);
  return [code, /^push +(.*)$/m.exec(stdout)?.[1]];
};

describe('sources', () => {
  test('an empty directory or file fails as in a push, unless allowEmpty is set', async () => {
    const { supplier } = await scene();
    rmSync(join(supplier.data, 'data'));
    mkdirSync(join(supplier.data, 'nothing'));
    writeFileSync(join(supplier.directory, 'dump'), '');
    for (const source of [{ directory: 'data' }, { file: 'dump' }]) {
      supplier.writeConfig({ dataset: [source] });
      expect(await outlook(supplier)).toEqual([3, 'would exit with 3']);
      expect((await supplier.push()).code).toBe(3);
      supplier.writeConfig({ dataset: [{ ...source, allowEmpty: true }] });
      expect((await outlook(supplier))[0]).toBe(0);
    }
  });

  test('a dataset that shrank is a warning, and with shrink: fail a failure; so is one smaller than minSize', async () => {
    const { supplier } = await scene();
    await supplier.deposit();
    writeFileSync(join(supplier.data, 'data'), pattern(10_000));
    const look = async (arrangement: object): Promise<unknown> => {
      supplier.writeConfig({ arrangement: { ...arrangement } });
      const { exit, checks } = await examined(supplier.depot(['doctor', '--json']));
      const dataset = Object.values(checks).find(({ name }) => name === 'dataset');
      return [exit, dataset?.result, dataset?.detail];
    };
    const words = expect.stringMatching(
      /^the dataset shrank \(source data\): it has 2 entries and 10,000 bytes, and the last deposit, \S+, had 2 entries and 100,000 bytes$/,
    ) as string;
    expect(await look({})).toEqual([0, 'warning', words]);
    expect(await look({ shrink: 'fail' })).toEqual([3, 'failed', words]);
    expect(await look({ shrink: 'off' })).toEqual([0, undefined, undefined]);
    expect(await look({ shrink: 'off', minSize: '50KiB' })).toEqual([
      3,
      'failed',
      'the sources hold 9.8 KiB, less than the 50.0 KiB of minSize',
    ]);
  });

  test('beside a command, whose size nobody knows, each source is compared with what it had', async () => {
    const { supplier } = await scene();
    const dataset = [{ directory: 'data' }, { command: ['echo', 'x'], as: 'x.txt' }];
    supplier.writeConfig({ dataset });
    await supplier.deposit();
    writeFileSync(join(supplier.data, 'data'), pattern(10_000));
    const { checks } = await examined(supplier.depot(['doctor', '--json']));
    expect(checks['source data']).toMatchObject({
      result: 'warning',
      detail: expect.stringMatching(
        /^has 2 entries, 9\.8 KiB; in the last deposit, acme-crm_\S+, it had 2 entries, 97\.7 KiB$/,
      ) as string,
    });
  });
});

test('too little space at the server is in the last line; none is a failure', async () => {
  let free = 2 ** 30;
  const { supplier } = await scene({ freeBytes: () => free });
  await supplier.deposit();
  free = 49_152;
  expect(await outlook(supplier)).toEqual([0, 'A push will probably fail: there is too little space.']);
  free = 0;
  expect(await outlook(supplier)).toEqual([15, 'would exit with 15']);
});

test('a write test on a full server says that its disk is full; after it, no push is promised', async () => {
  const { server, supplier } = await scene({ freeBytes: () => 0 });
  server.script = (r) => (r.type === 'write' ? { status: 4 } : undefined);
  const { exit, checks } = await examined(supplier.depot(['doctor', '--write-test', '--json']));
  const full = `the disk of ${server.host}:${server.port} is full`;
  expect([exit, checks.writing]).toMatchObject([15, { result: 'failed', detail: full }]);
  expect(checks.server.result).toBe('passed');
  expect((await supplier.depot(['doctor', '--write-test'])).stdout).toMatch(/^left +nothing there$/m);

  server.options.freeBytes = () => 2 ** 30;
  expect(await outlook(supplier)).toEqual([0, 'A push may fail: the last write test failed.']);
});

test('of a push that runs it says so, and not that its deposit was left behind', async () => {
  const { server, supplier } = await scene();
  let goOn = (): void => undefined;
  const held = new Promise<void>((resolve) => (goOn = resolve));
  server.script = (r) => (r.type === 'write' ? { wait: held } : undefined);
  const pushing = supplier.push();
  await eventually(() => server.requests.some((r) => r.type === 'write'), 60_000, 'the upload');
  const { stdout, code } = await supplier.depot(['doctor']);
  expect([code, stdout]).toEqual([11, expect.stringContaining('a push is running')]);
  expect(stdout).not.toContain('the next push');
  goOn();
  expect((await pushing).code).toBe(0);
});
