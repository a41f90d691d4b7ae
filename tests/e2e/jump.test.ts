/** The daily commands where the agent's server is an alias of ~/.ssh/config, behind another server. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { peers } from '../support/peers.js';
import { startSshd } from '../support/sshd.js';
import { Supplier } from '../support/supplier.js';

test.skipIf(peers('sshd', 'ssh-keygen') === undefined)(
  'trust pins both host keys, doctor shows the server between as a check of its own, and push arrives',
  async () => {
    const [target, hop] = [await startSshd(), await startSshd()];
    const supplier = await Supplier.create(target, {
      remote: {
        host: 'agent',
        sshConfig: 'ssh_config',
        hostKey: undefined,
        port: undefined,
        username: undefined,
        privateKey: undefined,
      },
    });
    writeFileSync(join(supplier.data, 'a.csv'), 'a;b\n');
    const config = (more = '') =>
      writeFileSync(
        join(supplier.directory, 'ssh_config'),
        `Host agent
  HostName ${target.host}
  Port ${target.port}
  User ${target.username}
  IdentityFile ${target.privateKeyFile}
  ProxyJump between
Host between
  HostName ${hop.host}
  Port ${hop.port}
  User ${hop.username}
  IdentityFile ${hop.privateKeyFile}
${more}`,
        { mode: 0o600 },
      );
    config();
    const before = await supplier.depot(['doctor', '--json']);
    expect(before.stdout).toContain(`no host key is pinned for ${hop.host}:${hop.port}`);

    // Another key of the hop was pinned once, and revoked since.
    const old = `[${hop.host}]:${hop.port} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)}`;
    writeFileSync(join(supplier.directory, 'known_hosts'), `${old}\n@revoked ${old}\n`);
    expect((await supplier.depot(['doctor', '--json'])).stdout).toMatch(/was revoked: ssh-ed25519 .*known_hosts:2/);
    const none = await supplier.depot(['trust', '--json']);
    expect([none.code, none.stdout]).toEqual([13, expect.stringContaining(hop.fingerprints[0])]);
    expect(none.stdout).toContain(`compare them with what whoever runs ${hop.host} gave you`);
    const one = await supplier.depot(['trust', '--fingerprint', target.fingerprints[0]]);
    expect([one.code, one.stderr]).toEqual([
      13,
      expect.stringMatching(
        /the jump host \S+ does not have the key [^]*hint: give --fingerprint twice, for the jump host/,
      ),
    ]);
    const both = [...hop.fingerprints, ...target.fingerprints].flatMap((print) => ['--fingerprint', print]);
    const trusted = await supplier.depot(['trust', ...both, '--json']);
    expect([trusted.code, trusted.stderr]).toEqual([0, expect.anything()]);
    const known = readFileSync(join(supplier.directory, 'known_hosts'), 'utf8');
    expect(known.match(/^\[127\.0\.0\.1\]:\d+ /gm)?.sort()).toEqual(
      [`[127.0.0.1]:${hop.port} `, `[127.0.0.1]:${target.port} `].sort(),
    );

    const doctor = await supplier.depot(['doctor', '--json']);
    expect(doctor.code, doctor.stdout + doctor.stderr).toBe(0);
    expect(doctor.stdout).toContain('"jump host"');
    expect(doctor.stdout).toContain(
      `agent is ${target.username}@${target.host}:${target.port}, key ${target.privateKeyFile}, through ${hop.host}:${hop.port}`,
    );
    const pushed = await supplier.depot(['push', '--json']);
    expect(pushed.code, pushed.stdout + pushed.stderr).toBe(0);
    expect(target.names().some((name) => name.endsWith('.pgp'))).toBe(true);
    expect(hop.names()).toEqual([]);

    await hop.kill();
    const down = await supplier.depot(['doctor', '--json']);
    expect(down.code).not.toBe(0);
    expect(down.stdout).toMatch(/"jump host"[^}]*refused the connection/s);

    // Somebody edits the file: the server that it names now has no pin, and nothing is sent.
    await hop.start();
    const other = await startSshd();
    writeFileSync(
      join(supplier.directory, 'ssh_config'),
      readFileSync(join(supplier.directory, 'ssh_config'), 'utf8').replace(`Port ${target.port}`, `Port ${other.port}`),
    );
    const moved = await supplier.depot(['push', '--json']);
    expect([moved.code, moved.stdout]).toEqual([
      13,
      expect.stringContaining(`no host key is pinned for ${other.host}:${other.port}`),
    ]);
    expect(other.names()).toEqual([]);
  },
  120_000,
);
