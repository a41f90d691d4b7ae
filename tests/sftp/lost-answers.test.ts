import { expect, test } from 'vitest';
import { startScriptedServer, type Request, type ScriptedOptions } from '../support/scripted-server.js';
import { connectTo, content, deposit, denying, failedDeposit, failure, names, oneDeposit } from './support.js';

const final = `/in/${names.finalName}`;
const partial = `/in/${names.partialName}`;
const bytes = content(100_000);

const dropAt = (type: string, done: boolean, nth = 1): ScriptedOptions => ({
  script: (r) => (r.type === type && r.nth === nth ? { do: done, then: 'drop' } : undefined),
});

test.each([true, false])(
  'after a lost answer to the close (done: %s), the file is closed once more, then renamed',
  async (done) => {
    const { server, transfer, reconnects } = await oneDeposit(bytes, dropAt('close', done));
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
    expect([...server.files.keys()]).toEqual([final]);
    expect(reconnects).toBe(1);
  },
);

test.each([true, false])(
  'after a lost answer to the rename (done: %s), a look at the names settles it',
  async (done) => {
    const { server, transfer } = await oneDeposit(bytes, dropAt('rename', done));
    expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
    expect([...server.files.keys()]).toEqual([final]);
  },
);

test('after a lost answer to the rename, a file that was collected is unconfirmed', async () => {
  const { server, transfer } = await oneDeposit(bytes, { ...dropAt('rename', true), collect: 'rename' });
  expect(transfer.status).toBe('unconfirmed');
  expect(server.collected.has(final)).toBe(true);
});

test('where looking is denied, a second rename that finds nothing leaves the deposit unconfirmed', async () => {
  const { transfer } = await oneDeposit(bytes, {
    script: (r) =>
      r.type === 'stat' || r.type === 'lstat'
        ? { status: 3 }
        : r.type === 'rename' && r.nth === 1
          ? { then: 'drop' }
          : undefined,
  });
  expect(transfer.status).toBe('unconfirmed');
});

test('where looking is denied, a second rename publishes what the first did not', async () => {
  const { server, transfer } = await oneDeposit(bytes, {
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

test('if the server goes down at the rename and stays down, the deposit is unconfirmed', async () => {
  const server = await startScriptedServer();
  server.script = (r) => {
    if (r.type === 'rename') void server.stop();
    return undefined;
  };
  const { remote } = await connectTo(server, { retryForMs: 300 });
  expect((await deposit(remote, bytes)).status).toBe('unconfirmed');
});

test('if another server answers after the rename, the deposit is unconfirmed, and that server is sent no login', async () => {
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
  'after a lost answer to the close of a further lane, the file is measured and flushed again: it is %s',
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

test('nothing is published if the answer to the close is lost and the second close fails', async () => {
  const { server, error } = await failedDeposit(bytes, {
    software: 'OpenSSH_9.6',
    script: (r) => (r.type !== 'close' ? undefined : r.nth === 1 ? { then: 'drop' } : { do: true, status: 4 }),
  });
  expect(error).toMatchObject({ code: 'remote-refused', published: 'no', message: expect.stringContaining('close') });
  expect(server.files.size).toBe(0);
});

/** Lets the file be opened only once, and loses the answer to its close. */
const once = (more: (r: Request) => ReturnType<NonNullable<ScriptedOptions['script']>>): ScriptedOptions => ({
  software: 'OpenSSH_9.6',
  script: (r) =>
    r.type === 'close' && r.nth === 1 ? { then: 'drop' } : r.type === 'open' && r.nth > 1 ? { status: 3 } : more(r),
});

test('after a lost answer to the close, the size settles it if the file cannot be opened again', async () => {
  const { server, transfer } = await oneDeposit(
    bytes,
    once(() => undefined),
  );
  expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
  expect([...server.files.keys()]).toEqual([final]);
});

test('nothing is published if the answer to the close is lost, the file cannot be opened again, and it is shorter', async () => {
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

test('if the file can be neither opened again nor looked at, it is renamed, and the deposit is unconfirmed', async () => {
  const { server, transfer } = await oneDeposit(bytes, once(denying('stat', 'lstat', 'fstat')));
  expect(transfer).toMatchObject({ status: 'unconfirmed', reason: 'the answer to the close was lost' });
  expect([...server.files.keys()]).toEqual([final]);
});

test('after a lost answer to the close with publish: direct, the size of the final name settles it', async () => {
  const { transfer } = await oneDeposit(bytes, dropAt('close', true), { publish: 'direct' });
  expect(transfer).toMatchObject({ status: 'acknowledged', remoteSize: 'matched' });
});

test('after a lost answer to the close with publish: direct, a file that was collected is unconfirmed', async () => {
  const { transfer } = await oneDeposit(bytes, { ...dropAt('close', true), collect: 'close' }, { publish: 'direct' });
  expect(transfer.status).toBe('unconfirmed');
});

test('if the partial is collected at a close without an answer, the deposit is unconfirmed; the hint is publish: direct', async () => {
  const { transfer } = await oneDeposit(bytes, { ...dropAt('close', true), collect: 'close' });
  expect(transfer).toMatchObject({ status: 'unconfirmed', hint: expect.stringContaining('publish: direct') });
});

test('fstat and fsync are asked again if their answer is lost', async () => {
  for (const [type, nth] of [
    ['fstat', 1],
    ['fsync', 2],
  ] as const) {
    const { transfer, reconnects } = await oneDeposit(bytes, { fsync: true, ...dropAt(type, true, nth) });
    expect(transfer).toMatchObject({ status: 'acknowledged', durability: 'fsynced' });
    expect(reconnects).toBe(1);
  }
});

test.each([3, 4, 11])(
  'where looking is denied, a refused second rename (%i) leaves it unconfirmed: the first may have worked',
  async (code) => {
    const { transfer, server } = await oneDeposit(bytes, {
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

test('a rename that is not answered within stallMs counts as lost, and is settled', async () => {
  const { transfer } = await oneDeposit(
    bytes,
    { script: (r) => (r.type === 'rename' && r.nth === 1 ? { answer: 'never' } : undefined) },
    { stallMs: 50 },
  );
  expect(transfer.status).toBe('acknowledged');
});
