import { describe, expect, test } from 'vitest';
import { PublishedFile } from '../../src/sftp/published-file.js';
import type { RemoteSpec } from '../../src/sftp/types.js';
import {
  startScriptedServer,
  type Request,
  type ScriptedOptions,
  type ScriptedServer,
} from '../support/scripted-server.js';
import { connectTo, content, deposit, failure, names } from './support.js';

const final = `/in/${names.finalName}`;
const partial = `/in/${names.partialName}`;
const bytes = content(100_000);

async function run(
  options: ScriptedOptions,
  more: Partial<RemoteSpec> = {},
): Promise<{ server: ScriptedServer; transfer: Awaited<ReturnType<typeof deposit>>; reconnects: number }> {
  const server = await startScriptedServer(options);
  const { remote } = await connectTo(server, more);
  const transfer = await deposit(remote, bytes);
  return { server, transfer, reconnects: remote.stats.reconnects };
}

async function fails(
  options: ScriptedOptions,
  more: Partial<RemoteSpec> = {},
): Promise<{ server: ScriptedServer; error: Awaited<ReturnType<typeof failure>> }> {
  const server = await startScriptedServer(options);
  const { remote } = await connectTo(server, more);
  return { server, error: await failure(deposit(remote, bytes)) };
}

/** Denies these requests as an sshd with `-P` does. */
const denying =
  (...types: string[]) =>
  (r: Request) =>
    types.includes(r.type) ? { status: 3 } : undefined;

describe('what a strict server may do', () => {
  test.each([
    [['stat']],
    [['lstat']],
    [['fstat']],
    [['stat', 'lstat', 'fstat']],
    [['fsync']],
    [['remove']],
    [['realpath', 'opendir', 'mkdir', 'setstat', 'fsetstat']],
    [['stat', 'lstat', 'fstat', 'remove', 'realpath', 'opendir', 'readdir', 'mkdir', 'setstat', 'fsetstat', 'fsync']],
  ])('denying %j', async (denied) => {
    const { server, transfer } = await run({ fsync: true, script: denying(...denied) });
    expect(transfer.status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    const blind = denied.includes('stat') && denied.includes('lstat');
    expect(transfer.remoteSize).toBe(blind ? 'unreadable' : 'matched');
    expect(transfer.durability).toBe(
      !denied.includes('fsync') ? 'fsynced' : blind ? 'acknowledged-only' : 'size-checked',
    );
  });

  test('rename denied: nothing published, the partial removed, and the hint that helps', async () => {
    const { server, error } = await fails({ script: denying('rename') });
    expect(error).toMatchObject({
      code: 'remote-permission',
      published: 'no',
      hint: expect.stringContaining('publish: direct'),
    });
    expect(server.files.size).toBe(0);
  });

  test('publish: direct needs no rename', async () => {
    const { server, transfer } = await run({ script: denying('rename') }, { publish: 'direct' });
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    expect(server.requests[0]).toMatchObject({ type: 'open', path: final });
  });

  test('the file vanishes after the rename: expected', async () => {
    const { server, transfer } = await run({ collect: 'rename' });
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'unreadable', durability: 'size-checked' });
    expect(server.collected.get(final)!.equals(bytes)).toBe(true);
  });

  test('the file vanishes at the close with publish: direct: expected', async () => {
    const { server, transfer } = await run({ collect: 'close' }, { publish: 'direct' });
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'unreadable' });
    expect(server.collected.get(final)!.equals(bytes)).toBe(true);
  });

  test('the partial vanishes at our close with publish: rename: unconfirmed, with the hint', async () => {
    const { transfer } = await run({ collect: 'close' });
    expect(transfer).toMatchObject({ status: 'unconfirmed', hint: expect.stringContaining('publish: direct') });
  });

  test('a size that differs is a failure, and the partial is removed', async () => {
    const server = await startScriptedServer();
    server.script = (r) => {
      if (r.type === 'fstat') server.files.set(partial, server.files.get(partial)!.subarray(0, 99_999));
      return undefined;
    };
    const { remote } = await connectTo(server);
    expect(await failure(deposit(remote, bytes))).toMatchObject({
      code: 'remote-refused',
      published: 'no',
      message: expect.stringContaining('99999'),
    });
    expect(server.files.size).toBe(0);
  });

  test('a size that differs at the published name is said, and nothing is removed', async () => {
    const server = await startScriptedServer();
    server.script = (r) => {
      if (r.type === 'stat' && server.files.has(final))
        server.files.set(final, server.files.get(final)!.subarray(0, 5));
      return undefined;
    };
    const { remote } = await connectTo(server);
    expect(await failure(deposit(remote, bytes))).toMatchObject({ code: 'remote-refused', published: 'yes' });
    expect([...server.files.keys()]).toEqual([final]);
  });

  test('fsync that fails is a failure, because it tells of lost writes only once', async () => {
    const { server, error } = await fails({
      fsync: true,
      script: (r) => (r.type === 'fsync' && r.nth > 1 ? { status: 4 } : undefined),
    });
    expect(error).toMatchObject({ code: 'remote-refused', published: 'no' });
    expect(server.requests.filter((r) => r.type === 'fsync')).toHaveLength(2);
  });

  test('fsync that fails on an empty file too is no fsync', async () => {
    const { transfer } = await run({ fsync: true, script: (r) => (r.type === 'fsync' ? { status: 4 } : undefined) });
    expect(transfer).toMatchObject({ status: 'acknowledged', durability: 'size-checked' });
  });

  test('a close that fails is a failure', async () => {
    const { server, error } = await fails({
      script: (r) => (r.type === 'close' ? { status: 4, do: true } : undefined),
    });
    expect(error).toMatchObject({ code: 'remote-refused', published: 'no' });
    expect(server.files.size).toBe(0);
  });
});

describe('never overwrite', () => {
  test('a target that exists is seen before the rename, also where rename overwrites', async () => {
    const server = await startScriptedServer({ renameOverwrites: true });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    const error = await failure(
      upload.complete({ beforeClose: async () => void server.files.set(final, Buffer.from('theirs')) }),
    );
    expect(error).toMatchObject({ code: 'remote-exists', published: 'no' });
    expect(server.files.get(final)!.toString()).toBe('theirs');
    expect(server.requests.some((r) => r.type === 'rename' || (r.type === 'remove' && r.path === final))).toBe(false);
  });

  test('where looking is denied, the rename itself fails', async () => {
    const server = await startScriptedServer({ script: denying('stat', 'lstat', 'fstat') });
    const { remote } = await connectTo(server);
    const upload = await remote.createUpload(names);
    const error = await failure(
      upload.complete({ beforeClose: async () => void server.files.set(final, Buffer.from('theirs')) }),
    );
    expect(error).toMatchObject({ code: 'remote-refused', published: 'no' });
    expect(server.files.get(final)!.toString()).toBe('theirs');
  });
});

describe('lost answers', () => {
  const dropAt = (type: string, done: boolean, nth = 1): ScriptedOptions => ({
    script: (r) => (r.type === type && r.nth === nth ? { do: done, then: 'drop' } : undefined),
  });

  test.each([true, false])('to the close (done: %s): closed again, then renamed', async (done) => {
    const { server, transfer, reconnects } = await run(dropAt('close', done));
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
    expect([...server.files.keys()]).toEqual([final]);
    expect(reconnects).toBe(1);
  });

  test.each([true, false])('to the rename (done: %s): a look settles it', async (done) => {
    const { server, transfer } = await run(dropAt('rename', done));
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
    expect([...server.files.keys()]).toEqual([final]);
  });

  test('to the rename, and the file is collected: unconfirmed', async () => {
    const { server, transfer } = await run({ ...dropAt('rename', true), collect: 'rename' });
    expect(transfer.status).toBe('unconfirmed');
    expect(server.collected.has(final)).toBe(true);
  });

  test('to the rename, and looking is denied: unconfirmed when a second one finds nothing', async () => {
    const { transfer } = await run({
      script: (r) =>
        r.type === 'stat' || r.type === 'lstat'
          ? { status: 3 }
          : r.type === 'rename' && r.nth === 1
            ? { then: 'drop' }
            : undefined,
    });
    expect(transfer.status).toBe('unconfirmed');
  });

  test('to the rename that was not done, and looking is denied: the second one does it', async () => {
    const { server, transfer } = await run({
      script: (r) =>
        r.type === 'stat' || r.type === 'lstat'
          ? { status: 3 }
          : r.type === 'rename' && r.nth === 1
            ? { do: false, then: 'drop' }
            : undefined,
    });
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'unreadable' });
    expect([...server.files.keys()]).toEqual([final]);
  });

  test('to the rename, and the server does not come back: unconfirmed', async () => {
    const server = await startScriptedServer();
    server.script = (r) => {
      if (r.type === 'rename') void server.stop();
      return undefined;
    };
    const { remote } = await connectTo(server, { retryForMs: 300 });
    expect((await deposit(remote, bytes)).status).toBe('unconfirmed');
  });

  test('to the rename, and then another server answers: unconfirmed, and nothing is sent to it', async () => {
    const other = await startScriptedServer();
    await other.stop();
    const server = await startScriptedServer();
    server.script = (r) => {
      if (r.type === 'rename') {
        void server.stop().then(async () => {
          other.port = server.port;
          await other.start();
        });
      }
      return undefined;
    };
    const { remote } = await connectTo(server);
    const transfer = await deposit(remote, bytes);
    expect(transfer).toMatchObject({ status: 'unconfirmed', reason: expect.stringContaining('host key') });
    expect(other.logins).toEqual([]);
  });

  test.each(['shorter', 'not flushed', 'whole'] as const)(
    'to the close of a further lane: the file is looked at and flushed once more, and when it is %s',
    async (then) => {
      const lost = (r: Request): boolean => r.type === 'close' && r.channel > 1 && r.path === partial;
      let gone = false;
      const server = await startScriptedServer({ software: 'OpenSSH_9.6', fsync: true });
      server.script = (r) => {
        if (gone && r.type === 'fsync' && then === 'not flushed') return { status: 4 };
        if (!lost(r)) return undefined;
        gone = true;
        if (then === 'shorter') server.files.set(partial, server.files.get(partial)!.subarray(0, -1));
        return { do: false, answer: 'never', then: 'close-channel' };
      };
      const { remote } = await connectTo(server, { lanes: 2 });
      const large = content(4 * 1024 * 1024);
      const result = deposit(remote, large);
      if (then === 'whole') expect(await result).toMatchObject({ status: 'acknowledged', durability: 'fsynced' });
      else expect(await failure(result)).toMatchObject({ code: 'remote-refused', published: 'no' });
      expect(remote.stats.lanes).toBe(2);
      expect([...server.files.keys()]).toEqual(then === 'whole' ? [final] : []);
    },
  );

  test('to the close, and the second one fails: nothing is published', async () => {
    const { server, error } = await fails({
      software: 'OpenSSH_9.6',
      script: (r) => (r.type !== 'close' ? undefined : r.nth === 1 ? { then: 'drop' } : { do: true, status: 4 }),
    });
    expect(error).toMatchObject({ code: 'remote-refused', published: 'no', message: expect.stringContaining('close') });
    expect(server.files.size).toBe(0);
  });

  /** Lets the file be opened once only, and loses the answer to its close. */
  const once = (more: (r: Request) => ReturnType<NonNullable<ScriptedOptions['script']>>): ScriptedOptions => ({
    software: 'OpenSSH_9.6',
    script: (r) =>
      r.type === 'close' && r.nth === 1 ? { then: 'drop' } : r.type === 'open' && r.nth > 1 ? { status: 3 } : more(r),
  });

  test('to the close, where no second open is allowed: the size settles it', async () => {
    const { server, transfer } = await run(once(() => undefined));
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
    expect([...server.files.keys()]).toEqual([final]);
  });

  test('to the close, where no second open is allowed and the file is shorter: nothing is published', async () => {
    const server = await startScriptedServer(once(() => undefined));
    const { remote } = await connectTo(server);
    const { script } = server;
    server.script = (r) => {
      if (r.type === 'close') server.files.set(partial, bytes.subarray(0, 5));
      return script!(r);
    };
    expect(await failure(deposit(remote, bytes))).toMatchObject({ code: 'remote-refused', published: 'no' });
    expect(server.files.size).toBe(0);
  });

  test('to the close, where neither a second open nor a look is allowed: renamed, and unconfirmed', async () => {
    const { server, transfer } = await run(once(denying('stat', 'lstat', 'fstat')));
    expect(transfer).toMatchObject({ status: 'unconfirmed', reason: 'the answer to the close was lost' });
    expect([...server.files.keys()]).toEqual([final]);
  });

  test('to the close with publish: direct: the size at the name settles it', async () => {
    const { transfer } = await run(dropAt('close', true), { publish: 'direct' });
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
  });

  test('to the close with publish: direct, and the file is collected: unconfirmed', async () => {
    const { transfer } = await run({ ...dropAt('close', true), collect: 'close' }, { publish: 'direct' });
    expect(transfer.status).toBe('unconfirmed');
  });

  test('to the close, and the partial is collected: unconfirmed with the hint', async () => {
    const { transfer } = await run({ ...dropAt('close', true), collect: 'close' });
    expect(transfer).toMatchObject({ status: 'unconfirmed', hint: expect.stringContaining('publish: direct') });
  });

  test('to fstat and fsync: asked again', async () => {
    for (const [type, nth] of [
      ['fstat', 1],
      ['fsync', 2],
    ] as const) {
      const { transfer, reconnects } = await run({ fsync: true, ...dropAt(type, true, nth) });
      expect(transfer).toMatchObject({ status: 'acknowledged', durability: 'fsynced' });
      expect(reconnects).toBe(1);
    }
  });

  test.each([3, 4, 11])(
    'to the rename, and nothing can be seen: a second one that is refused (%i) refuses nothing, since the first may have worked',
    async (code) => {
      const { transfer, server } = await run({
        script: (r) => {
          if (r.type === 'stat' || r.type === 'lstat' || r.type === 'fstat') return { status: 3 };
          if (r.type !== 'rename') return undefined;
          return r.nth === 1 ? { do: true, then: 'drop' } : { status: code };
        },
      });
      expect(transfer).toMatchObject({ status: 'unconfirmed', reason: 'the answer to the rename was lost' });
      expect([...server.files.keys()]).toEqual([final]);
    },
  );

  test('never answered at all: the stall limit is a loss too', async () => {
    const { transfer } = await run(
      { script: (r) => (r.type === 'rename' && r.nth === 1 ? { answer: 'never' } : undefined) },
      { stallMs: 50 },
    );
    expect(transfer.status).toBe('acknowledged');
  });
});

describe('signals', () => {
  test('before the rename: nothing is published', async () => {
    const server = await startScriptedServer();
    const { remote, abort } = await connectTo(server);
    const stop = Object.assign(new Error('interrupted'), { code: 'interrupted' });
    server.script = (r) => {
      if (r.type === 'close') abort.abort(stop);
      return undefined;
    };
    expect(await failure(deposit(remote, bytes))).toBe(stop);
    expect(server.files.size).toBe(0);
  });

  test('after the rename was sent: the answer is waited for', async () => {
    const server = await startScriptedServer();
    const { remote, abort } = await connectTo(server);
    server.script = (r) => {
      if (r.type === 'rename') abort.abort(new Error('interrupted'));
      return undefined;
    };
    expect(await deposit(remote, bytes)).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
  });
});

describe('settling by a later run', () => {
  const pending = { ...names, bytes: bytes.length };

  test('published, partial there, gone, unknown', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    expect(await new PublishedFile(remote, pending).settle()).toBe('gone');
    server.files.set(partial, bytes);
    expect(await new PublishedFile(remote, pending).settle()).toBe('partial-there');
    expect(await remote.renameAgain(pending)).toBe('published');
    expect(await new PublishedFile(remote, pending).settle()).toBe('published');
    expect(await remote.renameAgain(pending)).toBe('published');
    server.files.clear();
    server.files.set(partial, bytes.subarray(1));
    expect(await new PublishedFile(remote, pending).settle()).toBe('gone');
    expect(await remote.renameAgain(pending)).toBe('gone');
    server.script = denying('stat', 'lstat');
    expect(await new PublishedFile(remote, pending).settle()).toBe('unknown');
    server.files.clear();
    expect(await remote.renameAgain(pending)).toBe('unknown');
  });

  test('a name that another file took is left alone', async () => {
    const server = await startScriptedServer({ renameOverwrites: true });
    const { remote } = await connectTo(server);
    server.files.set(partial, bytes);
    server.files.set(final, Buffer.from('theirs'));
    expect(await failure(remote.renameAgain(pending))).toMatchObject({ code: 'remote-exists' });
    expect(server.files.get(final)!.toString()).toBe('theirs');
  });
});
