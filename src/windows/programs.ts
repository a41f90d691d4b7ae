/** Windows' own programs, by their full path: a program of that name in PATH or the working directory is somebody else's. */
import { existsSync } from 'node:fs';
import path from 'node:path';

type Named = 'cmd' | 'icacls' | 'powershell' | 'taskkill' | 'whoami';

export function systemProgram(name: Named, env: NodeJS.ProcessEnv = process.env): string {
  const system = systemDirectory(env);
  return name === 'powershell'
    ? path.join(system, 'WindowsPowerShell', 'v1.0', 'powershell.exe')
    : path.join(system, `${name}.exe`);
}

/** What runs a script in Windows' own PowerShell. */
export function powershell(
  script: string,
  env: NodeJS.ProcessEnv = process.env,
): { argv: string[]; env: NodeJS.ProcessEnv } {
  return {
    argv: [systemProgram('powershell', env), '-NoLogo', '-NoProfile', '-NonInteractive', '-Command', script],
    // PowerShell 7 leaves a path of its modules there, with which Windows' own finds no Get-Acl.
    env: Object.fromEntries(Object.entries(env).filter(([name]) => name.toUpperCase() !== 'PSMODULEPATH')),
  };
}

/** Wine has programs of its own there, of which some only pretend. */
export function isWine(env: NodeJS.ProcessEnv): boolean {
  return existsSync(path.join(systemDirectory(env), 'winecfg.exe'));
}

export function systemDirectory(env: NodeJS.ProcessEnv): string {
  const root = env.SystemRoot ?? env.windir;
  return path.join(root !== undefined && path.isAbsolute(root) ? root : 'C:\\Windows', 'System32');
}
