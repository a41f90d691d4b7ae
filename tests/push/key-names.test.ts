/** What is wrong with an SSH key is said with the key of depot.yaml that names it, be it the server's or the jump host's. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2, { type AgentInboundRequest, type ParsedKey } from 'ssh2';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Arrangement } from '../../src/config/types.js';
import { hopOf, loginOf } from '../../src/push/agent.js';
import { prepareLogin } from '../../src/sftp/credentials.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { failure } from '../sftp/support.js';

const secrets = { find: () => Promise.resolve(null) };
const hop = { host: 'hop.example', port: 22, username: 'between', hostKey: [`SHA256:${'A'.repeat(43)}`] };
const ecdsa = (passphrase?: string) =>
  ssh2.utils.generateKeyPairSync('ecdsa', {
    bits: 256,
    ...(passphrase !== undefined && { passphrase, cipher: 'aes256-ctr', rounds: 1 }),
  });

interface Keys {
  privateKey?: string;
  sshAgent?: boolean | string;
}

const places: Record<string, { key: string; remote: (keys: Keys) => object }> = {
  "the server's": { key: 'remote.privateKey', remote: (keys) => keys },
  "the jump host's": { key: 'remote.proxyJump.privateKey', remote: (keys) => ({ proxyJump: { ...hop, ...keys } }) },
  "the server's, which the jump host takes too,": {
    key: 'remote.privateKey',
    remote: (keys) => ({ ...keys, proxyJump: hop }),
  },
};

const files: Record<string, string> = {
  gone: '',
  pgp: '-----BEGIN PGP PRIVATE KEY BLOCK-----\n',
  x509: '-----BEGIN CERTIFICATE-----\n',
  public: `${ecdsa().public}\n`,
  certificate: 'ssh-ed25519-cert-v01@openssh.com AAAAGnNr x\n',
  token: 'sk-ssh-ed25519@openssh.com AAAAGnNr x\n',
};
let directory: string;
let fullAgent: string;
beforeAll(async () => {
  vi.stubEnv('SSH_AUTH_SOCK', '');
  directory = tempDir('keys');
  for (const [name, text] of Object.entries(files))
    if (text !== '') writeFileSync(join(directory, name), text, { mode: 0o600 });
  const held = Array.from({ length: 6 }, () => ssh2.utils.parseKey(ecdsa().public) as ParsedKey);
  const server = createServer((socket) => {
    const protocol = new ssh2.AgentProtocol(false);
    protocol.on('identities', (request: AgentInboundRequest) => protocol.getIdentitiesReply(request, held));
    socket.pipe(protocol).pipe(socket);
  });
  fullAgent = join(directory, 'agent');
  server.listen(fullAgent);
  await once(server, 'listening');
  cleanup(() => void server.close());
});

afterAll(() => void vi.unstubAllEnvs());

describe.each(Object.entries(places))('of %s key', (place, { key, remote }) => {
  async function refused(keys: Keys): Promise<string> {
    const shared = { host: 'sftp.example', port: 22, username: 'acme', directory: '/in', hostKey: [], password: {} };
    const arrangement = { name: 'night', remote: { ...shared, ...remote(keys) } } as unknown as Arrangement;
    const preparing = place.includes('jump')
      ? hopOf(arrangement, secrets)
      : loginOf(arrangement, secrets).then((login) => prepareLogin(login, 'night'));
    return (await failure(preparing)).hint ?? '';
  }
  const named = new RegExp(`(?<![\\w.])${key}(?![\\w.]*privateKey)`);

  test.each(Object.keys(files))('%s is refused, in the right words', async (file) => {
    expect(await refused({ privateKey: join(directory, file) })).toMatch(named);
  });

  test.each(['certificate', 'token'])('%s that is to choose one of the ssh-agent', async (file) => {
    expect(await refused({ privateKey: join(directory, file), sshAgent: fullAgent })).toMatch(named);
  });

  test('an ssh-agent that is not there, or holds too many keys', async () => {
    expect(await refused({ sshAgent: true })).toMatch(named);
    expect(await refused({ sshAgent: fullAgent })).toMatch(named);
  });
});
