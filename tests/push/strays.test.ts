/** Names under which a file may still appear at the agent after a complete deposit. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Request,
  type ScriptedServer,
  startScriptedServer,
  type ScriptedOptions,
} from '../support/scripted-server.js';
import { Supplier, type SupplierOptions } from '../support/supplier.js';

async function begin(
  options: ScriptedOptions,
  more: SupplierOptions = {},
): Promise<{ server: ScriptedServer; supplier: Supplier }> {
  const server = await startScriptedServer(options);
  const supplier = await Supplier.create({ ...server, remoteDirectory: '/in' }, more);
  writeFileSync(join(supplier.data, 'a.txt'), 'hello\n');
  return { server, supplier };
}

function strays({ state, arrangement }: Supplier): string[] {
  const file = join(state, arrangement, 'strays.json');
  return existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { strays: { name: string }[] }).strays.map(({ name }) => name).sort()
    : [];
}

const sidecar = /\.(?:cover\.md|receipt\.json(?:\.asc)?)(?:\.[0-9a-f]{8})?\.partial$/;
const written = (r: Request): boolean => r.type === 'write' && sidecar.test(r.path);

/** Drops the connection at the writes of sidecars with these numbers, counted from 1. */
function dropsAt(...numbers: number[]): NonNullable<ScriptedOptions['script']> {
  let count = 0;
  return (r) => (written(r) && numbers.includes(++count) ? { then: 'drop' } : undefined);
}

describe('the connection is lost while a sidecar is written', () => {
  test('files that may still appear are recorded, reported, and removed by the next push', async () => {
    const { server, supplier } = await begin({ nameAtClose: true, script: dropsAt(1, 2) });
    const pushed = await supplier.push();
    expect([pushed.code, pushed.result.ok], pushed.stdout).toEqual([0, true]);
    const lost = [
      ...new Set(
        server.requests
          .filter(written)
          .slice(0, 2)
          .map((r) => r.path.slice('/in/'.length)),
      ),
    ];
    expect(lost).toHaveLength(2);
    const { depositId } = pushed.result.deposit!;
    const usual = ['cover.md', 'receipt.json', 'receipt.json.asc'].map((suffix) => `.${depositId}.${suffix}.partial`);
    expect(strays(supplier)).toEqual([...new Set([...usual, ...lost])].sort());
    expect(pushed.stderr + pushed.stdout).toContain(lost[1]);

    expect(server.noticeLost()).toBe(2);
    const next = await supplier.push();
    expect(next.code).toBe(0);
    expect([...server.files.keys()].filter((name) => name.endsWith('.partial'))).toEqual([]);
    expect(strays(supplier)).toHaveLength(2);
  });

  test('nothing is recorded at a server where no file can appear later', async () => {
    const { supplier } = await begin({ software: 'OpenSSH_9.9', script: dropsAt(1) });
    expect((await supplier.push()).code).toBe(0);
    expect(strays(supplier)).toEqual([]);
  });

  test('if it stays lost for retryFor, strays.json lists only the partials that the pending record does not', async () => {
    const { server, supplier } = await begin({ nameAtClose: true }, { remote: { retryFor: '1s' } });
    let count = 0;
    server.script = (r) => {
      if (!written(r) || ++count > 2) return undefined;
      if (count === 2) void server.stop();
      return { then: 'drop' };
    };
    const pushed = await supplier.push();
    expect([pushed.code, pushed.result.error?.code]).toEqual([30, 'sidecars-pending']);
    expect(strays(supplier)).toEqual([server.requests.filter(written).at(-1)!.path.slice('/in/'.length)]);
    expect(strays(supplier)[0]).toMatch(/\.cover\.md\.[0-9a-f]{8}\.partial$/);
  });
});

test.each([true, false])(
  'the partial of an upload that lost its connection before the first acknowledgement is looked for (sidecars: %s)',
  async (sidecars) => {
    const { server, supplier } = await begin(
      { nameAtClose: 'placeholder', script: (r) => (r.type === 'write' && r.nth === 1 ? { then: 'drop' } : undefined) },
      { remote: { sidecars } },
    );
    const pushed = await supplier.push();
    expect(pushed.code).toBe(0);
    const partial = `.${pushed.result.deposit!.depositId}.partial`;
    expect(strays(supplier)).toEqual([partial]);
    expect(server.noticeLost()).toBe(1);
    expect(server.files.has(`/in/${partial}`)).toBe(true);
    expect((await supplier.push()).code).toBe(0);
    expect(server.files.has(`/in/${partial}`)).toBe(false);
    expect(strays(supplier)).toEqual([]);
  },
);

test.each([true, false])(
  'a truncated file that could not be removed is looked for until it appears (spool: %s)',
  async (spool) => {
    const { server, supplier } = await begin(
      { nameAtClose: true },
      {
        remote: { publish: 'direct' },
        arrangement: { spool },
        dataset: [{ command: ['head', '-c', '3000000', '/dev/urandom'], as: 'noise' }],
      },
    );
    const denied = (r: Request): { status: number } | undefined => (r.type === 'remove' ? { status: 3 } : undefined);
    server.script = (r) => denied(r) ?? (r.type === 'write' && r.nth === 20 ? { then: 'drop' } : undefined);
    expect((await supplier.push()).code).toBe(0);
    // Without a spool, the deposit that was given up is still pending, and the next push settles it first.
    if (!spool) expect((await supplier.push()).code).toBe(0);
    const given = server.requests.find((r) => r.type === 'open')!.path.slice('/in/'.length);
    expect(strays(supplier)).toEqual([given]);
    expect(server.noticeLost()).toBe(1);
    const next = await supplier.push();
    expect(next.stderr + next.stdout).toContain(`${given}, from an abandoned upload, has`);
    expect(strays(supplier)).toEqual([]);
  },
);

test('at a server that shows no files, even one that calls itself OpenSSH, a lost file is recorded, since it may exist unseen', async () => {
  const { server, supplier } = await begin(
    { software: 'OpenSSH_9.9', nameAtClose: true },
    { dataset: [{ command: ['head', '-c', '3000000', '/dev/urandom'], as: 'noise' }] },
  );
  server.script = (r) =>
    r.type === 'stat' || r.type === 'lstat' || r.type === 'fstat'
      ? { status: 3 }
      : r.type === 'write' && r.nth === 20
        ? { then: 'drop' }
        : undefined;
  expect((await supplier.push()).code).toBe(0);
  expect(strays(supplier)).toEqual([server.requests.find((r) => r.type === 'open')!.path.slice('/in/'.length)]);
});
