import { defaults } from './defaults.js';
import type { RawArrangement } from './arrangement.js';
import type { RawRemote } from './remote.js';
import type { RawConfig } from './schema.js';
import { pathsOf, stateDirectory, type Surroundings } from './state.js';
import type { Arrangement, Config, RemoteSettings, SecretRefs } from './types.js';

/** What was read: depot.yaml at `path`, then the included files. */
export interface Sources {
  path: string;
  files: string[];
  raw: RawConfig;
  arrangements: RawArrangement[];
  warnings: string[];
}

/**
 * Flags, then environment, then file, then defaults: the one place where they meet. What only shows in the
 * whole (a key missing in both remotes, two keys that exclude each other) is reported here; null then.
 */
export function resolveConfig(read: Sources, s: Surroundings, flags: { state?: string | undefined }): Config | null {
  const { raw, path } = read;
  const paths = pathsOf(s.platform);
  const directory = paths.dirname(path);
  const warnings = [...read.warnings];
  const knownHostsFile = paths.join(directory, 'known_hosts');
  const arrangements = new Map<string, Arrangement>();
  const takers = read.arrangements.filter((one) => takesPassword(one, raw.remote));
  for (const one of read.arrangements) {
    const remote = resolveRemote(one, raw.remote, takers, knownHostsFile, warnings);
    const { beneficiaries, sources } = one;
    for (const { name, fingerprint } of beneficiaries ?? []) {
      if (one.retiredKeys?.includes(fingerprint) === true)
        warnings.push(
          `${one.key.place}: '${one.name}' seals for ${name} with a key that is in its retiredKeys: a push will be refused`,
        );
    }
    if (remote === null || beneficiaries === undefined || sources === undefined) continue;
    arrangements.set(one.name, {
      name: one.name,
      definedAt: one.key.place,
      file: one.key.file.path,
      beneficiaries,
      retiredKeys: one.retiredKeys ?? [],
      sources,
      remote,
      ...present('specification', one.specification),
      ...present('minBytes', one.minBytes),
      shrink: one.shrink ?? { below: defaults.shrinkBelow, then: 'warn' },
      compression: one.compression ?? defaults.compression,
      encryption: one.encryption ?? defaults.encryption,
      spool: one.spool ?? defaults.spool,
      ...present('everyMs', one.everyMs),
      ...present('ended', one.ended),
    });
  }
  if (raw.supplier === undefined) return null;
  if (read.arrangements.length === 0) warnings.push('the configuration has no arrangements yet');
  return {
    path,
    directory,
    files: read.files,
    state: stateDirectory(s, { flag: flags.state, configured: raw.state, configPath: path }),
    supplier: {
      name: raw.supplier.name,
      signingKey: raw.supplier.signingKey,
      formerSigningKeys: raw.supplier.formerSigningKeys,
      passphrase: raw.supplier.passphrase ?? {},
    },
    ...present('notify', raw.notify && { command: raw.notify.command, on: raw.notify.on ?? [...defaults.notifyOn] }),
    arrangements,
    warnings,
  };
}

/** An arrangement's own `remote:` over the one for all; null when the two leave something open (reported). */
function resolveRemote(
  one: RawArrangement,
  common: RawRemote | undefined,
  takers: readonly RawArrangement[],
  knownHostsFile: string,
  warnings: string[],
): RemoteSettings | null {
  const own = one.remote;
  const pick = <K extends keyof RawRemote>(key: K): RawRemote[K] | undefined => own?.[key] ?? common?.[key];
  const place = own?.fields.owner ?? one.key;
  const stated = (key: string): boolean => own?.fields.has(key) === true || common?.fields.has(key) === true;
  for (const key of ['host', 'directory'] as const) {
    if (!stated(key)) place.report(`'${one.name}' has no remote ${key}: set it here or in the remote: for all`);
  }

  const [publish, sidecars] = [pick('publish') ?? defaults.publish, pick('sidecars') ?? defaults.sidecars];
  if (publish === 'direct' && !sidecars) {
    const at = own?.fields.has('sidecars') === true ? own : own?.fields.has('publish') === true ? own : common;
    at?.fields
      .at(at.fields.has('sidecars') ? 'sidecars' : 'publish')
      .report(
        `publish: direct needs sidecars (in '${one.name}'): the receipt, which comes last, is what marks a deposit as complete`,
      );
  }

  if (own !== undefined && common?.host !== undefined && own.host !== undefined && own.host !== common.host) {
    if (own.hostKeys === undefined && common.hostKeys !== undefined)
      warnings.push(`${one.key.place}: '${one.name}' has a host of its own, and takes hostKey from the remote for all`);
  }

  const [host, directory] = [pick('host'), pick('directory')];
  if (host === undefined || directory === undefined) return null;
  return {
    host,
    port: pick('port') ?? defaults.port,
    ...present('username', pick('username')),
    directory,
    ...present('privateKey', pick('privateKey')),
    hostKeys: pick('hostKeys') ?? [],
    ...present('hostKeysAt', (own?.hostKeys === undefined ? common : own)?.fields.placeOf('hostKey')),
    knownHostsFile,
    publish,
    sidecars,
    lanes: pick('lanes') ?? defaults.lanes,
    window: pick('window') ?? defaults.window,
    ...present('retryForMs', pick('retryForMs')),
    connectTimeoutMs: pick('connectTimeoutMs') ?? defaults.connectTimeoutMs,
    password: passwordOf(one, common, takers) ?? {},
    privateKeyPassphrase: passphraseOf(own, common),
  };
}

/**
 * The password belongs to an account on a server: the one for all is not sent to another server, nor for several user
 * names. Where an arrangement brings an SSH key of its own, that is its login; where it brings nothing, this is reported.
 */
function passwordOf(
  { name, remote: own }: RawArrangement,
  common: RawRemote | undefined,
  takers: readonly RawArrangement[],
): SecretRefs | undefined {
  if (own === undefined || own.password !== undefined) return own?.password ?? common?.password;
  if (common?.password === undefined) return undefined;
  const other =
    otherThan(own, common) ??
    (own.username !== undefined && takers.some((taker) => (taker.remote?.username ?? common.username) !== own.username)
      ? 'username'
      : undefined);
  if (other === undefined) return common.password;
  if (own.privateKey === undefined) {
    const inherited = common.password.file === undefined ? 'passwordCommand' : 'passwordFile';
    own.fields
      .at(other)
      .report(
        `'${name}' has a ${other} of its own, and would send it the password from the ${inherited} of the remote for all (${common.fields.placeOf(inherited) ?? common.fields.owner.place}): name a passwordFile, passwordCommand or privateKey here`,
      );
  }
  return undefined;
}

/** Whether it would send the password for all. */
function takesPassword({ remote: own }: RawArrangement, common: RawRemote | undefined): boolean {
  return (
    common !== undefined && own?.password === undefined && (own === undefined || otherThan(own, common) === undefined)
  );
}

/** What makes the account another one than that of the remote for all. */
function otherThan(own: RawRemote, common: RawRemote): 'host' | 'port' | 'username' | undefined {
  return (['host', 'port', 'username'] as const).find((key) => isOther(key, own, common));
}

/** A host that the remote for all leaves open is another one each time; whether user names may differ where it names none, its takers decide. */
function isOther(key: 'host' | 'port' | 'username', own: RawRemote, common: RawRemote): boolean {
  if (own[key] === undefined) return false;
  if (key === 'host') return own.host?.toLowerCase() !== common.host?.toLowerCase();
  if (key === 'port') return own.port !== (common.port ?? defaults.port);
  return common.username !== undefined && own.username !== common.username;
}

/** The passphrase belongs to the key: one for all does not open an arrangement's own. */
function passphraseOf(own: RawRemote | undefined, common: RawRemote | undefined): SecretRefs {
  return own?.privateKeyPassphrase ?? (own?.privateKey === undefined ? common?.privateKeyPassphrase : undefined) ?? {};
}

function present<K extends string, T>(key: K, value: T | undefined): Partial<Record<K, T>> {
  return value === undefined ? {} : ({ [key]: value } as Record<K, T>);
}
