import { createServer } from 'node:net';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import ssh2 from 'ssh2';
import { DepotError } from '../../src/errors.js';
import { connect } from '../../src/sftp/remote.js';
import { scanHostKeys } from '../../src/sftp/scan.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { mustRun } from '../support/process.js';
import { peer } from '../support/peers.js';
import { freePort } from '../support/ports.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { connectTo, failure, specFor } from './support.js';

const never = new AbortController().signal;
const quiet = { signal: never, warn: () => undefined };

/** A TCP server that does one thing with each connection. */
async function listener(answer: (socket: Socket) => void): Promise<{ port: number; seen: () => number }> {
  let seen = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    seen++;
    open.add(socket);
    socket.on('error', () => undefined);
    answer(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup(() => {
    open.forEach((socket) => socket.destroy());
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen: () => seen };
}

describe('host keys', () => {
  test('a pin with or without its type; the connection says which key it was', async () => {
    const server = await startScriptedServer();
    for (const pin of [server.fingerprints[0], `ssh-ed25519 ${server.fingerprints[0]}`]) {
      const { remote } = await connectTo(server, { hostKeys: [pin] });
      expect(remote.hostKey).toBe(`ssh-ed25519 ${server.fingerprints[0]}`);
    }
  });

  test('a pin without a type is tried on every type that the server has', async () => {
    const server = await startScriptedServer({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
    for (const [i, type] of server.hostKeyTypes.entries()) {
      const { remote } = await connectTo(server, { hostKeys: [server.fingerprints[i]] });
      expect(remote.hostKey).toBe(`${type} ${server.fingerprints[i]}`);
    }
    expect(server.logins.filter((method) => method === 'password')).toHaveLength(3);
  });

  test('only pinned types are negotiated, RSA with SHA-2', async () => {
    const server = await startScriptedServer({ hostKeys: ['ed25519', 'rsa'] });
    const { remote } = await connectTo(server, { hostKeys: [`rsa-sha2-512 ${server.fingerprints[1]}`] });
    expect(remote.hostKey).toBe(`ssh-rsa ${server.fingerprints[1]}`);
    const error = await failure(connectTo(server, { hostKeys: [`ecdsa-sha2-nistp256 ${server.fingerprints[0]}`] }));
    expect(error).toMatchObject({ code: 'host-key-changed', message: expect.stringContaining('ecdsa-sha2-nistp256') });
  });

  test('another key: both fingerprints are said, no name or password is sent, nothing is retried', async () => {
    const server = await startScriptedServer({ hostKeys: ['ed25519', 'ecdsa'] });
    const other = `SHA256:${'A'.repeat(43)}`;
    const error = await failure(
      connectTo(server, { hostKeys: [other], hostKeysAt: '/etc/depot/depot.yaml:14', arrangement: 'acme-crm' }),
    );
    // Where depot.yaml pins, known_hosts is not read: `depot trust` could not help.
    expect(error).toMatchObject({
      code: 'host-key-changed',
      published: 'no',
      hint: expect.stringMatching(/correct hostKey in \/etc\/depot\/depot\.yaml:14$/),
    });
    expect(error.hint).not.toContain('depot trust');
    for (const fingerprint of [...server.fingerprints, other]) expect(error.message).toContain(fingerprint);
    expect(server.logins).toEqual([]);
    expect(server.connections).toBeLessThanOrEqual(3);
  });

  test('none pinned: nothing connects', async () => {
    const server = await startScriptedServer();
    expect(await failure(connectTo(server, { hostKeys: [], arrangement: 'acme-crm' }))).toMatchObject({
      code: 'host-key-unknown',
      hint: 'run: «depot trust acme-crm»',
    });
    expect(server.connections).toBe(0);
  });

  test('known_hosts, written by trust; hostKey wins over it', async () => {
    const server = await startScriptedServer();
    const [key] = await scanHostKeys(server.host, server.port, { timeoutMs: 5000, signal: never });
    const knownHostsFile = join(tempDir(), 'known_hosts');
    writeFileSync(knownHostsFile, key.line);
    const { remote } = await connectTo(server, { hostKeys: [], knownHostsFile });
    expect(remote.hostKey).toContain(key.fingerprint);
    expect(await failure(connectTo(server, { hostKeys: [`SHA256:${'B'.repeat(43)}`], knownHostsFile }))).toMatchObject({
      code: 'host-key-changed',
    });
    writeFileSync(knownHostsFile, `@revoked ${key.line}${key.line}`);
    expect(await failure(connectTo(server, { hostKeys: [], knownHostsFile }))).toMatchObject({
      code: 'host-key-unknown',
    });
  });

  test('what is not a fingerprint is a config error', async () => {
    const server = await startScriptedServer();
    for (const pin of ['MD5:00:11', 'SHA256:short', 'ssh-dss SHA256:' + 'A'.repeat(43)])
      expect(await failure(connectTo(server, { hostKeys: [pin] }))).toMatchObject({ code: 'config-invalid' });
  });

  test('scanning shows every type, and sends no login', async () => {
    const server = await startScriptedServer({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
    const keys = await scanHostKeys(server.host, server.port, { timeoutMs: 5000, signal: never });
    expect(keys.map((key) => key.fingerprint).sort()).toEqual([...server.fingerprints].sort());
    expect(keys.map((key) => key.type)).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa']);
    expect(server.logins).toEqual([]);
  });
});

describe('login', () => {
  test('wrong password: once, never retried, and what the server takes is said', async () => {
    const server = await startScriptedServer();
    const error = await failure(connectTo(server, {}, { password: () => Promise.resolve('hunter2') }));
    expect(error).toMatchObject({
      code: 'login-refused',
      published: 'no',
      message: expect.stringContaining('password'),
    });
    expect(JSON.stringify([error.message, error.hint, String(error.stack)])).not.toContain('hunter2');
    expect(server.connections).toBe(1);
    expect(server.logins.filter((m) => m === 'password')).toHaveLength(1);
  });

  test('the password is asked for once, also for reconnects', async () => {
    let asked = 0;
    const server = await startScriptedServer();
    const { remote } = await connectTo(
      server,
      {},
      { password: () => Promise.resolve(server.password).finally(() => asked++) },
    );
    server.drop();
    await expect.poll(() => remote.live).toBeNull();
    expect(await remote.stat('x')).toBeNull();
    expect(asked).toBe(1);
    expect(remote.stats).toMatchObject({ attempts: 2, reconnects: 1 });
  });

  test('keyboard-interactive that asks for the password', async () => {
    for (const prompt of ['Password: ', "acme@host's password:", 'Wachtwoord:', '']) {
      const server = await startScriptedServer({ prompts: [{ prompt, echo: false, answer: 'correct horse' }] });
      if (prompt === '') {
        // Nothing says that this is the password: it stays at home.
        expect(await failure(connectTo(server))).toMatchObject({ code: 'login-refused' });
      } else {
        await connectTo(server);
      }
    }
  });

  test('keyboard-interactive with a second factor: refused, with what it asked, in safe letters', async () => {
    const server = await startScriptedServer({
      prompts: [
        { prompt: 'Password: ', echo: false, answer: 'correct horse' },
        { prompt: 'Verification code\u001b[2J: ', echo: false, answer: '123456' },
      ],
    });
    const error = await failure(connectTo(server));
    expect(error).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining('Verification code\\x1b[2J:'),
    });
  });

  test('a password is not typed into a prompt that shows it', async () => {
    const server = await startScriptedServer({
      prompts: [{ prompt: 'Password: ', echo: true, answer: 'correct horse' }],
    });
    expect(await failure(connectTo(server))).toMatchObject({ code: 'login-refused' });
  });

  test('SSH keys: ed25519, RSA, ECDSA, encrypted ones, PKCS #8', async () => {
    const pem = { format: 'pem', type: 'pkcs8' } as const;
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const ed = ssh2.utils.generateKeyPairSync('ed25519', { passphrase: 'sesame', cipher: 'aes256-ctr', rounds: 1 });
    const ed2 = generateKeyPairSync('ed25519');
    const blob = Buffer.concat([
      Buffer.from('\0\0\0\x0bssh-ed25519\0\0\0\x20', 'latin1'),
      Buffer.from(ed2.publicKey.export({ format: 'jwk' }).x!, 'base64url'),
    ]);
    const ed2Line = `ssh-ed25519 ${blob.toString('base64')}`;
    const encrypted = { ...pem, cipher: 'aes-256-cbc', passphrase: 'sesame' };
    const cases: [string, string, string | undefined][] = [
      [ec.privateKey.export({ format: 'pem', type: 'sec1' }).toString(), authorized(ec.privateKey), undefined],
      [rsa.privateKey.export(pem).toString(), authorized(rsa.privateKey), undefined],
      [rsa.privateKey.export(encrypted).toString(), authorized(rsa.privateKey), 'sesame'],
      [ec.privateKey.export(encrypted).toString(), authorized(ec.privateKey), 'sesame'],
      [ed.private, ed.public, 'sesame'],
      [ed2.privateKey.export(pem).toString(), ed2Line, undefined],
      [ed2.privateKey.export(encrypted).toString(), ed2Line, 'sesame'],
    ];
    for (const [text, publicKey, passphrase] of cases) {
      const server = await startScriptedServer({ publicKey });
      const login = { privateKey: Buffer.from(text), passphrase: () => Promise.resolve(passphrase) };
      const remote = await connect(specFor(server), login, quiet);
      await remote.close();
      if (passphrase === undefined) continue;
      expect(
        await failure(connect(specFor(server), { ...login, passphrase: () => Promise.resolve('open barley') }, quiet)),
      ).toMatchObject({ code: 'passphrase-wrong' });
      expect(await failure(connect(specFor(server), { privateKey: Buffer.from(text) }, quiet))).toMatchObject({
        code: 'secret-missing',
      });
    }
    expect(
      await failure(connect(specFor(await startScriptedServer()), { privateKey: Buffer.from('no key') }, quiet)),
    ).toMatchObject({ code: 'key-unreadable' });
  });

  test('a key and then a password, where the server wants both', async () => {
    const pair = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
    const server = await startScriptedServer({
      publicKey: pair.public,
      password: 'correct horse',
      methods: ['publickey', 'password'],
    });
    const login = { privateKey: Buffer.from(pair.private), password: () => Promise.resolve('correct horse') };
    await connectTo(server, {}, login);
    expect(await failure(connectTo(server, {}, { privateKey: login.privateKey }))).toMatchObject({
      code: 'login-refused',
    });
  });

  test('a slow login has its own time, and the time in which a password is typed does not count', async () => {
    let waited = 0;
    const server = await startScriptedServer({
      beforeLogin: (method) => (method === 'password' ? new Promise((answer) => setTimeout(answer, 400)) : undefined),
    });
    const typed = (): Promise<string> =>
      new Promise((resolve) => setTimeout(() => resolve(server.password), 900)).then(() => (waited++, server.password));
    await connectTo(server, { connectTimeoutMs: 800 }, { password: typed });
    expect(waited).toBe(1);
  });

  test.each<[string, () => Promise<unknown> | 'close', RegExp, string]>([
    [
      'is too slow',
      () => new Promise(() => undefined),
      /did not answer the login in 300 ms; the password was sent 2 times and is not sent again/,
      'raise remote.connectTimeout',
    ],
    [
      'closes the connection',
      () => 'close',
      /closed the connection during the login; the password was sent 2 times/,
      'log',
    ],
  ])(
    'a password that a server does not answer is sent twice, and not for as long as retryFor lasts: it %s',
    async (_, answer, message, hint) => {
      let passwords = 0;
      const server = await startScriptedServer({
        beforeLogin: (method) => (method === 'password' ? (passwords++, answer()) : undefined),
      });
      const error = await failure(connectTo(server, { retryForMs: 60_000, connectTimeoutMs: 300 }));
      expect(error).toMatchObject({
        code: 'unreachable',
        published: 'no',
        message: expect.stringMatching(message),
        hint: expect.stringContaining(hint),
      });
      expect(passwords).toBe(2);
    },
  );

  test('a password that has worked is sent again as often as it takes', async () => {
    const server = await startScriptedServer();
    const { remote } = await connectTo(server, { connectTimeoutMs: 300, retryForMs: 60_000 });
    let refused = 0;
    server.options.beforeLogin = (method) => (method === 'password' && ++refused <= 3 ? 'close' : undefined);
    server.drop();
    await expect.poll(() => remote.live).toBeNull();
    // Three unanswered logins are a fault of the server by then, unless the third is the last.
    refused = 1;
    expect(await remote.stat('x')).toBeNull();
    expect(refused).toBe(4);
  });

  test('a server that closes before it was sent anything refused nothing: it says that, and not what depot has', async () => {
    const server = await startScriptedServer({ beforeLogin: () => 'close' });
    const error = await failure(connectTo(server, { retryForMs: 60_000 }));
    expect(error).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining(
        'the server closes the connection during the login, before depot sent a password or a key',
      ),
    });
    expect(error.hint).toContain("ask the agent what its server's log says");
  });

  test('what was refused is named, with where it came from; and the hint fits it', async () => {
    const pair = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
    const other = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256 });
    const key = { privateKey: Buffer.from(pair.private), privateKeyFile: '/etc/depot/id' };
    const place = { place: 'file /etc/depot/pw', remedy: 'correct the password in /etc/depot/pw' };
    const server = await startScriptedServer({ publicKey: other.public, password: 'correct horse' });
    const noPassword = (): Promise<string> => Promise.reject(new DepotError('secret-missing', 'none'));
    const refusedKey = await failure(connectTo(server, {}, { ...key, password: noPassword }));
    expect(refusedKey).toMatchObject({
      code: 'login-refused',
      message: expect.stringMatching(
        /the server refused the SSH key \/etc\/depot\/id \(SHA256:\S{43}\); the server takes/,
      ),
      hint: expect.stringMatching(/^check with the agent that it has the public part/),
    });
    const both = await failure(
      connectTo(server, {}, { ...key, password: () => Promise.resolve('wrong'), passwordFrom: () => place }),
    );
    expect(both).toMatchObject({
      code: 'login-refused',
      message: expect.stringMatching(/the SSH key .* and the password from file \/etc\/depot\/pw/),
      hint: expect.stringMatching(/public part.*correct the password in \/etc\/depot\/pw/),
    });
    const password = await failure(
      connectTo(
        await startScriptedServer(),
        {},
        { password: () => Promise.resolve('wrong'), passwordFrom: () => place },
      ),
    );
    expect(password.hint).toBe('correct the password in /etc/depot/pw; check the user name too');
  });

  test("keyboard-interactive that wants another password: it has expired, in the server's words", async () => {
    const server = await startScriptedServer({
      prompts: [
        {
          prompt: 'You are required to change your password immediately.\nCurrent password: ',
          echo: false,
          answer: 'x',
        },
      ],
    });
    expect(await failure(connectTo(server))).toMatchObject({
      code: 'login-refused',
      message: expect.stringMatching(/has expired: the server says 'You are required to change/),
    });
  });

  test('nothing to log in with', async () => {
    const server = await startScriptedServer();
    expect(await failure(connectTo(server, {}, {}))).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining('neither password nor SSH key'),
    });
  });

  test('a password that cannot be had', async () => {
    const server = await startScriptedServer();
    expect(
      await failure(connectTo(server, {}, { password: () => Promise.reject(new Error('keychain locked')) })),
    ).toMatchObject({ code: 'secret-missing', message: expect.stringContaining('keychain locked') });
  });
});

/** The greeting and the first packet of a server that offers these. */
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

describe('servers that are not there, or not right', () => {
  const base = { host: '127.0.0.1', username: 'acme', password: '', fingerprints: [`SHA256:${'A'.repeat(43)}`] };
  const login = { password: () => Promise.resolve('x') };

  test('refused: tried again until the budget is spent, one warning, and a hint that knows that something answered', async () => {
    const port = await freePort();
    const warnings: string[] = [];
    const error = await failure(
      connect(specFor({ ...base, port }, { retryForMs: 2000, arrangement: 'acme-crm' }), login, {
        signal: never,
        warn: (m) => warnings.push(m),
      }),
    );
    expect(error).toMatchObject({
      code: 'unreachable',
      published: 'no',
      message: `127.0.0.1:${port} not reachable for 2 s: it refused the connection`,
      hint: expect.stringMatching(
        /^check host and port, and ask the agent whether its server runs; bring up the VPN where/,
      ),
    });
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`^127\\.0\\.0\\.1:${port} refused the connection; trying until \\d\\d:\\d\\d$`)),
    ]);
  });

  test('no such name', async () => {
    expect(
      await failure(
        connect(specFor({ ...base, host: 'no-such-host.invalid', port: 22 }, { retryForMs: 0 }), login, quiet),
      ),
    ).toMatchObject({ code: 'unreachable' });
  });

  test('a server that accepts and says nothing: within the connect timeout', async () => {
    const { port } = await listener(() => undefined);
    const started = performance.now();
    const error = await failure(
      connect(specFor({ ...base, port }, { retryForMs: 0, connectTimeoutMs: 300 }), login, quiet),
    );
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('SSH handshake') });
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('a web server', async () => {
    const { port, seen } = await listener((socket) =>
      socket.end(`HTTP/1.1 400 Bad Request\r\n\r\n${'x'.repeat(9000)}`),
    );
    const error = await failure(connect(specFor({ ...base, port }, { retryForMs: 60_000 }), login, quiet));
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('does not speak SSH') });
    expect(seen()).toBe(3);
  });

  test('one that hangs up at once is tried again', async () => {
    const server = await startScriptedServer();
    await server.stop();
    let refused = 0;
    const early = createServer((socket) => {
      refused++;
      socket.destroy();
      if (refused === 2) early.close(() => void server.start());
    });
    early.listen(server.port, '127.0.0.1');
    await once(early, 'listening');
    await connectTo(server);
    expect(refused).toBe(2);
  });

  test('one that lets in and then hangs up', async () => {
    const server = await startScriptedServer({ afterLogin: 'close' });
    const error = await failure(connectTo(server, { retryForMs: 60_000 }));
    expect(error).toMatchObject({
      code: 'remote-refused',
      published: 'no',
      message: expect.stringContaining('accepts the login'),
    });
    expect(server.connections).toBe(3);
  });

  test('one without SFTP', async () => {
    const server = await startScriptedServer({ afterLogin: 'no-sftp' });
    expect(await failure(connectTo(server, { retryForMs: 60_000 }))).toMatchObject({
      code: 'remote-refused',
      message: expect.stringContaining('not to SFTP'),
    });
    expect(server.connections).toBe(1);
  });

  test.each([
    [
      "text of a shell's start-up file",
      { says: 'Welcome to \u001b[31mthe service\r\n', to: 'out' },
      /SFTP does not begin: the server sent 'Welcome to \\x1b\[31mthe service\\x0d\\x0a' in its place/,
    ],
    [
      'a shell that is none',
      { says: 'This account is currently not available.\n', to: 'out', exit: 1 },
      /the server sent 'This account is currently not available/,
    ],
    [
      'an expired password',
      { says: 'Password change required but no TTY available.\n', to: 'err', exit: 1 },
      /the server says 'Password change required but no TTY available/,
    ],
    ['no SFTP program', { says: '', to: 'err', exit: 127 }, /SFTP program ended with status 127/],
  ] as const)('let in, and SFTP does not begin: %s', async (_, afterLogin, message) => {
    const server = await startScriptedServer({ afterLogin });
    expect(await failure(connectTo(server, { retryForMs: 60_000 }))).toMatchObject({
      code: 'remote-refused',
      published: 'no',
      message: expect.stringMatching(message),
    });
    expect(server.connections).toBe(1);
  });

  test('no algorithm in common: both lists, and who is the older one; trust says the same', async () => {
    const hint = 'ask the agent to allow current SSH algorithms';
    const cases: [string, string[], string][] = [
      ['kex', ['diffie-hellman-group1-sha1'], 'key exchange algorithm'],
      ['cipher', ['aes128-cbc', '3des-cbc'], 'cipher'],
    ];
    for (const [kind, offered, what] of cases) {
      const server = await startScriptedServer({ algorithms: { [kind]: offered } });
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

  test('a server that is newer than depot is not called old', async () => {
    const { port } = await listener((socket) => socket.write(offering('mlkem9999-sha512', 'ssh-ed25519')));
    for (const attempt of [
      () => connect(specFor({ ...base, port }), login, quiet),
      () => scanHostKeys('127.0.0.1', port, { timeoutMs: 5000, signal: never }),
    ]) {
      expect(await failure(attempt())).toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining('offers mlkem9999-sha512; depot takes curve25519'),
        hint: expect.stringContaining('newer depot'),
      });
    }
  });

  test('RSA that signs with SHA-1 alone: said so, by a push and by trust', async () => {
    const { port } = await listener((socket) => socket.write(offering('curve25519-sha256', 'ssh-rsa')));
    for (const attempt of [
      () => connect(specFor({ ...base, port }), login, quiet),
      () => scanHostKeys('127.0.0.1', port, { timeoutMs: 5000, signal: never }),
    ]) {
      expect(await failure(attempt())).toMatchObject({
        code: 'unreachable',
        message: expect.stringContaining('only by SHA-1'),
        hint: expect.stringContaining('rsa-sha2-512'),
      });
    }
  });

  test('a server that answers and is not SSH: its first bytes, and nothing about a VPN', async () => {
    const { port } = await listener((socket) => socket.end('220 ftp.example.org\u001b[2J\r\n'));
    for (const attempt of [
      () => connect(specFor({ ...base, port }, { retryForMs: 60_000 }), login, quiet),
      () => scanHostKeys('127.0.0.1', port, { timeoutMs: 5000, signal: never }),
    ]) {
      const error = await failure(attempt());
      expect(error).toMatchObject({ code: 'unreachable', hint: 'check host and port' });
      expect(error.message).toContain("it sent '220 ftp.example.org\\x1b[2J");
    }
  });

  test('a server that accepts and says nothing: trust says that too', async () => {
    const { port } = await listener(() => undefined);
    expect(await failure(scanHostKeys('127.0.0.1', port, { timeoutMs: 300, signal: never }))).toMatchObject({
      message: expect.stringContaining('did not finish the SSH handshake in 300 ms'),
      hint: expect.not.stringContaining('VPN'),
    });
  });

  test('a signal ends the waiting', async () => {
    const port = await freePort();
    const abort = new AbortController();
    const stop = new Error('interrupted');
    const connecting = failure(
      connect(specFor({ ...base, port }, { retryForMs: 60_000 }), login, {
        signal: abort.signal,
        warn: () => abort.abort(stop),
      }),
    );
    expect(await connecting).toBe(stop);
  });

  test('a signal ends a handshake that hangs', async () => {
    const abort = new AbortController();
    const { port } = await listener(() => setImmediate(() => abort.abort(new Error('interrupted'))));
    expect(
      (await failure(connect(specFor({ ...base, port }), login, { signal: abort.signal, warn: () => undefined })))
        .message,
    ).toBe('interrupted');
  });
});

test('without the native ciphers everything works, slower', async () => {
  const server = await startScriptedServer();
  const here = (file: string): string => fileURLToPath(new URL(`children/${file}`, import.meta.url));
  const spec = JSON.stringify({ ...specFor(server), password: server.password });
  const { stdout } = await mustRun(process.execPath, [
    '--require',
    here('without-native.cjs'),
    '--import',
    'tsx',
    here('deposit.ts'),
    spec,
  ]);
  const { native, status, content } = JSON.parse(stdout) as { native: boolean; status: string; content: string };
  expect({ native, status }).toEqual({ native: false, status: 'acknowledged' });
  expect(server.files.get('/in/x')!.toString('base64')).toBe(content);
});

const keygen = peer('ssh-keygen');
test.skipIf(keygen === undefined)('a key that ssh-keygen encrypted', async () => {
  const file = join(tempDir(), 'id');
  await mustRun(keygen!, ['-q', '-t', 'ed25519', '-a', '1', '-N', 'sesame', '-f', file]);
  const server = await startScriptedServer({ publicKey: readFileSync(`${file}.pub`, 'utf8') });
  const remote = await connect(
    specFor(server),
    { privateKey: readFileSync(file), passphrase: () => Promise.resolve('sesame') },
    quiet,
  );
  await remote.close();
});

/** A key's line for authorized_keys. */
function authorized(key: KeyObject): string {
  const type = key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1';
  const parsed = ssh2.utils.parseKey(key.export({ format: 'pem', type } as { format: 'pem'; type: 'pkcs1' }));
  if (parsed instanceof Error) throw parsed;
  return `${parsed.type} ${parsed.getPublicSSH().toString('base64')}`;
}
