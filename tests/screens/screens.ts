/**
 * Every screen that a person sees, in the order of a story: setting up, a good night, a bad one, the beneficiary, the auditor. To add
 * one, add an entry; `npm run screens` writes its file. Each is a real run on a terminal of 80 columns.
 */
import type { Turn } from '../support/terminal.js';
import type { World } from './world.js';

export interface Screen {
  /** The file in tests/screens/shown. */
  name: string;
  /** As it is typed. `$ID`, `$SIGNER` and `$KEY` stand for the last deposit's id and for two keys. */
  line: string;
  /** Hours after the first midnight; else the time of the screen before. */
  at?: number;
  /** What happens before it. */
  before?: (world: World) => unknown;
  /** At the beneficiary's, with the files of the last deposit; else at the supplier's. */
  desk?: true;
  /** The push is killed at this step. */
  killedAt?: string;
  dialogue?: Turn[];
  /** With a crontab that is none of this machine's. */
  cron?: true;
}

const ctrlC = '\x03';

export const screens: readonly Screen[] = [
  { name: 'init-start', line: 'depot init --config new/depot.yaml', at: 1, dialogue: [['Account that', ctrlC]] },
  {
    name: 'config-unknown-key',
    line: 'depot push',
    before: (w) => w.config((text) => text.replace('retryFor:', 'retryfor:')),
  },
  {
    name: 'config-wrong-value',
    line: 'depot push',
    before: (w) => w.config((text) => text.replace('every: 24h', 'every: daily')),
  },
  {
    name: 'config-not-yaml',
    line: 'depot push',
    before: (w) => w.config((text) => text.replace('remote:', 'remote: [')),
  },
  { name: 'config-missing', line: 'depot push --config none.yaml', before: (w) => w.config((text) => text) },
  { name: 'usage-unknown-command', line: 'depot psh' },
  { name: 'usage-unknown-option', line: 'depot push --bwlimit 5M' },
  {
    name: 'trust',
    line: 'depot trust',
    before: (w) => w.config((text) => text.replace(/ {2}hostKey:\n.*\n/, '')),
    dialogue: [['Which of them', ctrlC]],
  },
  { name: 'push-host-key-unknown', line: 'depot push' },
  {
    name: 'push-host-key-changed',
    line: 'depot push',
    before: (w) => w.config((text) => text.replace(/SHA256:\S+/, `SHA256:${'B'.repeat(43)}`)),
  },
  { name: 'login', line: 'depot login', before: (w) => w.config((text) => text), dialogue: [['Where should', ctrlC]] },
  { name: 'doctor', line: 'depot doctor' },
  { name: 'push-dry-run', line: 'depot push --dry-run' },
  { name: 'status-never', line: 'depot status' },
  {
    name: 'init-night',
    line: 'depot init --config depot.yaml',
    cron: true,
    dialogue: [
      ['Do a trial run now?', 'n'],
      ['What time should the push run', '\r'],
      ['Until when', '\r'],
      ['Who should depot notify', '\r'],
      // Nothing listens there, on any machine.
      ['Address to ping', 'http://127.0.0.1:1/ping/KEY/{arrangement}\r'],
      ['What now?', '\x1b[B\r'],
      ['File for Prometheus metrics', '\r'],
      ['Switch it on now?', '\r'],
      ['Make the first deposit now?', 'n'],
    ],
  },
  { name: 'push', line: 'depot push', at: 1.5, before: (w) => w.config((text) => text) },
  { name: 'push-not-needed', line: 'depot push --if-older-than 20h', at: 2 },
  { name: 'status', line: 'depot status', at: 9 },
  { name: 'receipts-list', line: 'depot receipts list' },
  { name: 'receipts-show', line: 'depot receipts show $ID' },
  { name: 'receipts-verify', line: 'depot receipts verify' },
  { name: 'kit', line: 'depot kit --out kit' },
  { name: 'report', line: 'depot report --out report.html' },
  { name: 'key-show', line: 'depot key show keys/beneficiary.public.asc' },
  { name: 'verify-key-proof', line: 'depot verify --receipt $ID.receipt.json --signer $SIGNER --key $KEY', desk: true },
  {
    name: 'verify-deep',
    line: 'depot verify $ID.tar.gz.pgp --receipt $ID.receipt.json --signer $SIGNER --key $KEY --deep',
    desk: true,
  },
  { name: 'verify-incomplete', line: 'depot verify $ID.tar.gz.pgp --receipt $ID.receipt.json --key $KEY', desk: true },
  {
    name: 'decrypt',
    line: 'depot decrypt $ID.tar.gz.pgp --key $KEY --receipt $ID.receipt.json --signer $SIGNER --out opened',
    desk: true,
  },
  {
    name: 'decrypt-not-addressed',
    line: 'depot decrypt $ID.tar.gz.pgp --key other.secret.asc --out again',
    desk: true,
  },
  {
    name: 'verify-changed',
    line: 'depot verify $ID.tar.gz.pgp --receipt $ID.receipt.json --signer $SIGNER',
    desk: true,
    before: (w) => w.damage(),
  },
  { name: 'schedule-systemd', line: 'depot schedule print systemd --at 01:30 --user daemon' },
  { name: 'schedule-cron', line: 'depot schedule print cron --at 01:30 --user daemon' },
  { name: 'schedule-launchd', line: 'depot schedule print launchd --at 01:30 --user daemon' },
  { name: 'schedule-windows', line: 'depot schedule print windows --at 01:30' },
  { name: 'push-source-shrank', line: 'depot push', at: 25.5, before: (w) => w.data('invoices.csv', 'id;amount\n') },
  {
    name: 'push-source-missing',
    line: 'depot push',
    before: (w) => w.config((text) => text.replace('directory: data', 'directory: gone')),
  },
  {
    name: 'push-killed',
    line: 'depot push --quiet',
    before: (w) => w.config((text) => text),
    killedAt: 'first-block-sent',
  },
  { name: 'status-killed', line: 'depot status', at: 33 },
  { name: 'push-login-refused', line: 'depot push', at: 49.5, before: (w) => w.password('wrong') },
  { name: 'push-secret-missing', line: 'depot push', before: (w) => w.password(null) },
  {
    name: 'push-not-reachable',
    line: 'depot push',
    before: async (w) => {
      w.password('correct horse');
      await w.stop();
    },
  },
  { name: 'status-stale', line: 'depot status', at: 81 },
];
