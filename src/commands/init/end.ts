/** The end of a set-up, on one screen: what happens from now on, who hears of it, and what is left to do. */
import type { Account } from '../../accounts.js';
import { pingHost } from '../../config/ping.js';
import type { Config } from '../../config/types.js';
import { printable } from '../../printable.js';
import { shellWord } from '../../shell.js';
import { clockText } from '../schedule/tries.js';
import type { Line } from '../../ui/wrap.js';
import type { Night } from './night.js';

const columns = 15;

export function endScreen(o: {
  /** There is a deposit of each arrangement. */
  deposited: boolean;
  /** What is wrong with the pings, as far as it was seen. */
  unpinged: string | null;
  config: Config;
  night: Night;
  /** What to type to switch the schedule off again; null where none is on. */
  off: string | null;
  account: Account | undefined;
  /** The file with the public half of the signing key, when it is known. */
  signerPublic: string | null;
}): Line[] {
  const { config, night } = o;
  const where = ` --config ${shellWord(config.path)}`;
  const names = [...config.arrangements.keys()];
  const hosts = [...new Set([...config.arrangements.values()].map(({ remote }) => remote.host))];
  const rows: [string, string][] = [
    ...(o.off === null
      ? []
      : [
          [
            'every night',
            `at ${clockText(night.at)}, ${o.account === undefined ? 'depot' : `account ${o.account.name}`} deposits ${printable(few(names))} with ${printable(few(hosts))}${again(night)}`,
          ] as [string, string],
          ['every hour', 'depot checks whether a deposit is missing'] as [string, string],
        ]),
    ['notified', told(config, o.unpinged)],
    ...(night.metrics === undefined ? [] : [['metrics', printable(night.metrics)] as [string, string]]),
    ['to check', `«depot status${where}»`],
    ['', `«depot runs${where}»`],
    ...(o.off === null ? [] : [['to stop', `«${o.off}»`] as [string, string]]),
    ...beneficiary(config, names, o.signerPublic, o.deposited, where),
  ];
  return rows.map(([label, text]) => ({ text: `  ${label.padEnd(columns - 3)} ${text}`, hang: columns }));
}

function again({ at, until }: Night): string {
  return clockText(at) === clockText(until)
    ? ''
    : `; if that fails, it tries again every hour until ${clockText(until)}`;
}

function told({ ping, notify }: Config, unpinged: string | null): string {
  const who = [
    ...(ping === undefined
      ? []
      : unpinged === null
        ? [`${printable(pingHost(ping.url))} gets a ping at ${ping.on.join(', ')}`]
        : [`${notify === undefined ? 'nobody yet: ' : ''}${unpinged}; correct ping.url in depot.yaml`]),
    ...(notify === undefined ? [] : [`${printable(notify.command[0] ?? '')} runs at ${notify.on.join(', ')}`]),
  ];
  return who.length === 0 ? 'nobody: add ping: or notify: to depot.yaml, or check yourself' : who.join('; ');
}

function beneficiary(
  config: Config,
  names: string[],
  signerPublic: string | null,
  deposited: boolean,
  where: string,
): [string, string][] {
  const whom = [
    ...new Set([...config.arrangements.values()].flatMap(({ beneficiaries }) => beneficiaries.map(({ name }) => name))),
  ];
  const [only] = names;
  return [
    [
      'to give',
      `${printable(few(whom))} needs ${signerPublic === null ? 'your public signing key' : printable(signerPublic)}, to check your receipts; and${deposited ? '' : ', once there is a deposit,'} the kit, to open ${deposited ? 'deposits' : 'it'}:`,
    ],
    ['', `«depot kit ${names.length === 1 ? only! : 'NAME'} --out kit${where}»`],
  ];
}

/** At most two of them. */
function few(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more` : names.join(', ');
}
