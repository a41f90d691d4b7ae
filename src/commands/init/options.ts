import { wrongInPingUrl } from '../../config/ping.js';
import { parseJump } from '../../config/remote.js';
import { parseHost } from '../../config/values.js';
import { parseArrangementName } from '../../names/arrangement.js';
import { hostKeyText } from '../../names/host-key.js';
import type { Parsed } from '../../names/parsed.js';
import { commandWords } from '../../shell.js';
import {
  clock,
  denied,
  durationMs,
  fingerprint,
  given,
  globals,
  list,
  oneOf,
  text,
  usage,
  type Flags,
} from '../flags.js';
import { databaseAnswers, type PasswordFileFlag } from './database-url.js';

/** In place of a command: what init starts as another account, to try a database. Nobody types it. */
export const trialWord = ':try-database';

export function initOptions(flags: Flags) {
  const checked = <T>(name: string, what: string, parse: (value: string) => Parsed<T>, value: string): T => {
    const parsed = parse(value);
    if ('wrong' in parsed) throw usage(`--${name} ${JSON.stringify(value)}: ${parsed.wrong}`, what);
    return parsed.value;
  };
  const hostKeys = (key: string, name: string): string[] =>
    list(flags, key).map((value) =>
      checked(
        name,
        `write it as the letter or ssh-keygen -lf shows it: --${name} "ssh-ed25519 SHA256:…"`,
        hostKeyText,
        value,
      ),
    );
  const o = {
    ...globals(flags),
    yes: given(flags, 'yes'),
    later: given(flags, 'later'),
    supplier: text(flags, 'supplier'),
    arrangement: text(flags, 'arrangement'),
    beneficiary: text(flags, 'beneficiary'),
    beneficiaryKey: text(flags, 'beneficiaryKey'),
    fingerprint: fingerprint(flags, 'fingerprint'),
    signer: text(flags, 'signer'),
    signerEmail: text(flags, 'signerEmail'),
    passphraseFile: text(flags, 'passphraseFile'),
    noPassphrase: denied(flags, 'passphrase'),
    sources: list(flags, 'source'),
    databases: databaseAnswers(list(flags, 'database'), passwordFiles(flags)),
    host: text(flags, 'host'),
    port: text(flags, 'port') === undefined ? undefined : Number(text(flags, 'port')),
    username: text(flags, 'username'),
    directory: text(flags, 'directory'),
    hostKeys: hostKeys('hostKey', 'host-key'),
    user: text(flags, 'user'),
    privateKey: text(flags, 'privateKey'),
    privateKeyPassphraseFile: text(flags, 'privateKeyPassphraseFile'),
    passwordFile: text(flags, 'passwordFile'),
    sshAgent: given(flags, 'sshAgent') ? (true as const) : text(flags, 'sshAgent'),
    sshConfig: given(flags, 'sshConfig') ? (true as const) : text(flags, 'sshConfig'),
    proxyJump: text(flags, 'proxyJump'),
    proxyJumpHostKeys: hostKeys('proxyJumpHostKey', 'proxy-jump-host-key'),
    at: clock(flags, 'at') === undefined ? undefined : text(flags, 'at'),
    until: clock(flags, 'until') === undefined ? undefined : text(flags, 'until'),
    schedule: oneOf(flags, 'schedule', ['systemd', 'cron', 'none']),
    ping: text(flags, 'ping'),
    notify:
      text(flags, 'notify') === undefined
        ? undefined
        : checked(
            'notify',
            'give program and arguments as one argument: --notify "/usr/local/bin/alert --to ops"',
            commandWords,
            text(flags, 'notify')!,
          ),
    prometheusFile: text(flags, 'prometheusFile'),
    every: durationMs(flags, 'every') === undefined ? undefined : text(flags, 'every'),
  };
  if (o.host !== undefined)
    checked('host', 'give the name or address alone: --host sftp.agent.example', hostAlone, o.host);
  const jump = o.proxyJump === undefined ? undefined : parseJump(o.proxyJump);
  if (typeof jump === 'string')
    throw usage(
      `--proxy-jump ${JSON.stringify(o.proxyJump)}: ${jump}`,
      'give it as for ssh -J: --proxy-jump acme@gate.example',
    );
  if (o.proxyJumpHostKeys.length > 0 && o.proxyJump === undefined)
    throw usage('--proxy-jump-host-key is for the server of --proxy-jump, and there is none', 'add --proxy-jump HOST');
  if (o.sshAgent !== undefined && o.passwordFile !== undefined)
    throw usage('--ssh-agent and --password-file are two ways to log in', 'leave out one of them');
  if (o.port !== undefined && !(Number.isInteger(o.port) && o.port >= 1 && o.port <= 65_535))
    throw usage(
      `--port ${text(flags, 'port') ?? ''} is not a port`,
      'give a number from 1 to 65535, or leave it out for 22',
    );
  const arrangement = o.arrangement === undefined ? undefined : parseArrangementName(o.arrangement);
  if (arrangement !== undefined && 'wrong' in arrangement)
    throw usage(
      `--arrangement ${JSON.stringify(o.arrangement)}: ${arrangement.wrong}`,
      'choose a short name: --arrangement acme-crm',
    );
  if (o.signer !== undefined && (o.signerEmail !== undefined || o.noPassphrase))
    throw usage(
      '--signer names a key that exists; --signer-email and --no-passphrase make a new one',
      'leave out one or the other',
    );
  if (o.noPassphrase && o.passphraseFile !== undefined)
    throw usage('--no-passphrase and --passphrase-file contradict each other', 'leave out one of them');
  if (o.privateKeyPassphraseFile !== undefined && o.privateKey === undefined)
    throw usage(
      '--private-key-passphrase-file is for the key of --private-key, and there is none',
      'add --private-key FILE',
    );
  const wrongPing = o.ping === undefined ? null : wrongInPingUrl(o.ping);
  if (wrongPing !== null)
    throw usage(
      `--ping: ${wrongPing}`,
      "give it as the monitor shows it: --ping 'https://hc.example/ping/KEY/{arrangement}'",
    );
  if (o.later && o.schedule !== undefined && o.schedule !== 'none')
    throw usage(
      '--schedule switches pushes on, and with --later they cannot log in yet',
      `leave out --schedule; after trust and login: depot init --yes --schedule ${o.schedule}`,
    );
  return o;
}

function hostAlone(text: string): Parsed<string> {
  return /^\d+$/.test(text) ? { wrong: 'this is a number, not a host' } : parseHost(text);
}

function passwordFiles({ databasePasswordFile }: Flags): readonly PasswordFileFlag[] {
  return (databasePasswordFile as PasswordFileFlag[] | undefined) ?? [];
}

export type InitFlags = ReturnType<typeof initOptions>;
