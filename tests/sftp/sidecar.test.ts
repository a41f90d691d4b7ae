import { describe, expect, test } from 'vitest';
import { markReceiptBytes } from '../../src/outbound.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { connectTo, content, failure } from './support.js';

const name = 'x_1.receipt.json';
const path = `/in/${name}`;
const bytes = markReceiptBytes(new Uint8Array(content(50_000)));

describe('a sidecar', () => {
  test('is written under a partial name, then renamed', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
    expect(server.files.get(path)!.equals(bytes)).toBe(true);
    expect(server.requests.find((r) => r.type === 'open')).toMatchObject({ path: `/in/.${name}.partial`, flags: 0x2a });
  });

  test.each(['OpenSSH_9.9', 'Unknown_1'])(
    'whose rename is answered with OK and not done is unconfirmed (%s)',
    async (software) => {
      const server = await startScriptedServer({
        software,
        script: (r) => (r.type === 'rename' ? { do: false, status: 0 } : undefined),
      });
      const { remote } = await connectTo(server);
      const sidecar = remote.sidecar(name, bytes);
      await sidecar.begin();
      expect(await sidecar.publish()).toBe('unconfirmed');
      expect(server.files.has(path)).toBe(false);
    },
  );

  test('that the agent takes at its rename is delivered', async () => {
    const server = await startScriptedServer({ collect: 'rename' });
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
    expect(server.collected.get(path)!.equals(bytes)).toBe(true);
  });

  test('gets another partial name after each lost attempt; the names that no later run could guess are reported', async () => {
    const server = await startScriptedServer({
      nameAtClose: true,
      script: (r) => (r.type === 'write' && r.nth <= 2 ? { then: 'drop' } : undefined),
    });
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
    const opened = server.requests.filter((r) => r.type === 'open').map((r) => r.path);
    expect(new Set(opened).size).toBe(3);
    expect([...remote.lostPartials]).toEqual([opened[1].slice('/in/'.length)]);
    expect(server.noticeLost()).toBe(2);
    expect(server.files.get(path)!.equals(bytes)).toBe(true);
  });

  test('is created exclusively under its final name with publish: direct', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server, { publish: 'direct' });
    expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
    expect(server.files.get(path)!.equals(bytes)).toBe(true);
    expect(server.requests.find((r) => r.type === 'open')).toMatchObject({ path, flags: 0x2a });
    expect(server.requests.some((r) => r.type === 'rename')).toBe(false);
  });

  test('that is already there whole is not sent again; another file of that name is not overwritten', async () => {
    const server = await startScriptedServer();
    server.files.set(path, Buffer.from(bytes));
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('already-there');
    server.files.set(path, Buffer.from('other'));
    expect(await failure(remote.sidecar(name, bytes).publish())).toMatchObject({ code: 'remote-exists' });
    expect(server.files.get(path)!.toString()).toBe('other');
  });

  test.each(['rename', 'direct'] as const)(
    'is delivered although an interrupted run left a partial (publish: %s)',
    async (publish) => {
      const server = await startScriptedServer();
      server.files.set(`/in/.${name}.partial`, Buffer.from('half'));
      const { remote } = await connectTo(server, { publish });
      expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
      expect(server.files.get(path)!.equals(bytes)).toBe(true);
    },
  );

  test('removes the partial of a run with publish: rename, even if publish is direct now', async () => {
    const server = await startScriptedServer();
    server.files.set(`/in/.${name}.partial`, Buffer.from('half'));
    const { remote } = await connectTo(server, { publish: 'direct' });
    expect(await remote.sidecar(name, bytes, 'partial').publish()).toBe('delivered');
    expect([...server.files.keys()]).toEqual([path]);
  });

  test.each(['open', 'write', 'close', 'rename'] as const)(
    'arrives although the connection drops at the %s, done or not, if need be in the next run',
    async (type) => {
      for (const publish of ['rename', 'direct'] as const) {
        for (const done of [true, false]) {
          const server = await startScriptedServer({
            script: (r) => (r.type === type && r.nth === 1 ? { do: done, then: 'drop' } : undefined),
          });
          const { remote } = await connectTo(server, { publish });
          const unseen = publish === 'direct' && (type === 'open' || type === 'write');
          if (unseen) {
            // The server shows no whole file. If it names files at their close, or has one for each handle, the first could still appear, over the second.
            expect(await failure(remote.sidecar(name, bytes).publish())).toMatchObject({ code: 'connection-lost' });
            expect(server.requests.filter((r) => r.type === 'open' && (r.flags & 8) !== 0)).toHaveLength(1);
          }
          expect(await remote.sidecar(name, bytes, unseen ? 'file' : 'none').publish()).toBe('delivered');
          expect([...server.files.keys()]).toEqual([path]);
          expect(server.files.get(path)!.equals(bytes)).toBe(true);
        }
      }
    },
  );

  test('with publish: direct, a name whose connection was lost is not written to again by the same run', async () => {
    const server = await startScriptedServer({
      nameAtClose: 'placeholder',
      script: (r) => (r.type === 'write' && r.nth === 1 ? { then: 'drop' } : undefined),
    });
    const { remote } = await connectTo(server, { publish: 'direct' });
    expect(await failure(remote.sidecar(name, bytes).publish())).toMatchObject({ code: 'connection-lost' });
    expect(server.noticeLost()).toBe(1);
    expect(await remote.sidecar(name, bytes, 'file').publish()).toBe('delivered');
    expect(server.files.get(path)!.equals(bytes)).toBe(true);
  });

  test.each([3, 4])(
    'with publish: direct, what an earlier run began is replaced, even if opening it again is refused with %i',
    async (code) => {
      const server = await startScriptedServer({
        script: (r) => (r.type === 'open' && server.files.has(r.path) ? { status: code } : undefined),
      });
      server.files.set(path, Buffer.from('half'));
      const { remote } = await connectTo(server, { publish: 'direct' });
      expect(await remote.sidecar(name, bytes, 'file').publish()).toBe('delivered');
      expect(server.files.get(path)!.equals(bytes)).toBe(true);
    },
  );

  test('with publish: direct, a create that is refused is an error, not unconfirmed', async () => {
    const server = await startScriptedServer({ script: (r) => (r.type === 'open' ? { status: 4 } : undefined) });
    const { remote } = await connectTo(server, { publish: 'direct' });
    expect(await failure(remote.sidecar(name, bytes, 'file').publish())).toMatchObject({ code: 'remote-refused' });
  });

  test.each([3, 4])(
    'gets another partial name if the old partial cannot be removed, and its create is refused with %i',
    async (code) => {
      const server = await startScriptedServer({
        script: (r) =>
          r.type === 'remove' || (r.type === 'open' && server.files.has(r.path)) ? { status: code } : undefined,
      });
      server.files.set(`/in/.${name}.partial`, Buffer.from('half'));
      const { remote } = await connectTo(server);
      expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
      expect(server.files.get(path)!.equals(bytes)).toBe(true);
    },
  );

  test('is unconfirmed if the answer to the rename is lost, looking is denied, and a second rename is refused', async () => {
    const hidden = (r: { type: string; nth: number }): object | undefined => {
      if (r.type === 'stat' || r.type === 'lstat') return { status: 3 };
      return r.type !== 'rename' ? undefined : r.nth === 1 ? { do: true, then: 'drop' } : { status: 4 };
    };
    const server = await startScriptedServer({ script: hidden });
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('unconfirmed');
    // The same if an earlier run did not get the answer.
    expect(await remote.sidecar(name, bytes, 'file').publish()).toBe('unconfirmed');
    expect(server.files.get(path)!.equals(bytes)).toBe(true);
    // If the first rename is refused, it was not done.
    server.files.clear();
    expect(await failure(remote.sidecar(name, bytes).publish())).toMatchObject({ code: 'remote-refused' });
  });

  test('that is collected at the rename is delivered', async () => {
    const server = await startScriptedServer({ collect: 'rename' });
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
    expect(server.collected.get(path)!.equals(bytes)).toBe(true);
  });

  test.each(['rename', 'direct'] as const)('leaves no file behind on a full server (publish: %s)', async (publish) => {
    const server = await startScriptedServer({ quota: 10 });
    const { remote } = await connectTo(server, { publish });
    expect(await failure(remote.sidecar(name, bytes).publish())).toMatchObject({ code: 'remote-refused' });
    expect(server.files.size).toBe(0);
  });
});
