/** `spool: true`: the local file that the suitcase is sealed to. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../../support/process.js';
import { makeKey } from '../../support/supplier.js';
import type { Row } from '../row.js';
import type { Scene } from '../scene.js';
import { mount, noMounts, smallState } from '../small-state.js';
import { atCheckpoint, bytes, killedOnTheWay, spooled, spooling, spoolRemoved } from '../spooled.js';

const spoolFile = (scene: Scene): string => scene.stateFile(join('spool', scene.supplier.stateFiles('spool')[0]));

export const rows: Row[] = [
  {
    name: 'spool: killed while sealing',
    fault: '`spool: true`: kill -9 while the suitcase is sealed',
    provoked: 'at the first block',
    ...spooled,
    push: { at: 'first-block-spooled' },
    exit: 'killed',
    published: '–',
    left: 'nothing',
    next: { does: 'removes what was sealed, deposits', left: 'deposit' },
    check: spoolRemoved,
  },
  {
    name: 'spool: the spooled file is damaged',
    fault: '`spool: true`: the spooled file was changed',
    provoked: 'one bit',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    relieve(scene) {
      const bytes = readFileSync(spoolFile(scene));
      bytes[5_000_000] ^= 1;
      writeFileSync(spoolFile(scene), bytes);
    },
    next: {
      does: 'sends nothing of it, removes it, makes a new deposit',
      says: /is abandoned: .* is not the suitcase that depot wrote there/,
      left: 'deposit',
    },
    check: spoolRemoved,
  },
  {
    name: 'spool: the spooled file is gone',
    fault: '`spool: true`: the spooled file is gone',
    provoked: 'removed',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    relieve: (scene) => rmSync(spoolFile(scene)),
    next: { does: 'removes the partial, makes a new deposit', says: /is abandoned/, left: 'deposit' },
    check: spoolRemoved,
  },
  {
    name: 'spool: the beneficiary has another key since',
    fault: '`spool: true`: the recipients are others since',
    provoked: 'a new key in the config',
    ...spooled,
    ...atCheckpoint,
    ...killedOnTheWay,
    relieve: async (scene) => {
      const { publicKey, fingerprint } = await makeKey(
        join(scene.supplier.directory, 'keys/another'),
        'Another',
        'compat',
      );
      scene.supplier.writeConfig({
        arrangement: { compression: 'none', spool: true },
        beneficiaries: [{ key: readFileSync(publicKey), fingerprint }],
      });
    },
    next: {
      does: 'sends nothing of it, makes a new deposit',
      says: /it was sealed for different keys from today's/,
      left: 'deposit',
    },
    check(scene) {
      spoolRemoved(scene);
      if (scene.receipts()[0].encryption.recipients[0].fingerprint === scene.supplier.recipient.fingerprint)
        throw new Error('it was sent');
    },
  },
  {
    name: 'spool: the spooled suitcase is too old to count for this run',
    fault: '`spool: true`: the suitcase was begun longer ago than half of `every`',
    provoked: '`every: 1h`, and an hour later',
    bytes,
    supplier: { arrangement: { spool: true, every: '1h' } },
    ...atCheckpoint,
    ...killedOnTheWay,
    next: {
      push: { clock: 3600 },
      does: 'delivers it, and makes a deposit of its own',
      says: /continuing/,
      left: '2 × deposit',
    },
    check: spoolRemoved,
  },
  {
    name: 'spool: a source fails',
    fault: '`spool: true`: a source fails',
    provoked: '`exit 7`',
    bytes,
    supplier: { ...spooling, dataset: [{ directory: 'data' }, { command: ['sh', '-c', 'exit 7'], as: 'x' }] },
    exit: 3,
    code: 'source-failed',
    published: 'no',
    left: 'nothing',
    then: spoolRemoved,
    relieve: (scene) => scene.supplier.writeConfig({ dataset: [{ directory: 'data' }] }),
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'spool: SIGINT while sealing',
    fault: '`spool: true`: SIGINT while the suitcase is sealed',
    provoked: 'at the first block',
    ...spooled,
    push: { at: 'first-block-spooled', do: 'kill -INT $PPID' },
    exit: 130,
    published: 'no',
    left: 'nothing',
    then: spoolRemoved,
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'spool: the disk fills while sealing',
    fault: '`spool: true`: the local disk fills while the suitcase is sealed',
    provoked: 'a tmpfs, a command whose output cannot be known',
    skip: noMounts,
    bytes: 1000,
    supplier: { ...spooling, dataset: [{ command: ['head', '-c', '20000000', '/dev/urandom'], as: 'x' }] },
    arrange: (scene) => smallState(scene, '8m'),
    exit: 5,
    code: 'local-disk-full',
    published: 'no',
    left: 'nothing',
    then: spoolRemoved,
    relieve: (scene) => mustRun(mount!, ['-o', 'remount,size=64m', scene.supplier.state]),
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'spool: the disk has less room than the files need',
    fault: '`spool: true`: the local disk has less room than the files need',
    provoked: 'a small tmpfs, first deposit',
    skip: noMounts,
    ...spooled,
    arrange: (scene) => smallState(scene, '8m'),
    exit: 5,
    code: 'local-disk-full',
    published: 'no',
    left: 'nothing',
    says: /the files to deposit take 12 MiB, but .* has room for only/,
    then: spoolRemoved,
    relieve: (scene) => mustRun(mount!, ['-o', 'remount,size=64m', scene.supplier.state]),
    next: { does: 'deposits', left: 'deposit' },
  },
  {
    name: 'spool: there is less room than the last deposit took',
    fault: '`spool: true`: the local disk has less room than the last deposit took',
    provoked: 'a tmpfs made smaller',
    skip: noMounts,
    bytes,
    supplier: { ...spooling, dataset: [{ command: ['cat', 'data/data'], as: 'x' }] },
    arrange: async (scene) => {
      await smallState(scene, '64m');
      await scene.push();
      await mustRun(mount!, ['-o', 'remount,size=8m', scene.supplier.state]);
    },
    exit: 5,
    code: 'local-disk-full',
    published: 'no',
    left: 'deposit',
    says: /the last deposit took 12 MiB/,
    relieve: (scene) => mustRun(mount!, ['-o', 'remount,size=64m', scene.supplier.state]),
    next: { does: 'deposits', left: '2 × deposit' },
  },
];
