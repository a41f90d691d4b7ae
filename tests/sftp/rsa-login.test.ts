/** RSA keys sign with SHA-2, whatever the server says, or does not say, that it takes. */
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ssh2, { type ParsedKey } from 'ssh2';
import { beforeAll, expect, test } from 'vitest';
import { DepotError } from '../../src/errors.js';
import { connect } from '../../src/sftp/remote.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { startSshd } from '../support/sshd.js';
import { connectTo, failure, quiet, specFor } from './support.js';

let key: { login: { privateKey: Buffer; privateKeyFile: string }; line: string };
beforeAll(() => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const pem = privateKey.export({ format: 'pem', type: 'pkcs1' });
  const parsed = ssh2.utils.parseKey(pem) as ParsedKey;
  key = {
    login: { privateKey: Buffer.from(pem), privateKeyFile: '/keys/id_rsa' },
    line: `ssh-rsa ${parsed.getPublicSSH().toString('base64')}`,
  };
});

test.each([undefined, 'SHA-2, unsaid' as const])('at a server that takes SHA-2: %s', async (rsa) => {
  const server = await startScriptedServer({ publicKey: key.line, ...(rsa && { rsa }) });
  await connectTo(server, {}, key.login);
  expect(server.signed).toEqual(['sha256']);
});

test('a server that takes SHA-1 only, and does not say so, gets no signature; the hint says what that may be', async () => {
  const server = await startScriptedServer({ publicKey: key.line, rsa: 'SHA-1, unsaid' });
  expect(await failure(connectTo(server, {}, key.login))).toMatchObject({
    code: 'login-refused',
    message: expect.stringContaining('the server refused the SSH key /keys/id_rsa (SHA256:') as string,
    hint: expect.stringMatching(/an old server accepts RSA keys only with SHA-1, which depot does not use/) as string,
  });
  expect(server.signed).toEqual([]);
});

test('to a server that says that it takes SHA-1 only, the key is not offered, and another one is', async () => {
  const server = await startScriptedServer({ publicKey: key.line, password: 'correct horse', rsa: 'SHA-1' });
  const without = { ...key.login, password: () => Promise.reject(new DepotError('secret-missing', 'there is none')) };
  for (const login of [key.login, without])
    expect(await failure(connectTo(server, {}, login))).toMatchObject({
      code: 'login-refused',
      message: expect.stringMatching(
        /the server accepts no RSA key with SHA-2, and depot does not sign with SHA-1, so depot did not offer the SSH key \/keys\/id_rsa \(SHA256:/,
      ) as string,
      hint: expect.stringContaining('ssh-keygen -t ed25519') as string,
    });
  expect(server.logins).not.toContain('publickey');
  await connectTo(server, {}, { ...key.login, password: () => Promise.resolve('correct horse') });
  expect(server.signed).toEqual([]);
});

test.skipIf(!peer('sshd')).each([
  ['rsa-sha2-256', true],
  ['rsa-sha2-512,rsa-sha2-256', true],
  ['ssh-rsa', false],
])('at an sshd that takes %s', { timeout: 60_000 }, async (algorithms, taken) => {
  const directory = tempDir();
  // The server reads it as the account that logs in.
  chmodSync(directory, 0o755);
  const file = join(directory, 'authorized_keys');
  writeFileSync(file, `${key.line}\n`);
  const config = [`PubkeyAcceptedAlgorithms ${algorithms}`, `AuthorizedKeysFile ${file}`, 'StrictModes no'];
  const server = await startSshd({ config });
  const connecting = connect(specFor(server, { retryForMs: 0 }), key.login, quiet);
  if (taken) await (await connecting).close();
  else expect(await failure(connecting)).toMatchObject({ code: 'login-refused' });
});
