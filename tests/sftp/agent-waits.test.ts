/** An ssh-agent that asks somebody who is not there, and a login that has ended in the meantime. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import ssh2, { type AgentInboundRequest, type ParsedKey } from 'ssh2';
import { expect, test, vi } from 'vitest';
import { cleanup, tempDir } from '../support/cleanup.js';
import { onWindows } from '../support/platform.js';
import { type ScriptedServer, startScriptedServer } from '../support/scripted-server.js';
import { connectTo, failure } from './support.js';

interface AskingAgent {
  socket: string;
  publicKey: string;
  /** Requests for a signature, unanswered. */
  asked: { refuse(): void }[];
  open: Set<Socket>;
}

/** Holds one key, and asks a person for each signature; `when` is called as it begins to. */
async function askingAgent(when: () => void = () => undefined): Promise<AskingAgent> {
  const pair = ssh2.utils.generateKeyPairSync('ecdsa', { bits: 256, comment: 'night' });
  const key = ssh2.utils.parseKey(pair.public) as ParsedKey;
  const name = tempDir('agent');
  const agent: AskingAgent = {
    socket: onWindows ? `\\\\.\\pipe\\${name.split('\\').at(-1)!}` : join(name, 's'),
    publicKey: pair.public,
    asked: [],
    open: new Set(),
  };
  const server = createServer((socket) => {
    agent.open.add(socket);
    socket.on('close', () => agent.open.delete(socket)).on('error', () => undefined);
    const protocol = new ssh2.AgentProtocol(false);
    protocol.on('identities', (request: AgentInboundRequest) => protocol.getIdentitiesReply(request, [key]));
    protocol.on('sign', (request: AgentInboundRequest) => {
      agent.asked.push({ refuse: () => protocol.failureReply(request) });
      when();
    });
    socket.pipe(protocol).pipe(socket);
  });
  server.listen(agent.socket);
  await once(server, 'listening');
  cleanup(() => {
    agent.open.forEach((socket) => socket.destroy());
    server.close();
  });
  return agent;
}

/** Logs in with the agent's key, and would ask a person for the password. */
async function refused(agent: AskingAgent, server: ScriptedServer, patienceMs?: number) {
  const password = vi.fn(() => Promise.resolve(server.password));
  const sshAgent = { place: agent.socket, env: {}, ...(patienceMs !== undefined && { patienceMs }) };
  const error = await failure(connectTo(server, { retryForMs: 0 }, { sshAgent, password }));
  return { error, password };
}

const takingKeyOf = (agent: AskingAgent): Promise<ScriptedServer> =>
  startScriptedServer({ publicKey: agent.publicKey, password: 'correct horse' });

test('a signature that nobody confirms has a bound, and the error says what was asked', async () => {
  const agent = await askingAgent();
  const server = await takingKeyOf(agent);
  const { error, password } = await refused(agent, server, 200);
  expect(error).toMatchObject({
    code: 'login-refused',
    published: 'no',
    message: expect.stringMatching(
      new RegExp(
        `^the ssh-agent was asked to sign the login of ${server.username}@127.0.0.1:${server.port} with the ssh-agent's key .* \\(SHA256:\\S+\\), and did not answer in 200 ms$`,
      ),
    ) as string,
    hint: expect.stringContaining('ssh-add -c') as string,
  });
  await vi.waitFor(() => expect(agent.open.size).toBe(0));
  expect(password).not.toHaveBeenCalled();
  expect(agent.asked).toHaveLength(1);
  expect(server.connections).toBe(1);
});

test('a person has less than the two minutes after which sshd hangs up', async () => {
  const agent = await askingAgent(() => vi.advanceTimersByTime(115_000));
  const server = await takingKeyOf(agent);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  cleanup(() => vi.useRealTimers());
  const { error } = await refused(agent, server);
  expect(error.message).toMatch(/did not answer in 110 s$/);
});

test('an answer that comes after the connection has ended asks nobody for anything', async () => {
  const agent = await askingAgent(() => server.drop());
  const server = await takingKeyOf(agent);
  const { error, password } = await refused(agent, server);
  expect(error).toMatchObject({
    code: 'login-refused',
    message: expect.stringMatching(/and did not answer before the server closed the connection$/) as string,
  });
  for (const one of agent.asked) one.refuse();
  await vi.waitFor(() => expect(agent.open.size).toBe(0));
  await turn();
  expect(password).not.toHaveBeenCalled();
});

test('after a signature that was refused, nobody is asked for a password whose login has failed', async () => {
  const agent = await askingAgent(() => agent.asked.at(-1)!.refuse());
  const server = await takingKeyOf(agent);
  const { error, password } = await refused(agent, server);
  expect(error.message).toMatch(/and did not sign: /);
  await turn();
  expect(password).not.toHaveBeenCalled();
});

test('a password typed after the connection has ended is not counted as sent', async () => {
  let passwords = 0;
  const server = await startScriptedServer({
    beforeLogin: (method) => (method === 'password' && ++passwords === 1 ? 'close' : undefined),
  });
  const typed = async (): Promise<string> => {
    server.drop();
    await vi.waitFor(() => expect(server.open()).toBe(0));
    return server.password;
  };
  const { remote } = await connectTo(server, { retryForMs: 60_000 }, { password: typed });
  expect(remote.stats.attempts).toBe(3);
  expect(passwords).toBe(2);
});
