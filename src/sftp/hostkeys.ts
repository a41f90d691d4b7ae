import { DepotError, isDepotError } from '../errors.js';
import { readPlain } from '../plain-file.js';
import { printable } from '../printable.js';
import { fingerprintOf, hostKeyTypes, type HostKeyType, parseHostKey, type Pin } from '../names/host-key.js';
import { knownKeys, parseKnownHosts } from './knownhosts.js';
import type { Endpoint } from './types.js';

/** The key type named in a public key blob, `''` when the blob is malformed. */
export function keyTypeOf(key: Uint8Array): string {
  if (key.length < 4) return '';
  const length = new DataView(key.buffer, key.byteOffset, 4).getUint32(0);
  return length > key.length - 4 ? '' : Buffer.from(key.buffer, key.byteOffset + 4, length).toString('latin1');
}

function pinOf(text: string): Pin {
  const parsed = parseHostKey(text);
  if ('value' in parsed) return parsed.value;
  throw new DepotError('config-invalid', `host key '${printable(text)}': ${parsed.wrong}`, {
    hint: "write it as ssh-keygen -lf prints it: 'ssh-ed25519 SHA256:…'",
  });
}

/** Whom we trust at this address: pins of the config, else what known_hosts says. */
export interface Trust {
  pins: Pin[];
  revoked: Set<string>;
}

/** The keys to accept; throws `host-key-unknown` when there are none (law 5 of docs/architecture.md: no way around it). */
export async function trusted(spec: Endpoint): Promise<Trust> {
  if (spec.hostKeys.length > 0) return { pins: spec.hostKeys.map(pinOf), revoked: new Set() };
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
