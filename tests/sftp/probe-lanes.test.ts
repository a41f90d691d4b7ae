/** What the write test says about lanes where it cannot read back what it wrote. */
import { expect, test } from 'vitest';
import { testWrites } from '../../src/sftp/probe.js';
import { type Action, type Request, type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { connectTo } from './support.js';

const noRead = (r: Request): Action | undefined =>
  r.type === 'open' && (r.flags & 1) !== 0 ? { status: 3 } : undefined;

/** Servers that let no file be read: what each does with a write, and what the write test says about lanes. */
const unread: [string, (server: ScriptedServer) => (r: Request) => Action | undefined, string][] = [
  ['writes at the offset', () => () => undefined, 'null'],
  [
    'appends',
    (server) => (r) => {
      if (r.type !== 'write') return undefined;
      server.files.set(r.path, Buffer.concat([server.files.get(r.path)!, r.data]));
      return { status: 0 };
    },
    'unsafe',
  ],
  [
    'appends what would overwrite',
    (server) => (r) => {
      const file = server.files.get(r.path);
      if (r.type !== 'write' || file === undefined || r.offset >= file.length) return undefined;
      server.files.set(r.path, Buffer.concat([file, r.data]));
      return { status: 0 };
    },
    'unsafe',
  ],
  [
    'writes where its channel last ended',
    (server) => {
      const at = new Map<string, number>();
      return (r) => {
        if (r.type !== 'write') return undefined;
        const key = `${r.path} ${r.channel}`;
        const from = at.get(key) ?? 0;
        at.set(key, from + r.data.length);
        const file = server.files.get(r.path)!;
        server.files.set(
          r.path,
          Buffer.concat([
            file.subarray(0, from),
            Buffer.alloc(Math.max(0, from - file.length)),
            r.data,
            file.subarray(from + r.data.length),
          ]),
        );
        return { status: 0 };
      };
    },
    'unsafe',
  ],
  [
    'truncates the file after the write',
    (server) => (r) => {
      if (r.type !== 'write') return undefined;
      server.files.set(
        r.path,
        Buffer.concat([
          server.files.get(r.path)!.subarray(0, r.offset),
          Buffer.alloc(Math.max(0, r.offset - server.files.get(r.path)!.length)),
          r.data,
        ]),
      );
      return { status: 0 };
    },
    'unsafe',
  ],
  [
    'writes at the offset, and shows sizes by name only',
    () => (r) => (r.type === 'fstat' ? { status: 8 } : undefined),
    'null',
  ],
  [
    'keeps whole blocks of each handle until its close',
    (server) => {
      const size = 128 * 1024;
      /** By channel and handle, then by the block's offset. */
      const held = new Map<string, Map<number, Buffer>>();
      return (r) => {
        const key = (handle: string): string => `${r.channel} ${handle}`;
        const file = server.files.get(r.path);
        if (r.type === 'write' && file !== undefined) {
          const end = r.offset + r.data.length;
          const grown = Buffer.concat([file, Buffer.alloc(Math.max(0, end - file.length))]);
          const blocks = held.get(key(r.handle)) ?? new Map<number, Buffer>();
          for (let at = r.offset - (r.offset % size); at < end; at += size) {
            const block = blocks.get(at) ?? Buffer.concat([grown.subarray(at, at + size), Buffer.alloc(size)], size);
            r.data.copy(block, Math.max(0, r.offset - at), Math.max(0, at - r.offset));
            blocks.set(at, block);
          }
          held.set(key(r.handle), blocks);
          server.files.set(r.path, grown);
          return { status: 0 };
        }
        if (r.type === 'close' && file !== undefined) {
          for (const [at, block] of held.get(key(r.target)) ?? []) block.copy(file, at);
          held.delete(key(r.target));
        }
        return undefined;
      };
    },
    'null',
  ],
];
test.each(unread)(
  'where nothing can be read back, sizes can show lanes to be unsafe, and never to be safe: a server that %s',
  async (_, behaviour, lanes) => {
    const server = await startScriptedServer();
    const does = behaviour(server);
    server.script = (r) => noRead(r) ?? does(r);
    const { remote } = await connectTo(server);
    const result = await testWrites(remote);
    expect(String(result.lanes), JSON.stringify(result.findings)).toBe(lanes);
    expect(JSON.stringify(result.findings)).not.toContain('as they were sent');
    expect(server.files.size).toBe(0);
  },
);

test('what keeps whole blocks of each handle makes one wrong file of two lanes, which only reading shows', async () => {
  const server = await startScriptedServer();
  server.script = unread.at(-1)![1](server);
  const { remote } = await connectTo(server);
  expect((await testWrites(remote)).lanes).toBe('unsafe');
});
