import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isPinned } from '../../src/sftp/hostkeys.js';
import { scanHostKeys } from '../../src/sftp/scan.js';
import { tempDir } from '../support/cleanup.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { connectTo, failure, never } from './support.js';

test('a fingerprint can be pinned with or without its type; the connection tells which key it saw', async () => {
  const server = await startScriptedServer();
  for (const pin of [server.fingerprints[0], `ssh-ed25519 ${server.fingerprints[0]}`]) {
    const { remote } = await connectTo(server, { hostKeys: [pin] });
    expect(remote.hostKey).toBe(`ssh-ed25519 ${server.fingerprints[0]}`);
  }
});

test('a fingerprint pinned without a type is compared with all keys of the server before the password is sent', async () => {
  const server = await startScriptedServer({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
  for (const [i, type] of server.hostKeyTypes.entries()) {
    const { remote } = await connectTo(server, { hostKeys: [server.fingerprints[i]] });
    expect(remote.hostKey).toBe(`${type} ${server.fingerprints[i]}`);
  }
  expect(server.logins.filter((method) => method === 'password')).toHaveLength(3);
});

test('only the pinned key types are negotiated; rsa-sha2-512 pins an RSA key', async () => {
  const server = await startScriptedServer({ hostKeys: ['ed25519', 'rsa'] });
  const { remote } = await connectTo(server, { hostKeys: [`rsa-sha2-512 ${server.fingerprints[1]}`] });
  expect(remote.hostKey).toBe(`ssh-rsa ${server.fingerprints[1]}`);
  const error = await failure(connectTo(server, { hostKeys: [`ecdsa-sha2-nistp256 ${server.fingerprints[0]}`] }));
  expect(error).toMatchObject({ code: 'host-key-changed', message: expect.stringContaining('ecdsa-sha2-nistp256') });
});

test('a server with another key gets no user name and no password; the error shows its fingerprints and the pinned one', async () => {
  const server = await startScriptedServer({ hostKeys: ['ed25519', 'ecdsa'] });
  const other = `SHA256:${'A'.repeat(43)}`;
  const error = await failure(
    connectTo(server, { hostKeys: [other], hostKeysAt: '/etc/depot/depot.yaml:14', arrangement: 'acme-crm' }),
  );
  // Where depot.yaml pins, known_hosts pins nothing: `depot trust` could not help.
  expect(error).toMatchObject({
    code: 'host-key-changed',
    published: 'no',
    hint: expect.stringMatching(/correct hostKey in \/etc\/depot\/depot\.yaml:14$/m),
  });
  expect(error.hint).not.toContain('depot trust');
  for (const fingerprint of [...server.fingerprints, other]) expect(error.message).toContain(fingerprint);
  expect(server.logins).toEqual([]);
  expect(server.connections).toBeLessThanOrEqual(3);
});

test('without a pinned host key, depot does not even connect', async () => {
  const server = await startScriptedServer();
  expect(await failure(connectTo(server, { hostKeys: [], arrangement: 'acme-crm' }))).toMatchObject({
    code: 'host-key-unknown',
    hint: 'run: «depot trust acme-crm»',
  });
  expect(server.connections).toBe(0);
});

test('a key in known_hosts is trusted, unless depot.yaml pins another', async () => {
  const server = await startScriptedServer();
  const [key] = await scanHostKeys(server.host, server.port, { timeoutMs: 5000, signal: never });
  const knownHostsFile = join(tempDir(), 'known_hosts');
  writeFileSync(knownHostsFile, key.line);
  const { remote } = await connectTo(server, { hostKeys: [], knownHostsFile });
  expect(remote.hostKey).toContain(key.fingerprint);
  expect(await failure(connectTo(server, { hostKeys: [`SHA256:${'B'.repeat(43)}`], knownHostsFile }))).toMatchObject({
    code: 'host-key-changed',
  });
});

test.each([
  ['host and port', (line: string) => line],
  ['the host, at any port', (line: string) => line.replace(/^\S+/, '127.0.0.1')],
  ['any host', (line: string) => line.replace(/^\S+/, '*')],
])('a key that known_hosts revokes for %s is refused, whoever pins it, and the error says where', async (_, named) => {
  const server = await startScriptedServer({ hostKeys: ['ed25519', 'rsa'] });
  const [key, other] = await scanHostKeys(server.host, server.port, { timeoutMs: 5000, signal: never });
  const knownHostsFile = join(tempDir(), 'known_hosts');
  writeFileSync(knownHostsFile, `# ours\n@revoked ${named(key.line)}${key.line}`);
  const before = server.connections;
  const revoked = {
    code: 'host-key-changed',
    published: 'no',
    message: expect.stringMatching(
      new RegExp(
        `^the host key of .* was revoked: (ssh-ed25519 )?${key.fingerprint.replaceAll('+', '\\+')}, by .*known_hosts:2$`,
      ),
    ),
  };
  const pins = [[], [key.fingerprint], [`ssh-ed25519 ${key.fingerprint}`]];
  for (const hostKeys of pins)
    expect(await failure(connectTo(server, { hostKeys, knownHostsFile }))).toMatchObject(revoked);
  expect(server.connections).toBe(before);
  expect(await isPinned(knownHostsFile, server.host, server.port)).toBe(false);
  // Another key of the server is pinned too, by one that does not say its type: the server shows the revoked one first.
  const both = [`SHA256:${'A'.repeat(43)}`, key.fingerprint];
  expect(await failure(connectTo(server, { hostKeys: both, knownHostsFile }))).toMatchObject(revoked);
  await connectTo(server, { hostKeys: [`ssh-rsa ${other.fingerprint}`], knownHostsFile });
});

test('a known_hosts that cannot be read might revoke the key that depot.yaml pins', async () => {
  const server = await startScriptedServer();
  expect(await failure(connectTo(server, { knownHostsFile: tempDir() }))).toMatchObject({ code: 'local-unreadable' });
  expect(server.connections).toBe(0);
  await connectTo(server, { knownHostsFile: join(tempDir(), 'none') });
});

test('a pin that is not a SHA-256 fingerprint, or is of an unsupported type, is a configuration error', async () => {
  const server = await startScriptedServer();
  for (const pin of ['MD5:00:11', 'SHA256:short', 'ssh-dss SHA256:' + 'A'.repeat(43)])
    expect(await failure(connectTo(server, { hostKeys: [pin] }))).toMatchObject({ code: 'config-invalid' });
});

test('a scan shows a key of every type, and does not log in', async () => {
  const server = await startScriptedServer({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
  const keys = await scanHostKeys(server.host, server.port, { timeoutMs: 5000, signal: never });
  expect(keys.map((key) => key.fingerprint).sort()).toEqual([...server.fingerprints].sort());
  expect(keys.map((key) => key.type)).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']);
  expect(server.logins).toEqual([]);
});
