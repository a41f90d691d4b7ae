/** Which host key a server is to show, and what is said of another (law 5 of docs/architecture.md). */
import { DepotError } from '../errors.js';
import { printable } from '../printable.js';
import { type HostKeyType, hostKeyTypes } from '../names/host-key.js';
import { incompatible, type Failure } from './explain.js';
import { acceptableTypes, address, compareFirst, isRevoked, nothingSent, type Trust } from './hostkeys.js';
import type { Endpoint } from './types.js';

type Shown = { type: string; fingerprint: string };

/** Attempts with fewer and fewer types of key, as long as the server has others than the one that it showed. */
export async function withHostKey<T>(
  spec: Endpoint,
  trust: Trust,
  signal: AbortSignal,
  attempt: (types: HostKeyType[], refused: Shown[]) => Promise<T>,
): Promise<T> {
  const refused: Shown[] = [];
  let types = acceptableTypes(trust);
  for (;;) {
    const before = refused.length;
    try {
      return await attempt(types, refused);
    } catch (error) {
      signal.throwIfAborted();
      const wrong = refused[before];
      // A pin without a type: the server may have other keys than the one it showed (each attempt asks for fewer types).
      if (wrong !== undefined && !trust.revoked.has(wrong.fingerprint) && types.length > 1) {
        types = types.filter((type) => type !== wrong.type);
        continue;
      }
      if (wrong !== undefined || (refused.length > 0 && error instanceof NoHostKey))
        throw changed(spec, trust, refused);
      if (error instanceof NoHostKey) throw error.of(spec, types);
      throw error;
    }
  }
}

/** The server has no key of the types that it was asked for, in an algorithm that is taken. */
export class NoHostKey extends Error {
  constructor(
    readonly failure: Failure,
    readonly bytes: Buffer,
  ) {
    super(failure.message, { cause: failure });
  }

  of(spec: Endpoint, types: readonly HostKeyType[]): DepotError {
    const told = incompatible(spec, this.failure, this.bytes);
    if (types.length === hostKeyTypes.length || !/offers (?!unknown)/.test(told.message) || /SHA-1/.test(told.message))
      return told;
    const offers = /the server offers ([^;]*)/.exec(told.message)?.[1] ?? 'others';
    return new DepotError(
      'host-key-changed',
      `${address(spec)} has no host key of the pinned type (${types.join(', ')}); it offers ${offers}; ${nothingSent}`,
      { published: 'no', hint: compareFirst(spec), cause: told.cause },
    );
  }
}

function changed(spec: Endpoint, trust: Trust, shown: Shown[]): DepotError {
  const list = shown.map((key) => `${printable(key.type)} ${key.fingerprint}`).join(', ');
  const pinned = trust.pins
    .map((pin) => (pin.type === null ? pin.fingerprint : `${pin.type} ${pin.fingerprint}`))
    .join(', ');
  if (shown.some((key) => trust.revoked.has(key.fingerprint))) return isRevoked(spec, shown, trust.revoked);
  return new DepotError(
    'host-key-changed',
    `the host key of ${address(spec)} does not match: the server shows ${list}, but the pinned key is ${pinned}; ${nothingSent}`,
    {
      published: 'no',
      hint: compareFirst(spec),
    },
  );
}
