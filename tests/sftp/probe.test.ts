import { expect, test } from 'vitest';
import { testWrites, type WriteTest } from '../../src/sftp/probe.js';
import type { RemoteSpec } from '../../src/sftp/types.js';
import { peer } from '../support/peers.js';
import { startScriptedServer, type ScriptedOptions, type ScriptedServer } from '../support/scripted-server.js';
import { startSshd } from '../support/sshd.js';
import { connect } from '../../src/sftp/connect.js';
import { readFileSync } from 'node:fs';
import { connectTo, failure, specFor } from './support.js';

async function probe(options: ScriptedOptions, more: Partial<RemoteSpec> = {}): Promise<{ server: ScriptedServer; result: WriteTest; verdict: (name: string) => string | undefined }> {
  const server = await startScriptedServer(options);
  const { remote } = await connectTo(server, more);
  const result = await testWrites(remote);
  return { server, result, verdict: (name) => result.findings.find((f) => f.name === name)?.result };
}

test('a good server: everything passes, nothing is left', async () => {
  const { server, result, verdict } = await probe({ fsync: true });
  expect(result).toMatchObject({ propose: {}, laneSafe: true, left: [] });
  for (const name of ['exclusive create', 'fsync', 'pipelined writes', 'parallel writes', 'rename', 'rename over a file', 'remove']) expect([name, verdict(name)]).toEqual([name, 'passed']);
  expect(server.files.size).toBe(0);
});

test('a server that damages parallel writes is given none', async () => {
  // Like some: each channel has its own idea of where the file ends.
  const server = await startScriptedServer();
  server.script = (r) => {
    if (r.type === 'write' && r.channel === 2) {
      server.files.set(r.path, Buffer.concat([server.files.get(r.path)!, r.data]));
      return { status: 0 };
    }
    return undefined;
  };
  const { remote } = await connectTo(server);
  expect(await testWrites(remote)).toMatchObject({ laneSafe: false, propose: { lanes: 1 } });
});

test('a server that damages pipelined writes', async () => {
  const server = await startScriptedServer();
  server.script = (r) => {
    if (r.type !== 'write' || !r.path.includes('-1.')) return undefined;
    server.files.set(r.path, Buffer.concat([r.data, server.files.get(r.path)!]));
    return { status: 0 };
  };
  const { remote } = await connectTo(server);
  expect((await testWrites(remote)).propose).toMatchObject({ window: 1 });
});

test('a server whose rename overwrites', async () => {
  const { verdict } = await probe({ renameOverwrites: true });
  expect(verdict('rename over a file')).toBe('warning');
});

test('a server that collects at the close: publish: direct', async () => {
  const { result } = await probe({ collect: 'close' });
  expect(result).toMatchObject({ propose: { publish: 'direct' }, laneSafe: false, left: [] });
  expect(result.collected).toHaveLength(2);
});

test('a server that collects at the rename is as it should be', async () => {
  const { result, verdict } = await probe({ collect: 'rename' });
  expect(result).toMatchObject({ propose: {}, laneSafe: true, left: [] });
  expect(verdict('rename')).toBe('passed');
});

test('a drop box: neither look, nor read, nor remove', async () => {
  const { server, result, verdict } = await probe({ script: (r) => (['stat', 'lstat', 'fstat', 'remove'].includes(r.type) || (r.type === 'open' && (r.flags & 1) !== 0) ? { status: 3 } : undefined) });
  expect(verdict('pipelined writes')).toBe('not possible');
  expect(result.laneSafe).toBe(false);
  expect(result.left.map((name) => `/in/${name}`).sort()).toEqual([...server.files.keys()].sort());
  expect(verdict('remove')).toBe('warning');
});

test('rename denied, one channel only', async () => {
  const { result, server } = await probe({ maxChannels: 1, script: (r) => (r.type === 'rename' ? { status: 3 } : undefined) });
  expect(result).toMatchObject({ propose: { publish: 'direct' }, laneSafe: false, left: [] });
  expect(server.files.size).toBe(0);
});

test('what a push would say at the create', async () => {
  const server = await startScriptedServer();
  const { remote } = await connectTo(server, { directory: '/nowhere' });
  expect(await failure(testWrites(remote))).toMatchObject({ code: 'remote-no-directory' });
});

test.skipIf(peer('sshd') === undefined)('OpenSSH', async () => {
  const server = await startSshd();
  const remote = await connect(specFor(server, { directory: server.remoteDirectory }), { privateKey: readFileSync(server.privateKeyFile) }, { signal: new AbortController().signal, warn: () => undefined });
  const result = await testWrites(remote);
  await remote.close();
  expect(result).toMatchObject({ propose: {}, laneSafe: true, left: [] });
  expect(result.findings.every((f) => f.result === 'passed')).toBe(true);
  expect(server.names()).toEqual([]);
});
