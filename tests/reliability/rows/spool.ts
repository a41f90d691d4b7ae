/** `spool: true`: sealed to a local file first, so that another run can go on with the upload. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanup } from '../../support/cleanup.js';
import { asRoot, peer } from '../../support/peers.js';
import { mustRun } from '../../support/process.js';
import { makeKey } from '../../support/supplier.js';
import type { Row } from '../row.js';
import { denied, each, isPartial, looks, nth, type Pushed, type Scene, writes } from '../scene.js';

const mount = peer('mount');
const noMounts = mount === undefined || !asRoot();
const bytes = 12_000_000;
const spooling = { arrangement: { spool: true } } as const;
const spooled = { supplier: spooling, bytes } as const;
const goesOn = {
  does: 'goes on from the confirmed offset, deposits the same',
  says: /going on with .* from byte \d{7,}/,
  left: 'deposit',
} as const;
const fromZero = { does: 'sends the same again from the beginning', left: 'deposit' } as const;
const killedOnTheWay = { exit: 'killed', published: '–', left: 'partial' } as const;

/** When the first offset is confirmed, and that is on disk. */
const atCheckpoint = { push: { at: 'checkpoint-written' } } as const;
const partialOf = (scene: Scene): string => [...scene.server.files.keys()].find(isPartial)!;
const spoolFile = (scene: Scene): string => scene.stateFile(join('spool', scene.supplier.stateFiles('spool')[0]));

/** The next run sent only what was missing, under the id of the first. */
function same(scene: Scene, _: Pushed, next: Pushed): void {
  if (scene.receipts().length !== 1) throw new Error('there is more than one deposit');
  if (scene.supplier.stateFiles('spool').length > 0) throw new Error('the spool was not removed');
  const last = Math.max(...scene.server.requests.map((r) => r.connection));
  const sent = scene.server.requests
    .filter((r) => writes(r) && r.connection === last)
    .reduce((sum, r) => sum + r.data.length, 0);
  if (sent > bytes - 3_500_000) throw new Error(`${sent} bytes were sent again`);
  if (next.depositId !== scene.receipts()[0].depositId) throw new Error("the deposit is not this run's");
}
function sameAgain(scene: Scene): void {
  if (scene.receipts().length !== 1) throw new Error('there is more than one deposit');
  if (scene.supplier.stateFiles('spool').length > 0) throw new Error('the spool was not removed');
}
function another(scene: Scene): void {
  if (scene.supplier.stateFiles('spool').length > 0) throw new Error('the spool was not removed');
}
async function smallState(scene: Scene, size: string): Promise<void> {
  mkdirSync(scene.supplier.state, { mode: 0o700 });
  await mustRun(mount!, ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'depot-test', scene.supplier.state]);
  cleanup(() => mustRun('umount', ['-l', scene.supplier.state]));
}

export const rows: Row[] = [
  {
    name: 'spool: without a fault',
    fault: '`spool: true`: none',
    provoked: '–',
    ...spooled,
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: { does: 'deposits', left: '2 × deposit' },
    check: another,
  },
  {
    name: 'spool: killed while sealing',
    fault: '`spool: true`: kill -9 while the suitcase is sealed',
    provoked: 'at the first block',
    ...spooled,
    push: { at: 'first-block-spooled' },
    exit: 'killed',
    published: '–',
    left: 'nothing',
    next: { does: 'removes what was sealed, deposits', left: 'deposit' },
    check: another,
  },
  {
    name: 'spool: killed during the upload',
    fault: '`spool: true`: kill -9 on the way',
    provoked: 'when the first offset is confirmed',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    next: goesOn,
    check: same,
  },
  {
    name: 'spool: killed before anything was confirmed',
    fault: '`spool: true`: kill -9 before an offset was confirmed',
    provoked: 'at the 5th write',
    ...spooled,
    arrange: (scene) =>
      scene.script(
        nth(5, writes, () => {
          scene.kill();
          return undefined;
        }),
      ),
    ...killedOnTheWay,
    next: fromZero,
    check: sameAgain,
  },
  {
    name: 'spool: SIGTERM during the upload',
    fault: '`spool: true`: SIGTERM on the way (a reboot)',
    provoked: 'when the first offset is confirmed',
    ...spooled,
    push: { at: 'checkpoint-written', do: 'kill -TERM $PPID' },
    exit: 143,
    published: 'no',
    left: 'partial',
    says: /is sealed and kept; the next push .* goes on from byte/,
    next: goesOn,
    check: same,
  },
  {
    name: 'spool: the link does not come back',
    fault: '`spool: true`: the link drops for longer than `retryFor`',
    provoked: 'the server is stopped',
    bytes,
    supplier: { ...spooling, remote: { retryFor: '1s' } },
    push: { at: 'checkpoint-written', do: 'touch reached' },
    arrange: (scene) =>
      scene.script(
        each(
          (r) => writes(r) && existsSync(join(scene.supplier.directory, 'reached')),
          () => {
            if (!scene.stopped) scene.vanish();
            return { answer: 'never' };
          },
        ),
      ),
    exit: 16,
    published: 'no',
    left: 'partial',
    next: goesOn,
    check: same,
  },
  {
    name: 'spool: a server that only shows sizes',
    fault: '`spool: true`: the server has no fsync',
    provoked: 'offsets are confirmed by fstat',
    ...spooled,
    server: { fsync: false },
    ...atCheckpoint,
    ...killedOnTheWay,
    next: goesOn,
    check: same,
  },
  {
    name: 'spool: a server that confirms nothing',
    fault: '`spool: true`: the server has neither fsync nor fstat',
    provoked: 'denied',
    ...spooled,
    server: { fsync: false },
    arrange: (scene) =>
      scene.script(
        each(looks, denied),
        nth(300, writes, () => {
          scene.kill();
          return undefined;
        }),
      ),
    ...killedOnTheWay,
    relieve: (scene) => scene.script(each(looks, denied)),
    next: fromZero,
    check: sameAgain,
  },
  {
    name: 'spool: nothing is confirmed and nothing can be removed',
    fault: '`spool: true`: nor does it let the partial be removed',
    provoked: 'denied',
    ...spooled,
    server: { fsync: false },
    arrange: (scene) =>
      scene.script(
        each(looks, denied),
        nth(300, writes, () => {
          scene.kill();
          return undefined;
        }),
      ),
    ...killedOnTheWay,
    relieve: (scene) => scene.script(each((r) => looks(r) || r.type === 'remove', denied)),
    next: { does: 'sends the same under another partial name; the old partial remains', left: 'deposit, partial' },
    check: sameAgain,
  },
  {
    name: 'spool: the partial is gone',
    fault: '`spool: true`: the partial vanished since',
    provoked: 'removed',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    relieve: (scene) => scene.server.files.delete(partialOf(scene)),
    next: { ...fromZero, says: /sending .* again from the beginning/ },
    check: sameAgain,
  },
  {
    name: 'spool: the server lost a part',
    fault: '`spool: true`: the server lost a part since',
    provoked: 'the partial is cut',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    relieve: (scene) =>
      scene.server.files.set(partialOf(scene), scene.server.files.get(partialOf(scene))!.subarray(0, 1000)),
    next: { ...fromZero, says: /holds 1000 of \d+/ },
    check: sameAgain,
  },
  {
    name: 'spool: the partial is gone in the same run',
    fault: '`spool: true`: the partial vanishes while the link is down',
    provoked: 'removed and dropped',
    ...spooled,
    supplier: { arrangement: { spool: true }, dataset: [{ stdin: true, as: 'dump' }] },
    push: { options: { input: Buffer.alloc(bytes, 5) } },
    arrange: (scene) =>
      scene.script(
        nth(100, writes, () => {
          scene.server.files.delete(partialOf(scene));
          scene.server.drop();
          return undefined;
        }),
      ),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    says: /sending .* again from the beginning/,
    next: { does: 'deposits', push: { options: { input: Buffer.alloc(1000, 5) } }, left: '2 × deposit' },
    check: another,
  },
  {
    name: 'spool: the spooled file is damaged',
    fault: '`spool: true`: the spooled file was changed',
    provoked: 'one bit',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    relieve(scene) {
      const bytes = readFileSync(spoolFile(scene));
      bytes[5_000_000] ^= 1;
      writeFileSync(spoolFile(scene), bytes);
    },
    next: {
      does: 'sends nothing of it, removes it, makes a new deposit',
      says: /is given up: .* is not the suitcase that was sealed into it/,
      left: 'deposit',
    },
    check: another,
  },
  {
    name: 'spool: the spooled file is gone',
    fault: '`spool: true`: the spooled file is gone',
    provoked: 'removed',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    relieve: (scene) => rmSync(spoolFile(scene)),
    next: { does: 'removes the partial, makes a new deposit', says: /is given up/, left: 'deposit' },
    check: another,
  },
  {
    name: 'spool: the beneficiary has another key since',
    fault: '`spool: true`: the recipients are others since',
    provoked: 'a new key in the config',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    relieve: async (scene) => {
      const { publicKey, fingerprint } = await makeKey(
        join(scene.supplier.directory, 'keys/another'),
        'Another',
        'compat',
      );
      scene.supplier.writeConfig({
        arrangement: { compression: 'none', spool: true },
        beneficiaries: [{ key: readFileSync(publicKey), fingerprint }],
      });
    },
    next: {
      does: 'sends nothing of it, makes a new deposit',
      says: /it was sealed for other keys than those of today/,
      left: 'deposit',
    },
    check(scene) {
      another(scene);
      if (scene.receipts()[0].encryption.recipients[0].fingerprint === scene.supplier.recipient.fingerprint)
        throw new Error('it was sent');
    },
  },
  {
    name: 'spool: the spooled suitcase is too old to count for this run',
    fault: '`spool: true`: the suitcase was begun longer ago than half of `every`',
    provoked: '`every: 1h`, and an hour later',
    bytes,
    supplier: { arrangement: { spool: true, every: '1h' } },
    ...atCheckpoint,
    ...killedOnTheWay,
    next: {
      push: { clock: 3600 },
      does: 'delivers it, and makes a deposit of its own',
      says: /going on with/,
      left: '2 × deposit',
    },
    check: another,
  },
  {
    name: 'spool: the quota is used up',
    fault: '`spool: true`: the quota is reached',
    provoked: 'writes beyond 6 MB fail',
    ...spooled,
    server: { quota: 6_000_000 },
    exit: 15,
    code: 'remote-refused',
    published: 'no',
    left: 'nothing',
    says: /is sealed and kept/,
    next: { does: 'sends the same again from the beginning', left: 'deposit' },
    check: sameAgain,
  },
  {
    name: 'spool: a source fails',
    fault: '`spool: true`: a source fails',
    provoked: '`exit 7`',
    bytes,
    supplier: { ...spooling, dataset: [{ directory: 'data' }, { command: ['sh', '-c', 'exit 7'], as: 'x' }] },
    exit: 3,
    code: 'source-failed',
    published: 'no',
    left: 'nothing',
    then: another,
    relieve: (scene) => scene.supplier.writeConfig({ dataset: [{ directory: 'data' }] }),
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'spool: SIGINT while sealing',
    fault: '`spool: true`: SIGINT while the suitcase is sealed',
    provoked: 'at the first block',
    ...spooled,
    push: { at: 'first-block-spooled', do: 'kill -INT $PPID' },
    exit: 130,
    published: 'no',
    left: 'nothing',
    then: another,
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'spool: the disk fills while sealing',
    fault: '`spool: true`: the local disk fills while the suitcase is sealed',
    provoked: 'a tmpfs, a command whose output cannot be known',
    skip: noMounts,
    bytes: 1000,
    supplier: { ...spooling, dataset: [{ command: ['head', '-c', '20000000', '/dev/urandom'], as: 'x' }] },
    arrange: (scene) => smallState(scene, '8m'),
    exit: 5,
    code: 'local-disk-full',
    published: 'no',
    left: 'nothing',
    then: another,
    relieve: (scene) => mustRun(mount!, ['-o', 'remount,size=64m', scene.supplier.state]),
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'spool: the disk has less room than the files need',
    fault: '`spool: true`: the local disk has less room than the files need',
    provoked: 'a small tmpfs, first deposit',
    skip: noMounts,
    ...spooled,
    arrange: (scene) => smallState(scene, '8m'),
    exit: 5,
    code: 'local-disk-full',
    published: 'no',
    left: 'nothing',
    says: /the files to be deposited have 12 MiB, and .* has room for/,
    then: another,
    relieve: (scene) => mustRun(mount!, ['-o', 'remount,size=64m', scene.supplier.state]),
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'spool: there is less room than the last deposit took',
    fault: '`spool: true`: the local disk has less room than the last deposit took',
    provoked: 'a tmpfs made smaller',
    skip: noMounts,
    bytes,
    supplier: { ...spooling, dataset: [{ command: ['cat', 'data/data'], as: 'x' }] },
    arrange: async (scene) => {
      await smallState(scene, '64m');
      await scene.push();
      await mustRun(mount!, ['-o', 'remount,size=8m', scene.supplier.state]);
    },
    exit: 5,
    code: 'local-disk-full',
    published: 'no',
    left: 'deposit',
    says: /the last deposit had 12 MiB/,
    relieve: (scene) => mustRun(mount!, ['-o', 'remount,size=64m', scene.supplier.state]),
    next: { does: 'deposits', left: '2 × deposit' },
  },
  {
    name: 'spool: killed before the close, and the server lost a part',
    fault: '`spool: true`: kill -9 before the close; the server lost a part',
    provoked: 'the partial is cut',
    ...spooled,
    push: { at: 'draft-written' },
    ...killedOnTheWay,
    relieve: (scene) =>
      scene.server.files.set(partialOf(scene), scene.server.files.get(partialOf(scene))!.subarray(0, 1000)),
    next: fromZero,
    check: sameAgain,
  },
  {
    name: 'spool: killed when it is published',
    fault: '`spool: true`: kill -9 when the name is published',
    provoked: 'before the answers are kept',
    ...spooled,
    push: { at: 'published' },
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    next: { does: 'finds it, writes its receipt, removes the spool, deposits', left: '2 × deposit' },
    check: another,
  },
  {
    name: 'spool: direct, killed during the upload',
    fault: '`spool: true`, `publish: direct`: kill -9 on the way',
    provoked: 'when the first offset is confirmed',
    bytes,
    supplier: { ...spooling, remote: { publish: 'direct' } },
    ...atCheckpoint,
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    next: goesOn,
    check: same,
  },
  {
    name: 'spool: direct, SIGTERM before anything was confirmed',
    fault: '`spool: true`, `publish: direct`: SIGTERM before an offset was confirmed',
    provoked: 'at the first block',
    supplier: { arrangement: { spool: true }, remote: { publish: 'direct' } },
    push: { at: 'first-block-sent', do: 'kill -TERM $PPID' },
    exit: 143,
    published: 'no',
    left: 'nothing',
    says: /cannot be continued: the next push .* starts over/,
    next: { does: 'gives it up, deposits', says: /is given up/, left: 'deposit' },
  },
  {
    name: 'spool: direct, SIGTERM while the file is created',
    fault: '`spool: true`, `publish: direct`: SIGTERM while the file is created, on a server that denies REMOVE',
    provoked: 'created and not answered, then the signal; denied',
    supplier: { arrangement: { spool: true }, remote: { publish: 'direct' } },
    arrange: (scene) =>
      scene.script(
        each((r) => r.type === 'remove', denied),
        nth(
          1,
          (r) => r.type === 'open' && r.path.endsWith('.pgp'),
          () => {
            scene.kill('SIGTERM');
            return { answer: 'never' };
          },
        ),
      ),
    exit: 143,
    published: 'no',
    left: 'suitcase',
    says: /starts over; until then a truncated file .* may be there/,
    next: { does: 'gives it up, deposits', says: /is given up/, left: 'deposit' },
  },
  {
    name: 'spool: direct, and the server names files at their close',
    fault:
      '`spool: true`, `publish: direct`: the link drops; the server names files only at their close, and notices the loss after the push',
    provoked: 'scripted, dropped at the 20th write',
    server: { nameAtClose: true },
    supplier: { arrangement: { spool: true }, remote: { publish: 'direct' } },
    arrange: (scene) => scene.script(nth(20, writes, { then: 'drop' })),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    says: /starting again under a new id/,
    relieve: (scene) => {
      const late = scene.server.noticeLost();
      if (late !== 1) throw new Error(`${late} files were left open`);
    },
    next: {
      does: 'removes the truncated file that has appeared, deposits',
      says: /has appeared at .* since, and was removed: it was no deposit/,
      left: '2 × deposit',
    },
    check: another,
  },
  {
    name: 'spool: the server names files at their close',
    fault:
      '`spool: true`: the link drops; the server names files only at their close, and notices the loss after the push',
    provoked: 'scripted, dropped at the 20th write',
    server: { nameAtClose: true },
    supplier: spooling,
    arrange: (scene) => scene.script(nth(20, writes, { then: 'drop' })),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    says: /sending .* again from the beginning/,
    relieve: (scene) => {
      const late = scene.server.noticeLost();
      if (late !== 1) throw new Error(`${late} files were left open`);
    },
    next: { does: 'removes the partial that has appeared, deposits', says: /has appeared/, left: '2 × deposit' },
    check: another,
  },
];
