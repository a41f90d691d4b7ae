import { createServer } from 'node:net';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { connect } from '../../src/sftp/remote.js';
import { scanHostKeys } from '../../src/sftp/scan.js';
import { mustRun } from '../support/process.js';
import { freePort } from '../support/ports.js';
import { startScriptedServer } from '../support/scripted-server.js';
import { account, anyPassword, connectTo, failure, listener, never, quiet, specFor } from './support.js';

describe('a server that cannot be used', () => {
  test('a refused connection is retried until retryFor is over, with one warning; the hint is to check host, port and VPN', async () => {
    const port = await freePort();
    const warnings: string[] = [];
    const error = await failure(
      connect(specFor({ ...account, port }, { retryForMs: 2000, arrangement: 'acme-crm' }), anyPassword, {
        signal: never,
        warn: (m) => warnings.push(m),
      }),
    );
    expect(error).toMatchObject({
      code: 'unreachable',
      published: 'no',
      message: `127.0.0.1:${port} not reachable for 2 s: it refused the connection`,
      hint: expect.stringMatching(
        /^check host and port, and ask the agent whether its server is running; bring up the VPN if/,
      ),
    });
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^127\\.0\\.0\\.1:${port} refused the connection; trying until \\d\\d:\\d\\d:\\d\\d$`),
      ),
    ]);
  });

  test('an unknown host name counts as unreachable', async () => {
    expect(
      await failure(
        connect(specFor({ ...account, host: 'no-such-host.invalid', port: 22 }, { retryForMs: 0 }), anyPassword, quiet),
      ),
    ).toMatchObject({ code: 'unreachable' });
  });

  test('a server that never greets is given up after connectTimeout', async () => {
    const { port } = await listener(() => undefined);
    const started = performance.now();
    const error = await failure(
      connect(specFor({ ...account, port }, { retryForMs: 0, connectTimeoutMs: 300 }), anyPassword, quiet),
    );
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('SSH handshake') });
    expect(performance.now() - started).toBeLessThan(3000);
  });

  test('a web server is reported as one that does not speak SSH, after three attempts', async () => {
    const { port, seen } = await listener((socket) =>
      socket.end(`HTTP/1.1 400 Bad Request\r\n\r\n${'x'.repeat(9000)}`),
    );
    const error = await failure(connect(specFor({ ...account, port }, { retryForMs: 60_000 }), anyPassword, quiet));
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('does not speak SSH') });
    expect(seen()).toBe(3);
  });

  test('a server that hangs up at once is tried again', async () => {
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

  test('a server that hangs up after each login is given up after three attempts', async () => {
    const server = await startScriptedServer({ afterLogin: 'close' });
    const error = await failure(connectTo(server, { retryForMs: 60_000 }));
    expect(error).toMatchObject({
      code: 'remote-refused',
      published: 'no',
      message: expect.stringContaining('accepts the login'),
    });
    expect(server.connections).toBe(3);
  });

  test('a server that lets depot log in but does not offer SFTP is not tried again', async () => {
    const server = await startScriptedServer({ afterLogin: 'no-sftp' });
    expect(await failure(connectTo(server, { retryForMs: 60_000 }))).toMatchObject({
      code: 'remote-refused',
      message: expect.stringContaining('does not offer it SFTP'),
    });
    expect(server.connections).toBe(1);
  });

  test.each([
    [
      'a start-up file of the shell prints text',
      { says: 'Welcome to \u001b[31mthe service\r\n', to: 'out' },
      /SFTP did not start: the server sent 'Welcome to \\x1b\[31mthe service\\x0d\\x0a' instead/,
    ],
    [
      'a disabled shell',
      { says: 'This account is currently not available.\n', to: 'out', exit: 1 },
      /the server sent 'This account is currently not available/,
    ],
    [
      'an expired password',
      { says: 'Password change required but no TTY available.\n', to: 'err', exit: 1 },
      /the server says 'Password change required but no TTY available/,
    ],
    ['the SFTP program is missing', { says: '', to: 'err', exit: 127 }, /SFTP program exited with status 127/],
  ] as const)(
    'if SFTP does not start after the login, the error tells what came instead: %s',
    async (_, afterLogin, message) => {
      const server = await startScriptedServer({ afterLogin });
      expect(await failure(connectTo(server, { retryForMs: 60_000 }))).toMatchObject({
        code: 'remote-refused',
        published: 'no',
        message: expect.stringMatching(message),
      });
      expect(server.connections).toBe(1);
    },
  );

  test('for a server that does not speak SSH, push and trust quote its first bytes and do not mention a VPN', async () => {
    const { port } = await listener((socket) => socket.end('220 ftp.example.org\u001b[2J\r\n'));
    for (const attempt of [
      () => connect(specFor({ ...account, port }, { retryForMs: 60_000 }), anyPassword, quiet),
      () => scanHostKeys('127.0.0.1', port, { timeoutMs: 5000, signal: never }),
    ]) {
      const error = await failure(attempt());
      expect(error).toMatchObject({ code: 'unreachable', hint: 'check host and port' });
      expect(error.message).toContain("it sent '220 ftp.example.org\\x1b[2J");
    }
  });

  test('trust reports a server that never greets, and does not mention a VPN', async () => {
    const { port } = await listener(() => undefined);
    expect(await failure(scanHostKeys('127.0.0.1', port, { timeoutMs: 300, signal: never }))).toMatchObject({
      message: expect.stringContaining('did not finish the SSH handshake in 300 ms'),
      hint: expect.not.stringContaining('VPN'),
    });
  });

  test('an abort signal ends the wait between two attempts', async () => {
    const port = await freePort();
    const abort = new AbortController();
    const stop = new Error('interrupted');
    const connecting = failure(
      connect(specFor({ ...account, port }, { retryForMs: 60_000 }), anyPassword, {
        signal: abort.signal,
        warn: () => abort.abort(stop),
      }),
    );
    expect(await connecting).toBe(stop);
  });

  test('an abort signal ends a handshake that hangs', async () => {
    const abort = new AbortController();
    const { port } = await listener(() => setImmediate(() => abort.abort(new Error('interrupted'))));
    expect(
      (
        await failure(
          connect(specFor({ ...account, port }), anyPassword, { signal: abort.signal, warn: () => undefined }),
        )
      ).message,
    ).toBe('interrupted');
  });
});

test('a deposit works without the native ciphers', async () => {
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
