/** The agent's server by way of another (ProxyJump), both of them OpenSSH's sshd. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connect } from '../../src/sftp/remote.js';
import type { Endpoint, Login, RemoteSpec } from '../../src/sftp/types.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { mustRun } from '../support/process.js';
import { freePort } from '../support/ports.js';
import { peer } from '../support/peers.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { anyPassword, content, failure, listener, names, quiet, sha256, specFor, writeAll } from './support.js';

const between = (hop: { host: string; port: number; username: string; fingerprints: string[] }): Endpoint => ({
  host: hop.host,
  port: hop.port,
  username: hop.username,
  hostKeys: hop.fingerprints,
  connectTimeoutMs: 20_000,
  arrangement: 'acme-crm',
  jumpHost: true,
});

const byWayOf = (target: Sshd, hop: Endpoint, more: Partial<RemoteSpec> = {}): RemoteSpec =>
  specFor(target, {
    proxyJump: hop,
    directory: target.remoteDirectory,
    retryForMs: 0,
    connectTimeoutMs: 20_000,
    arrangement: 'acme-crm',
    ...more,
  });

const keyOf = (server: Sshd): Login => ({
  privateKey: readFileSync(server.privateKeyFile),
  privateKeyFile: server.privateKeyFile,
});
const logins = (target: Sshd, hop: Sshd): Login => ({ ...keyOf(target), proxyJump: keyOf(hop) });

const refusal = (spec: RemoteSpec, login: Login) => failure(connect(spec, login, quiet));

describe.skipIf(!peer('sshd'))('by way of another server', { timeout: 60_000 }, () => {
  test('a deposit arrives whole, over several channels, and the server sees the hop', async () => {
    const [target, hop] = [await startSshd(), await startSshd({ config: ['LogLevel VERBOSE'] })];
    const spec = byWayOf(target, between(hop), { lanes: 4 });
    const remote = await connect(spec, logins(target, hop), quiet);
    cleanup(() => remote.close());
    const bytes = content(24 * 1024 * 1024);
    const upload = await remote.createUpload(names);
    await writeAll(upload, bytes);
    expect(await upload.complete({ beforeClose: () => Promise.resolve() })).toMatchObject({ status: 'acknowledged' });
    expect(sha256(readFileSync(join(target.incoming, names.finalName)))).toBe(sha256(bytes));
    expect(hop.names()).toEqual([]);
    await remote.close();
    await expect.poll(() => hop.log()).toMatch(/Disconnected from|Closing connection|disconnected by/i);
  });

  test('a hop that dies in the middle costs a connection, and not the deposit', async () => {
    const [target, hop] = [await startSshd(), await startSshd()];
    const spec = byWayOf(target, between(hop), { retryForMs: 30_000 });
    const remote = await connect(spec, logins(target, hop), quiet);
    cleanup(() => remote.close());
    const bytes = content(16 * 1024 * 1024);
    const upload = await remote.createUpload(names);
    await writeAll(upload, bytes.subarray(0, 8 * 1024 * 1024));
    await hop.kill();
    await hop.start();
    await writeAll(upload, bytes.subarray(8 * 1024 * 1024));
    expect(await upload.complete({ beforeClose: () => Promise.resolve() })).toMatchObject({ status: 'acknowledged' });
    expect(remote.stats.reconnects).toBeGreaterThan(0);
    expect(sha256(readFileSync(join(target.incoming, names.finalName)))).toBe(sha256(bytes));
  });

  test('the host key of the hop is as pinned as that of the server: another one, or none, and nothing is sent', async () => {
    const [target, hop] = [await startSshd(), await startSshd({ hostKeys: ['ed25519', 'ecdsa'] })];
    const other = { ...between(hop), hostKeys: [`SHA256:${'A'.repeat(43)}`], hostKeysAt: 'depot.yaml:7' };
    expect(await refusal(byWayOf(target, other), logins(target, hop))).toMatchObject({
      code: 'host-key-changed',
      message: expect.stringContaining(`the host key of ${hop.host}:${hop.port} does not match`) as string,
      hint: expect.stringMatching(
        `^ask whoever runs ${hop.host} over another channel which key that server has, then correct hostKey in depot.yaml:7\n`,
      ) as string,
    });
    const none = { ...between(hop), hostKeys: [] };
    expect(await refusal(byWayOf(target, none), logins(target, hop))).toMatchObject({
      code: 'host-key-unknown',
      message: `no host key is pinned for ${hop.host}:${hop.port}`,
      hint: 'run: «depot trust acme-crm»',
    });
    expect(await refusal(byWayOf(target, none, { hostKeys: [] }), logins(target, hop))).toMatchObject({
      code: 'host-key-unknown',
      message: `no host key is pinned for ${hop.host}:${hop.port} and ${target.host}:${target.port}`,
    });
    expect(hop.log()).not.toContain('Accepted');
    // The pin of the second of its keys, without a type.
    const second = { ...between(hop), hostKeys: hop.fingerprints.slice(1) };
    await (await connect(byWayOf(target, second), logins(target, hop), quiet)).close();
    // And the server's own is checked behind it.
    const changed = byWayOf(target, between(hop), { hostKeys: [`SHA256:${'A'.repeat(43)}`] });
    expect(await refusal(changed, logins(target, hop))).toMatchObject({
      code: 'host-key-changed',
      message: expect.stringContaining(`the host key of ${target.host}:${target.port}`) as string,
    });
  });

  test('a hop that does not forward, or not there, says so', async () => {
    const target = await startSshd();
    const closed = await startSshd({ config: ['AllowTcpForwarding no'] });
    expect(await refusal(byWayOf(target, between(closed)), logins(target, closed))).toMatchObject({
      code: 'remote-refused',
      message: expect.stringMatching(/does not let it connect to 127\.0\.0\.1:\d+: open failed/) as string,
      hint: expect.stringContaining('AllowTcpForwarding') as string,
    });
    const hop = await startSshd();
    const nowhere = await freePort();
    expect(await refusal(byWayOf({ ...target, port: nowhere }, between(hop)), logins(target, hop))).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(
        new RegExp(`^127.0.0.1:${nowhere} could not be reached from .*${hop.port}: .*efused`),
      ) as string,
      hint: expect.not.stringContaining('VPN') as string,
    });
  });

  test('a hop that is not there, is silent, or refuses the login is named', async () => {
    const [target, hop] = [await startSshd(), await startSshd()];
    const port = await freePort();
    expect(await refusal(byWayOf(target, { ...between(hop), port }), logins(target, hop))).toMatchObject({
      code: 'unreachable',
      message: `${target.host}:${target.port} is behind 127.0.0.1:${port}, which refused the connection`,
      hint: expect.stringMatching(/^check host and port of proxyJump, and ask whoever runs 127\.0\.0\.1/) as string,
    });
    const silent = await listener(() => undefined);
    const slow = { ...between(hop), port: silent.port, connectTimeoutMs: 600 };
    expect(await refusal(byWayOf(target, slow), logins(target, hop))).toMatchObject({
      message: expect.stringContaining(`:${silent.port}, which did not finish the SSH handshake in 600 ms`) as string,
      hint: "ask whoever runs 127.0.0.1 what the server's log says about it",
    });
    expect(await refusal(byWayOf(target, between(hop)), { ...keyOf(target), proxyJump: keyOf(target) })).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining(`login refused for ${hop.username}@${hop.host}:${hop.port}`) as string,
      hint: expect.stringMatching(
        new RegExp(`^check with whoever runs ${hop.host} that the account there has the public part`),
      ) as string,
    });
    expect(await refusal(byWayOf(target, between(hop)), { ...anyPassword, proxyJump: {} })).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining(
        'depot has no SSH key for it; the only login method that the server offers is publickey',
      ) as string,
      hint: expect.stringMatching(/proxyJump\.privateKey.*passwords are not sent to a jump host$/) as string,
    });
    const locked = join(tempDir('locked'), 'id');
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'sesame', '-f', locked]);
    const key = { privateKey: readFileSync(locked), privateKeyFile: locked };
    expect(await refusal(byWayOf(target, between(hop)), { ...keyOf(target), proxyJump: key })).toMatchObject({
      code: 'secret-missing',
      hint: 'the key for a jump host must have no passphrase: name such a key in remote.proxyJump.privateKey, or use sshAgent',
    });
  });
});
