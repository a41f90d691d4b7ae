/** While the suitcase is on its way: a signal stops the push. */
import { cleanStart, nothing } from '../outcomes.js';
import type { Row } from '../row.js';
import { denied, each, looks, whenWriting } from '../scene.js';

export const rows: Row[] = [
  {
    name: 'SIGINT during the upload',
    fault: 'SIGINT before publication',
    provoked: 'at the 20th write',
    arrange: whenWriting(20, (scene) => scene.kill('SIGINT')),
    exit: 130,
    ...nothing,
    next: cleanStart,
    then: async (scene) => {
      if ((await scene.pending()).length > 0) throw new Error('the intent is still there');
    },
  },
  {
    name: 'SIGTERM while the server does not answer',
    fault: 'SIGTERM while the link is silent',
    provoked: 'the server stops reading, also on new connections, then the signal',
    supplier: { remote: { retryFor: '20s' } },
    arrange: whenWriting(20, (scene) => {
      scene.vanish();
      scene.kill('SIGTERM');
    }),
    exit: 143,
    published: 'no',
    left: 'partial',
    says: /may remain at/,
    next: { does: 'removes the partial, deposits', left: 'deposit' },
  },
  {
    name: 'SIGHUP while depot reconnects',
    fault: 'SIGHUP while depot waits for the link',
    provoked: 'the server is gone, then the signal',
    supplier: { remote: { retryFor: '60s' } },
    arrange: whenWriting(20, (scene) => scene.vanish()),
    push: { whenTrying: (scene) => scene.kill('SIGHUP') },
    exit: 129,
    published: 'no',
    left: 'partial',
    next: { does: 'removes the partial, deposits', left: 'deposit' },
  },
  {
    name: 'killed during the upload',
    fault: 'kill -9 on the way',
    provoked: 'at the 20th write',
    arrange: whenWriting(20, (scene) => scene.kill('SIGKILL')),
    exit: 'killed',
    published: '–',
    left: 'partial',
    next: {
      does: 'takes the lock over, removes the partial, deposits',
      says: /nothing of it is left at the agent/,
      left: 'deposit',
    },
  },
  {
    name: 'killed during the upload, and the partial is gone',
    fault: 'kill -9 on the way; the agent removes partials itself',
    provoked: 'removed before the next run',
    arrange: whenWriting(20, (scene) => scene.kill('SIGKILL')),
    exit: 'killed',
    published: '–',
    left: 'partial',
    relieve: (scene) => scene.server.files.clear(),
    next: {
      does: 'says that nothing of it is there, deposits',
      says: /nothing of it is at the agent now/,
      left: 'deposit',
    },
  },
  {
    name: 'killed during the upload to a server that hides everything',
    fault: 'kill -9 on the way; the server denies REMOVE and STAT',
    provoked: 'scripted',
    arrange: whenWriting(20, (scene) => scene.kill('SIGKILL')),
    exit: 'killed',
    published: '–',
    left: 'partial',
    relieve: (scene) => scene.script(each((r) => r.type === 'remove' || looks(r), denied)),
    next: {
      does: 'says that a partial may remain, deposits',
      says: /may remain at .*: ask the agent to remove it/,
      left: 'deposit, partial',
    },
  },
];
