import { trusted } from './hostkeys.js';
import { prepareLogin } from './login.js';
import { Remote } from './remote.js';
import type { Login, RemoteSpec, TransportHooks } from './types.js';

/**
 * Connects and logs in, so that nothing else has to be started when that fails. In the order of the checks:
 * `host-key-unknown`, `config-invalid` (a pin), `secret-missing`, `passphrase-wrong`, `key-unreadable`
 * before anything is sent; then `unreachable` after `retryForMs`, `host-key-changed`, `login-refused`,
 * `remote-refused` (no SFTP).
 */
export async function connect(spec: RemoteSpec, login: Login, hooks: TransportHooks): Promise<Remote> {
  const trust = await trusted(spec);
  const remote = new Remote(spec, hooks, trust, await prepareLogin(login));
  await remote.session();
  return remote;
}
