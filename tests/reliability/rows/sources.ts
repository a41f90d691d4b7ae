/** While the suitcase is on its way: the sources. */
import { join } from 'node:path';
import { peer } from '../../support/peers.js';
import { cleanStart, nothing } from '../outcomes.js';
import type { Row } from '../row.js';
import { denied, each } from '../scene.js';

const strace = peer('strace');
const command = (script: string, more: Record<string, unknown> = {}): Record<string, unknown>[] => [
  { directory: 'data' },
  { command: ['sh', '-c', script], as: 'dump', ...more },
];

export const rows: Row[] = [
  {
    name: 'a source fails half way',
    fault: 'A command fails after half its output',
    provoked: '`exit 7`',
    supplier: { dataset: command('head -c 400000 /dev/zero; echo broken >&2; exit 7') },
    exit: 3,
    code: 'source-failed',
    ...nothing,
    says: /exited with status 7[^]*broken/,
    relieve: (scene) => scene.supplier.writeConfig({ dataset: command('head -c 400000 /dev/zero') }),
    next: cleanStart,
  },
  {
    name: 'a source fails, and the server does not let us remove',
    fault: 'The same, on a server that denies REMOVE',
    provoked: 'scripted',
    supplier: { dataset: command('head -c 400000 /dev/zero; exit 7') },
    arrange: (scene) => scene.script(each((r) => r.type === 'remove', denied)),
    exit: 3,
    published: 'no',
    left: 'partial',
    says: /may remain at/,
    relieve(scene) {
      scene.supplier.writeConfig({ dataset: command('head -c 400000 /dev/zero') });
      scene.script(each((r) => r.type === 'remove', denied));
    },
    next: {
      does: 'says that a partial remains, deposits',
      says: /may remain at .*: ask the agent to remove it/,
      left: 'deposit, partial',
    },
  },
  {
    name: 'a source takes too long',
    fault: 'A command does not end',
    provoked: '`timeout: 1s`',
    supplier: { dataset: command('head -c 400000 /dev/zero; exec sleep 60', { timeout: '1s' }) },
    exit: 3,
    code: 'source-timed-out',
    ...nothing,
    relieve: (scene) => scene.supplier.writeConfig({ dataset: command('head -c 400000 /dev/zero') }),
    next: cleanStart,
  },
  {
    name: 'a source is empty',
    fault: 'A command gives nothing',
    provoked: '`true`',
    supplier: { dataset: command('true') },
    exit: 3,
    code: 'source-empty',
    ...nothing,
    relieve: (scene) => scene.supplier.writeConfig({ dataset: command('echo x') }),
    next: cleanStart,
  },
  {
    name: 'the dataset is too small',
    fault: 'The dataset is smaller than `minSize`',
    provoked: '`minSize: 1GiB`',
    supplier: { arrangement: { minSize: '1GiB' } },
    exit: 3,
    code: 'source-too-small',
    ...nothing,
    relieve: (scene) => scene.supplier.writeConfig({ arrangement: { compression: 'none' } }),
    next: cleanStart,
  },
  {
    name: 'a file changes while it is read',
    fault: 'A file changes while it is read',
    provoked: 'appended to at the first block',
    bytes: 40_000_000,
    push: { at: 'first-block-sent', do: 'echo more >> data/data' },
    exit: 3,
    code: 'source-changed',
    ...nothing,
    next: cleanStart,
  },
  {
    name: 'reading a source gives an I/O error',
    fault: 'Reading a source gives EIO',
    provoked: 'injected by strace',
    skip: strace === undefined,
    act: (scene) =>
      scene.push({
        wrap: [
          strace!,
          '-f',
          '-qq',
          '-o',
          '/dev/null',
          '-P',
          join(scene.supplier.data, 'data'),
          '-e',
          'trace=read,pread64',
          '-e',
          'inject=read,pread64:error=EIO:when=1+',
        ],
        options: { env: { UV_USE_IO_URING: '0' } },
      }),
    exit: 3,
    code: 'source-failed',
    ...nothing,
    says: /input\/output error/,
    next: cleanStart,
  },
  {
    name: 'a source is a device, not a file',
    fault: 'A source is not what the config says',
    provoked: 'a device where a file should be',
    supplier: { dataset: [{ directory: 'data' }, { file: '/dev/null', as: 'x' }] },
    exit: 3,
    code: 'source-failed',
    ...nothing,
    relieve: (scene) => scene.supplier.writeConfig({ dataset: [{ directory: 'data' }] }),
    next: cleanStart,
  },
];
