import { localError } from '../durable-file.js';
import { DepotError } from '../errors.js';
import { readPlain } from '../plain-file.js';
import { printable } from '../printable.js';
import { looseTextOf } from '../text-file.js';
import { fingerprintOf, hostKeyTypes, type HostKeyType, parseHostKey, type Pin } from '../names/host-key.js';
import { type KnownHost, knownKeys, parseKnownHosts } from './knownhosts.js';
import type { Endpoint, RemoteSpec } from './types.js';

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
  /** By fingerprint, where known_hosts says so: `FILE:LINE`. */
  revoked: Map<string, string>;
}

/**
 * The keys to accept, none of which known_hosts revokes, whoever pins it; there is no way around it (law 5 of
 * docs/architecture.md). @throws DepotError 'host-key-unknown' where none is pinned, 'host-key-changed' where all are revoked
 */
export async function trusted(spec: Endpoint & Pick<RemoteSpec, 'proxyJump'>): Promise<Trust> {
  const { pins, revoked } = await pinned(spec);
  if (pins.length === 0) {
    const jump = spec.proxyJump;
    // «depot trust» asks about that one first.
    const both = jump !== undefined && (await pinned(jump)).pins.length === 0;
    throw new DepotError(
      'host-key-unknown',
      `no host key is pinned for ${both ? `${address(jump)} and ` : ''}${address(spec)}`,
      {
        hint: `run: «depot trust${spec.arrangement === undefined ? '' : ` ${spec.arrangement}`}»`,
        published: 'no',
      },
    );
  }
  const usable = pins.filter((pin) => !revoked.has(pin.fingerprint));
  if (usable.length === 0) throw isRevoked(spec, pins, revoked);
  return { pins: usable, revoked };
}

async function pinned(spec: Endpoint): Promise<Trust> {
  const { knownHostsFile: file, host, port } = spec;
  const known = file === undefined ? [] : knownKeys(parseKnownHosts(await readKnownHosts(file)), host, port);
  return {
    pins: spec.hostKeys.length > 0 ? spec.hostKeys.map(pinOf) : known.flatMap(pinOfLine),
    revoked: revokedIn(known, file ?? ''),
  };
}

function pinOfLine(known: KnownHost): Pin[] {
  const type = hostKeyTypes.find((t) => t === known.type);
  return known.marker === null && type !== undefined ? [{ type, fingerprint: fingerprintOf(known.key) }] : [];
}

/** Whether known_hosts has a key for this server that it does not revoke. */
export async function isPinned(file: string, host: string, port: number): Promise<boolean> {
  const known = knownKeys(parseKnownHosts(await readKnownHosts(file)), host, port);
  const revoked = revokedIn(known, file);
  return known.flatMap(pinOfLine).some((pin) => !revoked.has(pin.fingerprint));
}

/** By fingerprint, where each is revoked: `FILE:LINE`. */
export function revokedIn(known: readonly KnownHost[], file: string): Map<string, string> {
  return new Map(
    known
      .filter(({ marker }) => marker === 'revoked')
      .map(({ key, line }) => [fingerprintOf(key), `${printable(file)}:${line}`]),
  );
}

/** The server shows, or the configuration pins, nothing but keys that were revoked. */
export function isRevoked(
  spec: Endpoint,
  keys: readonly { type: string | null; fingerprint: string }[],
  revoked: Trust['revoked'],
): DepotError {
  const list = keys
    .filter(({ fingerprint }) => revoked.has(fingerprint))
    .map(({ type, fingerprint }) => {
      const key = type === null ? fingerprint : `${printable(type)} ${fingerprint}`;
      return `${key}, by ${revoked.get(fingerprint)!}`;
    });
  return new DepotError('host-key-changed', `the host key of ${address(spec)} was revoked: ${list.join('; ')}`, {
    published: 'no',
    hint: compareFirst(spec),
  });
}

/** Pins of depot.yaml win over known_hosts, so that `depot trust` would change nothing. */
export function compareFirst(spec: Endpoint): string {
  const first = `ask ${keeperOf(spec)} over another channel which key ${spec.jumpHost === true ? 'that' : 'its'} server has, then`;
  const then =
    spec.hostKeys.length > 0
      ? `${first} correct hostKey in ${spec.hostKeysAt === undefined ? 'depot.yaml' : printable(spec.hostKeysAt)}`
      : `${first}: «depot trust${spec.arrangement === undefined ? '' : ` ${spec.arrangement}`}»`;
  return `${then}\neither the server was replaced, or somebody is in between; until you know, the next scheduled try does no harm`;
}

/** The key is looked at before anything else. */
export const nothingSent = 'no password and no data were sent to it';

/** What somebody should know who is asked to trust a server of which another key is pinned; null where none is, or it shows that one. */
export async function changeOf(
  spec: Pick<Endpoint, 'host' | 'port' | 'hostKeys' | 'hostKeysAt' | 'knownHostsFile' | 'jumpHost'>,
  offered: readonly { fingerprint: string }[],
): Promise<string | null> {
  const { knownHostsFile: file, host, port } = spec;
  const known = file === undefined ? [] : knownKeys(parseKnownHosts(await readKnownHosts(file)), host, port);
  const pins =
    spec.hostKeys.length > 0
      ? spec.hostKeys.map((text) => ({ ...pinOf(text), at: spec.hostKeysAt ?? 'depot.yaml' }))
      : known.flatMap((one) => pinOfLine(one).map((pin) => ({ ...pin, at: `${file ?? ''}:${one.line}` })));
  if (pins.length === 0 || pins.some((pin) => offered.some((key) => key.fingerprint === pin.fingerprint))) return null;
  const list = pins.map(
    ({ type, fingerprint, at }) => `${type === null ? '' : `${type} `}${fingerprint} (${printable(at)})`,
  );
  return `pinned for ${address(spec)} is ${list.join(', ')}; the server now shows another key. Do not accept it before ${keeperOf(spec)} has confirmed it by telephone`;
}

/** The text of known_hosts; empty where there is none yet. @throws DepotError 'local-unreadable' */
export async function readKnownHosts(file: string): Promise<string> {
  try {
    return looseTextOf(await readPlain(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw localError(error, 'read', file);
  }
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

/** Whom to ask about a server. */
export function keeperOf({ host, jumpHost }: Pick<Endpoint, 'host' | 'jumpHost'>, agent = 'the agent'): string {
  return jumpHost === true ? `whoever runs ${printable(host)}` : agent;
}

/** Host and port as people write them, IPv6 in brackets. */
export function address(spec: { host: string; port: number }): string {
  const host = printable(spec.host);
  return `${host.includes(':') ? `[${host}]` : host}:${spec.port}`;
}
