/** Before anything is at the agent: the way there, the login, the first create. */
import { createServer, type AddressInfo } from 'node:net';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanup } from '../../support/cleanup.js';
import { startScriptedServer } from '../../support/scripted-server.js';
import type { Row } from '../row.js';
import { denied, each, nth, ofSuitcase, type Scene } from '../scene.js';

const deposits = { does: 'deposits', left: 'deposit' } as const;
const nothing = { published: 'no', left: 'nothing' } as const;

/** Something else than an SSH server, at a port of its own. */
async function wrongPort(scene: Scene, said: string): Promise<void> {
  const other = createServer((socket) => {
    socket.on('error', () => undefined);
    if (said === '') socket.destroy();
    else socket.end(said);
  });
  await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
  cleanup(() => other.close());
  scene.supplier.writeConfig({ remote: { port: (other.address() as AddressInfo).port, retryFor: '1s' } });
}
const rightPort = (scene: Scene): void => scene.supplier.writeConfig();

export const rows: Row[] = [
  {
    name: 'the agent is not reachable',
    fault: 'The agent is not reachable (VPN down) for longer than `retryFor`',
    provoked: 'nothing listens at the port',
    supplier: { remote: { retryFor: '1s' } },
    arrange: (scene) => scene.vanish(),
    exit: 14,
    ...nothing,
    says: /not reachable for 1 s.*\n?.*bring up the VPN/s,
    next: deposits,
  },
  {
    name: 'the agent becomes reachable within retryFor',
    fault: 'The agent is not reachable at first',
    provoked: 'the server is started when the first attempt has failed',
    supplier: { remote: { retryFor: '30s' } },
    async act(scene) {
      await scene.server.stop();
      return scene.push({ whenTrying: () => scene.server.start() });
    },
    exit: 0,
    published: 'yes',
    left: 'deposit',
    says: /trying until/,
    next: { ...deposits, left: '2 × deposit' },
  },
  {
    name: 'connections are closed before SSH begins',
    fault: 'Something closes every connection before SSH begins',
    provoked: 'a listener that closes',
    arrange: (scene) => wrongPort(scene, ''),
    exit: 14,
    ...nothing,
    says: /closed the connection before the SSH handshake/,
    relieve: rightPort,
    next: deposits,
  },
  {
    name: 'another service answers at the port',
    fault: 'Another service answers at the port',
    provoked: 'a listener that speaks SSH 1',
    arrange: (scene) => wrongPort(scene, 'SSH-1.5-old\r\n'),
    exit: 14,
    ...nothing,
    says: /does not speak SSH/,
    relieve: rightPort,
    next: deposits,
  },
  {
    name: 'the host key is not the pinned one',
    fault: 'The host key is not the pinned one',
    provoked: 'another server at the port',
    async arrange(scene) {
      const other = await startScriptedServer();
      scene.supplier.writeConfig({ remote: { port: other.port } });
    },
    exit: 13,
    code: 'host-key-changed',
    ...nothing,
    says: /ask the agent over another channel/,
    relieve: rightPort,
    next: deposits,
  },
  {
    name: 'no host key is pinned',
    fault: 'No host key is pinned',
    provoked: 'a config without `hostKey` and no `known_hosts`',
    arrange: (scene) => scene.supplier.writeConfig({ remote: { hostKey: undefined } }),
    exit: 13,
    code: 'host-key-unknown',
    ...nothing,
    says: /depot trust/,
    relieve: rightPort,
    next: deposits,
    check: (scene, first) => expectNoConnection(scene, first),
  },
  {
    name: 'the password is refused',
    fault: 'The password is wrong',
    provoked: 'another one in the file',
    arrange: (scene) => writeFileSync(join(scene.supplier.directory, 'secrets/password'), 'wrong\n'),
    exit: 12,
    ...nothing,
    relieve: (scene) => writeFileSync(join(scene.supplier.directory, 'secrets/password'), `${scene.server.password}\n`),
    next: deposits,
  },
  {
    name: 'the password file is missing',
    fault: 'The secret is not where the config says',
    provoked: 'the file is removed',
    arrange: (scene) => rmSync(join(scene.supplier.directory, 'secrets/password')),
    exit: 17,
    ...nothing,
    relieve: (scene) =>
      writeFileSync(join(scene.supplier.directory, 'secrets/password'), `${scene.server.password}\n`, { mode: 0o600 }),
    next: deposits,
  },
  {
    name: 'the server closes the connection right after the login',
    fault: 'The server accepts the login and then closes',
    provoked: 'scripted',
    server: { afterLogin: 'close' },
    supplier: { remote: { retryFor: '10s' } },
    exit: 15,
    code: 'remote-refused',
    ...nothing,
    says: /accepts the login .* and then closes/,
    relieve: (scene) => delete scene.server.options.afterLogin,
    next: deposits,
  },
  {
    name: 'the account has no SFTP',
    fault: 'The account has no SFTP',
    provoked: 'the subsystem is refused',
    server: { afterLogin: 'no-sftp' },
    exit: 15,
    code: 'remote-refused',
    ...nothing,
    says: /does not offer it SFTP/,
    relieve: (scene) => delete scene.server.options.afterLogin,
    next: deposits,
  },
  {
    name: 'the remote directory does not exist',
    fault: 'The remote directory does not exist',
    provoked: 'another name in the config',
    arrange: (scene) => scene.supplier.writeConfig({ remote: { directory: '/elsewhere' } }),
    exit: 15,
    code: 'remote-no-directory',
    ...nothing,
    relieve: rightPort,
    next: deposits,
    then: async (scene) => expectPending(scene, 0),
  },
  {
    name: 'the account may not create files',
    fault: 'The account may not create files there',
    provoked: 'the create is denied',
    arrange: (scene) => scene.script(each((r) => r.type === 'open' && ofSuitcase(r), denied)),
    exit: 15,
    code: 'remote-permission',
    ...nothing,
    next: deposits,
    then: async (scene) => expectPending(scene, 0),
  },
  {
    name: 'the answer to the create is lost',
    fault: 'The link drops while the partial is created',
    provoked: 'the server creates it and drops',
    arrange: (scene) => scene.script(nth(1, (r) => r.type === 'open' && ofSuitcase(r), { do: true, then: 'drop' })),
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: { ...deposits, left: '2 × deposit' },
  },
  {
    name: 'the link drops during the first handshake',
    fault: 'The link drops during the first handshake',
    provoked: 'the first connection is dropped',
    async act(scene) {
      const pushing = scene.push();
      while (scene.server.connections === 0) await new Promise((soon) => setTimeout(soon, 2));
      scene.server.drop();
      return pushing;
    },
    exit: 0,
    published: 'yes',
    left: 'deposit',
    next: { ...deposits, left: '2 × deposit' },
    check: (_, first) => {
      if (Number(first.run?.['attempts']) < 2) throw new Error('there was no second attempt');
    },
  },
];

function expectNoConnection(scene: Scene, first: { run: unknown }): void {
  // The next push's is the only one.
  if (scene.server.connections !== 1) throw new Error(`${scene.server.connections} connections, ${String(first.run)}`);
}

async function expectPending(scene: Scene, n: number): Promise<void> {
  const left = (await scene.pending()).length;
  if (left !== n) throw new Error(`${left} pending records instead of ${n}`);
}
