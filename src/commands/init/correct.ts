/** Corrects single keys of a depot.yaml that is there, where they turn out to be wrong. */
import { withRemoteKey } from '../../config/edit.js';
import type { Arrangement, Config, RemoteSettings } from '../../config/types.js';
import { printable } from '../../printable.js';
import { scanHostKeys } from '../../sftp/scan.js';
import type { Context } from '../context.js';
import { pin } from '../trust/pin.js';
import { askDirectory, askHost, askPort, askUsername, comparedHostKeys } from './server.js';
import { rewrite } from './rewrite.js';
import type { Talk } from './talk.js';

type Key = 'host' | 'port' | 'username' | 'directory' | 'hostKey';
type Change = Partial<Pick<RemoteSettings, Key>>;

export type Correction = 'username' | 'directory' | 'server' | 'host key';

/** Asks for the one thing, the old value being what Enter takes, and writes it into depot.yaml. */
export async function correct(
  what: Correction,
  arrangement: Arrangement,
  config: Config,
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
  const changed = (Object.entries(wanted) as [Key, string | number | string[]][]).filter(
    ([key, value]) => JSON.stringify(remote[key]) !== JSON.stringify(value),
  );
  if (changed.length === 0) return;
  const edit = (text: string): string | null =>
    changed.reduce<string | null>(
      (soFar, [key, value]) => (soFar === null ? null : withRemoteKey(soFar, name, key, value)),
      text,
    );
  const isMeant = ({ arrangements }: Config): boolean =>
    (Object.entries(wanted) as [Key, unknown][]).every(
      ([key, value]) => JSON.stringify(arrangements.get(name)!.remote[key]) === JSON.stringify(value),
    );
  talk.say(
    (await rewrite(file, edit, isMeant, context))
      ? `changed in ${printable(file)}: ${changed.map(([key]) => key).join(', ')}`
      : `depot cannot change that in ${printable(file)} by itself. Change it there, or in the file that it includes:\n${changed.map(([key, value]) => `  ${key}: ${JSON.stringify(value)}`).join('\n')}`,
  );
}
