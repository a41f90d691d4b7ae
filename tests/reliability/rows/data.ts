/** While the suitcase is on its way: the link and the server. */
import { type Action, type Request, startScriptedServer } from '../../support/scripted-server.js';
import { eventually } from '../../support/process.js';
import { cleanStart, deposited, nothing } from '../outcomes.js';
import type { Row } from '../row.js';
import { denied, each, isPartial, nth, ofSuitcase, type Scene, whenWriting, writes } from '../scene.js';

const partialOf = (scene: Scene): string => [...scene.server.files.keys()].find(isPartial)!;
const idOf = (r: { id: number }): Buffer => {
  const id = Buffer.alloc(4);
  id.writeUInt32BE(r.id);
  return id;
};

function said(first: { run: Record<string, unknown> | undefined }, key: 'reconnects' | 'lanes'): number {
  return Number(first.run?.[key]);
}

/** Lets the server notice the lost connection, so that it closes the file that was left open. */
const noticesLost = (scene: Scene): void => {
  const late = scene.server.noticeLost();
  if (late !== 1) throw new Error(`${late} files were left open`);
};

/** A server that appends what it is sent, whatever the offset. */
const append =
  (scene: Scene) =>
  (r: Request): Action | undefined => {
    const file = scene.server.files.get(r.path);
    if (!writes(r) || file === undefined) return undefined;
    scene.server.files.set(r.path, Buffer.concat([file, r.data]));
    return { do: false, status: 0 };
  };

/** Refuses what this connection writes to a file that it did not create. */
function refusesFirstOf(connection: number): (r: Request) => Action | undefined {
  const created = new Set<string>();
  return (r) => {
    if (r.type === 'open' && (r.flags & 8) !== 0 && r.connection === connection) created.add(r.path);
    return writes(r) && r.connection === connection && !created.has(r.path) ? { status: 4 } : undefined;
  };
}

export const rows: Row[] = [
  {
    name: 'the link drops',
    fault: 'The link drops on the way',
    provoked: 'dropped at the 20th write',
    arrange: whenWriting(20, (scene) => scene.server.drop()),
    ...deposited,
    check(scene, first) {
      if (said(first, 'reconnects') !== 1) throw new Error('it did not reconnect once');
      const opened = scene.server.requests.filter((r) => r.type === 'open' && isPartial(r.path)).map((r) => r.flags);
      if ((opened[1] & 0x38) !== 0) throw new Error('the partial was created again');
    },
  },
  {
    name: 'the link stalls without a reset',
    fault: 'The link goes silent',
    provoked: 'the server stops reading',
    supplier: { remote: { retryFor: '2s' } },
    bytes: 8_000_000,
    arrange: whenWriting(20, (scene) => scene.server.stall()),
    ...deposited,
    check: (_, first) => {
      if (said(first, 'reconnects') !== 1) throw new Error('it did not reconnect once');
    },
  },
  {
    name: 'no write is ever acknowledged',
    fault: 'The server lets us connect and open, and acknowledges no write',
    provoked: 'no answer to any write',
    supplier: { remote: { retryFor: '2s' } },
    arrange: (scene) => scene.script(each(writes, { answer: 'never' })),
    exit: 16,
    ...nothing,
    says: /acknowledged nothing for \d+ s: no answer to a write/,
    next: cleanStart,
    check: (scene) => {
      if (scene.server.connections < 2) throw new Error('it did not try again');
    },
  },
  {
    name: 'writes are answered with a truncated status',
    fault: 'Answers that make no sense, again and again',
    provoked: 'every write gets a STATUS with only an id',
    supplier: { remote: { retryFor: '2s' } },
    arrange: (scene) =>
      scene.script(each(writes, (r) => ({ answer: Buffer.concat([Buffer.from([0, 0, 0, 5, 101]), idOf(r)]) }))),
    exit: 16,
    ...nothing,
    says: /make no sense: it sent a STATUS without a status code/,
    next: cleanStart,
  },
  {
    name: 'one write is answered with a truncated status',
    fault: 'The same, once',
    provoked: 'the 20th write gets a STATUS with only an id',
    arrange: (scene) =>
      scene.script(nth(20, writes, (r) => ({ answer: Buffer.concat([Buffer.from([0, 0, 0, 5, 101]), idOf(r)]) }))),
    ...deposited,
  },
  {
    name: 'the server is restarted',
    fault: 'The server restarts on the way',
    provoked: 'stopped at the 20th write, started when a connection was refused',
    arrange: whenWriting(20, (scene) => void scene.server.stop()),
    push: { whenTrying: (scene) => scene.server.start() },
    ...deposited,
  },
  {
    name: 'the link drops and does not come back',
    fault: 'The link drops for longer than `retryFor`',
    provoked: 'the server is stopped',
    supplier: { remote: { retryFor: '1s' } },
    arrange: whenWriting(20, (scene) => scene.vanish()),
    exit: 16,
    published: 'no',
    left: 'partial',
    says: /may remain at .*; the next push removes it[^]*was lost at [\d:]+.* did not come back within 1 s: it refused/,
    next: {
      does: 'removes the partial, deposits',
      says: /was not deposited; nothing of it is left at the agent/,
      left: 'deposit',
    },
  },
  {
    name: 'the link drops again and again',
    fault: 'The link drops every few hundred KiB',
    provoked: 'dropped at every 12th write',
    supplier: { remote: { retryFor: '20s' } },
    bytes: 3_000_000,
    arrange(scene) {
      let n = 0;
      scene.script(
        each(writes, () => {
          if (++n % 12 === 0 && n < 100) scene.server.drop();
          return undefined;
        }),
      );
    },
    ...deposited,
    check: (_, first) => {
      if (said(first, 'reconnects') < 3) throw new Error('it hardly ever dropped');
    },
  },
  {
    name: 'the partial is gone after the reconnect',
    fault: 'The partial vanishes while the link is down',
    provoked: 'removed and dropped at the 20th write',
    arrange: whenWriting(20, (scene) => {
      scene.server.files.delete(partialOf(scene));
      scene.server.drop();
    }),
    ...deposited,
    says: /is gone from the server; starting over under a new id/,
  },
  {
    name: 'the partial is shorter after the reconnect',
    fault: 'The server lost what it had acknowledged (it rebooted)',
    provoked: 'cut and dropped at the 20th write',
    // The 20th is sent when 16 were acknowledged.
    supplier: { remote: { window: 4 } },
    arrange: (scene) => {
      let lost = false;
      scene.script(
        each(
          (r) => writes(r) && r.connection === 1,
          (r) => {
            if (!lost && r.nth < 20) return undefined;
            if (!lost) scene.server.files.set(r.path, Buffer.from(scene.server.files.get(r.path)!.subarray(0, 1000)));
            lost = true;
            return { do: false, then: 'drop' };
          },
        ),
      );
    },
    ...deposited,
    says: /holds 1000 of \d+ acknowledged bytes; starting over under a new id/,
  },
  {
    name: 'the partial is gone, and a source cannot be read twice',
    fault: 'The same, with a source that cannot be read twice',
    provoked: 'a `stdin` source',
    supplier: { dataset: [{ stdin: true, as: 'dump' }] },
    arrange: whenWriting(20, (scene) => {
      scene.server.files.delete(partialOf(scene));
      scene.server.drop();
    }),
    push: { options: { input: Buffer.alloc(1_500_000, 7) } },
    exit: 16,
    ...nothing,
    next: { ...cleanStart, push: { options: { input: Buffer.alloc(1_500_000, 7) } } },
  },
  {
    name: 'another server answers after the reconnect',
    fault: 'The host key is another one after the reconnect',
    provoked: 'another server takes the port over',
    supplier: { remote: { retryFor: '3s' } },
    async act(scene) {
      whenWriting(20, (s) => s.vanish())(scene);
      const pushing = scene.push();
      await eventually(() => scene.stopped);
      const other = await startScriptedServer({ port: scene.server.port });
      const pushed = await pushing;
      await other.stop();
      if (other.requests.length > 0) throw new Error('something was sent to it');
      return pushed;
    },
    exit: 13,
    code: 'host-key-changed',
    published: 'no',
    left: 'partial',
    next: { does: 'removes the partial, deposits', left: 'deposit' },
  },
  {
    name: 'the quota is used up',
    fault: 'The quota is reached on the way; the server gives no reason',
    provoked: 'writes beyond 1 MB fail',
    server: { quota: 1_000_000 },
    exit: 15,
    code: 'remote-refused',
    ...nothing,
    says: /did not say why/,
    next: cleanStart,
  },
  {
    name: "the server's disk is full",
    fault: "The agent's disk is full and `statvfs` says so",
    provoked: 'writes beyond 1 MB fail, no space',
    server: { quota: 1_000_000, freeBytes: () => 0 },
    exit: 15,
    code: 'remote-no-space',
    ...nothing,
    says: /ask the agent for space/,
    next: cleanStart,
  },
  {
    name: 'a write fails once',
    fault: 'One write fails without a reason',
    provoked: 'the 20th write answers FAILURE',
    arrange: (scene) => scene.script(nth(20, writes, { status: 4 })),
    ...deposited,
  },
  {
    name: 'writing is denied half way',
    fault: 'Permission is withdrawn half way',
    provoked: 'the 20th write is denied',
    arrange: (scene) => scene.script(nth(20, writes, denied)),
    exit: 15,
    code: 'remote-permission',
    ...nothing,
    next: cleanStart,
  },
  {
    name: 'the agent removes the file while it is written',
    fault: 'The agent removes files while they are written',
    provoked: 'the 20th write answers NO_SUCH_FILE',
    arrange: (scene) => scene.script(nth(20, writes, { status: 2 })),
    exit: 15,
    code: 'remote-refused',
    ...nothing,
    says: /its file is gone/,
    next: cleanStart,
  },
  {
    name: 'answers come in any order',
    fault: 'The server answers out of order',
    provoked: 'answers of a turn reversed',
    server: { reorder: true, software: 'OpenSSH_9.2' },
    ...deposited,
  },
  {
    name: 'answers come under wrong ids',
    fault: 'An answer comes under the id of another request',
    provoked: 'at the 20th write',
    supplier: { remote: { retryFor: '2s' } },
    arrange: (scene) => scene.script(nth(20, writes, { answer: 'wrong-id' })),
    ...deposited,
  },
  {
    name: 'a second channel is refused',
    fault: 'The server allows one channel (`MaxSessions 1`)',
    provoked: 'scripted, `lanes: 4`',
    server: { maxChannels: 1, software: 'OpenSSH_9.2' },
    supplier: { remote: { lanes: 4 } },
    ...deposited,
    check: (_, first) => {
      if (said(first, 'lanes') !== 1) throw new Error(`${said(first, 'lanes')} lanes`);
    },
  },
  {
    name: 'a lane dies',
    fault: 'One channel of several dies',
    provoked: 'the second channel closes at its 5th write',
    server: { software: 'OpenSSH_9.2' },
    supplier: { remote: { lanes: 4 } },
    bytes: 6_000_000,
    arrange: (scene) => scene.script(nth(5, (r) => writes(r) && r.channel === 2, { then: 'close-channel' })),
    ...deposited,
  },
  {
    name: 'the partial is gone, and there is no room for another',
    fault: 'The partial vanishes and the quota does not allow another',
    provoked: 'removed and dropped at the 20th write, then creates fail',
    arrange(scene) {
      scene.script(
        nth(20, writes, () => {
          scene.server.files.delete(partialOf(scene));
          scene.server.drop();
          return undefined;
        }),
        nth(2, (r) => r.type === 'open' && ofSuitcase(r) && (r.flags & 8) !== 0, { status: 15 }),
      );
    },
    exit: 15,
    ...nothing,
    next: cleanStart,
  },
  {
    name: 'the link drops, and the server names files at their close',
    fault: 'The link drops; the server names files only at their close, and notices the loss after the push',
    provoked: 'scripted, dropped at the 20th write',
    server: { nameAtClose: true },
    arrange: (scene) => scene.script(nth(20, writes, { then: 'drop' })),
    ...deposited,
    says: /starting over under a new id/,
    relieve: noticesLost,
    next: {
      does: 'removes the partial that has appeared, deposits',
      says: /has since appeared at .*, and was removed: it was not a deposit/,
      left: '2 × deposit',
    },
  },
  {
    name: 'the answer to the create is lost, and the server names files at their close',
    fault: 'The link drops while the partial is created; the server names files only at their close',
    provoked: 'created and dropped',
    server: { nameAtClose: true },
    arrange: (scene) => scene.script(nth(1, (r) => r.type === 'open' && isPartial(r.path), { do: true, then: 'drop' })),
    ...deposited,
    relieve: noticesLost,
    next: { does: 'removes the partial that has appeared, deposits', says: /has since appeared/, left: '2 × deposit' },
  },
  {
    name: 'the link drops, and the server appends',
    fault: 'The link drops; the server appends whatever it is sent',
    provoked: 'scripted; the 20th write is done and not answered',
    arrange: (scene) =>
      scene.script(
        nth(20, writes, (r) => {
          append(scene)(r);
          return { do: false, then: 'drop' };
        }),
        append(scene),
      ),
    ...deposited,
    says: /appends to .* whatever the offset.*; starting over under a new id/s,
    relieve: (scene) => scene.script(append(scene)),
    next: { does: 'deposits', left: '2 × deposit' },
  },
  {
    name: 'a write fails once at a server that appends',
    fault: 'One write fails without a reason; the server appends whatever it is sent',
    provoked: 'the 20th write answers FAILURE',
    arrange: (scene) => scene.script(nth(20, writes, { status: 4 }), append(scene)),
    exit: 15,
    code: 'remote-refused',
    published: 'no',
    left: 'nothing',
    relieve: (scene) => scene.script(append(scene)),
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'the link drops, and the server takes nothing more into the file',
    fault: 'The link drops; the server opens the partial again and refuses every write to it',
    provoked: 'the writes of the second connection answer FAILURE',
    arrange: (scene) => scene.script(nth(20, writes, { then: 'drop' }), refusesFirstOf(2)),
    ...deposited,
    says: /accepts nothing more into .* after it was opened again; starting over under a new id/,
    next: { does: 'deposits', left: '2 × deposit' },
  },
];
