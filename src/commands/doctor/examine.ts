/** The preflight of one arrangement: what a push would meet, in the order in which it would meet it. */
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Arrangement, Config, SourceSpec } from '../../config/types.js';
import { connectToAgent, withUsername } from '../../deposit/agent.js';
import { readRecipients, readSigner } from '../../deposit/keys.js';
import { Run } from '../../deposit/run.js';
import { accountOf, secretsFor } from '../../deposit/secrets.js';
import { DepotError, exitStatus, isDepotError, type ErrorCode } from '../../errors.js';
import { printable } from '../../printable.js';
import { lockHolder } from '../../receipt/lock.js';
import { readPending } from '../../receipt/pending.js';
import { lastDeposit } from '../../receipt/list.js';
import { ArrangementState } from '../../receipt/state.js';
import { rememberServer } from '../../receipt/tested-server.js';
import { describeSources, type SecretKind } from '../../secrets/lookup.js';
import { emptyTest, testWrites } from '../../sftp/probe.js';
import type { Remote } from '../../sftp/remote.js';
import { lookAt } from '../../sftp/settle.js';
import { age, bytes, labelled, localTime, shortFingerprint } from '../../ui/format.js';

export interface Finding {
  name: string;
  result: 'passed' | 'warning' | 'failed' | 'not possible';
  detail: string;
  hint?: string;
}

export interface Examination {
  arrangement: string;
  ok: boolean;
  /** After a write test: keys of `remote:` that fit the server better, and names that may still be there. */
  propose?: Record<string, string | number>;
  left?: string[];
  /** Test files that the agent took. */
  collected?: string[];
  /** What a push would exit with, as far as can be seen. */
  exit: number;
  checks: Finding[];
}

export interface Patient {
  config: Config;
  arrangement: Arrangement;
  servers: number;
  /** Two small files may be written to the server. */
  writeTest: boolean;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
  prompt: ((question: string) => Promise<string>) | undefined;
}

const day = 24 * 3600 * 1000;

export async function examine(given: Patient): Promise<Examination> {
  const o = { ...given, arrangement: await withUsername(given.config, given.arrangement) };
  const report = new Report();
  if (o.arrangement.ended !== undefined && new Date() >= o.arrangement.ended) {
    report.failed('arrangement', 'arrangement-ended', `ended on ${o.arrangement.ended.toISOString().slice(0, 10)}`, 'remove it from the schedule');
  }
  await report.attempt('state', () => state(o, report));
  await report.attempt('recipients', () => recipients(o, report));
  await report.attempt('signer', () => signer(o, report));
  for (const source of o.arrangement.sources) await report.attempt(`source ${source.name}`, () => lookAtSource(source, o.config, report));
  await secrets(o, report);
  await report.attempt('server', () => server(o, report));
  return report.end(o.arrangement.name);
}

class Report {
  readonly checks: Finding[] = [];
  #exit = 0;
  #written: Pick<Examination, 'propose' | 'left' | 'collected'> = {};

  written(test: Required<Pick<Examination, 'propose' | 'left' | 'collected'>>): void {
    this.#written = test;
  }

  passed(name: string, detail: string): void {
    this.checks.push({ name, result: 'passed', detail: printable(detail) });
  }

  warning(name: string, detail: string, hint?: string): void {
    this.checks.push({ name, result: 'warning', detail: printable(detail), ...(hint === undefined ? {} : { hint }) });
  }

  add(finding: Finding): void {
    this.checks.push(finding);
  }

  notPossible(name: string, detail: string): void {
    this.checks.push({ name, result: 'not possible', detail: printable(detail) });
  }

  failed(name: string, code: ErrorCode, detail: string, hint?: string): void {
    if (this.#exit === 0) this.#exit = exitStatus[code];
    this.checks.push({ name, result: 'failed', detail: printable(detail), ...(hint === undefined ? {} : { hint }) });
  }

  /** A DepotError is a finding; anything else is a defect and goes up, as does a signal. */
  async attempt(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isDepotError(error) || ['interrupted', 'terminated', 'hung-up', 'internal'].includes(error.code)) throw error;
      this.failed(name, error.code, error.message.replaceAll('\n', '; '), error.hint);
    }
  }

  end(arrangement: string): Examination {
    return { arrangement, ok: this.#exit === 0, exit: this.#exit, checks: this.checks, ...this.#written };
  }
}

async function state({ config, arrangement }: Patient, report: Report): Promise<void> {
  const own = new ArrangementState(config.state.path, arrangement.name);
  const there = await nearestExisting(own.directory);
  const writable = await access(there, constants.W_OK).then(() => true, () => false);
  if (!writable) throw new DepotError('local-not-writable', `${there} is not writable for this account`, { hint: 'run as the account of the scheduled run, or choose another place with state: or --state' });
  const holder = await lockHolder(own.directory);
  if (holder !== null) report.failed('lock', 'locked', `a push is running: process ${holder.pid} on ${holder.host || 'an unknown machine'}, since ${holder.since}`, 'wait for it to end');
  const { records, unreadable } = await readPending(own);
  for (const { path: file, reason } of unreadable) report.warning('pending', `${file}: ${reason}`, 'look at it; a deposit may be hidden behind it');
  for (const record of records) report.warning('pending', `${record.depositId} was left at stage ${record.stage}`, 'the next push settles it');
  const last = await lastDeposit(own);
  const since = last === null ? 'no deposit yet' : `last deposit ${localTime(new Date(last.finishedAt))}, ${age(Date.now() - Date.parse(last.finishedAt))} ago`;
  report.passed('state', `${own.directory}; ${since}`);
}

async function nearestExisting(directory: string): Promise<string> {
  for (let d = directory; ; d = path.dirname(d)) {
    if (await stat(d).then(() => true, () => false)) return d;
    if (d === path.dirname(d)) return d;
  }
}

async function recipients({ arrangement }: Patient, report: Report): Promise<void> {
  for (const recipient of await readRecipients(arrangement, new Date())) {
    const name = arrangement.beneficiaries.find((b) => b.fingerprint === recipient.fingerprint)?.name ?? '';
    report.passed('recipient', `${name} (${shortFingerprint(recipient.fingerprint)}), ${recipient.algorithm}, ${expiry(recipient.expiresAt)}`);
    for (const warning of recipient.warnings) report.warning('recipient', warning);
  }
}

async function signer(o: Patient, report: Report): Promise<void> {
  const { signer: key, warnings } = await readSigner(o.config, finder(o), new Date());
  report.passed('signer', `${shortFingerprint(key.fingerprint)}, ${key.algorithm}, ${expiry(key.expiresAt?.toISOString() ?? null)}; unlocked`);
  for (const warning of warnings) report.warning('signer', warning);
}

function expiry(expiresAt: string | null): string {
  if (expiresAt === null) return 'does not expire';
  return `expires in ${Math.floor((Date.parse(expiresAt) - Date.now()) / day)} days`;
}

/** Only what can be seen without running anything: a file that `prepare` makes is not there yet. */
async function lookAtSource(source: SourceSpec, config: Config, report: Report): Promise<void> {
  const name = `source ${source.name}`;
  if (source.kind === 'stdin') { report.notPossible(name, 'standard input, which only a push has'); return; }
  if (source.kind === 'command') {
    const [program = ''] = source.command;
    if (!program.includes(path.sep)) { report.notPossible(name, `command ${program}; shown by depot push --dry-run`); return; }
    await mayUse(path.resolve(config.directory, program), constants.X_OK);
    report.passed(name, `command ${program}`); return;
  }
  if (source.prepare !== undefined) { report.notPossible(name, `${source.path} is made by its prepare command; shown by depot push --dry-run`); return; }
  await mayUse(source.path, source.kind === 'directory' ? constants.R_OK | constants.X_OK : constants.R_OK);
  report.passed(name, `${source.kind} ${source.path}`);
}

async function mayUse(file: string, mode: number): Promise<void> {
  try {
    await access(file, mode);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DepotError('source-failed', `${file} ${missing ? 'does not exist' : 'may not be read by this account'}`, { hint: 'check the path, and the account that pushes', cause });
  }
}

/** Where each secret comes from, and who can read it. A missing one shows at the login. */
async function secrets(o: Patient, report: Report): Promise<void> {
  const kinds: [SecretKind, string][] = [['password', 'password'], ...(o.arrangement.remote.privateKey === undefined ? [] : [['privateKeyPassphrase', 'SSH key'] as [SecretKind, string]]), ['signingKeyPassphrase', 'signing key']];
  for (const [kind, name] of kinds) {
    const sources = await describeSources({
      kind, env: o.env, servers: o.servers, configDirectory: o.config.directory, account: accountOf(o.arrangement),
      refs: kind === 'signingKeyPassphrase' ? o.config.supplier.passphrase : o.arrangement.remote[kind],
      key: kind === 'signingKeyPassphrase' ? o.config.supplier.signingKey : o.arrangement.remote.privateKey,
    });
    const first = sources.find((s) => s.present === true && s.source !== 'prompt');
    if (first === undefined) report.notPossible(`secret ${name}`, 'stored nowhere; fine where none is needed');
    else if (first.problem !== undefined) report.warning(`secret ${name}`, `${first.where}: ${first.problem}`);
    else report.passed(`secret ${name}`, `${first.where}; readable by ${first.readableBy}`);
  }
}

async function server(o: Patient, report: Report): Promise<void> {
  const { arrangement, signal } = o;
  const agent = await connectToAgent({ arrangement, retryForMs: 0 }, finder(o), { signal, warn: (message) => { report.warning('server', message); }, run: new Run(arrangement.name) });
  try {
    const { remote } = agent;
    report.passed('server', `${agent.address}, ${remote.server}`);
    report.passed('host key', remote.hostKey);
    report.passed('login', `as ${remote.spec.username}`);
    const { directory } = remote.spec;
    const found = await remote.run((channel) => lookAt(channel, directory === '' ? '.' : directory));
    if (found === null) report.failed('directory', 'remote-no-directory', `${directory} is not there`, 'ask the agent for the directory, and correct remote.directory');
    else if (found === 'unreadable') report.notPossible('directory', `${directory}: the server does not show it, which is allowed`);
    else report.passed('directory', directory);
    const space = await remote.space();
    if (space !== null) report.passed('space', `${bytes(space.freeBytes)} free at the server`);
    if (o.writeTest) await writeTest(remote, o, report);
  } finally {
    await agent.close();
  }
}

/** What was found counts, and what is left there is said, also when the test could not be ended. */
async function writeTest(remote: Remote, { config, arrangement }: Patient, report: Report): Promise<void> {
  const test = emptyTest();
  try {
    await testWrites(remote, test);
    const kept = await remember(new ArrangementState(config.state.path, arrangement.name), remote, test.laneSafe);
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

function finder(o: Patient): ReturnType<typeof secretsFor> {
  const { config, arrangement, env, servers, signal, prompt } = o;
  return secretsFor({ config, arrangement, env, servers, signal, ...(prompt === undefined ? {} : { prompt }) });
}

const marks = { 'passed': ['✓', 'green'], 'warning': ['!', 'yellow'], 'failed': ['✗', 'red'], 'not possible': ['–', 'dim'] } as const;

export function examinationLines(e: Examination, paint: (style: 'green' | 'yellow' | 'red' | 'dim' | 'bold', text: string) => string): string[] {
  const width = Math.max(...e.checks.map((c) => c.name.length));
  return [
    paint('bold', e.arrangement),
    ...e.checks.flatMap(({ name, result, detail, hint }) => {
      const [mark, style] = marks[result];
      const word = result === 'passed' ? '' : paint(style, `${result}: `);
      return [`${paint(style, mark)} ${name.padEnd(width)}  ${word}${detail}`, ...(hint === undefined ? [] : [`  ${' '.repeat(width)}  ${hint}`])];
    }),
    ...(e.propose === undefined || Object.keys(e.propose).length === 0 ? [] : ['propose in depot.yaml, for this arrangement or for all:', '  remote:', ...Object.entries(e.propose).map(([key, value]) => `    ${key}: ${value}`)]),
    ...(e.left === undefined ? [] : [labelled('left there', e.left.length === 0 ? 'nothing' : e.left.map((name) => printable(name)).join(', '))]),
    labelled('push', e.exit === 0 ? 'would begin' : `would exit with ${e.exit}`),
  ];
}
