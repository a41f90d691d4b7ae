import type { Stats } from 'node:fs';
import { orAborted } from '../abort.js';
import { homeOf } from '../config/locate.js';
import { isSshAlias } from '../config/ssh-hosts.js';
import type { Arrangement, Config } from '../config/types.js';
import { DepotError, isDepotError } from '../errors.js';
import { requirePrivate } from '../permissions.js';
import { printable } from '../printable.js';
import type { Place } from '../state/pending.js';
import { findUsername } from '../secrets/login.js';
import { type Hop, prepareHop } from '../sftp/jump.js';
import { connect, type Remote } from '../sftp/remote.js';
import { isPublic } from '../sftp/private-key.js';
import type { Connections } from '../sftp/connections.js';
import type { Endpoint, Login, PrivateKeyName, RemoteSpec, TransportHooks } from '../sftp/types.js';
import { readBoundedFile } from '../plain-file.js';
import type { Run } from './run.js';
import type { SecretFinder } from './secret-finder.js';

/** The escrow agent's server, logged in to for one arrangement. */
export interface Agent {
  remote: Remote;
  /** `host:port`, for people. */
  address: string;
  /** Where deposits of this arrangement go; a pending record is settled only at the same place. */
  place: Place;
  stats: Remote['stats'];
  close(): Promise<void>;
}

/**
 * Connects with the pinned host key and logs in; with `connections`, over one that other arrangements use too.
 * @throws DepotError 'host-key-…', 'login-refused', 'secret-missing', 'unreachable' and what else `connect` says
 */
export async function connectToAgent(
  o: {
    arrangement: Arrangement;
    retryForMs: number;
    connectForMs?: number;
    lanesSeen?: Pick<RemoteSpec, 'laneSafe' | 'oneLane'>;
    throttle?: RemoteSpec['throttle'];
  },
  secrets: SecretFinder,
  hooks: TransportHooks & { run: Run },
  connections?: Connections,
): Promise<Agent> {
  const spec = await remoteSpecOf(o.arrangement, o);
  Object.assign(spec, o.lanesSeen, { throttle: o.throttle });
  const { run, ...transport } = hooks;
  const remote = await connect(
    spec,
    await orAborted(loginOf(o.arrangement, secrets), hooks.signal),
    transport,
    connections?.to(accountKey(spec, o.arrangement), hopKey(spec, o.arrangement)),
  );
  run.attempts = remote.stats.attempts;
  return {
    remote,
    address: `${spec.host}:${spec.port}`,
    place: placeOf(spec),
    stats: remote.stats,
    close: () => remote.close(),
  };
}

type Whereto = Pick<RemoteSpec, 'username' | 'host' | 'port' | 'directory'>;
function placeOf({ username, host, port, directory }: Whereto): Place {
  return { account: `${username}@${host}:${port}`, directory };
}

/** Where pushes of an arrangement go; null when nobody knows the user name. */
export async function placeFor(config: Config, arrangement: Arrangement): Promise<Place | null> {
  const { remote } = await withUsername(config, arrangement);
  const { username } = remote;
  return username === undefined ? null : placeOf({ ...remote, username });
}

/** Alike for arrangements that may share a connection: the same server, account, trust, secrets and patience. */
function accountKey(spec: RemoteSpec, { remote }: Arrangement): string {
  const { host, port, username, hostKeys, knownHostsFile, connectTimeoutMs, stallMs, proxyJump } = spec;
  const { privateKey, sshAgent, password, privateKeyPassphrase } = remote;
  // Whose the hop is, and where its pin stands, say nothing of it.
  const jump = [{ ...proxyJump, arrangement: undefined, hostKeysAt: undefined }, remote.proxyJump];
  const server = [host, port, username, hostKeys, knownHostsFile, connectTimeoutMs, stallMs];
  return JSON.stringify([...server, ...jump, privateKey, sshAgent, password, privateKeyPassphrase]);
}

/** Alike for arrangements that log in to the server between in the same way, whatever lies behind it. */
function hopKey({ proxyJump }: RemoteSpec, { remote }: Arrangement): string | undefined {
  if (proxyJump === undefined) return undefined;
  const { host, port, username } = proxyJump;
  const { privateKey, sshAgent, privateKeyPassphrase } = remote;
  return JSON.stringify(['hop', host, port, username, remote.proxyJump, privateKey, sshAgent, privateKeyPassphrase]);
}

/** The transport's view of an arrangement. @throws DepotError 'config-invalid' without a user name */
async function remoteSpecOf(
  arrangement: Arrangement,
  { retryForMs, connectForMs }: { retryForMs: number; connectForMs?: number },
): Promise<RemoteSpec> {
  const { name, remote } = arrangement;
  const { host, port, username, directory, hostKey, hostKeyAt, knownHostsFile, publish, lanes, window } = remote;
  if (username === undefined) {
    const alias = (remote.sshConfig ?? false) === false && (await isSshAlias(host, homeOf(process.env)));
    throw new DepotError('config-invalid', 'no user name for the server', {
      hint: `set remote.username in depot.yaml, or run: «depot login ${name} --username U»${alias ? `; or set sshConfig: true, since ~/.ssh/config names ${printable(host)}` : ''}`,
    });
  }
  const quietForMs = retryForMs === 0 ? 200_000 : retryForMs;
  // Time for another connection after an answer that did not come. Who only looks (0) waits as long as a person does.
  const stallMs = retryForMs === 0 ? 10_000 : Math.min(30_000, Math.max(500, quietForMs / 3));
  return {
    host,
    port,
    username,
    directory,
    hostKeys: hostKey,
    knownHostsFile,
    publish,
    lanes,
    window,
    connectTimeoutMs: remote.connectTimeout,
    retryForMs,
    ...(connectForMs !== undefined && { connectForMs }),
    quietForMs,
    stallMs,
    arrangement: name,
    proxyJump: jumpEndpoint(arrangement),
    ...(hostKeyAt === undefined ? {} : { hostKeysAt: hostKeyAt }),
  };
}

/** The arrangement with its user name: the config's, else the one that `depot login` keeps beside it. */
export async function withUsername(config: Config, arrangement: Arrangement): Promise<Arrangement> {
  if (arrangement.remote.username !== undefined) return arrangement;
  const username = await findUsername(config.directory, arrangement.remote);
  return username === null ? arrangement : { ...arrangement, remote: { ...arrangement.remote, username } };
}

/** The key first where one is configured; the password too, for servers that want it or both. */
export async function loginOf({ name, remote }: Arrangement, secrets: SecretFinder): Promise<Login> {
  const passphrase = passphraseOf(secrets);
  const login: Login = {
    password: async () => {
      const closed: string[] = [];
      let wayIn: string | undefined;
      const password = await secrets.find('password', (message, hint) => {
        closed.push(message);
        wayIn ??= hint;
      });
      if (password) return password.reveal();
      throw new DepotError(
        'secret-missing',
        `no password for ${remote.username ?? ''}@${remote.host}:${remote.port}${closed.length === 0 ? '' : `; ${closed.join('; ')}`}`,
        {
          hint:
            wayIn ??
            (closed.length === 0
              ? `run: «depot login ${name}»`
              : `run depot as the account that pushes\nto open those to this account, see: «depot doctor ${name}»`),
        },
      );
    },
    passwordFrom: () => {
      const place = secrets.whence?.('password');
      return place === undefined
        ? undefined
        : { place: place === 'prompt' ? 'the terminal' : place, remedy: passwordRemedy(place, remote, name) };
    },
    passphrase,
  };
  await addKeys(login, remote.privateKey, remote.sshAgent, { key: 'remote.privateKey', at: remote.at?.privateKey });
  if (remote.proxyJump !== undefined) login.proxyJump = await jumpLogin(remote, passphrase);
  return login;
}

type Passphrase = NonNullable<Login['passphrase']>;

/** Looked for once: the server between may take the same key. */
function passphraseOf(secrets: SecretFinder): Passphrase {
  let found: Promise<string | undefined> | undefined;
  return () => (found ??= secrets.find('privateKeyPassphrase').then((secret) => secret?.reveal()));
}

/** Which key of depot.yaml may name a file, and the line of ssh's configuration that does where that does. */
interface Named {
  key: PrivateKeyName;
  at: string | undefined;
}

async function addKeys(
  login: Login,
  file: string | undefined,
  sshAgent: boolean | string | undefined,
  named: Named,
): Promise<void> {
  login.privateKeyName = named.key;
  const usesAgent = sshAgent !== undefined && sshAgent !== false;
  if (usesAgent) login.sshAgent = { place: sshAgent, env: process.env };
  if (file !== undefined) Object.assign(login, { privateKey: await readPrivateKey(file, named), privateKeyFile: file });
}

/** The key of the agent's account where it has none of its own; never the password, which belongs to that account alone. */
export async function jumpLogin(
  { proxyJump, ...remote }: Arrangement['remote'],
  passphrase: Passphrase,
): Promise<Login> {
  const { privateKey: own, sshAgent: agent } = proxyJump ?? {};
  const login: Login = {};
  // What ssh's configuration gives both is that of the remote.
  const inherits = own === undefined ? agent === undefined : own === remote.privateKey;
  const named: Named = inherits
    ? { key: 'remote.privateKey', at: remote.at?.privateKey }
    : { key: 'remote.proxyJump.privateKey', at: remote.at?.jumpKey };
  await addKeys(login, inherits ? remote.privateKey : own, agent ?? remote.sshAgent, named);
  if (inherits) login.passphrase = passphrase;
  return login;
}

/** The server that an arrangement's is reached by way of. */
export function jumpEndpoint({ name, remote }: Arrangement): Endpoint | undefined {
  const { proxyJump, knownHostsFile, connectTimeout, at } = remote;
  const username = proxyJump?.username ?? remote.username;
  if (proxyJump === undefined || username === undefined) return undefined;
  return {
    host: proxyJump.host,
    port: proxyJump.port,
    username,
    hostKeys: proxyJump.hostKey ?? [],
    ...(at?.jumpHostKey !== undefined && { hostKeysAt: at.jumpHostKey }),
    jumpHost: true,
    knownHostsFile,
    connectTimeoutMs: connectTimeout,
    arrangement: name,
  };
}

/** That server with its pin and its login, ready to connect. */
export async function hopOf(arrangement: Arrangement, secrets: SecretFinder): Promise<Hop | undefined> {
  const spec = jumpEndpoint(arrangement);
  return spec && prepareHop(spec, await jumpLogin(arrangement.remote, passphraseOf(secrets)));
}

/** To where it came from: what «depot login» stores is not used while something else comes before it. */
function passwordRemedy(place: string, { password: { file, command } }: Arrangement['remote'], name: string): string {
  if (place.startsWith('environment ')) return `correct the ${place}, which this run was given`;
  if (place.startsWith('systemd ')) return `make the ${place} again`;
  if (place === 'prompt') return 'type it again';
  if (file !== undefined && place === `file ${printable(file)}`)
    return `correct the password in ${printable(file)}, which passwordFile in depot.yaml names`;
  if (command !== undefined && place.startsWith('command')) return 'check what passwordCommand in depot.yaml prints';
  return `store the right password: «depot login ${name}»`;
}

/** As ssh does, it refuses a key that others can read, also an encrypted one: they could try passphrases at leisure. */
async function readPrivateKey(file: string, { key, at }: Named): Promise<Buffer> {
  try {
    let found!: Stats;
    // Read once, since what a shell's `<(…)` gives cannot be read again.
    const bytes = await readBoundedFile(file, (opened) => void (found = opened));
    // Everybody may read a public one. Where no agent has the private part, that it is the wrong file is the more useful answer.
    if (!isPublic(bytes)) await requirePrivate(file, found);
    return bytes;
  } catch (cause) {
    if (isDepotError(cause)) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT')
      throw new DepotError(
        'secret-missing',
        `${printable(at ?? key)} names the SSH key ${printable(file)}, which does not exist`,
        {
          hint: at === undefined ? `correct ${key} in depot.yaml` : `name another there, or in ${key} of depot.yaml`,
          cause,
        },
      );
    const denied = code === 'EACCES';
    throw new DepotError(
      'secret-missing',
      `the SSH key ${printable(file)} ${denied ? 'may not be read by this account' : `cannot be read: ${printable((cause as Error).message)}`}`,
      {
        hint: denied
          ? 'run it as the account that pushes, or see what this one needs: «depot doctor»'
          : `check the file, or name another in ${key} of depot.yaml`,
        cause,
      },
    );
  }
}
