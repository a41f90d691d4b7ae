/** This machine: disks, clocks, locks, what earlier crashes left. */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { cleanup } from '../../support/cleanup.js';
import { asRoot, peer } from '../../support/peers.js';
import { eventually, mustRun } from '../../support/process.js';
import type { Row } from '../row.js';
import { nth, type Scene, writes } from '../scene.js';

const again = { does: 'deposits', left: '2 × deposit' } as const;
const cleanStart = { does: 'deposits', left: 'deposit' } as const;
const nothing = { published: 'no', left: 'nothing' } as const;

const strace = peer('strace');
const mount = peer('mount');
const noMounts = mount === undefined || !asRoot();

/** The state directory becomes a file system of its own of this size. */
async function smallState(scene: Scene, size: string): Promise<void> {
  mkdirSync(scene.supplier.state, { mode: 0o700 });
  await mustRun(mount!, ['-t', 'tmpfs', '-o', `size=${size},mode=0700`, 'depot-test', scene.supplier.state]);
  cleanup(() => mustRun('umount', ['-l', scene.supplier.state]));
}
const fill = 'cat /dev/zero > state/filler 2> /dev/null; true';
const free = (scene: Scene): void => rmSync(join(scene.supplier.state, 'filler'), { force: true });

export const rows: Row[] = [
  {
    name: 'another push is running',
    fault: 'Another push of the arrangement is running',
    provoked: 'a second one while the first waits for the server',
    async act(scene) {
      let answer = (): void => undefined;
      scene.script(nth(5, writes, () => ({ wait: new Promise<void>((go) => (answer = go)) })));
      const first = scene.push();
      await eventually(() => scene.server.requests.filter(writes).length >= 5);
      const second = await scene.push();
      answer();
      await first;
      return second;
    },
    exit: 11,
    code: 'locked',
    published: 'no',
    left: 'deposit',
    says: /another run for acme-crm is under way: process \d+/,
    next: again,
    check: (scene) => {
      if (
        scene.supplier
          .runs()
          .map((run) => run['exit'])
          .sort()
          .join() !== '0,0,11'
      )
        throw new Error('a run has no record');
    },
  },
  {
    name: 'two pushes start at once',
    fault: 'Two pushes start at the same moment',
    provoked: 'without waiting for either',
    async act(scene) {
      const both = await Promise.all([scene.push(), scene.push()]);
      return both.find((pushed) => pushed.exit !== 0) ?? both[0];
    },
    exit: 11,
    published: 'no',
    left: 'deposit',
    next: again,
  },
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
  {
    name: 'the last line of the ledger is cut in half',
    fault: 'A power loss cut the last ledger line in half',
    provoked: 'truncated, with its deposit pending as at that moment',
    async act(scene) {
      const pushed = await scene.push({ at: 'receipt-filed' });
      const ledger = scene.stateFile('ledger.ndjson');
      truncateSync(ledger, statSync(ledger).size - 40);
      return pushed;
    },
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    next: { does: 'removes the half, says so, writes it again, deposits', says: /cut in half/, left: '2 × deposit' },
  },
  {
    name: 'the ledger is damaged',
    fault: 'The last ledger line is garbage',
    provoked: 'a line appended',
    arrange: async (scene) => {
      await scene.push();
      appendFileSync(scene.stateFile('ledger.ndjson'), 'garbage\n');
      scene.ledgerBroken = true;
    },
    exit: 32,
    code: 'ledger-broken',
    published: 'no',
    left: 'deposit',
    says: /depot receipts verify/,
    relieve(scene) {
      const ledger = scene.stateFile('ledger.ndjson');
      writeFileSync(ledger, readFileSync(ledger, 'utf8').replace('garbage\n', ''));
      scene.ledgerBroken = false;
    },
    next: again,
  },
  {
    name: 'the ledger belongs to another state directory',
    fault: 'The ledger belongs to another state directory (a restored backup)',
    provoked: 'another `ledger.id`',
    arrange: async (scene) => {
      await scene.push();
      const file = join(scene.supplier.state, 'ledger.id');
      writeFileSync(`${file}.saved`, readFileSync(file));
      writeFileSync(file, `${'0'.repeat(32)}\n`);
      scene.ledgerBroken = true;
    },
    exit: 32,
    code: 'ledger-broken',
    published: 'no',
    left: 'deposit',
    relieve(scene) {
      const file = join(scene.supplier.state, 'ledger.id');
      writeFileSync(file, readFileSync(`${file}.saved`));
      scene.ledgerBroken = false;
    },
    next: again,
  },
  {
    name: 'a pending record is damaged',
    fault: 'A pending record cannot be read',
    provoked: 'cut in half',
    push: { at: 'first-block-sent' },
    exit: 'killed',
    published: '–',
    left: 'partial',
    relieve(scene) {
      const file = scene.stateFile(join('pending', scene.supplier.stateFiles('pending')[0]));
      truncateSync(file, statSync(file).size >>> 1);
    },
    next: {
      does: 'says so and keeps it, deposits',
      says: /a deposit may be hidden behind it, so it is kept/,
      left: 'deposit, partial',
    },
    check: (scene) => {
      if (scene.supplier.stateFiles('pending').length !== 1) throw new Error('it was not kept');
    },
  },
  {
    name: 'a crash left temporary files',
    fault: 'A power loss in the middle of writing a record',
    provoked: 'half-written temporary files',
    push: { at: 'intent-written' },
    exit: 'killed',
    published: '–',
    left: 'nothing',
    relieve(scene) {
      writeFileSync(scene.stateFile('.x.receipt.json.0123456789ab.tmp'), 'half');
      writeFileSync(scene.stateFile(join('pending', '.x.json.0123456789ab.tmp')), 'half');
    },
    next: { does: 'removes them, deposits', left: 'deposit' },
    check: (scene) => {
      if (
        existsSync(scene.stateFile('.x.receipt.json.0123456789ab.tmp')) ||
        scene.supplier.stateFiles('pending').length > 0
      )
        throw new Error('they are still there');
    },
  },
  {
    name: 'the clock is set back between two pushes',
    fault: 'The clock is a day behind what it was',
    provoked: 'the first push runs tomorrow',
    push: { clock: 86_400 },
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: {
      does: 'deposits although `--if-older-than` was given',
      push: { args: ['--if-older-than', '20h'] },
      left: '2 × deposit',
    },
  },
  {
    name: 'the clock is set back during a push',
    fault: 'The clock is set back during a push',
    provoked: 'by a day, when everything is sealed',
    push: { clock: 86_400, clockUntil: 'sealed' },
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: again,
    check: (_, first) => {
      if (first.receipt!.completedAt !== first.receipt!.startedAt) throw new Error('it ended before it began');
    },
  },
  {
    name: 'the clock is set back after a crash',
    fault: 'The clock is set back after a crash',
    provoked: 'the push that is killed runs tomorrow',
    push: { at: 'published', clock: 86_400 },
    exit: 'killed',
    published: '–',
    left: 'suitcase',
    next: { does: 'settles it, deposits', left: '2 × deposit' },
  },
  {
    name: 'killed while it holds the lock',
    fault: 'kill -9 of a push that holds the lock',
    provoked: 'when it has the lock',
    push: { at: 'locked' },
    exit: 'killed',
    published: '–',
    left: 'nothing',
    next: { does: 'takes the lock over at once, deposits', left: 'deposit' },
  },
  {
    name: 'the last deposit is young enough',
    fault: 'The last deposit is young enough',
    provoked: '`--if-older-than 20h`',
    arrange: async (scene) => {
      await scene.push();
      scene.vanish();
    },
    push: { args: ['--if-older-than', '20h'] },
    exit: 0,
    published: '–',
    left: 'deposit',
    next: again,
  },
  {
    name: 'the run record of the last deposit was lost',
    fault: 'kill -9 after everything but the run record',
    provoked: 'when the sidecars are delivered',
    push: { at: 'settled' },
    exit: 'killed',
    published: '–',
    left: 'deposit',
    next: {
      does: 'knows of the deposit: `--if-older-than` skips',
      push: { args: ['--if-older-than', '20h'] },
      left: 'deposit',
    },
    async check(scene, _, next) {
      if (!next.skipped) throw new Error('it was not skipped');
      const status = JSON.parse((await scene.supplier.depot(['status', '--json'])).stdout) as {
        arrangements: { lastDeposit: { depositId: string } | null }[];
      };
      if (status.arrangements[0].lastDeposit?.depositId !== scene.receipts()[0].depositId)
        throw new Error('status does not know it');
    },
  },
];
