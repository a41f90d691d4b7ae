/** Programs of Windows, as scripts for Linux. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { systemProgram } from '../../src/windows/programs.js';
import { tempDir } from '../support/cleanup.js';

/** A Windows directory whose programs are scripts; each notes its arguments, a word a line. */
export function windows(scripts: { icacls?: string; powershell?: string; whoami?: string }): {
  env: NodeJS.ProcessEnv;
  calls: (name: string) => string[];
} {
  const root = tempDir();
  const env = { SystemRoot: root, PATH: process.env.PATH };
  for (const [name, body] of Object.entries(scripts)) {
    const file = systemProgram(name as 'icacls', env);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\nfor word; do printf '%s\\n' "$word"; done >> ${root}/${name}.log\n${body}\n`);
    chmodSync(file, 0o755);
  }
  return {
    env,
    calls: (name) => {
      const log = path.join(root, `${name}.log`);
      return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
    },
  };
}
