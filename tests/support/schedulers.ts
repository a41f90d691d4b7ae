/** Stand-ins for `systemctl` and `crontab`, to be put on PATH: the real ones would change the machine that runs the tests. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { tempDir } from './cleanup.js';
import { checkout } from './cli.js';

export interface Schedulers {
  directory: string;
  /** For depot: PATH with the stand-ins before everything else, and a machine that systemd runs where that is asked for. */
  env: NodeJS.ProcessEnv;
  /** What each was called with, a line each. */
  calls(): string[];
  /** The crontab of an account. */
  crontab(account: string): string;
  writeCrontab(account: string, text: string): void;
  unit(name: string): string;
  unitFile(name: string): string;
  /** Runs before each call with the arguments given: a line of sh. */
  before(program: 'systemctl' | 'crontab', line: string): void;
}

const shared = `#!/bin/sh
here=$(dirname "$0")/..
echo "\${0##*/} $*" >> "$here/calls"
[ ! -e "$here/before-\${0##*/}" ] || . "$here/before-\${0##*/}"
`;

/** As systemctl: what was enabled is enabled. */
const systemctl = `${shared}
case "$1" in
  is-enabled) grep -qx "$3" "$here/enabled" 2> /dev/null ;;
  enable) shift 2; printf '%s\\n' "$@" >> "$here/enabled" ;;
esac
`;

/** As Debian's crontab. */
const crontab = `${shared}
account=$(id -un)
if [ "$1" = -u ]; then account=$2; shift 2; fi
table=$here/crontab.$account
case "$1" in
  -l) if [ -e "$table" ]; then cat "$table"; else echo "no crontab for $account" >&2; exit 1; fi ;;
  -) cat > "$table" ;;
  *) exit 2 ;;
esac
`;

export function schedulers(systemd: 'systemd' | 'no systemd' = 'no systemd'): Schedulers {
  const directory = tempDir('schedulers');
  chmodSync(directory, 0o755);
  for (const name of ['bin', 'run', 'units']) mkdirSync(join(directory, name));
  for (const [name, text] of Object.entries({ systemctl, crontab }))
    writeFileSync(join(directory, 'bin', name), text, { mode: 0o755 });
  const read = (name: string): string => {
    const file = join(directory, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  return {
    directory,
    env: {
      PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`,
      ...(systemd === 'systemd' && {
        SYSTEMD_STAND_IN: directory,
        NODE_OPTIONS: `--import ${pathToFileURL(join(checkout, 'tests/support/preload-systemd.mjs')).href}`,
      }),
    },
    calls: () => read('calls').trim().split('\n'),
    crontab: (account) => read(`crontab.${account}`),
    writeCrontab: (account, text) => writeFileSync(join(directory, `crontab.${account}`), text),
    unit: (name) => read(`units/${name}`),
    unitFile: (name) => join(directory, 'units', name),
    before: (program, line) => writeFileSync(join(directory, `before-${program}`), line),
  };
}
