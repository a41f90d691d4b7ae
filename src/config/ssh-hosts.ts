/** The settings of arrangements with `sshConfig:`, in the words of `remote:`. depot.yaml's own go before them. */
import { readdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { printable } from '../printable.js';
import { looseTextOf } from '../text-file.js';
import type { WrittenArrangement } from './arrangement.js';
import type { SourceFile, Value } from './document.js';
import { readTrusted } from './locate.js';
import { docsPage } from '../installation.js';
import { parseJump, type WrittenRemote } from './remote.js';
import { expandTokens, fits, type SshHost, sshHost, SshConfigRefused, type SshSurroundings } from './ssh-config.js';

type Keys = WrittenRemote['keys'];

export interface FromSsh {
  keys: Keys;
  /** What was looked up. */
  alias: string;
  /** Where ssh's configuration names the keys. */
  at: { privateKey?: string; jumpKey?: string };
  /** One line each. */
  warnings: string[];
}

/** By arrangement. What cannot be followed is reported at its `sshConfig:`. */
export async function sshHosts(
  arrangements: readonly WrittenArrangement[],
  common: WrittenRemote | undefined,
): Promise<Map<string, FromSsh>> {
  const found = new Map<string, FromSsh>();
  for (const { name, keys } of arrangements) {
    const own = keys.remote;
    const setting = own?.keys.sshConfig ?? common?.keys.sshConfig ?? false;
    const alias = own?.keys.host ?? common?.keys.host;
    const at = [own, common].find((one) => one?.keys.sshConfig !== undefined)?.at.at('sshConfig');
    if (setting === false || alias === undefined || at === undefined) continue;
    try {
      found.set(name, await fromSsh(alias, setting, { ...common?.keys, ...own?.keys }, at));
    } catch (error) {
      if (!(error instanceof SshConfigRefused)) throw error;
      at.report(`${error.message}; ${docsPage('ssh.md')} says what depot follows`);
    }
  }
  return found;
}

/** Whether `~/.ssh/config` says anything of a name that depot does not look up there, since nobody said so. */
export async function isSshAlias(name: string, home: string | undefined): Promise<boolean> {
  if (home === undefined) return false;
  const text = await readTrusted(path.join(home, '.ssh', 'config')).catch(() => undefined);
  const named = looseTextOf(text ?? new Uint8Array()).matchAll(/^[ \t]*Host[ \t=]+(.*)$/gim);
  // What stands there for all hosts makes no alias of any.
  return [...named].some(([, patterns = '']) =>
    patterns.split(/\s+/).some((one) => /[^*?!]/.test(one) && fits(one.replaceAll('"', ''), name)),
  );
}

async function fromSsh(alias: string, setting: true | string, keys: Keys, at: Value): Promise<FromSsh> {
  const { home, paths } = at.file;
  if (setting === true && home === undefined) throw new SshConfigRefused('this account has no home directory');
  const file = setting === true ? paths.join(home!, '.ssh', 'config') : setting;
  const o = surroundingsOf(at.file, keys.username);
  const host = await sshHost(alias, file, o);
  const missing = `${printable(file)} does not exist`;
  if (host === null && setting !== true) throw new SshConfigRefused(missing);
  if (host === null)
    return { keys: { host: alias }, alias, at: {}, warnings: [`${missing}, so ${printable(alias)} is used as it is`] };
  const { keys: told, warnings } = translated(alias, host, o, at.file, file);
  const [first] = host.identityFilesAt;
  const from = { ...(told.privateKey !== undefined && keys.privateKey === undefined && { privateKey: first! }) };
  if (host.proxyJump === undefined || keys.proxyJump !== undefined) return { keys: told, alias, at: from, warnings };
  const jump = await jumpOf(host.proxyJump, file, { ...told, ...keys }, o, at.file);
  const { keyAt, ...proxyJump } = jump;
  return {
    keys: { ...told, proxyJump },
    alias,
    at: { ...from, ...(keyAt !== undefined && { jumpKey: keyAt }) },
    warnings,
  };
}

function translated(
  alias: string,
  host: SshHost,
  o: SshSurroundings,
  file: SourceFile,
  name: string,
): { keys: Keys; warnings: string[] } {
  const warnings: string[] = [];
  const user = host.username ?? o.username ?? o.localUser;
  const tokens = {
    d: file.home ?? '',
    h: host.hostName,
    n: alias,
    p: String(host.port ?? 22),
    r: user,
    u: o.localUser,
  };
  const local = (written: string, keyword: string): string => {
    const text = expandTokens(written, tokens, keyword);
    if (/^~[/\\]/.test(text) && file.home !== undefined) return file.paths.join(file.home, text.slice(2));
    if (!file.paths.isAbsolute(text))
      throw new SshConfigRefused(`${keyword} ${printable(written)}: write the full path`);
    return text;
  };
  const [first, ...others] = host.identityFiles.some((one) => one.toLowerCase() === 'none') ? [] : host.identityFiles;
  if (others.length > 0)
    warnings.push(
      `${printable(name)} names several keys for ${printable(alias)}; depot uses the first, ${printable(first!)}; to choose another: privateKey`,
    );
  if (host.notFollowed.length > 0)
    warnings.push(
      `${printable(name)}: for ${printable(alias)}, depot ignores ${host.notFollowed.map(printable).join(', ')} and uses its own settings`,
    );
  const agent = host.identityAgent;
  return {
    warnings,
    keys: {
      host: host.hostName,
      ...(host.port !== undefined && { port: host.port }),
      ...(host.username !== undefined && { username: host.username }),
      ...(first !== undefined && { privateKey: local(first, 'IdentityFile') }),
      ...(agent !== undefined && {
        sshAgent: /^none$/i.test(agent) ? false : agent === 'SSH_AUTH_SOCK' ? true : local(agent, 'IdentityAgent'),
      }),
    },
  };
}

/** The hop's own lines count for it, as they do for ssh. */
async function jumpOf(
  written: string,
  name: string,
  keys: Keys,
  o: SshSurroundings,
  file: SourceFile,
): Promise<NonNullable<Keys['proxyJump']> & { keyAt?: string }> {
  const jump = parseJump(written);
  if (typeof jump === 'string') throw new SshConfigRefused(`ProxyJump ${printable(written)}: ${jump}`);
  const host = await sshHost(jump.host, name, { ...o, username: jump.username });
  if (host === null) return jump;
  if (host.proxyJump !== undefined)
    throw new SshConfigRefused(
      `ProxyJump ${printable(written)} goes through ${printable(host.proxyJump)} in turn: depot can go through only one jump host`,
    );
  const told = translated(jump.host, host, { ...o, username: jump.username }, file, name).keys;
  const username = jump.username ?? told.username;
  if (username === undefined)
    throw new SshConfigRefused(
      `no User is set for ${printable(jump.host)}, the ProxyJump; ssh would take the name of the account that runs it`,
    );
  const explicitPort = /:\d+\/?$/.test(written);
  const { privateKey = keys.privateKey, sshAgent } = told;
  return {
    host: told.host!,
    port: explicitPort ? jump.port : (told.port ?? 22),
    username,
    ...(privateKey !== undefined && { privateKey }),
    ...(told.privateKey !== undefined && { keyAt: host.identityFilesAt[0]! }),
    ...(sshAgent !== undefined && { sshAgent }),
  };
}

function surroundingsOf({ home, paths }: SourceFile, username: string | undefined): SshSurroundings {
  return {
    localUser: userInfo().username,
    username,
    read: async (file) => {
      const bytes = await readTrusted(file);
      return bytes === undefined ? undefined : looseTextOf(bytes);
    },
    include: async (pattern) => {
      if (/[%$]/.test(pattern))
        throw new SshConfigRefused(`Include ${printable(pattern)}: write the path out, without variables or tokens`);
      const text = /^~[/\\]/.test(pattern) ? paths.join(home ?? '~', pattern.slice(2)) : pattern;
      const whole = paths.isAbsolute(text) ? text : paths.join(home ?? '~', '.ssh', text);
      const [directory, last] = [paths.dirname(whole), paths.basename(whole)];
      if (/[*?[{]/.test(directory) || /[[{]/.test(last))
        throw new SshConfigRefused(
          `Include ${printable(pattern)}: depot follows only * and ?, and only in the file name`,
        );
      if (!/[*?]/.test(last)) return [whole];
      const names = await readdir(directory).catch(() => []);
      return names
        .filter((one) => fits(last, one) && (last.startsWith('.') || !one.startsWith('.')))
        .sort()
        .map((one) => paths.join(directory, one));
    },
  };
}
