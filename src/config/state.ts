import path from 'node:path';

import { DepotError } from '../errors.js';

/** What decides where things are: the caller's surroundings, given so that every platform's rules can be tested on one. */
export interface Surroundings {
  env: NodeJS.ProcessEnv;
  cwd: string;
  platform: NodeJS.Platform;
  /** Undefined for an account that has none. */
  home: string | undefined;
}

/** The path rules of a platform. */
export function pathsOf(platform: NodeJS.Platform): path.PlatformPath {
  return platform === 'win32' ? path.win32 : path.posix;
}

/** A variable that is set to something; an empty one counts as not set. */
export function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] === undefined || env[name] === '' ? undefined : env[name];
}

/** A variable that must be an absolute path; the XDG specification says to ignore others. */
function absoluteVariable(s: Surroundings, name: string): string | undefined {
  const value = variable(s.env, name);
  return value !== undefined && pathsOf(s.platform).isAbsolute(value) ? value : undefined;
}

/** `/etc/depot`, or `%ProgramData%\depot`. */
export function systemConfigDirectory(s: Surroundings): string {
  return s.platform === 'win32'
    ? path.win32.join(absoluteVariable(s, 'ProgramData') ?? 'C:\\ProgramData', 'depot')
    : '/etc/depot';
}

/** The account's own directory for configuration; undefined without a home. */
export function userConfigDirectory(s: Surroundings): string | undefined {
  const paths = pathsOf(s.platform);
  const { home } = s;
  if (s.platform === 'win32') {
    const roaming =
      absoluteVariable(s, 'APPDATA') ?? (home === undefined ? undefined : paths.join(home, 'AppData', 'Roaming'));
    return roaming === undefined ? undefined : paths.join(roaming, 'depot');
  }
  const xdg = absoluteVariable(s, 'XDG_CONFIG_HOME');
  if (xdg !== undefined) return paths.join(xdg, 'depot');
  if (home === undefined) return undefined;
  return s.platform === 'darwin'
    ? paths.join(home, 'Library', 'Application Support', 'depot')
    : paths.join(home, '.config', 'depot');
}

const configured = 'state: in the configuration';
const inSystemDirectory = 'the configuration is in';

/** Whether every account has this state with this configuration; else it depends on who runs depot, and from where. */
export function goesWithConfiguration({ from }: { from: string }): boolean {
  return from === configured || from.startsWith(inSystemDirectory);
}

/**
 * Where the state is kept, and who said so. In this order: `--state`, `$DEPOT_STATE_DIR` (both relative to the
 * working directory), `state:` of the config (absolute by now), `$STATE_DIRECTORY` of systemd, a system directory when
 * the config lies in one, else the account's own. Throws `local-not-writable` when there is no such place.
 */
export function stateDirectory(
  s: Surroundings,
  o: { flag?: string | undefined; configured?: string | undefined; configPath?: string | undefined },
): { path: string; from: string } {
  const paths = pathsOf(s.platform);
  if (o.flag !== undefined) return { path: paths.resolve(s.cwd, o.flag), from: '--state' };
  const asked = variable(s.env, 'DEPOT_STATE_DIR');
  if (asked !== undefined) return { path: paths.resolve(s.cwd, asked), from: '$DEPOT_STATE_DIR' };
  if (o.configured !== undefined) return { path: o.configured, from: configured };
  // systemd lists several directories with colons between them; the first is the unit's own.
  const systemd = variable(s.env, 'STATE_DIRECTORY')?.split(':')[0];
  if (systemd !== undefined && systemd !== '' && s.platform !== 'win32')
    return { path: paths.resolve(s.cwd, systemd), from: '$STATE_DIRECTORY' };

  const system = systemConfigDirectory(s);
  const inside = o.configPath === undefined ? undefined : paths.relative(system, o.configPath);
  if (inside !== undefined && inside !== '..' && !inside.startsWith(`..${paths.sep}`) && !paths.isAbsolute(inside)) {
    return {
      path: s.platform === 'win32' ? paths.join(system, 'state') : '/var/lib/depot',
      from: `${inSystemDirectory} ${system}`,
    };
  }

  if (s.platform === 'win32') {
    const local =
      absoluteVariable(s, 'LOCALAPPDATA') ??
      (s.home === undefined ? undefined : paths.join(s.home, 'AppData', 'Local'));
    if (local !== undefined) return { path: paths.join(local, 'depot', 'state'), from: 'default of the account' };
  } else {
    const xdg = absoluteVariable(s, 'XDG_STATE_HOME');
    if (xdg !== undefined) return { path: paths.join(xdg, 'depot'), from: '$XDG_STATE_HOME' };
    if (s.home !== undefined) {
      const own =
        s.platform === 'darwin'
          ? paths.join(s.home, 'Library', 'Application Support', 'depot', 'state')
          : paths.join(s.home, '.local', 'state', 'depot');
      return { path: own, from: 'default of the account' };
    }
  }
  throw new DepotError('local-not-writable', 'nowhere to keep the state: this account has no home directory', {
    hint: 'set state: in the configuration, or DEPOT_STATE_DIR',
  });
}
