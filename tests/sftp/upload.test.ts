import { describe, expect, test } from 'vitest';
import { markSuitcaseBlock, type SuitcaseBlock } from '../../src/outbound.js';
import { PartialLost } from '../../src/sftp/status.js';
import { startScriptedServer, status } from '../support/scripted-server.js';
import { connectTo, content, deposit, failure, names, sha256, writeAll } from './support.js';

const MiB = 1024 * 1024;
const final = `/in/${names.finalName}`;
const partial = `/in/${names.partialName}`;

describe('the main path', () => {
  test('publishes what was written, and answers are all in before the close', async () => {
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

  test('writes no more than a server takes: 31,952 bytes, 32,768 to OpenSSH, what limits@openssh.com says', async () => {
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

  test.each([0, 1, 31_951, 31_952, 31_953, MiB])('a suitcase of %i bytes', async (length) => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    const bytes = content(length);
    await deposit(remote, bytes);
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test('ascending offsets on one handle where parallel writes are not known to work', async () => {
    const server = await startScriptedServer({ software: 'someone-elses' });
    const { remote } = await connectTo(server, { lanes: 4 });
    await deposit(remote, content(4 * MiB));
    const offsets = server.payloads.map((p) => p.offset);
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b));
    expect(server.requests.filter((r) => r.type === 'open')).toHaveLength(1);
    expect(remote.stats.lanes).toBe(1);
  });

  test('one write in flight with window 1', async () => {
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

  test('answers in any order', async () => {
    const server = await startScriptedServer({ reorder: true });
    const { remote } = await connectTo(server);
    const bytes = content(5 * MiB);
    await deposit(remote, bytes);
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test('never posix-rename, which overwrites', async () => {
    const server = await startScriptedServer({ posixRename: true, software: 'OpenSSH_9.9' });
    const { remote } = await connectTo(server);
    await deposit(remote, content(1000));
    expect(server.requests.filter((r) => r.type === 'posix-rename')).toEqual([]);
    expect(server.requests.filter((r) => r.type === 'rename')).toHaveLength(1);
  });

  test('flushes where fsync@openssh.com is offered', async () => {
    const server = await startScriptedServer({ fsync: true });
    const { remote } = await connectTo(server);
    expect((await deposit(remote, content(1000))).durability).toBe('fsynced');
    expect(server.requests.map((r) => r.type).lastIndexOf('fsync')).toBeLessThan(
      server.requests.map((r) => r.type).indexOf('close'),
    );
  });

  test('takes marked bytes only, whatever the compiler was told', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    const marked = markSuitcaseBlock(new Uint8Array(100));
    expect((await failure(upload.write(marked.slice() as SuitcaseBlock))).code).toBe('internal');
    expect(() => remote.sidecar('x', new Uint8Array(3) as never)).toThrow('not marked as fit to leave');
    expect(server.payloads).toEqual([]);
    await upload.abandon();
  });

  test('holds a bounded number of bytes, and gives blocks back when they are acknowledged', async () => {
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
});

describe('lanes', () => {
  const openssh = { software: 'OpenSSH_9.9', limits: { packet: 262_144, read: 261_120, write: 261_120, handles: 100 } };

  test('stripes over the channels of one connection, opened with WRITE alone, lane one closed last', async () => {
    const server = await startScriptedServer(openssh);
    const { remote } = await connectTo(server, { lanes: 4 });
    const bytes = content(24 * MiB);
    await deposit(remote, bytes);
    expect(sha256(server.files.get(final)!)).toBe(sha256(bytes));
    expect(remote.stats.lanes).toBe(4);
    expect(server.connections).toBe(1);
    const opens = server.requests.filter((r) => r.type === 'open');
    expect(opens.slice(1).map((r) => r.flags)).toEqual([0x02, 0x02, 0x02]);
    const writers = new Set(server.requests.filter((r) => r.type === 'write').map((r) => r.channel));
    expect(writers.size).toBe(4);
    const lastWrite = server.requests.map((r) => r.type).lastIndexOf('write');
    const closes = server.requests.map((r, i) => ({ ...r, i })).filter((r) => r.type === 'close');
    expect(closes).toHaveLength(4);
    expect(closes.every((r) => r.i > lastWrite)).toBe(true);
    expect(closes.at(-1)!.channel).toBe(1);
  });

  test.each([
    ['a channel that is refused', { maxChannels: 1 }],
    [
      'a second open that is refused',
      { script: (r: { type: string; nth: number }) => (r.type === 'open' && r.nth > 1 ? { status: 3 } : undefined) },
    ],
  ])('%s costs a lane, not the deposit', async (_, more) => {
    const server = await startScriptedServer({ ...openssh, ...more });
    const { remote } = await connectTo(server, { lanes: 4 });
    const bytes = content(16 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    expect(remote.stats.lanes).toBe(1);
  });

  test('a lane that dies gives its writes to the others', async () => {
    const server = await startScriptedServer({
      ...openssh,
      script: (r) => (r.type === 'write' && r.channel === 3 ? { do: false, then: 'close-channel' } : undefined),
    });
    const { remote } = await connectTo(server, { lanes: 4 });
    const bytes = content(20 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(sha256(server.files.get(final)!)).toBe(sha256(bytes));
    expect(remote.stats.reconnects).toBe(0);
  });

  test('none with publish: direct, where any close may collect the file', async () => {
    const server = await startScriptedServer(openssh);
    const { remote } = await connectTo(server, { lanes: 4, publish: 'direct' });
    await deposit(remote, content(16 * MiB));
    expect(server.requests.filter((r) => r.type === 'open')).toHaveLength(1);
  });
});

describe('going on after a loss', () => {
  test('a dropped connection: the same partial, opened with WRITE alone, from what was not acknowledged', async () => {
    const server = await startScriptedServer({
      script: (r) => (r.type === 'write' && (r.nth === 20 || r.nth === 70) ? { then: 'drop' } : undefined),
    });
    const { remote } = await connectTo(server);
    const bytes = content(8 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(sha256(server.files.get(final)!)).toBe(sha256(bytes));
    expect(remote.stats.reconnects).toBe(2);
    expect(server.requests.filter((r) => r.type === 'open').map((r) => r.flags)).toEqual([0x2a, 0x02, 0x02]);
  });

  test('a link that stalls without a reset', async () => {
    const server = await startScriptedServer();
    server.script = (r) => {
      if (r.type === 'write' && r.nth === 10) server.stall();
      return undefined;
    };
    const { remote } = await connectTo(server, { stallMs: 200 });
    const bytes = content(6 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    expect(remote.stats.reconnects).toBe(1);
  });

  test('answers under a wrong id count as no answers', async () => {
    const server = await startScriptedServer({
      script: (r) => (r.type === 'write' && r.nth === 5 ? { do: false, answer: 'wrong-id' } : undefined),
    });
    const { remote } = await connectTo(server, { stallMs: 200 });
    const bytes = content(2 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test('a write that is answered before it was sent ends the upload, also when the answer is a refusal', async () => {
    for (const code of [0, 4]) {
      const server = await startScriptedServer({
        limits: { packet: 262_144, read: 261_120, write: 261_120, handles: 100 },
      });
      // The channel's window holds ten of these writes until the server has taken half of it.
      server.script = (r) =>
        r.type === 'write' && r.nth === 1
          ? { answer: Buffer.concat([status(r.id, 0), status(r.id + 11, code)]) }
          : undefined;
      const { remote } = await connectTo(server);
      expect(await failure(deposit(remote, content(6 * MiB)))).toMatchObject({
        code: 'remote-refused',
        published: 'no',
        cause: { status: 5, message: expect.stringContaining('answered before it was sent') as string },
      });
      expect(server.files.has(final)).toBe(false);
    }
  });

  test('a server that restarts', async () => {
    const server = await startScriptedServer();
    let restarted: Promise<void> | null = null;
    server.script = (r) => {
      if (r.type === 'write' && r.nth === 30) restarted ??= server.stop().then(() => server.start());
      return undefined;
    };
    const { remote, warnings } = await connectTo(server);
    const bytes = content(6 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    expect(warnings.every((w) => w.includes('trying until'))).toBe(true);
  });

  test('lanes, dropped in the middle', async () => {
    const server = await startScriptedServer({
      software: 'OpenSSH_9.9',
      limits: { packet: 262_144, read: 261_120, write: 261_120, handles: 100 },
      script: (r) =>
        r.type === 'write' && r.channel === 3 && r.nth > 60 && r.connection === 1 ? { then: 'drop' } : undefined,
    });
    const { remote } = await connectTo(server, { lanes: 4 });
    const bytes = content(24 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(sha256(server.files.get(final)!)).toBe(sha256(bytes));
    expect(remote.stats.reconnects).toBe(1);
  });

  test('a partial that is gone, or shorter than acknowledged, ends this id', async () => {
    for (const damage of ['gone', 'shorter'] as const) {
      const server = await startScriptedServer();
      let damaged = false;
      server.script = (r) => {
        if (r.type !== 'write' || r.connection !== 1) return undefined;
        // What the server had read already before the drop would mend the damage.
        if (damaged) return { do: false, answer: 'never' };
        if (r.nth !== 40) return undefined;
        if (damage === 'gone') server.files.delete(partial);
        else server.files.set(partial, server.files.get(partial)!.subarray(0, 1000));
        damaged = true;
        return { do: false, then: 'drop' };
      };
      const { remote } = await connectTo(server);
      const error = await failure(deposit(remote, content(4 * MiB)));
      expect(error.code).toBe('connection-lost');
      expect(error instanceof PartialLost).toBe(true);
      expect(error.published).toBe('no');
      expect(server.requests.filter((r) => r.type === 'open' && (r.flags & 8) !== 0)).toHaveLength(1);
    }
  });

  test('a different host key at the reconnect stops everything', async () => {
    const server = await startScriptedServer();
    const other = await startScriptedServer();
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    await server.stop();
    await other.stop();
    other.port = server.port;
    await other.start();
    const error = await failure(writeAll(upload, content(12 * MiB)));
    expect(error.code).toBe('host-key-changed');
    expect(error.message).toContain(other.fingerprints[0]);
    expect(error.message).toContain(server.fingerprints[0]);
    expect(other.logins).toEqual([]);
  });

  test('gives up when the budget is spent, and says so', async () => {
    const server = await startScriptedServer();
    const { remote, warnings } = await connectTo(server, { retryForMs: 300 });
    const upload = await remote.createUpload(names);
    await server.stop();
    const error = await failure(writeAll(upload, content(12 * MiB)));
    expect(error.code).toBe('connection-lost');
    expect(error instanceof PartialLost).toBe(false);
    expect(warnings).toHaveLength(1);
    expect(await upload.abandon()).toEqual({ removed: false, mayAppear: false });
  });

  test('the answer to the exclusive create is lost: the file is ours', async () => {
    const server = await startScriptedServer({
      script: (r) => (r.type === 'open' && r.nth === 1 ? { then: 'drop' } : undefined),
    });
    const { remote } = await connectTo(server);
    const bytes = content(1000);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test('the create is not answered and was not done: it says so, and not that a file is gone', async () => {
    const server = await startScriptedServer({
      script: (r) => (r.type === 'open' && r.nth === 1 ? { do: false, then: 'drop' } : undefined),
    });
    const { remote } = await connectTo(server);
    const error = await failure(remote.createUpload(names));
    expect([error instanceof PartialLost, error.message]).toEqual([
      true,
      expect.stringMatching(/^the server did not say whether it created \S+ \(.+\), and does not show it$/),
    ]);
  });

  test('the create is not answered and was not done: it says so, and not that a file is gone', async () => {
    const server = await startScriptedServer({
      script: (r) => (r.type === 'open' && r.nth === 1 ? { do: false, then: 'drop' } : undefined),
    });
    const { remote } = await connectTo(server);
    const error = await failure(remote.createUpload(names));
    expect([error instanceof PartialLost, error.message]).toEqual([
      true,
      expect.stringMatching(/^the server did not say whether it created \S+ \(.+\), and does not show it$/),
    ]);
  });

  test.each(['open', 'write'] as const)(
    'publish: direct, lost at the first %s, before anything was acknowledged: the name is given up',
    async (type) => {
      const server = await startScriptedServer({
        nameAtClose: 'placeholder',
        script: (r) => (r.type === type && r.nth === 1 ? { then: 'drop' } : undefined),
      });
      const { remote } = await connectTo(server, { publish: 'direct' });
      const upload = remote.createUpload(names);
      const error = await failure(upload.then((begun) => writeAll(begun, content(9 * MiB))));
      expect([error instanceof PartialLost, error.message]).toEqual([
        true,
        expect.stringContaining('may be another file'),
      ]);
      if (type === 'write') expect(await (await upload).abandon()).toEqual({ removed: true, mayAppear: true });
      expect(server.noticeLost()).toBe(1);
      expect(server.requests.filter((r) => r.type === 'write' && r.connection > 1)).toEqual([]);
    },
  );

  test('publish: rename, the same: it is gone on with, and what may come under the partial name is remembered', async () => {
    const server = await startScriptedServer({
      nameAtClose: 'placeholder',
      script: (r) => (r.type === 'write' && r.nth === 1 ? { then: 'drop' } : undefined),
    });
    const { remote } = await connectTo(server);
    const bytes = content(1000);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect([...remote.lostPartials]).toEqual([names.partialName]);
    expect(server.noticeLost()).toBe(1);
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    expect(server.files.has(partial)).toBe(true);
  });
});

describe('refusals', () => {
  const create = async (
    options: Parameters<typeof startScriptedServer>[0],
    more = {},
  ): Promise<ReturnType<typeof failure>> => {
    const server = await startScriptedServer(options);
    const { remote } = await connectTo(server, more);
    return failure(remote.createUpload(names));
  };

  test('at the create', async () => {
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
      message: expect.stringContaining('exists or is denied'),
    });
    expect(
      await create({ script: (r) => (r.type === 'open' ? { status: 4 } : undefined), freeBytes: () => 0 }),
    ).toMatchObject({ code: 'remote-no-space' });
    expect(await create({ script: (r) => (r.type === 'open' ? { status: 0 } : undefined) })).toMatchObject({
      code: 'remote-refused',
    });
  });

  test('a file that exists is never opened, and never removed', async () => {
    const server = await startScriptedServer();
    server.files.set(partial, Buffer.from('someone else'));
    const { remote } = await connectTo(server);
    expect(await failure(remote.createUpload(names))).toMatchObject({ code: 'remote-exists' });
    expect(server.files.get(partial)!.toString()).toBe('someone else');
    expect(server.requests.filter((r) => r.type === 'remove')).toEqual([]);
  });

  test('a quota reached half way: repeated once, then stopped, the partial removed', async () => {
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

  test('a full disk, as statvfs@openssh.com tells', async () => {
    const server = await startScriptedServer({ quota: MiB, freeBytes: () => 0 });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    expect(await failure(writeAll(upload, content(9 * MiB)))).toMatchObject({ code: 'remote-no-space' });
  });

  test('one failure that passes', async () => {
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
  ] as const)('a write answered with status %i is %s, at once', async (code, expected) => {
    const server = await startScriptedServer({ script: (r) => (r.type === 'write' ? { status: code } : undefined) });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    expect(await failure(writeAll(upload, content(12 * MiB)))).toMatchObject({ code: expected });
    expect(remote.stats.reconnects).toBe(0);
  });

  test('an answer to a write that was never sent: this server is not believed', async () => {
    // All of the second half of the window, while the channel has no room for it.
    const early = (id: number): Buffer => Buffer.concat(Array.from({ length: 80 }, (_, i) => status(id + 40 + i, 0)));
    const server = await startScriptedServer({
      script: (r) => (r.type === 'write' && r.nth === 1 ? { answer: early(r.id) } : undefined),
    });
    const { remote } = await connectTo(server, { window: 200 });
    expect(await failure(deposit(remote, content(6 * MiB)))).toMatchObject({ code: 'remote-refused', published: 'no' });
    expect(server.files.size).toBe(0);
  });

  test('a server that calls itself OpenSSH and opens another file for a second lane: nothing is published', async () => {
    const server = await startScriptedServer({ software: 'OpenSSH_9.9', nameAtClose: 'placeholder' });
    const { remote } = await connectTo(server, { lanes: 2 });
    expect(await failure(deposit(remote, content(9 * MiB)))).toMatchObject({
      code: 'remote-refused',
      published: 'no',
      message: expect.stringContaining('opened a second time'),
      hint: expect.stringContaining('--write-test'),
    });
    expect([...server.files.keys()]).toEqual([]);
  });

  test('a write in the middle of several lanes that fails for good leaves nothing published', async () => {
    const server = await startScriptedServer({
      software: 'OpenSSH_9.9',
      script: (r) =>
        r.type === 'write' && r.offset >= 9 * MiB && r.offset < 9 * MiB + 32_768 ? { status: 4 } : undefined,
    });
    const { remote } = await connectTo(server, { lanes: 4 });
    expect(await failure(deposit(remote, content(16 * MiB)))).toMatchObject({ code: 'remote-refused' });
    expect(server.files.has(final)).toBe(false);
  });
});

describe('going on in another process', () => {
  test.each([true, false])('from a checkpoint (fsync offered: %s)', async (fsync) => {
    const server = await startScriptedServer({ fsync });
    const first = await connectTo(server);
    const bytes = content(4 * MiB);
    const begun = await first.remote.createUpload(names);
    await writeAll(begun, bytes.subarray(0, 3 * MiB));
    await expect.poll(() => begun.acknowledged).toBe(3 * MiB);
    const checkpoint = await begun.checkpoint();
    expect(checkpoint).toEqual({ offset: 3 * MiB, by: fsync ? 'fsync' : 'fstat' });
    await first.remote.close();

    const { remote } = await connectTo(server);
    const upload = await remote.createUpload({ ...names, resumeFrom: checkpoint!.offset });
    await writeAll(upload, bytes.subarray(checkpoint!.offset));
    expect((await upload.complete({ beforeClose: async () => undefined })).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    expect(server.requests.filter((r) => r.type === 'open').map((r) => r.flags)).toEqual([0x2a, 0x02]);
  });

  test('a partial that is gone or shorter is dead', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    expect((await failure(remote.createUpload({ ...names, resumeFrom: 100 }))) instanceof PartialLost).toBe(true);
    server.files.set(partial, Buffer.alloc(99));
    expect((await failure(remote.createUpload({ ...names, resumeFrom: 100 }))) instanceof PartialLost).toBe(true);
    expect(server.files.has(partial)).toBe(true);
  });
});

describe('abandon', () => {
  test('after an abort: the partial is gone', async () => {
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

  test('while the server does not answer, over a new connection', async () => {
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

  test('says when the server does not let us remove', async () => {
    const server = await startScriptedServer({ script: (r) => (r.type === 'remove' ? { status: 3 } : undefined) });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    expect(await upload.abandon()).toEqual({ removed: false, mayAppear: false });
  });
});
