import { expect, test } from 'vitest';
import { connect } from '../../src/sftp/remote.js';
import { scanHostKeys } from '../../src/sftp/scan.js';
import { peer } from '../support/peers.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { startSshd } from '../support/sshd.js';
import { account, anyPassword, connectTo, failure, listener, never, quiet, specFor } from './support.js';

/** The greeting and KEXINIT of a server that offers only these (RFC 4253, sections 4.2 and 7.1). */
function offering(kex: string, hostKey: string): Buffer {
  const list = (names: string): Buffer =>
    Buffer.concat([Buffer.from(new Uint32Array([names.length]).buffer).reverse(), Buffer.from(names)]);
  const both = (names: string): Buffer[] => [list(names), list(names)];
  const payload = Buffer.concat([
    Buffer.from([20]),
    Buffer.alloc(16),
    list(kex),
    list(hostKey),
    ...both('aes128-ctr'),
    ...both('hmac-sha2-256'),
    ...both('none'),
    ...both(''),
    Buffer.alloc(5),
  ]);
  const padding = 8 - ((payload.length + 5) % 8) + 4 + (8 - 4);
  const total = payload.length + 1 + padding;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(total);
  head[4] = padding;
  return Buffer.concat([Buffer.from('SSH-2.0-scripted\r\n'), head, payload, Buffer.alloc(padding)]);
}

test('without a common algorithm, push and trust list what both sides offer and ask for current ones', async () => {
  const hint = 'ask the agent to allow current SSH algorithms';
  const cases: [string, string[], string][] = [
    ['kex', ['diffie-hellman-group1-sha1'], 'key exchange algorithm'],
    ['cipher', ['aes128-cbc', '3des-cbc'], 'cipher'],
    ['hmac', ['hmac-md5', 'hmac-sha1-96'], 'MAC'],
  ];
  for (const [kind, offered, what] of cases) {
    const server = await startScriptedServer({
      algorithms: { ...(kind === 'hmac' && { cipher: ['aes128-ctr'] }), [kind]: offered },
    });
    for (const attempt of [
      () => connectTo(server, { retryForMs: 60_000 }),
      () => scanHostKeys(server.host, server.port, { timeoutMs: 5000, signal: never }),
    ]) {
      expect(await failure(attempt())).toMatchObject({
        code: 'unreachable',
        hint,
        message: expect.stringMatching(
          new RegExp(`have no ${what} in common; the server offers ${offered.join(', ')}; depot takes .`),
        ),
      });
    }
  }
});

test('a server with only newer algorithms is not called outdated: a newer depot is needed', async () => {
  const { port } = await listener((socket) => socket.write(offering('curve9999-sha512', 'ssh-ed25519')));
  for (const attempt of [
    () => connect(specFor({ ...account, port }), anyPassword, quiet),
    () => scanHostKeys('127.0.0.1', port, { timeoutMs: 5000, signal: never }),
  ]) {
    expect(await failure(attempt())).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('offers curve9999-sha512; depot takes curve25519'),
      hint: expect.stringContaining('newer version of depot'),
    });
  }
});

test('push and trust report a server whose RSA key signs with SHA-1 only', async () => {
  const { port } = await listener((socket) => socket.write(offering('curve25519-sha256', 'ssh-rsa')));
  for (const attempt of [
    () => connect(specFor({ ...account, port }), anyPassword, quiet),
    () => scanHostKeys('127.0.0.1', port, { timeoutMs: 5000, signal: never }),
  ]) {
    expect(await failure(attempt())).toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('only using SHA-1'),
      hint: expect.stringContaining('rsa-sha2-512'),
    });
  }
});

test.skipIf(!peer('sshd'))(
  'push and trust tell the agent of a post-quantum server what it must offer besides, and offer all of it then',
  async () => {
    const postQuantum = 'sntrup761x25519-sha512@openssh.com';
    const strict = await startSshd({ config: [`KexAlgorithms ${postQuantum}`] });
    for (const attempt of [
      () => connect(specFor(strict), anyPassword, quiet),
      () => scanHostKeys(strict.host, strict.port, { timeoutMs: 20_000, signal: never }),
    ]) {
      expect(await failure(attempt())).toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining(`offers ${postQuantum}; depot takes curve25519-sha256`),
        hint: expect.stringContaining('ask the agent to allow curve25519-sha256 beside these'),
      });
    }
    const both = await startSshd({ config: [`KexAlgorithms ${postQuantum},curve25519-sha256`] });
    expect(await scanHostKeys(both.host, both.port, { timeoutMs: 20_000, signal: never })).toHaveLength(1);
  },
  60_000,
);
