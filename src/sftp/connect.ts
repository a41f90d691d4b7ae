import { ownConnection, type SharedServer } from './connections.js';
import { trusted } from './hostkeys.js';
import { prepareLogin } from './login.js';
import { Remote } from './remote.js';
import type { Login, RemoteSpec, TransportHooks } from './types.js';

/**
 * Connects and logs in, so that nothing else has to be started when that fails. In the order of the checks:
 * `host-key-unknown`, `config-invalid` (a pin), `secret-missing`, `passphrase-wrong`, `key-unreadable`
 * before anything is sent; then `unreachable` after `retryForMs`, `host-key-changed`, `login-refused`,
 * `remote-refused` (no SFTP). With `shared`, over a connection that others use too.
 */
export async function connect(
  spec: RemoteSpec,
  login: Login,
  hooks: TransportHooks,
  shared?: SharedServer,
): Promise<Remote> {
  const trust = await trusted(spec);
  const prepare = (): ReturnType<typeof prepareLogin> => prepareLogin(login, spec.arrangement);
  const credentials = await (shared === undefined ? prepare() : shared.credentials(prepare));
  const remote = new Remote(
    spec,
    hooks,
    shared === undefined ? ownConnection(spec, trust, credentials) : shared.source(spec, trust, credentials),
  );
  await remote.session();
  return remote;
}
