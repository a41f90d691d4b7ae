/** What is tried with every server, as data: the tests and docs/servers.md are made from it. */
import type { LineOptions } from './line.js';

export interface Row {
  /** The test's name and the directory's. */
  id: string;
  /** In the table of docs/servers.md. */
  title: string;
  login?: 'password';
  /** Over `remote:`. */
  remote?: Record<string, unknown>;
  arrangement?: Record<string, unknown>;
  /** After `doctor --write-test`, which must end with 0. */
  tested?: true;
  /** The write test alone, which must end with what a push would, and propose what fits. */
  only?: 'write test';
  line?: LineOptions;
  /** The agent's mover takes what gets its name (`rename`) or is closed, at once or a little later. */
  collected?: { when: 'close' | 'rename'; afterMs: number };
  /** Half-way. */
  fault?: 'server killed' | 'link dropped';
  bytes: number;
}

const MiB = 1024 * 1024;
const small = 1 * MiB;
/** More than a window of 64 writes, so that something is acknowledged before half of it is through. */
const cut = { bytes: 4 * MiB, line: {} };
export const cutAfter = 3 * MiB;
const far = { line: { delayMs: 40 }, bytes: 4 * MiB };

export const rows: readonly Row[] = [
  { id: 'key', title: 'login by key, `publish: rename`', bytes: small },
  { id: 'password', title: 'login by password', login: 'password', bytes: small },
  { id: 'direct', title: '`publish: direct`', remote: { publish: 'direct' }, bytes: small },
  { id: 'lanes-1', title: '`lanes: 1`', remote: { lanes: 1 }, bytes: 4 * MiB },
  { id: 'lanes-4', title: 'write test, then `lanes: 4`', remote: { lanes: 4 }, tested: true, bytes: 4 * MiB },
  { id: 'far', title: '40 ms each way, `lanes: auto`', ...far },
  { id: 'far-tested', title: '40 ms each way, write test, then `lanes: auto`', tested: true, ...far },
  { id: 'slow', title: '1 MiB/s', line: { bytesPerSecond: MiB }, bytes: 2 * MiB },
  { id: 'killed', title: 'server killed midway and restarted', fault: 'server killed', ...cut },
  {
    id: 'killed-tested',
    title: 'the same after the write test, with `lanes: 4`',
    fault: 'server killed',
    tested: true,
    remote: { lanes: 4 },
    ...cut,
  },
  { id: 'dropped', title: 'link dropped, old session lives on', fault: 'link dropped', ...cut },
  {
    id: 'dropped-spool',
    title: 'the same with `spool: true`',
    fault: 'link dropped',
    arrangement: { spool: true },
    ...cut,
  },
  {
    id: 'dropped-direct',
    title: 'the same with `spool: true` and `publish: direct`',
    fault: 'link dropped',
    remote: { publish: 'direct' },
    arrangement: { spool: true },
    ...cut,
  },
  { id: 'taken-rename', title: 'collected at the rename', collected: { when: 'rename', afterMs: 0 }, bytes: small },
  { id: 'taken-later', title: 'collected just after', collected: { when: 'rename', afterMs: 50 }, bytes: small },
  {
    id: 'taken-close',
    title: 'collected at the close, `publish: direct`',
    remote: { publish: 'direct' },
    collected: { when: 'close', afterMs: 0 },
    bytes: small,
  },
  {
    id: 'taken-early',
    title: 'collected at the close, `publish: rename`',
    collected: { when: 'close', afterMs: 0 },
    bytes: small,
  },
  {
    id: 'advised',
    title: 'the write test there',
    only: 'write test',
    collected: { when: 'close', afterMs: 0 },
    bytes: small,
  },
];
