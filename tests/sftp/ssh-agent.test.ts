/** Logging in with keys that OpenSSH's ssh-agent holds, at OpenSSH's sshd. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connect } from '../../src/sftp/remote.js';
import type { Login } from '../../src/sftp/types.js';
import { cleanup, tempDir } from '../support/cleanup.js';
import { peers } from '../support/peers.js';
import { eventually, mustRun } from '../support/process.js';
import { type Sshd, startSshd } from '../support/sshd.js';
import { failure, quiet, specFor } from './support.js';

interface Agent {
  socket: string;
  /** Makes a key and adds it; the agent alone has the private part afterwards. Returns the file of the public one. */
  add(type: string, ...args: string[]): Promise<string>;
  run(...args: string[]): Promise<string>;
}

async function startAgent(): Promise<Agent> {
  const directory = tempDir('agent');
  const socket = join(directory, 's');
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: 'ignore' });
  cleanup(() => child.kill());
  await eventually(() => existsSync(socket), 10_000, 'an agent');
  const run = async (...args: string[]): Promise<string> =>
    (await mustRun('ssh-add', args, { env: { ...process.env, SSH_AUTH_SOCK: socket } })).stdout;
  let made = 0;
  return {
    socket,
    run,
    async add(type, ...args) {
      const file = join(directory, `id${++made}`);
      await mustRun('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', `key ${made}`, '-f', file, ...args]);
      await run('-q', file);
      writeFileSync(file, '');
      return `${file}.pub`;
    },
  };
}

const login = (agent: { socket: string } | string, publicKeyFile?: string): Login => ({
  sshAgent: { place: typeof agent === 'string' ? agent : agent.socket, env: {} },
  ...(publicKeyFile !== undefined && {
    privateKey: readFileSync(publicKeyFile),
    privateKeyFile: publicKeyFile,
  }),
});

async function accepting(...publicKeyFiles: string[]): Promise<Sshd> {
  const directory = tempDir('keys');
  // The server reads it as the account that logs in.
  chmodSync(directory, 0o755);
  const file = join(directory, 'authorized_keys');
  writeFileSync(file, publicKeyFiles.map((one) => readFileSync(one, 'utf8')).join(''));
  return startSshd({ config: [`AuthorizedKeysFile ${file}`, 'StrictModes no'] });
}

async function logsIn(server: Sshd, how: Login): Promise<void> {
  const remote = await connect(specFor(server, { retryForMs: 0, connectTimeoutMs: 20_000 }), how, quiet);
  await remote.close();
}

const there = peers('sshd', 'ssh-agent', 'ssh-add', 'ssh-keygen');
describe.skipIf(there === undefined)('a key in ssh-agent logs in', { timeout: 60_000 }, () => {
  test.each([
    ['ed25519', []],
    ['ecdsa', ['-b', '521']],
    ['rsa', ['-b', '2048']],
  ])('%s', async (type, args) => {
    const agent = await startAgent();
    const key = await agent.add(type, ...args);
    const server = await accepting(key);
    await logsIn(server, login(agent));
    await logsIn(server, login(agent, key));
    await logsIn(server, { sshAgent: { place: true, env: { SSH_AUTH_SOCK: agent.socket } } });
  });

  test('when it is the third that the agent holds, and when a public key chooses it out of twenty', async () => {
    const agent = await startAgent();
    for (let i = 0; i < 2; i++) await agent.add('ed25519');
    const third = await agent.add('ed25519');
    const server = await accepting(third);
    await logsIn(server, login(agent));
    for (let i = 0; i < 17; i++) await agent.add('ed25519');
    const last = await agent.add('ed25519');
    const other = await accepting(last);
    await logsIn(other, login(agent, last));
    expect(await failure(logsIn(other, login(agent)))).toMatchObject({
      code: 'secret-missing',
      message: expect.stringContaining('holds 21 keys') as string,
      hint: expect.stringContaining('privateKey: FILE.pub') as string,
    });
    expect(other.log()).not.toContain('Too many authentication failures');
  });

  test('when privateKey is a file whose private part is locked, and when the agent has gone and the file is open', async () => {
    const agent = await startAgent();
    const file = join(tempDir('key'), 'id');
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    await agent.run('-q', file);
    const server = await accepting(`${file}.pub`);
    await logsIn(server, login('/nonexistent/agent', file));
    await mustRun('ssh-keygen', ['-q', '-p', '-N', 'a passphrase that nobody has', '-f', file]);
    await logsIn(server, login(agent, file));
    expect(await failure(logsIn(server, login('/nonexistent/agent', file)))).toMatchObject({ code: 'secret-missing' });
  });
});

describe.skipIf(there === undefined)('without a key that fits', { timeout: 60_000 }, () => {
  test('the error says what is wrong with the agent', async () => {
    const agent = await startAgent();
    const server = await accepting();
    expect(await failure(logsIn(server, { sshAgent: { place: true, env: {} } }))).toMatchObject({
      code: 'secret-missing',
      message: 'there is no ssh-agent here: SSH_AUTH_SOCK is not set, as under cron and systemd',
      hint: expect.stringContaining('sshAgent: ') as string,
    });
    expect(await failure(logsIn(server, login('/nonexistent/agent')))).toMatchObject({
      code: 'secret-missing',
      message: 'there is no ssh-agent at /nonexistent/agent: no such socket',
      hint: expect.stringMatching(/: SSH_AUTH_SOCK=\/nonexistent\/agent ssh-add -l$/) as string,
    });
    const mute = join(tempDir('mute'), 's');
    const listening = createServer((socket) => socket.destroy()).listen(mute);
    cleanup(() => listening.close());
    await once(listening, 'listening');
    expect(await failure(logsIn(server, login(mute)))).toMatchObject({
      message: `the ssh-agent at ${mute} does not answer`,
    });
    expect(await failure(logsIn(server, login(agent)))).toMatchObject({
      message: expect.stringMatching(/holds no key that depot can use$/) as string,
    });
    const gone = await agent.add('ed25519');
    await agent.run('-q', '-D');
    expect(await failure(logsIn(server, login(agent, gone)))).toMatchObject({
      code: 'secret-missing',
      message: expect.stringContaining('does not hold the key') as string,
      hint: expect.stringMatching(/^add it: SSH_AUTH_SOCK=\S+ ssh-add \S+id1$/) as string,
    });
    expect(server.log()).not.toContain('Connection from');
  });

  test('the error names each key that the server refused', async () => {
    const agent = await startAgent();
    await agent.add('ed25519');
    await agent.add('ecdsa');
    const server = await accepting();
    expect(await failure(logsIn(server, login(agent)))).toMatchObject({
      code: 'login-refused',
      message: expect.stringMatching(
        /the server refused the ssh-agent's key key 1 \(SHA256:\S+\) and the ssh-agent's key key 2 \(SHA256:/,
      ) as string,
    });
  });

  test('an agent that is locked, or refuses to sign, is what failed', async () => {
    const agent = await startAgent();
    const key = await agent.add('ed25519');
    const server = await accepting(key);
    // It would ask somebody, and nobody is there.
    await agent.run('-q', '-D');
    const file = join(tempDir('key'), 'id');
    await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file]);
    await agent.run('-q', '-c', file);
    const asking = await accepting(`${file}.pub`);
    const error = await failure(logsIn(asking, login(agent)));
    expect(error).toMatchObject({
      code: 'login-refused',
      message: expect.stringContaining(', and did not sign: ') as string,
      hint: expect.stringContaining('ssh-add -T') as string,
    });
    expect(server.log()).not.toContain('Accepted');
  });

  test.each(['sk-ssh-ed25519@openssh.com', 'ssh-ed25519-cert-v01@openssh.com'])(
    'a chosen key of type %s is refused by its name',
    async (type) => {
      const agent = await startAgent();
      const file = join(tempDir('key'), 'id.pub');
      writeFileSync(file, `${type} AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t x\n`);
      expect(await failure(logsIn(await accepting(), login(agent, file)))).toMatchObject({
        code: 'key-unreadable',
        message: expect.stringMatching(/hardware token|certificate/) as string,
      });
    },
  );
});
