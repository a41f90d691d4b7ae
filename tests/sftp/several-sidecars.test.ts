/** Sidecars that are written side by side and published one after the other, as a push does it. */
import { describe, expect, test } from 'vitest';
import { markReceiptBytes, type ReceiptBytes } from '../../src/outbound.js';
import type { Remote } from '../../src/sftp/remote.js';
import type { Delivery } from '../../src/sftp/sidecar.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { connectTo, content, failure } from './support.js';

interface Sidecar {
  name: string;
  bytes: ReceiptBytes;
}

/** A server that is known to take several files at a time. */
const openssh = { software: 'OpenSSH_9.9' };
const ofSizes = (...sizes: number[]): Sidecar[] =>
  ['x_1.cover.md', 'x_1.receipt.json.asc', 'x_1.receipt.json'].map((name, i) => ({
    name,
    bytes: markReceiptBytes(new Uint8Array(content(sizes[i]))),
  }));
/** The second takes two writes. */
const sidecars = ofSizes(900, 40_000, 3000);
const paths = sidecars.map(({ name }) => `/in/${name}`);

async function deliver(remote: Remote, these = sidecars): Promise<Delivery[]> {
  const begun = these.map(({ name, bytes }) => remote.sidecar(name, bytes));
  const deliveries: Delivery[] = [];
  try {
    await Promise.all(begun.map((sidecar) => sidecar.begin()));
    for (const sidecar of begun) deliveries.push(await sidecar.publish());
  } catch (error) {
    await Promise.all(begun.map((sidecar) => sidecar.discard()));
    throw error;
  }
  return deliveries;
}

function expectWhole(files: Map<string, Buffer>): void {
  expect([...files.keys()]).toEqual(paths);
  for (const { name, bytes } of sidecars) expect(files.get(`/in/${name}`)!.equals(bytes)).toBe(true);
}

describe('several sidecars', () => {
  test('three take seven round trips, with the renames one after the other', async () => {
    const server = await startScriptedServer(openssh);
    const { remote } = await connectTo(server);
    // Each round of answers waits for this many requests: fewer at a time would never be answered, and more would show in `rounds`.
    const sizes = [3, 3, 3, 9, 2, 2, 2];
    const rounds: string[][] = [[]];
    let release: () => void = () => undefined;
    let answers = new Promise<void>((resolve) => (release = resolve));
    server.script = (r) => {
      const wait = answers;
      if (rounds.at(-1)!.push(r.type) === sizes[rounds.length - 1]) {
        const go = release;
        answers = new Promise((resolve) => (release = resolve));
        setTimeout(() => {
          rounds.push([]);
          go();
        }, 30);
      }
      return { wait };
    };
    const small = ofSizes(900, 800, 3000);
    expect(await deliver(remote, small)).toEqual(['delivered', 'delivered', 'delivered']);
    expect(rounds.map((types) => types.sort().join(' '))).toEqual([
      'stat stat stat',
      'open open open',
      'write write write',
      'close close close stat stat stat stat stat stat',
      'rename stat',
      'rename stat',
      'rename stat',
      '',
    ]);
    expect(server.requests.filter((r) => r.type === 'rename').map((r) => r.target)).toEqual(paths);
    for (const { name, bytes } of small) expect(server.files.get(`/in/${name}`)!.equals(bytes)).toBe(true);
  });

  test('are delivered one by one to a server that is not known to take several files at a time', async () => {
    const server = await startScriptedServer({ software: 'Unknown_1' });
    const { remote } = await connectTo(server);
    expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'delivered']);
    expectWhole(server.files);
    const order = server.requests.map((r) => r.type).filter((type) => type === 'open' || type === 'rename');
    expect(order).toEqual(['open', 'rename', 'open', 'rename', 'open', 'rename']);
  });

  test.each(['open', 'write', 'close', 'stat', 'rename'] as const)(
    'all arrive if the connection drops at any %s, done or not',
    async (type) => {
      await Promise.all(
        [1, 2, 3].flatMap((at) =>
          [true, false].map(async (done) => {
            const server = await startScriptedServer({
              ...openssh,
              script: (r) => (r.type === type && r.nth === at ? { do: done, then: 'drop' } : undefined),
            });
            const { remote } = await connectTo(server);
            expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'delivered']);
            expectWhole(server.files);
          }),
        ),
      );
    },
  );

  test('are written again if the server lost them when the connection dropped', async () => {
    const server = await startScriptedServer(openssh);
    server.script = (r) => {
      if (r.type !== 'rename' || r.nth !== 1) return undefined;
      for (const path of server.files.keys())
        if (path.endsWith('.partial') && path !== r.path) server.files.delete(path);
      return { do: true, then: 'drop' };
    };
    const { remote } = await connectTo(server);
    expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'delivered']);
    expectWhole(server.files);
  });

  test("do not overwrite a file that took a name meanwhile, even if the server's rename would", async () => {
    const server = await startScriptedServer({ ...openssh, renameOverwrites: true });
    server.script = (r) => {
      if (r.type === 'close' && r.path.endsWith('.json.partial')) server.files.set(paths[2], Buffer.from('other'));
      return undefined;
    };
    const { remote } = await connectTo(server);
    expect(await failure(deliver(remote))).toMatchObject({ code: 'remote-exists' });
    expect([...server.files.keys()].sort()).toEqual(paths.toSorted());
    expect(server.files.get(paths[2])!.toString()).toBe('other');
  });

  test('if one is refused, those before it are delivered, and those after it are removed', async () => {
    const server = await startScriptedServer({
      ...openssh,
      script: (r) => (r.type === 'write' && r.path.includes('.asc') ? { status: 4 } : undefined),
    });
    const { remote } = await connectTo(server);
    expect(await failure(deliver(remote))).toMatchObject({
      code: 'remote-refused',
      message: expect.stringContaining('write /in/.x_1.receipt.json.asc.partial') as string,
    });
    expect([...server.files.keys()]).toEqual([paths[0]]);
  });

  test.each(['open', 'write', 'close'] as const)(
    'one whose %s is refused once while they are written together is written again when its turn comes',
    async (type) => {
      let refused = false;
      const server = await startScriptedServer({
        ...openssh,
        script: (r) => {
          if (r.type !== type || refused) return undefined;
          refused = true;
          return { status: 4 };
        },
      });
      const { remote } = await connectTo(server);
      expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'delivered']);
      expectWhole(server.files);
    },
  );

  test('are delivered to a server that allows one open file at a time', async () => {
    let open = 0;
    const server = await startScriptedServer({
      ...openssh,
      script: (r) => {
        if (r.type === 'open' && open > 0) return { status: 4 };
        if (r.type === 'open') open++;
        if (r.type === 'close') open--;
        return undefined;
      },
    });
    const { remote } = await connectTo(server);
    expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'delivered']);
    expectWhole(server.files);
  });

  test('with window: 1, no request is sent before a close is answered', async () => {
    const server = await startScriptedServer(openssh);
    const { remote } = await connectTo(server, { window: 1 });
    let closing = false;
    const beside: string[] = [];
    server.script = ({ type }) => {
      if (closing) beside.push(type);
      if (type !== 'close') return undefined;
      closing = true;
      const wait = new Promise<void>((answer) =>
        setTimeout(() => {
          closing = false;
          answer();
        }, 30),
      );
      return { wait };
    };
    expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'delivered']);
    expectWhole(server.files);
    expect(beside).toEqual([]);
  });

  test('if one is refused after a reconnect, the partials of those after it are removed', async () => {
    const server = await startScriptedServer({
      ...openssh,
      script: (r) => (r.type !== 'rename' ? undefined : r.nth === 1 ? { do: false, then: 'drop' } : { status: 3 }),
    });
    const { remote } = await connectTo(server);
    expect(await failure(deliver(remote))).toMatchObject({ code: 'remote-permission' });
    expect([...server.files.keys()]).toEqual(['/in/.x_1.cover.md.partial']);
  });

  test('one whose partial is not whole is not published', async () => {
    const server = await startScriptedServer(openssh);
    server.script = (r) => {
      if (r.type === 'close' && r.path === '/in/.x_1.receipt.json.partial')
        server.files.set(r.path, Buffer.from('half'));
      return undefined;
    };
    const { remote } = await connectTo(server);
    expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'unconfirmed']);
    expect(server.files.has(paths[2])).toBe(false);
  });

  test('are delivered although an interrupted run left partials', async () => {
    const server = await startScriptedServer(openssh);
    for (const { name } of sidecars) server.files.set(`/in/.${name}.partial`, Buffer.from('half'));
    const { remote } = await connectTo(server);
    expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'delivered']);
    expectWhole(server.files);
  });

  test('an abort signal while they are written leaves none of them behind', async () => {
    const server = await startScriptedServer(openssh);
    const { remote, abort } = await connectTo(server);
    server.script = (r) => {
      if (r.type === 'write') abort.abort(new Error('enough'));
      return undefined;
    };
    expect((await failure(deliver(remote))).message).toBe('enough');
    expect([...server.files.keys()]).toEqual([]);
  });

  test.each([{ window: 1 }, { publish: 'direct' as const }])(
    'only one file is open at a time with %o',
    async (spec) => {
      const server = await startScriptedServer(openssh);
      let open = 0;
      let most = 0;
      server.script = (r) => {
        open += r.type === 'open' ? 1 : r.type === 'close' ? -1 : 0;
        most = Math.max(most, open);
        return undefined;
      };
      const { remote } = await connectTo(server, spec);
      expect(await deliver(remote)).toEqual(['delivered', 'delivered', 'delivered']);
      expect(most).toBe(1);
      expectWhole(server.files);
    },
  );

  test('bytes that are not marked as fit to leave are refused', async () => {
    const server = await startScriptedServer(openssh);
    const { remote } = await connectTo(server);
    expect(() => remote.sidecar('x', new Uint8Array(3) as never)).toThrow('not marked as fit to leave');
    expect(server.payloads).toEqual([]);
  });
});
