import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'vitest';
import type { DepotError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';
import { findSecret } from '../../src/secrets/lookup.js';
import type { Keychain, SecretRequest } from '../../src/secrets/request.js';
import { tempDir } from '../support/cleanup.js';

export const account = { username: 'acme', host: '10.20.0.5', port: 22 };

export function request(more: Partial<SecretRequest> = {}): SecretRequest {
  return {
    kind: 'password',
    refs: {},
    env: {},
    configDirectory: tempDir('secrets'),
    account,
    needed: { run: 1, server: 1 },
    keychains: [],
    ...more,
  };
}

export function secretFile(path: string, contents: string | Uint8Array, mode = 0o600): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, contents);
  chmodSync(path, mode);
  return path;
}

export async function found(r: SecretRequest): Promise<[string, string] | null> {
  const secret = await findSecret(r);
  return secret === null ? null : [secret.value.reveal(), secret.from];
}

export async function failure(promise: Promise<unknown>): Promise<DepotError> {
  return promise.then(
    () => expect.fail('a secret was found'),
    (error: unknown) => error as DepotError,
  );
}

export function keychainWith(items: Record<string, string>): Keychain {
  return {
    name: 'test',
    get: async (name) => (name in items ? new Secret(items[name] ?? '') : null),
    set: async (name, secret) => void (items[name] = secret.reveal()),
    delete: async (name) => Reflect.deleteProperty(items, name),
  };
}
