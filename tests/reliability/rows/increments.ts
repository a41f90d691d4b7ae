/** With `incremental:`: what happens to the index, and to the deposits that the next one would be built on. */
import { appendFileSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Request } from '../../support/scripted-server.js';
import { isRename } from '../names.js';
import type { Row } from '../row.js';
import { each, type Pushed, type Scene, writes } from '../scene.js';
import { noMounts, smallState } from '../small-state.js';

const DAY_S = 86_400;
const incremental = { incremental: { agentKeeps: '90d' } };
const chained = { supplier: { arrangement: incremental } };
/** Damages the indexes while the push reads, once for each file `once`. */
const meanwhile = [
  'sh',
  '-c',
  'if rm once; then for f in state/acme-crm/index/*.index; do truncate -s 100 "$f"; done; fi',
];
const whileReading = {
  dataset: [{ directory: 'data', prepare: meanwhile }],
  arrangement: incremental,
};

/** A full deposit, and what happens in the day after it. */
async function fullNight(scene: Scene, push: Parameters<Scene['push']>[0] = { inside: true }): Promise<void> {
  const { exit, stderr, message } = await scene.push(push);
  if (exit !== 0) throw new Error(`the first night failed: ${message}\n${stderr}`);
  appendFileSync(join(scene.supplier.data, 'data'), 'a day later');
}

function index(scene: Scene): string {
  const folder = scene.stateFile('index');
  return join(folder, readdirSync(folder).find((name) => name.endsWith('.index'))!);
}

function chainOf({ receipt }: Pushed): { number: number; previousDepositId: string | null } {
  return (receipt as unknown as { chain: ReturnType<typeof chainOf> }).chain;
}

/** The number in its chain of what the first push deposited, if it did, and of what the next one did. */
const numbers =
  (...expected: (number | null)[]): NonNullable<Row['check']> =>
  (_, first, next) => {
    const found = [first, next].map((push) => (push.receipt === undefined ? null : chainOf(push).number));
    if (found.join() !== expected.join()) throw new Error(`numbers ${found.join()} instead of ${expected.join()}`);
  };
/** The next deposit is built on the first one, past what came between. */
const onTheFirst: NonNullable<Row['check']> = (scene, first, next) => {
  numbers(null, 1)(scene, first, next);
  const [{ depositId }] = scene.pushes;
  if (chainOf(next).previousDepositId !== depositId) throw new Error('it is not built on the first deposit');
};

const full = { exit: 0, published: 'yes', left: '2 × deposit' } as const;
const increment = { does: 'deposits an increment', left: '3 × deposit' } as const;
const dropped = (scene: Scene): void => scene.script(each(writes, { do: false, then: 'drop' }));

export const rows: Row[] = [
  {
    name: 'the index is damaged',
    fault: 'The index of the last deposit is damaged, cut off or of another version',
    provoked: 'cut off between two pushes',
    ...chained,
    async arrange(scene) {
      await fullNight(scene);
      truncateSync(index(scene), 50_000);
    },
    ...full,
    says: /this is a full deposit: the index of the last deposit cannot be used/,
    next: increment,
    check: numbers(0, 1),
  },
  {
    name: 'the index is gone',
    fault: 'The index of the last deposit is gone',
    provoked: 'removed between two pushes',
    ...chained,
    async arrange(scene) {
      await fullNight(scene);
      rmSync(index(scene));
    },
    ...full,
    says: /this is a full deposit: there is no index of the last deposit/,
    next: increment,
    check: numbers(0, 1),
  },
  {
    name: 'the index is that of another deposit',
    fault: 'An earlier index is in the place of the last one, as after a restored backup',
    provoked: 'copied between two pushes',
    ...chained,
    async arrange(scene) {
      await fullNight(scene);
      const earlier = readFileSync(index(scene));
      await fullNight(scene, { inside: true, args: ['--full'] });
      writeFileSync(index(scene), earlier);
    },
    ...full,
    left: '3 × deposit',
    says: /this is a full deposit: the index of the last deposit belongs to another deposit/,
    next: { ...increment, left: '4 × deposit' },
    check: numbers(0, 1),
  },
  {
    name: 'the index is damaged while it is read',
    fault: 'The index is damaged while the push reads it',
    provoked: "cut off by the source's `prepare`",
    supplier: whileReading,
    async arrange(scene) {
      await fullNight(scene);
      writeFileSync(join(scene.supplier.directory, 'once'), '');
    },
    ...full,
    says: /this is a full deposit: the index of the last deposit was damaged while it was read/,
    next: increment,
    check: numbers(0, 1),
  },
  {
    name: 'the index is damaged while it is read, and a source cannot be read again',
    fault: 'The same, and one source is standard input',
    provoked: 'the same',
    supplier: { ...whileReading, dataset: [...whileReading.dataset, { stdin: true, as: 'in' }] },
    async arrange(scene) {
      await fullNight(scene, { options: { input: 'input' } });
      writeFileSync(join(scene.supplier.directory, 'once'), '');
    },
    push: { options: { input: 'input' } },
    exit: 5,
    code: 'index-damaged',
    published: 'no',
    says: /run it again: that makes a full deposit/,
    left: 'deposit',
    next: { does: 'deposits in full', push: { inside: false, options: { input: 'input' } }, left: '2 × deposit' },
    check: numbers(null, 0),
  },
  {
    name: 'the disk fills while the index is written',
    fault: 'The disk fills while the index is written',
    provoked: 'a tmpfs, filled when the partial is there',
    ...chained,
    skip: noMounts,
    arrange: (scene) => smallState(scene, '2m'),
    push: { at: 'partial-created', do: 'cat /dev/zero > state/filler 2> /dev/null; true' },
    exit: 5,
    code: 'local-disk-full',
    published: 'no',
    left: 'nothing',
    relieve: (scene) => rmSync(join(scene.supplier.state, 'filler')),
    next: { does: 'deposits in full', left: 'deposit' },
    check: numbers(null, 0),
  },
  {
    name: 'an increment is killed on the way',
    fault: 'kill -9 while an increment is sent',
    provoked: 'at its first block',
    ...chained,
    arrange: fullNight,
    push: { at: 'first-block-sent' },
    exit: 'killed',
    published: '–',
    left: 'deposit, partial',
    next: { does: 'removes the partial, deposits an increment on the same base', left: '2 × deposit' },
    check: onTheFirst,
  },
  {
    name: 'an increment is never confirmed',
    fault: "The answer to an increment's rename is lost, and the agent never shows it",
    provoked: 'collected, and dropped',
    ...chained,
    async arrange(scene) {
      await fullNight(scene);
      scene.server.options.collect = 'rename';
      scene.script((r: Request) => (isRename(r) ? { do: true, then: 'drop' } : undefined));
    },
    exit: 18,
    published: 'unknown',
    left: 'deposit, suitcase',
    next: {
      does: 'says that it remains unconfirmed, and deposits an increment on the base before it',
      says: /remains unconfirmed/,
      left: '2 × deposit, suitcase',
    },
    check: onTheFirst,
  },
  {
    name: 'a full deposit that is due is lost',
    fault: 'A full deposit is due by its age, and the connection is lost',
    provoked: 'after 31 days; dropped at each write',
    supplier: { arrangement: incremental, remote: { retryFor: '1s' } },
    async arrange(scene) {
      await fullNight(scene);
      dropped(scene);
    },
    push: { clock: 31 * DAY_S },
    exit: 16,
    published: 'no',
    left: 'deposit',
    next: {
      does: 'deposits another increment, with a warning, as long as the last full one is younger than 1.5 × `fullEvery`',
      push: { inside: false, clock: 32 * DAY_S },
      says: /a full deposit is due, but the last run failed, so this is another increment/,
      left: '2 × deposit',
    },
    check: onTheFirst,
  },
  {
    name: 'what a waiting increment is built on was destroyed',
    fault: '`spool: true`: an increment waits, and the agent destroys what it is built on',
    provoked: 'dropped at each write; `receipts note --destroyed`',
    supplier: { arrangement: { ...incremental, spool: true }, remote: { retryFor: '1s' } },
    async arrange(scene) {
      await fullNight(scene);
      dropped(scene);
    },
    exit: 16,
    published: 'no',
    left: 'deposit, partial',
    async relieve(scene) {
      const [{ depositId }] = scene.pushes;
      const day = new Date().toISOString().slice(0, 10);
      const { code, stderr } = await scene.supplier.depot(['receipts', 'note', depositId!, '--destroyed', day]);
      if (code !== 0) throw new Error(stderr);
    },
    next: {
      does: 'gives up what would not open, and deposits in full',
      says: /is abandoned: .* on which it is built, was destroyed/,
      left: '2 × deposit',
    },
    check: numbers(null, 0),
  },
];
