/** `doctor --write-test`: what the server does with two test files, and what later runs make of that. */
import { stat } from 'node:fs/promises';
import { accountOfUid, runAs } from '../accounts.js';
import type { Arrangement } from '../config/types.js';
import { type DepotError, isRefusal } from '../errors.js';
import { fullDisk } from '../sftp/refusals.js';
import { printable } from '../printable.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { ageOf } from '../clock.js';
import { lastWriteTest, rememberWriteTest } from '../state/tested-server.js';
import { testWrites } from '../sftp/probe.js';
import type { Remote } from '../sftp/remote.js';
import { ago, localTime } from '../ui/format.js';
import { WriteTest } from '../sftp/probe-file.js';
import type { Finding, Report } from './findings.js';
import { nearestExisting } from './space.js';

/** What was found counts, and what is left there is said, also when the test could not be ended. */
export async function writeTest(
  remote: Remote,
  own: ArrangementState,
  { spool }: Pick<Arrangement, 'spool'>,
  report: Report,
): Promise<void> {
  const test = new WriteTest(spool);
  try {
    await testWrites(remote, test).catch(async (error: unknown) => {
      // A link that is lost says nothing about the server; what was known of it stays.
      if (!isRefusal(error)) throw error;
      const told = await explained(remote, error);
      await keep(told.message);
      throw told;
    });
    await keep();
  } finally {
    for (const { name, result, detail, hint, code } of test.findings) {
      if (result === 'failed') report.failed(name, code ?? 'remote-refused', detail, hint);
      else report.add({ name, result, detail, ...(hint === undefined ? {} : { hint }) });
    }
    const { advice, propose, left, collected } = test;
    report.written({ advice, propose, left, collected });
  }

  async function keep(refusal?: string): Promise<void> {
    const kept = await remember(own, remote, test, refusal);
    if (kept !== null) report.add(kept);
  }
}

/** Many servers do not say why they refuse; whether there is room left tells the usual reason. */
async function explained(remote: Remote, error: DepotError): Promise<DepotError> {
  const space = error.code === 'remote-refused' ? await remote.space().catch(() => null) : null;
  return space !== null && (space.freeBytes === 0 || space.freeFiles === 0) ? fullDisk(remote, error) : error;
}

/** Pushes take several lanes to a server that stood it, OpenSSH gets them anyway; and doctor says when the test was. */
async function remember(
  own: ArrangementState,
  remote: Remote,
  test: WriteTest,
  refusal: string | undefined,
): Promise<Finding | null> {
  const { server, hostKey } = remote;
  const there = await nearestExisting(own.directory);
  // What root makes in a state directory of another account, that account could not write to.
  const { uid } = await stat(there);
  if (process.getuid !== undefined && uid !== process.getuid()) {
    return {
      name: 'remembered',
      result: 'warning',
      detail: `result not kept: ${printable(there)} belongs to another account`,
      hint: `run it as the account that pushes: ${runAs(await accountOfUid(uid), '«depot …»')}`,
    };
  }
  const state = await ArrangementState.open(own.stateDirectory, own.arrangement);
  const failed = [
    ...test.findings.filter(({ result }) => result === 'failed').map(({ name, detail }) => `${name}: ${detail}`),
    ...(refusal === undefined ? [] : [refusal]),
  ];
  // A server that is full today is no other server.
  const before = refusal === undefined ? null : await lastWriteTest(state);
  const lanes = test.lanes ?? (before?.server === server && before.hostKey === hostKey ? before.lanes : null);
  const { directory } = remote.spec;
  const at = new Date().toISOString();
  await rememberWriteTest(state, { server, hostKey, account: accountOf(remote), directory, at, failed, lanes });
  return test.lanes === 'safe'
    ? { name: 'remembered', result: 'passed', detail: 'uploads to this server may use several lanes' }
    : null;
}

/** What a look without writing can say of it. */
export async function earlierWriteTest(remote: Remote, own: ArrangementState, report: Report): Promise<void> {
  const finding = await earlierFinding(remote, own);
  report.add(finding);
  if (finding.result === 'warning') report.doubt('A push may fail: the last write test failed.');
}

async function earlierFinding(remote: Remote, own: ArrangementState): Promise<Finding> {
  const name = 'writing';
  const run = `«depot doctor ${own.arrangement} --write-test»`;
  const last = await lastWriteTest(own);
  if (last === null) return { name, result: 'not possible', detail: `to test it with two files of a few MiB: ${run}` };
  const ageMs = ageOf(last.at, new Date());
  const when = `${ageMs === null ? 'at a time in the future' : ago(ageMs)} (${localTime(new Date(last.at))})`;
  const changed =
    last.server !== remote.server
      ? `the server, which was ${printable(last.server)},`
      : last.hostKey !== remote.hostKey
        ? 'the host key'
        : last.account !== accountOf(remote)
          ? `the account${last.account === '' ? '' : `, which was ${printable(last.account)},`}`
          : last.directory !== remote.spec.directory
            ? `the directory, which was ${printable(last.directory)},`
            : null;
  if (changed !== null) {
    const detail = `${changed} changed since the last write test; to test it again: ${run}`;
    return { name, result: 'not possible', detail };
  }
  if (last.failed.length === 0) return { name, result: 'passed', detail: `write test passed ${when}` };
  return {
    name,
    result: 'warning',
    detail: `write test failed ${when}: ${printable(last.failed.join('; '))}`,
    hint: `once the agent has changed that, or depot.yaml is corrected: ${run}`,
  };
}

function accountOf({ spec: { username, host, port } }: Remote): string {
  return `${username}@${host}:${port}`;
}
