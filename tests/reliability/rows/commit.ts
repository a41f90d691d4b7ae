/** From the last write to the published name, and what the next run finds out about it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../support/process.js';
import { isClose, isRename } from '../names.js';
import { cleanStart, deposited, nothing } from '../outcomes.js';
import type { Row } from '../row.js';
import { denied, each, isPartial, looks, nth, type PushOptions, type Scene } from '../scene.js';
import { expectStory, id, remember } from '../story.js';

/** Options with which `signalled` can wait until the push got the signal. */
const atSignal = (signal: NodeJS.Signals): PushOptions => ({ at: signal, do: 'touch signalled' });
const signalled = (scene: Scene): Promise<unknown> =>
  eventually(() => existsSync(join(scene.supplier.directory, 'signalled')));

export const rows: Row[] = [
  {
    name: 'the size is wrong before the close',
    fault: 'The server shows another size than was written',
    provoked: 'one byte is cut off at the first fstat',
    arrange: (scene) =>
      scene.script(
        each(
          (r) => r.type === 'fstat' && isPartial(r.path),
          (r) => {
            const bytes = scene.server.files.get(r.path)!;
            scene.server.files.set(r.path, bytes.subarray(0, bytes.length - 1));
            return undefined;
          },
        ),
      ),
    exit: 15,
    code: 'remote-refused',
    ...nothing,
    says: /although it acknowledged every write/,
    next: cleanStart,
  },
  {
    name: 'flushing fails',
    fault: 'fsync fails: the server lost writes that it had acknowledged',
    provoked: 'FAILURE',
    arrange: (scene) =>
      scene.script(each((r) => r.type === 'fsync' && (scene.server.files.get(r.path)?.length ?? 0) > 0, { status: 4 })),
    exit: 15,
    code: 'remote-refused',
    ...nothing,
    next: cleanStart,
  },
  {
    name: 'the close fails',
    fault: 'The close fails (a quota that is charged late)',
    provoked: 'FAILURE',
    arrange: (scene) => scene.script(each(isClose, { status: 4, do: true })),
    exit: 15,
    code: 'remote-refused',
    ...nothing,
    next: cleanStart,
  },
  {
    name: 'the answer to the close is lost',
    fault: 'The link drops at the close',
    provoked: 'the server closes and drops',
    arrange: (scene) => scene.script(nth(1, isClose, { do: true, then: 'drop' })),
    ...deposited,
  },
  {
    name: 'the agent takes the partial at its close',
    fault: 'The agent collects files at their close, and `publish` is rename',
    provoked: 'moved away at the close',
    server: { collect: 'close' },
    exit: 18,
    published: 'unknown',
    left: 'partial',
    says: /set remote\.publish: direct/,
    then: remember,
    relieve(scene) {
      delete scene.server.options.collect;
      scene.server.collected.clear();
    },
    next: { does: 'leaves it unconfirmed, deposits', says: /remains unconfirmed/, left: 'deposit' },
    check: (scene) => expectStory(scene, id, { status: 'unconfirmed', superseded: 0 }),
  },
  {
    name: 'renaming is denied',
    fault: 'The server forbids RENAME',
    provoked: 'denied',
    arrange: (scene) => scene.script(each((r) => r.type === 'rename', denied)),
    exit: 15,
    code: 'remote-permission',
    ...nothing,
    says: /set remote\.publish: direct/,
    relieve(scene) {
      scene.script(each((r) => r.type === 'rename', denied));
      scene.supplier.writeConfig({ remote: { publish: 'direct' } });
    },
    next: { does: 'with `publish: direct` deposits', left: 'deposit' },
  },
  {
    name: 'the rename is done and refused, and nothing shows',
    fault: 'The server renames, answers FAILURE, and denies STAT',
    provoked: 'scripted',
    arrange: (scene) =>
      scene.script(
        each((r) => r.type === 'rename', { do: true, status: 4 }),
        each(looks, denied),
      ),
    exit: 18,
    published: 'unknown',
    left: 'suitcase',
    says: /the partial file is gone, or the server does not show it/,
    then: remember,
    next: {
      does: 'finds it, supersedes the receipt, delivers its sidecars, deposits',
      says: /is at the agent; its receipt now says so/,
      left: '2 × deposit',
    },
    check: (scene) => expectStory(scene, id, { status: 'acknowledged', superseded: 1 }),
  },
  {
    name: 'renaming and removing are denied',
    fault: 'The server forbids RENAME and REMOVE',
    provoked: 'denied',
    arrange: (scene) => scene.script(each((r) => r.type === 'rename' || r.type === 'remove', denied)),
    exit: 15,
    code: 'remote-permission',
    published: 'no',
    left: 'partial',
    says: /may remain at/,
    relieve(scene) {
      scene.script(each((r) => r.type === 'rename' || r.type === 'remove', denied));
      scene.supplier.writeConfig({ remote: { publish: 'direct' } });
    },
    next: {
      does: 'does not publish what was said not to be, deposits',
      says: /was not deposited; .* may remain at/,
      left: 'deposit, partial',
    },
  },
  {
    name: 'the answer to the rename is lost, and a look settles it',
    fault: 'The link drops at the rename',
    provoked: 'the server renames and drops',
    arrange: (scene) => scene.script(nth(1, isRename, { do: true, then: 'drop' })),
    ...deposited,
    check: (scene, first) =>
      expectStory(scene, first.depositId, { status: 'acknowledged', remoteSize: 'matched', superseded: 0 }),
  },
  {
    name: 'the rename did not happen',
    fault: 'The link drops before the rename is done',
    provoked: 'the server drops instead',
    arrange: (scene) => scene.script(nth(1, isRename, { do: false, then: 'drop' })),
    ...deposited,
  },
  {
    name: 'the rename is answered with OK, and not done',
    fault: 'The server answers RENAME with OK, and does nothing',
    provoked: 'scripted',
    arrange: (scene) => scene.script(each((r) => r.type === 'rename', { do: false, status: 0 })),
    exit: 18,
    published: 'unknown',
    left: 'partial',
    says: /still shows it under that name/,
    then: remember,
    next: {
      does: 'renames it, supersedes the receipt, deposits',
      says: /is at the agent; its receipt now says so/,
      left: '2 × deposit',
    },
    check: (scene) => expectStory(scene, id, { status: 'acknowledged', remoteSize: 'matched', superseded: 1 }),
  },
  {
    name: 'the answer to the rename is lost, and nothing shows',
    fault: 'The link drops at the rename, and the agent takes the file',
    provoked: 'collected, and dropped',
    server: { collect: 'rename' },
    arrange: (scene) => scene.script(nth(1, isRename, { do: true, then: 'drop' })),
    exit: 18,
    published: 'unknown',
    left: 'suitcase',
    says: /answer to the rename was lost/,
    then: remember,
    next: { does: 'leaves it unconfirmed, deposits', says: /remains unconfirmed/, left: 'deposit, suitcase' },
    check: (scene) => expectStory(scene, id, { status: 'unconfirmed', remoteSize: 'unreadable', superseded: 0 }),
  },
  {
    name: 'the link goes with the rename, and a later look settles it',
    fault: 'The link drops at the rename for longer than `retryFor`',
    provoked: 'renamed, then the server is stopped',
    supplier: { remote: { retryFor: '1s' } },
    arrange: (scene) =>
      scene.script(
        nth(1, isRename, () => {
          scene.vanish();
          return { do: true, answer: 'never' };
        }),
      ),
    exit: 18,
    published: 'unknown',
    left: 'suitcase',
    then: remember,
    next: {
      does: 'finds it, supersedes the receipt, delivers its sidecars, deposits',
      says: /is at the agent; its receipt now says so/,
      left: '2 × deposit',
    },
    check: (scene) =>
      expectStory(scene, id, { status: 'acknowledged', remoteSize: 'matched', durability: 'fsynced', superseded: 1 }),
  },
  {
    name: 'the link goes before the rename, and a later run renames',
    fault: 'The same, and the rename was not done',
    provoked: 'the server is stopped instead',
    supplier: { remote: { retryFor: '1s' } },
    arrange: (scene) =>
      scene.script(
        nth(1, isRename, () => {
          scene.vanish();
          return { do: false, answer: 'never' };
        }),
      ),
    exit: 18,
    published: 'unknown',
    left: 'partial',
    then: remember,
    next: {
      does: 'renames it, supersedes the receipt, deposits',
      says: /is at the agent; its receipt now says so/,
      left: '2 × deposit',
    },
    check: (scene) => expectStory(scene, id, { status: 'acknowledged', superseded: 1 }),
  },
  {
    name: 'the name is taken',
    fault: 'The final name is taken when depot looks',
    provoked: 'a file of that name appears after the draft',
    arrange: (scene) =>
      scene.script(
        nth(1, isClose, (r) => {
          scene.server.files.set(r.path.replace('/.', '/').replace('.partial', '.tar.pgp'), Buffer.from('theirs'));
          scene.tampered = true;
          return undefined;
        }),
      ),
    exit: 15,
    code: 'remote-exists',
    published: 'no',
    left: 'suitcase',
    says: /never overwrites/,
    next: { does: 'deposits, touches nothing', left: 'deposit, suitcase' },
    check: (scene) => {
      if (![...scene.server.files.values()].some((bytes) => bytes.toString() === 'theirs'))
        throw new Error('it was overwritten');
      if (scene.server.requests.filter((r) => isRename(r)).length !== 1) throw new Error('it was renamed to');
    },
  },
  {
    name: 'the name is taken on a server that overwrites',
    fault: 'The same, on a server whose RENAME overwrites',
    provoked: 'scripted',
    server: { renameOverwrites: true },
    arrange: (scene) =>
      scene.script(
        nth(1, isClose, (r) => {
          scene.server.files.set(r.path.replace('/.', '/').replace('.partial', '.tar.pgp'), Buffer.from('theirs'));
          scene.tampered = true;
          return undefined;
        }),
      ),
    exit: 15,
    code: 'remote-exists',
    published: 'no',
    left: 'suitcase',
    says: /never overwrites/,
    next: { does: 'deposits, touches nothing: the look before the rename found it', left: 'deposit, suitcase' },
    check: (scene) => {
      if (![...scene.server.files.values()].some((bytes) => bytes.toString() === 'theirs'))
        throw new Error('it was overwritten');
      if (scene.server.requests.filter((r) => isRename(r)).length !== 1) throw new Error('it was renamed to');
    },
  },
  {
    name: 'the name is taken where nothing can be seen',
    fault: 'The same, on a server that denies STAT',
    provoked: 'denied; the rename fails',
    arrange: (scene) =>
      scene.script(
        each(looks, denied),
        nth(1, isClose, (r) => {
          scene.server.files.set(r.path.replace('/.', '/').replace('.partial', '.tar.pgp'), Buffer.from('theirs'));
          scene.tampered = true;
          return undefined;
        }),
      ),
    exit: 15,
    code: 'remote-refused',
    published: 'no',
    left: 'suitcase',
    next: { does: 'deposits, touches nothing', left: 'deposit, suitcase' },
  },
  {
    name: 'the published file has another size',
    fault: 'The published file shows another size',
    provoked: 'cut after the rename',
    arrange: (scene) =>
      scene.script(
        each(
          (r) => looks(r) && r.path.endsWith('.pgp') && scene.server.files.has(r.path),
          (r) => {
            scene.server.files.set(r.path, scene.server.files.get(r.path)!.subarray(0, 1000));
            scene.tampered = true;
            return undefined;
          },
        ),
      ),
    exit: 15,
    code: 'remote-refused',
    published: 'yes',
    left: 'suitcase',
    says: /tell the agent that this file is incomplete/,
    then: remember,
    next: {
      does: 'says so again, writes an unconfirmed receipt, deposits',
      says: /has 1000 bytes .*tell the agent/,
      left: 'deposit, suitcase',
    },
    check: (scene) => expectStory(scene, id, { status: 'unconfirmed' }),
  },
  {
    name: 'the server shows nothing',
    fault: 'The server denies STAT, FSTAT and LSTAT',
    provoked: 'denied',
    server: { fsync: false },
    arrange: (scene) => scene.script(each(looks, denied)),
    ...deposited,
    check: (scene, first) =>
      expectStory(scene, first.depositId, {
        status: 'acknowledged',
        remoteSize: 'unreadable',
        durability: 'acknowledged-only',
      }),
  },
  {
    name: 'the agent takes the file at its rename',
    fault: 'The agent takes the file at its rename',
    provoked: 'moved away',
    server: { collect: 'rename' },
    ...deposited,
    check: (scene, first) =>
      expectStory(scene, first.depositId, { status: 'acknowledged', remoteSize: 'unreadable', durability: 'fsynced' }),
  },
  {
    name: 'SIGINT between close and rename',
    fault: 'SIGINT between close and rename',
    provoked: 'at the close',
    arrange: (scene) =>
      scene.script(
        nth(1, isClose, () => {
          scene.kill('SIGINT');
          return { wait: signalled(scene) };
        }),
      ),
    push: atSignal('SIGINT'),
    exit: 130,
    ...nothing,
    says: /interrupted/,
    next: cleanStart,
    then: async (scene) => {
      if ((await scene.pending()).length > 0) throw new Error('a record is left of what was removed');
    },
  },
  {
    name: 'SIGTERM during the rename',
    fault: 'SIGTERM after the rename was sent',
    provoked: 'at the rename',
    arrange: (scene) =>
      scene.script(
        nth(1, isRename, () => {
          scene.kill('SIGTERM');
          return { wait: signalled(scene) };
        }),
      ),
    push: atSignal('SIGTERM'),
    exit: 143,
    published: 'yes',
    left: 'suitcase',
    then(scene, first) {
      remember(scene);
      expectStory(scene, id, { status: 'acknowledged' });
      if (first.depositId !== id) throw new Error('the error does not name the deposit');
    },
    next: { does: 'delivers the sidecars, deposits', says: /sidecars of .* are now delivered/, left: '2 × deposit' },
  },
];
