import { describe, expect, test } from 'vitest';
import { markSuitcaseBlock, type SuitcaseBlock } from '../../src/outbound.js';
import { startScriptedServer, status } from '../support/scripted-server.js';
import { connectTo, content, deposit, failure, names, sha256, writeAll } from './support.js';

const MiB = 1024 * 1024;
const final = `/in/${names.finalName}`;
const partial = `/in/${names.partialName}`;

describe('an upload', () => {
  test('closes once every write is acknowledged, then publishes exactly what was written', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    const bytes = content(3 * MiB + 17);
    let atClose: string[] = [];
    const transfer = await deposit(remote, bytes, async () => {
      atClose = [...server.files.keys()];
    });
    expect(transfer).toEqual({
      status: 'acknowledged',
      remoteSize: 'matched',
      durability: 'size-checked',
      remoteName: names.finalName,
    });
    expect(atClose).toEqual([partial]);
    expect([...server.files.keys()]).toEqual([final]);
    expect(sha256(server.files.get(final)!)).toBe(sha256(bytes));
    expect(remote.stats).toEqual({ attempts: 1, reconnects: 0, lanes: 1, acknowledged: bytes.length });
    const order = server.requests.map((r) => r.type).filter((type, i, all) => type !== all[i - 1]);
    expect(order).toEqual(['open', 'stat', 'write', 'fstat', 'close', 'stat', 'rename', 'stat']);
    expect(server.requests[0].flags).toBe(0x02 | 0x08 | 0x20);
  });

  test('a write is as large as limits@openssh.com allows, else 32,768 bytes to OpenSSH and 31,952 to others', async () => {
    for (const [options, size] of [
      [{}, 31_952],
      [{ software: 'OpenSSH_7.4' }, 32_768],
      [{ limits: { packet: 20_000, read: 10_000, write: 10_000, handles: 10 } }, 10_000],
    ] as const) {
      const server = await startScriptedServer(options);
      const { remote } = await connectTo(server);
      const bytes = content(200_000);
      await deposit(remote, bytes);
      const longest = Math.max(...server.payloads.map((p) => p.data.length));
      expect(longest).toBeLessThanOrEqual(size);
      expect(longest).toBeGreaterThan(size * 0.8);
      expect(server.files.get(final)!.equals(bytes)).toBe(true);
    }
  });

  test.each([0, 1, 31_951, 31_952, 31_953, MiB])('a suitcase of %i bytes arrives unchanged', async (length) => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    const bytes = content(length);
    await deposit(remote, bytes);
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test('writes at ascending offsets on one handle to a server that is not known to handle parallel writes', async () => {
    const server = await startScriptedServer({ software: 'someone-elses' });
    const { remote } = await connectTo(server, { lanes: 4 });
    await deposit(remote, content(4 * MiB));
    const offsets = server.payloads.map((p) => p.offset);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    expect(server.requests.filter((r) => r.type === 'open')).toHaveLength(1);
    expect(remote.stats.lanes).toBe(1);
  });

  test('with window: 1, each write waits for the answer to the one before', async () => {
    let unanswered = 0;
    let most = 0;
    const server = await startScriptedServer();
    server.script = (request) => {
      if (request.type !== 'write') return undefined;
      most = Math.max(most, ++unanswered);
      return {
        wait: new Promise<void>((resolve) =>
          setImmediate(() => {
            unanswered--;
            resolve();
          }),
        ),
      };
    };
    const { remote } = await connectTo(server, { window: 1 });
    const bytes = content(MiB);
    await deposit(remote, bytes);
    expect(most).toBe(1);
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test('the server may answer writes in any order', async () => {
    const server = await startScriptedServer({ reorder: true });
    const { remote } = await connectTo(server);
    const bytes = content(5 * MiB);
    await deposit(remote, bytes);
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test('renames with the plain rename, never with posix-rename, which overwrites', async () => {
    const server = await startScriptedServer({ posixRename: true, software: 'OpenSSH_9.9' });
    const { remote } = await connectTo(server);
    await deposit(remote, content(1000));
    expect(server.requests.filter((r) => r.type === 'posix-rename')).toEqual([]);
    expect(server.requests.filter((r) => r.type === 'rename')).toHaveLength(1);
  });

  test('flushes before the close if the server offers fsync@openssh.com', async () => {
    const server = await startScriptedServer({ fsync: true });
    const { remote } = await connectTo(server);
    expect((await deposit(remote, content(1000))).durability).toBe('fsynced');
    expect(server.requests.map((r) => r.type).lastIndexOf('fsync')).toBeLessThan(
      server.requests.map((r) => r.type).indexOf('close'),
    );
  });

  test('refuses at run time what is not marked as fit to leave, whatever the types say', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    const marked = markSuitcaseBlock(new Uint8Array(100));
    expect((await failure(upload.write(marked.slice() as SuitcaseBlock))).code).toBe('internal');
    expect(() => remote.sidecar('x', new Uint8Array(3) as never)).toThrow('not marked as fit to leave');
    expect(server.payloads).toEqual([]);
    await upload.abandon();
  });

  test('holds at most 8 MiB, and gives each block back once the server has acknowledged it', async () => {
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const server = await startScriptedServer({ script: (r) => (r.type === 'write' ? { wait: gate } : undefined) });
    const { remote } = await connectTo(server, { stallMs: 60_000 });
    const upload = await remote.createUpload(names);
    const released = new Set<SuitcaseBlock>();
    upload.onReleased((block) => released.add(block));
    let accepted = 0;
    const writing = (async () => {
      for (let i = 0; i < 16; i++) {
        await upload.write(markSuitcaseBlock(new Uint8Array(MiB)));
        accepted++;
      }
    })();
    await expect.poll(() => server.payloads.length).toBeGreaterThan(50);
    expect(accepted).toBeLessThanOrEqual(8);
    expect(released.size).toBe(0);
    open();
    await writing;
    await upload.complete({ beforeClose: async () => undefined });
    expect(released.size).toBe(16);
    expect(upload.acknowledged).toBe(16 * MiB);
  });

  test('a file that exists is never opened, and never removed', async () => {
    const server = await startScriptedServer();
    server.files.set(partial, Buffer.from('someone else'));
    const { remote } = await connectTo(server);
    expect(await failure(remote.createUpload(names))).toMatchObject({ code: 'remote-exists' });
    expect(server.files.get(partial)!.toString()).toBe('someone else');
    expect(server.requests.filter((r) => r.type === 'remove')).toEqual([]);
  });

  test('an answer to a write that was not sent yet fails the upload, and nothing is published', async () => {
    // All of the second half of the window, while the channel has no room for it.
    const early = (id: number): Buffer => Buffer.concat(Array.from({ length: 80 }, (_, i) => status(id + 40 + i, 0)));
    const server = await startScriptedServer({
      script: (r) => (r.type === 'write' && r.nth === 1 ? { answer: early(r.id) } : undefined),
    });
    const { remote } = await connectTo(server, { window: 200 });
    expect(await failure(deposit(remote, content(6 * MiB)))).toMatchObject({ code: 'remote-refused', published: 'no' });
    expect(server.files.size).toBe(0);
  });
});

describe('a refusal', () => {
  const create = async (
    options: Parameters<typeof startScriptedServer>[0],
    more = {},
  ): Promise<ReturnType<typeof failure>> => {
    const server = await startScriptedServer(options);
    const { remote } = await connectTo(server, more);
    return failure(remote.createUpload(names));
  };

  test('of the create gets the code that fits: no directory, no permission, no space, or no reason given', async () => {
    expect(await create({}, { directory: '/nowhere' })).toMatchObject({
      code: 'remote-no-directory',
      published: 'no',
      message: expect.stringContaining('/nowhere'),
    });
    expect(await create({ script: (r) => (r.type === 'open' ? { status: 3 } : undefined) })).toMatchObject({
      code: 'remote-permission',
    });
    expect(await create({ script: (r) => (r.type === 'open' ? { status: 4 } : undefined) })).toMatchObject({
      code: 'remote-refused',
      message: expect.stringContaining('exists already, or is not allowed'),
    });
    expect(
      await create({ script: (r) => (r.type === 'open' ? { status: 4 } : undefined), freeBytes: () => 0 }),
    ).toMatchObject({ code: 'remote-no-space' });
    expect(await create({ script: (r) => (r.type === 'open' ? { status: 0 } : undefined) })).toMatchObject({
      code: 'remote-refused',
    });
  });

  test('by a quota half way fails the upload, and does not claim to know why; the partial can be removed', async () => {
    const server = await startScriptedServer({ quota: MiB, freeBytes: () => 1e9 });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    const error = await failure(writeAll(upload, content(9 * MiB)));
    expect(error).toMatchObject({
      code: 'remote-refused',
      published: 'no',
      message: expect.stringContaining('did not say why'),
    });
    expect(await upload.abandon()).toEqual({ removed: true, mayAppear: false });
    expect(server.files.size).toBe(0);
    expect(server.requests.filter((r) => r.type === 'statvfs')).toHaveLength(1);
  });

  test('by a full disk is recognized through statvfs@openssh.com', async () => {
    const server = await startScriptedServer({ quota: MiB, freeBytes: () => 0 });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    expect(await failure(writeAll(upload, content(9 * MiB)))).toMatchObject({ code: 'remote-no-space' });
  });

  test('that does not recur costs nothing: the write is repeated', async () => {
    const server = await startScriptedServer({
      script: (r) => (r.type === 'write' && r.nth === 7 ? { status: 4 } : undefined),
    });
    const { remote } = await connectTo(server);
    const bytes = content(2 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test.each([
    [3, 'remote-permission'],
    [14, 'remote-no-space'],
    [15, 'remote-no-space'],
    [8, 'remote-refused'],
    [2, 'remote-refused'],
  ] as const)('of a write with status %i fails the upload with %s and without a reconnect', async (code, expected) => {
    const server = await startScriptedServer({ script: (r) => (r.type === 'write' ? { status: code } : undefined) });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    expect(await failure(writeAll(upload, content(12 * MiB)))).toMatchObject({ code: expected });
    expect(remote.stats.reconnects).toBe(0);
  });
});

describe('abandon', () => {
  test('removes the partial after an abort', async () => {
    const server = await startScriptedServer();
    const { remote, abort } = await connectTo(server);
    const upload = await remote.createUpload(names);
    await writeAll(upload, content(2 * MiB));
    abort.abort(new Error('interrupted'));
    expect((await failure(writeAll(upload, content(10)))).message).toBe('interrupted');
    expect(await upload.abandon()).toEqual({ removed: true, mayAppear: false });
    expect(server.files.size).toBe(0);
    expect(await upload.abandon(), 'asked again').toEqual({ removed: true, mayAppear: false });
  });

  test('removes the partial over a new connection if the server no longer answers on the old one', async () => {
    const server = await startScriptedServer();
    const { remote, abort } = await connectTo(server);
    const upload = await remote.createUpload(names);
    server.stall();
    const writing = failure(writeAll(upload, content(12 * MiB)));
    abort.abort(new Error('interrupted'));
    await writing;
    expect(await upload.abandon()).toEqual({ removed: true, mayAppear: true });
    expect(server.files.size).toBe(0);
  });

  test('says if the server does not let depot remove the partial', async () => {
    const server = await startScriptedServer({ script: (r) => (r.type === 'remove' ? { status: 3 } : undefined) });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    expect(await upload.abandon()).toEqual({ removed: false, mayAppear: false });
  });
});
