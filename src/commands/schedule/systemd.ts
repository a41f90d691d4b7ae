import type { Job, Printed } from './job.js';

/**
 * A oneshot service, hardened, and a timer that makes up for a missed night. The directories of systemd
 * (StateDirectory, credentials) are where depot looks by itself.
 */
export function systemdUnits(job: Job): Printed {
  const { hour, minute } = job.at;
  const after = ['network-online.target', ...(job.requires === undefined ? [] : [job.requires])].join(' ');
  const ownState = job.stateDirectory === '/var/lib/depot';
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
    `User=${job.user ?? 'depot'}`,
    `ExecStart=${job.command.map(quoted).join(' ')}`,
    '# A first deposit, or one over a slow line, may take hours.',
    'TimeoutStartSec=infinity',
    'StateDirectory=depot',
    'StateDirectoryMode=0700',
    ...(ownState ? [] : [`ReadWritePaths=${quoted(job.stateDirectory)}`]),
    '# Secrets, unless "depot login --to file" keeps them beside the configuration:',
    '#LoadCredentialEncrypted=depot.password:/etc/credstore.encrypted/depot.password',
    '#LoadCredentialEncrypted=depot.signing-key-passphrase:/etc/credstore.encrypted/depot.signing-key-passphrase',
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
      ...(job.user === undefined ? ['useradd --system --home-dir /var/lib/depot --shell /usr/sbin/nologin depot'] : []),
      'systemctl daemon-reload',
      'systemctl enable --now depot.timer',
      'systemctl start depot.service    # the first deposit, now',
      'systemctl list-timers depot.timer',
    ],
  };
}

/** systemd.syntax(7): double quotes with C escapes; a percent sign and, in commands, a dollar are doubled. */
function quoted(word: string): string {
  const escaped = word.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/%/g, '%%').replace(/\$/g, '$$$$');
  return /^[A-Za-z0-9_./:@%$=+,-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}

function two(n: number): string {
  return String(n).padStart(2, '0');
}
