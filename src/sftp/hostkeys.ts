import { createHash } from 'node:crypto';
import { DepotError, isDepotError } from '../errors.js';
import { readPlain } from '../plain-file.js';
import { printable } from '../printable.js';
import { hostKeyTypes, type HostKeyType } from './algorithms.js';
import { knownKeys, parseKnownHosts } from './knownhosts.js';
import type { RemoteSpec } from './types.js';

/** A host key that is trusted; `type: null` is a fingerprint alone, whose key may be of any type. */
export interface Pin {
  type: HostKeyType | null;
  fingerprint: string;
}

/** `SHA256:` and unpadded base64, as ssh-keygen prints it. `key` is the public key blob of RFC 4253 section 6.6. */
export function fingerprintOf(key: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** The key type named in a public key blob, `''` when the blob is malformed. */
export function keyTypeOf(key: Uint8Array): string {
  if (key.length < 4) return '';
  const length = new DataView(key.buffer, key.byteOffset, 4).getUint32(0);
  return length > key.length - 4 ? '' : Buffer.from(key.buffer, key.byteOffset + 4, length).toString('latin1');
}

/** `SHA256:…` or `<type> SHA256:…`; throws `config-invalid`. RSA may be named by its signatures too. */
function parsePin(text: string): Pin {
  const match = /^(?:([a-z0-9@.-]+)\s+)?(SHA256:[A-Za-z0-9+/]{43})=?$/.exec(text.trim());
  if (!match) {
    throw new DepotError('config-invalid', `host key is not a fingerprint: ${printable(text)}`, {
      hint: "write it as ssh-keygen -lf prints it: 'ssh-ed25519 SHA256:…'",
    });
  }
  const name = match[1] === 'rsa-sha2-256' || match[1] === 'rsa-sha2-512' ? 'ssh-rsa' : match[1];
  const type = name === undefined ? null : hostKeyTypes.find((t) => t === name);
  if (type === undefined) {
    throw new DepotError('config-invalid', `host key type ${printable(name ?? '')} is not supported`, {
      hint: `use one of ${hostKeyTypes.join(', ')}`,
    });
  }
  return { type, fingerprint: match[2]! };
}

/** Whom we trust at this address: pins of the config, else what known_hosts says. */
export interface Trust {
  pins: Pin[];
  revoked: Set<string>;
}

/** The keys to accept; throws `host-key-unknown` when there are none (law 5: no way around it). */
export async function trusted(spec: RemoteSpec): Promise<Trust> {
  if (spec.hostKeys.length > 0) return { pins: spec.hostKeys.map(parsePin), revoked: new Set() };
  const pins: Pin[] = [];
  const revoked = new Set<string>();
  if (spec.knownHostsFile !== undefined) {
    const text = await readPlain(spec.knownHostsFile).catch((cause: unknown) => {
      if (isDepotError(cause)) throw cause;
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0);
      throw new DepotError('local-unreadable', `cannot read ${printable(spec.knownHostsFile!)}`, {
        cause,
        hint: 'make the file readable for the account that pushes',
      });
    });
    for (const known of knownKeys(parseKnownHosts(text), spec.host, spec.port)) {
      const fingerprint = fingerprintOf(known.key);
      const type = hostKeyTypes.find((t) => t === known.type);
      if (known.marker === 'revoked') revoked.add(fingerprint);
      else if (type !== undefined) pins.push({ type, fingerprint });
    }
  }
  const usable = pins.filter((pin) => !revoked.has(pin.fingerprint));
  if (usable.length === 0) {
    throw new DepotError('host-key-unknown', `no host key is pinned for ${address(spec)}`, {
      hint: `run: «depot trust${spec.arrangement === undefined ? '' : ` ${spec.arrangement}`}»`,
      published: 'no',
    });
  }
  return { pins: usable, revoked };
}

/** The key types that a trusted key can have, pinned types first. */
export function acceptableTypes(trust: Trust): HostKeyType[] {
  const named = hostKeyTypes.filter((type) => trust.pins.some((pin) => pin.type === type));
  return trust.pins.some((pin) => pin.type === null)
    ? [...named, ...hostKeyTypes.filter((type) => !named.includes(type))]
    : named;
}

/** Whether this key, by its own type and fingerprint, is pinned and not revoked. */
export function isTrusted(trust: Trust, key: Uint8Array): boolean {
  const fingerprint = fingerprintOf(key);
  const type = keyTypeOf(key);
  return (
    !trust.revoked.has(fingerprint) &&
    trust.pins.some((pin) => pin.fingerprint === fingerprint && (pin.type === null || pin.type === type))
  );
}

/** Host and port as people write them, IPv6 in brackets. */
export function address(spec: { host: string; port: number }): string {
  const host = printable(spec.host);
  return `${host.includes(':') ? `[${host}]` : host}:${spec.port}`;
}
