import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Server } from './server.js';

/** What every tool needs to know for a run. */
export interface Bench {
  work: string;
  server: Server;
  /** Of the link that is used now. */
  port: number;
  /** `bin/depot.js` of the build that is measured. */
  depot: string;
  /** Files made by `prepareKeys`. */
  keys: { gnupgHome: string; ageRecipient: string; agePassphraseFree: string };
}

/** `SHA-256`: of all that was sent, as one; or of each part of it. */
export type Digest = 'SHA-256' | 'SHA-256 of each file' | 'SHA-256 of each pack' | 'SHA-1 of each volume' | 'none';

/** A tool that people use for this work: what it is called, how its version is shown, and its line for a directory. */
export interface Peer {
  name: string;
  needs: string[];
  version: [string, string[]];
  /** Which digest of what was sent is at hand when the tool ends; `none` if there is no such thing. */
  digest: Digest;
  /** Remote names must differ from run to run. */
  push(bench: Bench, dataset: string, run: string): string;
}

/** AES-GCM is the fastest that OpenSSH has where the processor has AES. */
export const fastSsh = (b: Bench): string =>
  `-p ${b.port} -i ${b.server.identity} -o UserKnownHostsFile=${b.server.knownHosts} -o Ciphers=aes128-gcm@openssh.com -o Compression=no -o BatchMode=yes`;
const sshCat = (b: Bench, run: string): string =>
  `ssh ${fastSsh(b)} ${b.server.username}@127.0.0.1 'cat > ${b.server.directory}/${run}'`;
/** A digest of the ciphertext is part of the work; these tools have none. */
const digest = 'tee >(sha256sum > /dev/null)';
const gpgSeal = (b: Bench): string =>
  `gpg --homedir ${b.keys.gnupgHome} --batch -q --trust-model always -z 0 -r bench -e`;
const sftpUrl = (b: Bench): string => `sftp://${b.server.username}@127.0.0.1:${b.port}${b.server.directory}`;
/** Through crypt one file goes over one connection; several files go at once. 64 × 255 KiB are on the way for each. */
const rclone = (b: Bench): string =>
  [
    `rclone --sftp-host 127.0.0.1 --sftp-port ${b.port} --sftp-user ${b.server.username} --sftp-key-file ${b.server.identity}`,
    `--sftp-known-hosts-file ${b.server.knownHosts} --sftp-ciphers aes128-gcm@openssh.com`,
    '--sftp-concurrency 64 --sftp-chunk-size 255k --transfers 8 --checkers 8 --config /dev/null',
  ].join(' ');
const rcloneCrypt = (b: Bench, run: string): string =>
  `RCLONE_CRYPT_PASSWORD=${obscured()} ${rclone(b)} --crypt-remote :sftp:${b.server.directory}/${run}`;

let obscuredPassword: string | undefined;
function obscured(): string {
  return (obscuredPassword ??= spawnSync('rclone', ['obscure', 'bench'], { encoding: 'utf8' }).stdout.trim());
}

/** Options of restic for a repository over SFTP: one ssh, over which so many operations go at once. */
export const resticOptions = (b: Bench, connections = 5): string =>
  `-q -o sftp.connections=${connections} -o "sftp.command=ssh ${fastSsh(b)} ${b.server.username}@127.0.0.1 -s sftp"`;

/** duplicity's backend that runs OpenSSH's sftp: the other one, in Python, is slower. */
export const duplicityUrl = (b: Bench, directory: string): string =>
  `--ssh-options '-oPort=${b.port} -oIdentityFile=${b.server.identity} -oUserKnownHostsFile=${b.server.knownHosts} -oCiphers=aes128-gcm@openssh.com' pexpect+sftp://${b.server.username}@127.0.0.1:${b.port}/${directory}`;

export const peers: Peer[] = [
  {
    name: 'tar | gpg -z0 | ssh cat',
    needs: ['gpg', 'ssh'],
    version: ['gpg', ['--version']],
    digest: 'SHA-256',
    push: (b, dataset, run) => `tar -C ${dataset} -c . | ${gpgSeal(b)} | ${digest} | ${sshCat(b, run)}`,
  },
  {
    name: 'tar | age | ssh cat',
    needs: ['age', 'ssh'],
    version: ['age', ['--version']],
    digest: 'SHA-256',
    push: (b, dataset, run) => `tar -C ${dataset} -c . | age -r ${b.keys.ageRecipient} | ${digest} | ${sshCat(b, run)}`,
  },
  {
    name: 'gpg to a file, sftp',
    needs: ['gpg', 'sftp'],
    version: ['ssh', ['-V']],
    digest: 'SHA-256',
    push: (b, dataset, run) =>
      [
        `tar -C ${dataset} -c . | ${gpgSeal(b)} | ${digest} > ${b.work}/${run}.gpg`,
        `echo 'put ${b.work}/${run}.gpg ${b.server.directory}/${run}' | sftp -q -b - -P ${b.port} -i ${b.server.identity} -o UserKnownHostsFile=${b.server.knownHosts} -o Ciphers=aes128-gcm@openssh.com ${b.server.username}@127.0.0.1`,
        `rm ${b.work}/${run}.gpg`,
      ].join(' && '),
  },
  {
    name: 'gpg | curl sftp://',
    needs: ['gpg', 'curl'],
    version: ['curl', ['--version']],
    digest: 'SHA-256',
    push: (b, dataset, run) =>
      `tar -C ${dataset} -c . | ${gpgSeal(b)} | ${digest} | curl -s -S --insecure --key ${b.server.identity} --pubkey ${b.server.identity}.pub -T - ${sftpUrl(b)}/${run}`,
  },
  {
    name: 'gpg | rclone rcat',
    needs: ['gpg', 'rclone'],
    version: ['rclone', ['version']],
    digest: 'SHA-256',
    push: (b, dataset, run) =>
      `tar -C ${dataset} -c . | ${gpgSeal(b)} | ${digest} | ${rclone(b)} rcat :sftp:${b.server.directory}/${run}`,
  },
  {
    name: 'tar | age | ssh cat, no digest',
    needs: ['age', 'ssh'],
    version: ['age', ['--version']],
    digest: 'none',
    push: (b, dataset, run) => `tar -C ${dataset} -c . | age -r ${b.keys.ageRecipient} | ${sshCat(b, run)}`,
  },
  {
    name: 'rclone copy, crypt',
    needs: ['rclone'],
    version: ['rclone', ['version']],
    // crypt computes a digest of what it sends if the server has that one too, and compares the two.
    digest: 'SHA-256 of each file',
    push: (b, dataset, run) => `${rcloneCrypt(b, run)} --sftp-hashes sha256 copy ${dataset} :crypt:`,
  },
  {
    name: 'rclone copy, crypt, no digest',
    needs: ['rclone'],
    version: ['rclone', ['version']],
    digest: 'none',
    push: (b, dataset, run) => `${rcloneCrypt(b, run)} --sftp-disable-hashcheck copy ${dataset} :crypt:`,
  },
  {
    name: 'tar | rclone rcat, crypt',
    needs: ['rclone'],
    version: ['rclone', ['version']],
    digest: 'SHA-256',
    push: (b, dataset, run) =>
      `tar -C ${dataset} -c . | ${digest} | ${rcloneCrypt(b, run)} --sftp-disable-hashcheck rcat :crypt:${run}`,
  },
  {
    name: 'restic',
    needs: ['restic'],
    version: ['restic', ['version']],
    digest: 'SHA-256 of each pack',
    push: (b, dataset, run) =>
      `export RESTIC_PASSWORD=bench RESTIC_REPOSITORY=sftp:bench:${b.server.directory}/${run}; restic --no-cache ${resticOptions(b)} init && restic --no-cache ${resticOptions(b)} backup ${dataset}`,
  },
  {
    name: 'duplicity',
    needs: ['duplicity', 'gpg'],
    version: ['duplicity', ['--version']],
    digest: 'SHA-1 of each volume',
    push: (b, dataset, run) =>
      `GNUPGHOME=${b.keys.gnupgHome} duplicity full --no-print-statistics --archive-dir ${b.work}/duplicity-${run} --gpg-options '--trust-model always -z 0' --encrypt-key bench --allow-source-mismatch ${dataset} ${duplicityUrl(b, `${b.server.directory}/${run}`)}`,
  },
];

export function isThere(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

/** First line of what a tool says of itself. */
export function versionOf([program, args]: [string, string[]]): string {
  const { stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return `${stdout}${stderr}`.split('\n')[0].trim();
}

/** Keys for `gpg` and `age`, without passphrases: nobody waits for a question in a benchmark. */
export function prepareKeys(work: string): Bench['keys'] {
  const gnupgHome = join(work, 'g');
  mkdirSync(gnupgHome, { recursive: true, mode: 0o700 });
  const quiet = { encoding: 'utf8' as const };
  spawnSync(
    'gpg',
    [
      '--homedir',
      gnupgHome,
      '--batch',
      '-q',
      '--passphrase',
      '',
      '--quick-gen-key',
      'bench',
      'future-default',
      'default',
      'never',
    ],
    quiet,
  );
  const identity = join(work, 'age.key');
  let ageRecipient = '';
  if (isThere('age-keygen')) {
    // The one of an earlier run: what that sealed is opened again.
    if (!existsSync(identity)) spawnSync('age-keygen', ['-o', identity], quiet);
    ageRecipient = /age1\w+/.exec(readFileSync(identity, 'utf8'))![0];
  }
  return { gnupgHome, ageRecipient, agePassphraseFree: identity };
}
