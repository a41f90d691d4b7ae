import { expect, test } from 'vitest';
import { startScriptedServer } from '../support/scripted-server.js';
import { connectTo, content, deposit, failure, names, sha256 } from './support.js';

const MiB = 1024 * 1024;
const final = `/in/${names.finalName}`;

const openssh = { software: 'OpenSSH_9.9', limits: { packet: 262_144, read: 261_120, write: 261_120, handles: 100 } };

test('four lanes are channels of one connection; the others open with WRITE alone, and lane one closes last', async () => {
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
  ['a refused channel', { maxChannels: 1 }],
  [
    'a refused second open',
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

test('when a lane dies, the others take over its writes without a reconnect', async () => {
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

test('publish: direct uses one lane, since any close may collect the file', async () => {
  const server = await startScriptedServer(openssh);
  const { remote } = await connectTo(server, { lanes: 4, publish: 'direct' });
  await deposit(remote, content(16 * MiB));
  expect(server.requests.filter((r) => r.type === 'open')).toHaveLength(1);
});

test('nothing is published if the second lane gets another file, even from a server that claims to be OpenSSH', async () => {
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

test('nothing is published if one write in the middle keeps failing', async () => {
  const server = await startScriptedServer({
    software: 'OpenSSH_9.9',
    script: (r) =>
      r.type === 'write' && r.offset >= 9 * MiB && r.offset < 9 * MiB + 32_768 ? { status: 4 } : undefined,
  });
  const { remote } = await connectTo(server, { lanes: 4 });
  expect(await failure(deposit(remote, content(16 * MiB)))).toMatchObject({ code: 'remote-refused' });
  expect(server.files.has(final)).toBe(false);
});

test('four lanes that lose their connection in the middle continue after one reconnect', async () => {
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
