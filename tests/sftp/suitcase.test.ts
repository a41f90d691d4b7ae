import { describe, expect, test } from 'vitest';
import { PublishedFile } from '../../src/sftp/published-file.js';
import { type Action, type Request, type ScriptedOptions, startScriptedServer } from '../support/scripted-server.js';
import { connectTo, content, deposit, denying, failedDeposit, failure, names, oneDeposit } from './support.js';

const final = `/in/${names.finalName}`;
const partial = `/in/${names.partialName}`;
const bytes = content(100_000);

describe('a strict server', () => {
  test.each([
    [['stat']],
    [['lstat']],
    [['fstat']],
    [['stat', 'lstat', 'fstat']],
    [['fsync']],
    [['remove']],
    [['realpath', 'opendir', 'mkdir', 'setstat', 'fsetstat']],
    [['stat', 'lstat', 'fstat', 'remove', 'realpath', 'opendir', 'readdir', 'mkdir', 'setstat', 'fsetstat', 'fsync']],
  ])('a server that denies %j gets a whole deposit; size and durability say what could be checked', async (denied) => {
    const { server, transfer } = await oneDeposit(bytes, { fsync: true, script: denying(...denied) });
    expect(transfer.status).toBe('acknowledged');
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    const blind = denied.includes('stat') && denied.includes('lstat');
    expect(transfer.remoteSize).toBe(blind ? 'unreadable' : 'matched');
    expect(transfer.durability).toBe(
      !denied.includes('fsync') ? 'fsynced' : blind ? 'acknowledged-only' : 'size-checked',
    );
  });

  test('if rename is denied, nothing is published, the partial is removed, and the hint is publish: direct', async () => {
    const { server, error } = await failedDeposit(bytes, { script: denying('rename') });
    expect(error).toMatchObject({
      code: 'remote-permission',
      published: 'no',
      hint: expect.stringContaining('publish: direct'),
    });
    expect(server.files.size).toBe(0);
  });

  test('if rename is answered "no such file" while the partial is seen whole, it was refused, and nothing vanished', async () => {
    const { server, error } = await failedDeposit(bytes, {
      script: (r) => (r.type === 'rename' ? { status: 2 } : undefined),
    });
    expect(error).toMatchObject({
      published: 'no',
      message: expect.stringContaining(`rename to ${final}`) as string,
      hint: expect.stringContaining('publish: direct') as string,
    });
    expect(server.files.size).toBe(0);
  });

  test('if it is answered so and nothing may be looked at, the deposit is unconfirmed', async () => {
    const { transfer } = await oneDeposit(bytes, {
      script: (r) => (r.type === 'rename' ? { status: 2 } : denying('stat', 'lstat', 'fstat')(r)),
    });
    expect(transfer.status).toBe('unconfirmed');
  });

  test('if a repeated rename is answered so, a whole partial is a refusal, and a missing one is gone', async () => {
    const server = await startScriptedServer({ script: (r) => (r.type === 'rename' ? { status: 2 } : undefined) });
    const { remote } = await connectTo(server);
    const pending = { ...names, bytes: bytes.length };
    server.files.set(partial, bytes);
    await expect(remote.renameAgain(pending)).rejects.toMatchObject({
      published: 'no',
      hint: expect.stringContaining('publish: direct') as string,
    });
    server.files.delete(partial);
    expect(await remote.renameAgain(pending)).toBe('gone');
  });

  const undone: [string, (r: Request) => Action | undefined][] = [
    ['shows both names', () => undefined],
    ['refuses to look at the final one', (r) => (/stat$/.test(r.type) && r.path === final ? { status: 4 } : undefined)],
  ];
  test.each(undone)(
    'a rename that is answered with OK and not done is unconfirmed: a server that %s',
    async (_, does) => {
      const script = (r: Request): Action | undefined => (r.type === 'rename' ? { do: false, status: 0 } : does(r));
      const { server, transfer } = await oneDeposit(bytes, { script });
      expect(transfer).toMatchObject({
        status: 'unconfirmed',
        reason: expect.stringContaining(`renamed ${partial}, but still shows it under that name`) as string,
        hint: expect.stringContaining('publish: direct') as string,
      });
      expect([...server.files.keys()]).toEqual([partial]);
      const { remote } = await connectTo(server);
      expect(await remote.renameAgain({ ...names, bytes: bytes.length })).toBe('unknown');
    },
  );

  test('a rename whose outcome shows costs no second look', async () => {
    const { server } = await oneDeposit(bytes, {});
    const renamed = server.requests.findIndex((r) => r.type === 'rename');
    expect(server.requests.slice(renamed).map((r) => `${r.type} ${r.path}`)).toEqual([
      `rename ${partial}`,
      `stat ${final}`,
    ]);
  });

  test('publish: direct needs no rename', async () => {
    const { server, transfer } = await oneDeposit(bytes, { script: denying('rename') }, { publish: 'direct' });
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
    expect(server.files.get(final)!.equals(bytes)).toBe(true);
    expect(server.requests[0]).toMatchObject({ type: 'open', path: final });
  });

  test('a file that is collected after the rename is acknowledged', async () => {
    const { server, transfer } = await oneDeposit(bytes, { collect: 'rename' });
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'unreadable', durability: 'size-checked' });
    expect(server.collected.get(final)!.equals(bytes)).toBe(true);
  });

  test('with publish: direct, a file that is collected at the close is acknowledged', async () => {
    const { server, transfer } = await oneDeposit(bytes, { collect: 'close' }, { publish: 'direct' });
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'unreadable' });
    expect(server.collected.get(final)!.equals(bytes)).toBe(true);
  });

  test('a partial that is collected at the close is unconfirmed, and the hint is publish: direct', async () => {
    const { transfer } = await oneDeposit(bytes, { collect: 'close' });
    expect(transfer).toMatchObject({ status: 'unconfirmed', hint: expect.stringContaining('publish: direct') });
  });

  test('a partial of the wrong size fails the deposit and is removed', async () => {
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

  test('a wrong size after the rename fails the deposit, and the published file is not removed', async () => {
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

  test('an fsync that fails fails the deposit, and is not repeated: it reports lost writes only once', async () => {
    const { server, error } = await failedDeposit(bytes, {
      fsync: true,
      script: (r) => (r.type === 'fsync' && r.nth > 1 ? { status: 4 } : undefined),
    });
    expect(error).toMatchObject({ code: 'remote-refused', published: 'no' });
    expect(server.requests.filter((r) => r.type === 'fsync')).toHaveLength(2);
  });

  test('fsync is not used if it already fails on the empty file', async () => {
    const { transfer } = await oneDeposit(bytes, {
      fsync: true,
      script: (r) => (r.type === 'fsync' ? { status: 4 } : undefined),
    });
    expect(transfer).toMatchObject({ status: 'acknowledged', durability: 'size-checked' });
  });

  test('a close that fails fails the deposit', async () => {
    const { server, error } = await failedDeposit(bytes, {
      script: (r) => (r.type === 'close' ? { status: 4, do: true } : undefined),
    });
    expect(error).toMatchObject({ code: 'remote-refused', published: 'no' });
    expect(server.files.size).toBe(0);
  });
});

/** What a server does with the request that publishes the file, which it refuses; what else it denies; and what depot may say of it. */
const refused: [string, number, ScriptedOptions & { direct?: true }, string[], 'no' | 'unconfirmed'][] = [
  ['renamed', 4, {}, ['stat', 'lstat'], 'unconfirmed'],
  ['renamed', 3, {}, ['stat', 'lstat'], 'unconfirmed'],
  ['renamed', 4, {}, ['stat', 'lstat', 'remove'], 'unconfirmed'],
  ['renamed', 4, { collect: 'rename' }, [], 'unconfirmed'],
  ['not renamed', 4, {}, ['stat', 'lstat'], 'no'],
  ['not renamed', 3, {}, ['stat', 'lstat', 'remove'], 'no'],
  ['not renamed', 4, {}, ['stat', 'lstat', 'remove'], 'unconfirmed'],
  ['not renamed', 4, {}, ['remove'], 'no'],
  ['closed', 4, { direct: true, collect: 'close' }, [], 'unconfirmed'],
  ['closed', 4, { direct: true, collect: 'close' }, ['stat', 'lstat'], 'unconfirmed'],
  ['closed', 4, { direct: true }, ['remove'], 'unconfirmed'],
  ['closed', 4, { direct: true }, [], 'no'],
  ['closed', 4, { collect: 'close' }, [], 'unconfirmed'],
  ['closed', 4, { collect: 'close', nameAtClose: true }, [], 'unconfirmed'],
  ['closed', 2, {}, [], 'unconfirmed'],
  ['closed', 4, {}, [], 'no'],
];
test.each(refused)(
  'a file that was %s, with status %i (%o; denied: %j), comes to: %s',
  async (was, status, o, denied, says) => {
    const { direct, ...options } = o;
    const type = was === 'closed' ? 'close' : 'rename';
    const server = await startScriptedServer({
      ...options,
      script: (r) =>
        r.type === type && r.nth === 1
          ? { do: was !== 'not renamed', status }
          : was === 'not renamed' && r.type === type
            ? { status }
            : denying(...denied)(r),
    });
    const { remote } = await connectTo(server, direct ? { publish: 'direct' } : {});
    const outcome = await deposit(remote, bytes).catch((error: unknown) => error);
    expect(outcome).toMatchObject(says === 'no' ? { published: 'no' } : { status: 'unconfirmed' });
  },
);

describe('never overwrite', () => {
  test('a file that took the name is seen before the rename, even on a server whose rename overwrites', async () => {
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

  test('a file that took the name makes the rename fail where looking is denied', async () => {
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

describe('an abort signal', () => {
  test('before the rename publishes nothing', async () => {
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

  test('after the rename was sent waits for its answer', async () => {
    const server = await startScriptedServer();
    const { remote, abort } = await connectTo(server);
    server.script = (r) => {
      if (r.type === 'rename') abort.abort(new Error('interrupted'));
      return undefined;
    };
    expect(await deposit(remote, bytes)).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
  });
});

describe('a later run', () => {
  const pending = { ...names, bytes: bytes.length };

  test('tells whether the deposit is published, still partial, gone or unknown, and can repeat the rename', async () => {
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

  test('does not overwrite a file that took the name meanwhile', async () => {
    const server = await startScriptedServer({ renameOverwrites: true });
    const { remote } = await connectTo(server);
    server.files.set(partial, bytes);
    server.files.set(final, Buffer.from('theirs'));
    expect(await failure(remote.renameAgain(pending))).toMatchObject({ code: 'remote-exists' });
    expect(server.files.get(final)!.toString()).toBe('theirs');
  });
});
