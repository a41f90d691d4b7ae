import path from 'node:path';
import type { Job, Printed } from './job.js';

/**
 * A oneshot service, hardened, and a timer that makes up for a missed night. The directories of systemd
 * (StateDirectory, credentials) are where depot looks by itself.
 */
export function systemdUnits(job: Job): Printed {
  const { hour, minute } = job.at;
  const after = ['network-online.target', ...(job.requires === undefined ? [] : [job.requires])].join(' ');
  const underVarLib = systemdMakes(job.stateDirectory);
  const service = [
    '[Unit]',
    `Description=depot: deposit with the escrow agent (${job.what})`,
    'Wants=network-online.target',
    `After=${after}`,
    ...(job.requires === undefined ? [] : [`Requires=${job.requires}`]),
    job.onFailure === undefined ? '#OnFailure=<a unit that raises the alarm>' : `OnFailure=${job.onFailure}`,
    '',
    '[Service]',
    'Type=oneshot',
    `User=${job.user ?? serviceAccount}`,
    `ExecStart=${job.command.map((word) => quoted(word.replace(/\$/g, '$$$$'))).join(' ')}`,
    '# A first deposit, or one over a slow line, may take hours.',
    'TimeoutStartSec=infinity',
    '# Receipts, ledger and run records: where a push by hand has them too.',
    ...(underVarLib
      ? [`StateDirectory=${path.posix.relative('/var/lib', job.stateDirectory)}`, 'StateDirectoryMode=0700']
      : [`ReadWritePaths=${quoted(job.stateDirectory)}`]),
    ...credentials(job.credentials),
    '# A source command that writes elsewhere (a dump, a socket) needs its directory in ReadWritePaths=.',
    'ProtectSystem=strict',
    'ProtectHome=read-only',
    'PrivateTmp=yes',
    'PrivateDevices=yes',
    'NoNewPrivileges=yes',
    'ProtectKernelTunables=yes',
    'ProtectKernelModules=yes',
    'ProtectKernelLogs=yes',
    'ProtectControlGroups=yes',
    'ProtectClock=yes',
    'ProtectHostname=yes',
    'RestrictNamespaces=yes',
    'RestrictRealtime=yes',
    'RestrictSUIDSGID=yes',
    'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6',
    'LockPersonality=yes',
    'SystemCallArchitectures=native',
    'CapabilityBoundingSet=',
    'UMask=0077',
    '',
  ];
  const timer = [
    '[Unit]',
    `Description=depot: every day (${job.what})`,
    '',
    '[Timer]',
    `OnCalendar=*-*-* ${two(hour)}:${two(minute)}:00`,
    '# A machine that was off at that time makes the deposit when it is back.',
    'Persistent=true',
    'RandomizedDelaySec=2min',
    '',
    '[Install]',
    'WantedBy=timers.target',
    '',
  ];
  return {
    files: [
      { path: '/etc/systemd/system/depot.service', contents: service.join('\n') },
      { path: '/etc/systemd/system/depot.timer', contents: timer.join('\n') },
    ],
    paste: [
      ...job.prepare,
      'systemctl daemon-reload',
      'systemctl enable --now depot.timer',
      'systemctl start depot.service    # the first deposit, now',
      'systemctl list-timers depot.timer',
    ],
  };
}

/** The account of a unit when nobody names another. */
export const serviceAccount = 'depot';

/** StateDirectory= knows only what lies below /var/lib; it makes the directory, and gives it to the account. */
export function systemdMakes(stateDirectory: string): boolean {
  return /^\/var\/lib\/[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/.test(stateDirectory) && !stateDirectory.includes('..');
}

function credentials(present: Job['credentials']): string[] {
  if (present.length > 0)
    return [
      '# Secrets, as depot login --to systemd says how to keep them:',
      ...present.map(({ name, file, encrypted }) => `LoadCredential${encrypted ? 'Encrypted' : ''}=${name}:${file}`),
    ];
  return [
    '# Secrets, unless "depot login --to file" keeps them beside the configuration:',
    '#LoadCredentialEncrypted=depot.password:/etc/credstore.encrypted/depot.password',
    '#LoadCredentialEncrypted=depot.signing-key-passphrase:/etc/credstore.encrypted/depot.signing-key-passphrase',
  ];
}

/** systemd.syntax(7): double quotes with C escapes, and a percent sign doubled; in commands, and only there, a dollar too. */
function quoted(word: string): string {
  const escaped = word.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/%/g, '%%');
  return /^[A-Za-z0-9_./:@%$=+,-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
