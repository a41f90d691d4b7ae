/** Arrangements that are reached by way of the same server: its secrets are asked for once. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { expect, test, vi } from 'vitest';
import type { Arrangement } from '../../src/config/types.js';
import { connectToAgent } from '../../src/push/agent.js';
import { Run } from '../../src/push/run.js';
import { Secret } from '../../src/secret.js';
import { Connections } from '../../src/sftp/connections.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { freePort } from '../support/ports.js';
import { failure, quiet } from '../sftp/support.js';

const pin = `SHA256:${'A'.repeat(43)}`;

/** All are asked for before anything connects. */
async function asked(remotes: Record<string, unknown>[]): Promise<number> {
  const privateKey = join(tempDir(), 'id');
  const pair = ssh2.utils.generateKeyPairSync('ecdsa', {
    bits: 256,
    passphrase: 'sesame',
    cipher: 'aes256-ctr',
    rounds: 1,
  });
  writeFileSync(privateKey, pair.private, { mode: 0o600 });
  const hop = { host: '127.0.0.1', port: await freePort(), username: 'between', hostKey: [pin] };
  const connections = new Connections();
  cleanup(() => connections.close());
  const find = vi.fn(() => Promise.resolve(new Secret('sesame')));
  for (const [i, more] of remotes.entries()) {
    const remote = {
      host: '127.0.0.1',
      port: 22,
      username: 'acme',
      directory: '/in',
      hostKey: [pin],
      connectTimeout: 3000,
      proxyJump: hop,
      privateKey,
      password: {},
      privateKeyPassphrase: {},
      ...more,
    };
    const arrangement = { name: `night-${i}`, remote } as unknown as Arrangement;
    const run = new Run(arrangement.name);
    const connecting = connectToAgent({ arrangement, retryForMs: 0 }, { find }, { ...quiet, run }, connections);
    expect((await failure(connecting)).message).toMatch(/which refused the connection$/);
  }
  return find.mock.calls.length;
}

test('once, when the server behind takes the same key', async () => {
  expect(await asked([{}, { directory: '/other' }, {}])).toBe(1);
});

test('not again for another account behind it', async () => {
  expect(await asked([{}, { username: 'globex' }, { username: 'globex' }])).toBe(2);
});
