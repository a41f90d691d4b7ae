import { describe, expect, test } from 'vitest';
import { startScriptedServer, type Request, type ScriptedOptions } from '../support/scripted-server.js';
import { connectTo, content, deposit, failure, names, sha256 } from './support.js';

const MiB = 1024 * 1024;
const final = `/in/${names.finalName}`;
const openssh = {
  software: 'OpenSSH_9.9',
  fsync: true,
  limits: { packet: 262_144, read: 261_120, write: 261_120, handles: 100 },
};

/** A server that answers to what lies behind the first 72 MiB only when it was asked to flush, in whatever channel but the first. */
async function flushedOnTheWay(
  then: (request: Request) => ReturnType<NonNullable<ScriptedOptions['script']>> = () => undefined,
) {
  let asked!: () => void;
  const flushed = new Promise<void>((resolve) => (asked = resolve));
  const server = await startScriptedServer({
    ...openssh,
    script: (r) => {
      if (r.type === 'write' && r.offset >= 72 * MiB) return { do: true, wait: flushed };
      if (r.type !== 'fsync' || r.channel === 1) return undefined;
      asked();
      return then(r);
    },
  });
  return { server, remote: (await connectTo(server, { lanes: 'auto' })).remote };
}

describe('what was acknowledged is flushed while more is on its way', () => {
  const bytes = content(80 * MiB);

  test('by a handle of its own, which is closed before lane one and the rename', async () => {
    const { server, remote } = await flushedOnTheWay();
    expect(await deposit(remote, bytes)).toMatchObject({ status: 'acknowledged', durability: 'fsynced' });
    expect(sha256(server.files.get(final)!)).toBe(sha256(bytes));
    const kinds = server.requests.map((r) => r.type);
    const closes = server.requests.filter((r) => r.type === 'close');
    expect(closes).toHaveLength(server.requests.filter((r) => r.type === 'open').length);
    expect(closes.at(-1)!.channel).toBe(1);
    // The one that the receipt rests on comes after every write, and is lane one's.
    expect(kinds.lastIndexOf('fsync')).toBeGreaterThan(kinds.lastIndexOf('write'));
    expect(server.requests.filter((r) => r.type === 'fsync').at(-1)!.channel).toBe(1);
  });

  test('the end comes while it is only being opened: its handle is closed before lane one, too', async () => {
    let ending!: () => void;
    const end = new Promise<void>((resolve) => (ending = resolve));
    const server = await startScriptedServer({
      ...openssh,
      script: (r) => (r.type === 'open' && r.nth === 3 ? { do: true, wait: end } : undefined),
    });
    const { remote } = await connectTo(server, { lanes: 2 });
    const transfer = await deposit(remote, bytes, () => {
      ending();
      return Promise.resolve();
    });
    expect(transfer).toMatchObject({ status: 'acknowledged', durability: 'fsynced' });
    const closes = server.requests.filter((r) => r.type === 'close');
    expect(closes).toHaveLength(3);
    expect(closes.at(-1)!.channel).toBe(1);
    expect(server.requests.filter((r) => r.type === 'fsync' && r.channel !== 1)).toEqual([]);
  });

  test('a flush that fails is a failure, because it tells of lost writes only once', async () => {
    const { server, remote } = await flushedOnTheWay(() => ({ status: 4 }));
    expect(await failure(deposit(remote, bytes))).toMatchObject({
      code: 'remote-refused',
      published: 'no',
      message: expect.stringContaining('fsync') as string,
    });
    expect(server.requests.filter((r) => r.type === 'rename')).toEqual([]);
  });

  test('a connection that is lost in a flush costs nothing', async () => {
    const { server, remote } = await flushedOnTheWay((r) => (r.connection === 1 ? { then: 'drop' } : undefined));
    expect(await deposit(remote, bytes)).toMatchObject({ status: 'acknowledged', durability: 'fsynced' });
    expect(sha256(server.files.get(final)!)).toBe(sha256(bytes));
    expect(remote.stats.reconnects).toBe(1);
  });

  test.each([
    ['one lane only', {}, 1],
    ['a channel too many', { maxChannels: 1 }],
    [
      'a second open that is refused',
      { script: (r: Request) => (r.type === 'open' && r.nth > 1 ? { status: 3 } : undefined) },
    ],
    ['a server without fsync', { fsync: false }],
  ])('%s: not before the end', async (_, more, lanes: number | 'auto' = 'auto') => {
    const server = await startScriptedServer({ ...openssh, ...more });
    const { remote } = await connectTo(server, { lanes });
    expect(await deposit(remote, bytes)).toMatchObject({ status: 'acknowledged' });
    expect(sha256(server.files.get(final)!)).toBe(sha256(bytes));
    expect(server.requests.filter((r) => r.type === 'fsync' && r.channel !== 1)).toEqual([]);
  });
});
