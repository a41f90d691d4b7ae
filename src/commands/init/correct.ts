/** Corrects single keys of a depot.yaml that is there, where they turn out to be wrong. */
import { type Value, withRemoteKey } from '../../config/edit.js';
import type { Arrangement, Config, RemoteSettings } from '../../config/types.js';
import { printable } from '../../printable.js';
import { scanHostKeys } from '../../sftp/scan.js';
import type { Context } from '../context.js';
import { pin } from '../trust/pin.js';
import type { Account } from '../../accounts.js';
import { placePrivateKey } from './place.js';
import { rewrite } from './rewrite.js';
import { askDirectory, askHost, askLogin, askPort, askUsername, comparedHostKeys } from './server.js';
import type { Talk } from './talk.js';

type Key = Extract<
  keyof RemoteSettings,
  'host' | 'port' | 'username' | 'directory' | 'hostKey' | 'privateKey' | 'sshAgent'
>;
type Change = Partial<Record<Key, Value>>;

export type Correction = 'username' | 'directory' | 'server' | 'login' | 'host key';

/**
 * Asks for the one thing, the old value being what Enter takes, and writes it into depot.yaml. `other` is the account
 * that pushes, where root sets up for it: it gets a copy of an SSH key.
 */
export async function correct(
  what: Correction,
  arrangement: Arrangement,
  config: Config,
  other: Account | null,
  talk: Talk,
  context: Context,
): Promise<void> {
  const { remote } = arrangement;
  switch (what) {
    case 'username':
      return change(
        { username: await askUsername(remote.username, remote.host, talk) },
        arrangement,
        config,
        talk,
        context,
      );
    case 'directory':
      return change({ directory: await askDirectory(remote.directory, talk) }, arrangement, config, talk, context);
    case 'login': {
      const { privateKey = null, sshAgent = false } = remote;
      const old = { privateKey, ...(sshAgent !== false && { sshAgent }) };
      const chosen = await askLogin(old, talk, context);
      return change(
        {
          sshAgent: chosen.sshAgent ?? null,
          privateKey:
            chosen.privateKey === privateKey
              ? privateKey
              : await placePrivateKey(chosen.privateKey, config.directory, other),
        },
        arrangement,
        config,
        talk,
        context,
      );
    }
    case 'host key':
      return compareAgain(arrangement, config, talk, context);
    case 'server': {
      const host = await askHost(remote.host, talk);
      const port = await askPort(remote.port, talk);
      if (host === remote.host && port === remote.port) return;
      const moved = { ...arrangement, remote: { ...remote, host, port } };
      await change({ host, port }, arrangement, config, talk, context);
      // The pins of known_hosts are by host and port; what depot.yaml pins is that of the server before.
      if (remote.hostKey.length > 0) await compareAgain(moved, config, talk, context);
    }
  }
}

/** Where the pin stands: depot.yaml, or known_hosts beside it. */
async function compareAgain(arrangement: Arrangement, config: Config, talk: Talk, context: Context): Promise<void> {
  const { remote } = arrangement;
  if (remote.hostKey.length === 0) return pinCompared(remote, talk, context);
  const hostKey = await comparedHostKeys(remote.host, remote.port, talk, context);
  if (hostKey.length > 0) await change({ hostKey }, arrangement, config, talk, context);
}

/** Pins in known_hosts what the person has compared; nothing where that is nothing. */
export async function pinCompared(remote: RemoteSettings, talk: Talk, context: Context): Promise<void> {
  const { host, port, connectTimeout: timeoutMs } = remote;
  const compared = await comparedHostKeys(host, port, talk, context);
  if (compared.length === 0) return;
  const shown = await scanHostKeys(host, port, { timeoutMs, signal: context.signal });
  await pin(
    shown.filter((key) => compared.includes(`${key.type} ${key.fingerprint}`)),
    remote,
  );
}

async function change(
  wanted: Change,
  { name, remote }: Arrangement,
  { path: file }: Config,
  talk: Talk,
  context: Context,
): Promise<void> {
  const changed = (Object.entries(wanted) as [Key, Value][]).filter(([key, value]) => !isSaid(remote, key, value));
  if (changed.length === 0) return;
  const edit = (text: string): string | null =>
    changed.reduce<string | null>(
      (soFar, [key, value]) => (soFar === null ? null : withRemoteKey(soFar, name, key, value)),
      text,
    );
  const isMeant = ({ arrangements }: Config): boolean =>
    (Object.entries(wanted) as [Key, Value][]).every(([key, value]) =>
      isSaid(arrangements.get(name)!.remote, key, value),
    );
  const lines = changed.map(([key, value]) =>
    value === null ? `  without ${key}:` : `  ${key}: ${JSON.stringify(value)}`,
  );
  talk.say(
    (await rewrite(file, edit, isMeant, context))
      ? `changed in ${printable(file)}: ${changed.map(([key]) => key).join(', ')}`
      : `depot cannot change that in ${printable(file)} by itself. Change it there, or in the file that it includes:\n${lines.join('\n')}`,
  );
}

function isSaid(remote: RemoteSettings, key: Key, value: Value): boolean {
  const now = remote[key];
  return JSON.stringify(now === undefined || now === false ? null : now) === JSON.stringify(value);
}
