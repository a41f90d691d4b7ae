import path from 'node:path';
import type { Job, Printed } from './job.js';
import { clockText, statusMinute, two } from './tries.js';

/**
 * A oneshot service, hardened, and a timer that makes up for a missed night; and the same for a look at how things stand,
 * every hour. The directories of systemd (StateDirectory, credentials) are where depot looks by itself.
 */
export function systemdUnits(job: Job): Printed {
  const [first, ...more] = job.tries;
  const push = [
    ...unit(`deposit with the escrow agent (${job.what})`, job.requires),
    job.onFailure === undefined ? '#OnFailure=<a unit that raises the alarm>' : `OnFailure=${job.onFailure}`,
    '',
    ...service(job, job.command),
    '# A first deposit, or one over a slow connection, may take hours.',
    'TimeoutStartSec=infinity',
    '# Receipts, ledger and run records, as for a push by hand.',
    ...state(job),
    ...credentials(job.credentials),
    '# If a source command writes elsewhere (a dump, a socket), add that directory to ReadWritePaths=.',
    ...hardening,
  ];
  const status = [
    ...unit(`check the deposits (${job.what})`),
    ...(job.onFailure === undefined || job.told ? [] : [`OnFailure=${job.onFailure}`]),
    '',
    ...service(job, job.status),
    ...(job.metrics === undefined ? ['# Fails while a deposit is missing, or after a push was killed (31).'] : []),
    'TimeoutStartSec=10min',
    '# Notes of what notify has already reported.',
    ...state(job),
    ...(job.metrics === undefined
      ? []
      : ['# For node_exporter.', `ReadWritePaths=${quoted(path.posix.dirname(job.metrics))}`]),
    ...hardening,
  ];
  return {
    files: [
      file('depot.service', push),
      file('depot.timer', [
        ...timer(`every day (${job.what})`),
        `OnCalendar=*-*-* ${clockText(first!)}:00`,
        ...(more.length === 0
          ? []
          : [
              '# Retries, which do nothing once there is a deposit.',
              `OnCalendar=*-*-* ${more.map(({ hour }) => two(hour)).join(',')}:${two(first!.minute)}:00`,
            ]),
        '# If the machine was off at that time, it pushes when it is back.',
        'Persistent=true',
        ...install,
      ]),
      file('depot-status.service', status),
      file('depot-status.timer', [
        ...timer(`hourly check (${job.what})`),
        `OnCalendar=*-*-* *:${two(statusMinute(first!))}:00`,
        ...install,
      ]),
    ],
    paste: [
      ...job.prepare,
      'systemctl daemon-reload',
      'systemctl enable --now depot.timer depot-status.timer',
      'systemctl start depot.service    # the first deposit, now',
      'systemctl list-timers depot.timer depot-status.timer',
    ],
  };
}

/** Where the administrator's units are. */
export const unitDirectory = '/etc/systemd/system';

function file(name: string, lines: readonly string[]): Printed['files'][number] {
  return { path: `${unitDirectory}/${name}`, contents: [...lines, ''].join('\n') };
}

function unit(description: string, requires?: string): string[] {
  const after = ['network-online.target', ...(requires === undefined ? [] : [requires])].join(' ');
  return [
    '[Unit]',
    `Description=depot: ${description}`,
    'Wants=network-online.target',
    `After=${after}`,
    ...(requires === undefined ? [] : [`Requires=${requires}`]),
  ];
}

function service(job: Job, command: readonly string[]): string[] {
  return [
    '[Service]',
    'Type=oneshot',
    `User=${job.user ?? serviceAccount}`,
    `ExecStart=${command.map(commandWord).join(' ')}`,
  ];
}

function state({ stateDirectory }: Job): string[] {
  return systemdMakes(stateDirectory)
    ? [`StateDirectory=${path.posix.relative('/var/lib', stateDirectory)}`, 'StateDirectoryMode=0700']
    : [`ReadWritePaths=${quoted(stateDirectory)}`];
}

function timer(description: string): string[] {
  return ['[Unit]', `Description=depot: ${description}`, '', '[Timer]'];
}

const install = ['RandomizedDelaySec=2min', '', '[Install]', 'WantedBy=timers.target'];

const hardening = [
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
];

/** The account of a unit when nobody names another. */
export const serviceAccount = 'depot';

/** StateDirectory= knows only what lies below /var/lib; it makes the directory, and gives it to the account. */
export function systemdMakes(stateDirectory: string): boolean {
  return /^\/var\/lib\/[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/.test(stateDirectory) && !stateDirectory.includes('..');
}

function credentials(present: Job['credentials']): string[] {
  if (present.length > 0)
    return [
      '# Secrets that depot login --to systemd stored:',
      ...present.map(({ name, file, encrypted }) => `LoadCredential${encrypted ? 'Encrypted' : ''}=${name}:${file}`),
    ];
  return [
    '# Secrets, unless "depot login --to file" stored them beside the configuration:',
    '#LoadCredentialEncrypted=depot.password:/etc/credstore.encrypted/depot.password',
    '#LoadCredentialEncrypted=depot.signing-key-passphrase:/etc/credstore.encrypted/depot.signing-key-passphrase',
  ];
}

/** In a command, and only there, a dollar is doubled too. */
export function commandWord(word: string): string {
  return quoted(word.replace(/\$/g, '$$$$'));
}

/** systemd.syntax(7): double quotes with C escapes, and a percent sign doubled. */
function quoted(word: string): string {
  const escaped = word.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/%/g, '%%');
  return /^[A-Za-z0-9_./:@%$=+,-]+$/.test(escaped) ? escaped : `"${escaped}"`;
}
