/** Killed when everything is written: what the next run finds out, and does. */
import type { Request } from '../../support/scripted-server.js';
import { isClose, isRename } from '../names.js';
import type { Row } from '../row.js';
import { denied, each, isPartial, looks, nth, type Scene } from '../scene.js';
import { expectStory, id, remember } from '../story.js';

const partialOf = (scene: Scene): string => [...scene.server.files.keys()].find(isPartial)!;

/** Kills the push at this request, before the server answers it; `done` tells whether the server does it. */
const killAt = (scene: Scene, wanted: (r: Request) => boolean, done: boolean): void => {
  scene.script(
    nth(1, wanted, () => {
      scene.kill();
      return { do: done, answer: 'never' };
    }),
  );
};

export const rows: Row[] = [
  {
    name: 'killed between draft and close',
    fault: 'kill -9 before the close',
    provoked: 'when the draft is on disk',
    push: { at: 'draft-written' },
    exit: 'killed',
    published: '–',
    left: 'partial',
    then: remember,
    next: {
      does: 'renames the whole partial, writes its receipt, deposits',
      says: /is at the agent/,
      left: '2 × deposit',
    },
    check: (scene) => expectStory(scene, id, { status: 'acknowledged', durability: 'fsynced', superseded: 0 }),
  },
  {
    name: 'killed between close and rename',
    fault: 'kill -9 between close and rename',
    provoked: 'by the server, at the close',
    arrange: (scene) => killAt(scene, isClose, true),
    exit: 'killed',
    published: '–',
    left: 'partial',
    then: remember,
    next: { does: 'renames it, writes its receipt, deposits', left: '2 × deposit' },
    check: (scene) => expectStory(scene, id, { status: 'acknowledged' }),
  },
  {
    name: 'killed between rename and answer',
    fault: 'kill -9 when the name is published',
    provoked: 'by the server, at the rename',
    arrange: (scene) => killAt(scene, isRename, true),
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    then: remember,
    next: { does: 'finds it, writes its receipt, delivers its sidecars, deposits', left: '2 × deposit' },
    check: (scene) => expectStory(scene, id, { status: 'acknowledged', remoteSize: 'matched', superseded: 0 }),
  },
  {
    name: 'killed after publication, then a run that may skip',
    fault: 'The same, and the next run has `--if-older-than`',
    provoked: 'by the server, at the rename',
    arrange: (scene) => killAt(scene, isRename, true),
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    next: { does: 'settles it and skips', push: { args: ['--if-older-than', '20h'] }, left: 'deposit' },
    check: (_, __, next) => {
      if (!next.skipped) throw new Error('it was not skipped');
    },
  },
  {
    name: 'killed at the rename to an agent that hides everything',
    fault: 'kill -9 when the name is published, and nothing shows',
    provoked: 'collected; STAT denied',
    server: { collect: 'rename' },
    arrange: (scene) => killAt(scene, isRename, true),
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    then: remember,
    relieve: (scene) => scene.script(each(looks, denied)),
    next: {
      does: 'writes an unconfirmed receipt, deposits',
      says: /possibly deposited: the agent does not show it/,
      left: 'deposit, suitcase',
    },
    check: (scene) => expectStory(scene, id, { status: 'unconfirmed', superseded: 0 }),
  },
  {
    name: 'killed before the rename to an agent that hides everything',
    fault: 'kill -9 before the rename, and nothing shows',
    provoked: 'STAT denied',
    arrange: (scene) => killAt(scene, isClose, true),
    exit: 'killed',
    published: '–',
    left: 'partial',
    then: remember,
    relieve: (scene) => scene.script(each(looks, denied)),
    next: { does: 'renames unseen, writes its receipt, deposits', left: '2 × deposit' },
    check: (scene) =>
      expectStory(scene, id, { status: 'acknowledged', remoteSize: 'unreadable', durability: 'fsynced' }),
  },
  {
    name: 'killed before the rename, and the server lost a part',
    fault: 'kill -9 before the rename; the server rebooted and lost a part',
    provoked: 'the partial is cut',
    arrange: (scene) => killAt(scene, isClose, true),
    exit: 'killed',
    published: '–',
    left: 'partial',
    relieve: (scene) =>
      scene.server.files.set(partialOf(scene), scene.server.files.get(partialOf(scene))!.subarray(0, 5000)),
    next: { does: 'removes it, deposits', says: /was not deposited; nothing of it is left/, left: 'deposit' },
    check: (scene) => {
      if (scene.receipts().length !== 1) throw new Error('a receipt of what is no deposit');
    },
  },
  {
    name: 'killed before a rename that the server then refuses',
    fault: 'kill -9 before the rename; then the server forbids it',
    provoked: 'denied in the next run',
    arrange: (scene) => killAt(scene, isClose, true),
    exit: 'killed',
    published: '–',
    left: 'partial',
    relieve(scene) {
      scene.script(each((r) => r.type === 'rename', denied));
      scene.supplier.writeConfig({ remote: { publish: 'direct' } });
    },
    next: { does: 'removes it, deposits', says: /was not deposited/, left: 'deposit' },
  },
  {
    name: 'the config names another server since the crash',
    fault: 'The config names another server since the crash',
    provoked: 'another directory',
    server: { directories: ['/in', '/other'] },
    arrange: (scene) => killAt(scene, isClose, true),
    exit: 'killed',
    published: '–',
    left: 'partial',
    relieve: (scene) => scene.supplier.writeConfig({ remote: { directory: '/other' } }),
    next: {
      does: 'keeps the record and says so, deposits',
      says: /where pushes no longer go, so no push settles it: /,
      left: 'deposit, partial',
      pending: 1,
    },
  },
  {
    name: 'the signing key was replaced since the crash',
    fault: 'The signer was replaced since the crash',
    provoked: 'a new key',
    arrange: (scene) => killAt(scene, isRename, true),
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    then: remember,
    relieve: async (scene) => scene.newSigner(),
    next: { does: 'writes the receipt under the new key, deposits', left: '2 × deposit' },
    check(scene) {
      const signers = new Set(scene.receipts().map((r) => r.supplier.signerFingerprint));
      if (signers.size !== 1 || scene.receipts().length !== 2) throw new Error('the receipts name different signers');
    },
  },
];
