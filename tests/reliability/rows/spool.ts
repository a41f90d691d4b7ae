/** `spool: true`: the upload of a suitcase that was sealed to a local file, which another run can continue. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Row } from '../row.js';
import { denied, each, isPartial, looks, nth, type Pushed, type Scene, writes } from '../scene.js';
import { atCheckpoint, bytes, killedOnTheWay, spooled, spooling, spoolRemoved } from '../spooled.js';

const goesOn = {
  does: 'goes on from the confirmed offset, deposits the same',
  says: /continuing .* from byte \d{7,}/,
  left: 'deposit',
} as const;
const fromZero = { does: 'sends the same again from the beginning', left: 'deposit' } as const;
const partialOf = (scene: Scene): string => [...scene.server.files.keys()].find(isPartial)!;

/** The next run sent only what was missing, under the id of the first. */
function same(scene: Scene, _: Pushed, next: Pushed): void {
  sameAgain(scene);
  const last = Math.max(...scene.server.requests.map((r) => r.connection));
  const sent = scene.server.requests
    .filter((r) => writes(r) && r.connection === last)
    .reduce((sum, r) => sum + r.data.length, 0);
  if (sent > bytes - 3_500_000) throw new Error(`${sent} bytes were sent again`);
  if (next.depositId !== scene.receipts()[0].depositId) throw new Error("the deposit is not this run's");
}

/** The next run finished the same deposit. */
function sameAgain(scene: Scene): void {
  if (scene.receipts().length !== 1) throw new Error('there is more than one deposit');
  spoolRemoved(scene);
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
    check: spoolRemoved,
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
    says: /is sealed and kept; the next push .* continues from byte/,
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
    check: spoolRemoved,
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
    check: spoolRemoved,
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
    next: { does: 'gives it up, deposits', says: /is abandoned/, left: 'deposit' },
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
    next: { does: 'gives it up, deposits', says: /is abandoned/, left: 'deposit' },
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
    says: /starting over under a new id/,
    relieve: (scene) => {
      const late = scene.server.noticeLost();
      if (late !== 1) throw new Error(`${late} files were left open`);
    },
    next: {
      does: 'removes the truncated file that has appeared, deposits',
      says: /has since appeared at .*, and was removed: it was not a deposit/,
      left: '2 × deposit',
    },
    check: spoolRemoved,
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
    next: { does: 'removes the partial that has appeared, deposits', says: /has since appeared/, left: '2 × deposit' },
    check: spoolRemoved,
  },
];
