/** `ping:`, a monitor that is told over HTTP: an address of its own for each arrangement, or one for all. */
import { isIP } from 'node:net';
import type { Check } from './document.js';
import { list, named, oneOf } from './kinds.js';
import { mapping, preset, required, type Mapping } from './mapping.js';

const placeholder = '{arrangement}';

/** Whoever has the address can report in our name, so no message has it in it. */
const readUrl: Check<string> = (value) => {
  const written = value.scalar?.value;
  const wrong = wrongInPingUrl(typeof written === 'string' ? written : '');
  return wrong === null ? (written as string) : value.report(wrong);
};

/** What is wrong with an address; null when nothing is. */
export function wrongInPingUrl(written: string): string | null {
  const url = parse(written.replaceAll(placeholder, 'a'));
  if (url === null) return 'expected an address that begins with https:// (not shown here, because it is a secret)';
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    return 'leave the user name, password or # out of this address';
  return url.host === parse(written.replaceAll(placeholder, 'b'))?.host
    ? null
    : `${placeholder} can only be in the path of this address`;
}

const url = named(
  'pingUrl',
  `An address that begins with \`https://\`, or with \`http://\`; \`${placeholder}\` in its path stands for the name of the arrangement.`,
  { type: 'string', pattern: '^https?://[^\\s#]+$' },
  readUrl,
);

const keys = {
  url: required(url),
  on: preset(list(oneOf('start', 'success', 'failure')), ['start', 'success', 'failure']),
};
const declared = mapping(keys);

export const ping: Mapping<typeof keys> = {
  ...declared,
  // The address in the place of the mapping would be shown.
  read: (value) =>
    value.pairs === undefined ? value.report('expected a mapping with url and on') : declared.read(value),
};

/** What is allowed, and probably not meant. */
export function pingWarnings(written: string, arrangements: number): string[] {
  const { protocol, hostname } = new URL(written.replaceAll(placeholder, 'a'));
  return [
    ...(protocol === 'http:' && !isLoopback(hostname)
      ? ['ping.url begins with http: whoever can read the network can report in your name; use https']
      : []),
    ...(arrangements > 1 && !written.includes(placeholder)
      ? [
          `ping.url does not contain ${placeholder}, so one check stands for ${arrangements} arrangements, and shows only the last one`,
        ]
      : []),
  ];
}

/** The address for this end of a push: as it is for a success, with `/start` or `/<exit code>` for others, as Healthchecks has them. */
export function pingAddress(written: string, arrangement: string, what: 'start' | number): URL {
  const address = new URL(written.replaceAll(placeholder, arrangement));
  if (what !== 0) address.pathname = `${address.pathname.replace(/\/+$/, '')}/${what}`;
  return address;
}

/** All of the address that may be shown. */
export function pingHost(written: string): string {
  return new URL(written.replaceAll(placeholder, 'a')).host;
}

function parse(text: string): URL | null {
  return /^https?:\/\/[^\s]+$/.test(text) && URL.canParse(text) ? new URL(text) : null;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}
