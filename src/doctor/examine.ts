/** The preflight of one arrangement: what a push would meet, in the order in which it would meet it. */
import { lookup } from 'node:dns/promises';
import { access, constants, statfs } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Arrangement, Config } from '../config/types.js';
import { connectToAgent, placeFor, withUsername } from '../push/agent.js';
import { readRecipients, readSigner } from '../push/keys.js';
import type { Logins } from '../push/logins.js';
import { Run } from '../push/run.js';
import { type SecretFinder, secretsFor } from '../push/secrets.js';
import { judgeAge, lateWords } from '../standing/standing.js';
import { DepotError, isDepotError } from '../errors.js';
import { type ErrorCode, exitStatus } from '../texts/exits.js';
import { codeOrSaid, printable } from '../printable.js';
import { ledgerGap } from '../state/ledger.js';
import { lockHolder } from '../state/lock.js';
import { readPending, pendingWords } from '../state/pending.js';
import { lastDeposit } from '../state/list.js';
import { leftBehind } from '../state/leftover.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { readStrays } from '../state/strays.js';
import { lanesSeen } from '../state/tested-server.js';
import type { Secret } from '../secret.js';
import { shellWord } from '../shell.js';
import type { SecretKind } from '../secrets/request.js';
import type { SftpChannel } from '../sftp/channel.js';
import { type LaneRule, lanesAllowed, mostLanes } from '../sftp/lanes.js';
import { wasReached } from '../sftp/dial.js';
import { scanHostKeys } from '../sftp/scan.js';
import { age, bytes, labelled, localTime, shortFingerprint } from '../ui/format.js';
import type { Line } from '../ui/wrap.js';
import { kindOf } from '../sftp/stat.js';
import type { Finding } from './finding.js';
import { nearestExisting } from './nearest-existing.js';
import { closedRecord } from './records.js';
import { lookAtSources } from './sources.js';
import { accountFinding, secretFindings, wayIn } from './secrets.js';
import { earlierWriteTest, writeTest, type Written } from './write-test.js';

export interface Examination extends Partial<Written> {
  arrangement: string;
  ok: boolean;
  /** What a push would exit with, as far as can be seen. */
  exit: number;
  checks: Finding[];
}

export interface Patient {
  config: Config;
  arrangement: Arrangement;
  logins: Logins;
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
  const elsewhere = await accountFinding(
    o.config,
    `«depot doctor ${o.arrangement.name} --config ${shellWord(o.config.path)}»`,
  );
  if (elsewhere !== null) report.add(elsewhere);
  await report.attempt('state', () => state(o, report));
  if (o.arrangement.ended !== undefined && new Date() >= o.arrangement.ended) {
    report.failed(
      'arrangement',
      'arrangement-ended',
      `ended on ${o.arrangement.ended.toISOString().slice(0, 10)}`,
      'remove it from the schedule',
    );
  }
  await report.attempt('recipients', () => recipients(o, report));
  const secrets = new Secrets(finder(o), await secretFindings(o));
  await report.attempt('signer', () => signer(o, secrets, report));
  for (const finding of secrets.findings.values()) report.add(finding);
  let freeThere: number | null = null;
  await report.attempt('server', async () => {
    freeThere = await server(o, secrets, report);
  });
  // Last, as in a push: no source is started before the login.
  const size = await lookAtSources(o, report);
  await report.attempt('space', () => spaceThere(o, size, freeThere, report));
  await report.attempt('spool', () => spoolSpace(o, size, report));
  return report.end(o.arrangement.name);
}

class Report {
  readonly checks: Finding[] = [];
  #exit = 0;
  #written: Partial<Written> = {};

  written(test: Written): void {
    this.#written = test;
  }

  passed(name: string, detail: string): void {
    this.checks.push({ name, result: 'passed', detail: printable(detail) });
  }

  warning(name: string, detail: string, hint?: string): void {
    this.checks.push({
      name,
      result: 'warning',
      detail: printable(detail),
      ...(hint === undefined ? {} : { hint: printable(hint) }),
    });
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
      if (!isDepotError(error) || ['interrupted', 'terminated', 'hung-up', 'internal'].includes(error.code))
        throw error;
      this.failed(name, error.code, error.message.replaceAll('\n', '; '), error.hint);
    }
  }

  /** A secret that was looked at already is why `name` could not be: told once, there, with what to do about it. */
  forWantOf(secret: Finding, name: string, code: ErrorCode): void {
    if (this.#exit === 0) this.#exit = exitStatus[code];
    secret.result = 'failed';
    this.notPossible(name, `skipped: the ${secret.name} is not available`);
  }

  end(arrangement: string): Examination {
    return { arrangement, ok: this.#exit === 0, exit: this.#exit, checks: this.checks, ...this.#written };
  }
}

async function state({ config, arrangement }: Patient, report: Report): Promise<void> {
  const own = new ArrangementState(config.state.path, arrangement.name);
  await own.requireOwn();
  const left = await leftBehind(own.stateDirectory, own.directory);
  if (left !== null) throw left;
  const there = await nearestExisting(own.directory);
  const writable = await access(there, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!writable)
    throw new DepotError('local-not-writable', `${there} is not writable for this account`, {
      hint: 'run it as the account that pushes, or choose another place: --state DIRECTORY',
    });
  const holder = await lockHolder(own.directory);
  if (holder !== null)
    report.failed(
      'lock',
      'locked',
      `a push is running: process ${holder.pid} on ${holder.host || 'an unknown machine'}, since ${holder.since}`,
      'wait for it to end',
    );
  const closed = await closedRecord(own, config);
  if (closed !== null) report.warning('records', closed.detail, closed.hint);
  const { records, unreadable } = await readPending(own);
  for (const { path: file, reason } of unreadable)
    report.warning('pending', `${file}: ${reason}`, 'look at it; a deposit may be hidden behind it');
  const gap = await ledgerGap(own);
  if (gap !== null) report.failed('ledger', gap.code, gap.message, gap.hint);
  const goesTo = await placeFor(config, arrangement).catch(() => null);
  for (const record of records) report.warning('pending', `${record.depositId} ${pendingWords(record, goesTo)}`);
  for (const { name } of (await readStrays(own)).strays)
    report.warning(
      'may appear',
      `${name} may yet appear at the agent, truncated; it is no deposit`,
      'the next push looks for it',
    );
  report.passed('state', own.directory);
  const last = await lastDeposit(own);
  await localSpace(there, arrangement, last?.bytes ?? 0, report);
  const judged = judgeAge(arrangement, last, undefined, new Date());
  if (last === null) report.passed('last deposit', 'none yet');
  else if (judged.stale || judged.inFuture)
    report.warning(
      'last deposit',
      lateWords({ lastDeposit: last, ...judged }),
      'look at what the last run said: «depot status»',
    );
  else report.passed('last deposit', `${localTime(new Date(last.finishedAt))}, ${age(judged.ageMs ?? 0)} ago`);
}

async function localSpace(
  directory: string,
  { spool, name }: Arrangement,
  lastBytes: number,
  report: Report,
): Promise<void> {
  const space = await statfs(directory).catch(() => null);
  if (space === null) {
    report.notPossible('local space', `${directory} does not say`);
    return;
  }
  const free = space.bavail * space.bsize;
  const needed = Math.max(spool ? lastBytes : 0, leastSpace);
  if (free >= needed) report.passed('local space', `${bytes(free)} free for the state`);
  else
    report.failed(
      'local space',
      'local-disk-full',
      `${bytes(free)} free for the state, and ${bytes(needed)} may be needed`,
      spool ? `free space there, or set spool: false for ${name}` : 'free space there',
    );
}

/** A first deposit, or one that grew: as a push, which compresses what it spools, it fails where nothing is compressed and else is in doubt. */
async function spoolSpace({ config, arrangement }: Patient, size: number | null, report: Report): Promise<void> {
  if (!arrangement.spool) return;
  const own = new ArrangementState(config.state.path, arrangement.name);
  const space = await statfs(await nearestExisting(own.directory)).catch(() => null);
  if (space === null) return;
  const free = space.bavail * space.bsize;
  if (size === null) {
    report.notPossible(
      'spool',
      `${bytes(free)} free; how much the sources will have is not known before they are read`,
    );
    return;
  }
  const what = `the sources have ${bytes(size)}, and there is room for ${bytes(free)}`;
  const hint = `free space there, or set spool: false for ${arrangement.name}`;
  if (size <= free) report.passed('spool', what);
  else if (arrangement.compression === 'none' && (await lastDeposit(own)) === null)
    report.failed('spool', 'local-disk-full', what, hint);
  else report.warning('spool', `${what}: a push works only if they compress to that`, hint);
}

/** Whether the agent's disk holds what comes: as much as the last time, or for a first deposit, what the sources have. */
async function spaceThere(
  { config, arrangement }: Patient,
  size: number | null,
  free: number | null,
  report: Report,
): Promise<void> {
  const last = await lastDeposit(new ArrangementState(config.state.path, arrangement.name));
  const most = last?.bytes ?? size;
  if (free === null || most === null || most <= free) return;
  const hint = 'ask the agent for more space';
  const what = `${last === null ? `the sources have ${bytes(most)}` : `the last deposit took ${bytes(most)}`}, and ${bytes(free)} are free at the server`;
  if (last === null && arrangement.compression === 'none') report.failed('space', 'remote-no-space', what, hint);
  else report.warning('space', `${what}: a push works only if it takes less`, hint);
}

/** What receipts and records take, at least. */
const leastSpace = 2 ** 20;

async function recipients({ arrangement }: Patient, report: Report): Promise<void> {
  for (const recipient of await readRecipients(arrangement, new Date())) {
    const name = arrangement.beneficiaries.find((b) => b.fingerprint === recipient.fingerprint)?.name ?? '';
    report.passed(
      'recipient',
      `${name} (${shortFingerprint(recipient.fingerprint)}), ${recipient.algorithm}, ${expiry(recipient.expiresAt)}`,
    );
    for (const warning of recipient.warnings)
      report.warning(
        'recipient',
        warning,
        `ask ${name === '' ? 'the beneficiary' : name} for a new key in time, then: «depot key add ${arrangement.name} FILE --fingerprint F»`,
      );
  }
}

/** Looks secrets up, and knows which of them kept the work from going on. */
class Secrets {
  #lacking: SecretKind | undefined;

  constructor(
    readonly lookup: SecretFinder,
    readonly findings: ReadonlyMap<SecretKind, Finding>,
  ) {}

  async find(kind: SecretKind, note?: (message: string) => void): Promise<Secret | null> {
    this.#lacking = kind;
    const found = await this.lookup.find(kind, note);
    if (found !== null) this.#lacking = undefined;
    return found;
  }

  whence(kind: SecretKind): string | undefined {
    return this.lookup.whence?.(kind);
  }

  /** The finding that says already what `error` says, or undefined. */
  culprit(error: DepotError): Finding | undefined {
    if (this.#lacking === undefined || !['secret-missing', 'secret-insecure'].includes(error.code)) return undefined;
    const finding = this.findings.get(this.#lacking);
    return finding?.result === 'warning' ? finding : undefined;
  }
}

async function signer(o: Patient, secrets: Secrets, report: Report): Promise<void> {
  const { config, arrangement } = o;
  const file = config.supplier.signingKey;
  const read = await readSigner(config, secrets, new Date()).catch(async (error: unknown) => {
    if (!isDepotError(error)) throw error;
    const culprit = secrets.culprit(error);
    if (culprit === undefined) throw await withWayIn(error, file, config, arrangement);
    report.forWantOf(culprit, 'signer', error.code);
    return null;
  });
  if (read === null) return;
  const { signer: key, warnings } = read;
  report.passed(
    'signer',
    `${shortFingerprint(key.fingerprint)}, ${key.algorithm}, ${expiry(key.expiresAt?.toISOString() ?? null)}; unlocked`,
  );
  for (const warning of warnings)
    report.warning(
      'signer',
      warning,
      'make a new one in time, with: «depot key generate signer --help»; and keep the old public key, which checks the receipts so far',
    );
}

/** A key that is closed to the account that pushes gets the line that opens it to that one. */
async function withWayIn(
  error: DepotError,
  file: string,
  config: Config,
  arrangement: Arrangement,
): Promise<DepotError> {
  const closed =
    error.code === 'secret-insecure' || (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EACCES';
  if (closed) error.hint = await wayIn(file, config, arrangement);
  return error;
}

function expiry(expiresAt: string | null): string {
  if (expiresAt === null) return 'does not expire';
  return `expires in ${Math.floor((Date.parse(expiresAt) - Date.now()) / day)} days`;
}

/** How many bytes are free there; null where there was no login, or the server does not say. */
async function server(o: Patient, secrets: Secrets, report: Report): Promise<number | null> {
  const { arrangement, signal } = o;
  const { host, port } = arrangement.remote;
  if (isIP(host) === 0) await nameResolves(host, report);
  const agent = await connectToAgent({ arrangement, retryForMs: 0 }, secrets, {
    signal,
    warn: (message) => {
      report.warning('server', message);
    },
    run: new Run(arrangement.name),
  }).catch(async (error: unknown) => {
    const at = isDepotError(error) ? stages[error.code] : undefined;
    if (!isDepotError(error) || at === undefined) throw error;
    const answered = at.answered || wasReached(error);
    if (answered) report.passed('port', `${host}:${port} answers`);
    if (error.code === 'host-key-unknown') await noHostKey(o, report);
    if (error.code === 'login-refused') report.passed('host key', 'is the pinned one');
    const culprit = secrets.culprit(error);
    if (culprit !== undefined) report.forWantOf(culprit, at.name, error.code);
    else {
      if (arrangement.remote.privateKey !== undefined)
        await withWayIn(error, arrangement.remote.privateKey, o.config, arrangement);
      // What comes next here is this again, not a push.
      report.failed(
        answered && error.code === 'unreachable' ? 'connection' : at.name,
        error.code,
        error.message.replaceAll('\n', '; '),
        error.hint?.replace(/«depot push[^»]*»/, '«depot …»'),
      );
    }
    report.notPossible('directory', 'skipped, since there was no login');
    return null;
  });
  if (agent === null) return null;
  try {
    const { remote } = agent;
    report.passed('server', `${agent.address}, ${remote.server}`);
    report.passed('host key', remote.hostKey);
    report.passed('login', `as ${remote.spec.username}`);
    const { directory } = remote.spec;
    const found = await remote.run((channel) => kindOf(channel, directory === '' ? '.' : directory));
    if (found === null)
      report.failed(
        'directory',
        'remote-no-directory',
        `${directory} is not there`,
        'ask the agent for the directory, and correct remote.directory',
      );
    else if (found === 'file')
      report.failed(
        'directory',
        'remote-no-directory',
        `${directory} is a file, not a directory`,
        'ask the agent for the directory, and correct remote.directory',
      );
    else if (found === 'unreadable')
      report.notPossible('directory', `${directory}: the server does not show it, which is allowed`);
    else report.passed('directory', directory);
    const space = await remote.space();
    if (space !== null) report.passed('space', `${bytes(space.freeBytes)} free at the server`);
    else report.notPossible('space', 'the server does not say');
    report.passed('offers', await remote.run((channel) => Promise.resolve(offers(channel))));
    const own = new ArrangementState(o.config.state.path, arrangement.name);
    if (o.writeTest) await writeTest(remote, own, report);
    else report.add(await earlierWriteTest(remote, own));
    report.passed(
      'uploads',
      laneWords(remote.spec, lanesAllowed({ ...remote.spec, ...(await lanesSeen(own)) }, remote)),
    );
    return space?.freeBytes ?? null;
  } finally {
    await agent.close();
  }
}

/** What the server says of itself, as far as a push uses it. */
function offers(channel: SftpChannel): string {
  const flushes = channel.has('fsync@openssh.com')
    ? 'flushes files before they are published (fsync)'
    : 'no fsync: receipts say size-checked or acknowledged-only';
  return `writes of up to ${bytes(channel.writeSize)}; ${flushes}`;
}

/** How many channels an upload may use at once, and which setting or record decides it. */
function laneWords({ lanes: wanted }: { lanes: 'auto' | number }, { lanes, because }: LaneRule): string {
  const known = because === 'OpenSSH' ? 'safe with OpenSSH' : 'the write test found them safe here';
  if (because === 'publish: direct')
    return '1 channel: with publish: direct the server may collect the file when a second channel closes it';
  if (because === 'one channel') return '1 channel: the server accepted no more in the write test';
  if (because === 'unsafe') return '1 channel: in the write test the server got parallel writes wrong';
  if (because === 'untested')
    return `1 channel${wanted === 1 ? ', set by remote.lanes' : '; to use more, pass the write test: depot doctor --write-test'}`;
  if (lanes === 'auto') return `1–${mostLanes} parallel channels, adapted to the connection; ${known}`;
  return `${lanes === 1 ? '1 channel' : `${lanes} parallel channels`}, set by remote.lanes${lanes === 1 ? '' : `; ${known}`}`;
}

/** The check that an error of connecting belongs to, and whether the server had answered by then. */
const stages: Partial<Record<ErrorCode, { name: string; answered: boolean }>> = {
  unreachable: { name: 'port', answered: false },
  'host-key-unknown': { name: 'host key', answered: false },
  'host-key-changed': { name: 'host key', answered: true },
  'login-refused': { name: 'login', answered: true },
  'secret-missing': { name: 'login', answered: false },
  'secret-insecure': { name: 'login', answered: false },
  'passphrase-wrong': { name: 'login', answered: false },
};

/** Whether «depot trust», which is what comes next, would get anywhere. @throws DepotError that says why not */
async function noHostKey(
  {
    arrangement: {
      remote: { host, port, connectTimeout },
    },
    signal,
  }: Patient,
  report: Report,
): Promise<void> {
  try {
    const shown = await scanHostKeys(host, port, { timeoutMs: connectTimeout, signal });
    report.passed(
      'port',
      `${host}:${port} answers, and shows ${shown.map(({ type, fingerprint }) => `${type} ${fingerprint}`).join(', ')}`,
    );
  } catch (error) {
    if (!isDepotError(error)) throw error;
    // Where nothing is pinned a push does not even connect, and that is what it would end with.
    report.warning('server', error.message.replaceAll('\n', '; '), error.hint);
  }
}

async function nameResolves(host: string, report: Report): Promise<void> {
  const found = await lookup(host).catch((error: unknown) => codeOrSaid(error));
  if (typeof found === 'string')
    report.warning(
      'name',
      found === 'ENOTFOUND' ? `${host} has no address here` : `the address of ${host} could not be looked up: ${found}`,
      'bring up the VPN, whose name servers may know it, and check remote.host',
    );
  else report.passed('name', `${host} is ${found.address}`);
}

function finder(o: Patient): SecretFinder {
  const { config, arrangement, env, logins, signal, prompt } = o;
  return secretsFor({ config, arrangement, env, logins, signal, ...(prompt === undefined ? {} : { prompt }) });
}

const marks = {
  passed: ['✓', 'green'],
  warning: ['!', 'yellow'],
  failed: ['✗', 'red'],
  'not possible': ['·', 'dim'],
} as const;

/** As people read it; scripts have the word of the finding. */
const words = { warning: 'warning: ', failed: 'failed: ', 'not possible': 'not tested: ' } as const;

export function examinationLines(
  e: Examination,
  paint: (style: 'green' | 'yellow' | 'red' | 'dim' | 'bold', text: string) => string,
): Line[] {
  const width = Math.max(...e.checks.map((c) => c.name.length));
  return [
    paint('bold', e.arrangement),
    ...e.checks.flatMap(({ name, result, detail, hint }) => {
      const [mark, style] = marks[result];
      const word = result === 'passed' ? '' : paint(style, words[result]);
      const hang = width + 4;
      return [
        { text: `${paint(style, mark)} ${name.padEnd(width)}  ${word}${detail}`, hang },
        ...(hint === undefined ? [] : [{ text: `${' '.repeat(hang)}${hint}`, hang }]),
      ];
    }),
    ...(e.propose === undefined || Object.keys(e.propose).length === 0
      ? []
      : [
          'propose in depot.yaml, for this arrangement or for all:',
          '  remote:',
          ...Object.entries(e.propose).map(([key, value]) => `    ${key}: ${value}`),
        ]),
    ...(e.left === undefined
      ? []
      : [labelled('left there', e.left.length === 0 ? 'nothing' : e.left.map((name) => printable(name)).join(', '))]),
    labelled('push', outlook(e)),
  ];
}

/** In one sentence or two: would it work, and what does that leave open? */
function outlook(e: Examination): string {
  if (e.exit !== 0) return `would exit with ${e.exit}`;
  const written = e.propose !== undefined || e.checks.some((c) => c.name === 'writing' && c.result === 'passed');
  const open = [
    ...(written ? [] : ['writing to the server']),
    ...e.checks.filter((c) => c.result === 'not possible' && /^(?:source |spool$)/.test(c.name)).map((c) => c.name),
  ];
  if (open.length === 0) return 'A push should work.';
  const list = open.length === 1 ? open[0]! : `${open.slice(0, -1).join(', ')} and ${open.at(-1)!}`;
  return `A push should work. ${list[0]!.toUpperCase()}${list.slice(1)} ${open.length === 1 ? 'was' : 'were'} not tested.`;
}
