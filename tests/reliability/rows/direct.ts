/** `publish: direct`: the final name is written from the start, and the receipt, uploaded last, is the mark of a complete deposit. */
import type { Row } from '../row.js';
import { denied, each, looks, nth, type Scene, writes } from '../scene.js';

const again = { does: 'deposits', left: '2 × deposit' } as const;
const cleanStart = { does: 'deposits', left: 'deposit' } as const;
const direct = { remote: { publish: 'direct' } } as const;
const isClose = (r: { type: string; path: string }): boolean => r.type === 'close' && r.path.endsWith('.pgp');
const isCreate = (r: { type: string; path: string }): boolean => r.type === 'open' && r.path.endsWith('.pgp');
const final = (scene: Scene): string => [...scene.server.files.keys()].find((name) => name.endsWith('.pgp'))!;

export const rows: Row[] = [
  {
    name: 'direct: the link drops',
    fault: '`publish: direct`: the link drops on the way',
    provoked: 'dropped at the 20th write',
    supplier: direct,
    arrange: (scene) => scene.script(nth(20, writes, { then: 'drop' })),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'direct: the link does not come back',
    fault: '`publish: direct`: the link drops for longer than `retryFor`',
    provoked: 'the server is stopped',
    supplier: { remote: { publish: 'direct', retryFor: '1s' } },
    arrange: (scene) =>
      scene.script(
        nth(20, writes, () => {
          scene.vanish();
          return undefined;
        }),
      ),
    exit: 16,
    published: 'no',
    left: 'suitcase',
    says: /a truncated file .* may remain/,
    next: { does: 'removes the truncated file, deposits', says: /nothing of it is left/, left: 'deposit' },
  },
  {
    name: 'direct: SIGINT during the upload',
    fault: '`publish: direct`: SIGINT on the way',
    provoked: 'at the 20th write',
    supplier: direct,
    arrange: (scene) =>
      scene.script(
        nth(20, writes, () => {
          scene.kill('SIGINT');
          return undefined;
        }),
      ),
    exit: 130,
    published: 'no',
    left: 'nothing',
    next: cleanStart,
  },
  {
    name: 'direct: SIGINT, and nothing can be removed',
    fault: '`publish: direct`: SIGINT on a server that denies REMOVE',
    provoked: 'denied',
    supplier: direct,
    arrange: (scene) =>
      scene.script(
        each((r) => r.type === 'remove', denied),
        nth(20, writes, () => {
          scene.kill('SIGINT');
          return undefined;
        }),
      ),
    exit: 130,
    published: 'no',
    left: 'suitcase',
    says: /a truncated file .* may remain/,
    then: (scene) => (scene.tampered = true),
    relieve: (scene) => scene.script(each((r) => r.type === 'remove', denied)),
    next: {
      does: 'says that a file is not complete, deposits',
      says: /may remain at .* and is not complete/,
      left: 'deposit, suitcase',
    },
  },
  {
    name: 'direct: SIGTERM while the file is created',
    fault: '`publish: direct`: SIGTERM while the file is created, on a server that denies REMOVE',
    provoked: 'created and not answered, then the signal; denied',
    supplier: direct,
    arrange: (scene) =>
      scene.script(
        each((r) => r.type === 'remove', denied),
        nth(1, isCreate, () => {
          scene.kill('SIGTERM');
          return { answer: 'never' };
        }),
      ),
    exit: 143,
    published: 'no',
    left: 'suitcase',
    says: /a truncated file .* may remain/,
    next: { does: 'removes the empty file, deposits', left: 'deposit' },
  },
  {
    name: 'direct: killed during the upload',
    fault: '`publish: direct`: kill -9 on the way',
    provoked: 'at the 20th write',
    supplier: direct,
    arrange: (scene) =>
      scene.script(
        nth(20, writes, () => {
          scene.kill();
          return undefined;
        }),
      ),
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    next: { does: 'removes the truncated file, deposits', left: 'deposit' },
  },
  {
    name: 'direct: killed during the upload, and the agent took the beginning',
    fault: '`publish: direct`: kill -9, and the agent collects what the server closed',
    provoked: 'moved away',
    supplier: direct,
    arrange: (scene) =>
      scene.script(
        nth(20, writes, () => {
          scene.kill();
          return undefined;
        }),
      ),
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    relieve(scene) {
      scene.tampered = true;
      scene.server.collected.set(final(scene), scene.server.files.get(final(scene))!);
      scene.server.files.delete(final(scene));
    },
    next: {
      does: 'says that a file is not complete, deposits',
      says: /if the agent took it, what it has is not complete/,
      left: 'deposit, suitcase',
    },
  },
  {
    name: 'direct: the answer to the close is lost, and a look settles it',
    fault: '`publish: direct`: the link drops at the close',
    provoked: 'closed and dropped',
    supplier: direct,
    arrange: (scene) => scene.script(nth(1, isClose, { do: true, then: 'drop' })),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
  },
  {
    name: 'direct: the answer to the close is lost, and the agent took the file',
    fault: '`publish: direct`: the same, and the agent takes the file',
    provoked: 'collected and dropped',
    supplier: direct,
    server: { collect: 'close' },
    arrange: (scene) => scene.script(nth(1, isClose, { do: true, then: 'drop' })),
    exit: 18,
    published: 'unknown',
    left: 'suitcase',
    next: { does: 'leaves it unconfirmed, deposits', says: /remains unconfirmed/, left: 'deposit, suitcase' },
  },
  {
    name: 'direct: the close is refused, and the agent took the file',
    fault: '`publish: direct`: the agent takes the file at its close, which is answered FAILURE',
    provoked: 'collected; scripted',
    supplier: direct,
    server: { collect: 'close' },
    arrange: (scene) => scene.script(each(isClose, { do: true, status: 4 })),
    exit: 18,
    published: 'unknown',
    left: 'suitcase',
    says: /the file is gone/,
    next: { does: 'leaves it unconfirmed, deposits', says: /remains unconfirmed/, left: 'deposit, suitcase' },
  },
  {
    name: 'direct: the close is refused',
    fault: '`publish: direct`: the close fails',
    provoked: 'FAILURE',
    supplier: direct,
    arrange: (scene) => scene.script(each(isClose, { do: true, status: 4 })),
    exit: 15,
    code: 'remote-refused',
    published: 'no',
    left: 'nothing',
    next: cleanStart,
  },
  {
    name: 'direct: killed before the close',
    fault: '`publish: direct`: kill -9 before the close',
    provoked: 'when the draft is on disk',
    supplier: direct,
    push: { at: 'draft-written' },
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    next: { does: 'finds it whole, writes its receipt, delivers the sidecars, deposits', left: '2 × deposit' },
  },
  {
    name: 'direct: killed before the close, and the server lost a part',
    fault: '`publish: direct`: the same, and the server lost a part',
    provoked: 'the file is cut',
    supplier: direct,
    push: { at: 'draft-written' },
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    relieve: (scene) => scene.server.files.set(final(scene), scene.server.files.get(final(scene))!.subarray(0, 4000)),
    next: { does: 'removes it, deposits', says: /was not deposited/, left: 'deposit' },
  },
  {
    name: 'direct: killed before the close, and nothing shows',
    fault: '`publish: direct`: the same, and nothing shows',
    provoked: 'STAT denied',
    supplier: direct,
    push: { at: 'draft-written' },
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    relieve: (scene) => scene.script(each(looks, denied)),
    next: { does: 'writes an unconfirmed receipt, deposits', says: /possibly deposited/, left: 'deposit, suitcase' },
  },
  {
    name: 'direct: killed in the middle of a sidecar',
    fault: '`publish: direct`: kill -9 in the middle of a sidecar',
    provoked: 'by the server, when half of it is written',
    supplier: direct,
    arrange: (scene) =>
      scene.script(
        nth(
          1,
          (r) => r.type === 'write' && r.path.endsWith('.json'),
          (r) => {
            scene.server.files.set(r.path, r.data.subarray(0, 100));
            scene.kill();
            return { do: false, answer: 'never' };
          },
        ),
      ),
    exit: 'killed',
    published: '–',
    left: 'deposit',
    next: { does: 'writes it again, deposits', left: '2 × deposit' },
    check(scene) {
      for (const [path, bytes] of scene.server.files) if (path.endsWith('.receipt.json')) JSON.parse(bytes.toString());
    },
  },
];
