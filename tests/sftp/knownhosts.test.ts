import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fingerprintOf } from '../../src/names/host-key.js';
import { knownHostsLine, knownKeys, parseKnownHosts } from '../../src/sftp/knownhosts.js';
import { isTrusted, trusted } from '../../src/sftp/hostkeys.js';
import { scanHostKeys } from '../../src/sftp/scan.js';
import { tempDir } from '../support/cleanup.js';
import { peer } from '../support/peers.js';
import { mustRun, run } from '../support/process.js';
import { startSshd } from '../support/sshd.js';
import { never, specFor } from './support.js';

const blob = Buffer.concat([
  Buffer.from([0, 0, 0, 11]),
  Buffer.from('ssh-ed25519'),
  Buffer.from([0, 0, 0, 32]),
  Buffer.alloc(32, 7),
]);
const key = blob.toString('base64');

function known(text: string, host: string, port = 22): number {
  return knownKeys(parseKnownHosts(text), host, port).length;
}

test('matches names, ports, patterns and negated patterns as OpenSSH does', () => {
  expect(known(`host.example ssh-ed25519 ${key}`, 'HOST.example')).toBe(1);
  expect(known(`[host.example]:2222 ssh-ed25519 ${key}`, 'host.example', 2222)).toBe(1);
  expect(known(`a,b,10.0.0.? ssh-ed25519 ${key} a comment`, '10.0.0.5')).toBe(1);
  expect(known(`*.example,!bad.example ssh-ed25519 ${key}`, 'good.example')).toBe(1);
  expect(known(`*.example,!bad.example ssh-ed25519 ${key}`, 'bad.example')).toBe(0);
  expect(known(`host.example ssh-ed25519 ${key}`, 'hostXexample')).toBe(0);
});

test('skips lines without a readable key, and certificate authorities; notes which keys are revoked', () => {
  expect(
    parseKnownHosts(`# comment\n\nhost\nhost ssh-rsa ${key}\nhost ssh-ed25519 !!!\n@what host ssh-ed25519 ${key}\n`),
  ).toEqual([]);
  expect(known(`@cert-authority * ssh-ed25519 ${key}`, 'host')).toBe(0);
  expect(knownKeys(parseKnownHosts(`@revoked * ssh-ed25519 ${key}`), 'host', 22)[0]).toMatchObject({
    marker: 'revoked',
  });
});

test('reads the lines that trust writes', () => {
  expect(known(knownHostsLine('2001:db8::1', 2222, 'ssh-ed25519', blob), '2001:db8::1', 2222)).toBe(1);
  expect(knownHostsLine('h', 22, 'ssh-ed25519', blob)).toBe(`h ssh-ed25519 ${key}\n`);
});

const keygen = peer('ssh-keygen');
test.skipIf(keygen === undefined)('agrees with ssh-keygen about hashed names and fingerprints', async () => {
  const file = join(tempDir(), 'known_hosts');
  writeFileSync(file, knownHostsLine('agent.example', 2222, 'ssh-ed25519', blob));
  await mustRun(keygen!, ['-q', '-H', '-f', file]);
  const text = readFileSync(file, 'utf8');
  expect(text).toMatch(/^\|1\|/);
  expect(known(text, 'agent.example', 2222)).toBe(1);
  expect(known(text, 'agent.example')).toBe(0);
  expect((await mustRun(keygen!, ['-F', '[agent.example]:2222', '-f', file])).stdout).toContain('found');
  expect((await mustRun(keygen!, ['-l', '-f', file])).stdout).toContain(fingerprintOf(blob));
});

test('a pattern of many stars does not take exponential time', () => {
  const pattern = `${'*a'.repeat(2_000)}b`;
  expect(known(`${pattern} ssh-ed25519 ${key}`, 'a'.repeat(255))).toBe(0);
  expect(known(`${'*a'.repeat(20)}* ssh-ed25519 ${key}`, 'a'.repeat(255))).toBe(1);
  expect(known(`**.exam*?e ssh-ed25519 ${key}`, 'host.example')).toBe(1);
});

const ssh = peer('ssh');
test.skipIf(ssh === undefined || peer('sshd') === undefined)(
  'at another port, lines count as they do for ssh',
  async () => {
    const server = await startSshd({ hostKeys: ['ed25519', 'ecdsa'] });
    const { host, port } = server;
    const scanned = await scanHostKeys(host, port, { timeoutMs: 20_000, signal: never });
    const right = scanned
      .find((one) => one.type === 'ssh-ed25519')!
      .line.split(' ')
      .slice(1)
      .join(' ')
      .trim();
    const other = scanned
      .find((one) => one.type !== 'ssh-ed25519')!
      .line.split(' ')
      .slice(1)
      .join(' ')
      .trim();
    const wrong = `ssh-ed25519 ${key}`;
    const full = `[${host}]:${port}`;
    const hashed = (name: string): string => {
      const salt = randomBytes(20);
      return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
    };
    const files: [string, boolean][] = [
      [`${full} ${right}`, true],
      [`${host} ${right}`, true],
      [`${hashed(host)} ${right}`, true],
      [`${hashed(full)} ${right}`, true],
      [`127.0.0.? ${right}`, true],
      [`* ${right}`, true],
      [`[${host}]:${port === 2222 ? 2223 : 2222} ${right}`, false],
      [`${host} ${wrong}`, false],
      [`${full} ${wrong}\n${host} ${right}`, false],
      [`${host} ${wrong}\n${full} ${right}`, true],
      [`${full} ${other}\n${host} ${right}`, false],
      [`@revoked ${full} ${right}\n${host} ${right}`, false],
      [`@revoked ${host} ${right}\n${host} ${right}`, false],
      [`!${host},* ${right}`, true],
      [`!${host},127.* ${right}`, false],
      [`@cert-authority ${host} ${right}`, false],
    ];
    for (const [text, accepted] of files) {
      const file = join(tempDir(), 'known_hosts');
      writeFileSync(file, `${text}\n`);
      const told = await run(ssh!, [
        ...['-F', 'none', '-p', String(port), '-i', server.privateKeyFile, '-l', server.username],
        ...[
          'StrictHostKeyChecking=yes',
          'BatchMode=yes',
          'GlobalKnownHostsFile=/dev/null',
          'IdentityAgent=none',
        ].flatMap((one) => ['-o', one]),
        ...['-o', `UserKnownHostsFile=${file}`, '-o', 'HostKeyAlgorithms=ssh-ed25519', '-s', host, 'sftp'],
      ]);
      const bySsh = !/Host key verification failed|No ED25519 host key is known/.test(told.stderr);
      const spec = specFor({ ...server, fingerprints: [] }, { knownHostsFile: file });
      const trust = await trusted(spec).catch(() => null);
      const byDepot = trust !== null && isTrusted(trust, Buffer.from(right.split(' ')[1], 'base64'));
      expect([text, bySsh, byDepot]).toEqual([text, accepted, accepted]);
    }
  },
  60_000,
);
