import { arrangement, type WrittenArrangement } from './arrangement.js';
import { pingWarnings } from './ping.js';
import type { WrittenConfig } from './schema.js';
import { remote, type WrittenRemote } from './remote.js';
import type { FromSsh } from './ssh-hosts.js';
import { pathsOf, stateDirectory, type Surroundings } from './state.js';
import type { Arrangement, Config, RemoteSettings, SecretRefs } from './types.js';

/** What was read: depot.yaml at `path`, then the included files. */
export interface Sources {
  path: string;
  files: string[];
  written: WrittenConfig;
  arrangements: WrittenArrangement[];
  warnings: string[];
}

/**
 * Flags, then environment, then file, then defaults: the one place where they meet. What only shows in the
 * whole (a key missing in both remotes, two keys that exclude each other) is reported here; null then.
 */
export function resolveConfig(
  read: Sources,
  s: Surroundings,
  flags: { state?: string | undefined },
  fromSsh: ReadonlyMap<string, FromSsh> = new Map(),
): Config | null {
  const { written, path } = read;
  const paths = pathsOf(s.platform);
  const directory = paths.dirname(path);
  const warnings = [...read.warnings];
  const knownHostsFile = paths.join(directory, 'known_hosts');
  const arrangements = new Map<string, Arrangement>();
  const takers = read.arrangements.filter((one) => takesPassword(one, written.remote));
  for (const one of read.arrangements) {
    const remote = resolveRemote(one, written.remote, takers, knownHostsFile, warnings, fromSsh.get(one.name));
    const retiredKeys = one.keys.retiredKeys ?? [];
    for (const { name, fingerprint } of one.keys.beneficiaries ?? []) {
      if (retiredKeys.includes(fingerprint))
        warnings.push(
          `${one.key.place}: '${one.name}' seals for ${name} with a key that is in its retiredKeys: depot will refuse to push`,
        );
    }
    const keys = arrangement.complete(one.keys);
    if (remote === null || keys === null) continue;
    const [definedAt, file] = [one.key.place, one.key.file.path];
    arrangements.set(one.name, { name: one.name, definedAt, file, ...keys, retiredKeys, remote });
  }
  const { supplier, notify, ping } = written;
  if (supplier === undefined) return null;
  if (read.arrangements.length === 0) warnings.push('the configuration has no arrangements yet');
  if (ping !== undefined) warnings.push(...pingWarnings(ping.url, arrangements.size));
  return {
    path,
    directory,
    files: read.files,
    state: stateDirectory(s, { flag: flags.state, configured: written.state, configPath: path }),
    supplier: {
      name: supplier.name,
      signingKey: supplier.signingKey,
      formerSigningKeys: supplier.formerSigningKeys ?? [],
      passphrase: refsOf(supplier.signingKeyPassphraseFile, supplier.signingKeyPassphraseCommand) ?? {},
    },
    ...(notify && { notify }),
    ...(ping && { ping }),
    arrangements,
    warnings,
  };
}

/** An arrangement's own `remote:` over the one for all; null when the two leave something open (reported). */
function resolveRemote(
  one: WrittenArrangement,
  common: WrittenRemote | undefined,
  takers: readonly WrittenArrangement[],
  knownHostsFile: string,
  warnings: string[],
  ssh: FromSsh | undefined,
): RemoteSettings | null {
  const own = one.keys.remote;
  const place = own?.at ?? one.key;
  for (const key of ['host', 'directory']) {
    if (own?.at.has(key) !== true && common?.at.has(key) !== true)
      place.report(`'${one.name}' has no remote ${key}: set it here, or in the top-level remote:`);
  }
  const alias = ssh === undefined ? {} : { host: ssh.keys.host! };
  const merged = remote.complete({ ...ssh?.keys, ...common?.keys, ...own?.keys, ...alias });
  warnings.push(...(ssh?.warnings ?? []).filter((one) => !warnings.includes(one)));
  if (own?.keys.host !== undefined && common?.keys.host !== undefined && own.keys.host !== common.keys.host) {
    if (own.keys.hostKey === undefined && common.keys.hostKey !== undefined)
      warnings.push(`${one.key.place}: '${one.name}' has its own host, but takes hostKey from the top-level remote:`);
  }
  const password = passwordOf(one, common, takers) ?? {};
  if (merged === null) return null;
  if (merged.publish === 'direct' && !merged.sidecars) {
    const at = [own, common].find(
      (which) => which?.at.has('sidecars') === true || which?.at.has('publish') === true,
    )?.at;
    at?.at(at.has('sidecars') ? 'sidecars' : 'publish').report(
      `publish: direct needs sidecars (in '${one.name}'): the receipt, which is sent last, marks a deposit as complete`,
    );
  }
  const hostKeyAt = own?.keys.hostKey === undefined ? common?.at : own.at;
  const jump = [own, common].find((one) => one?.keys.proxyJump !== undefined)?.at.at('proxyJump');
  return {
    ...merged,
    hostKey: merged.hostKey ?? [],
    ...(hostKeyAt?.has('hostKey') === true && { hostKeyAt: hostKeyAt.at('hostKey').place }),
    ...(ssh !== undefined && { sshAlias: ssh.alias, sshOverridden: overridden(ssh.keys, merged) }),
    at: { ...ssh?.at, ...(jump?.has('hostKey') === true && { jumpHostKey: jump.at('hostKey').place }) },
    knownHostsFile,
    password,
    privateKeyPassphrase: passphraseOf(own, common),
  };
}

const sshNames = [
  ['port', 'Port'],
  ['username', 'User'],
  ['privateKey', 'IdentityFile'],
] as const;

/** An old `port: 22` is easily forgotten, and the server there may be another one. */
function overridden(told: WrittenRemote['keys'], merged: WrittenRemote['keys']): string[] {
  return sshNames.flatMap(([key, name]) =>
    told[key] === undefined || told[key] === merged[key] ? [] : [`${name} ${told[key]}`],
  );
}

/**
 * The password belongs to an account on a server: the one for all is not sent to another server, nor for several user
 * names. Where an arrangement brings an SSH key of its own, that is its login; where it brings nothing, this is reported.
 */
function passwordOf(
  { name, keys: { remote: own } }: WrittenArrangement,
  common: WrittenRemote | undefined,
  takers: readonly WrittenArrangement[],
): SecretRefs | undefined {
  const [ours, theirs] = [passwordRefs(own), passwordRefs(common)];
  if (own === undefined || common === undefined || ours !== undefined || theirs === undefined) return ours ?? theirs;
  const { username, privateKey, sshAgent } = own.keys;
  const other =
    otherThan(own, common) ??
    (username !== undefined &&
    takers.some((taker) => (taker.keys.remote?.keys.username ?? common.keys.username) !== username)
      ? 'username'
      : undefined);
  if (other === undefined) return theirs;
  if (privateKey === undefined && sshAgent === undefined) {
    const inherited = theirs.file === undefined ? 'passwordCommand' : 'passwordFile';
    own.at
      .at(other)
      .report(
        `'${name}' has its own ${other}, but would send it the password from the ${inherited} of the top-level remote: (${common.at.at(inherited).place}); name a passwordFile, passwordCommand or privateKey here`,
      );
  }
  return undefined;
}

/** Whether it would send the password for all. */
function takesPassword({ keys: { remote: own } }: WrittenArrangement, common: WrittenRemote | undefined): boolean {
  return (
    common !== undefined &&
    passwordRefs(own) === undefined &&
    (own === undefined || otherThan(own, common) === undefined)
  );
}

/**
 * What makes the account another one than that of the remote for all. A host that the remote for all leaves open is another
 * one each time; whether user names may differ where it names none, its takers decide.
 */
function otherThan(
  { keys: own }: WrittenRemote,
  { keys: common }: WrittenRemote,
): 'host' | 'port' | 'username' | 'sshConfig' | undefined {
  // The same name in another file of ssh's is another server.
  if (own.sshConfig !== undefined && own.sshConfig !== (common.sshConfig ?? false)) return 'sshConfig';
  if (own.host !== undefined && own.host.toLowerCase() !== common.host?.toLowerCase()) return 'host';
  if (own.port !== undefined && own.port !== (common.port ?? remote.keys.port.preset.value)) return 'port';
  return own.username !== undefined && common.username !== undefined && own.username !== common.username
    ? 'username'
    : undefined;
}

function passwordRefs(written: WrittenRemote | undefined): SecretRefs | undefined {
  return refsOf(written?.keys.passwordFile, written?.keys.passwordCommand);
}

/** The passphrase belongs to the key: one for all does not open an arrangement's own. */
function passphraseOf(own: WrittenRemote | undefined, common: WrittenRemote | undefined): SecretRefs {
  const [ours, theirs] = [own, common].map((written) =>
    refsOf(written?.keys.privateKeyPassphraseFile, written?.keys.privateKeyPassphraseCommand),
  );
  return ours ?? (own?.keys.privateKey === undefined ? theirs : undefined) ?? {};
}

function refsOf(file: string | undefined, command: string[] | undefined): SecretRefs | undefined {
  if (file === undefined && command === undefined) return undefined;
  return { ...(file !== undefined && { file }), ...(command && { command }) };
}
