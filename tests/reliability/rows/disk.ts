/** The disk of the state directory: full, read-only, or full at the worst moment. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cleanup } from '../../support/cleanup.js';
import { peer } from '../../support/peers.js';
import { mustRun } from '../../support/process.js';
import { again, cleanStart, nothing } from '../outcomes.js';
import type { Row } from '../row.js';
import type { Scene } from '../scene.js';
import { mount, noMounts, smallState } from '../small-state.js';

const strace = peer('strace');
const fill = 'cat /dev/zero > state/filler 2> /dev/null; true';
const free = (scene: Scene): void => rmSync(join(scene.supplier.state, 'filler'), { force: true });

export const rows: Row[] = [
  {
    name: 'the state directory is read-only',
    fault: 'The state directory is read-only',
    provoked: 'a tmpfs, remounted',
    skip: noMounts,
    async arrange(scene) {
      await smallState(scene, '4m');
      await mustRun(mount!, ['-o', 'remount,ro', scene.supplier.state]);
    },
    exit: 5,
    code: 'local-not-writable',
    ...nothing,
    says: /read-only/,
    relieve: (scene) => mustRun(mount!, ['-o', 'remount,rw', scene.supplier.state]),
    next: cleanStart,
    check: (scene) => {
      if (scene.server.connections !== 1) throw new Error('the failed run connected');
    },
  },
  {
    name: 'the disk is full before the lock',
    fault: "The state's disk is full from the start",
    provoked: 'a full tmpfs',
    skip: noMounts,
    async arrange(scene) {
      await smallState(scene, '2m');
      mkdirSync(scene.state);
      mkdirSync(join(scene.state, 'pending'));
      await mustRun('sh', ['-c', fill], { cwd: scene.supplier.directory });
    },
    exit: 5,
    code: 'local-disk-full',
    ...nothing,
    relieve: free,
    next: cleanStart,
  },
  {
    name: 'the disk fills before the intent',
    fault: 'The disk fills before the intent',
    provoked: 'a tmpfs, filled when logged in',
    skip: noMounts,
    arrange: (scene) => smallState(scene, '2m'),
    push: { at: 'connected', do: fill },
    exit: 5,
    code: 'local-disk-full',
    ...nothing,
    relieve: free,
    next: cleanStart,
  },
  {
    name: 'the disk fills before the draft',
    fault: 'The disk fills on the way',
    provoked: 'a tmpfs, filled when everything is sealed',
    skip: noMounts,
    arrange: (scene) => smallState(scene, '2m'),
    push: { at: 'sealed', do: fill },
    exit: 5,
    code: 'local-disk-full',
    ...nothing,
    relieve: free,
    next: cleanStart,
  },
  {
    name: 'the disk fills after the draft',
    fault: 'The disk fills between draft and receipt',
    provoked: 'a tmpfs, filled when the draft is on disk',
    skip: noMounts,
    arrange: (scene) => smallState(scene, '2m'),
    push: { at: 'draft-written', do: fill },
    exit: 0,
    published: 'yes',
    left: 'deposit',
    relieve: free,
    next: { does: 'deposits (room for the receipt had been kept)', left: '2 × deposit' },
  },
  {
    name: 'the disk fills before the answers are kept',
    fault: 'The disk fills when the room that was kept is given back',
    provoked: 'a tmpfs, filled at the publication',
    skip: noMounts,
    arrange: (scene) => smallState(scene, '2m'),
    push: { at: 'published', do: fill },
    exit: 30,
    code: 'receipt-not-written',
    published: 'yes',
    left: 'suitcase',
    relieve: free,
    next: { does: 'looks, writes the receipt, delivers the sidecars, deposits', left: '2 × deposit' },
  },
  {
    name: 'the disk fills before the receipt',
    fault: 'The disk fills before the receipt',
    provoked: 'a tmpfs, filled when the answers are on disk',
    skip: noMounts,
    arrange: (scene) => smallState(scene, '2m'),
    push: { at: 'outcome-written', do: fill },
    exit: 30,
    code: 'receipt-not-written',
    published: 'yes',
    left: 'suitcase',
    relieve: free,
    next: { does: 'writes the receipt, delivers the sidecars, deposits', left: '2 × deposit' },
  },
  {
    name: 'the disk stays full',
    fault: 'The same, and the disk is still full in the next run',
    provoked: 'not freed',
    skip: noMounts,
    arrange: (scene) => smallState(scene, '2m'),
    push: { at: 'outcome-written', do: fill },
    exit: 30,
    code: 'receipt-not-written',
    published: 'yes',
    left: 'suitcase',
    next: { does: 'fails with 5: it deposited nothing', exit: 5, left: 'suitcase', pending: 1 },
    async check(scene) {
      free(scene);
      const third = await scene.push();
      if (third.exit !== 0 || scene.atAgent() !== '2 × deposit') throw new Error(`${third.exit}: ${scene.atAgent()}`);
    },
  },
  {
    name: 'the ledger cannot be written',
    fault: 'The ledger cannot be written, but everything else can',
    provoked: 'mounted over, read-only',
    skip: noMounts,
    async act(scene) {
      const first = await scene.push();
      if (first.exit !== 0) return first;
      const ledger = scene.stateFile('ledger.ndjson');
      await mustRun(mount!, ['--bind', ledger, ledger]);
      await mustRun(mount!, ['-o', 'remount,bind,ro', ledger]);
      cleanup(() => mustRun('sh', ['-c', `umount -l '${ledger}' 2> /dev/null; true`]));
      return scene.push();
    },
    exit: 30,
    code: 'receipt-not-written',
    published: 'yes',
    left: 'deposit, suitcase',
    relieve: (scene) => mustRun('umount', [scene.stateFile('ledger.ndjson')]),
    next: { does: 'adds the missing line, delivers the sidecars, deposits', left: '3 × deposit' },
  },
  {
    name: 'the disk is full at the ledger',
    fault: 'The disk fills between receipt and ledger line',
    provoked: 'injected by strace',
    skip: strace === undefined,
    async act(scene) {
      const first = await scene.push();
      if (first.exit !== 0) return first;
      const ledger = scene.stateFile('ledger.ndjson');
      return scene.push({
        wrap: [
          strace!,
          '-f',
          '-qq',
          '-o',
          '/dev/null',
          '-P',
          ledger,
          '-e',
          'trace=write,pwrite64,writev',
          '-e',
          'inject=write,pwrite64,writev:error=ENOSPC:when=1+',
        ],
        options: { env: { UV_USE_IO_URING: '0' } },
      });
    },
    exit: 30,
    code: 'receipt-not-written',
    published: 'yes',
    says: /no space left/,
    left: 'deposit, suitcase',
    next: { does: 'gives the receipt that is there its line, delivers the sidecars, deposits', left: '3 × deposit' },
  },
  {
    name: 'the run record cannot be written',
    fault: 'The run record cannot be written',
    provoked: 'its file is a directory',
    arrange: (scene) => mkdirSync(scene.stateFile('runs.ndjson'), { recursive: true }),
    exit: 30,
    code: 'receipt-not-written',
    published: 'yes',
    left: 'deposit',
    says: /deposited, but the run record could not be written/,
    relieve: (scene) => rmSync(scene.stateFile('runs.ndjson'), { recursive: true }),
    next: again,
  },
];
