/** This machine: locks, clocks, and what earlier crashes left. */
import { appendFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '../../support/process.js';
import { again } from '../outcomes.js';
import type { Row } from '../row.js';
import { nth, writes } from '../scene.js';

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
    says: /another run for acme-crm is running: process \d+/,
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
    next: {
      does: 'removes the half, says so, writes it again, deposits',
      says: /was incomplete, as after a power failure/,
      left: '2 × deposit',
    },
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
      says: /it may belong to a deposit, so depot keeps it/,
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
