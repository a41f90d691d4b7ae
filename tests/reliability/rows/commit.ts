/** From the last write to the published name, and what the next run finds out about it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../support/process.js';
import type { Row } from '../row.js';
import { denied, each, isPartial, looks, nth, type PushOptions, type Scene } from '../scene.js';

const again = { does: 'deposits', left: '2 × deposit' } as const;
const cleanStart = { does: 'deposits', left: 'deposit' } as const;
const nothing = { published: 'no', left: 'nothing' } as const;
const deposited = { exit: 0, published: 'yes', left: 'deposit', next: again } as const;

const isRename = (r: { type: string; path: string; target: string }): boolean =>
  r.type === 'rename' && isPartial(r.path);
const isClose = (r: { type: string; path: string }): boolean =>
  r.type === 'close' && (isPartial(r.path) || r.path.endsWith('.pgp'));
const partialOf = (scene: Scene): string => [...scene.server.files.keys()].find(isPartial)!;

/** The receipts of the first deposit: what the counting one says, and how many superseded ones there are. */
function story(
  scene: Scene,
  depositId: string,
): { status: string; remoteSize: string; durability: string; superseded: number } {
  const receipt = scene.receipts().find((r) => r.depositId === depositId);
  if (receipt === undefined) throw new Error(`no receipt of ${depositId}`);
  const superseded = scene.supplier
    .stateFiles()
    .filter((name) => name.startsWith(depositId) && /\.receipt\.\d+\.json$/.test(name)).length;
  const { status, remoteSize, durability } = receipt.transfer;
  return { status, remoteSize, durability, superseded };
}

function expectStory(scene: Scene, depositId: string | undefined, expected: Partial<ReturnType<typeof story>>): void {
  const found = story(scene, depositId!);
  for (const [key, value] of Object.entries(expected)) {
    if (found[key as keyof typeof found] !== value)
      throw new Error(`${key} is ${String(found[key as keyof typeof found])} instead of ${String(value)}`);
  }
}

/** With this, `signalled` waits until the push was given the signal. */
const atSignal = (signal: NodeJS.Signals): PushOptions => ({ at: signal, do: 'touch signalled' });
const signalled = (scene: Scene): Promise<unknown> =>
  eventually(() => existsSync(join(scene.supplier.directory, 'signalled')));

/** Killed by the server's hand when it has done this request. */
const killAt = (
  scene: Scene,
  wanted: (r: { type: string; path: string; target: string }) => boolean,
  done: boolean,
): void => {
  scene.script(
    nth(1, wanted, () => {
      scene.kill();
      return { do: done, answer: 'never' };
    }),
  );
};
/** The id of the only deposit that was begun. */
const firstId = (scene: Scene): string => {
  const name = [...scene.files().keys(), ...scene.supplier.stateFiles('pending')]
    .map((n) => /acme-crm_\d{8}T\d{6}Z_[0-9a-f]{16}/.exec(n)?.[0])
    .find((n) => n !== undefined);
  return name!;
};

let id = '';
const remember = (scene: Scene): void => {
  id = firstId(scene);
};

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
    says: /tell the agent that this file is not whole/,
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
    next: { does: 'delivers the sidecars, deposits', says: /sidecars of .* are delivered/, left: '2 × deposit' },
  },
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
