import { describe, expect, test } from 'vitest';
import { PartialLost } from '../../src/sftp/status.js';
import { startScriptedServer, status } from '../support/scripted-server.js';
import { connect } from '../../src/sftp/remote.js';
import type { Waiting } from '../../src/sftp/types.js';
import { cleanup } from '../support/cleanup.js';
import { connectTo, content, deposit, failure, names, quiet, sha256, specFor, writeAll } from './support.js';

const MiB = 1024 * 1024;
const final = `/in/${names.finalName}`;
const partial = `/in/${names.partialName}`;

describe('after a lost connection', () => {
  test('the same partial is opened with WRITE alone, and what was not acknowledged is written again', async () => {
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

  test('a connection that stalls counts as lost, and is replaced after stallMs', async () => {
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

  test('an answer with a wrong id acknowledges nothing: the write is repeated', async () => {
    const server = await startScriptedServer({
      script: (r) => (r.type === 'write' && r.nth === 5 ? { do: false, answer: 'wrong-id' } : undefined),
    });
    const { remote } = await connectTo(server, { stallMs: 200 });
    const bytes = content(2 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test('an answer to a write that was not sent yet ends the upload, even if it is a refusal', async () => {
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

  test('the upload continues after the server restarted', async () => {
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

  test('the patience of the first connection is not that of the upload, and whoever watches hears what is waited for', async () => {
    const server = await startScriptedServer();
    const seen: (Waiting | null)[] = [];
    let stopped: Promise<void> | null = null;
    server.script = (r) => {
      if (r.type === 'write' && r.nth === 30) stopped ??= server.stop();
      return undefined;
    };
    const spec = specFor(server, { connectForMs: 0, retryForMs: 1_800_000 });
    const remote = await connect(
      spec,
      { password: () => Promise.resolve(server.password) },
      {
        ...quiet,
        waiting: (waiting) => {
          // The loss, then the attempts in vain: more than a first connection would have had.
          if (seen.push(waiting) === 4) void stopped?.then(() => server.start());
        },
      },
    );
    cleanup(() => remote.close());
    const bytes = content(6 * MiB);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    const [first, lost, tried] = seen;
    expect(first).toBeNull();
    expect(lost).toMatchObject({ why: 'lost the connection', isLost: true });
    expect(tried).toMatchObject({ address: `127.0.0.1:${server.port}`, isLost: true, since: lost!.since });
    expect(tried!.until.getTime() - lost!.since.getTime()).toBeGreaterThan(1_790_000);
    expect(seen.at(-1)).toBeNull();
  });

  test('a partial that is gone, or shorter than was acknowledged, is given up and not created again', async () => {
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

  test('another host key stops the upload, and the new server is sent no login', async () => {
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

  test('the upload fails once retryFor is over, after one warning', async () => {
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

  test('a file whose create was not answered is recognized as ours, and written to', async () => {
    const server = await startScriptedServer({
      script: (r) => (r.type === 'open' && r.nth === 1 ? { then: 'drop' } : undefined),
    });
    const { remote } = await connectTo(server);
    const bytes = content(1000);
    expect((await deposit(remote, bytes)).status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
  });

  test.each(['rename', 'direct'] as const)(
    'if the create was neither answered nor done, the error says that, not that a file is gone (publish: %s)',
    async (publish) => {
      const server = await startScriptedServer({
        script: (r) => (r.type === 'open' && r.nth === 1 ? { do: false, then: 'drop' } : undefined),
      });
      const { remote } = await connectTo(server, { publish });
      const error = await failure(remote.createUpload(names));
      expect([error instanceof PartialLost, error.message]).toEqual([
        true,
        expect.stringMatching(/^the server did not say whether it created \S+ \(.+\), and does not show it$/),
      ]);
    },
  );

  test.each(['open', 'write'] as const)(
    'with publish: direct, a connection lost at the first %s gives the name up, since its file may be another',
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
        expect.stringContaining('may give another file'),
      ]);
      if (type === 'write') expect(await (await upload).abandon()).toEqual({ removed: true, mayAppear: true });
      expect(server.noticeLost()).toBe(1);
      expect(server.requests.filter((r) => r.type === 'write' && r.connection > 1)).toEqual([]);
    },
  );

  test('with publish: rename, the upload continues, and remembers a partial that may yet appear', async () => {
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

describe('in another process', () => {
  test.each([true, false])('an upload continues from a checkpoint (server offers fsync: %s)', async (fsync) => {
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

  test('a partial that is gone, or shorter than the checkpoint, is given up and not removed', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    expect((await failure(remote.createUpload({ ...names, resumeFrom: 100 }))) instanceof PartialLost).toBe(true);
    server.files.set(partial, Buffer.alloc(99));
    expect((await failure(remote.createUpload({ ...names, resumeFrom: 100 }))) instanceof PartialLost).toBe(true);
    expect(server.files.has(partial)).toBe(true);
  });
});
