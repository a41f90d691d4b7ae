/**
 * OpenSSH's known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT): reading, matching and one line to write.
 * Certificate authorities are ignored: ssh2 does not negotiate host certificates.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export interface KnownHost {
  marker: 'revoked' | 'cert-authority' | null;
  /** Comma-separated patterns, or one hashed name. */
  hosts: string;
  type: string;
  /** Public key blob. */
  key: Buffer;
}

/** Lines that are not understood are skipped, as ssh(1) does. */
export function parseKnownHosts(text: string): KnownHost[] {
  const found: KnownHost[] = [];
  for (const raw of text.split(/\r?\n/)) {
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
    if (hosts === undefined || type === undefined || base64 === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) continue;
    const key = Buffer.from(base64, 'base64');
    if (key.length > 4 && key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1') === type) found.push({ marker, hosts, type, key });
  }
  return found;
}

/** Keys known, or revoked, for this address. */
export function knownKeys(lines: KnownHost[], host: string, port: number): KnownHost[] {
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
    if (!wildcard(negated ? pattern.slice(1) : pattern).test(name)) continue;
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

function wildcard(pattern: string): RegExp {
  return new RegExp(`^${pattern.replace(/[^*?]/g, (c) => c.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).replace(/\*/g, '.*').replace(/\?/g, '.')}$`);
}
