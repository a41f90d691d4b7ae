import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { printable } from '../printable.js';
import { Secret } from '../secret.js';

/** The operating system's keychain, through one of two native modules; service `depot`. */
export interface Keychain {
  readonly name: string;
  /** Null when it has no such account. Rejects when the keychain does not work here. */
  get(account: string): Promise<Secret | null>;
  set(account: string, secret: Secret): Promise<void>;
  /** False when there was nothing to delete. */
  delete(account: string): Promise<boolean>;
}

/** Under which depot's items are kept. */
export const service = 'depot';

/** What depot uses of keytar. */
interface Keytar {
  getPassword(service: string, account: string): Promise<string | null | undefined>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
}

/** What depot uses of `@napi-rs/keyring`. */
interface NapiKeyring {
  AsyncEntry: new (
    service: string,
    account: string,
    options: { linux: { store: 'secret-service' } },
  ) => {
    getPassword(): Promise<string | null | undefined>;
    setPassword(password: string): Promise<void>;
    deletePassword(): Promise<boolean>;
  };
}

/** In order of preference. They do not see each other's items. */
const modules: { name: string; open: (require: NodeJS.Require) => Keytar }[] = [
  { name: 'keytar', open: (require) => require('keytar') as Keytar },
  { name: '@napi-rs/keyring', open: (require) => likeKeytar(require('@napi-rs/keyring') as NapiKeyring) },
];

/**
 * Its own keytar interface, `@napi-rs/keyring/keytar`, falls back to the kernel's keyring: where a bus has no Secret
 * Service the password then stays there, and both the write and the deletion report an error (version 2.1.2).
 * An entry that is bound to the Secret Service leaves nothing.
 */
function likeKeytar({ AsyncEntry }: NapiKeyring): Keytar {
  const entry = (account: string): InstanceType<NapiKeyring['AsyncEntry']> =>
    new AsyncEntry(service, account, { linux: { store: 'secret-service' } });
  return {
    getPassword: async (_, account) => entry(account).getPassword(),
    setPassword: async (_, account, password) => entry(account).setPassword(password),
    deletePassword: async (_, account) => entry(account).deletePassword(),
  };
}

/** A locked keychain may ask its owner for a password first; one that nobody answers must not hang a run. */
const answerWithinMs = 20_000;

/** The keychains that may work in this session. Without a session bus on Linux the native modules are not even loaded. */
export function openKeychains(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): Keychain[] {
  if (!hasSession(env, platform)) return [];
  const require = createRequire(import.meta.url);
  const found: Keychain[] = [];
  for (const { name, open } of modules) {
    try {
      found.push(keychainOver(name, open(require)));
    } catch {
      // Optional dependencies: not installed, not built, or without a library that it needs.
    }
  }
  return found;
}

/** Whether a keychain can be there at all. */
export function hasSession(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): boolean {
  if (platform === 'darwin' || platform === 'win32') return true;
  if (env.DBUS_SESSION_BUS_ADDRESS) return true;
  return Boolean(env.XDG_RUNTIME_DIR) && existsSync(join(env.XDG_RUNTIME_DIR ?? '', 'bus'));
}

function keychainOver(name: string, native: Keytar): Keychain {
  return {
    name,
    async get(account) {
      const value = await answered(native.getPassword(service, account));
      return value === null || value === undefined || value === '' ? null : new Secret(value);
    },
    async set(account, secret) {
      await answered(native.setPassword(service, account, secret.reveal()));
    },
    async delete(account) {
      return answered(native.deletePassword(service, account));
    },
  };
}

async function answered<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer in ${answerWithinMs / 1000} s (is it locked?)`)),
      answerWithinMs,
    );
  });
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a native module said, on one line. */
export function keychainFault(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error)).slice(0, 300);
}
