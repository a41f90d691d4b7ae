/** After publication: the sidecars, which can still be delivered by a later push. */
import { rmSync } from 'node:fs';
import { expect } from 'vitest';
import type { Row } from '../row.js';
import { denied, each, nth, ofSidecar, type Scene } from '../scene.js';

const again = { does: 'deposits', left: '2 × deposit' } as const;
const delivers = {
  does: 'delivers them first, deposits',
  says: /sidecars of .* are now delivered/,
  left: '2 × deposit',
} as const;
const create = (r: { type: string; path: string; flags: number }): boolean =>
  r.type === 'open' && (r.flags & 8) !== 0 && ofSidecar(r);
const firstReceipt = (scene: Scene): string =>
  scene.supplier.stateFiles().find((name) => name.endsWith('.receipt.json'))!;

/** Whichever run delivers them: every sidecar once, the receipt last. */
function inOrder(scene: Scene): void {
  const renamed = scene.server.requests
    .filter((r) => r.type === 'rename' && ofSidecar(r))
    .map((r) => r.target.replace(/^.*_[0-9a-f]{16}\./, ''));
  const each = ['cover.md', 'receipt.json.asc', 'receipt.json'];
  expect(renamed).toEqual([...each, ...each]);
}

/** Several files at a time go only to servers that are known to take that. */
const openssh = { software: 'OpenSSH_9.9' };

const faults: Row[] = [
  {
    name: 'a sidecar is refused',
    fault: 'The agent refuses a sidecar',
    provoked: 'the create of the cover is denied',
    arrange: (scene) => scene.script(each(create, denied)),
    exit: 30,
    code: 'sidecars-pending',
    published: 'yes',
    left: 'suitcase',
    next: delivers,
  },
  {
    name: 'sidecars are refused for good',
    fault: 'The agent refuses sidecars, night after night',
    provoked: 'denied in the next run too',
    arrange: (scene) => scene.script(each(create, denied)),
    exit: 30,
    code: 'sidecars-pending',
    published: 'yes',
    left: 'suitcase',
    relieve: (scene) => scene.script(each(create, denied)),
    next: { does: 'deposits all the same; exit 30 again', exit: 30, left: '2 × suitcase', pending: 2 },
  },
  {
    name: 'an earlier sidecar is refused',
    fault: 'The agent refuses the sidecars of an earlier deposit only',
    provoked: 'names of that deposit are denied in the next run',
    arrange: (scene) => scene.script(each(create, denied)),
    exit: 30,
    published: 'yes',
    left: 'suitcase',
    relieve(scene) {
      const id = firstReceipt(scene).replace('.receipt.json', '');
      scene.script(each((r) => create(r) && r.path.includes(id), denied));
    },
    next: {
      does: 'deposits; exit 30 names the earlier one',
      exit: 30,
      says: /an earlier deposit, could not be delivered/,
      left: 'deposit, suitcase',
      pending: 1,
    },
  },
  {
    name: 'the link drops while a sidecar is written',
    fault: 'The link drops among the sidecars',
    provoked: 'dropped at the write of the signature',
    arrange: (scene) => scene.script(nth(2, (r) => r.type === 'write' && ofSidecar(r), { then: 'drop' })),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'the answer to the rename of a sidecar is lost',
    fault: 'The link drops at the rename of a sidecar',
    provoked: 'renamed and dropped',
    arrange: (scene) => scene.script(nth(1, (r) => r.type === 'rename' && ofSidecar(r), { do: true, then: 'drop' })),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'the link drops between two sidecars',
    fault: 'The link drops among the sidecars for longer than `retryFor`',
    provoked: 'the server is stopped at the rename of the second',
    supplier: { remote: { retryFor: '1s' } },
    arrange: (scene) =>
      scene.script(
        nth(
          2,
          (r) => r.type === 'rename' && ofSidecar(r),
          () => {
            scene.vanish();
            return { do: false, answer: 'never' };
          },
        ),
      ),
    exit: 30,
    code: 'sidecars-pending',
    published: 'yes',
    left: '2 × sidecar partial, suitcase + 1 sidecar',
    next: delivers,
  },
  {
    name: 'the link is still down when the sidecars should go',
    fault: 'The link is still down in the next run',
    provoked: 'the server is started only for a third one',
    supplier: { remote: { retryFor: '1s' } },
    arrange: (scene) =>
      scene.script(
        each(
          (r) => r.type === 'open' && ofSidecar(r),
          () => {
            scene.vanish();
            return { do: false, answer: 'never' };
          },
        ),
      ),
    exit: 30,
    published: 'yes',
    left: 'suitcase',
    relieve: (scene) => scene.vanish(),
    next: { does: 'fails with 14: this run deposited nothing', exit: 14, left: 'suitcase', pending: 1 },
    async check(scene) {
      await scene.calm();
      const third = await scene.push();
      if (third.exit !== 0 || scene.atAgent() !== '2 × deposit') throw new Error(`${third.exit}: ${scene.atAgent()}`);
    },
  },
  {
    name: 'SIGHUP between two sidecars',
    fault: 'SIGHUP among the sidecars',
    provoked: 'by the server, at the rename of the first',
    arrange: (scene) =>
      scene.script(
        nth(
          1,
          (r) => r.type === 'rename' && ofSidecar(r),
          () => {
            scene.kill('SIGHUP');
            return { answer: 'never' };
          },
        ),
      ),
    exit: 129,
    published: 'yes',
    left: 'suitcase + 1 sidecar',
    next: delivers,
  },
  {
    name: 'killed between two sidecars',
    fault: 'kill -9 among the sidecars',
    provoked: 'after the second',
    push: { at: 'sidecar-delivered:2' },
    exit: 'killed',
    published: '–',
    left: 'sidecar partial, suitcase + 2 sidecars',
    next: delivers,
    check: inOrder,
  },
  {
    name: 'killed after the first sidecar',
    fault: 'The same, earlier',
    provoked: 'after the first',
    push: { at: 'sidecar-delivered' },
    exit: 'killed',
    published: '–',
    left: '2 × sidecar partial, suitcase + 1 sidecar',
    next: delivers,
    check: inOrder,
  },
  {
    name: 'killed while a sidecar is written',
    fault: 'kill -9 in the middle of a sidecar',
    provoked: 'by the server, at its write',
    arrange: (scene) =>
      scene.script(
        nth(
          2,
          (r) => r.type === 'write' && ofSidecar(r),
          () => {
            scene.kill();
            return { answer: 'never' };
          },
        ),
      ),
    exit: 'killed',
    published: '–',
    left: '3 × sidecar partial, suitcase',
    next: delivers,
  },
  {
    name: 'killed while a sidecar is written, and publish is direct since',
    fault: 'The same, and the config says `publish: direct` since',
    provoked: 'changed before the next run',
    arrange: (scene) =>
      scene.script(
        nth(
          1,
          (r) => r.type === 'write' && ofSidecar(r),
          () => {
            scene.kill();
            return { do: false, answer: 'never' };
          },
        ),
      ),
    exit: 'killed',
    published: '–',
    left: '3 × sidecar partial, suitcase',
    relieve: (scene) => scene.supplier.writeConfig({ remote: { publish: 'direct' } }),
    next: { does: 'removes the partials, delivers them, deposits', left: '2 × deposit' },
  },
  {
    name: 'killed while a sidecar is written, and nothing can be removed',
    fault: 'kill -9 in the middle of a sidecar; the server denies REMOVE',
    provoked: 'denied in the next run',
    arrange: (scene) =>
      scene.script(
        nth(
          1,
          (r) => r.type === 'write' && ofSidecar(r),
          () => {
            scene.kill();
            return { do: false, answer: 'never' };
          },
        ),
      ),
    exit: 'killed',
    published: '–',
    left: '3 × sidecar partial, suitcase',
    relieve: (scene) => scene.script(each((r) => r.type === 'remove', denied)),
    next: { does: 'takes other partial names, delivers them, deposits', left: '2 × deposit, 3 × sidecar partial' },
  },
  {
    name: 'the quota has no room for the sidecars',
    fault: 'The quota is used up by the suitcase',
    provoked: 'a quota of its size',
    arrange: (scene) =>
      scene.script(
        nth(
          1,
          (r) => r.type === 'rename',
          () => {
            scene.server.options.quota = [...scene.server.files.values()].reduce((sum, b) => sum + b.length, 0);
            return undefined;
          },
        ),
      ),
    exit: 30,
    code: 'sidecars-pending',
    published: 'yes',
    left: 'suitcase',
    next: delivers,
  },
  {
    name: 'sidecars are switched off',
    fault: 'The agent takes one file only',
    provoked: '`sidecars: false`',
    supplier: { remote: { sidecars: false } },
    exit: 0,
    published: 'yes',
    left: 'suitcase',
    next: { does: 'deposits', left: '2 × suitcase' },
  },
  {
    name: 'a receipt is lost before it was delivered',
    fault: 'A receipt is removed here before it was delivered',
    provoked: 'after a refused sidecar',
    arrange: (scene) => scene.script(each(create, denied)),
    exit: 30,
    published: 'yes',
    left: 'suitcase',
    relieve(scene) {
      scene.tampered = true;
      rmSync(scene.stateFile(firstReceipt(scene)));
    },
    next: { does: 'says so, deposits', says: /is gone and was not delivered/, left: 'deposit, suitcase', exit: 0 },
    check: (scene) => {
      // The ledger names the receipt that is missing: that is what it is for.
      scene.ledgerBroken = true;
    },
  },
];

export const rows: Row[] = faults.map((row) => ({ ...row, server: { ...openssh, ...row.server } }));
