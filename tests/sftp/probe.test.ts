import { expect, test } from 'vitest';
import { lanesAllowed } from '../../src/sftp/lanes.js';
import type { WriteTest } from '../../src/sftp/probe-file.js';
import { testWrites } from '../../src/sftp/probe.js';
import type { RemoteSpec } from '../../src/sftp/types.js';
import { peer } from '../support/peers.js';
import {
  type Action,
  type Request,
  startScriptedServer,
  type ScriptedOptions,
  type ScriptedServer,
} from '../support/scripted-server.js';
import { startSshd } from '../support/sshd.js';
import { connect } from '../../src/sftp/remote.js';
import { readFileSync } from 'node:fs';
import { connectTo, failure, specFor } from './support.js';

async function probe(
  options: ScriptedOptions,
  more: Partial<RemoteSpec> = {},
): Promise<{ server: ScriptedServer; result: WriteTest; verdict: (name: string) => string | undefined }> {
  const server = await startScriptedServer(options);
  const { remote } = await connectTo(server, more);
  const result = await testWrites(remote);
  return { server, result, verdict: (name) => result.findings.find((f) => f.name === name)?.result };
}

test('a good server passes every check, and no file is left on it', async () => {
  const { server, result, verdict } = await probe({ fsync: true });
  expect(result).toMatchObject({ propose: {}, lanes: 'safe', left: [] });
  for (const name of [
    'exclusive create',
    'fsync',
    'pipelined writes',
    'parallel writes',
    'rename',
    'rename over a file',
    'remove',
  ])
    expect([name, verdict(name)]).toEqual([name, 'passed']);
  expect(server.files.size).toBe(0);
});

test('a server that damages parallel writes is found unsafe for several lanes', async () => {
  // Some servers do this: each channel has its own idea of where the file ends.
  const server = await startScriptedServer();
  server.script = (r) => {
    if (r.type === 'write' && r.channel === 2) {
      server.files.set(r.path, Buffer.concat([server.files.get(r.path)!, r.data]));
      return { status: 0 };
    }
    return undefined;
  };
  const { remote } = await connectTo(server);
  expect(await testWrites(remote)).toMatchObject({ lanes: 'unsafe' });
});

test.each([true, false])(
  'a server that holds the writes of each handle back until its close gets one lane (sizes shown: %s)',
  async (shown) => {
    const server = await startScriptedServer();
    const held = new Map<string, Request[]>();
    const put = (r: Request, data: Buffer): void => {
      const file = server.files.get(r.path)!;
      const grown = Buffer.alloc(Math.max(file.length, r.offset + data.length));
      file.copy(grown);
      data.copy(grown, r.offset);
      server.files.set(r.path, grown);
    };
    server.script = (r) => {
      if (r.type === 'fstat' && !shown) return { status: 8 };
      const key = (handle: string): string => `${r.connection} ${r.channel} ${handle}`;
      if (r.type === 'write') {
        held.set(key(r.handle), [...(held.get(key(r.handle)) ?? []), r]);
        // The size is right at once, the bytes are not.
        put(r, Buffer.alloc(r.data.length));
        return { status: 0 };
      }
      if (r.type === 'close') {
        for (const write of held.get(key(r.target)) ?? []) put(write, write.data);
        held.delete(key(r.target));
      }
      return undefined;
    };
    const { remote } = await connectTo(server);
    expect(await testWrites(remote)).toMatchObject({ lanes: 'unsafe', left: [] });
  },
);

test('a server that damages pipelined writes gets window: 1', async () => {
  const server = await startScriptedServer();
  server.script = (r) => {
    if (r.type !== 'write' || !r.path.includes('-1.')) return undefined;
    server.files.set(r.path, Buffer.concat([r.data, server.files.get(r.path)!]));
    return { status: 0 };
  };
  const { remote } = await connectTo(server);
  expect((await testWrites(remote)).propose).toMatchObject({ window: 1 });
});

test('a server whose rename overwrites gets a warning', async () => {
  const { verdict } = await probe({ renameOverwrites: true });
  expect(verdict('rename over a file')).toBe('warning');
});

test('for a server that collects files at their close, publish: direct is proposed', async () => {
  const { result } = await probe({ collect: 'close' });
  expect(result).toMatchObject({ propose: { publish: 'direct' }, lanes: null, left: [] });
  expect(result.findings.find((f) => f.name === 'close')).toMatchObject({ result: 'failed', code: 'unconfirmed' });
  expect(result.collected).toHaveLength(2);
});

/** Agents that take a file a little after its close: what the write test last asked of it until then. */
const takenLater: [string, (r: Request, written: boolean) => boolean][] = [
  ['it was seen', (r) => r.type === 'stat' && r.path.endsWith('-1.partial')],
  ['it was read', (r, written) => written && r.type === 'close' && r.path.endsWith('-1.partial')],
  ['it could not be created again', (r, written) => written && r.type === 'open' && (r.flags & 0x20) !== 0],
];

test.each(takenLater)('for a server that collects a file once %s, publish: direct is proposed', async (_, isLast) => {
  const server = await startScriptedServer();
  let [closes, taken] = [0, ''];
  server.script = (r) => {
    if (taken === '' && closes >= 2 && isLast(r, closes >= 2)) {
      taken = r.path;
      setImmediate(() => server.files.delete(taken));
    }
    if (r.type === 'close' && r.path.endsWith('-1.partial')) closes++;
    return undefined;
  };
  const { remote } = await connectTo(server);
  const result = await testWrites(remote);
  expect(taken).not.toBe('');
  expect(result).toMatchObject({ propose: { publish: 'direct' }, left: [] });
  expect(result.findings.filter(({ code }) => code === 'unconfirmed')).toHaveLength(1);
  expect(result.findings.find(({ name }) => name === 'exclusive create')?.result ?? 'passed').toBe('passed');
  expect(server.files.size).toBe(0);
});

test('where the agent is quicker than the rename with the second file only, publish: direct is proposed', async () => {
  const server = await startScriptedServer();
  server.script = (r) => {
    if (r.type === 'close' && r.path.endsWith('-2.partial')) setImmediate(() => server.files.delete(r.path));
    return undefined;
  };
  const { remote } = await connectTo(server);
  const result = await testWrites(remote);
  expect(result).toMatchObject({ propose: { publish: 'direct' }, left: [] });
  expect(result.findings.find(({ name }) => name === 'close')).toMatchObject({ result: 'failed', code: 'unconfirmed' });
});

test('a server that collects files at their rename passes', async () => {
  const { result, verdict } = await probe({ collect: 'rename' });
  expect(result).toMatchObject({ propose: {}, lanes: 'safe', left: [] });
  expect(verdict('rename')).toBe('passed');
});

/** From which rename on it is answered with OK and not done: the first publishes, the second is over a file. */
test.each([
  [1, 'rename', 'failed'],
  [2, 'rename over a file', 'warning'],
] as const)(
  'a rename (%i) that is answered with OK and not done is seen, and nothing is left',
  async (from, name, result) => {
    const { server, result: found } = await probe({
      script: (r) => (r.type === 'rename' && r.nth >= from ? { do: false, status: 0 } : undefined),
    });
    expect(found.findings.find((finding) => finding.name === name)).toMatchObject({
      result,
      detail: expect.stringContaining('the server answered OK but did not do it') as string,
      ...(result === 'failed' && { code: 'unconfirmed' }),
    });
    expect(found).toMatchObject({ propose: from === 1 ? { publish: 'direct' } : {}, collected: [], left: [] });
    expect(server.files.size).toBe(0);
  },
);

test('at a drop box, writes that cannot be read back do not count as tested, and files that stay are listed', async () => {
  const { server, result, verdict } = await probe({
    script: (r) =>
      ['stat', 'lstat', 'fstat', 'remove'].includes(r.type) || (r.type === 'open' && (r.flags & 1) !== 0)
        ? { status: 3 }
        : undefined,
  });
  expect(verdict('pipelined writes')).toBe('not possible');
  expect(result.lanes).toBeNull();
  expect(JSON.stringify(result.findings)).not.toContain('as they were sent');
  expect(result.left.map((name) => `/in/${name}`).sort()).toEqual([...server.files.keys()].sort());
  expect(verdict('remove')).toBe('warning');
});

test('without rename, publish: direct is proposed; with a single channel, lanes are reported as one channel', async () => {
  const { result, server } = await probe({
    maxChannels: 1,
    script: (r) => (r.type === 'rename' ? { status: 3 } : undefined),
  });
  expect(result).toMatchObject({ propose: { publish: 'direct' }, lanes: 'one channel', left: [] });
  expect(server.files.size).toBe(0);
});

test('each file is written to before it is opened again, since some servers fail otherwise', async () => {
  const written = new Set<string>();
  const spoilt = new Set<string>();
  const { result } = await probe({
    script: (r) => {
      if (
        r.type === 'open' &&
        (r.flags & 2) !== 0 &&
        (r.flags & 8) !== 0 &&
        r.nth > 1 &&
        !written.has(r.path) &&
        spoilt.has(r.path)
      )
        return { status: 4 };
      if (r.type === 'open' && (r.flags & 8) !== 0 && !written.has(r.path)) spoilt.add(r.path);
      if (r.type === 'write') written.add(r.path);
      return undefined;
    },
  });
  expect(result.findings.filter((f) => f.result === 'failed')).toEqual([]);
});

test('a server that creates a file where it should only open one gets a warning, and one lane', async () => {
  const server = await startScriptedServer();
  const { remote } = await connectTo(server);
  server.script = (r) => {
    if (r.type === 'open' && r.flags === 2 && !server.files.has(r.path)) server.files.set(r.path, Buffer.alloc(0));
    return undefined;
  };
  const result = await testWrites(remote);
  expect(result.findings.find((f) => f.name === 'open again')).toMatchObject({
    result: 'warning',
    hint: expect.stringContaining('spool: true') as string,
  });
  expect(result).toMatchObject({ lanes: 'unsafe', left: [] });
  expect(server.files.size).toBe(0);
});

const apart: [string, ScriptedOptions, (server: ScriptedServer) => (r: Request) => Action | undefined][] = [
  ['keeps the writes of each handle apart until its close', { nameAtClose: 'placeholder' }, () => () => undefined],
  [
    'truncates a file that is opened again',
    {},
    (server) => (r) => {
      if (r.type === 'open' && r.flags === 2 && server.files.has(r.path)) server.files.set(r.path, Buffer.alloc(0));
      return undefined;
    },
  ],
];
test.each(apart)('a server that %s gets one lane, even if it calls itself OpenSSH', async (_, options, behaviour) => {
  const server = await startScriptedServer({ software: 'OpenSSH_9.9', ...options });
  server.script = behaviour(server);
  const { remote } = await connectTo(server, { lanes: 4 });
  const result = await testWrites(remote);
  expect(result.findings.find((f) => f.name === 'open again')).toMatchObject({ result: 'warning' });
  expect(result.findings.filter((f) => f.result === 'failed')).toEqual([]);
  expect(result).toMatchObject({ lanes: 'unsafe', propose: {}, left: [] });
  const seen = { server: remote.server, hostKey: remote.hostKey, because: 'unsafe' } as const;
  expect(lanesAllowed({ ...remote.spec, oneLane: seen }, remote)).toEqual({ lanes: 1, because: 'unsafe' });
});

test('a server that shows a file only after its close gets a warning, and one lane', async () => {
  const { result, server } = await probe({ nameAtClose: true });
  expect(result.findings.find((f) => f.name === 'open again')).toMatchObject({
    result: 'warning',
    detail: expect.stringContaining('only when it is closed') as string,
    hint: expect.stringContaining('spool: true') as string,
  });
  expect(result.findings.find((f) => f.name === 'exclusive create')).toMatchObject({ result: 'passed' });
  expect(result).toMatchObject({ lanes: 'unsafe', left: [], propose: {} });
  expect(server.files.size).toBe(0);
});

test('more than eight reads are in flight at a time, for servers that are far away', async () => {
  let waiting = 0;
  let most = 0;
  await probe({
    script: (r) => {
      if (r.type !== 'read') return undefined;
      most = Math.max(most, ++waiting);
      return {
        wait: new Promise<void>((later) => setImmediate(later)).then(() => {
          waiting--;
        }),
      };
    },
  });
  expect(most).toBeGreaterThan(8);
});

test('a missing directory fails the write test with the error that a push would give', async () => {
  const server = await startScriptedServer();
  const { remote } = await connectTo(server, { directory: '/nowhere' });
  expect(await failure(testWrites(remote))).toMatchObject({ code: 'remote-no-directory' });
});

test.skipIf(peer('sshd') === undefined)('OpenSSH passes every check', async () => {
  const server = await startSshd();
  const remote = await connect(
    specFor(server, { directory: server.remoteDirectory }),
    { privateKey: readFileSync(server.privateKeyFile) },
    { signal: new AbortController().signal, warn: () => undefined },
  );
  const result = await testWrites(remote);
  await remote.close();
  expect(result).toMatchObject({ propose: {}, lanes: 'safe', left: [] });
  expect(result.findings.every((f) => f.result === 'passed')).toBe(true);
  expect(server.names()).toEqual([]);
});
