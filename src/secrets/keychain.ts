import { printable } from '../printable.js';
import { hasSession, keychainFault, openKeychains, service } from './native-keychain.js';
import { keychainReaders } from './readers.js';
import { keychainAccount, type SecretSource } from './request.js';

/** Every keychain is asked, since an earlier depot may have had another module. One that fails is noted, not fatal. */
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
        ...(open.length > 0
          ? {}
          : { problem: hasSession(request.env) ? 'no keychain module is installed' : 'there is no session bus' }),
        readableBy: keychainReaders(),
      },
    ]);
  },
};
