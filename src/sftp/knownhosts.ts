/** OpenSSH's known_hosts (sshd(8)). Certificate authorities are ignored: ssh2 negotiates no host certificates. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { looseTextOf } from '../text-file.js';

export interface KnownHost {
  marker: 'revoked' | 'cert-authority' | null;
  /** Comma-separated patterns, or one hashed name. */
  hosts: string;
  type: string;
  /** Public key blob. */
  key: Buffer;
  /** Where it stands, counted from 1. */
  line: number;
}

/** Lines that are not understood are skipped, as ssh(1) does. */
export function parseKnownHosts(text: string | Uint8Array): KnownHost[] {
  const found: KnownHost[] = [];
  for (const [i, raw] of (typeof text === 'string' ? text : looseTextOf(text)).split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const fields = line.split(/[ \t]+/);
    let marker: KnownHost['marker'] = null;
    if (fields[0]!.startsWith('@')) {
      if (fields[0] === '@revoked') marker = 'revoked';
      else if (fields[0] === '@cert-authority') marker = 'cert-authority';
      else continue;
      fields.shift();
    }
    const [hosts, type, base64] = fields;
    if (hosts === undefined || type === undefined || base64 === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64))
      continue;
    const key = Buffer.from(base64, 'base64');
    if (key.length > 4 && key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1') === type)
      found.push({ marker, hosts, type, key, line: i + 1 });
  }
  return found;
}

/**
 * Keys known, or revoked, for this address. As ssh(1) has it, a line that names the host without a port counts at every
 * port, unless there is a key for the host with its port.
 */
export function knownKeys(lines: KnownHost[], host: string, port: number): KnownHost[] {
  const own = keysNamed(lines, host, port);
  const anyPort = port === 22 ? [] : keysNamed(lines, host, 22);
  const hasOwn = own.some((line) => line.marker === null);
  return [...own, ...anyPort.filter((line) => !own.includes(line) && (!hasOwn || line.marker === 'revoked'))];
}

/** Those of the lines that name this very host and port. */
export function keysNamed(lines: KnownHost[], host: string, port: number): KnownHost[] {
  const name = hostName(host, port);
  return lines.filter((line) => line.marker !== 'cert-authority' && matches(line.hosts, name));
}

/** One line for known_hosts; `key` is the public key blob. */
export function knownHostsLine(host: string, port: number, type: string, key: Uint8Array): string {
  return `${hostName(host, port)} ${type} ${Buffer.from(key).toString('base64')}\n`;
}

/** As ssh(1) looks it up: lower case, `[host]:port` unless the port is 22. */
function hostName(host: string, port: number): string {
  const name = host.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return matchesHash(hosts, name);
  let matched = false;
  for (const pattern of hosts.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!');
    if (!fits(negated ? pattern.slice(1) : pattern, name)) continue;
    // A negated match excludes the line, whatever else it lists.
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/** `|1|salt|HMAC-SHA1(salt, name)`, both base64. */
function matchesHash(hosts: string, name: string): boolean {
  const [, version, salt, hash] = hosts.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  const wanted = Buffer.from(hash, 'base64');
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return wanted.length === actual.length && timingSafeEqual(wanted, actual);
}

/** `*` stands for any characters, `?` for one. Not a regular expression: with many stars that takes for ever. */
function fits(pattern: string, name: string): boolean {
  let p = 0;
  let star = -1;
  let afterStar = 0;
  for (let n = 0; n < name.length; ) {
    if (pattern[p] === '*') {
      star = p++;
      afterStar = n;
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p++;
      n++;
    } else if (star >= 0) {
      // The last star takes one character more.
      p = star + 1;
      n = ++afterStar;
    } else return false;
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}
