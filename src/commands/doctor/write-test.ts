/** `doctor --write-test`: what the server does with two small files, and what later pushes make of that. */
import { stat } from 'node:fs/promises';
import type { ErrorCode } from '../../errors.js';
import { printable } from '../../printable.js';
import { ArrangementState } from '../../receipt/state.js';
import { rememberServer } from '../../receipt/tested-server.js';
import { emptyTest, testWrites } from '../../sftp/probe.js';
import type { Remote } from '../../sftp/remote.js';
import type { Finding } from './finding.js';
import { nearestExisting } from './nearest-existing.js';

/** What an examination says after a write test. */
export interface Written {
  /** Keys of `remote:` that fit the server better. */
  propose: Record<string, string | number>;
  /** Names that may still be there. */
  left: string[];
  /** Test files that the agent took. */
  collected: string[];
}

interface Report {
  add(finding: Finding): void;
  failed(name: string, code: ErrorCode, detail: string, hint?: string): void;
  written(test: Written): void;
}

/** What was found counts, and what is left there is said, also when the test could not be ended. */
export async function writeTest(remote: Remote, own: ArrangementState, report: Report): Promise<void> {
  const test = emptyTest();
  try {
    await testWrites(remote, test);
    const kept = await remember(own, remote, test.laneSafe);
    if (kept !== null) report.add(kept);
  } finally {
    for (const { name, result, detail, hint } of test.findings) {
      if (result === 'failed') report.failed(name, 'remote-refused', detail, hint);
      else report.add({ name, result, detail, ...(hint === undefined ? {} : { hint }) });
    }
    const { propose, left, collected } = test;
    report.written({ propose, left, collected });
  }
}

/** Pushes take several lanes to a server like this one from now on; OpenSSH gets them anyway. */
async function remember(own: ArrangementState, remote: Remote, laneSafe: boolean): Promise<Finding | null> {
  const { server, hostKey } = remote;
  const there = await nearestExisting(own.directory);
  // What root makes in a state directory of another account, that account could not write to.
  if (process.getuid !== undefined && (await stat(there)).uid !== process.getuid()) {
    return { name: 'remembered', result: 'warning', detail: `not kept: ${printable(there)} belongs to another account`, hint: 'run it as the account of the scheduled run' };
  }
  const state = await ArrangementState.open(own.stateDirectory, own.arrangement);
  await rememberServer(state, laneSafe ? { server, hostKey } : null);
  return laneSafe ? { name: 'remembered', result: 'passed', detail: 'uploads to this server may use several lanes' } : null;
}
