/** What the agent's server says: its name, port, host key, login, directory and offers. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { RemoteSettings } from '../config/types.js';
import { connectToAgent, hopOf } from '../push/agent.js';
import { Run } from '../push/run.js';
import { isDepotError } from '../errors.js';
import { type ErrorCode } from '../texts/exits.js';
import { codeOrSaid, printable } from '../printable.js';
import { ArrangementState } from '../state/arrangement-state.js';
import { lanesSeen } from '../state/tested-server.js';
import type { SftpChannel } from '../sftp/channel.js';
import { type LaneRule, lanesAllowed, mostLanes } from '../sftp/lanes.js';
import { Unreachable, wasReached } from '../sftp/dial.js';
import { address } from '../sftp/hostkeys.js';
import { Beyond, tunnel } from '../sftp/jump.js';
import { scanHostKeys } from '../sftp/scan.js';
import { bytes } from '../ui/format.js';
import { kindOf } from '../sftp/stat.js';
import { earlierWriteTest, writeTest } from './write-test.js';
import type { Patient, Report } from './findings.js';
import { type Secrets, withWayIn } from './secret-checks.js';

/** How many bytes are free there; null where there was no login, or the server does not say. */
export async function server(o: Patient, secrets: Secrets, report: Report): Promise<number | null> {
  const { arrangement, signal } = o;
  const { host, port, proxyJump } = arrangement.remote;
  sshConfig(arrangement.remote, report);
  const between = proxyJump?.host ?? host;
  if (isIP(between) === 0) await nameResolves(between, report);
  if (proxyJump !== undefined && !(await jumpHost(o, secrets, report))) {
    report.notPossible('directory', 'skipped, since there was no login');
    return null;
  }
  const agent = await connectToAgent({ arrangement, retryForMs: 0 }, secrets, {
    signal,
    warn: (message) => report.warning('server', message),
    run: new Run(arrangement.name),
  }).catch(async (error: unknown) => {
    const at = isDepotError(error) ? stages[error.code] : undefined;
    if (!isDepotError(error) || at === undefined) throw error;
    const answered = at.answered || wasReached(error);
    if (answered) report.passed('port', `${host}:${port} answers`);
    if (error.code === 'host-key-unknown') await noHostKey(o, secrets, report);
    if (error.code === 'login-refused') report.passed('host key', 'matches the pinned key');
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
    if (found === null || found === 'file')
      report.failed(
        'directory',
        'remote-no-directory',
        `${directory} ${found === null ? 'is not there' : 'is a file, not a directory'}`,
        'ask the agent for the directory, and correct remote.directory',
      );
    else if (found === 'unreadable')
      report.notPossible('directory', `${directory}: the server does not show it, which is allowed`);
    else report.passed('directory', directory);
    const space = await remote.space();
    if (space !== null) report.passed('space', `${bytes(space.freeBytes)} free at the server`);
    else report.notPossible('space', 'the server does not report its free space');
    report.passed('offers', await remote.run((channel) => Promise.resolve(offers(channel))));
    const own = new ArrangementState(o.config.state.path, arrangement.name);
    if (o.writeTest) await report.attempt('writing', () => writeTest(remote, own, arrangement, report));
    else await earlierWriteTest(remote, own, report);
    report.passed(
      'uploads',
      laneWords(arrangement.name, remote.spec, lanesAllowed({ ...remote.spec, ...(await lanesSeen(own)) }, remote)),
    );
    return space?.freeBytes ?? null;
  } finally {
    await agent.close();
  }
}

/** What ssh's configuration, and depot.yaml over it, made of an alias. */
function sshConfig({ sshAlias, sshOverridden = [], ...remote }: RemoteSettings, report: Report): void {
  if (sshAlias === undefined) return;
  const { username, privateKey, proxyJump } = remote;
  const user = username === undefined ? '' : `${printable(username)}@`;
  const key = privateKey === undefined ? '' : `, key ${printable(privateKey)}`;
  const jump = proxyJump === undefined ? '' : `, through ${address(proxyJump)}`;
  const instead = sshOverridden.length === 0 ? '' : `; depot.yaml overrides ${sshOverridden.map(printable).join(', ')}`;
  report.passed('ssh config', `${printable(sshAlias)} is ${user}${address(remote)}${key}${jump}${instead}`);
}

/** The server between: whether it is the one that is pinned, and lets us in. What lies behind it is another check. */
async function jumpHost({ arrangement, signal }: Patient, secrets: Secrets, report: Report): Promise<boolean> {
  const { host, port, proxyJump } = arrangement.remote;
  const name = 'jump host';
  const at = proxyJump === undefined ? '' : address(proxyJump);
  try {
    const hop = await hopOf(arrangement, secrets);
    if (hop === undefined) return true;
    (await tunnel(hop, { host, port }, signal)).destroy();
    report.passed(name, `${at}, as ${hop.spec.username}; its host key matches the pinned key`);
    return true;
  } catch (error) {
    if (error instanceof Beyond) {
      report.passed(name, `${at}; its host key matches the pinned key`);
      return true;
    }
    if (isDepotError(error)) report.failed(name, error.code, error.message.replaceAll('\n', '; '), error.hint);
    else if (error instanceof Unreachable)
      report.failed(name, 'unreachable', `${address({ host, port })} ${error.why}`, error.hint ?? 'bring up the VPN');
    else throw error;
    return false;
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
function laneWords(
  arrangement: string,
  { lanes: wanted }: { lanes: 'auto' | number },
  { lanes, because }: LaneRule,
): string {
  const known = because === 'OpenSSH' ? 'safe with OpenSSH' : 'the write test found them safe here';
  if (because === 'publish: direct')
    return '1 channel: with publish: direct the server may collect the file when a second channel closes it';
  if (because === 'one channel') return '1 channel: the server accepted no more in the write test';
  if (because === 'unsafe')
    return '1 channel: in the write test, what came over two channels did not make one right file';
  if (because === 'untested')
    return `1 channel${wanted === 1 ? ', set by remote.lanes' : `; to allow more, run the write test (it must be able to read its files back): «depot doctor ${arrangement} --write-test»`}`;
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
async function noHostKey({ arrangement, signal }: Patient, secrets: Secrets, report: Report): Promise<void> {
  const { host, port, connectTimeout } = arrangement.remote;
  try {
    const hop = await hopOf(arrangement, secrets);
    const shown = await scanHostKeys(host, port, { timeoutMs: connectTimeout, signal, hop });
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
  const found = await lookup(host, { all: true }).catch((error: unknown) => codeOrSaid(error));
  if (typeof found === 'string')
    report.warning(
      'name',
      found === 'ENOTFOUND' ? `${host} has no address here` : `the address of ${host} could not be looked up: ${found}`,
      'bring up the VPN, since its name servers may know it, and check remote.host',
    );
  else report.passed('name', `${host} is ${found.map(({ address }) => address).join(' and ')}`);
}
