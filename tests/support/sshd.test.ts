import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import SftpClient from 'ssh2-sftp-client';
import { asRoot, peers } from './peers.js';
import { eventually } from './process.js';
import { type SshdOptions, startSshd } from './sshd.js';

const ssh = peers('sshd', 'ssh-keygen');
const root = asRoot();

async function uploadAs(options: SshdOptions) {
  const server = await startSshd(options);
  const client = new SftpClient();
  client.on(
    'keyboard-interactive',
    (
      _name: string,
      _instructions: string,
      _language: string,
      prompts: unknown[],
      answer: (answers: string[]) => void,
    ) => answer(prompts.map(() => server.password)),
  );
  const base = { host: server.host, port: server.port, username: server.username };
  await client.connect(
    options.login === 'password'
      ? { ...base, password: server.password }
      : options.login === 'keyboard-interactive'
        ? { ...base, password: server.password, tryKeyboard: true }
        : { ...base, privateKey: readFileSync(server.privateKeyFile) },
  );
  await client.put(Buffer.from('hello'), `${server.remoteDirectory}/.x`);
  await client.rename(`${server.remoteDirectory}/.x`, `${server.remoteDirectory}/x`);
  return { server, client };
}

test.skipIf(!ssh)('the test sshd takes a key login, can be killed, and restarts at the same port', async () => {
  const { server, client } = await uploadAs({ login: 'key' });
  expect(server.names()).toEqual(['x']);
  client.on('error', () => undefined);
  await server.kill();
  await expect(client.list(server.remoteDirectory)).rejects.toThrow();
  await server.start();
  const again = new SftpClient();
  await again.connect({
    host: server.host,
    port: server.port,
    username: server.username,
    privateKey: readFileSync(server.privateKeyFile),
  });
  expect(await again.exists(`${server.remoteDirectory}/x`)).toBe('-');
  again.on('error', () => undefined);
  await server.dropSessions();
  await expect(again.list(server.remoteDirectory)).rejects.toThrow();
});

test.skipIf(!ssh || !root)('the test sshd takes a password login, into a chroot', async () => {
  const { server, client } = await uploadAs({ login: 'password', chroot: true });
  expect(server.names()).toEqual(['x']);
  expect((await client.list('/')).map((f) => f.name)).toEqual(['incoming']);
  await client.end();
});

test.skipIf(!ssh || !root)(
  'the test sshd takes a keyboard-interactive login by PAM, and moves finished files away',
  async () => {
    const { server, client } = await uploadAs({
      login: 'keyboard-interactive',
      mover: (name) => !name.startsWith('.'),
    });
    await eventually(() => server.collectedNames().includes('x'));
    expect(server.names()).toEqual([]);
    await client.end();
  },
);

test.skipIf(!ssh || !root)('the test sshd can deny requests and have a small disk', async () => {
  const server = await startSshd({ login: 'password', sftp: ['-P', 'rename'], tmpfs: '1m' });
  const client = new SftpClient();
  await client.connect({ host: server.host, port: server.port, username: server.username, password: server.password });
  await client.put(Buffer.from('hello'), `${server.remoteDirectory}/.x`);
  await expect(client.rename(`${server.remoteDirectory}/.x`, `${server.remoteDirectory}/x`)).rejects.toThrow(/denied/i);
  expect(() => writeFileSync(join(server.incoming, 'big'), Buffer.alloc(2 << 20))).toThrow(/ENOSPC/);
  await client.end();
});
