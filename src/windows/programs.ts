/** Windows' own programs, by their full path: a program of that name in PATH or the working directory is somebody else's. */
import path from 'node:path';

type Named = 'icacls' | 'powershell' | 'whoami';

export function systemProgram(name: Named, env: NodeJS.ProcessEnv = process.env): string {
  const root = env.SystemRoot ?? env.windir;
  const system = path.join(root !== undefined && path.isAbsolute(root) ? root : 'C:\\Windows', 'System32');
  return name === 'powershell'
    ? path.join(system, 'WindowsPowerShell', 'v1.0', 'powershell.exe')
    : path.join(system, `${name}.exe`);
}
