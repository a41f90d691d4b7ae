import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { oneFile } from '../installation.js';
import { printable } from '../printable.js';
import { Secret } from '../secret.js';
import { keychainReaders } from './readers.js';
import { type Keychain, keychainAccount, type SecretSource } from './request.js';

/** Under which depot's items are kept. */
const service = 'depot';

/** Every keychain is asked: what an earlier depot stored with keytar is found. One that fails is noted, not fatal. */
export const keychain: SecretSource = {
  async find(request) {
    const account = keychainAccount(request);
    if (account === null) return null;
    for (const one of request.keychains ?? openKeychains(request.env)) {
      try {
        const value = await one.get(account);
        if (value !== null) return { value, from: `keychain (${one.name}), account ${printable(account)}` };
      } catch (error) {
        request.note?.(`the keychain did not answer: ${keychainFault(error)}`);
      }
    }
    return null;
  },
  describe(request) {
    const account = keychainAccount(request);
    const open = request.keychains ?? openKeychains(request.env);
    if (account === null) return Promise.resolve([]);
    return Promise.resolve([
      {
        source: 'keychain' as const,
        where: `service ${service}, account ${printable(account)}`,
        present: open.length > 0 ? ('unknown' as const) : false,
        ...(open.length > 0 ? {} : { problem: keychainAbsent(request.env) }),
        readableBy: keychainReaders(),
      },
    ]);
  },
};

/** One item of a keychain. */
interface Entry {
  getPassword(): Promise<string | null | undefined>;
  setPassword(password: string): Promise<void>;
  deletePassword(): Promise<boolean>;
}

/** What depot uses of `@napi-rs/keyring`. */
interface NapiKeyring {
  AsyncEntry: new (service: string, account: string, options: { linux: { store: 'secret-service' } }) => Entry;
}

/** What depot uses of keytar. */
interface Keytar {
  getPassword(service: string, account: string): Promise<string | null>;
  setPassword(service: string, account: string, password: string): Promise<void>;
  deletePassword(service: string, account: string): Promise<boolean>;
}

/**
 * In order of preference: keytar is archived, and writes only where the other one is missing. On Linux they do not see each
 * other's items, since they give them other attributes.
 *
 * The interface that `@napi-rs/keyring` has in common with keytar falls back to the kernel's keyring: where a bus has no Secret
 * Service the password then stays there, and both the write and the deletion report an error (version 2.1.2). An entry that is
 * bound to the Secret Service leaves nothing.
 */
const modules: { name: string; open: (require: NodeJS.Require) => (account: string) => Entry }[] = [
  {
    name: '@napi-rs/keyring',
    open(require) {
      const { AsyncEntry } = require('@napi-rs/keyring') as NapiKeyring;
      return (account) => new AsyncEntry(service, account, { linux: { store: 'secret-service' } });
    },
  },
  {
    name: 'keytar',
    open(require) {
      const keytar = require('keytar') as Keytar;
      return (account) => ({
        getPassword: () => keytar.getPassword(service, account),
        setPassword: (password) => keytar.setPassword(service, account, password),
        deletePassword: () => keytar.deletePassword(service, account),
      });
    },
  },
];

/** A locked keychain may ask its owner for a password first; one that nobody answers must not hang a run. */
const answerWithinMs = 20_000;

/** The keychains that may work in this session. Without a session bus on Linux the native modules are not even loaded. */
export function openKeychains(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): Keychain[] {
  // An executable has no compiled modules in it, and loads none from elsewhere.
  if (oneFile || !hasSession(env, platform)) return [];
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

function keychainAbsent(env: NodeJS.ProcessEnv): string {
  if (oneFile) return 'the single-file depot has no keychain module';
  return hasSession(env) ? 'no keychain module is installed' : 'there is no session bus';
}

/** Whether a keychain can be there at all. */
export function hasSession(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): boolean {
  if (platform === 'darwin' || platform === 'win32') return true;
  if (env.DBUS_SESSION_BUS_ADDRESS) return true;
  return Boolean(env.XDG_RUNTIME_DIR) && existsSync(join(env.XDG_RUNTIME_DIR ?? '', 'bus'));
}

function keychainOver(name: string, entry: (account: string) => Entry): Keychain {
  return {
    name,
    async get(account) {
      const value = await answered(entry(account).getPassword());
      return value === null || value === undefined || value === '' ? null : new Secret(value);
    },
    async set(account, secret) {
      await answered(entry(account).setPassword(secret.reveal()));
    },
    async delete(account) {
      return answered(entry(account).deletePassword());
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
