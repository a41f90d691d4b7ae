import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { basename, dirname, join } from 'node:path';
import { configure, depotCommand } from './depot.js';
import { duplicityUrl, fastSsh, resticOptions, type Bench, type Digest } from './peers.js';

/** Where one tool keeps things: at the server, and on the machine that makes the deposits. */
export interface Home {
  server: string;
  local: string;
}

/** A tool that sends what changed since the night before: its lines for bash. */
export interface Keeper {
  name: string;
  needs: string[];
  version: [string, string[]];
  digest: Digest;
  /** Makes an empty repository; both directories of the home are there and empty. */
  create(b: Bench, home: Home, data: string): string;
  /** What the agent does to what is at the server before a night, if anything. */
  clear?(home: Home): string;
  /** One night. */
  keep(b: Bench, home: Home, data: string): string;
  /** The newest night to a new directory, with nothing but the files at the server and a key or password. The server's disk is at hand. */
  restore(b: Bench, home: Home, data: string, out: string): string;
  /** Where the tree is in what was restored, if not at its top. */
  under?: string;
}

/** A home of its own for each tool, and for each build of depot. They are not in the directory that is emptied after each run. */
export function homeOf(b: Bench, keeper: Keeper): Home {
  const id = `${keeper.name.replaceAll(/\W+/g, '-')}-${createHash('sha256').update(b.depot).digest('hex').slice(0, 8)}`;
  return {
    server: join(b.server.directory, '../homes', id, 'server'),
    local: join(b.server.directory, '../homes', id, 'local'),
  };
}

/** depot without `incremental:`: every night is a full deposit, and stands alone at the server here. */
const full: Keeper = {
  name: 'depot push',
  needs: [],
  version: ['node', ['--version']],
  digest: 'SHA-256',
  create: () => 'true',
  clear: (home) => `rm -f ${home.server}/*`,
  keep: (b, home, data) => `${depotCommand(b)} push --quiet --config ${depotConfig(b, home, data, false)}`,
  restore: (b, home, _data, out) =>
    `${depotCommand(b)} decrypt ${home.server}/*.pgp --key ${b.work}/compat.secret.asc --out ${out} --quiet`,
  under: 'data/data',
};

const incremental: Keeper = {
  name: 'depot push, incremental',
  needs: full.needs,
  version: full.version,
  digest: full.digest,
  create: () => 'true',
  keep: (b, home, data) => `${depotCommand(b)} push --quiet --config ${depotConfig(b, home, data, true)}`,
  restore: (b, home, _data, out) =>
    `${depotCommand(b)} decrypt ${home.server} --key ${b.work}/compat.secret.asc --out ${out} --quiet`,
  under: 'data/data',
};

/** Outside the home, which is replaced before each run. */
function depotConfig(b: Bench, home: Home, data: string, keptSo: boolean): string {
  return configure(
    b,
    data,
    { encryption: 'compat', compression: 'auto', incremental: keptSo },
    {
      directory: join(b.work, 'nights', `${basename(dirname(home.local))}-${b.port}`),
      state: join(home.local, 'state'),
      remote: home.server,
    },
  );
}

export const depotKeepers: Keeper[] = [full, incremental];

const restic: Keeper = {
  name: 'restic',
  needs: ['restic'],
  version: ['restic', ['version']],
  digest: 'SHA-256 of each pack',
  create: (b, home) => `${resticEnvironment(b, home)} restic ${resticOptions(b)} init`,
  keep: (b, home, data) => `${resticEnvironment(b, home)} restic ${resticOptions(b)} backup ${data}`,
  restore: (_b, home, data, out) =>
    `RESTIC_PASSWORD=bench restic -q --no-cache -r ${home.server}/repository restore latest:${data} --target ${out}`,
};

function resticEnvironment(b: Bench, home: Home): string {
  return `RESTIC_PASSWORD=bench RESTIC_CACHE_DIR=${home.local} RESTIC_REPOSITORY=sftp:bench:${home.server}/repository RESTIC_PROGRESS_FPS=0.1`;
}

function borg(name: string, options: string): Keeper {
  const repository = (b: Bench, home: Home): string =>
    `ssh://${b.server.username}@127.0.0.1:${b.port}${home.server}/repository`;
  // The repository is reached through other ports, and once on the disk.
  const common = 'BORG_PASSPHRASE=bench BORG_RELOCATED_REPO_ACCESS_IS_OK=yes';
  const environment = (b: Bench, home: Home): string =>
    `${common} BORG_BASE_DIR=${home.local} BORG_RSH='ssh ${fastSsh(b)}' BORG_REMOTE_PATH=${pathOf('borg')}`;
  return {
    name,
    needs: ['borg'],
    version: ['borg', ['--version']],
    digest: 'none',
    create: (b, home) => `${environment(b, home)} borg init -e repokey-blake2 ${repository(b, home)}`,
    keep: (b, home, data) =>
      `cd ${data} && ${environment(b, home)} borg create ${options} ${repository(b, home)}::{now:%s%f} .`,
    restore: (_b, home, _data, out) =>
      [
        `export ${common} BORG_BASE_DIR=${out}.borg`,
        `mkdir ${out} && cd ${out} && borg extract ${home.server}/repository::$(borg list --last 1 --short ${home.server}/repository)`,
        `rm -rf ${out}.borg`,
      ].join(' && '),
  };
}

const duplicity: Keeper = {
  name: 'duplicity',
  needs: ['duplicity', 'gpg'],
  version: ['duplicity', ['--version']],
  digest: 'SHA-1 of each volume',
  create: () => 'true',
  keep: (b, home, data) =>
    // Without the option its blocks are as long as the square root of the file's length: 21 KiB for the dump.
    `${duplicityCommand(b)} backup --max-blocksize 2048 --archive-dir ${home.local} --name nights --no-print-statistics --encrypt-key bench ${data} ${duplicityUrl(b, home.server)}`,
  restore: (b, home, _data, out) =>
    `${duplicityCommand(b)} restore --archive-dir ${out}.duplicity --name nights file://${home.server} ${out} && rm -rf ${out}.duplicity`,
};

function duplicityCommand(b: Bench): string {
  return `PASSPHRASE= GNUPGHOME=${b.keys.gnupgHome} duplicity --gpg-options '--trust-model always'`;
}

export const otherKeepers: Keeper[] = [
  restic,
  borg('borg', '--compression zstd,3'),
  // 443 MB of rows in chunks of 2 MiB have a changed row in each; 4 KiB is fine enough to see the difference.
  borg('borg, chunks of 4 KiB', '--compression zstd,3 --chunker-params 10,16,12,4095'),
  duplicity,
];

function pathOf(program: string): string {
  return spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
}
