import { describe, expect, test } from 'vitest';
import { markReceiptBytes } from '../../src/outbound.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { connectTo, content, failure } from './support.js';

const name = 'x_1.receipt.json';
const path = `/in/${name}`;
const bytes = markReceiptBytes(new Uint8Array(content(50_000)));

describe('sidecars', () => {
  test('a partial name first, then the rename', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
    expect(server.files.get(path)!.equals(bytes)).toBe(true);
    expect(server.requests.find((r) => r.type === 'open')).toMatchObject({ path: `/in/.${name}.partial`, flags: 0x2a });
  });

  test('two attempts are lost: three names, and the one that nobody would know is told', async () => {
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

  test('publish: direct creates the name itself, exclusively', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server, { publish: 'direct' });
    expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
    expect(server.files.get(path)!.equals(bytes)).toBe(true);
    expect(server.requests.some((r) => r.type === 'rename')).toBe(false);
  });

  test('there already, whole: an earlier run did not hear the answer', async () => {
    const server = await startScriptedServer();
    server.files.set(path, Buffer.from(bytes));
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('already-there');
    server.files.set(path, Buffer.from('other'));
    expect(await failure(remote.sidecar(name, bytes).publish())).toMatchObject({ code: 'remote-exists' });
    expect(server.files.get(path)!.toString()).toBe('other');
  });

  test.each(['rename', 'direct'] as const)(
    'what an interrupted run left does not stop it (publish: %s)',
    async (publish) => {
      const server = await startScriptedServer();
      server.files.set(`/in/.${name}.partial`, Buffer.from('half'));
      const { remote } = await connectTo(server, { publish });
      expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
      expect(server.files.get(path)!.equals(bytes)).toBe(true);
    },
  );

  test('what a run with publish: rename began goes away, when the config says direct since', async () => {
    const server = await startScriptedServer();
    server.files.set(`/in/.${name}.partial`, Buffer.from('half'));
    const { remote } = await connectTo(server, { publish: 'direct' });
    expect(await remote.sidecar(name, bytes, 'partial').publish()).toBe('delivered');
    expect([...server.files.keys()]).toEqual([path]);
  });

  test.each(['open', 'write', 'close', 'rename'] as const)(
    'the connection drops at the %s, done or not',
    async (type) => {
      for (const publish of ['rename', 'direct'] as const) {
        for (const done of [true, false]) {
          const server = await startScriptedServer({
            script: (r) => (r.type === type && r.nth === 1 ? { do: done, then: 'drop' } : undefined),
          });
          const { remote } = await connectTo(server, { publish });
          const unseen = publish === 'direct' && (type === 'open' || type === 'write');
          if (unseen) {
            // It does not show whole: at a server that names files at their close, or has one for each handle, the first could come later, over the second.
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

  test('publish: direct, and each handle has a file of its own: the name is not written to a second time by this run', async () => {
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
    'publish: direct, what an earlier run began, at a server that says %i of what exists and opens no file twice: made anew',
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

  test('publish: direct, what an earlier run began is gone, and the create is refused: refused, not unconfirmed', async () => {
    const server = await startScriptedServer({ script: (r) => (r.type === 'open' ? { status: 4 } : undefined) });
    const { remote } = await connectTo(server, { publish: 'direct' });
    expect(await failure(remote.sidecar(name, bytes, 'file').publish())).toMatchObject({ code: 'remote-refused' });
  });

  test.each([3, 4])(
    'a partial that cannot be removed, and whose create is answered with %i, has another name',
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

  test('the answer to the rename is lost, nothing can be seen, and the second one is refused: not known, and not refused', async () => {
    const hidden = (r: { type: string; nth: number }): object | undefined => {
      if (r.type === 'stat' || r.type === 'lstat') return { status: 3 };
      return r.type !== 'rename' ? undefined : r.nth === 1 ? { do: true, then: 'drop' } : { status: 4 };
    };
    const server = await startScriptedServer({ script: hidden });
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('unconfirmed');
    // The same when it was an earlier run that did not hear the answer.
    expect(await remote.sidecar(name, bytes, 'file').publish()).toBe('unconfirmed');
    expect(server.files.get(path)!.equals(bytes)).toBe(true);
    // A refusal of the first is one.
    server.files.clear();
    expect(await failure(remote.sidecar(name, bytes).publish())).toMatchObject({ code: 'remote-refused' });
  });

  test('collected at the rename', async () => {
    const server = await startScriptedServer({ collect: 'rename' });
    const { remote } = await connectTo(server);
    expect(await remote.sidecar(name, bytes).publish()).toBe('delivered');
    expect(server.collected.get(path)!.equals(bytes)).toBe(true);
  });

  test.each(['rename', 'direct'] as const)(
    'a full server: nothing is left that looks whole (publish: %s)',
    async (publish) => {
      const server = await startScriptedServer({ quota: 10 });
      const { remote } = await connectTo(server, { publish });
      expect(await failure(remote.sidecar(name, bytes).publish())).toMatchObject({ code: 'remote-refused' });
      expect(server.files.size).toBe(0);
    },
  );
});
