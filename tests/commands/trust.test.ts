import { describe, expect, test } from 'vitest';
import { pinned } from '../../src/commands/trust/pin.js';
import { fingerprintOf } from '../../src/names/host-key.js';
import { knownHostsLine } from '../../src/sftp/knownhosts.js';

/** A public key blob that is well-formed enough: its type, then some bytes. */
function key(type: string, seed: number): { type: string; blob: Buffer } {
  const name = Buffer.from(type);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(name.length);
  return { type, blob: Buffer.concat([length, name, Buffer.alloc(32, seed)]) };
}

const server = { host: 'sftp.example.org', port: 22, knownHostsFile: 'known_hosts' };
const scanned = (k: ReturnType<typeof key>, at: { host: string; port: number } = server) => ({
  type: k.type,
  fingerprint: fingerprintOf(k.blob),
  line: knownHostsLine(at.host, at.port, k.type, k.blob),
});
const [one, two, rsa] = [key('ssh-ed25519', 1), key('ssh-ed25519', 2), key('ssh-rsa', 3)];

describe('known_hosts after trust', () => {
  test('a new key adds one line; the same key again changes nothing', () => {
    const first = pinned('', server, [scanned(one)]);
    expect(first).toEqual({ text: scanned(one).line, replaced: [] });
    expect(pinned(first.text, server, [scanned(one)])).toEqual(first);
  });

  test('comments and the keys of other servers and types stay', () => {
    const before = `# ours\n${scanned(two, { host: 'other', port: 22 }).line}${scanned(rsa).line}`;
    expect(pinned(before, server, [scanned(one)]).text).toBe(before + scanned(one).line);
  });

  test('a last line without a newline stays a line of its own', () => {
    expect(pinned('# ours', server, [scanned(one)]).text).toBe(`# ours\n${scanned(one).line}`);
  });

  test('a new key replaces the old one of the same type, and the result says so', () => {
    expect(pinned(scanned(one).line, server, [scanned(two)])).toEqual({
      text: scanned(two).line,
      replaced: ['ssh-ed25519'],
    });
  });

  test('a key on a line for several servers is not replaced, but refused', () => {
    const shared = scanned(one).line.replace('sftp.example.org', 'sftp.example.org,other');
    expect(() => pinned(shared, server, [scanned(two)])).toThrow(
      /another ssh-ed25519 key for sftp\.example\.org,other/,
    );
  });

  test('a key that was revoked is never trusted again', () => {
    expect(() => pinned(`@revoked ${scanned(one).line}`, server, [scanned(one)])).toThrow(
      /was revoked, by known_hosts:1$/,
    );
    expect(pinned(`@revoked ${scanned(one).line}`, server, [scanned(two)]).text).toContain('@revoked');
  });

  test('nor is one that was revoked at any port of the host, or of any host', () => {
    const there = { ...server, port: 2222 };
    for (const hosts of [server.host, '*', '[*]:2222,other'])
      expect(() =>
        pinned(scanned(one).line.replace(/^\S+/, `@revoked ${hosts}`), there, [scanned(one, there)]),
      ).toThrow(/was revoked/);
  });

  test('another port is another server', () => {
    const there = scanned(one, { host: server.host, port: 2222 }).line;
    expect(pinned(there, server, [scanned(two)]).text).toBe(there + scanned(two).line);
  });
});
