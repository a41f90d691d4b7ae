import { stat } from 'node:fs/promises';
import path from 'node:path';
import { accountOfUid, runAs } from '../../accounts.js';
import type { Arrangement, Config, RemoteSettings } from '../../config/types.js';
import { DepotError, isDepotError } from '../../errors.js';
import { printable } from '../../printable.js';
import { writeFileAtomic } from '../../durable-file.js';
import { fingerprintOf } from '../../names/host-key.js';
import { keysNamed, knownKeys, parseKnownHosts } from '../../sftp/knownhosts.js';
import { changeOf, keeperOf, readKnownHosts, revokedIn, trusted } from '../../sftp/hostkeys.js';
import type { Endpoint } from '../../sftp/types.js';
import type { Hop } from '../../sftp/jump.js';
import { hopOf, jumpEndpoint, withUsername } from '../../push/agent.js';
import { Logins } from '../../push/logins.js';
import { secretsFor } from '../../push/secret-finder.js';
import { scanHostKeys, type ScannedKey } from '../../sftp/scan.js';
import type { Context, GlobalOptions } from '../context.js';
import { chooseArrangement, configFor } from '../deposits.js';

export interface TrustFlags extends GlobalOptions {
  name: string | undefined;
  /** `SHA256:…`, without key types. */
  fingerprints: string[];
}

export async function trust(o: TrustFlags, context: Context): Promise<number> {
  const config = await configFor(o, context);
  const arrangement = await withUsername(config, chooseArrangement(config, o.name));
  const { name, remote } = arrangement;
  const { host, port, knownHostsFile } = remote;
  const between = await jumpTrusted(o, config, arrangement, context);
  const offered = await scanHostKeys(host, port, {
    timeoutMs: remote.connectTimeout,
    signal: context.signal,
    hop: between.hop,
  });
  const change = await changeOf(
    {
      ...{ host, port, hostKeys: remote.hostKey, knownHostsFile },
      ...(remote.hostKeyAt !== undefined && { hostKeysAt: remote.hostKeyAt }),
    },
    offered,
  );
  const compared = await choose(offered, between.fingerprints, { ...remote, name, change }, context);
  if (remote.hostKey.length > 0) notRevoked(await readKnownHosts(knownHostsFile), remote, compared);
  if (remote.hostKey.length > 0) return alreadyDecided(compared, { ...remote, name }, offered, context);
  const replaced = await pin(compared, remote);
  context.screen.result(
    {
      ok: true,
      host,
      port,
      knownHosts: knownHostsFile,
      offered: offered.map(shown),
      trusted: compared.map(shown),
      replaced,
      hostKeyInConfig: false,
    },
    [
      ...compared.map(
        (key) => `${replaced.includes(key.type) ? 'replaced' : 'trusted'}  ${key.type} ${key.fingerprint}`,
      ),
      `written to ${printable(knownHostsFile)}`,
    ],
  );
  return 0;
}

/** The server between, where there is one: its key is compared and pinned first, since what lies behind is seen through it. */
async function jumpTrusted(
  o: TrustFlags,
  config: Config,
  arrangement: Arrangement,
  context: Context,
): Promise<{ hop: Hop | undefined; fingerprints: string[] }> {
  const jump = jumpEndpoint(arrangement);
  if (jump === undefined) return { hop: undefined, fingerprints: o.fingerprints };
  const { host, port, knownHostsFile } = jump;
  const offered = await scanHostKeys(host, port, {
    timeoutMs: jump.connectTimeoutMs,
    signal: context.signal,
    jumpHost: true,
  });
  const known = await trusted(jump).catch((error: unknown) => {
    // Also where all are revoked: the server may have another by now.
    if (!isDepotError(error, 'host-key-unknown') && !isDepotError(error, 'host-key-changed')) throw error;
    return null;
  });
  const pinned = (key: ScannedKey): boolean =>
    known !== null && known.pins.some((one) => one.fingerprint === key.fingerprint);
  // What depot.yaml pins is not changed here, and the connection says what is wrong with it.
  if (jump.hostKeys.length === 0 && !offered.some(pinned)) {
    const mine = o.fingerprints.filter((print) => offered.some((key) => key.fingerprint === print));
    const compared = await choose(
      offered,
      mine.length === 0 ? o.fingerprints : mine,
      { host, port, jumpHost: true, name: arrangement.name, change: await changeOf(jump, offered) },
      context,
    );
    await pin(compared, {
      host,
      port,
      jumpHost: true,
      knownHostsFile: knownHostsFile ?? arrangement.remote.knownHostsFile,
    });
    for (const key of compared)
      context.screen.note(`trusted  ${key.type} ${key.fingerprint}, of ${printable(host)}:${port}`);
  }
  const logins = await Logins.of(config, [arrangement]);
  const secrets = secretsFor({ config, arrangement, env: context.env, logins, signal: context.signal });
  return {
    hop: await hopOf(arrangement, secrets),
    fingerprints: o.fingerprints.filter((print) => !offered.some((key) => key.fingerprint === print)),
  };
}

type Server = Pick<RemoteSettings, 'host' | 'port' | 'knownHostsFile'> & Pick<Endpoint, 'jumpHost'>;

/** Adds keys that somebody has compared to known_hosts; returns the types of which there was another key. */
export async function pin(compared: readonly ScannedKey[], server: Server): Promise<string[]> {
  const { knownHostsFile } = server;
  const { text, replaced } = pinned(await readKnownHosts(knownHostsFile), server, compared);
  // Public, and the account that pushes may be another than the one that compares.
  await writeFileAtomic(knownHostsFile, text, 0o644).catch(async (error: unknown) => {
    throw await toldWhoPins(error, knownHostsFile);
  });
  return replaced;
}

/** The account that pushes only reads known_hosts: it is not to be given to it, but pinned by whoever owns the configuration. */
async function toldWhoPins(error: unknown, file: string): Promise<unknown> {
  const owner = (await stat(path.dirname(file)).catch(() => null))?.uid;
  if (isDepotError(error, 'local-not-writable') && owner !== undefined && owner !== process.geteuid?.()) {
    const { name } = await accountOfUid(owner);
    error.hint = `run it as ${name}, who owns the configuration: ${runAs({ name }, '«depot …»')}`;
  }
  return error;
}

/** With `hostKey:` in depot.yaml known_hosts pins nothing, and depot.yaml is not depot's to change. */
function alreadyDecided(
  compared: readonly ScannedKey[],
  remote: RemoteSettings & { name: string },
  offered: readonly ScannedKey[],
  context: Context,
): number {
  const place = printable(remote.hostKeyAt ?? 'depot.yaml');
  const known = compared.filter((key) => remote.hostKey.some((text) => text.split(' ').at(-1) === key.fingerprint));
  if (known.length < compared.length) {
    throw new DepotError(
      'host-key-changed',
      `${place} has another host key, and that one counts; nothing was changed`,
      {
        hint: `if the agent has confirmed the key, write there: hostKey: ${JSON.stringify(compared.map((key) => `${key.type} ${key.fingerprint}`))}`,
        arrangement: remote.name,
      },
    );
  }
  context.screen.result(
    {
      ok: true,
      host: remote.host,
      port: remote.port,
      knownHosts: null,
      offered: offered.map(shown),
      trusted: known.map(shown),
      replaced: [],
      hostKeyInConfig: true,
    },
    [...known.map((key) => `trusted  ${key.type} ${key.fingerprint}`), `pinned in ${place}; nothing was changed`],
  );
  return 0;
}

function shown({ type, fingerprint }: ScannedKey): { type: string; fingerprint: string } {
  return { type, fingerprint };
}

/** The keys that a person, or whoever gave `--fingerprint`, has compared with what the agent gave. */
async function choose(
  offered: readonly ScannedKey[],
  fingerprints: readonly string[],
  remote: Pick<Endpoint, 'host' | 'port' | 'jumpHost'> & { name: string; change: string | null },
  context: Context,
): Promise<ScannedKey[]> {
  const between = remote.jumpHost === true;
  const address = `${between ? 'the jump host ' : ''}${printable(remote.host)}:${remote.port}`;
  const keeper = keeperOf(remote);
  const listed = offered.map((key) => `${key.type} ${key.fingerprint}`).join('\n');
  if (fingerprints.length > 0) {
    const found = offered.filter((key) => fingerprints.includes(key.fingerprint));
    const missing = fingerprints.filter((print) => !found.some((key) => key.fingerprint === print));
    if (missing.length > 0) {
      const ask = `do not continue: ask ${keeper}, by telephone, which key that server has`;
      throw new DepotError(
        'host-key-changed',
        `${address} does not have the key ${missing.join(', ')}; it shows\n${listed}`,
        {
          hint: between
            ? `give --fingerprint twice, for the jump host and for the server behind it; if you did, ${ask}`
            : ask,
        },
      );
    }
    return found;
  }
  if (!context.screen.interactive) {
    const changed = remote.change === null ? '' : `${remote.change}.\n`;
    throw new DepotError(
      remote.change === null ? 'host-key-unknown' : 'host-key-changed',
      `${changed}cannot ask you to confirm the host keys of ${address}: this is not a terminal. It shows\n${listed}`,
      {
        hint: `compare them with what ${keeper} gave you, then: «depot trust ${remote.name} --fingerprint SHA256:…»`,
      },
    );
  }
  const { Prompt } = await import('../../ui/prompt.js');
  const prompt = new Prompt({ stdin: context.stdin, stderr: context.screen.stderr, signal: context.signal });
  if (remote.change !== null) context.screen.warn(remote.change, 'act');
  context.screen.note(
    `${address} shows these host keys. Compare them character by character with what ${keeper} gave you on paper or by phone.`,
  );
  const chosen = await prompt.chooseSome(
    'Which of them match exactly? (Ctrl-C if none)',
    offered.map((key) => ({ value: key.fingerprint, label: `${key.type} ${key.fingerprint}` })),
  );
  return offered.filter((key) => chosen.includes(key.fingerprint));
}

/**
 * known_hosts with these keys in it, each once. A line for this server alone that has another key of the same type is
 * replaced, since whoever calls has compared the new one; a line that names other servers too is not ours to take apart.
 */
export function pinned(
  before: string,
  server: Server,
  keys: readonly ScannedKey[],
): { text: string; replaced: string[] } {
  notRevoked(before, server, keys);
  const replaced: string[] = [];
  const present = new Set<string>();
  const kept = before.split('\n').filter((line) => {
    const [known] = keysNamed(parseKnownHosts(line), server.host, server.port);
    if (known === undefined || known.marker === 'revoked') return true;
    const print = fingerprintOf(known.key);
    const same = keys.find((key) => key.type === known.type);
    if (same === undefined) return true;
    if (same.fingerprint === print) {
      present.add(print);
      return true;
    }
    if (/[,*?!]/.test(known.hosts)) {
      throw new DepotError(
        'host-key-changed',
        `known_hosts has another ${known.type} key for ${printable(known.hosts)}`,
        { hint: 'remove that line by hand, then run this again' },
      );
    }
    replaced.push(known.type);
    return false;
  });
  const lines = [
    ...kept.filter((line, i) => line !== '' || i < kept.length - 1),
    ...keys.filter((key) => !present.has(key.fingerprint)).map((key) => key.line.trimEnd()),
  ];
  return { text: `${lines.join('\n')}\n`, replaced };
}

/** Looks where a push would: a key that is revoked for the host is so at every port. */
function notRevoked(text: string, server: Server, keys: readonly ScannedKey[]): void {
  const { host, port, knownHostsFile } = server;
  const revoked = revokedIn(knownKeys(parseKnownHosts(text), host, port), knownHostsFile);
  const gone = keys.find(({ fingerprint }) => revoked.has(fingerprint));
  if (gone === undefined) return;
  throw new DepotError(
    'host-key-changed',
    `the key ${gone.fingerprint} was revoked, by ${revoked.get(gone.fingerprint)!}`,
    { hint: `ask ${keeperOf(server)}, by telephone, which key that server has` },
  );
}
